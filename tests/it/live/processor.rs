//! The processor on the real servers: what becomes of records that cannot be used.

use std::collections::BTreeMap;

use clap::Parser;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use shoplens::bus::{DEAD_LETTERS, Producer};
use shoplens::model::event::Stream;
use shoplens::model::money::Currency;
use shoplens::store::Missing;
use shoplens::stream::condition::Conditions;
use shoplens::stream::run::{Edges, ProcessorSettings, run};

use crate::live::shop::{PATIENCE, Shop, with_shop};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    processor: ProcessorSettings,
}

async fn drain(shop: &Shop) {
    let settings = Line::parse_from(["processor", "--until-drained"]).processor;
    let (store, bus) = (shop.store.clone(), shop.bus.clone());
    let edges = Edges { store, bus, conditions: Conditions::default() };
    run(&settings, edges, Currency::EUR, std::future::pending()).await.unwrap();
}

/// Every dead letter: its bytes by its reason and key.
fn dead_letters(shop: &Shop) -> BTreeMap<(String, String), Vec<u8>> {
    let mut config = rdkafka::ClientConfig::new();
    config
        .set("bootstrap.servers", &shop.servers.kafka.kafka_bootstrap_servers)
        .set("group.id", &shop.prefix);
    let consumer: BaseConsumer = config.create().unwrap();
    let topic = shop.bus.name(DEAD_LETTERS);
    let (_, end) = consumer.fetch_watermarks(&topic, 0, PATIENCE).unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let mut letters = BTreeMap::new();
    for _ in 0..end {
        let message = consumer.poll(PATIENCE).unwrap().unwrap();
        let headers = message.headers().unwrap();
        let header = |name: &str| {
            let found = headers.iter().find(|header| header.key == name).and_then(|header| header.value);
            String::from_utf8(found.unwrap().to_vec()).unwrap()
        };
        letters.insert((header("reason"), header("key")), message.payload().unwrap().to_vec());
    }
    letters
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_cannot_be_used_become_dead_letters_as_they_were_and_only_once() {
    with_shop(async |shop| {
        shop.bus.ensure_topics().await.unwrap();
        let producer = Producer::new(&shop.bus).unwrap();
        let records: [(&str, &str, &[u8]); 4] = [
            ("unreadable", "a", b"\xff\x00 not even text"),
            ("unreadable", "b", b"{\"event_type\":\"glance\"}"),
            ("missing_field", "c", br#"{"event_type":"view","timestamp":"2026-11-21T00:00:00.000Z"}"#),
            ("unknown_version", "d", br#"{"event_type":"view","timestamp":"2026-11-21T00:00:00.000Z","schema_version":9}"#),
        ];
        for (_, key, payload) in &records {
            producer.send(Stream::Product.topic(), key.as_bytes(), payload).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        // Twice: what was handled must not be handled again.
        drain(shop).await;
        drain(shop).await;
        let expected = records.map(|(reason, key, payload)| ((reason.to_owned(), key.to_owned()), payload.to_vec()));
        assert_eq!(dead_letters(shop), expected.into());
        shop.store.refresh("processor-frontiers").await.unwrap();
        let sum = json!({ "size": 0, "query": { "term": { "group": "sessions" } }, "aggs": { "dead": { "sum": { "field": "ledger.dead" } } } });
        let found: Value = shop.store.search("sum", "processor-frontiers", Missing::IsError, &sum).await.unwrap();
        assert_eq!(found["aggregations"]["dead"]["value"], 4.0);
    })
    .await;
}
