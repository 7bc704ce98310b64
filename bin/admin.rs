//! Makes sure of the Kafka topics, or removes everything of one prefix.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use shoplens::bus::{Bus, DEAD_LETTERS};
use shoplens::config::{self, ElasticsearchSettings, KafkaSettings, ShopSettings};
use shoplens::model::event::Stream;
use shoplens::store::Store;

/// Makes sure of the Kafka topics, or removes everything of one prefix.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(subcommand)]
    task: Task,
    #[command(flatten)]
    shop: ShopSettings,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    #[command(flatten)]
    kafka: KafkaSettings,
}

#[derive(Subcommand)]
enum Task {
    /// Makes the topics that are not there; checks that all event topics have the same number of partitions.
    Topics,
    /// Removes the topics, consumer groups, indices and templates whose names begin with SHOPLENS_PREFIX, which must be set.
    Clear,
}

fn main() -> ExitCode {
    config::run(administer)
}

async fn administer(settings: Settings) -> anyhow::Result<()> {
    let prefix = &settings.shop.prefix;
    let bus = Bus::new(&settings.kafka, prefix)?;
    bus.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    if let Task::Clear = settings.task {
        ensure!(
            !prefix.is_empty(),
            "clear needs SHOPLENS_PREFIX, so that it cannot remove another shop's data"
        );
        let store = Store::new(&settings.elasticsearch, prefix)?;
        store.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
        // Kafka first: it refuses while programs still read, and then nothing is half gone.
        let (topics, indices) = (bus.remove_all().await?, store.remove_all().await?);
        println!("removed {indices} indices and templates, {topics} topics and groups");
        return Ok(());
    }
    let partitions = bus.ensure_topics().await?;
    for stream in Stream::ALL {
        println!("{} with {partitions} partitions", bus.topic(stream));
    }
    println!("{}", bus.name(DEAD_LETTERS));
    Ok(())
}
