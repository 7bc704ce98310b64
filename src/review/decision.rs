//! The life of a case: open, then confirmed or dismissed; a decision can be taken back, which opens it again.

use chrono::{DateTime, TimeDelta, Utc};
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::http::EXAMPLE_NOW;
use crate::model::rules::Rule;

/// Changes that a case's audit trail holds.
pub const HISTORY_MAX: usize = 100;

/// Where a case stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename = "CaseStatus", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has decided yet.
    #[default]
    Open,
    /// It is what the rule says.
    Confirmed,
    /// It is not; the same rule stays quiet on this visitor for a while.
    Dismissed,
}

/// One change of a case.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize, Deserialize)]
#[oai(rename = "CaseEntry")]
pub struct Entry {
    /// To what.
    pub status: Status,
    /// When.
    pub at: DateTime<Utc>,
    /// By whom, as they say.
    pub reviewer: Option<String>,
    /// Why.
    pub note: Option<String>,
}

/// What was decided of a case. Kept in `fraud-decisions` under the case's id.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize, Deserialize)]
#[oai(example)]
pub struct Decision {
    /// The case.
    pub case_id: String,
    /// Its rule.
    pub rule: Rule,
    /// Its visitor.
    pub visitor: String,
    /// Where it stands.
    pub status: Status,
    /// Since when.
    pub decided_at: DateTime<Utc>,
    /// Cases of the same rule and visitor that begin before this are not shown; null unless dismissed.
    pub quiet_until: Option<DateTime<Utc>>,
    /// Every change, the first one first.
    #[serde(default)]
    pub history: Vec<Entry>,
}

/// A change that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "CaseChange", deny_unknown_fields, example)]
pub struct Change {
    /// To what: `confirmed` or `dismissed`, or `open` to take a decision back.
    pub status: Status,
    /// Who decides.
    #[oai(validator(max_length = 100))]
    pub reviewer: Option<String>,
    /// Why.
    #[oai(validator(max_length = 1_000))]
    pub note: Option<String>,
    /// Days for which the same rule stays quiet on this visitor after a dismissal.
    #[oai(default = "a_month", validator(minimum(value = "0"), maximum(value = "365")))]
    pub quiet_days: u32,
}

fn a_month() -> u32 {
    30
}

/// Why a case cannot be changed like that.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Impossible {
    /// It stands there already.
    #[error("the case is {0} already")]
    Unchanged(&'static str),
    /// From one decision to the other.
    #[error(
        "the case is {0}: set it to open first, so that the trail shows that the decision was taken back"
    )]
    Decided(&'static str),
    /// So many changes are no review.
    #[error("the case was changed {HISTORY_MAX} times, which is as often as its trail holds")]
    TooOften,
}

impl Status {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Confirmed => "confirmed",
            Self::Dismissed => "dismissed",
        }
    }
}

/// Whose case it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Case {
    /// The case's id.
    #[serde(default)]
    pub id: String,
    /// The rule.
    pub rule: Rule,
    /// The visitor.
    pub visitor: String,
}

/// What is decided of a case after a change, given what was decided before.
///
/// # Errors
/// [`Impossible`].
pub fn decide(
    case: Case,
    before: Option<Decision>,
    change: Change,
    now: DateTime<Utc>,
) -> Result<Decision, Impossible> {
    let (status, mut history) = before.map_or_else(Default::default, |one| (one.status, one.history));
    match (status, change.status) {
        (from, to) if from == to => return Err(Impossible::Unchanged(from.as_str())),
        (Status::Open, _) | (_, Status::Open) => {}
        (Status::Confirmed | Status::Dismissed, _) => return Err(Impossible::Decided(status.as_str())),
    }
    if history.len() >= HISTORY_MAX {
        return Err(Impossible::TooOften);
    }
    let Change { status, reviewer, note, quiet_days } = change;
    let quiet_until = (status == Status::Dismissed).then(|| now + TimeDelta::days(quiet_days.into()));
    history.push(Entry { status, at: now, reviewer, note });
    let Case { id: case_id, rule, visitor } = case;
    Ok(Decision { case_id, rule, visitor, status, decided_at: now, quiet_until, history })
}

impl Example for Change {
    fn example() -> Self {
        let (reviewer, note) = (Some("ann".to_owned()), Some("staff account".to_owned()));
        Self { status: Status::Dismissed, reviewer, note, quiet_days: 90 }
    }
}

impl Example for Decision {
    fn example() -> Self {
        let at = EXAMPLE_NOW.to_chrono();
        let Change { status, reviewer, note, quiet_days } = Change::example();
        Self {
            case_id: "fast_refund|1795219200000|3|u-42".to_owned(),
            rule: Rule::FastRefund,
            visitor: "u-42".to_owned(),
            status,
            decided_at: at,
            quiet_until: Some(at + TimeDelta::days(quiet_days.into())),
            history: vec![Entry { status, at, reviewer, note }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn case() -> Case {
        Case { id: "fast_refund|0|0|u1".to_owned(), rule: Rule::FastRefund, visitor: "u1".to_owned() }
    }

    fn to(status: Status) -> Change {
        Change { status, reviewer: None, note: None, quiet_days: 30 }
    }

    fn at(days: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(days)
    }

    #[test]
    fn a_dismissed_case_keeps_its_rule_quiet_on_the_visitor_and_an_opened_one_does_not() {
        let dismissed = decide(case(), None, to(Status::Dismissed), at(1)).unwrap();
        assert_eq!(dismissed.quiet_until, Some(at(31)));
        let opened = decide(case(), Some(dismissed), to(Status::Open), at(2)).unwrap();
        assert_eq!((opened.quiet_until, opened.history.len()), (None, 2));
    }

    #[test]
    fn a_decision_is_taken_back_before_the_other_is_taken() {
        let confirmed = decide(case(), None, to(Status::Confirmed), at(1)).unwrap();
        let change = |status| decide(case(), Some(confirmed.clone()), to(status), at(2));
        assert_eq!(change(Status::Dismissed), Err(Impossible::Decided("confirmed")));
        assert_eq!(change(Status::Confirmed), Err(Impossible::Unchanged("confirmed")));
        assert_eq!(decide(case(), None, to(Status::Open), at(1)), Err(Impossible::Unchanged("open")));
    }

    proptest! {
        #[test]
        fn the_trail_shows_every_change_that_was_taken(wanted in proptest::collection::vec(0usize..3, 0..250)) {
            let statuses = [Status::Open, Status::Confirmed, Status::Dismissed];
            let (mut decision, mut taken) = (None, Vec::new());
            for status in wanted.into_iter().map(|number| statuses[number]) {
                if let Ok(next) = decide(case(), decision.clone(), to(status), at(1)) {
                    taken.push(status);
                    decision = Some(next);
                }
            }
            let trail = decision.map(|one| one.history).unwrap_or_default();
            prop_assert!(taken.len() <= HISTORY_MAX);
            prop_assert_eq!(trail.iter().map(|entry| entry.status).collect::<Vec<_>>(), taken);
        }
    }
}
