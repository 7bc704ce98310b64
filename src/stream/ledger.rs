//! The ledger: every record that was read is accounted for.

use serde::{Deserialize, Serialize};

/// What an operator did with the records of one topic and partition. Replayed records are not counted
/// again, so `read = folded + duplicate + late + dead + ignored + ticks` holds since the first record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records read.
    pub read: u64,
    /// Events that entered a result.
    pub folded: u64,
    /// Events that had entered it before.
    pub duplicate: u64,
    /// Events whose window was closed.
    pub late: u64,
    /// Records that could not be used.
    pub dead: u64,
    /// Events that the operator has no use for.
    pub ignored: u64,
    /// The processor's own statements of time.
    pub ticks: u64,
}

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It entered a result.
    Folded,
    /// It had entered before.
    Duplicate,
    /// Its window was closed.
    Late,
    /// It could not be used.
    Dead,
    /// The operator has no use for it.
    Ignored,
    /// It was a statement of time.
    Tick,
}

impl Fate {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Folded, Self::Duplicate, Self::Late, Self::Dead, Self::Ignored, Self::Tick];

    /// Its name as a metric's label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Folded => "folded",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::Dead => "dead",
            Self::Ignored => "ignored",
            Self::Tick => "tick",
        }
    }
}

impl Counts {
    /// Counts one record.
    pub fn count(&mut self, fate: Fate) {
        self.read += 1;
        let counter = match fate {
            Fate::Folded => &mut self.folded,
            Fate::Duplicate => &mut self.duplicate,
            Fate::Late => &mut self.late,
            Fate::Dead => &mut self.dead,
            Fate::Ignored => &mut self.ignored,
            Fate::Tick => &mut self.ticks,
        };
        *counter += 1;
    }

    /// How many records had this fate.
    pub fn of(&self, fate: Fate) -> u64 {
        match fate {
            Fate::Folded => self.folded,
            Fate::Duplicate => self.duplicate,
            Fate::Late => self.late,
            Fate::Dead => self.dead,
            Fate::Ignored => self.ignored,
            Fate::Tick => self.ticks,
        }
    }

    /// Whether every record is accounted for.
    pub fn balances(&self) -> bool {
        self.read == self.folded + self.duplicate + self.late + self.dead + self.ignored + self.ticks
    }
}
