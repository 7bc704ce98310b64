//! A member of a consumer group: reads from committed positions, commits positions with their facts.
//!
//! A `BaseConsumer` polled on a thread of its own, classic protocol, range assignment: partition p of
//! every topic goes to the same member. No automatic commits, and no automatic jump to another offset.

use std::collections::VecDeque;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, ClientContext};

use crate::bus::{Bus, BusError};
use crate::model::event::Stream;
use crate::model::generation::Start;
use crate::model::time::Timestamp;

/// Longest wait for what a take-over must know.
const TAKE_OVER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for how long the topics are, which is asked for each second on the polling thread.
const MEASURE_TIMEOUT: Duration = Duration::from_secs(2);

/// A change of what this member reads.
#[derive(Debug)]
pub enum Change {
    /// These partitions, and no others.
    Assigned(Vec<Assigned>),
    /// None any more.
    Revoked,
    /// The positions could not be read, so nothing is assigned.
    Failed(KafkaError),
}

/// A partition of a topic at its take-over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The topic's number in the group.
    pub topic: usize,
    /// The partition.
    pub partition: i32,
    /// The committed offset and its metadata, where there is one.
    pub committed: Option<(i64, String)>,
    /// The first offset that the log still has, or the first from the group's start.
    pub first: i64,
    /// The offset after the log's last.
    pub end: i64,
}

/// A position to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The topic.
    pub stream: Stream,
    /// The partition.
    pub partition: i32,
    /// The offset to begin at next time.
    pub offset: i64,
    /// What goes with it.
    pub metadata: String,
}

/// One record.
pub struct Received<'a> {
    /// The topic's number in the group.
    pub topic: usize,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The broker's time of storing.
    pub appended_at: Timestamp,
    /// The key, empty where there is none.
    pub key: &'a [u8],
    /// The bytes, empty where there are none.
    pub payload: &'a [u8],
}

/// A membership in a consumer group.
pub struct Membership<'a> {
    /// The group's name, without the prefix.
    pub group: &'a str,
    /// The topics to read.
    pub streams: &'a [Stream],
    /// A name by which the group knows this member again after a restart, unlike all the others' names.
    pub instance: Option<String>,
    /// What the logs begin with for this group.
    pub start: Start,
    /// Where to begin in a partition of a topic.
    pub begin: Box<dyn Fn(&Assigned) -> i64 + Send + Sync>,
}

/// Takes over partitions on the polling thread, and notes what changed.
struct TakingOver {
    topics: Vec<String>,
    start: Start,
    begin: Box<dyn Fn(&Assigned) -> i64 + Send + Sync>,
    changes: Mutex<VecDeque<Change>>,
}

impl ClientContext for TakingOver {
    // librdkafka's own lines come with every attempt to connect; `GroupConsumer::poll` tells an outage once.
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

impl ConsumerContext for TakingOver {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let change = if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.take_over(consumer, list).map_or_else(Change::Failed, Change::Assigned)
        } else {
            Change::Revoked
        };
        if !matches!(change, Change::Assigned(_))
            && let Err(error) = consumer.unassign()
        {
            tracing::warn!(%error, "could not let go of the partitions");
        }
        if let Ok(mut changes) = self.changes.lock() {
            changes.push_back(change);
        }
    }
}

