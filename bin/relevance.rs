//! Measures how good the search is, on judged queries.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use shoplens::config::{self, ElasticsearchSettings, ShopSettings};
use shoplens::relevance::run::{RelevanceSettings, measure};
use shoplens::relevance::{judgments, made};
use shoplens::say;
use shoplens::store::Store;

/// Measures how good the search is: nDCG@10, MRR, recall@100 and judged@10 on judged queries, with 95 %
/// intervals, and whether two configurations differ.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    relevance: RelevanceSettings,
    #[command(flatten)]
    shop: ShopSettings,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
}

fn main() -> ExitCode {
    config::run(run)
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let Settings { relevance, shop, elasticsearch } = settings;
    if relevance.make {
        say!("{}", judgments::write(&made::judged(&made::catalogue()?)).trim_end());
        return Ok(());
    }
    // The judgments that come with shoplens are about a catalogue of their own.
    let prefix = match relevance.judgments {
        Some(_) => shop.prefix,
        None => format!("{}relevance-", shop.prefix),
    };
    let store = Store::new(&elasticsearch, &prefix)?;
    store.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    say!("{}", measure(&relevance, &store).await?.to_string().trim_end());
    Ok(())
}
