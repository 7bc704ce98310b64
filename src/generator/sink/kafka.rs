//! The event topics.

use std::time::Duration;

use crate::bus::{Bus, BusError, Compression, Offer, Producer};
use crate::generator::sink::{Offered, Record, Standing};
use crate::model::event::Stream;

/// Records are offered to an idempotent producer, which sends them in batches.
pub struct KafkaSink {
    producer: Producer,
    partitions: i32,
    /// The topics' full names.
    topics: [(Stream, String); 3],
}

impl KafkaSink {
    /// Makes the topics where they are not there.
    ///
    /// # Errors
    /// When Kafka refuses them, or its client the settings.
    pub async fn open(bus: &Bus, compression: Compression) -> Result<Self, BusError> {
        let partitions = bus.ensure_topics().await?;
        let topics = Stream::ALL.map(|stream| (stream, bus.topic(stream)));
        Ok(Self { producer: Producer::compressing(bus, compression)?, partitions, topics })
    }

    /// As [`Sink::offer`](super::Sink::offer).
    pub fn offer(&mut self, record: &Record) -> anyhow::Result<Offered> {
        let topic = self.topics.iter().find(|(stream, _)| *stream == record.stream);
        let topic = topic.map_or("", |(_, name)| name.as_str());
        let offer = self.producer.offer_to(topic, record.partition, &record.key, &record.payload)?;
        Ok(match offer {
            Offer::Taken => Offered::Taken,
            Offer::Full => Offered::Full,
        })
    }

    /// As [`Sink::flush`](super::Sink::flush).
    pub fn flush(&self, patience: Duration) -> bool {
        self.producer.flush(patience).is_ok()
    }

    /// How it is doing.
    pub fn standing(&self) -> Standing {
        let deliveries = self.producer.deliveries();
        Standing {
            acknowledged: deliveries.acknowledged(),
            failed: deliveries.failed(),
            queue: u64::try_from(self.producer.in_flight()).unwrap_or_default(),
            closed: false,
        }
    }

    /// Partitions of each topic.
    pub fn partitions(&self) -> i32 {
        self.partitions
    }
}
