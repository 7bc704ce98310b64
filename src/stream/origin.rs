//! Records that are kept as they came: late events and dead letters, and where they lie.

use serde::Serialize;

use crate::model::event::{Event, EventType, Reject, Stream};
use crate::model::time::Timestamp;
use crate::store::bulk::Mode;
use crate::store::schema::Schema;
use crate::stream::documents::{About, Documents};
use crate::stream::fold::LateReason;

/// An event whose window is closed, kept whole so that the window can be repaired.
#[derive(Debug, Clone, Copy)]
pub struct LateEvent<'a> {
    /// The consumer group that found it late.
    pub group: &'static str,
    /// The operator.
    pub operator: &'static str,
    /// Its window's start.
    pub window: Timestamp,
    /// Why the window is closed.
    pub reason: LateReason,
    /// The event.
    pub event: &'a Event,
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

impl LateEvent<'_> {
    /// Has it written to `late-events`; the same record late twice is one document.
    pub fn write(&self, origin: &Origin, out: &mut Documents) {
        let Self { group, operator, window, reason, event } = *self;
        let topic = origin.stream.topic();
        let body = LateBody {
            group,
            operator,
            window,
            reason: reason.name(),
            topic,
            partition: origin.partition,
            offset: origin.offset,
            timestamp: event.timestamp,
            appended_at: origin.appended_at,
            event_type: event.event_type(),
            visitor: event.visitor(),
            event,
        };
        let id = format!("{operator}|{}|{topic}-{}-{}", window.millis(), origin.partition, origin.offset);
        let about = About { schema: &Schema::LATE_EVENTS, at: event.timestamp, mode: Mode::Replace };
        out.push(about, &[&id], &body);
    }
}

/// A record and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The topic.
    pub stream: Stream,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The broker's time of storing.
    pub appended_at: Timestamp,
    /// The record's key.
    pub key: Vec<u8>,
    /// The record's bytes.
    pub payload: Vec<u8>,
}

/// A record that could not be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The record.
    pub origin: Origin,
    /// A short word to filter by, as [`Reject::code`] gives it.
    pub reason: &'static str,
    /// The reason in a sentence.
    pub detail: String,
}

impl DeadLetter {
    /// A record that the processor itself rejects.
    pub fn rejected(origin: Origin, reject: &Reject) -> Self {
        Self { origin, reason: reject.code(), detail: reject.to_string() }
    }

    /// The record's key in `dead-letters`: the same record twice is the same dead letter.
    pub fn id(&self) -> String {
        format!("{}-{}-{}", self.origin.stream.topic(), self.origin.partition, self.origin.offset)
    }
}
