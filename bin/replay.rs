//! Sends dead letters back and repairs windows that events came too late for.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use shoplens::bus::Bus;
use shoplens::config::{
    self, ElasticsearchSettings, FraudRulesSettings, GenerationSettings, KafkaSettings, ShopSettings,
};
use shoplens::replay::{Task, replay};
use shoplens::store::Store;

/// Sends dead letters back and repairs windows that events came too late for.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(subcommand)]
    task: Task,
    #[command(flatten)]
    fraud_rules: FraudRulesSettings,
    #[command(flatten)]
    generation: GenerationSettings,
    #[command(flatten)]
    shop: ShopSettings,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    #[command(flatten)]
    kafka: KafkaSettings,
}

fn main() -> ExitCode {
    config::run(mend)
}

async fn mend(settings: Settings) -> anyhow::Result<()> {
    settings.fraud_rules.put_in_force()?;
    let store = Store::new(&settings.elasticsearch, &settings.shop.prefix)?;
    let bus = Bus::new(&settings.kafka, &settings.shop.prefix)?;
    store.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    bus.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    let results = store.results(settings.generation.generation.as_ref()).await?;
    replay(settings.task, results, bus, settings.shop.currency).await
}
