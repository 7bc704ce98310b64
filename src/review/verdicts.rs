//! Where cases stand: by what was decided of each, else by what was dismissed of the same rule and visitor.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use crate::model::rules::Rule;
use crate::review::decision::{Decision, Status};

/// What a case's status depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told<'a> {
    /// The case's id.
    pub id: &'a str,
    /// Its rule.
    pub rule: Rule,
    /// Its visitor.
    pub visitor: &'a str,
    /// Its first event.
    pub first_seen: DateTime<Utc>,
}

/// Decisions, to look cases up in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdicts {
    by_case: HashMap<String, Decision>,
    /// Until when a rule is quiet on a visitor.
    quiet: HashMap<String, BTreeMap<Rule, DateTime<Utc>>>,
}

impl Verdicts {
    /// Of these decisions, of which each case has at most one.
    pub fn of(decisions: impl IntoIterator<Item = Decision>) -> Self {
        let mut verdicts = Self::default();
        for decision in decisions {
            if let Some(until) = decision.quiet_until {
                let rules = verdicts.quiet.entry(decision.visitor.clone()).or_default();
                let latest = rules.entry(decision.rule).or_insert(until);
                *latest = until.max(*latest);
            }
            verdicts.by_case.insert(decision.case_id.clone(), decision);
        }
        verdicts
    }

    /// What was decided of this very case; `None` where nobody has.
    pub fn decision(&self, case_id: &str) -> Option<&Decision> {
        self.by_case.get(case_id)
    }

    /// Where a case stands. One of which nobody has decided is dismissed while its rule is quiet on its visitor.
    pub fn status(&self, case: Told<'_>) -> Status {
        let is_quiet = || {
            let until = self.quiet.get(case.visitor).and_then(|rules| rules.get(&case.rule));
            until.is_some_and(|until| case.first_seen < *until)
        };
        match self.by_case.get(case.id) {
            Some(decision) => decision.status,
            None if is_quiet() => Status::Dismissed,
            None => Status::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn at(days: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(days)
    }

    fn decision(case_id: &str, visitor: &str, status: Status, quiet_until: Option<i64>) -> Decision {
        Decision {
            case_id: case_id.to_owned(),
            rule: Rule::FastRefund,
            visitor: visitor.to_owned(),
            status,
            decided_at: at(1),
            quiet_until: quiet_until.map(at),
            history: Vec::new(),
        }
    }

    fn told<'a>(id: &'a str, rule: Rule, visitor: &'a str, days: i64) -> Told<'a> {
        Told { id, rule, visitor, first_seen: at(days) }
    }

    #[test]
    fn a_dismissed_case_keeps_only_its_rule_quiet_on_its_visitor_and_only_for_so_long() {
        let verdicts = Verdicts::of([
            decision("a", "u", Status::Dismissed, Some(31)),
            decision("b", "u", Status::Confirmed, None),
        ]);
        let status = |id, rule, visitor, days| verdicts.status(told(id, rule, visitor, days));
        assert_eq!(status("a", Rule::FastRefund, "u", 40), Status::Dismissed, "it is the very case");
        assert_eq!(status("c", Rule::FastRefund, "u", 30), Status::Dismissed);
        assert_eq!(status("c", Rule::FastRefund, "u", 31), Status::Open, "the time is over");
        assert_eq!(status("c", Rule::RefundLoop, "u", 30), Status::Open, "another rule");
        assert_eq!(status("c", Rule::FastRefund, "v", 30), Status::Open, "another visitor");
        assert_eq!(status("b", Rule::FastRefund, "u", 30), Status::Confirmed, "somebody has looked at it");
    }

    proptest! {
        #[test]
        fn the_order_of_decisions_does_not_matter(
            untils in proptest::collection::vec(proptest::option::of(0i64..9), 0..9), first_seen in 0i64..9,
        ) {
            let decisions: Vec<Decision> = untils.iter().enumerate().map(|(number, until)| {
                let status = if until.is_some() { Status::Dismissed } else { Status::Confirmed };
                decision(&format!("case {number}"), "u", status, *until)
            }).collect();
            let case = told("another", Rule::FastRefund, "u", first_seen);
            let status = Verdicts::of(decisions.clone()).status(case);
            prop_assert_eq!(Verdicts::of(decisions.into_iter().rev()).status(case), status);
            let is_quiet = untils.into_iter().flatten().any(|until| first_seen < until);
            prop_assert_eq!(status == Status::Dismissed, is_quiet);
        }
    }
}
