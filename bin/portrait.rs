//! Writes what a simulated day looks like, as a page with charts. Needs no server.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use shoplens::catalog::shelf::ShelfProduct;
use shoplens::catalog::synthesis::Catalogue;
use shoplens::catalog::taxonomy::Taxonomy;
use shoplens::config;
use shoplens::model::money::Currency;
use shoplens::traffic::{self, PortraitSettings};

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
    let taxonomy = Arc::new(Taxonomy::built_in()?);
    let catalogue = Catalogue { taxonomy, seed: settings.seed, currency: Currency::EUR };
    let shelf = catalogue.products(1..=settings.products).map(ShelfProduct::from).collect();
    let path = traffic::portray(shelf, Currency::EUR, &settings)?;
    println!("{}", path.display());
    Ok(())
}
