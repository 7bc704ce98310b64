//! `cargo bench --bench drain`: what a backlog costs to drain, in CPU time per event.
//!
//! Preloads events of the generator's making into the topics of a prefix of its own on the real Kafka, then measures in
//! one run: the bare drain and the drain with the typed decode, by this program, which has the system's allocator and is
//! warm by then; and the real `processor` (raw events off), its start and end included, against a server that accepts
//! everything in Elasticsearch's place. With `--real` all that it was sent in the first round, which that server then
//! holds in memory, is sent to Elasticsearch itself, and the processor drains everything into it once more. What it made
//! is removed at the end.
//!
//! What the settings below do not name the processor takes from the environment and `.env`: logins above all.

mod bulk;
#[path = "../shared/cost.rs"]
mod cost;
mod drains;
mod program;
mod stub;
#[path = "../shared/ticks.rs"]
mod ticks;
mod work;

use anyhow::Context;
use bytes::Bytes;
use clap::Parser;
use shoplens::bus::Bus;
use shoplens::catalog::shelf;
use shoplens::config::{ElasticsearchSettings, KafkaSettings, ShopSettings};
use shoplens::generator::{self, GeneratorSettings};
use shoplens::model::money::Currency;
use shoplens::store::Store;

use crate::cost::Cost;
use crate::stub::Stub;
use crate::work::Work;

/// What everything costs.
const CURRENCY: Currency = Currency::EUR;
/// Bulk requests under way at once, as the processor has them for the documents of each worker.
const CONNECTIONS: usize = 2;
/// How often each is measured, in turn: the clock of a virtual machine's CPU varies by a third within minutes. The
/// medians count. Each time under a generation of its own, which reads by itself; only the first one is shown and tells
/// Kafka of fraud.
const ROUNDS: [&str; 3] = ["original", "second", "third"];

/// What a backlog costs to drain, in CPU time per event.
#[derive(Parser)]
struct Settings {
    /// Events to preload.
    #[arg(long, default_value_t = 300_000)]
    events: u64,
    /// Products on the shelf.
    #[arg(long, default_value_t = 50_000)]
    products: u64,
    /// Members of each consumer group.
    #[arg(long, default_value_t = 1)]
    workers: u16,
    /// Drain into the real Elasticsearch besides, and measure how fast it takes these documents by themselves.
    #[arg(long)]
    real: bool,
    /// Prefix of the topics, groups and indices that are made and removed.
    #[arg(long, default_value = "bench-drain-")]
    prefix: String,
    #[command(flatten)]
    kafka: KafkaSettings,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The parts of the settings that the library takes from a command line.
#[derive(Parser)]
struct Library {
    #[command(flatten)]
    traffic: GeneratorSettings,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    #[command(flatten)]
    shop: ShopSettings,
}

fn library(arguments: &[&str]) -> Library {
    Library::parse_from([&["bench"], arguments].concat())
}

fn main() -> anyhow::Result<()> {
    if std::env::args().any(|argument| argument == stub::ARGUMENT) {
        return stub::serve();
    }
    // As the processor does, so that both go to the same servers.
    dotenvy::dotenv().ok();
    let settings = Settings::parse();
    let prefix = library(&["--prefix", &settings.prefix]).shop.prefix;
    anyhow::ensure!(!prefix.is_empty(), "without a prefix the shop's own topics would be filled and removed");
    let bus = Bus::new(&settings.kafka, &settings.prefix)?;
    let store = Store::new(&settings.elasticsearch, &settings.prefix)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        bus.remove_all().await.context("removing what an earlier run left")?;
        let measured = measure(&settings, &bus, &store).await;
        bus.remove_all().await?;
        if settings.real {
            store.remove_all().await?;
        }
        measured
    })
}

