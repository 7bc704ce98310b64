//! What an audit found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// Where something is not as it must be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The index, or the name of the check.
    pub index: String,
    /// The document's id, or the place of the record.
    pub id: String,
    /// What is wrong.
    #[serde(flatten)]
    pub problem: Problem,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum Problem {
    /// It is not there.
    Missing {
        /// What should be.
        expected: Value,
    },
    /// It should not be there.
    Unexpected {
        /// What is.
        found: Value,
    },
    /// It is not as it should be.
    Different {
        /// What differs, as it should be.
        expected: Value,
        /// The same as it is.
        found: Value,
    },
}

/// One kind of thing that was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Check {
    /// How many were compared.
    pub compared: u64,
    /// How many were not: windows that are still open, older than what the topics hold, or closed early and fuller than
    /// they are said to be.
    pub skipped: u64,
    /// How many differ.
    pub differences: u64,
}

/// Windows of an operator that were closed before their time and not repaired since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Early {
    /// How many windows.
    pub windows: u64,
    /// How many events came after that, and are not in them.
    pub events: u64,
}

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Records read from the event topics.
    pub records: u64,
    /// Partitions that were read to their ends by all groups, so that everything was compared.
    pub drained_partitions: u64,
    /// All partitions.
    pub partitions: u64,
    /// Windows that were repaired after they had been closed.
    pub repaired_windows: u64,
    /// By operator: windows that the processor says it has closed before their time. No difference: the events are kept,
    /// and `replay late repair` puts them into their windows.
    pub closed_early: BTreeMap<&'static str, Early>,
    /// By what was compared.
    pub checks: BTreeMap<&'static str, Check>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// How many differences are kept to be shown.
    #[serde(skip)]
    shown_max: usize,
}

impl Report {
    /// Nothing found yet; keeps so many differences to be shown.
    pub fn new(shown_max: usize) -> Self {
        Self { shown_max, ..Self::default() }
    }

    /// Adds what a check of a partition gave.
    pub fn add(
        &mut self,
        what: &'static str,
        compared: u64,
        skipped: u64,
        differences: impl IntoIterator<Item = Difference>,
    ) {
        let check = self.checks.entry(what).or_default();
        check.compared += compared;
        check.skipped += skipped;
        for difference in differences {
            check.differences += 1;
            if self.differences.len() < self.shown_max {
                self.differences.push(difference);
            }
        }
    }

    /// Adds windows that were closed before their time.
    pub fn add_early(&mut self, operator: &'static str, windows: u64, events: u64) {
        if windows > 0 {
            let early = self.closed_early.entry(operator).or_default();
            early.windows += windows;
            early.events += events;
        }
    }

    /// How many differences there are, shown or not.
    pub fn different(&self) -> u64 {
        self.checks.values().map(|check| check.differences).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<24} {:>10} {:>10} {:>12}", "what", "compared", "not final", "differences")?;
        for (what, check) in &self.checks {
            let Check { compared, skipped, differences } = check;
            writeln!(f, "{what:<24} {compared:>10} {skipped:>10} {differences:>12}")?;
        }
        writeln!(
            f,
            "{} records in {} partitions, {} of them drained; {} repaired windows",
            self.records, self.partitions, self.drained_partitions, self.repaired_windows
        )?;
        for (operator, Early { windows, events }) in &self.closed_early {
            writeln!(
                f,
                "{windows} windows of {operator} were closed early and lack {events} events: `replay late repair --operator \
                 {operator}` puts them in"
            )?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))?;
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        let (all, shown) = (self.different(), self.differences.len() as u64);
        if all > shown {
            writeln!(f, "and {} more; --show prints more of them", all - shown)?;
        }
        write!(f, "{all} differences")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, id, problem } = self;
        match problem {
            Problem::Missing { expected } => write!(f, "{index} {id}: missing, expected {expected}"),
            Problem::Unexpected { found } => write!(f, "{index} {id}: unexpected, found {found}"),
            Problem::Different { expected, found } => {
                write!(f, "{index} {id}: different, expected {expected}, found {found}")
            }
        }
    }
}
