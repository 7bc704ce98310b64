//! The raw topics: what they hold, and records that a test adds to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use shoplens::bus::{DEAD_LETTERS, Producer};
use shoplens::model::event::door::{Door, Place};
use shoplens::model::event::{Event, Record, Stream, parse};
use shoplens::model::time::Timestamp;
use uuid::Uuid;

use crate::shop::{PATIENCE, Shop};

/// Topic (without prefix), partition, offset.
pub type At = (String, i32, i64);

/// What the event topics hold, read in a plain way.
#[derive(Default)]
pub struct Topics {
    /// All records.
    pub records: u64,
    /// Distinct events.
    pub events: BTreeMap<Uuid, Event>,
    /// Events that lie there more than once.
    pub repeated: u64,
    /// Records that cannot be used.
    pub corrupt: BTreeSet<At>,
}

/// A consumer without a group of its own, at the beginning of all partitions of these topics; and how many
/// records there are.
fn reader(shop: &Shop, topics: &[String]) -> (BaseConsumer, u64) {
    let mut config = rdkafka::ClientConfig::new();
    config
        .set("bootstrap.servers", &shop.servers.kafka.kafka_bootstrap_servers)
        .set("group.id", format!("{}chaos", shop.prefix))
        .set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut list = TopicPartitionList::new();
    let mut count = 0;
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
        for partition in metadata.topics()[0].partitions() {
            let (first, end) = first_and_end(&consumer, topic, partition.id());
            count += u64::try_from(end - first).unwrap();
            list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
        }
    }
    consumer.assign(&list).unwrap();
    (consumer, count)
}

/// Waits for the leader of a partition that was just made.
fn first_and_end(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match consumer.fetch_watermarks(topic, partition, PATIENCE) {
            Ok(offsets) => return offsets,
            Err(error) => assert!(Instant::now() < deadline, "{topic} {partition}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn read_all(shop: &Shop, topics: &[String], mut take: impl FnMut(OwnedMessage)) {
    let (consumer, count) = reader(shop, topics);
    (0..count).for_each(|_| take(consumer.poll(PATIENCE).unwrap().unwrap().detach()));
}

/// Reads everything that the event topics hold.
pub fn topics(shop: &Shop, door: Door) -> Topics {
    let mut found = Topics::default();
    read_all(shop, &Stream::ALL.map(|stream| shop.bus.topic(stream)), |message| {
        found.records += 1;
        match usable(shop, door, &message) {
            Some(Record::Event(event)) => {
                let before = found.events.insert(event.event_id, *event);
                found.repeated += u64::from(before.is_some());
            }
            Some(Record::Tick(_)) => {}
            None => {
                let topic = message.topic().trim_start_matches(&shop.prefix).to_owned();
                found.corrupt.insert((topic, message.partition(), message.offset()));
            }
        }
    });
    found
}

fn usable(shop: &Shop, door: Door, message: &OwnedMessage) -> Option<Record> {
    let record = parse(message.payload().unwrap_or_default()).ok()?;
    if let Record::Event(event) = &record {
        let place = Place {
            stream: *Stream::ALL.iter().find(|stream| shop.bus.topic(**stream) == message.topic())?,
            partition: message.partition(),
            key: message.key().unwrap_or_default(),
            appended_at: Timestamp::from_millis(message.timestamp().to_millis()?),
        };
        door.check(event, place).ok()?;
    }
    Some(record)
}

/// Where the dead letters came from, and how many lie there: the same one may have been written twice.
pub fn dead_letters(shop: &Shop) -> (BTreeSet<At>, u64) {
    let (mut origins, mut count) = (BTreeSet::new(), 0);
    read_all(shop, &[shop.bus.name(DEAD_LETTERS)], |message| {
        let headers = message.headers().unwrap();
        let header = |name: &str| {
            let value = headers.iter().find(|header| header.key == name).and_then(|header| header.value);
            String::from_utf8(value.unwrap().to_vec()).unwrap()
        };
        let (partition, offset) = (header("partition").parse().unwrap(), header("offset").parse().unwrap());
        origins.insert((header("topic"), partition, offset));
        count += 1;
    });
    (origins, count)
}

/// Marks an added record, so that it is not the pattern of another.
const MARK: (&str, &[u8]) = ("added-by", b"chaos");
/// How much older late events are: more than any lateness but that of orders.
const LATE_BY: TimeDelta = TimeDelta::days(1);
/// One late event is added for so many records.
const LATE_EVERY: u64 = 70;

/// Adds late events to the traffic in `product-events` until told to stop, and gives their ids. Each is new, and
/// a day older than the event before it in the same partition. The generator's own come a quarter of an hour
/// after their time, when a test is over.
pub fn add_late_events(shop: &Shop, door: Door, stop: &AtomicBool) -> BTreeSet<String> {
    let (consumer, _) = reader(shop, &[shop.bus.topic(Stream::Product)]);
    let producer = Producer::new(&shop.bus).unwrap();
    let mut added = BTreeSet::new();
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        // An outage of Kafka is none of this function's business.
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.detach();
        let Some(Record::Event(event)) = usable(shop, door, &message) else { continue };
        number += u64::from(message.headers().is_none());
        if message.headers().is_none() && number.is_multiple_of(LATE_EVERY) {
            let (id, late) = made_late(message.payload().unwrap());
            let key = event.visitor().as_bytes();
            producer.offer_with_headers(Stream::Product.topic(), key, &late, &[MARK]).unwrap();
            added.insert(id);
        }
    }
    producer.flush(PATIENCE).unwrap();
    assert_eq!(producer.deliveries().failed(), 0);
    added
}

/// Another event in another visit a day before.
fn made_late(payload: &[u8]) -> (String, Vec<u8>) {
    let mut event: Value = serde_json::from_slice(payload).unwrap();
    let mut happened = Timestamp::MIN;
    for field in ["timestamp", "session_started_at"] {
        let at: Timestamp = serde_json::from_value(event[field].clone()).unwrap();
        event[field] = serde_json::to_value(at - LATE_BY).unwrap();
        happened = happened.max(at - LATE_BY);
    }
    // The search that led there would lie after it.
    event.as_object_mut().unwrap().remove("attribution");
    let id = id_of(happened);
    event["event_id"] = id.clone().into();
    event["session_id"] = Uuid::now_v7().to_string().into();
    (id, serde_json::to_vec(&event).unwrap())
}

/// An event's id names the time of the event.
fn id_of(happened: Timestamp) -> String {
    let millis = u64::try_from(happened.millis()).unwrap();
    let nanos = u32::try_from(millis % 1_000).unwrap() * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix_time(millis / 1_000, nanos, 0, 0)).to_string()
}
