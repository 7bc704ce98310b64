//! Computes trends, funnels and fraud signals from the event topics, exactly once.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use shoplens::bus::Bus;
use shoplens::config::{self, ElasticsearchSettings, KafkaSettings, ShopSettings};
use shoplens::store::Store;
use shoplens::stream::run::{ProcessorSettings, run};

/// Computes trends, funnels and fraud signals from the event topics, exactly once.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    processor: ProcessorSettings,
    #[command(flatten)]
    shop: ShopSettings,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    #[command(flatten)]
    kafka: KafkaSettings,
}

fn main() -> ExitCode {
    config::run(process)
}

async fn process(settings: Settings) -> anyhow::Result<()> {
    let store = Store::new(&settings.elasticsearch, &settings.shop.prefix)?;
    let bus = Bus::new(&settings.kafka, &settings.shop.prefix)?;
    store.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    bus.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    run(&settings.processor, store, bus, settings.shop.currency, shoplens::shutdown::requested()).await
}
