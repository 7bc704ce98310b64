//! `cargo bench --bench analytics -- --url http://127.0.0.1:8000`: how soon a running service answers questions of its
//! analytics, from its caches and not. Start the servers, a processor, a generator and the service with
//! `API_RATE_PER_SECOND=0` first.
//!
//! Each kind of question is asked in turns, each time for another size or length, which no cache has, and at once again.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use reqwest::{Client, StatusCode};
use tokio::time::sleep;

/// Rest between two questions, so that they do not wait for each other.
const PAUSE: Duration = Duration::from_millis(300);
/// Items of the first list; each further one has one more.
const SIZE: usize = 10;

/// How the questions of one kind differ.
#[derive(Clone, Copy)]
enum Differ {
    InSize,
    InLength,
}

const KINDS: [(&str, Differ); 9] = [
    ("/trending?", Differ::InSize),
    ("/trending?by=carts&", Differ::InSize),
    ("/trending?by=revenue&", Differ::InSize),
    ("/trending/categories?", Differ::InSize),
    ("/trending/queries?", Differ::InSize),
    ("/analytics/queries?", Differ::InSize),
    ("/analytics/queries?sort=rising&", Differ::InSize),
    ("/analytics/overview?", Differ::InLength),
    ("/funnels?", Differ::InLength),
];

/// How soon a running service answers questions of its analytics.
#[derive(Parser)]
struct Settings {
    /// Where the service is.
    #[arg(long, default_value = "http://127.0.0.1:8000")]
    url: String,
    /// Questions of each kind.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=90))]
    questions: u32,
    /// Lengths of the ranges asked for, in minutes, each over the number of questions.
    #[arg(long, value_delimiter = ',', default_value = "60")]
    minutes: Vec<u32>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Settings { url, questions, minutes, .. } = Settings::parse();
    let client = Client::new();
    println!("{:>8} {:<34} {:>8} {:>8} {:>8} {:>8}   ms", "minutes", "", "p50", "p95", "max", "cached");
    for minutes in minutes {
        ensure!(minutes > questions, "--minutes must be over the number of questions");
        let mut took = KINDS.map(|_| (Vec::new(), Vec::new()));
        for question in 0..questions {
            for ((kind, differ), (uncached, cached)) in KINDS.iter().zip(&mut took) {
                let (minutes, size) = match differ {
                    Differ::InSize => (minutes, format!("&size={}", SIZE + question as usize)),
                    Differ::InLength => (minutes - question, String::new()),
                };
                let asked = format!("{url}{kind}minutes={minutes}{size}");
                uncached.push(ask(&client, &asked).await?);
                cached.push(ask(&client, &asked).await?);
                sleep(PAUSE).await;
            }
        }
        for ((kind, _), (uncached, cached)) in KINDS.iter().zip(took) {
            let [p50, p95, max] = [0.5, 0.95, 1.0].map(|share| quantile(&uncached, share));
            let cached = quantile(&cached, 0.95);
            println!("{minutes:>8} {kind:<34} {p50:>8.1} {p95:>8.1} {max:>8.1} {cached:>8.1}");
        }
    }
    Ok(())
}

/// The time until the whole answer is there, in milliseconds.
async fn ask(client: &Client, url: &str) -> anyhow::Result<f64> {
    let start = Instant::now();
    let answer = client.get(url).send().await.with_context(|| format!("asking {url}; is the service up?"))?;
    let status = answer.status();
    let body = answer.text().await?;
    ensure!(status == StatusCode::OK, "{url} answers {status}: {body}");
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// The least time that at least this share of all lies within.
fn quantile(times: &[f64], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
