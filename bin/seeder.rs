//! Fills the shop's catalogue, with products that are made up or the shop's own; searches go on meanwhile.

use std::process::ExitCode;

use clap::Parser;
use shoplens::catalog::load::{Report, load, roll_back};
use shoplens::catalog::progress::Progress;
use shoplens::catalog::settings::SeederSettings;
use shoplens::config::{self, ElasticsearchSettings, ShopSettings};
use shoplens::merchandising;
use shoplens::say;
use shoplens::store::Store;

/// Fills the shop's catalogue: the same seed gives the same products, and a second run replaces the first.
#[derive(Debug, Parser)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    seeder: SeederSettings,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    #[command(flatten)]
    shop: ShopSettings,
}

fn main() -> ExitCode {
    config::run(seed)
}

async fn seed(settings: Settings) -> anyhow::Result<()> {
    let Settings { seeder, elasticsearch, shop } = settings;
    let store = Store::new(&elasticsearch, &shop.prefix)?;
    store.wait_until_ready(config::STARTUP_WAIT).await?;
    if seeder.goes_back() {
        let (served, before) = roll_back(&store).await?;
        say!("searches see {before} again instead of {served}");
        return Ok(());
    }
    let plan = seeder.plan(shop.currency, merchandising::synonym_rules(&store).await?)?;
    let mut progress = Progress::of(plan.source.count());
    let outcome = load(&store, &plan, |done| progress.add(done)).await;
    let seconds = progress.finish().as_secs_f64();
    tell(&outcome?, seconds);
    Ok(())
}

fn tell(report: &Report, seconds: f64) {
    say!("products    {}", report.products);
    say!("categories  {}", report.categories);
    say!("time        {seconds:.1} s, {:.0} products/s", report.products as f64 / seconds);
    say!("index       {} (alias {})", report.index, report.alias);
    say!("sent again  {}", report.retries);
    if let Some(rejects) = &report.rejects {
        say!("repeated    {} lines with the id of another; the last one counts", report.repeated);
        let told =
            if rejects.count() == 0 { String::new() } else { format!(", see {}", rejects.path().display()) };
        say!("refused     {}{told}", rejects.count());
    }
}