impl TakingOver {
    fn take_over(
        &self,
        consumer: &BaseConsumer<Self>,
        list: &TopicPartitionList,
    ) -> KafkaResult<Vec<Assigned>> {
        let committed = consumer.committed_offsets(list.clone(), TAKE_OVER_TIMEOUT)?;
        let first = match self.start {
            Start::Beginning => Offset::Beginning,
            // Negative times mean other things to Kafka, and nothing was stored before 1970.
            Start::At(time) => Offset::Offset(time.millis().max(0)),
        };
        let firsts = offsets_at(consumer, list, first, TAKE_OVER_TIMEOUT)?;
        let ends = offsets_at(consumer, list, Offset::End, TAKE_OVER_TIMEOUT)?;
        let mut assigned = Vec::new();
        let mut start = TopicPartitionList::new();
        for element in committed.elements() {
            element.error()?;
            let offset_in = |list: &TopicPartitionList| {
                list.find_partition(element.topic(), element.partition())
                    .and_then(|found| found.offset().to_raw())
            };
            let Some(topic) = self.topics.iter().position(|topic| topic == element.topic()) else { continue };
            let committed = match element.offset() {
                Offset::Offset(offset) => Some((offset, element.metadata().to_owned())),
                _ => None,
            };
            let end = offset_in(&ends).unwrap_or_default();
            // Where nothing was stored since a time, its offset is told as the end.
            let first = offset_in(&firsts).filter(|first| *first >= 0).unwrap_or(end);
            let partition = Assigned { topic, partition: element.partition(), committed, first, end };
            start.add_partition_offset(
                element.topic(),
                element.partition(),
                Offset::Offset((self.begin)(&partition)),
            )?;
            assigned.push(partition);
        }
        // In librdkafka a pause outlives the assignment that it was made in.
        consumer.resume(&start)?;
        consumer.assign(&start)?;
        Ok(assigned)
    }
}

/// The first, the end or a time's offsets of partitions, in one exchange for each broker.
fn offsets_at<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    list: &TopicPartitionList,
    at: Offset,
    patience: Duration,
) -> KafkaResult<TopicPartitionList> {
    let mut asked = TopicPartitionList::new();
    for element in list.elements() {
        // In this protocol a timestamp of -1 stands for the end and one of -2 for the beginning.
        asked.add_partition_offset(element.topic(), element.partition(), at)?;
    }
    if asked.count() == 0 {
        return Ok(asked);
    }
    consumer.offsets_for_times(asked, patience)
}

/// A member of a consumer group. To be used by one thread.
pub struct GroupConsumer {
    inner: BaseConsumer<TakingOver>,
    bus: Bus,
    trouble_told: bool,
}

