//! Events whose window had been closed before its time: for lack of memory, or because records of it were deleted.
//!
//! No log says when that was, so here the processor's word is taken: the reason of a document of `late-events`. What it
//! says is reported by itself; the windows are compared without these events, as far as that can be told, until they
//! are repaired.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::audit::rules::Operator;
use crate::model::event::Stream;
use crate::store::schema::Schema;
use crate::store::{Store, StoreError, Stored};

/// Why an event was too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The window's time was over: the log says so.
    Late,
    /// The window was closed early for lack of memory.
    Cap,
    /// Events of the window were deleted before it was closed.
    Truncated,
}

impl Reason {
    /// The word for it in `late-events`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Cap => "cap",
            Self::Truncated => "truncated",
        }
    }
}

/// The events of all partitions that came after their window was closed early.
#[derive(Debug, Clone, Default)]
pub struct ClosedEarly(BTreeMap<(Operator, Stream, i32, i64), Reason>);

#[derive(Deserialize)]
struct LateEvent {
    operator: String,
    reason: Reason,
    topic: String,
    partition: i32,
    offset: i64,
}

impl ClosedEarly {
    /// Reads what the processor says.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        let mut early = Self::default();
        let mut unreadable = None;
        let take = |stored: Stored| match serde_json::from_value(stored.source) {
            Ok(event) => early.add(&event),
            Err(source) => unreadable = Some(source),
        };
        let reasons = [Reason::Cap, Reason::Truncated].map(Reason::name);
        let query = json!({ "terms": { "reason": reasons } });
        store.each_document(Schema::LATE_EVENTS.name, &query, take).await?;
        let what = "tell which windows were closed early";
        unreadable.map_or(Ok(early), |source| Err(StoreError::Unexpected { what, source }))
    }

    fn add(&mut self, event: &LateEvent) {
        let stream = Stream::ALL.into_iter().find(|stream| stream.topic() == event.topic);
        let (Some(operator), Some(stream)) = (Operator::named(&event.operator), stream) else { return };
        self.0.insert((operator, stream, event.partition, event.offset), event.reason);
    }

    /// Why an operator had closed the window of this record; `None` where it had not.
    pub fn reason(&self, operator: Operator, stream: Stream, partition: i32, offset: i64) -> Option<Reason> {
        self.0.get(&(operator, stream, partition, offset)).copied()
    }
}

#[cfg(test)]
pub(in crate::audit) mod tests {
    use super::*;

    /// What the processor says of these records of `product-events`, partition 0.
    pub fn closed_early(operator: Operator, offsets: &[i64]) -> ClosedEarly {
        let mut early = ClosedEarly::default();
        for offset in offsets {
            let (topic, partition) = (Stream::Product.topic(), 0);
            let event = json!({
                "operator": operator.name(), "reason": "cap", "topic": topic, "partition": partition, "offset": offset,
            });
            early.add(&serde_json::from_value(event).unwrap());
        }
        early
    }

    #[test]
    fn a_record_is_known_by_operator_topic_partition_and_offset() {
        let early = closed_early(Operator::Visits, &[7]);
        let reason = |operator, stream, partition, offset| early.reason(operator, stream, partition, offset);
        assert_eq!(reason(Operator::Visits, Stream::Product, 0, 7), Some(Reason::Cap));
        assert_eq!(reason(Operator::Trends, Stream::Product, 0, 7), None);
        assert_eq!(reason(Operator::Visits, Stream::Order, 0, 7), None);
        assert_eq!(reason(Operator::Visits, Stream::Product, 1, 7), None);
        assert_eq!(reason(Operator::Visits, Stream::Product, 0, 8), None);
    }
}
