//! A shop whose topics have one partition, and records made by hand for them.

use std::sync::LazyLock;

use chrono::TimeDelta;
use clap::Parser;
use serde_json::{Value, json};
use shoplens::bus::Producer;
use shoplens::model::event::{Event, Stream};
use shoplens::model::money::Currency;
use shoplens::model::time::{MINUTE_MS, Timestamp};
use shoplens::stream::condition::Conditions;
use shoplens::stream::run::{Edges, ProcessorSettings, run};
use uuid::Uuid;

use crate::live::shop::{PATIENCE, Servers, Shop, with_shop_on};

/// The key of all records.
pub const KEY: &str = "c1";

/// The minute of six hours ago, or so many minutes later.
pub fn minute(number: i64) -> Timestamp {
    /// The same for the whole run.
    static START: LazyLock<Timestamp> =
        LazyLock::new(|| (Timestamp::now() - TimeDelta::hours(6)).floor_to(MINUTE_MS));
    *START + TimeDelta::minutes(number)
}

/// Runs a test with a shop whose topics have one partition.
pub async fn with_small_log(test: impl AsyncFnOnce(&Shop, &Log)) {
    dotenvy::dotenv().ok();
    let mut servers = Servers::parse_from(["it"]);
    servers.kafka.kafka_partitions = 1;
    with_shop_on(servers, async |shop| {
        shop.bus.ensure_topics().await.unwrap();
        let log = Log { producer: Producer::new(&shop.bus).unwrap() };
        test(shop, &log).await;
    })
    .await;
}

/// Writes records.
pub struct Log {
    producer: Producer,
}

impl Log {
    /// Adds an event at this time, of a visit that begins with it. Gives its bytes.
    pub fn event(&self, kind: &str, at: Timestamp) -> Vec<u8> {
        self.event_in(kind, at, "EUR")
    }

    /// As [`Log::event`], with amounts in another currency.
    pub fn event_in(&self, kind: &str, at: Timestamp, currency: &str) -> Vec<u8> {
        let mut event = event(kind, at);
        if event.get("currency").is_some() {
            event["currency"] = currency.into();
        }
        let payload = event.to_string().into_bytes();
        self.record(stream(kind), &payload);
        payload
    }

    /// Adds many events, each of a visit of its own.
    pub fn events(&self, kind: &str, at: impl Iterator<Item = Timestamp>) {
        for at in at {
            let payload = event(kind, at).to_string();
            self.producer.send(stream(kind).topic(), KEY.as_bytes(), payload.as_bytes()).unwrap();
        }
        self.producer.flush(PATIENCE).unwrap();
    }

    /// Adds a record of any bytes.
    pub fn record(&self, stream: Stream, payload: &[u8]) {
        self.producer.send(stream.topic(), KEY.as_bytes(), payload).unwrap();
        self.producer.flush(PATIENCE).unwrap();
    }

    /// Adds these events, in this order in each topic.
    pub fn write(&self, events: &[Value]) {
        for event in events {
            let topic = stream(event["event_type"].as_str().unwrap()).topic();
            self.producer.send(topic, KEY.as_bytes(), event.to_string().as_bytes()).unwrap();
        }
        self.producer.flush(PATIENCE).unwrap();
    }

    /// Adds these events of whatever visitors.
    pub fn simulated(&self, events: &[Event]) {
        for event in events {
            let (topic, payload) = (event.event_type().stream().topic(), serde_json::to_vec(event).unwrap());
            self.producer.send(topic, event.visitor().as_bytes(), &payload).unwrap();
        }
        self.producer.flush(PATIENCE).unwrap();
    }

    /// Adds a record with headers to any topic.
    pub fn record_with_headers(&self, topic: &str, payload: &[u8], headers: &[(&str, &[u8])]) {
        self.producer.offer_with_headers(topic, KEY.as_bytes(), payload, headers).unwrap();
        self.producer.flush(PATIENCE).unwrap();
    }

    /// Adds one event of every topic at this time, so that everything three hours before it is closed.
    pub fn close(&self, at: Timestamp) {
        ["search", "view", "purchase"].iter().for_each(|kind| drop(self.event(kind, at)));
    }
}

fn stream(kind: &str) -> Stream {
    match kind {
        "search" => Stream::Search,
        "view" | "add_to_cart" => Stream::Product,
        _ => Stream::Order,
    }
}

/// A new id of an event at this time.
pub fn event_id(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.millis()).unwrap();
    let nanos = u32::try_from(millis % 1_000).unwrap() * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix_time(millis / 1_000, nanos, 0, 0))
}

fn event(kind: &str, at: Timestamp) -> Value {
    let id = event_id(at);
    let item = json!({
        "product_id": "p-1", "category": "home.chairs", "brand": "Arbor", "unit_price_cents": 500, "quantity": 1,
    });
    let what = match kind {
        "search" => json!({
            "query_id": "q1", "intent_id": "q1", "query": "chair", "result_count": 1, "result_ids": ["p-1"],
        }),
        "view" | "add_to_cart" => item,
        _ => json!({ "order_id": format!("o-{id}"), "total_cents": 500, "items": [item] }),
    };
    let mut event = json!({
        "event_type": kind, "timestamp": at, "event_id": id, "schema_version": 1, "client_id": KEY,
        "session_id": format!("s-{id}"), "session_started_at": at,
    });
    event.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
    if kind != "search" {
        event["currency"] = "EUR".into();
    }
    event
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    processor: ProcessorSettings,
}

/// Processes everything that the topics hold.
pub async fn drain(shop: &Shop, currency: Currency) {
    drain_with(shop, currency, &["--flush-interval-ms", "100"]).await;
}

/// The same with these settings of the processor.
pub async fn drain_with(shop: &Shop, currency: Currency, settings: &[&str]) {
    let usual = ["processor", "--until-drained"];
    let settings = Line::parse_from(usual.iter().chain(settings)).processor;
    let (store, bus) = (shop.store.clone(), shop.bus.clone());
    let edges = Edges { store, bus, conditions: Conditions::default() };
    run(&settings, edges, currency, std::future::pending()).await.unwrap();
}
