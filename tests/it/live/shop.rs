//! A shop for one test: the real servers under a prefix of its own, cleared away afterwards.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use clap::Parser;
use futures_util::FutureExt;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;
use shoplens::bus::Bus;
use shoplens::config::{ElasticsearchSettings, KafkaSettings};
use shoplens::store::{Method, Store};

/// Longest wait for anything that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How to reach the servers, read from the environment as the programs read it.
#[derive(Debug, Clone, Parser)]
pub struct Servers {
    #[command(flatten)]
    pub elasticsearch: ElasticsearchSettings,
    #[command(flatten)]
    pub kafka: KafkaSettings,
}

/// The real servers under a prefix of their own.
pub struct Shop {
    pub prefix: String,
    pub servers: Servers,
    pub store: Store,
    pub bus: Bus,
}

/// Runs a test with a shop of its own, and clears the shop away whether the test passes or not.
pub async fn with_shop(test: impl AsyncFnOnce(&Shop)) {
    let servers = Servers::parse_from(["it"]);
    let prefix = format!("t{}-", &uuid::Uuid::now_v7().simple().to_string()[20..]);
    let store = Store::new(&servers.elasticsearch, &prefix).unwrap();
    let bus = Bus::new(&servers.kafka, &prefix).unwrap();
    store.wait_until_ready(PATIENCE).await.expect("run scripts/services up first");
    bus.wait_until_ready(PATIENCE).await.expect("run scripts/services up first");
    let shop = Shop { prefix, servers, store, bus };
    let outcome = AssertUnwindSafe(test(&shop)).catch_unwind().await;
    shop.clear().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Asks again and again until the answer is `Some`; panics after [`PATIENCE`].
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Shop {
    async fn clear(&self) {
        let indices: Vec<Value> =
            self.list(&format!("/_cat/indices/{}*?format=json&h=index", self.prefix)).await;
        for index in indices.iter().filter_map(|row| row["index"].as_str()) {
            self.delete(&format!("/{index}")).await;
        }
        let templates: Vec<Value> =
            self.list(&format!("/_cat/templates/{}*?format=json&h=name", self.prefix)).await;
        for template in templates.iter().filter_map(|row| row["name"].as_str()) {
            self.delete(&format!("/_index_template/{template}")).await;
        }
        self.delete_topics().await;
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        self.store.send("list what to clear away", Method::Get, path, None).await.unwrap_or_default()
    }

    async fn delete(&self, path: &str) {
        let _: Result<Value, _> = self.store.send("clear away", Method::Delete, path, None).await;
    }

    async fn delete_topics(&self) {
        let mut config = rdkafka::ClientConfig::new();
        config.set("bootstrap.servers", &self.servers.kafka.kafka_bootstrap_servers);
        let consumer: BaseConsumer = config.create().unwrap();
        let Ok(metadata) = consumer.fetch_metadata(None, PATIENCE) else { return };
        let names: Vec<&str> = metadata
            .topics()
            .iter()
            .map(|topic| topic.name())
            .filter(|name| name.starts_with(&self.prefix))
            .collect();
        let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
        let _ = admin.delete_topics(&names, &AdminOptions::new()).await;
    }
}
