//! `cargo bench --bench seed`: how fast the seeder is beside raw bulk requests of the same bytes.
//!
//! In one run, by turns: bulk requests with the documents serialised beforehand, into an index of the same
//! settings, until a refresh has made them visible; and a whole load, with the making of the products, the
//! checks and the switch of the alias. What it made is removed at the end.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Parser;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use shoplens::catalog::index;
use shoplens::catalog::load::{Plan, load};
use shoplens::catalog::source::Source;
use shoplens::catalog::synthesis::{Catalogue, DEFAULT_SEED};
use shoplens::catalog::taxonomy::Taxonomy;
use shoplens::config::ElasticsearchSettings;
use shoplens::model::money::Currency;
use shoplens::store::{Method, Store};

/// Products of one raw request: as many as the seeder sends.
const REQUEST_PRODUCTS: u64 = 1_000;

/// How fast the seeder is beside raw bulk requests of the same bytes.
#[derive(Parser)]
struct Settings {
    /// Products to load.
    #[arg(long, default_value_t = 50_000)]
    products: u64,
    /// Requests that are under way at once.
    #[arg(long, default_value = "4")]
    connections: NonZeroUsize,
    /// Turns of each kind.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Prefix of the indices that are made and removed.
    #[arg(long, default_value = "bench-seed-")]
    prefix: String,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let store = Store::new(&settings.elasticsearch, &settings.prefix)?;
    store.remove_all().await?;
    let outcome = compare(&settings, &store).await;
    store.remove_all().await?;
    outcome
}

async fn compare(settings: &Settings, store: &Store) -> anyhow::Result<()> {
    let taxonomy = Arc::new(Taxonomy::built_in()?);
    let catalogue = Arc::new(Catalogue { taxonomy, seed: DEFAULT_SEED, currency: Currency::EUR });
    let index = store.name("raw");
    let bodies = bodies(&catalogue, &index, settings.products)?;
    let plan = Plan {
        source: Source::MadeUp(catalogue, settings.products),
        connections: settings.connections,
        synonyms: Vec::new(),
        kept: 1,
    };
    let rate = |took: Duration| settings.products as f64 / took.as_secs_f64();
    let mut ratios = Vec::new();
    for round in 0..=settings.rounds {
        let raw = raw(settings, store, &index, &bodies).await?;
        let started = Instant::now();
        let report = load(store, &plan, |_| ()).await?;
        let seeder = started.elapsed();
        ensure!(report.products == settings.products, "{} products were loaded", report.products);
        let ratio = rate(seeder) / rate(raw);
        // The first round warms Elasticsearch up.
        let told = if round == 0 { "warming up" } else { "" };
        println!("raw {:6.0}/s  seeder {:6.0}/s  ratio {ratio:.3}  {told}", rate(raw), rate(seeder));
        if round > 0 {
            ratios.push(ratio);
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.3}", ratios.get(ratios.len() / 2).copied().unwrap_or_default());
    Ok(())
}

/// The bodies of all bulk requests.
fn bodies(catalogue: &Catalogue, index: &str, products: u64) -> anyhow::Result<Vec<Vec<u8>>> {
    let starts = (1..=products).step_by(REQUEST_PRODUCTS as usize);
    let body = |start: u64| {
        let mut body = Vec::new();
        for product in catalogue.products(start..=(start + REQUEST_PRODUCTS - 1).min(products)) {
            serde_json::to_writer(&mut body, &json!({ "index": { "_index": index, "_id": product.id } }))?;
            body.push(b'\n');
            serde_json::to_writer(&mut body, &product.document())?;
            body.push(b'\n');
        }
        Ok(body)
    };
    starts.map(body).collect()
}

async fn raw(
    settings: &Settings,
    store: &Store,
    index: &str,
    bodies: &[Vec<u8>],
) -> anyhow::Result<Duration> {
    let path = format!("/{index}?ignore_unavailable=true");
    store.send::<Value>("remove an index", Method::Delete, &path, None).await?;
    let body = index::loading_body(&[]);
    store.send::<Value>("make an index", Method::Put, &format!("/{index}"), Some(&body)).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let host = settings.elasticsearch.elasticsearch_host.url();
    let url = host.join("_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason")?;
    let send = async |body: &Vec<u8>| {
        let request = client.post(url.clone()).header("content-type", "application/json").body(body.clone());
        let answer = request.send().await?.error_for_status()?.bytes().await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        ensure!(answer["errors"] == false, "a raw request was refused in part");
        Ok(())
    };
    let started = Instant::now();
    let sent = stream::iter(bodies).map(send).buffer_unordered(settings.connections.get());
    sent.try_collect::<Vec<()>>().await?;
    store.send::<Value>("refresh", Method::Post, &format!("/{index}/_refresh"), None).await?;
    Ok(started.elapsed())
}
