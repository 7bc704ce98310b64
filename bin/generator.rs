//! Simulates the shop's visitors and sends what they do to Kafka, a file or a collector.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use shoplens::bus::Bus;
use shoplens::catalog::shelf;
use shoplens::config::{self, ElasticsearchSettings, KafkaSettings, STARTUP_WAIT, ShopSettings};
use shoplens::generator::{self, GeneratorSettings};
use shoplens::model::time::Timestamp;
use shoplens::{say, shutdown, store::Store};

/// The simulation makes and drops many small things.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Simulates the shop's visitors and sends what they do to Kafka, a file or a collector.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    traffic: GeneratorSettings,
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
    let Settings { traffic, shop, elasticsearch, kafka } = settings;
    if traffic.list {
        say!("{}", generator::list()?);
        return Ok(());
    }
    // Before any server is waited for: settings that contradict each other are told at once.
    traffic.pace(&traffic.scenario()?, Timestamp::now())?;
    let bus = Bus::new(&kafka, &shop.prefix)?;
    let shelf = match traffic.built_in_catalogue {
        Some(products) => shelf::built_in(products, shop.currency)?,
        None => {
            let store = Store::new(&elasticsearch, &shop.prefix)?;
            store.wait_until_ready(STARTUP_WAIT).await.context("starting")?;
            shelf::read(&store, shop.currency).await?
        }
    };
    if traffic.needs_kafka() {
        bus.wait_until_ready(STARTUP_WAIT).await.context("starting")?;
    }
    let report = generator::run(&bus, shelf, shop.currency, &traffic, shutdown::requested()).await?;
    generator::publish(&report, traffic.report_json(), traffic.writes_to_stdout())?;
    ensure!(report.failed == 0, "{} of {} records were not taken", report.failed, report.records);
    Ok(())
}
