//! Reading logs in order, of any topic, as a member of no consumer group: for checks and repairs.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::{ClientConfig, Offset};

use crate::bus::consumer::is_lasting;
use crate::bus::{Bus, BusError};
use crate::model::event::Stream;
use crate::model::time::Timestamp;

/// Longest wait for one answer of a broker.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a record that lies in the log.
const RECORD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one poll waits.
const POLL_WAIT: Duration = Duration::from_millis(500);

/// A stretch of one partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// The topic, without the prefix.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// Its first offset.
    pub from: i64,
    /// The offset after its last; at most the log's end.
    pub to: i64,
}

/// One record of a log.
pub struct Entry<'a> {
    /// Its offset.
    pub offset: i64,
    /// The broker's time of storing.
    pub appended_at: Timestamp,
    /// Its key, empty where there is none.
    pub key: &'a [u8],
    /// Its bytes, empty where there are none.
    pub payload: &'a [u8],
    /// Its headers, in order.
    pub headers: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Entry<'a> {
    fn of(message: &'a BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map(|headers| {
            headers.iter().map(|header| (header.key, header.value.unwrap_or_default())).collect()
        });
        Self {
            offset: message.offset(),
            appended_at: Timestamp::from_millis(message.timestamp().to_millis().unwrap_or_default()),
            key: message.key().unwrap_or_default(),
            payload: message.payload().unwrap_or_default(),
            headers: headers.unwrap_or_default(),
        }
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().find(|(one, _)| *one == name).map(|(_, value)| *value)
    }
}

/// Reads logs. Everything it does blocks.
pub struct LogReader {
    inner: BaseConsumer,
    bus: Bus,
}

impl LogReader {
    /// Builds the client. Sends nothing.
    ///
    /// # Errors
    /// [`BusError::Failed`] when librdkafka refuses the settings.
    pub fn new(bus: &Bus) -> Result<Self, BusError> {
        let mut config: ClientConfig = bus.consumer_config();
        config
            .set("group.id", bus.name("shoplens-log-reader"))
            // A log may end with offsets that have no record; its end is told then.
            .set("enable.partition.eof", "true")
            // The next log waits until the broker has answered for the one before; the default is 500 ms.
            .set("fetch.wait.max.ms", "10");
        let inner = config.create().map_err(|source| bus.failed("be read from", source))?;
        Ok(Self { inner, bus: bus.clone() })
    }

    /// How many partitions a topic has; 0 for one that does not exist.
    ///
    /// # Errors
    /// [`BusError::Failed`] when no broker answers in time.
    pub fn partitions(&self, topic: &str) -> Result<i32, BusError> {
        let failed = |source| self.bus.failed("describe a topic", source);
        let metadata =
            self.inner.fetch_metadata(Some(&self.bus.name(topic)), ANSWER_TIMEOUT).map_err(failed)?;
        let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }

    /// How many partitions the event topics have.
    ///
    /// # Errors
    /// [`BusError::UnusableTopic`] when they are not there or differ; [`BusError::Failed`].
    pub fn event_partitions(&self) -> Result<i32, BusError> {
        let counts = Stream::ALL.map(|stream| self.partitions(stream.topic()));
        let [search, product, order] = counts;
        match (search?, product?, order?) {
            (search, product, order) if search > 0 && search == product && product == order => Ok(search),
            (search, product, order) => Err(BusError::UnusableTopic {
                topic: Stream::ALL.map(|stream| self.bus.topic(stream)).join(", "),
                problem: format!(
                    "have [{search}, {product}, {order}] partitions, but must all be there with the same number: is \
                     SHOPLENS_PREFIX right? `admin topics` makes them"
                ),
            }),
        }
    }

    /// The first offset of a log, and the one after its last.
    ///
    /// # Errors
    /// [`BusError::Failed`] when no broker answers in time.
    pub fn bounds(&self, topic: &str, partition: i32) -> Result<(i64, i64), BusError> {
        let failed = |source| self.bus.failed("tell how long a topic is", source);
        self.inner.fetch_watermarks(&self.bus.name(topic), partition, ANSWER_TIMEOUT).map_err(failed)
    }

    /// The offset of the first record that was stored at this time or later; the log's end when there is none.
    ///
    /// # Errors
    /// [`BusError::Failed`] when no broker answers in time.
    pub fn offset_at(&self, topic: &str, partition: i32, at: Timestamp) -> Result<i64, BusError> {
        let failed = |source| self.bus.failed("find a time in a topic", source);
        let name = self.bus.name(topic);
        let mut list = TopicPartitionList::new();
        // Negative times mean other things to Kafka, and nothing was stored before 1970.
        let time = Offset::Offset(at.millis().max(0));
        list.add_partition_offset(&name, partition, time).map_err(failed)?;
        let found = self.inner.offsets_for_times(list, ANSWER_TIMEOUT).map_err(failed)?;
        match found.find_partition(&name, partition).map(|element| element.offset()) {
            Some(Offset::Offset(offset)) => Ok(offset),
            _ => self.bounds(topic, partition).map(|(_, end)| end),
        }
    }

    /// Hands out every record of the stretch, in order.
    ///
    /// # Errors
    /// [`BusError::Failed`] when records were deleted before they were read, or none comes for a minute.
    pub fn read(&self, stretch: Stretch<'_>, mut take: impl FnMut(Entry<'_>)) -> Result<(), BusError> {
        let Stretch { topic, partition, from, to } = stretch;
        if from >= to {
            return Ok(());
        }
        let failed = |source| self.bus.failed("be read from", source);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.bus.name(topic), partition, Offset::Offset(from)).map_err(failed)?;
        self.inner.assign(&list).map_err(failed)?;
        let mut last = Instant::now();
        loop {
            match self.inner.poll(POLL_WAIT) {
                Some(Ok(message)) => {
                    let offset = message.offset();
                    if offset < to {
                        take(Entry::of(&message));
                    }
                    if offset + 1 >= to {
                        break;
                    }
                    last = Instant::now();
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) if is_lasting(&error) => return Err(failed(error)),
                Some(Err(_)) | None if last.elapsed() < RECORD_TIMEOUT => {}
                Some(Err(error)) => return Err(failed(error)),
                None => {
                    let late = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
                    return Err(failed(late));
                }
            }
        }
        self.inner.unassign().map_err(failed)
    }
}
