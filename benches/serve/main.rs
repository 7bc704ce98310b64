//! `cargo bench --bench serve`: what the service adds to Elasticsearch's own answer, in time and in CPU.
//!
//! Starts the real `api` and asks it, a bare proxy and Elasticsearch in turns, in one run, over one connection each:
//! the service for an address, the others for the body that the service sends Elasticsearch for that address. Then
//! the service and the proxy in turns over many connections, for what a request costs when more than one comes at a
//! time. The catalogue must be there: `SHOPLENS_PREFIX=bench- cargo run --release --bin seeder` first, then the bench with
//! the same prefix.

mod proxy;
mod running;
#[path = "../shared/ticks.rs"]
mod ticks;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use futures_util::stream::{self, TryStreamExt};
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

use crate::running::Running;

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
/// Connections that are asked over at once.
const CROWD: usize = 16;
/// How often the service and the proxy are each asked by the crowd, in turns.
const CROWDS: u32 = 4;
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
    if let [_, argument, elasticsearch] = std::env::args().collect::<Vec<_>>().as_slice()
        && argument == proxy::ARGUMENT
    {
        return proxy::serve(elasticsearch);
    }
    let settings = Settings::parse();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(&settings))
}

async fn measure(settings: &Settings) -> anyhow::Result<()> {
    let store = Store::new(&settings.elasticsearch, &settings.shop.prefix)?;
    let host = settings.elasticsearch.elasticsearch_host.url().clone();
    let path = format!("{}/_search?allow_partial_search_results=false", store.name(Schema::PRODUCTS.name));
    let elasticsearch = host.join(&path)?.to_string();
    let asked = Asked {
        service: Running::service(&settings.shop.prefix).await?,
        proxy: Running::proxy(&elasticsearch)?,
        elasticsearch,
    };
    println!("medians; CPU is the mean of a request");
    println!(
        "{:14} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "", "Elastics.", "service", "more", "CPU", "proxy more", "proxy CPU"
    );
    let all = [("/search", searches()?), ("/autocomplete", suggestions()?)];
    for (what, questions) in &all {
        compare(what, questions, settings.rounds, &asked).await?;
    }
    println!("CPU of a request, {CROWD} at a time");
    println!("{:14} {:>10} {:>10}", "", "service", "proxy");
    for (what, questions) in &all {
        crowd(what, questions, settings.rounds, &asked).await?;
    }
    Ok(())
}

/// Who is asked.
struct Asked {
    service: Running,
    proxy: Running,
    elasticsearch: String,
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
        let body = serde_json::to_string(&query::products(&raw.check()?, &Stage::AsTyped, &relevance))?;
        Ok(Question { path, body })
    };
    SEARCHES.iter().map(question).collect()
}

fn suggestions() -> anyhow::Result<Vec<Question>> {
    let question = |text: &&str| {
        let typed = Typed::read(&Words::read(text));
        let body = autocomplete::products(&typed, SUGGESTIONS, Likeness::Begins, &[]);
        let body = body.with_context(|| format!("{text} asks Elasticsearch nothing"))?.to_string();
        Ok(Question { path: format!("/autocomplete?q={}", text.replace(' ', "+")), body })
    };
    TYPED.iter().map(question).collect()
}

/// Asks all in turns and prints what they took.
async fn compare(what: &str, questions: &[Question], rounds: u32, asked: &Asked) -> anyhow::Result<()> {
    let Asked { service, proxy, elasticsearch } = asked;
    let client = Client::builder().no_proxy().no_gzip().build()?;
    for Question { path, .. } in questions {
        let answer: Value = serde_json::from_str(&service.get(&client, path).await?)?;
        let relaxed = answer["relaxation"].as_str().is_some_and(|stage| stage != "none");
        let empty = answer["suggestions"].as_array().is_some_and(Vec::is_empty);
        ensure!(!relaxed && !empty, "{path} costs more than one question, which this bench does not compare");
    }
    let (mut straight, mut served, mut more, mut proxied) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let cpu_before = (service.cpu()?, proxy.cpu()?);
    for round in 0..rounds {
        for Question { path, body } in questions {
            // Who asks later finds Elasticsearch's caches warmer, so each is the first in turn.
            let mut seconds = [0.0; 3];
            for turn in 0..3 {
                let who = (round as usize + turn) % 3;
                seconds[who] = match who {
                    0 => get(&client, service, path).await?,
                    1 => post(&client, proxy.address(), body).await?,
                    _ => post(&client, elasticsearch, body).await?,
                };
            }
            let [through_service, through_proxy, alone] = seconds;
            served.push(through_service);
            more.push(through_service - alone);
            proxied.push(through_proxy - alone);
            straight.push(alone);
        }
    }
    let requests = served.len() as f64;
    let cpu = |now: Duration, before: Duration| millis((now - before).as_secs_f64() / requests);
    let cpus = (cpu(service.cpu()?, cpu_before.0), cpu(proxy.cpu()?, cpu_before.1));
    let [straight, served, more, proxied] = [straight, served, more, proxied].map(median).map(millis);
    println!("{what:14} {straight:>10} {served:>10} {more:>10} {:>10} {proxied:>10} {:>10}", cpus.0, cpus.1);
    Ok(())
}

/// Has a crowd ask the service and the proxy in turns, and prints what a request costs each.
async fn crowd(what: &str, questions: &[Question], rounds: u32, asked: &Asked) -> anyhow::Result<()> {
    let Asked { service, proxy, .. } = asked;
    let client = Client::builder().no_proxy().no_gzip().build()?;
    let mut cpu = [Duration::ZERO; 2];
    for _ in 0..CROWDS {
        let [of_service, of_proxy] = &mut cpu;
        *of_service +=
            cpu_of_many(service, questions, rounds, |question| get(&client, service, &question.path)).await?;
        *of_proxy +=
            cpu_of_many(proxy, questions, rounds, |question| post(&client, proxy.address(), &question.body))
                .await?;
    }
    let requests = f64::from(CROWDS * rounds) * questions.len() as f64;
    let [service, proxy] = cpu.map(|cpu| millis(cpu.as_secs_f64() / requests));
    println!("{what:14} {service:>10} {proxy:>10}");
    Ok(())
}

/// The CPU time that these questions cost one that is asked.
async fn cpu_of_many<'q, F: Future<Output = anyhow::Result<f64>>>(
    running: &Running,
    questions: &'q [Question],
    rounds: u32,
    ask: impl Fn(&'q Question) -> F,
) -> anyhow::Result<Duration> {
    let before = running.cpu()?;
    let all = (0..rounds).flat_map(|_| questions);
    let answers = stream::iter(all.map(|question| Ok(ask(question))));
    answers.try_buffer_unordered(CROWD).try_for_each(async |_| Ok(())).await?;
    Ok(running.cpu()? - before)
}

/// Seconds that the service's answer takes.
async fn get(client: &Client, service: &Running, path: &str) -> anyhow::Result<f64> {
    let started = Instant::now();
    service.get(client, path).await?;
    Ok(started.elapsed().as_secs_f64())
}

/// Seconds that another's answer takes.
async fn post(client: &Client, address: &str, body: &str) -> anyhow::Result<f64> {
    let started = Instant::now();
    let request = client.post(address).header("content-type", "application/json").body(body.to_owned());
    request.send().await?.error_for_status()?.bytes().await?;
    Ok(started.elapsed().as_secs_f64())
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or_default()
}

fn millis(seconds: f64) -> String {
    format!("{:.3} ms", seconds * 1_000.0)
}
