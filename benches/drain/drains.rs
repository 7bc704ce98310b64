//! The yardsticks: reading every record, and decoding it.

use std::time::Duration;

use anyhow::Context;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use shoplens::bus::Bus;
use shoplens::model::event::{Stream, parse};

const PATIENCE: Duration = Duration::from_secs(10);

/// Reads so many records of all event topics with the processor's own consumer settings.
pub fn drain(
    brokers: &str,
    bus: &Bus,
    events: u64,
    decode: bool,
) -> impl FnOnce() -> anyhow::Result<()> + use<> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("group.id", bus.name("bench"))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.min.bytes", "65536")
        .set("fetch.wait.max.ms", "50")
        .set("queued.max.messages.kbytes", "16384");
    let topics = Stream::ALL.map(|stream| bus.topic(stream));
    move || {
        let consumer: BaseConsumer = config.create()?;
        consumer.assign(&everything(&consumer, &topics)?)?;
        let mut decoded = 0;
        for _ in 0..events {
            let message = consumer.poll(PATIENCE).context("the topics hold less than was sent")??;
            if decode {
                decoded += u64::from(parse(message.payload().unwrap_or_default()).is_ok());
            }
        }
        anyhow::ensure!(!decode || decoded == events, "{decoded} of {events} events can be decoded");
        Ok(())
    }
}

fn everything(consumer: &BaseConsumer, topics: &[String]) -> anyhow::Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
        }
    }
    Ok(list)
}
