//! Holds the fraud and bot signals against the ground truth of the generator.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use shoplens::bus::Bus;
use shoplens::config::{self, ElasticsearchSettings, GenerationSettings, KafkaSettings, ShopSettings};
use shoplens::evaluate::{EvaluateSettings, evaluate};
use shoplens::say;
use shoplens::store::Store;

/// Holds the fraud and bot signals against the ground truth: precision, recall, F1 and delay by rule and kind.
/// Exit code 0: as good as is asked for; 1: not; 2: it could not be found out.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    evaluate: EvaluateSettings,
    #[command(flatten)]
    generation: GenerationSettings,
    #[command(flatten)]
    shop: ShopSettings,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    #[command(flatten)]
    kafka: KafkaSettings,
}

fn main() -> ExitCode {
    config::run_judged(check, ExitCode::from(2))
}

async fn check(settings: Settings) -> anyhow::Result<ExitCode> {
    let store = Store::new(&settings.elasticsearch, &settings.shop.prefix)?;
    let bus = Bus::new(&settings.kafka, &settings.shop.prefix)?;
    store.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    bus.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    let results = store.results(settings.generation.generation.as_ref()).await?;
    let report = evaluate(&settings.evaluate, &results, &bus).await?;
    if settings.evaluate.json {
        say!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        say!("{report}");
    }
    Ok(if settings.evaluate.accept(&report.evaluation) { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
