//! A portrait of simulated traffic: what was measured, as a page with small charts.

mod charts;
mod page;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::TimeDelta;
use clap::Args;

use crate::catalog::shelf::ShelfProduct;
use crate::generator::scenario::Scenario;
use crate::model::money::Currency;
use crate::model::time::Timestamp;
use crate::traffic::Assortment;
use crate::traffic::Schedule;
use crate::traffic::Simulator;
use crate::traffic::{Measures, Shape};

/// The portrait's first moment, a Wednesday's midnight: the same for everybody, so that the same settings
/// give the same page.
const START: Timestamp = Timestamp::from_millis(1_794_960_000_000);

/// What to portray, and where to.
#[derive(Debug, Clone, Args)]
pub struct PortraitSettings {
    /// Products of the built-in catalogue that the shop sells.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub products: u64,
    /// What kind of day it is: one that `generator --list` names, or a file like those in scenarios/.
    #[arg(long, default_value = "normal-day")]
    pub scenario: String,
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
    scenario: &'a Scenario,
    measures: Measures,
}

/// Simulates, measures, and writes the page; gives its path.
///
/// # Errors
/// When the shelf is empty, the scenario cannot be read, or a file cannot be written.
pub fn portray(
    shelf: Vec<ShelfProduct>,
    currency: Currency,
    settings: &PortraitSettings,
) -> anyhow::Result<PathBuf> {
    let scenario = Scenario::load(&settings.scenario)?;
    let measures = measure(shelf, currency, settings, &scenario)?;
    let charts = settings.folder.join("simulated-day");
    fs::create_dir_all(&charts).with_context(|| format!("making the folder {}", charts.display()))?;
    draw(&measures, &charts)?;
    let path = settings.folder.join("simulated-day.md");
    let page = page::page(&Sitting { settings, scenario: &scenario, measures });
    fs::write(&path, page).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

fn measure(
    shelf: Vec<ShelfProduct>,
    currency: Currency,
    settings: &PortraitSettings,
    scenario: &Scenario,
) -> anyhow::Result<Measures> {
    let assortment = Assortment::new(shelf).context("the shelf is empty")?;
    let mut simulator = Simulator::new(assortment, currency, scenario.world.clone(), settings.seed, START);
    let mut schedule = Schedule::new(START, settings.events_per_second, scenario.rhythm.clone());
    let end = START + TimeDelta::hours(i64::from(settings.hours));
    let mut shape = Shape::default();
    loop {
        let at = schedule.next_time();
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
