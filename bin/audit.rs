//! Recounts everything from the raw topics and compares it with the indices.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use shoplens::audit::{AuditSettings, audit};
use shoplens::bus::Bus;
use shoplens::config::{
    self, ElasticsearchSettings, FraudRulesSettings, GenerationSettings, KafkaSettings, ShopSettings,
};
use shoplens::say;
use shoplens::store::Store;

/// Recounts everything from the raw topics and compares it with the indices, the dead letters, the topic of fraud signals
/// and the ledger, and what was rolled up with what it was made from.
/// Exit code 0: no difference; 1: differences; 2: the audit could not be carried out.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    audit: AuditSettings,
    #[command(flatten)]
    fraud_rules: FraudRulesSettings,
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
    settings.fraud_rules.put_in_force()?;
    let store = Store::new(&settings.elasticsearch, &settings.shop.prefix)?;
    let bus = Bus::new(&settings.kafka, &settings.shop.prefix)?;
    store.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    bus.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    let results = store.results(settings.generation.generation.as_ref()).await?;
    let report = audit(&settings.audit, results, &bus, settings.shop.currency).await?;
    if settings.audit.json {
        say!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        say!("{report}");
    }
    Ok(if report.different() == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