async fn measure(settings: &Settings, bus: &Bus, store: &Store) -> anyhow::Result<()> {
    preload(settings, bus).await?;
    let (events, brokers) = (settings.events, settings.kafka.kafka_bootstrap_servers.as_str());
    let drained = async |decode| {
        let drain = || tokio::task::spawn_blocking(drains::drain(brokers, bus, events, decode));
        anyhow::Ok(Cost::of(async { drain().await? }).await?.0)
    };
    let stub = Stub::start(settings.real)?;
    let forgetful = Stub::start(false)?;
    let (mut bare, mut decoded, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    let mut ratios = Vec::new();
    for generation in ROUNDS {
        let (before, decoding) = (drained(false).await?, drained(true).await?);
        let taker = if whole.is_empty() { &stub } else { &forgetful };
        let processing = process(settings, &taker.address, generation).await?;
        ratios.push(processing.cpu.as_secs_f64() / decoding.cpu.as_secs_f64());
        bare.push(before);
        decoded.push(decoding);
        whole.push(processing);
    }
    let accepting = library(&["--elasticsearch-host", &stub.address]).elasticsearch;
    let accepted = stub.accepted(&Store::new(&accepting, &settings.prefix)?).await?;
    let [bare, decoded, whole] = [bare, decoded, whole].map(median);
    print("bare drain", &bare, events);
    print("drain and decode", &decoded, events);
    print("whole processor", &whole, events);
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios.get(ROUNDS.len() / 2).copied().unwrap_or_default();
    println!("whole processor / drain and decode: {ratio:.2}, in each round {ratios:.2?}");
    let per_event = accepted.documents as f64 / events as f64;
    let bytes = accepted.bytes / accepted.documents.max(1);
    println!("documents per event: {per_event:.3}, of {bytes} bytes in their requests");
    if settings.real {
        let requests = stub.kept(&accepted).await?;
        drop(stub);
        let expected = |bulk: f64| (bulk / per_event).min(per_second(&whole, events));
        measure_real(settings, store, &requests, expected).await?;
    }
    Ok(())
}

/// Drains into Elasticsearch, between two measurements of how many documents it takes: the better one counts.
async fn measure_real(
    settings: &Settings,
    store: &Store,
    requests: &[Bytes],
    expected: impl FnOnce(f64) -> f64,
) -> anyhow::Result<()> {
    let connections = CONNECTIONS * usize::from(settings.workers);
    let bulk = async || {
        let work = Work::so_far(store).await?;
        let rate = bulk::rate(&settings.elasticsearch, store, requests, connections).await?;
        work.print_since(store).await.map(|()| rate)
    };
    let before = bulk().await?;
    println!("Elasticsearch alone, before: {before:.0} documents/s");
    let work = Work::so_far(store).await?;
    let elasticsearch = settings.elasticsearch.elasticsearch_host.to_string();
    let real = process(settings, &elasticsearch, "real").await?;
    print("whole processor with Elasticsearch", &real, settings.events);
    work.print_since(store).await?;
    store.remove_all().await?;
    let after = bulk().await?;
    println!("Elasticsearch alone, after: {after:.0} documents/s");
    let expected = expected(before.max(after));
    println!(
        "with Elasticsearch / the least of what processor and Elasticsearch do alone: {:.2}",
        per_second(&real, settings.events) / expected
    );
    Ok(())
}

/// The one in the middle, by CPU time.
fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by_key(|cost| cost.cpu);
    costs.swap_remove(costs.len() / 2)
}

fn per_second(cost: &Cost, events: u64) -> f64 {
    events as f64 / cost.wall.as_secs_f64()
}

fn print(what: &str, cost: &Cost, events: u64) {
    println!(
        "{what}: {:.2} µs CPU per event, {:.0} events/s",
        cost.micros_per(events),
        per_second(cost, events)
    );
}

/// Fills the topics with a day's traffic at a thousand events a second of event time.
async fn preload(settings: &Settings, bus: &Bus) -> anyhow::Result<()> {
    bus.ensure_topics().await?;
    let events = settings.events.to_string();
    let traffic = library(&["--events", &events, "--events-per-second", "0", "--seed", "7"]).traffic;
    let report = generator::run(
        bus,
        shelf::built_in(settings.products, CURRENCY)?,
        CURRENCY,
        &traffic,
        std::future::pending(),
    );
    report.await.map(drop)
}

/// Has the processor drain everything into Elasticsearch, or what stands in its place, at an address. Each generation
/// reads by itself. The processor takes logins from the environment only; one written into an address is lost.
async fn process(settings: &Settings, elasticsearch: &str, generation: &str) -> anyhow::Result<Cost> {
    let (workers, partitions) = (settings.workers.to_string(), settings.kafka.kafka_partitions.to_string());
    let kafka = settings.kafka.kafka_bootstrap_servers.as_str();
    let work = ["--workers", &workers, "--generation", generation, "--prefix", &settings.prefix];
    let servers = ["--elasticsearch-host", elasticsearch, "--kafka-bootstrap-servers", kafka];
    let arguments = [&work[..], &servers, &["--kafka-partitions", &partitions]].concat();
    program::drain(&arguments).await
}
