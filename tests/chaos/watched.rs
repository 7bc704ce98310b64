//! What goes wrong can be seen from outside: at `/health/ready` and in `/metrics`.

use std::net::TcpListener;

use serde_json::{Value, json};
use shoplens::store::Missing;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::checks::audit;
use crate::faults::{Fault, Plan};
use crate::outages::OUTAGE;
use crate::programs::{ANSWER_WAIT, GENERATOR, PROCESSOR, Program, SEEDER, Stage, lines_with};
use crate::proxy::Proxy;
use crate::recount::{recount, said};
use crate::shop::{eventually, with_shop};
use crate::topics::{TRUNCATED, truncate};

/// A processor and the port at which it can be watched.
pub struct Watched {
    pub processor: Program,
    port: u16,
}

impl Watched {
    /// Starts it; it flushes often.
    pub fn start(stage: &Stage<'_>, arguments: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let port = free.to_string();
        let arguments = [&["--metrics-port", &port, "--flush-interval-ms", "100"], arguments].concat();
        Self { processor: stage.start(PROCESSOR, &arguments, "processor.log"), port: free }
    }

    async fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    }

    /// Waits until the probe answers so, with these words.
    pub async fn is_ready(&self, status: u16, words: &str) {
        let what = format!("/health/ready answers {status} with {words:?}");
        let status = format!("HTTP/1.1 {status} ");
        let answers = async || {
            let answer = self.get("/health/ready").await?;
            (answer.starts_with(&status) && answer.contains(words)).then_some(())
        };
        eventually(&what, answers).await;
    }

    /// The sum of a metric over the lines with these words.
    async fn metric(&self, name: &str, words: &str) -> f64 {
        let text = self.get("/metrics").await.unwrap();
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(words));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    async fn is_in_state(&self, state: &str) {
        let words = format!("reader=\"processor\",worker=\"0\",state=\"{state}\"");
        let in_state = async || (self.metric("shoplens_processor_state", &words).await == 1.0).then_some(());
        eventually(&format!("the metrics say {state}"), in_state).await;
    }
}

/// Live traffic for some ten seconds.
fn traffic(stage: &Stage<'_>) -> Program {
    stage.run(SEEDER, &["--count", "200"]);
    let arguments = ["--events", "3000", "--events-per-second", "300", "--seed", "8"];
    stage.start(GENERATOR, &arguments, "generator.log")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_elasticsearch_can_be_seen_from_outside_and_its_end_too() {
    with_shop(async |shop| {
        let proxy = Proxy::before(&shop.servers, Plan::these([])).await;
        let stage = Stage::new(shop, proxy.address());
        let watched = Watched::start(&stage, &[]);
        watched.is_ready(200, "working: 12 partitions").await;
        let generator = traffic(&stage);
        generator.says("sending").await;
        proxy.set_away(true);
        watched.processor.says(OUTAGE).await;
        watched.is_ready(503, "elasticsearch_held_up: ").await;
        watched.is_in_state("elasticsearch_held_up").await;
        assert!(watched.metric("shoplens_bulk_held_up", "").await > 0.0);
        proxy.set_away(false);
        watched.is_ready(200, "working: 12 partitions").await;
        watched.is_in_state("working").await;
        assert!(watched.metric("shoplens_bulk_documents_total", "fate=\"retry\"").await > 0.0);
        assert!(watched.processor.terminate().0.success());
        stage.remove_files();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_while_elasticsearch_takes_its_time_over_a_flush() {
    with_shop(async |shop| {
        let proxy = Proxy::before(&shop.servers, Plan::these([])).await;
        let stage = Stage::new(shop, proxy.address());
        let report = stage.backlog(30_000);
        // Longer than it takes to read everything, and shorter than the processor waits for an answer.
        proxy.follow(Plan::these([Fault::Delay(ANSWER_WAIT * 5 / 6); 20]));
        let watched = Watched::start(&stage, &["--archive-events", "false"]);
        watched.is_ready(200, "working: 12 partitions").await;
        let everything_is_read = async || {
            let folded = watched.metric("shoplens_processor_records_total", "fate=\"folded\"").await;
            let lag = watched.metric("shoplens_processor_lag_records", "").await;
            (folded > 0.0 && lag == 0.0).then_some(())
        };
        eventually("everything is read", everything_is_read).await;
        let written = watched.metric("shoplens_bulk_documents_total", "fate=\"written\"").await;
        assert_eq!(written, 0.0, "the first flush is still on its way");
        proxy.follow(Plan::these([]));
        assert!(watched.processor.terminate().0.success());
        tokio::task::block_in_place(|| stage.drain());
        assert_eq!(recount(shop).await, said(&report));
        stage.remove_files();
    })
    .await;
}

async fn late_for_lack_of_memory(stage: &Stage<'_>) -> Option<()> {
    let store = &stage.shop.store;
    store.refresh("late-events").await.ok()?;
    let body = json!({ "size": 0, "query": { "term": { "reason": "cap" } } });
    let found: Value = store.search("test", "late-events", Missing::IsEmpty, &body).await.ok()?;
    (found["hits"]["total"]["value"].as_u64()? > 0).then_some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_at_its_memory_cap_keeps_to_it_says_so_once_and_keeps_what_comes_too_late() {
    with_shop(async |shop| {
        let stage = Stage::new(shop, shop.servers.elasticsearch.elasticsearch_host.to_string());
        let _generator = traffic(&stage);
        let watched = Watched::start(&stage, &["--memory-mb", "1"]);
        watched.is_ready(503, "memory_cap: ").await;
        watched.is_in_state("memory_cap").await;
        eventually("an event is late", async || late_for_lack_of_memory(&stage).await).await;
        assert!(watched.metric("shoplens_processor_windows_closed_early_total", "").await > 0.0);
        let within = async || {
            let held = watched.metric("shoplens_processor_held_bytes{", "").await;
            (held > 0.0 && held <= f64::from(1 << 20)).then_some(())
        };
        eventually("the open windows fit", within).await;
        let log = watched.processor.log();
        assert_eq!(lines_with(&log, "take more memory than they may"), 1, "{log}");
        assert!(watched.processor.terminate().0.success());
        let (code, printed) = audit(shop, &[]);
        assert_eq!(code, Some(0), "{printed}");
        assert!(printed.contains("windows of visits were closed early"), "{printed}");
        stage.remove_files();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_deleted_while_reading_stands_still_are_alarmed_and_gone_on_behind() {
    with_shop(async |shop| {
        let proxy = Proxy::before(&shop.servers, Plan::these([])).await;
        let stage = Stage::new(shop, proxy.address());
        let watched = Watched::start(&stage, &[]);
        watched.is_ready(200, "working: 12 partitions").await;
        let mut generator = traffic(&stage);
        generator.says("sending").await;
        proxy.set_away(true);
        watched.processor.says(OUTAGE).await;
        assert!(tokio::task::block_in_place(|| generator.wait(crate::shop::PATIENCE)).success());
        truncate(shop).await;
        proxy.set_away(false);
        watched.processor.says(TRUNCATED).await;
        watched.is_ready(200, "were deleted before their windows were closed").await;
        assert!(
            watched.metric("shoplens_processor_deleted_unread_records_total", "product-events").await > 0.0
        );
        assert!(watched.processor.terminate().0.success());
        stage.remove_files();
    })
    .await;
}
