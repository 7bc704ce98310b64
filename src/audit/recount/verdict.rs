//! What all verdicts in `fraud-signals` have in common.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::audit::recount::windows::Pane;
use crate::model::event::Event;
use crate::model::ids::{SessionId, UserId};
use crate::model::rules::{Rule, Rules};
use crate::model::severity::Severity;
use crate::model::time::{DAY_MS, Timestamp};

/// Event ids that a verdict shows as evidence at most.
const EVIDENCE_MAX: usize = 20;

/// A verdict before its window, partition and evidence are known.
pub struct Verdict<'a> {
    pub rule: Rule,
    pub visitor: &'a str,
    pub user_id: Option<&'a UserId>,
    pub session_id: Option<&'a SessionId>,
    pub active: bool,
    pub score: f64,
    pub count: u64,
    pub summary: String,
    pub figures: Value,
    pub thresholds: Value,
}

#[derive(Serialize)]
pub struct Body<'a> {
    rule: Rule,
    rule_version: u16,
    severity: Severity,
    score: f64,
    active: bool,
    visitor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a SessionId>,
    day: Timestamp,
    partition: i32,
    support: u64,
    count: u64,
    first_seen: Timestamp,
    last_seen: Timestamp,
    summary: String,
    figures: Value,
    thresholds: Value,
    event_ids: Vec<String>,
}

impl<'a> Verdict<'a> {
    /// The document, which rests on `support` events and shows these as evidence.
    pub fn body(self, pane: &Pane, support: u64, evidence: &[&Event]) -> Body<'a> {
        let times = || evidence.iter().map(|event| event.timestamp);
        let ids: BTreeSet<_> = evidence.iter().map(|event| event.event_id).collect();
        Body {
            rule: self.rule,
            rule_version: Rules::in_force().version(self.rule),
            severity: Severity::of_score(self.score),
            score: self.score,
            active: self.active,
            visitor: self.visitor,
            user_id: self.user_id,
            session_id: self.session_id,
            day: pane.window.floor_to(DAY_MS),
            partition: pane.partition,
            support,
            count: self.count,
            first_seen: times().min().unwrap_or_default(),
            last_seen: times().max().unwrap_or_default(),
            summary: self.summary,
            figures: self.figures,
            thresholds: self.thresholds,
            event_ids: ids.iter().take(EVIDENCE_MAX).map(ToString::to_string).collect(),
        }
    }
}
