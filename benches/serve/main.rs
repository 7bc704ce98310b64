//! `cargo bench --bench serve`: what the service adds to Elasticsearch's own answer, in time and in CPU.
//!
//! Starts the real `api` and asks it and Elasticsearch in turns, in one run, over one connection each: the service
//! for an address, Elasticsearch for the body that the service sends it for that address. The catalogue must be
//! there: `SHOPLENS_PREFIX=bench- cargo run --release --bin seeder` first, then the bench with the same prefix.

mod service;

use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Parser;
use reqwest::Client;
use serde_json::Value;
use shoplens::config::{ElasticsearchSettings, ShopSettings};
use shoplens::search::autocomplete::{self, Likeness, Typed};
use shoplens::search::query::{self, Stage};
use shoplens::search::relevance::Relevance;
use shoplens::search::request::{Page, RawSearch, Words};
use shoplens::search::sort::Sort;
use shoplens::store::Store;
use shoplens::store::schema::Schema;

use crate::service::Service;

/// Searches that the first stage answers, each with a filter or none.
const SEARCHES: [(&str, &[&str]); 12] = [
    ("laptop", &[]),
    ("laptop", &["electronics"]),
    ("wireless headphones", &[]),
    ("running shoes", &[]),
    ("running shoes", &["fashion"]),
    ("coffee machine", &[]),
    ("garden hose", &[]),
    ("dress", &["fashion.clothing"]),
    ("television", &[]),
    ("office chair", &[]),
    ("shampoo", &[]),
    ("tent", &[]),
];
/// What a shopper types on the way to a product, with something that begins so.
const TYPED: [&str; 12] = [
    "hea",
    "head",
    "headp",
    "wireless he",
    "lap",
    "laptop 16",
    "run",
    "wireless he",
    "cof",
    "dre",
    "shoes",
    "tele",
];
/// Products on a page, as the endpoint's default has it.
const RESULTS: u32 = 12;
/// Suggestions, as the endpoint's default has it.
const SUGGESTIONS: u32 = 8;

/// What the service adds to Elasticsearch's own answer.
#[derive(Parser)]
struct Settings {
    /// How often each question is asked of each.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    #[command(flatten)]
    elasticsearch: ElasticsearchSettings,
    #[command(flatten)]
    shop: ShopSettings,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One question in both forms.
struct Question {
    path: String,
    body: String,
}

fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(&settings))
}

async fn measure(settings: &Settings) -> anyhow::Result<()> {
    let service = Service::start(&settings.shop.prefix).await?;
    let store = Store::new(&settings.elasticsearch, &settings.shop.prefix)?;
    let host = settings.elasticsearch.elasticsearch_host.url().clone();
    let path = format!("{}/_search?allow_partial_search_results=false", store.name(Schema::PRODUCTS.name));
    let elasticsearch = host.join(&path)?.to_string();
    println!("{:14} {:>10} {:>10} {:>10} {:>10}", "median", "service", "Elastics.", "more", "CPU");
    for (what, questions) in [("/search", searches()?), ("/autocomplete", suggestions()?)] {
        compare(what, &questions, settings.rounds, &service, &elasticsearch).await?;
    }
    Ok(())
}

fn searches() -> anyhow::Result<Vec<Question>> {
    let relevance = Relevance::embedded()?;
    let question = |(text, categories): &(&str, &[&str])| {
        let raw = RawSearch {
            q: (*text).to_owned(),
            fuzzy: true,
            categories: categories.iter().map(|path| (*path).to_owned()).collect(),
            brands: Vec::new(),
            min_price: None,
            max_price: None,
            min_rating: None,
            in_stock: false,
            attributes: Vec::new(),
            sort: Sort::Relevance,
            page: Page { number: 1, size: RESULTS },
            cursor: None,
            explain: false,
        };
        let filter: String = categories.iter().map(|path| format!("&category={path}")).collect();
        let path = format!("/search?q={}{filter}", text.replace(' ', "+"));
        let body = query::products(&raw.check()?, &Stage::AsTyped, &relevance).to_string();
        Ok(Question { path, body })
    };
    SEARCHES.iter().map(question).collect()
}

fn suggestions() -> anyhow::Result<Vec<Question>> {
    let question = |text: &&str| {
        let typed = Typed::read(&Words::read(text));
        let body = autocomplete::products(&typed, SUGGESTIONS, Likeness::Begins);
        let body = body.with_context(|| format!("{text} asks Elasticsearch nothing"))?.to_string();
        Ok(Question { path: format!("/autocomplete?q={}", text.replace(' ', "+")), body })
    };
    TYPED.iter().map(question).collect()
}

/// Asks both in turns and prints what they took.
async fn compare(
    what: &str,
    questions: &[Question],
    rounds: u32,
    service: &Service,
    elasticsearch: &str,
) -> anyhow::Result<()> {
    let client = Client::builder().no_proxy().build()?;
    for Question { path, .. } in questions {
        let answer: Value = serde_json::from_str(&service.get(&client, path).await?)?;
        let relaxed = answer["relaxation"].as_str().is_some_and(|stage| stage != "none");
        let empty = answer["suggestions"].as_array().is_some_and(Vec::is_empty);
        ensure!(!relaxed && !empty, "{path} costs more than one question, which this bench does not compare");
    }
    let (mut ours, mut theirs, mut more) = (Vec::new(), Vec::new(), Vec::new());
    let cpu_before = service.cpu()?;
    for _ in 0..rounds {
        for Question { path, body } in questions {
            let started = Instant::now();
            service.get(&client, path).await?;
            let through = started.elapsed();
            let started = Instant::now();
            let request =
                client.post(elasticsearch).header("content-type", "application/json").body(body.clone());
            request.send().await?.error_for_status()?.bytes().await?;
            let straight = started.elapsed();
            more.push(through.as_secs_f64() - straight.as_secs_f64());
            ours.push(through.as_secs_f64());
            theirs.push(straight.as_secs_f64());
        }
    }
    let cpu = (service.cpu()? - cpu_before).as_secs_f64() / ours.len() as f64;
    let [ours, theirs, more] = [ours, theirs, more].map(median).map(millis);
    println!("{what:14} {ours:>10} {theirs:>10} {more:>10} {:>10}", millis(cpu));
    Ok(())
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or_default()
}

fn millis(seconds: f64) -> String {
    format!("{:.3} ms", seconds * 1_000.0)
}