impl GroupConsumer {
    /// Joins a group.
    ///
    /// # Errors
    /// [`BusError::Failed`] when librdkafka refuses the settings.
    pub fn join(bus: &Bus, membership: Membership<'_>) -> Result<Self, BusError> {
        let Membership { group, streams, instance, start, begin } = membership;
        let topics: Vec<String> = streams.iter().map(|stream| bus.topic(*stream)).collect();
        let failed = |source| bus.failed("be read from", source);
        let context = TakingOver { topics: topics.clone(), start, begin, changes: Mutex::default() };
        let mut config = bus.consumer_config();
        config
            .set("group.id", bus.group(group))
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", "10000");
        if let Some(instance) = instance {
            config.set("group.instance.id", instance);
        }
        let inner: BaseConsumer<TakingOver> = config.create_with_context(context).map_err(failed)?;
        inner.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>()).map_err(failed)?;
        Ok(Self { inner, bus: bus.clone(), trouble_told: false })
    }

    /// Waits for the next record, at most `patience`. A passing trouble is told once and gives `None`.
    ///
    /// # Errors
    /// [`BusError::Truncated`] when records were deleted before they were read: taking over anew, as
    /// [`GroupConsumer::rejoin`] does, goes on behind them; [`BusError::Failed`] for what else does not pass;
    /// [`BusError::UnusableTopic`] for a topic that leaves the time of its records to the producer.
    pub fn poll<T>(
        &mut self,
        patience: Duration,
        take: impl FnOnce(Received<'_>) -> T,
    ) -> Result<Option<T>, BusError> {
        let message = match self.inner.poll(patience) {
            None => return Ok(None),
            Some(Err(error)) => return self.trouble(error).map(|()| None),
            Some(Ok(message)) => message,
        };
        Self::over(&mut self.trouble_told);
        Ok(received(&self.inner.context().topics, &message)?.map(take))
    }

    /// Tells the end of a trouble that was told.
    fn over(trouble_told: &mut bool) {
        if std::mem::take(trouble_told) {
            tracing::info!("Kafka can be read again");
        }
    }

    /// Whether Kafka cannot be read now, as far as is known.
    pub fn is_in_trouble(&self) -> bool {
        self.trouble_told
    }

    fn trouble(&mut self, error: KafkaError) -> Result<(), BusError> {
        if let Some(lasting) = lasting(&self.bus, "be read from", &error) {
            return Err(lasting);
        }
        if !self.trouble_told {
            tracing::warn!(address = self.bus.address(), %error, "Kafka cannot be read now; trying until it can");
            self.trouble_told = true;
        }
        Ok(())
    }

    /// What changed since the last call; to be asked after every poll, before the record is used.
    pub fn next_change(&self) -> Option<Change> {
        self.inner.context().changes.lock().ok()?.pop_front()
    }

    /// Leaves the group; whether that was done in time. While a group changes hands its coordinator answers nothing
    /// else, until every member has come or was given up. Who does not wait for it is given up in its turn.
    pub fn leave(self, patience: Duration) -> bool {
        let (left, has_left) = mpsc::channel();
        let leaving = std::thread::Builder::new().name("leaving".to_owned()).spawn(move || {
            drop(self);
            // Nobody listens any more when it took too long.
            let _ = left.send(());
        });
        leaving.is_ok() && has_left.recv_timeout(patience).is_ok()
    }

    /// Leaves and joins again, after a take-over that failed or when records are gone.
    ///
    /// # Errors
    /// [`BusError::Failed`] when librdkafka refuses.
    pub fn rejoin(&self) -> Result<(), BusError> {
        let topics: Vec<&str> = self.inner.context().topics.iter().map(String::as_str).collect();
        self.inner.unsubscribe();
        self.inner.subscribe(&topics).map_err(|source| self.bus.failed("be joined again", source))
    }

    /// Commits positions, and waits for the coordinator's word.
    ///
    /// # Errors
    /// [`BusError::Failed`] when it refuses, as it does when this member lost the partitions.
    pub fn commit(&self, commits: &[Commit]) -> Result<(), BusError> {
        let failed = |source| self.bus.failed("commit positions", source);
        let mut list = TopicPartitionList::new();
        for commit in commits {
            let topic = self.bus.topic(commit.stream);
            list.add_partition_offset(&topic, commit.partition, Offset::Offset(commit.offset))
                .map_err(failed)?;
            if let Some(mut element) = list.find_partition(&topic, commit.partition) {
                element.set_metadata(commit.metadata.as_str());
            }
        }
        self.inner.commit(&list, CommitMode::Sync).map_err(failed)
    }

    /// The offset after the last record of each assigned partition: `(topic, partition, end)`.
    ///
    /// # Errors
    /// [`BusError::Failed`] when no broker answers in time.
    pub fn log_ends(&mut self) -> Result<Vec<(usize, i32, i64)>, BusError> {
        let ask = || offsets_at(&self.inner, &self.inner.assignment()?, Offset::End, MEASURE_TIMEOUT);
        let ends = ask().map_err(|source| self.bus.failed("tell how long the topics are", source))?;
        // Where nothing comes, nothing else would say that the brokers answer again.
        Self::over(&mut self.trouble_told);
        let topics = &self.inner.context().topics;
        let end = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            let topic = topics.iter().position(|topic| topic == element.topic())?;
            Some((topic, element.partition(), element.offset().to_raw()?))
        };
        Ok(ends.elements().iter().filter_map(end).collect())
    }

    /// Goes on reading from these offsets: `(topic, partition, offset)`.
    ///
    /// # Errors
    /// [`BusError::Failed`] when one of them cannot be gone to now; others may have been then.
    pub fn seek(&self, places: &[(usize, i32, i64)]) -> Result<(), BusError> {
        // librdkafka takes no empty list.
        if places.is_empty() {
            return Ok(());
        }
        let failed = |source| self.bus.failed("be read from another offset", source);
        let mut list = TopicPartitionList::new();
        for (topic, partition, offset) in places {
            if let Some(topic) = self.inner.context().topics.get(*topic) {
                list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).map_err(failed)?;
            }
        }
        let gone = self.inner.seek_partitions(list, TAKE_OVER_TIMEOUT).map_err(failed)?;
        gone.elements().iter().try_for_each(|place| place.error()).map_err(failed)
    }

    /// Stops records of these topics' partitions from coming, while `poll` still serves the group.
    ///
    /// # Errors
    /// [`BusError::Failed`] when librdkafka refuses.
    pub fn pause(&self, partitions: &[(usize, i32)]) -> Result<(), BusError> {
        self.inner.pause(&self.list(partitions)).map_err(|source| self.bus.failed("be paused", source))
    }

    /// Lets records of these topics' partitions come again.
    ///
    /// # Errors
    /// [`BusError::Failed`] when librdkafka refuses.
    pub fn resume(&self, partitions: &[(usize, i32)]) -> Result<(), BusError> {
        self.inner.resume(&self.list(partitions)).map_err(|source| self.bus.failed("be resumed", source))
    }

    fn list(&self, partitions: &[(usize, i32)]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in partitions {
            if let Some(topic) = self.inner.context().topics.get(*topic) {
                list.add_partition(topic, *partition);
            }
        }
        list
    }
}

