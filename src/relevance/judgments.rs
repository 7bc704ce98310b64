//! Judged queries: which products answer a query, and how well. Pure.
//!
//! One judgment a line: `query<TAB>product id<TAB>grade`, and if you like a fourth column with the kind of
//! query, by which the report sums up. Lines that begin with `#` are comments.

use std::collections::BTreeMap;

use clap::ValueEnum;
use thiserror::Error;

use crate::relevance::metrics::Grades;

/// Highest grade; the gain is 2 to its power.
const GRADE_MAX: f64 = 10.0;

/// A query with its judged products.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What was typed.
    pub query: String,
    /// What kind of query it is; empty if nobody said.
    pub kind: String,
    /// The judged products.
    pub grades: Grades,
}

/// A part of the queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Half {
    /// Those that weights may be tuned on.
    Tuning,
    /// Those that no weight was tuned on.
    HeldOut,
    /// All.
    All,
}

/// Why a line is no judgment.
#[derive(Debug, Error, PartialEq)]
pub enum BadJudgment {
    /// A column is missing.
    #[error("line {line} has {columns} columns instead of 3 or 4; write query<TAB>product id<TAB>grade")]
    Columns {
        /// From 1.
        line: usize,
        /// How many there are.
        columns: usize,
    },
    /// The query or the product's id is empty.
    #[error("line {line} has no {what}")]
    Empty {
        /// From 1.
        line: usize,
        /// What is missing.
        what: &'static str,
    },
    /// The grade is no number in the range.
    #[error("line {line}: the grade {grade:?} is no number from 0 to {GRADE_MAX}")]
    Grade {
        /// From 1.
        line: usize,
        /// What stands there.
        grade: String,
    },
    /// A product has two grades for one query.
    #[error("line {line} judges {id} for {query:?} again with another grade")]
    Twice {
        /// From 1.
        line: usize,
        /// The query.
        query: String,
        /// The product.
        id: String,
    },
    /// There is no judgment at all.
    #[error("there is no judgment in it; write one a line: query<TAB>product id<TAB>grade")]
    Nothing,
}

/// Reads judged queries, in the order in which they first appear.
///
/// # Errors
/// [`BadJudgment`] with the first line that cannot be used.
pub fn read(text: &str) -> Result<Vec<Judged>, BadJudgment> {
    let mut queries: Vec<Judged> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (line, content) in (1..).zip(text.lines()) {
        if content.trim().is_empty() || content.starts_with('#') {
            continue;
        }
        let (query, id, grade, kind) = columns(line, content)?;
        let place = *places.entry(query).or_insert(queries.len());
        if place == queries.len() {
            let (query, kind) = (query.to_owned(), kind.to_owned());
            queries.push(Judged { query, kind, grades: Grades::new() });
        }
        let before = queries.get_mut(place).and_then(|judged| judged.grades.insert(id.to_owned(), grade));
        if before.is_some_and(|before| before != grade) {
            return Err(BadJudgment::Twice { line, query: query.to_owned(), id: id.to_owned() });
        }
    }
    if queries.is_empty() { Err(BadJudgment::Nothing) } else { Ok(queries) }
}

fn columns(line: usize, content: &str) -> Result<(&str, &str, f64, &str), BadJudgment> {
    let columns: Vec<&str> = content.split('\t').map(str::trim).collect();
    let (query, id, grade, kind) = match columns.as_slice() {
        [query, id, grade] => (*query, *id, *grade, ""),
        [query, id, grade, kind] => (*query, *id, *grade, *kind),
        others => return Err(BadJudgment::Columns { line, columns: others.len() }),
    };
    if query.is_empty() || id.is_empty() {
        return Err(BadJudgment::Empty { line, what: if query.is_empty() { "query" } else { "product id" } });
    }
    let number = grade.parse().ok().filter(|grade| (0.0..=GRADE_MAX).contains(grade));
    let number = number.ok_or_else(|| BadJudgment::Grade { line, grade: grade.to_owned() })?;
    Ok((query, id, number, kind))
}

/// Writes judged queries as [`read`] reads them.
pub fn write(queries: &[Judged]) -> String {
    let lines = queries.iter().flat_map(|judged| {
        let Judged { query, kind, grades } = judged;
        grades.iter().map(move |(id, grade)| format!("{query}\t{id}\t{grade}\t{kind}\n"))
    });
    lines.collect()
}

impl Half {
    /// The queries of this half: they are dealt in turn, so that both halves have every kind.
    pub fn of(self, queries: Vec<Judged>) -> Vec<Judged> {
        let is_in = |at: usize| match self {
            Self::Tuning => at.is_multiple_of(2),
            Self::HeldOut => !at.is_multiple_of(2),
            Self::All => true,
        };
        queries.into_iter().enumerate().filter(|(at, _)| is_in(*at)).map(|(_, judged)| judged).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_that_is_no_judgment_is_named() {
        let error = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(
            error("# mine\nred shoes\tp-1\n"),
            "line 2 has 2 columns instead of 3 or 4; write query<TAB>product id<TAB>grade"
        );
        assert_eq!(error("a\tp-1\tgood\n"), "line 1: the grade \"good\" is no number from 0 to 10");
        assert_eq!(error("a\tp-1\t-1\n"), "line 1: the grade \"-1\" is no number from 0 to 10");
        assert_eq!(error("\tp-1\t1\n"), "line 1 has no query");
        assert_eq!(error("a\tp-1\t1\na\tp-1\t2\n"), "line 2 judges p-1 for \"a\" again with another grade");
        assert!(error("# nothing\n\n").starts_with("there is no judgment in it"));
    }

    #[test]
    fn decimals_and_windows_line_ends_are_read() {
        let queries = read("drill\tp-1\t2.67\r\n").unwrap();
        assert_eq!(queries[0].grades["p-1"], 2.67);
    }

    fn any_queries() -> impl Strategy<Value = Vec<Judged>> {
        let grades = prop::collection::btree_map("[a-z]{1,3}", (0_u8..4).prop_map(f64::from), 1..5);
        prop::collection::btree_map("[a-z]{1,8}( [a-z]{1,8})?", ("[a-z]{1,5}", grades), 1..20).prop_map(
            |queries| {
                let judged = |(query, (kind, grades))| Judged { query, kind, grades };
                queries.into_iter().map(judged).collect()
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(queries in any_queries()) {
            prop_assert_eq!(read(&write(&queries)).unwrap(), queries);
        }

        #[test]
        fn the_halves_are_of_one_size_and_together_all(queries in any_queries()) {
            let (tuning, held_out) = (Half::Tuning.of(queries.clone()), Half::HeldOut.of(queries.clone()));
            prop_assert!(tuning.len() - held_out.len() <= 1);
            prop_assert!(tuning.iter().all(|judged| !held_out.contains(judged)));
            prop_assert_eq!(tuning.len() + held_out.len(), Half::All.of(queries).len());
        }
    }
}
