//! What each operator is defined to compute, written once more in the plainest way: from all events of a
//! window at once, without any state. Shares nothing with the operators but the types of events.

mod bots;
mod fraud;
mod funnels;
mod queries;
mod receipts;
mod suspects;
mod trends;

use serde_json::Value;

use crate::model::event::{Action, Event, EventType, Item};
use crate::model::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use crate::stream::groups::Group;

/// A document that must be there.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    pub index: String,
    pub id: String,
    pub version: u64,
    pub body: Value,
}

/// Which window, of which partition, and of which topic where topics are folded apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub start: Timestamp,
    pub partition: i32,
    pub topic: Option<&'static str>,
}

/// An operator as `ARCHITECTURE.md` and the modules of the operators describe it.
pub struct Definition {
    pub operator: &'static str,
    pub group: Group,
    /// Whether a window is made of several topics.
    pub together: bool,
    pub window_ms: i64,
    pub lateness_ms: i64,
    /// The time that says which window an event belongs to; `None` for one that is of no use.
    pub time: fn(&Event) -> Option<Timestamp>,
    /// The documents of a window with these events, in the order of the log.
    pub documents: fn(&[&Event], Place) -> Vec<Expected>,
}

/// All of them.
pub const DEFINITIONS: [Definition; 4] = [
    Definition {
        operator: "trends",
        group: Group::Trends,
        together: false,
        window_ms: MINUTE_MS,
        lateness_ms: 10 * MINUTE_MS,
        time: |event| (event.event_type() != EventType::Search).then_some(event.timestamp),
        documents: trends::documents,
    },
    Definition {
        operator: "visits",
        group: Group::Sessions,
        together: true,
        window_ms: MINUTE_MS,
        lateness_ms: 130 * MINUTE_MS,
        time: |event| Some(event.session_started_at),
        documents: visits,
    },
    Definition {
        operator: "fraud",
        group: Group::Fraud,
        together: false,
        window_ms: DAY_MS,
        lateness_ms: 3 * DAY_MS + HOUR_MS,
        time: |event| match &event.action {
            Action::Purchase(_) => Some(event.timestamp),
            Action::Refund(refund) if fraud::is_old(event, refund) => Some(event.timestamp),
            Action::Refund(refund) => Some(refund.ordered_at),
            Action::Search(_) | Action::View(_) | Action::AddToCart(_) => None,
        },
        documents: fraud::documents,
    },
    Definition {
        operator: "receipts",
        group: Group::Fraud,
        together: false,
        window_ms: DAY_MS,
        lateness_ms: 28 * DAY_MS + HOUR_MS,
        time: receipts::time,
        documents: receipts::documents,
    },
];

fn visits(events: &[&Event], place: Place) -> Vec<Expected> {
    let all = [funnels::documents, queries::documents, bots::documents, suspects::documents];
    all.into_iter().flat_map(|documents| documents(events, place)).collect()
}

/// The sessions, each with its events.
fn by_session<'a>(events: &[&'a Event]) -> Vec<(&'a str, Vec<&'a Event>)> {
    let sessions = distinct(events.iter().map(|event| event.session_id.as_str()));
    let own =
        |session: &str| events.iter().copied().filter(|event| event.session_id.as_str() == session).collect();
    sessions.into_iter().map(|session| (session, own(session))).collect()
}

/// Whether a category is this one or lies in it.
fn lies_in(path: &str, category: &str) -> bool {
    path.strip_prefix(category).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn amount(item: &Item) -> i64 {
    item.unit_price_cents.0 * i64::from(item.quantity)
}

/// The values without repetition, in order.
fn distinct<T: Ord>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort();
    values.dedup();
    values
}

/// `a.b.c`: `a`, `a.b`, `a.b.c`.
fn prefixes(category: &str) -> Vec<String> {
    let names: Vec<&str> = category.split('.').collect();
    (1..=names.len()).map(|length| names[..length].join(".")).collect()
}

/// The least twenty ids.
fn evidence(events: &[&Event]) -> Vec<String> {
    distinct(events.iter().map(|event| event.event_id.to_string())).into_iter().take(20).collect()
}

fn first_seen(events: &[&Event]) -> Option<Timestamp> {
    events.iter().map(|event| event.timestamp).min()
}

fn last_seen(events: &[&Event]) -> Option<Timestamp> {
    events.iter().map(|event| event.timestamp).max()
}

#[cfg(test)]
mod tests;
