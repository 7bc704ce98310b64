//! Simulates the shop's visitors and sends what they do to Kafka.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use shoplens::bus::Bus;
use shoplens::catalog::shelf;
use shoplens::config::{self, ElasticsearchSettings, KafkaSettings, ShopSettings};
use shoplens::model::time::Timestamp;
use shoplens::shutdown;
use shoplens::store::Store;
use shoplens::traffic::{self, TrafficSettings};

/// Simulates the shop's visitors and sends what they do to Kafka.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    traffic: TrafficSettings,
    #[command(flatten)]
    shop: ShopSettings,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    #[command(flatten)]
    kafka: KafkaSettings,
}

fn main() -> ExitCode {
    config::run(generate)
}

async fn generate(settings: Settings) -> anyhow::Result<()> {
    // Before any server is waited for: settings that contradict each other are told at once.
    settings.traffic.pace(Timestamp::now())?;
    let currency = settings.shop.currency;
    let store = Store::new(&settings.elasticsearch, &settings.shop.prefix)?;
    let bus = Bus::new(&settings.kafka, &settings.shop.prefix)?;
    store.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    bus.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    bus.ensure_topics().await?;
    let shelf = shelf::read(&store, currency).await?;
    let report = traffic::run(&bus, shelf, currency, &settings.traffic, shutdown::requested()).await?;
    traffic::publish(&report, settings.traffic.report_json.as_deref())?;
    ensure!(report.failed == 0, "Kafka did not take {} of {} records", report.failed, report.total);
    Ok(())
}
