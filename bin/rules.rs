//! Shows the rules on fraud and bots, and what changed ones would have said of history.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use shoplens::bus::Bus;
use shoplens::config::{self, FraudRulesSettings, KafkaSettings, ShopSettings};
use shoplens::evaluate::{RulesSettings, backtest};
use shoplens::say;

/// Shows the rules on fraud and bots, and what changed ones would have said of what the event topics hold.
/// Writes nothing.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    rules: RulesSettings,
    #[command(flatten)]
    fraud_rules: FraudRulesSettings,
    #[command(flatten)]
    shop: ShopSettings,
    #[command(flatten)]
    kafka: KafkaSettings,
}

fn main() -> ExitCode {
    config::run(show)
}

async fn show(settings: Settings) -> anyhow::Result<()> {
    let text = settings.fraud_rules.text()?;
    let Some(path) = settings.rules.backtest else {
        say!("{}", text.trim_end());
        return Ok(());
    };
    let bus = Bus::new(&settings.kafka, &settings.shop.prefix)?;
    bus.wait_until_ready(config::STARTUP_WAIT).await.context("starting")?;
    let comparison = backtest(path, &bus, settings.shop.currency).await?;
    if settings.rules.json {
        say!("{}", serde_json::to_string_pretty(&comparison)?);
    } else {
        say!("{}", comparison.to_string().trim_end());
    }
    Ok(())
}
