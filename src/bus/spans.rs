//! Reading stretches of the topics again, as a member of no consumer group.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::TopicPartitionList;

use crate::bus::consumer::{Received, lasting, received};
use crate::bus::{Bus, BusError};
use crate::model::event::Stream;

/// A stretch of one partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The topic.
    pub stream: Stream,
    /// The partition.
    pub partition: i32,
    /// Its first offset.
    pub from: i64,
    /// The offset after its last.
    pub to: i64,
}

/// Reads spans, once. To be used by one thread.
pub struct SpanConsumer {
    inner: BaseConsumer,
    bus: Bus,
    streams: Vec<Stream>,
    topics: Vec<String>,
    /// What is not read to its end, and where that is.
    left: BTreeMap<(usize, i32), i64>,
}

impl SpanConsumer {
    /// Starts to read the spans.
    ///
    /// # Errors
    /// [`BusError::Failed`] when librdkafka refuses the settings.
    pub fn open(bus: &Bus, spans: Vec<Span>) -> Result<Self, BusError> {
        let failed = |source| bus.failed("be read again", source);
        let inner: BaseConsumer =
            bus.consumer_config().set("group.id", bus.name("shoplens-rereading")).create().map_err(failed)?;
        let streams = Stream::ALL.to_vec();
        let topics: Vec<String> = streams.iter().map(|stream| bus.topic(*stream)).collect();
        let mut left = BTreeMap::new();
        let mut list = TopicPartitionList::new();
        for Span { stream, partition, from, to } in spans {
            list.add_partition_offset(&bus.topic(stream), partition, Offset::Offset(from)).map_err(failed)?;
            let number = streams.iter().position(|one| *one == stream).unwrap_or_default();
            left.insert((number, partition), to);
        }
        inner.assign(&list).map_err(failed)?;
        Ok(Self { inner, bus: bus.clone(), streams, topics, left })
    }

    /// Whether every span is read to its end.
    pub fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// Waits for the next record, at most `patience`; it may lie behind its span. `None` when none came or
    /// for a passing trouble.
    ///
    /// # Errors
    /// As [`crate::bus::GroupConsumer::poll`].
    pub fn poll<T>(
        &mut self,
        patience: Duration,
        take: impl FnOnce(Stream, Received<'_>) -> T,
    ) -> Result<Option<T>, BusError> {
        let message = match self.inner.poll(patience) {
            None => return Ok(None),
            Some(Err(error)) => {
                tracing::debug!(%error, "rereading waits");
                return lasting(&self.bus, "be read again", &error).map_or(Ok(None), Err);
            }
            Some(Ok(message)) => message,
        };
        let Some(record) = received(&self.topics, &message)? else { return Ok(None) };
        let Some(stream) = self.streams.get(record.topic).copied() else { return Ok(None) };
        let place = (record.topic, record.partition);
        if self.left.get(&place).is_some_and(|to| record.offset + 1 >= *to) {
            self.left.remove(&place);
            let mut list = TopicPartitionList::new();
            list.add_partition(&self.bus.topic(stream), record.partition);
            self.inner.pause(&list).map_err(|source| self.bus.failed("be paused", source))?;
        }
        Ok(Some(take(stream, record)))
    }
}
