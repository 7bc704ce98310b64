//! The document of a fraud or bot signal.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::model::ids::{SessionId, UserId};
use crate::model::severity::Severity;
use crate::model::time::Timestamp;
use crate::stream::footprint::tree;

/// Most event ids that a signal shows as evidence: the first ones, so that it is a function of the set.
pub const EVIDENCE_MAX: usize = 20;

/// A verdict of a rule on a visitor, as it is stored in `fraud-signals`.
#[derive(Debug, Serialize)]
pub struct Signal<'a> {
    /// The rule's name.
    pub rule: &'static str,
    /// The rule's version: a changed threshold is another version.
    pub rule_version: u16,
    /// From the score.
    pub severity: Severity,
    /// How many times over the threshold.
    pub score: f64,
    /// Whether the verdict holds; one that was withdrawn stays, inactive.
    pub active: bool,
    /// The record key.
    pub visitor: &'a str,
    /// The visitor when logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<&'a UserId>,
    /// The visit, for rules on visits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<&'a SessionId>,
    /// The day that the case belongs to.
    pub day: Timestamp,
    /// The partition that computed it.
    pub partition: i32,
    /// Distinct events that could influence it.
    pub support: u64,
    /// How often the rule's figure occurred.
    pub count: u64,
    /// The first event of the case.
    pub first_seen: Timestamp,
    /// The last event of the case.
    pub last_seen: Timestamp,
    /// The verdict in a sentence.
    pub summary: String,
    /// The figures it rests on.
    pub figures: Value,
    /// The thresholds they were held against.
    pub thresholds: Value,
    /// The first events of the case.
    pub event_ids: Vec<String>,
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
    pub fn add(&mut self, id: Uuid, at: Timestamp) {
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
