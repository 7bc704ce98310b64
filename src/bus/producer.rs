//! Writing records: idempotent, keyed, with every delivery counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};

use crate::bus::{Bus, BusError};

/// Records that wait for their acknowledgement at most.
const QUEUE_MESSAGES_MAX: &str = "100000";
/// How long a record is tried before it counts as failed: longer than a broker's restart.
const DELIVERY_TIMEOUT_MS: &str = "300000";
/// Wait for room in a full queue, which is how a producer slows its caller down.
const QUEUE_FULL_WAIT: Duration = Duration::from_millis(5);

/// Counts of records by what became of them.
#[derive(Debug, Default)]
pub struct Deliveries {
    acknowledged: AtomicU64,
    failed: AtomicU64,
}

impl Deliveries {
    /// Records that Kafka has acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Records that Kafka has refused or not taken in time.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// How batches of records are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Compression {
    /// Fast.
    #[default]
    Lz4,
    /// Smaller, at more cost.
    Zstd,
    /// Not at all.
    None,
}

impl Compression {
    /// The name that librdkafka knows it by.
    fn as_str(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::None => "none",
        }
    }
}

/// What became of an offer to the producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// It took the record.
    Taken,
    /// Its queue is full; the same again later.
    Full,
}

#[derive(Clone, Default)]
struct Counting {
    deliveries: Arc<Deliveries>,
    /// Whether an outage has been told in the log and not yet its end.
    outage_told: Arc<AtomicBool>,
}

impl ClientContext for Counting {
    /// librdkafka's own lines come with every attempt to connect; [`Self::error`] tells what matters.
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let is_outage = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        if is_outage && !self.outage_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "Kafka cannot be reached; records wait in the queue and are retried");
        } else {
            tracing::debug!(%error, reason, "librdkafka");
        }
    }
}

impl ProducerContext for Counting {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.deliveries.acknowledged.fetch_add(1, Ordering::Relaxed);
                if self.outage_told.swap(false, Ordering::Relaxed) {
                    tracing::info!("Kafka takes records again");
                }
            }
            Err((error, _)) => {
                if self.deliveries.failed.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::error!(%error, "Kafka did not take a record; further ones are only counted");
                }
            }
        }
    }
}

/// An idempotent producer with a thread of its own that serves deliveries.
pub struct Producer {
    inner: ThreadedProducer<Counting>,
    deliveries: Arc<Deliveries>,
    bus: Bus,
}

impl Producer {
    /// Builds a producer that packs by lz4.
    ///
    /// # Errors
    /// [`BusError::Failed`] when librdkafka refuses the settings.
    pub fn new(bus: &Bus) -> Result<Self, BusError> {
        Self::compressing(bus, Compression::default())
    }

    /// Builds a producer.
    ///
    /// # Errors
    /// As [`Producer::new`].
    pub fn compressing(bus: &Bus, compression: Compression) -> Result<Self, BusError> {
        let context = Counting::default();
        let deliveries = context.deliveries.clone();
        let inner = bus
            .client_config()
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // Java's default; librdkafka's own differs, and `model::event::door` checks for this one.
            .set("partitioner", "murmur2_random")
            .set("compression.type", compression.as_str())
            .set("linger.ms", "5")
            .set("queue.buffering.max.messages", QUEUE_MESSAGES_MAX)
            .set("delivery.timeout.ms", DELIVERY_TIMEOUT_MS)
            .create_with_context(context)
            .map_err(|source| bus.failed("start a producer", source))?;
        Ok(Self { inner, deliveries, bus: bus.clone() })
    }

    /// Hands a record over; waits where the queue is full. The topic is named without the prefix, and the
    /// key decides the partition.
    ///
    /// # Errors
    /// [`BusError::Failed`] for anything but a full queue.
    pub fn send(&self, topic: &str, key: &[u8], payload: &[u8]) -> Result<(), BusError> {
        while self.offer(topic, key, payload)? == Offer::Full {
            std::thread::sleep(QUEUE_FULL_WAIT);
        }
        Ok(())
    }

    /// As [`Producer::send`], but leaves the waiting to the caller.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub fn offer(&self, topic: &str, key: &[u8], payload: &[u8]) -> Result<Offer, BusError> {
        let topic = self.bus.name(topic);
        self.take(BaseRecord::to(&topic).key(key).payload(payload))
    }

    /// As [`Producer::offer`], for a topic by its full name, and a partition where the key shall not decide it.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub fn offer_to(
        &self,
        topic: &str,
        partition: Option<i32>,
        key: &[u8],
        payload: &[u8],
    ) -> Result<Offer, BusError> {
        let record = BaseRecord::to(topic).key(key).payload(payload);
        self.take(partition.into_iter().fold(record, BaseRecord::partition))
    }

    /// As [`Producer::offer`], for a record without a key in one partition.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub fn offer_to_partition(&self, topic: &str, partition: i32, payload: &[u8]) -> Result<Offer, BusError> {
        let topic = self.bus.name(topic);
        self.take(BaseRecord::<[u8], [u8]>::to(&topic).partition(partition).payload(payload))
    }

    /// As [`Producer::offer`], for a record with headers.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub fn offer_with_headers(
        &self,
        topic: &str,
        key: &[u8],
        payload: &[u8],
        headers: &[(&str, &[u8])],
    ) -> Result<Offer, BusError> {
        let topic = self.bus.name(topic);
        let empty = OwnedHeaders::new_with_capacity(headers.len());
        let headers =
            headers.iter().fold(empty, |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
        self.take(BaseRecord::to(&topic).key(key).payload(payload).headers(headers))
    }

    fn take(&self, record: BaseRecord<'_, [u8], [u8]>) -> Result<Offer, BusError> {
        match self.inner.send(record) {
            Ok(()) => Ok(Offer::Taken),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(Offer::Full),
            Err((source, _)) => Err(self.bus.failed("take a record", source)),
        }
    }

    /// Waits until everything handed over is acknowledged or has failed.
    ///
    /// # Errors
    /// [`BusError::Failed`] when it takes longer than `patience`.
    pub fn flush(&self, patience: Duration) -> Result<(), BusError> {
        self.inner.flush(patience).map_err(|source| self.bus.failed("acknowledge all records", source))
    }

    /// What became of the records so far.
    pub fn deliveries(&self) -> &Arc<Deliveries> {
        &self.deliveries
    }

    /// Records that wait for their acknowledgement now.
    pub fn in_flight(&self) -> i32 {
        self.inner.in_flight_count()
    }
}
