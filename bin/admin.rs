//! Looks after a shop's topics, generations and leftovers.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use shoplens::bus::Bus;
use shoplens::config::{self, ElasticsearchSettings, KafkaSettings, ShopSettings};
use shoplens::{rollup, say, store::Store, stream::promotion};

/// Makes sure of the Kafka topics, changes what readers see, or removes everything of one prefix.
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
    /// Removes all topics, groups, indices and templates whose names begin with SHOPLENS_PREFIX, which must be set.
    Clear,
    /// Says which generation of results readers see, and changes that.
    #[command(subcommand)]
    Generation(promotion::Task),
    /// Rolls results up into longer spans and drops what is old, as the processor does each minute.
    Rollup(rollup::RollupTask),
}

fn main() -> ExitCode {
    config::run(administer)
}

async fn administer(Settings { task, shop, elasticsearch, kafka }: Settings) -> anyhow::Result<()> {
    let (store, bus) = (Store::new(&elasticsearch, &shop.prefix)?, Bus::new(&kafka, &shop.prefix)?);
    bus.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    if let Task::Topics = task {
        say!("{}", bus.told_topics(bus.ensure_topics().await?));
        return Ok(());
    }
    store.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    match task {
        Task::Generation(task) => return promotion::administer(task, &store, &bus).await,
        Task::Rollup(task) => return rollup::administer(&task, &store, &bus).await,
        Task::Topics | Task::Clear => {}
    }
    ensure!(!shop.prefix.is_empty(), "clear needs SHOPLENS_PREFIX, so that it removes no other shop's data");
    // Kafka first: it refuses while programs still read, and then nothing is half gone.
    say!("removed {} topics and groups", bus.remove_all().await?);
    say!("removed {} indices and templates", store.remove_all().await?);
    Ok(())
}
