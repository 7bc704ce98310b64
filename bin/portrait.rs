//! Writes what a simulated day looks like, as a page with charts. Needs no server.

use std::process::ExitCode;

use clap::Parser;
use shoplens::catalog::shelf;
use shoplens::config;
use shoplens::generator::{self, PortraitSettings};
use shoplens::model::money::Currency;
use shoplens::say;

/// Writes what a simulated day looks like, as a page with charts. Needs no server.
#[derive(Parser)]
#[command(version)]
struct Settings {
    #[command(flatten)]
    portrait: PortraitSettings,
}

fn main() -> ExitCode {
    config::run(portray)
}

async fn portray(settings: Settings) -> anyhow::Result<()> {
    let settings = settings.portrait;
    let shelf = shelf::built_in(settings.products, Currency::EUR)?;
    let path = generator::portray(shelf, Currency::EUR, &settings)?;
    say!("{}", path.display());
    Ok(())
}
