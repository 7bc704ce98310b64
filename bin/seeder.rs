//! Fills the shop's catalogue: the same seed gives the same products, and a second run replaces the first.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use shoplens::catalog::load::{Plan, load};
use shoplens::catalog::progress::Progress;
use shoplens::catalog::synthesis::{Catalogue, DEFAULT_SEED};
use shoplens::catalog::taxonomy::Taxonomy;
use shoplens::config::{self, ElasticsearchSettings, ShopSettings};
use shoplens::store::Store;

/// Fills the shop's catalogue: the same seed gives the same products, and a second run replaces the first.
#[derive(Debug, Parser)]
#[command(version)]
struct Settings {
    /// How many products, 1 to 1,000,000.
    #[arg(long, env = "PRODUCT_COUNT", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// Another seed gives another catalogue.
    #[arg(long, env = "SEED", default_value_t = DEFAULT_SEED)]
    seed: u64,
    /// Bulk requests that are under way at once.
    #[arg(long, env = "SEEDER_CONNECTIONS", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    connections: u8,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    #[command(flatten)]
    shop: ShopSettings,
}

fn main() -> ExitCode {
    config::run(seed)
}

async fn seed(settings: Settings) -> anyhow::Result<()> {
    let Settings { count, seed, connections, elasticsearch, shop } = settings;
    let store = Store::new(&elasticsearch, &shop.prefix)?;
    store.wait_until_ready(config::STARTUP_WAIT).await?;
    let catalogue = Catalogue { taxonomy: Arc::new(Taxonomy::built_in()?), seed, currency: shop.currency };
    let plan = Plan { products: count, connections: connections.into() };
    let mut progress = Progress::of(count);
    let outcome = load(&store, Arc::new(catalogue), plan, |done| progress.add(done)).await;
    let seconds = progress.finish().as_secs_f64();
    let report = outcome?;
    println!("products    {}", report.products);
    println!("categories  {}", report.categories);
    println!("time        {seconds:.1} s, {:.0} products/s", report.products as f64 / seconds);
    println!("index       {} (alias {})", report.index, report.alias);
    println!("sent again  {}", report.retries);
    Ok(())
}
