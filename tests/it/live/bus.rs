//! Topics and records on the real Kafka.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use shoplens::bus::{BusError, Producer};
use shoplens::model::event::Stream;
use shoplens::model::event::door::partition_of;

use crate::live::shop::{PATIENCE, eventually, with_shop};

#[tokio::test]
async fn topics_are_made_once_with_the_same_partitions() {
    with_shop(async |shop| {
        assert_eq!(shop.bus.ensure_topics().await.unwrap(), 12);
        assert_eq!(shop.bus.ensure_topics().await.unwrap(), 12);
    })
    .await;
}

#[tokio::test]
async fn a_record_lands_in_the_partition_that_the_door_expects() {
    with_shop(async |shop| {
        let partitions = shop.bus.ensure_topics().await.unwrap();
        let producer = Producer::new(&shop.bus).unwrap();
        for n in 0..50 {
            producer.send(Stream::Search.topic(), format!("visitor-{n}").as_bytes(), b"{}").unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        assert_eq!((producer.deliveries().acknowledged(), producer.deliveries().failed()), (50, 0));
        let mut expected = vec![0; 12];
        for n in 0..50 {
            expected[partition_of(format!("visitor-{n}").as_bytes(), partitions) as usize] += 1;
        }
        let mut config = rdkafka::ClientConfig::new();
        config.set("bootstrap.servers", &shop.servers.kafka.kafka_bootstrap_servers);
        let consumer: BaseConsumer = config.create().unwrap();
        let topic = shop.bus.topic(Stream::Search);
        let lengths: Vec<i64> = (0..partitions)
            .map(|p| consumer.fetch_watermarks(&topic, p, Duration::from_secs(10)).unwrap().1)
            .collect();
        assert_eq!(lengths, expected);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_removed_while_a_program_reads() {
    with_shop(async |shop| {
        shop.bus.ensure_topics().await.unwrap();
        let mut config = rdkafka::ClientConfig::new();
        config.set("bootstrap.servers", &shop.servers.kafka.kafka_bootstrap_servers);
        let group = shop.bus.name("reader");
        let consumer: BaseConsumer = config.set("group.id", &group).create().unwrap();
        consumer.subscribe(&[&shop.bus.topic(Stream::Search)]).unwrap();
        eventually("the reader joins its group", async || {
            drop(consumer.poll(Duration::from_millis(50)));
            consumer.assignment().unwrap().count().checked_sub(1)
        })
        .await;
        let error = shop.bus.remove_all().await.unwrap_err();
        assert!(matches!(&error, BusError::GroupInUse { group: named } if *named == group), "{error}");
        drop(consumer);
        // Those of the events, dead letters and fraud signals.
        let topics = Stream::ALL.len() + 2;
        assert_eq!(shop.bus.remove_all().await.unwrap(), topics + 1);
    })
    .await;
}
