//! The document of a fraud or bot signal.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::model::event::time_of;
use crate::model::ids::{SessionId, UserId};
use crate::model::rules::{Rule, Rules};
use crate::model::severity::Severity;
use crate::model::time::{DAY_MS, Timestamp};
use crate::store::schema::Schema;
use crate::stream::documents::{About, Documents};
use crate::stream::fold::Pane;
use crate::stream::footprint::tree;

/// Most event ids that a signal shows as evidence: the first ones, so that it is a function of the set.
pub const EVIDENCE_MAX: usize = 20;

/// What a rule found.
#[derive(Debug)]
pub struct Finding<'a> {
    /// The rule.
    pub rule: Rule,
    /// Whether it holds; one that could be withdrawn is written all the same.
    pub active: bool,
    /// How often what it looks for happened.
    pub count: u64,
    /// As `mappings/fraud-rules.toml` says for each rule.
    pub score: f64,
    /// The verdict in a sentence.
    pub summary: String,
    /// The figures it rests on.
    pub figures: Value,
    /// The thresholds they were held against.
    pub thresholds: Value,
    /// The events.
    pub evidence: &'a Evidence,
}

/// Whom findings are about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The record key.
    pub visitor: &'a str,
    /// The visitor when logged in.
    pub user_id: Option<&'a UserId>,
    /// The visit, for rules on visits.
    pub session_id: Option<&'a SessionId>,
    /// Grows with each distinct event that could influence the findings.
    pub support: u64,
}

/// A verdict of a rule on a visitor, as it is stored in `fraud-signals`.
#[derive(Serialize)]
struct Signal<'a> {
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
    /// The day that the case belongs to.
    day: Timestamp,
    partition: i32,
    support: u64,
    count: u64,
    first_seen: Timestamp,
    last_seen: Timestamp,
    summary: String,
    figures: Value,
    thresholds: Value,
    /// The first events of the case.
    event_ids: Vec<String>,
}

impl Finding<'_> {
    /// Has it written to `fraud-signals`: one case for each rule, window and subject.
    pub fn write(self, subject: &Subject<'_>, pane: &Pane, rules: &Rules, out: &mut Documents) {
        let whose = subject.session_id.map_or(subject.visitor, SessionId::as_str);
        let id = format!("{}|{}|{}|{whose}", self.rule.as_str(), pane.start.millis(), pane.partition);
        let signal = Signal {
            rule: self.rule,
            rule_version: rules.version(self.rule),
            severity: Severity::of_score(self.score),
            score: self.score,
            active: self.active,
            visitor: subject.visitor,
            user_id: subject.user_id,
            session_id: subject.session_id,
            day: pane.start.floor_to(DAY_MS),
            partition: pane.partition,
            support: subject.support,
            count: self.count,
            first_seen: self.evidence.first_seen(),
            last_seen: self.evidence.last_seen(),
            summary: self.summary,
            figures: self.figures,
            thresholds: self.thresholds,
            event_ids: self.evidence.ids(),
        };
        out.push(About::result(&Schema::FRAUD_SIGNALS, pane.start, subject.support), &[&id], &signal);
    }
}

/// The first and last time, and the first ids, of a set of events.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    ids: BTreeSet<Uuid>,
}

impl Evidence {
    /// Adds an event; in whatever order, the same set gives the same evidence.
    pub fn add(&mut self, id: Uuid) {
        let at = time_of(id);
        self.first_seen = [self.first_seen, Some(at)].into_iter().flatten().min();
        self.last_seen = self.last_seen.max(Some(at));
        // UUIDv7 sorts by time, so the least ids are the first events.
        self.ids.insert(id);
        if self.ids.len() > EVIDENCE_MAX {
            self.ids.pop_last();
        }
    }

    /// The time of the first event.
    pub fn first_seen(&self) -> Timestamp {
        self.first_seen.unwrap_or_default()
    }

    /// The time of the last event.
    pub fn last_seen(&self) -> Timestamp {
        self.last_seen.unwrap_or_default()
    }

    /// Bytes that it takes on the heap.
    pub fn bytes(&self) -> usize {
        tree::<uuid::Uuid>(self.ids.len())
    }

    /// The first ids.
    pub fn ids(&self) -> Vec<String> {
        self.ids.iter().map(ToString::to_string).collect()
    }
}

impl FromIterator<Uuid> for Evidence {
    fn from_iter<I: IntoIterator<Item = Uuid>>(ids: I) -> Self {
        let mut evidence = Self::default();
        ids.into_iter().for_each(|id| evidence.add(id));
        evidence
    }
}