/// Whether an error does not pass by itself: records were deleted before they were read, or worse.
pub fn is_lasting(error: &KafkaError) -> bool {
    is_truncation(error) || matches!(error, KafkaError::MessageConsumptionFatal(_))
}

fn is_truncation(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange))
}

/// What a lasting error means for whoever was doing `what`; `None` for one that passes.
pub fn lasting(bus: &Bus, what: &'static str, error: &KafkaError) -> Option<BusError> {
    if is_truncation(error) {
        return Some(BusError::Truncated { address: bus.address().to_owned(), source: error.clone() });
    }
    is_lasting(error).then(|| bus.failed(what, error.clone()))
}

/// The record in a message; `None` for a topic that was not asked for.
pub fn received<'a>(
    topics: &[String],
    message: &'a BorrowedMessage<'_>,
) -> Result<Option<Received<'a>>, BusError> {
    let Some(topic) = topics.iter().position(|topic| topic == message.topic()) else { return Ok(None) };
    let rdkafka::Timestamp::LogAppendTime(appended_at) = message.timestamp() else {
        return Err(BusError::UnusableTopic {
            topic: message.topic().to_owned(),
            problem: "does not stamp its records with the broker's time, on which lateness is decided: set \
                      message.timestamp.type=LogAppendTime and make it anew"
                .to_owned(),
        });
    };
    Ok(Some(Received {
        topic,
        partition: message.partition(),
        offset: message.offset(),
        appended_at: Timestamp::from_millis(appended_at),
        key: message.key().unwrap_or_default(),
        payload: message.payload().unwrap_or_default(),
    }))
}

impl Bus {
    /// Settings that every consumer of the event topics starts from.
    pub(crate) fn consumer_config(&self) -> ClientConfig {
        let mut config = self.client_config();
        config
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            // A topic that somebody gives more partitions is noticed this soon; the default is five minutes.
            .set("topic.metadata.refresh.interval.ms", "30000")
            // The default of one second costs a third to two thirds of the rate when draining.
            .set("fetch.queue.backoff.ms", "5")
            // Without a least size the broker answers for every record or two: half of a core at 1,000 events/s.
            .set("fetch.min.bytes", "65536")
            .set("fetch.wait.max.ms", "50")
            // Bounds what is fetched ahead; the default is 64 MB for each consumer.
            .set("queued.max.messages.kbytes", "16384");
        config
    }
}
