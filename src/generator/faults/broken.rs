//! Broken records: each kind of what can be wrong, made from a good one.

use chrono::TimeDelta;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::generator::sink::Record;
use crate::model::event::door::partition_of;
use crate::model::event::{Action, Event, Order, SCHEMA_VERSION, Stream};
use crate::traffic::Chance;

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Broken {
    /// Its end is missing.
    Truncated,
    /// It is no JSON.
    NotJson,
    /// It is no text.
    Binary,
    /// There is nothing in it.
    Empty,
    /// A field is of another type.
    WrongType,
    /// A field is missing.
    MissingField,
    /// It is of a version to come.
    UnknownVersion,
    /// Its id names another time than it does.
    Contradictory,
    /// It happened long after it was stored.
    FromTheFuture,
    /// It happened long before it was stored.
    FromThePast,
    /// It lies in another topic than its type's.
    WrongTopic,
    /// It lies in another partition than its key's.
    WrongPartition,
}

impl Broken {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Truncated,
        Self::NotJson,
        Self::Binary,
        Self::Empty,
        Self::WrongType,
        Self::MissingField,
        Self::UnknownVersion,
        Self::Contradictory,
        Self::FromTheFuture,
        Self::FromThePast,
        Self::WrongTopic,
        Self::WrongPartition,
    ];

    /// The code of the [`Reject`](crate::model::event::Reject) that it deserves.
    pub fn code(self) -> &'static str {
        match self {
            Self::Truncated | Self::NotJson | Self::Binary | Self::Empty | Self::WrongType => "unreadable",
            Self::MissingField => "missing_field",
            Self::UnknownVersion => "unknown_version",
            Self::Contradictory => "implausible",
            Self::FromTheFuture | Self::FromThePast => "wrong_time",
            Self::WrongTopic | Self::WrongPartition => "misplaced",
        }
    }

    /// Whether it is the place that is wrong, and not the record.
    pub fn needs_partitions(self) -> bool {
        matches!(self, Self::WrongTopic | Self::WrongPartition)
    }

    /// A broken copy of an event's record, for topics of so many partitions; `None` where the event cannot be
    /// written as JSON.
    pub fn broken(
        self,
        event: &Event,
        record: &Record,
        partitions: i32,
        chance: &mut Chance,
    ) -> Option<Record> {
        let with = |payload: Vec<u8>| Some(Record { payload, ..record.clone() });
        let moved = |by: TimeDelta| with(serde_json::to_vec(&moved(event.clone(), by)).ok()?);
        match self {
            Self::Truncated => {
                let kept = chance.random_range(1..record.payload.len().max(2));
                with(record.payload.get(..kept).unwrap_or_default().to_vec())
            }
            Self::NotJson => with(b"<html><body>502 Bad Gateway</body></html>".to_vec()),
            Self::Binary => {
                let mut bytes = vec![0; 64];
                chance.fill_bytes(&mut bytes);
                // No text begins with this byte. A line's end would make two records of it in a file of lines.
                bytes.insert(0, 0xff);
                bytes.retain(|byte| *byte != b'\n');
                with(bytes)
            }
            Self::Empty => with(Vec::new()),
            Self::WrongType => with(edited(record, |fields| fields["session_id"] = json!([1, 2]))?),
            Self::MissingField => with(edited(record, |fields| {
                fields.as_object_mut().map(|fields| fields.remove("client_id"));
            })?),
            Self::UnknownVersion => {
                with(edited(record, |fields| fields["schema_version"] = json!(SCHEMA_VERSION + 98))?)
            }
            Self::Contradictory => {
                let other = id_at(event.timestamp.millis() - 1, event.event_id);
                with(edited(record, |fields| fields["event_id"] = json!(other))?)
            }
            Self::FromTheFuture => moved(TimeDelta::days(3_650)),
            Self::FromThePast => moved(-TimeDelta::days(365)),
            Self::WrongTopic => {
                let stream = Stream::ALL.into_iter().find(|stream| *stream != record.stream)?;
                Some(Record { stream, ..record.clone() })
            }
            Self::WrongPartition => {
                let right = partition_of(&record.key, partitions);
                Some(Record { partition: Some((right + 1) % partitions.max(1)), ..record.clone() })
            }
        }
    }
}

/// The same event at another time, without a contradiction in it.
fn moved(mut event: Event, by: TimeDelta) -> Event {
    event.timestamp = event.timestamp + by;
    event.session_started_at = event.session_started_at + by;
    event.event_id = id_at(event.timestamp.millis(), event.event_id);
    match &mut event.action {
        Action::Search(_) => {}
        Action::View(touch) | Action::AddToCart(touch) => touch.item.attribution = None,
        Action::Purchase(order) => forget_searches(order),
        Action::Refund(refund) => {
            refund.ordered_at = refund.ordered_at + by;
            forget_searches(&mut refund.order);
        }
    }
    event
}

fn forget_searches(order: &mut Order) {
    order.items.iter_mut().for_each(|item| item.attribution = None);
}

fn edited(record: &Record, edit: impl FnOnce(&mut Value)) -> Option<Vec<u8>> {
    let mut fields = serde_json::from_slice(&record.payload).ok()?;
    edit(&mut fields);
    serde_json::to_vec(&fields).ok()
}

/// The same UUIDv7 of another time.
fn id_at(millis: i64, id: Uuid) -> Uuid {
    const BELOW_THE_TIME: u128 = (1 << 80) - 1;
    Uuid::from_u128((millis as u128 & 0xffff_ffff_ffff) << 80 | id.as_u128() & BELOW_THE_TIME)
}
