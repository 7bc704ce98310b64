//! A portrait of simulated traffic: what was measured, as a page with small charts.

mod charts;
mod page;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::TimeDelta;
use clap::Args;

use crate::catalog::shelf::ShelfProduct;
use crate::model::money::Currency;
use crate::model::time::Timestamp;
use crate::traffic::assortment::Assortment;
use crate::traffic::schedule::Schedule;
use crate::traffic::shape::{Measures, Shape};
use crate::traffic::simulator::Simulator;
use crate::traffic::world::World;

/// The portrait's first moment, a Wednesday's midnight: the same for everybody, so that the same settings
/// give the same page.
const START: Timestamp = Timestamp::from_millis(1_794_960_000_000);

/// What to portray, and where to.
#[derive(Debug, Clone, Args)]
pub struct PortraitSettings {
    /// Products of the built-in catalogue that the shop sells.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub products: u64,
    /// Events a second, on average over the day.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub events_per_second: u32,
    /// Hours to simulate.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=744))]
    pub hours: u32,
    /// Seed.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for `simulated-day.md` and its charts.
    #[arg(long, default_value = "docs")]
    pub folder: PathBuf,
}

/// What a page tells besides the measures.
struct Sitting<'a> {
    settings: &'a PortraitSettings,
    world: &'a World,
    measures: Measures,
}

/// Simulates, measures, and writes the page; gives its path.
///
/// # Errors
/// When the shelf is empty, or a file cannot be written.
pub fn portray(
    shelf: Vec<ShelfProduct>,
    currency: Currency,
    settings: &PortraitSettings,
) -> anyhow::Result<PathBuf> {
    let world = World::default();
    let measures = measure(shelf, currency, settings, &world)?;
    let charts = settings.folder.join("simulated-day");
    fs::create_dir_all(&charts).with_context(|| format!("making the folder {}", charts.display()))?;
    draw(&measures, &charts)?;
    let path = settings.folder.join("simulated-day.md");
    let page = page::page(&Sitting { settings, world: &world, measures });
    fs::write(&path, page).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

fn measure(
    shelf: Vec<ShelfProduct>,
    currency: Currency,
    settings: &PortraitSettings,
    world: &World,
) -> anyhow::Result<Measures> {
    let assortment = Assortment::new(shelf).context("the shelf is empty")?;
    let mut simulator = Simulator::new(assortment, currency, world.clone(), settings.seed, START);
    let mut schedule = Schedule::new(START, settings.events_per_second);
    let end = START + TimeDelta::hours(i64::from(settings.hours));
    let mut shape = Shape::default();
    loop {
        let at = schedule.next();
        if at >= end {
            return Ok(shape.measures());
        }
        shape.count(&simulator.act(at));
    }
}

fn draw(measures: &Measures, folder: &Path) -> anyhow::Result<()> {
    let draws: [(&str, charts::Draw); 5] = [
        ("funnel.svg", charts::funnel),
        ("hours.svg", charts::hours),
        ("positions.svg", charts::positions),
        ("popularity.svg", charts::popularity),
        ("visitors.svg", charts::visitors),
    ];
    for (name, draw) in draws {
        let path = folder.join(name);
        draw(measures, &path).with_context(|| format!("drawing {}", path.display()))?;
    }
    Ok(())
}
