//! The recount: from the events of a window to the documents that must be there, in the plainest way.
//!
//! It shares the types of events and the rules' numbers with the processor and nothing else.

pub mod bots;
pub mod events;
pub mod fraud;
pub mod funnels;
pub mod queries;
pub mod receipts;
mod refunds;
mod sessions;
pub mod suspects;
pub mod trends;
mod verdict;
pub mod windows;

use serde::Serialize;
use serde_json::Value;

use crate::audit::recount::windows::{Late, Pane};
use crate::audit::rules::Operator;
use crate::model::event::{Event, EventType};
use crate::model::time::Timestamp;
use crate::store::schema::Schema;

/// A document that must be there.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The kind of index.
    pub schema: &'static Schema,
    /// The index, without prefix.
    pub index: String,
    /// The document's id.
    pub id: String,
    /// Its version, where that says what it rests on.
    pub version: Option<u64>,
    /// What it must hold.
    pub body: Value,
}

impl Expected {
    /// A result and the number of events that could influence it.
    fn result(
        schema: &'static Schema,
        at: Timestamp,
        id: String,
        support: u64,
        body: &impl Serialize,
    ) -> Self {
        Self { schema, index: schema.index_at(at), id, version: Some(support), body: as_stored(body) }
    }
}

/// One kind of result.
pub struct Kind {
    /// Where it lies.
    pub schema: Schema,
    /// Who writes it.
    pub operator: Operator,
    /// What must be there of one window, from its distinct events.
    pub documents: fn(&Pane, &[&Event]) -> Vec<Expected>,
}

impl Kind {
    const fn new(
        schema: Schema,
        operator: Operator,
        documents: fn(&Pane, &[&Event]) -> Vec<Expected>,
    ) -> Self {
        Self { schema, operator, documents }
    }
}

/// Every kind of result.
pub const KINDS: [Kind; 9] = [
    Kind::new(Schema::PRODUCT_TRENDS, Operator::Trends, trends::documents),
    Kind::new(Schema::CATEGORY_FUNNELS, Operator::Visits, funnels::documents),
    Kind::new(Schema::QUERY_STATS, Operator::Visits, queries::documents),
    Kind::new(Schema::SUSPECT_PRODUCTS, Operator::Visits, suspects::products),
    Kind::new(Schema::SUSPECT_QUERIES, Operator::Visits, suspects::searches),
    Kind::new(Schema::FRAUD_SIGNALS, Operator::Visits, bots::documents),
    Kind::new(Schema::FRAUD_FACTS, Operator::Fraud, fraud::facts),
    Kind::new(Schema::FRAUD_SIGNALS, Operator::Fraud, fraud::signals),
    Kind::new(Schema::FRAUD_SIGNALS, Operator::Receipts, receipts::documents),
];

/// All documents of one window, from its distinct events.
pub fn documents(operator: Operator, pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    let kinds = KINDS.iter().filter(|kind| kind.operator == operator);
    kinds.flat_map(|kind| (kind.documents)(pane, events)).collect()
}

#[derive(Serialize)]
struct LateBody<'a> {
    group: &'a str,
    operator: &'a str,
    window: Timestamp,
    reason: &'a str,
    topic: &'a str,
    partition: i32,
    offset: i64,
    timestamp: Timestamp,
    appended_at: Timestamp,
    event_type: EventType,
    visitor: &'a str,
    event: &'a Event,
}

/// The document of an event that came after its window was closed.
pub fn late_event(operator: Operator, partition: i32, late: &Late<'_>) -> Expected {
    let (sighting, window) = (late.sighting, late.window);
    let (event, topic) = (&sighting.event, sighting.stream.topic());
    let body = LateBody {
        group: operator.group(),
        operator: operator.name(),
        window,
        reason: late.reason.name(),
        topic,
        partition,
        offset: sighting.offset,
        timestamp: event.timestamp,
        appended_at: sighting.appended_at,
        event_type: event.event_type(),
        visitor: event.visitor(),
        event,
    };
    Expected {
        schema: &Schema::LATE_EVENTS,
        index: Schema::LATE_EVENTS.index_at(event.timestamp),
        id: format!("{}|{}|{topic}-{partition}-{}", operator.name(), window.millis(), sighting.offset),
        version: None,
        body: as_stored(&body),
    }
}

/// The JSON as Elasticsearch gives it back: written, and read again by the reader of its answers.
fn as_stored(body: &impl Serialize) -> Value {
    let text = serde_json::to_vec(body).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}
