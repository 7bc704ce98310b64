//! Generations of results on the real servers: filled beside what readers see, promoted, gone back from.

use std::collections::BTreeMap;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use shoplens::bus::{DEAD_LETTERS, LogReader, Stretch};
use shoplens::model::event::Stream;
use shoplens::model::generation::Generation;
use shoplens::model::money::Currency;
use shoplens::model::time::Timestamp;
use shoplens::store::Stored;
use shoplens::store::schema::Schema;

use crate::live::shop::{Shop, eventually, with_shop};
use crate::live::small_log::{Log, drain, minute, with_small_log};
use crate::live::small_shop::service;

const RESULTS: [Schema; 9] = [
    Schema::EVENTS,
    Schema::PRODUCT_TRENDS,
    Schema::CATEGORY_FUNNELS,
    Schema::QUERY_STATS,
    Schema::SUSPECT_PRODUCTS,
    Schema::SUSPECT_QUERIES,
    Schema::FRAUD_FACTS,
    Schema::FRAUD_SIGNALS,
    Schema::LATE_EVENTS,
];

fn program(shop: &Shop, path: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(path);
    command
        .args(arguments)
        .env("SHOPLENS_PREFIX", &shop.prefix)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a program, and gives what it prints.
fn run(shop: &Shop, path: &str, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = program(shop, path, arguments).output().unwrap();
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// Runs a program that must refuse, and gives what it says.
fn refusal(shop: &Shop, path: &str, arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = program(shop, path, arguments).output().unwrap();
    assert!(!status.success(), "{arguments:?} was not refused");
    String::from_utf8(stderr).unwrap()
}

fn admin(shop: &Shop, arguments: &[&str]) -> String {
    run(shop, env!("CARGO_BIN_EXE_admin"), &[&["generation"], arguments].concat())
}

/// Fills a generation with what the topics hold.
fn fill(shop: &Shop, arguments: &[&str]) {
    let arguments = [&["--until-drained", "--flush-interval-ms", "100"], arguments].concat();
    run(shop, env!("CARGO_BIN_EXE_processor"), &arguments);
}

/// A processor that goes on until it is told to stop.
struct Processor(Child);

impl Processor {
    fn start(shop: &Shop, arguments: &[&str]) -> Self {
        let mut command = program(shop, env!("CARGO_BIN_EXE_processor"), arguments);
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Processor {
    /// Has it leave its groups, without which they could not be removed.
    fn drop(&mut self) {
        let stopped = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let ended = self.0.wait();
        assert!(std::thread::panicking() || (stopped.unwrap().success() && ended.unwrap().success()));
    }
}

/// Every document of a generation but its reports: version and contents by the index without what the
/// generation adds to its name, and the id. The version of what is late says only how often it was written:
/// once more for every worker that took its partition over.
async fn documents(shop: &Shop, generation: &str) -> BTreeMap<(String, String), (u64, Value)> {
    let store = shop.store.of_generation(&generation.parse().unwrap());
    let mut documents = BTreeMap::new();
    for schema in RESULTS {
        store.refresh(schema.name).await.unwrap();
        let take = |Stored { index, id, version, source, .. }: Stored| {
            let index = index.strip_prefix(&store.name("")).unwrap().to_owned();
            let version = if schema.name == Schema::LATE_EVENTS.name { 1 } else { version };
            documents.insert((index, id), (version, source));
        };
        store.each_document(schema.name, &json!({ "match_all": {} }), take).await.unwrap();
    }
    documents
}

/// How many records the topics hold.
fn records(shop: &Shop) -> BTreeMap<&'static str, i64> {
    let reader = LogReader::new(&shop.bus).unwrap();
    let topics = Stream::ALL.map(Stream::topic).into_iter().chain([DEAD_LETTERS]);
    let records = |topic| {
        let ends = (0..reader.partitions(topic).unwrap()).map(|p| reader.bounds(topic, p).unwrap().1);
        (topic, ends.sum())
    };
    topics.map(records).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_reprocess_under_a_new_generation_equals_the_live_one_document_by_document() {
    with_shop(async |shop| {
        let history = ["--start=8h ago", "--speed=0", "--events-per-second=1", "--events=8000", "--seed=5"];
        let faults = ["--duplicates=0.02", "--late=0.02", "--corrupt=0.01", "--fraud-ratio=0.2"];
        let arguments = [history.as_slice(), &faults, &["--built-in-catalogue=300"]].concat();
        run(shop, env!("CARGO_BIN_EXE_generator"), &arguments);
        // The live one goes on during the reprocess. It has seen an interruption, the other will not have.
        fill(shop, &["--workers=2"]);
        let live = Processor::start(shop, &["--flush-interval-ms=100"]);
        let (documents_before, records_before) = (documents(shop, "original").await, records(shop));
        fill(shop, &["--generation=v2", "--from=beginning"]);
        let filled = documents(shop, "v2").await;
        let kinds: BTreeMap<&str, usize> = RESULTS
            .map(|schema| {
                (schema.name, filled.keys().filter(|(index, _)| index.starts_with(schema.name)).count())
            })
            .into();
        assert!(kinds.values().all(|count| *count > 0), "{kinds:?}");
        assert_eq!(filled.keys().collect::<Vec<_>>(), documents_before.keys().collect::<Vec<_>>());
        for (place, document) in &documents_before {
            assert_eq!(filled.get(place), Some(document), "{place:?}");
        }
        assert_eq!(documents(shop, "original").await, documents_before);
        // Dead letters were not written a second time, nor anything else to Kafka.
        assert_eq!(records(shop), records_before);
        assert!(records_before[DEAD_LETTERS] > 0);
        let audited = run(shop, env!("CARGO_BIN_EXE_audit"), &["--generation=v2", "--require-drained"]);
        assert!(audited.ends_with("0 differences\n"), "{audited}");
        drop(live);
    })
    .await;
}

/// Three hours of one visitor; the middle one is stored after the time that is given.
async fn two_batches(shop: &Shop, log: &Log) -> Timestamp {
    log.event("view", minute(0));
    let mut stored = Timestamp::MIN;
    let reader = LogReader::new(&shop.bus).unwrap();
    let topic = Stream::Product.topic();
    let first = Stretch { topic, partition: 0, from: 0, to: 1 };
    reader.read(first, |entry| stored = entry.appended_at).unwrap();
    let after = Timestamp::from_millis(stored.millis() + 1);
    eventually("the clock goes on", async || (Timestamp::now() > after).then_some(())).await;
    log.event("view", minute(1));
    log.event("purchase", minute(1));
    after
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_follow_a_promotion_and_the_way_back_while_both_generations_go_on() {
    with_small_log(async |shop, log| {
        let after = two_batches(shop, log).await;
        drain(shop, Currency::EUR).await;
        fill(shop, &["--generation=since", "--from", &after.to_string()]);
        let _live = Processor::start(shop, &["--flush-interval-ms=100"]);
        let _since = Processor::start(shop, &["--flush-interval-ms=100", "--generation=since"]);
        let service = service(shop, &[]);
        let shows = async |events: u64| {
            eventually("the api shows so many events", async || {
                (service.get("/stats").await["events"]["total"] == events).then_some(())
            })
            .await;
        };
        shows(3).await;
        admin(shop, &["promote", "since"]);
        shows(2).await;
        // Both read on, so neither is behind when readers come to it.
        log.event("view", minute(2));
        shows(3).await;
        log.record(Stream::Product, b"{\"event_type\":\"glance\"}");
        eventually("both have written the dead letter", async || {
            (records(shop)[DEAD_LETTERS] == 2).then_some(())
        })
        .await;
        assert!(admin(shop, &["back"]).contains("original again"));
        shows(4).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_mislead_readers_or_lose_results_is_refused_with_what_to_do() {
    with_small_log(async |shop, log| {
        log.event("view", minute(0));
        drain(shop, Currency::EUR).await;
        let refused = |arguments: &[&str], told: &str| {
            let (path, arguments) = match arguments {
                ["processor", rest @ ..] => (env!("CARGO_BIN_EXE_processor"), rest.to_vec()),
                ["audit", rest @ ..] => (env!("CARGO_BIN_EXE_audit"), rest.to_vec()),
                all => (env!("CARGO_BIN_EXE_admin"), [&["generation"], all].concat()),
            };
            let said = refusal(shop, path, &arguments);
            assert!(said.contains(told), "{arguments:?}: {said}");
        };
        refused(&["promote", "v9"], "there is no generation v9, only original");
        refused(&["remove", "v9"], "there is no generation v9, only original");
        refused(&["audit", "--generation=v9"], "there is no generation v9, only original");
        refused(&["back"], "none from before it is left");
        refused(&["promote", "original"], "readers see the generation original already");
        refused(&["processor", "--generation=V-2"], "cannot name a generation");
        refused(&["processor", "--from=beginning"], "--from is for a new generation");
        refused(&["processor", "--generation=v2", "--from=yesterday"], "must be beginning or a time");

        fill(shop, &["--generation=v2"]);
        let of_one_view = documents(shop, "v2").await.len();
        refused(
            &["processor", "--generation=v2", "--from=2026-11-01T00:00:00Z"],
            "was begun with --from beginning",
        );
        log.event("view", minute(1));
        drain(shop, Currency::EUR).await;
        refused(&["promote", "v2"], "trends is at 1 of 2 in product-events partition 0");
        fill(shop, &["--generation=v2"]);
        admin(shop, &["promote", "v2"]);
        refused(&["remove", "v2"], "before it is removed");
        admin(shop, &["back"]);

        log.event("view", minute(2));
        let processor = Processor::start(shop, &["--flush-interval-ms=100", "--generation=v2"]);
        eventually("all groups of v2 have read on", async || {
            (documents(shop, "v2").await.len() == 3 * of_one_view).then_some(())
        })
        .await;
        let before = documents(shop, "v2").await;
        refused(&["remove", "v2"], "still has members: stop the programs first");
        assert_eq!(documents(shop, "v2").await, before);
        drop(processor);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_that_was_removed_is_gone_and_the_one_that_readers_see_is_whole() {
    with_small_log(async |shop, log| {
        log.event("view", minute(0));
        drain(shop, Currency::EUR).await;
        fill(shop, &["--generation=v2"]);
        let original = documents(shop, "original").await;
        assert_eq!(documents(shop, "v2").await, original);
        assert!(admin(shop, &["list"]).contains("v2"));
        admin(shop, &["remove", "v2"]);
        assert!(!admin(shop, &["list"]).contains("v2"));
        assert_eq!(documents(shop, "v2").await, BTreeMap::new());
        assert_eq!(documents(shop, "original").await, original);
        // It begins anew and reads everything again: nothing of its positions is left.
        fill(shop, &["--generation=v2"]);
        assert_eq!(documents(shop, "v2").await, original);
        // The original can go, too, once readers see another.
        admin(shop, &["promote", "v2"]);
        admin(shop, &["remove", "original"]);
        assert_eq!(documents(shop, "original").await, BTreeMap::new());
        let results = shop.store.current_results().await.unwrap();
        let second: Generation = "v2".parse().unwrap();
        assert_eq!(results.name(""), shop.store.of_generation(&second).name(""));
        assert_eq!(documents(shop, "v2").await, original);
    })
    .await;
}
