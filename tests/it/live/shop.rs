//! A shop for one test: the real servers under a prefix of its own, cleared away afterwards.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use clap::Parser;
use futures_util::FutureExt;
use shoplens::bus::Bus;
use shoplens::config::{ElasticsearchSettings, KafkaSettings};
use shoplens::store::Store;

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
    // As the programs do, which some tests start: the same servers for both.
    dotenvy::dotenv().ok();
    with_shop_on(Servers::parse_from(["it"]), test).await;
}

/// As [`with_shop`], on servers of one's choice.
pub async fn with_shop_on(servers: Servers, test: impl AsyncFnOnce(&Shop)) {
    let prefix = format!("t{}-", &uuid::Uuid::now_v7().simple().to_string()[20..]);
    let store = Store::new(&servers.elasticsearch, &prefix).unwrap();
    let bus = Bus::new(&servers.kafka, &prefix).unwrap();
    store.wait_until_ready(PATIENCE).await.expect("run scripts/services up first");
    bus.wait_until_ready(PATIENCE).await.expect("run scripts/services up first");
    let shop = Shop { prefix, servers, store, bus };
    let outcome = AssertUnwindSafe(test(&shop)).catch_unwind().await;
    let cleared = (shop.store.remove_all().await, shop.bus.remove_all().await);
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
    assert!(matches!(cleared, (Ok(_), Ok(_))), "the shop could not be cleared away: {cleared:?}");
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
