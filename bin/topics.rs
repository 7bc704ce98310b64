//! Makes sure of the Kafka topics.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use shoplens::bus::{Bus, DEAD_LETTERS};
use shoplens::config::{self, KafkaSettings, ShopSettings};
use shoplens::model::event::Stream;

/// Makes the Kafka topics that are not there, and checks that all event topics have the same number of partitions.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    shop: ShopSettings,
    #[command(flatten)]
    kafka: KafkaSettings,
}

fn main() -> ExitCode {
    config::run(make_topics)
}

async fn make_topics(settings: Settings) -> anyhow::Result<()> {
    let bus = Bus::new(&settings.kafka, &settings.shop.prefix)?;
    bus.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    let partitions = bus.ensure_topics().await?;
    for stream in Stream::ALL {
        println!("{} with {partitions} partitions", bus.topic(stream));
    }
    println!("{}", bus.name(DEAD_LETTERS));
    Ok(())
}
