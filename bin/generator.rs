//! Simulates the shop's visitors and sends what they do to Kafka.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use shoplens::bus::Bus;
use shoplens::catalog::shelf;
use shoplens::config::{self, ElasticsearchSettings, KafkaSettings, ShopSettings};
use shoplens::model::time::Timestamp;
use shoplens::shutdown;
use shoplens::store::Store;
use shoplens::traffic::{self, Report, TrafficSettings};

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
    print(&report, settings.traffic.report_json.as_deref())?;
    ensure!(report.failed == 0, "Kafka did not take {} of {} records", report.failed, report.total);
    Ok(())
}

/// The report as text, and as JSON where it was asked for; standard output holds only one of them.
fn print(report: &Report, json: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = json else {
        println!("{report}");
        return Ok(());
    };
    let json = serde_json::to_string_pretty(report)?;
    if path == Path::new("-") {
        eprintln!("{report}");
        println!("{json}");
        return Ok(());
    }
    println!("{report}");
    fs::write(path, json + "\n").with_context(|| format!("writing the report to {}", path.display()))
}
