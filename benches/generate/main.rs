//! `cargo bench --bench generate`: what an event costs to make, write as JSON and send.
//!
//! Measures in one run: the generator with no sink; and in turns, on the real Kafka, the generator and a plain
//! producer with the same settings that sends records prepared beforehand. The topics are made with a prefix of
//! their own and removed at the end.

#[path = "../shared/cost.rs"]
mod cost;

use std::future::pending;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use shoplens::bus::{Bus, Offer, Producer};
use shoplens::catalog::shelf;
use shoplens::config::KafkaSettings;
use shoplens::generator::{self, GeneratorSettings};
use shoplens::model::money::Currency;
use shoplens::model::time::Timestamp;
use shoplens::traffic::{Assortment, Rhythm, Schedule, Simulator, World};

use crate::cost::Cost;

/// How long Kafka may take for the last acknowledgements.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an event costs to make, write as JSON and send.
#[derive(Parser)]
struct Settings {
    /// Events of each measurement.
    #[arg(long, default_value_t = 500_000)]
    events: u64,
    /// Products on the shelf.
    #[arg(long, default_value_t = 50_000)]
    products: u64,
    /// How often each is measured.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Prefix of the topics that are made and removed.
    #[arg(long, default_value = "bench-generate-")]
    prefix: String,
    #[command(flatten)]
    kafka: KafkaSettings,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The generator's settings, which the library takes from a command line.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    traffic: GeneratorSettings,
}

/// A record that is ready to be sent.
struct Ready {
    topic: &'static str,
    key: Vec<u8>,
    payload: Vec<u8>,
}

fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let bus = Bus::new(&settings.kafka, &settings.prefix)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        for _ in 0..settings.rounds {
            let cost = generate(&settings, &bus, "null").await?;
            print("generator, no sink", &cost, settings.events);
        }
        bus.remove_all().await.context("removing what an earlier run left")?;
        let compared = compare(&settings, &bus).await;
        bus.remove_all().await?;
        compared
    })
}

/// The generator's cost without that of its start.
async fn generate(settings: &Settings, bus: &Bus, sink: &str) -> anyhow::Result<Cost> {
    let start = run(settings, bus, sink, 1).await?;
    let Cost { cpu, wall } = run(settings, bus, sink, settings.events).await?;
    Ok(Cost { cpu: cpu.saturating_sub(start.cpu), wall: wall.saturating_sub(start.wall) })
}

async fn run(settings: &Settings, bus: &Bus, sink: &str, events: u64) -> anyhow::Result<Cost> {
    let events = events.to_string();
    let arguments = ["bench", "--events-per-second=0", "--events", &events, "--seed=7", "--sink", sink];
    let line = Line::parse_from(arguments);
    let shelf = shelf::built_in(settings.products, Currency::EUR)?;
    let run = generator::run(bus, shelf, Currency::EUR, &line.traffic, pending());
    let (cost, report) = Cost::of(run).await?;
    ensure!(report.failed == 0, "{} records were not taken", report.failed);
    Ok(cost)
}

async fn compare(settings: &Settings, bus: &Bus) -> anyhow::Result<()> {
    let ready = prepare(settings)?;
    bus.ensure_topics().await?;
    let mut ratios = Vec::new();
    for _ in 0..settings.rounds {
        let (plain, ()) = Cost::of(async { send(bus, &ready) }).await?;
        print("prepared records to Kafka", &plain, settings.events);
        let generated = generate(settings, bus, "kafka").await?;
        print("generator to Kafka", &generated, settings.events);
        ratios.push(plain.wall.as_secs_f64() / generated.wall.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
    println!("generator / prepared: {median:.2} (median of {})", ratios.len());
    Ok(())
}

fn prepare(settings: &Settings) -> anyhow::Result<Vec<Ready>> {
    let assortment =
        Assortment::new(shelf::built_in(settings.products, Currency::EUR)?).context("no products")?;
    let start = Timestamp::now();
    let mut schedule = Schedule::new(start, 1_000, Rhythm::default());
    let mut simulator = Simulator::new(assortment, Currency::EUR, World::default(), 7, start);
    let ready = |_| {
        let event = simulator.act(schedule.next_time()).event;
        let (topic, key) = (event.event_type().stream().topic(), event.visitor().as_bytes().to_vec());
        Ok(Ready { topic, key, payload: serde_json::to_vec(&event)? })
    };
    (0..settings.events).map(ready).collect()
}

fn send(bus: &Bus, ready: &[Ready]) -> anyhow::Result<()> {
    let producer = Producer::new(bus)?;
    for Ready { topic, key, payload } in ready {
        while producer.offer(topic, key, payload)? == Offer::Full {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    producer.flush(PATIENCE)?;
    Ok(())
}

fn print(what: &str, cost: &Cost, events: u64) {
    let per_second = events as f64 / cost.wall.as_secs_f64();
    println!("{what}: {:.2} µs CPU per event, {per_second:.0} events/s", cost.micros_per(events));
}
