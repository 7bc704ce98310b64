//! Computes trends, funnels and fraud signals from the event topics, exactly once.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use shoplens::config::{
    self, ElasticsearchSettings, FraudRulesSettings, KafkaSettings, MetricsSettings, ShopSettings,
};
use shoplens::http::{health, metrics};
use shoplens::stream::condition::Conditions;
use shoplens::stream::run::{Edges, ProcessorSettings, run};
use shoplens::{bus::Bus, store::Store};

/// Every window is made of many small things that come and go.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Computes trends, funnels and fraud signals from the event topics, exactly once.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    processor: ProcessorSettings,
    #[command(flatten)]
    fraud_rules: FraudRulesSettings,
    #[command(flatten)]
    shop: ShopSettings,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    #[command(flatten)]
    kafka: KafkaSettings,
    #[command(flatten)]
    metrics: MetricsSettings,
}

fn main() -> ExitCode {
    config::run(process)
}

async fn process(settings: Settings) -> anyhow::Result<()> {
    settings.fraud_rules.put_in_force()?;
    let store = Store::new(&settings.elasticsearch, &settings.shop.prefix)?;
    let bus = Bus::new(&settings.kafka, &settings.shop.prefix)?;
    let edges = Edges { store: store.clone(), bus: bus.clone(), conditions: Conditions::default() };
    serve_metrics(&settings.metrics, &edges).await?;
    store.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    bus.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    run(&settings.processor, edges, settings.shop.currency, shoplens::shutdown::requested()).await
}

async fn serve_metrics(settings: &MetricsSettings, edges: &Edges) -> anyhow::Result<()> {
    let conditions = edges.conditions.clone();
    let health = health::Api::new(edges.store.clone(), edges.bus.clone());
    let health = health.with_own(Box::new(move || conditions.dependencies()));
    metrics::start(settings, health).await?;
    shoplens::store::metrics::describe();
    shoplens::stream::metrics::describe();
    Ok(())
}
