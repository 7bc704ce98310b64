//! The audit on the real servers: it agrees with what was processed, and names what somebody changed.

use std::process::{Command, Stdio};

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use shoplens::audit::report::{Difference, Problem, Report};
use shoplens::audit::{AuditSettings, audit};
use shoplens::bus::DEAD_LETTERS;
use shoplens::model::event::Stream;
use shoplens::model::ids::SessionId;
use shoplens::model::money::Currency;
use shoplens::model::rules::EMBEDDED;
use shoplens::model::sample::Sample;
use shoplens::store::Method;

use crate::live::shop::{Shop, with_shop};
use crate::live::small_log::{Log, drain, drain_with, minute, with_small_log};

/// The audit's report; everything must have been processed.
pub async fn report(shop: &Shop, currency: Currency) -> Report {
    report_of(shop, currency, Sample::ALL).await
}

async fn report_of(shop: &Shop, currency: Currency, archive_share: Sample) -> Report {
    let settings = AuditSettings { show: 100, json: false, require_drained: true, archive_share };
    audit(&settings, shop.store.clone(), &shop.bus, currency).await.unwrap()
}

/// The same from the program: its exit code and what it prints.
pub fn program(shop: &Shop, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audit"));
    let output = command.args(arguments).env("SHOPLENS_PREFIX", &shop.prefix).stderr(Stdio::null()).output();
    let output = output.unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

pub fn compared(report: &Report, what: &str) -> u64 {
    report.checks.get(what).map_or(0, |check| check.compared)
}

/// One visitor's minute, with a duplicate, a corrupt record and, after it was closed, a late event.
fn eventful(log: &Log) {
    log.event("search", minute(0));
    let view = log.event("view", minute(0));
    log.record(Stream::Product, &view);
    log.record(Stream::Product, b"{\"event_type\":\"glance\"}");
    log.event("add_to_cart", minute(0));
    log.event("purchase", minute(0));
    log.close(minute(180));
    log.event("view", minute(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_agrees_with_the_processor_about_duplicates_late_and_corrupt_records() {
    with_small_log(async |shop, log| {
        eventful(log);
        drain(shop, Currency::EUR).await;
        let report = report(shop, Currency::EUR).await;
        assert_eq!(report.differences, []);
        assert_eq!((report.records, report.drained_partitions), (10, 1));
        let kinds = ["late-events", "dead-letters", "product-trends", "events", "ledger"];
        // Late for trends and visits; one corrupt record; a document a minute and topic.
        assert_eq!(kinds.map(|what| compared(&report, what)), [2, 1, 4, 8, 11]);
        let (code, printed) = program(shop, &["--json"]);
        let printed: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!((code, &printed["records"]), (0, &json!(10)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_events_are_kept_of_a_share_of_the_sessions_and_the_audit_expects_no_others() {
    with_small_log(async |shop, log| {
        let half: Sample = "0.5".parse().unwrap();
        let views = (0..40).map(|number| log.event("view", minute(number)));
        let is_kept = |view: &Vec<u8>| {
            let view: Value = serde_json::from_slice(view).unwrap();
            half.holds(&SessionId::parse(view["session_id"].as_str().unwrap()).unwrap())
        };
        let kept = views.filter(is_kept).count();
        assert!((1..40).contains(&kept), "{kept}");
        drain_with(shop, Currency::EUR, &["--archive-share", "0.5"]).await;
        let sampled = report_of(shop, Currency::EUR, half).await;
        assert_eq!(
            (sampled.differences.as_slice(), compared(&sampled, "events")),
            ([].as_slice(), kept as u64)
        );
        let whole = report(shop, Currency::EUR).await;
        assert_eq!(whole.differences.len(), 40 - kept, "without the setting the others are missed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_names_every_document_that_somebody_changed_added_or_deleted() {
    with_small_log(async |shop, log| {
        eventful(log);
        drain(shop, Currency::EUR).await;
        let (start, day, month) = (minute(0).millis(), minute(0).day(), minute(0).month());
        let send = async |method, path: String, body: Option<Value>| {
            let path = format!("/{}{path}", shop.prefix);
            shop.store.send::<Value>("tamper", method, &path, body.as_ref()).await.unwrap();
        };
        let funnel = format!("funnels|{start}|0|home");
        let update = json!({ "doc": { "viewed": 7 } });
        send(Method::Post, format!("category-funnels-{day}/_update/{}", in_path(&funnel)), Some(update))
            .await;
        let query = format!("queries|{start}|0|query|chair");
        let update = json!({ "doc": { "zero_results": 1 } });
        send(Method::Post, format!("query-stats-{day}/_update/{}", in_path(&query)), Some(update)).await;
        let trend = format!("trends|{start}|0|p-1|order-events");
        send(Method::Delete, format!("product-trends-{day}/_doc/{}", in_path(&trend)), None).await;
        let late = format!("visits|{start}|product-events-0-5");
        send(Method::Delete, format!("late-events-{month}/_doc/{}", in_path(&late)), None).await;
        let fact = json!({ "day": minute(0), "partition": 0, "user": "nobody", "support": 1 });
        send(Method::Put, format!("fraud-facts-{month}/_doc/by-hand"), Some(fact)).await;
        let ledger = json!({ "script": { "source": "ctx._source.ledger[0].read += 1" } });
        send(Method::Post, "processor-frontiers/_update/fraud%7C0".to_owned(), Some(ledger)).await;
        let headers: [(&str, &[u8]); 4] =
            [("reason", b"unreadable"), ("topic", b"search-events"), ("partition", b"0"), ("offset", b"0")];
        log.record_with_headers(DEAD_LETTERS, b"", &headers);

        let report = report(shop, Currency::EUR).await;
        let mut told: Vec<_> = report.differences.iter().map(summary).collect();
        told.sort();
        let expected = [
            ("category-funnels", funnel.as_str(), "different"),
            ("dead-letters", "search-events-0-0", "unexpected"),
            ("fraud-facts", "by-hand", "unexpected"),
            ("late-events", late.as_str(), "missing"),
            ("processor-frontiers", "fraud|0|fraud|order-events", "different"),
            ("product-trends", trend.as_str(), "missing"),
            ("query-stats", query.as_str(), "different"),
        ];
        assert_eq!(told, expected.map(|(index, id, problem)| (index.to_owned(), id.to_owned(), problem)));
        let (code, printed) = program(shop, &["--show", "1"]);
        assert_eq!(code, 1);
        assert!(printed.ends_with("and 6 more; --show prints more of them\n7 differences\n"), "{printed}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_names_a_dead_letter_that_was_deleted() {
    with_small_log(async |shop, log| {
        log.record(Stream::Order, b"not json");
        log.close(minute(0));
        drain(shop, Currency::EUR).await;
        delete_records(shop, DEAD_LETTERS, 1).await;
        let report = report(shop, Currency::EUR).await;
        let told: Vec<_> = report.differences.iter().map(summary).collect();
        assert_eq!(told, [("dead-letters".to_owned(), "order-events-0-0".to_owned(), "missing")]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_that_cannot_be_carried_out_is_told_apart_from_one_that_finds_something() {
    with_shop(async |shop| assert_eq!(program(shop, &[]).0, 2)).await;
    with_small_log(async |shop, log| {
        log.close(minute(0));
        drain(shop, Currency::EUR).await;
        log.close(minute(1));
        assert_eq!(program(shop, &["--require-drained"]).0, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_of_a_shop_that_lives_compares_what_is_closed_and_leaves_the_rest() {
    with_small_log(async |shop, log| {
        eventful(log);
        drain(shop, Currency::EUR).await;
        // Not processed yet.
        log.close(minute(181));
        let (code, printed) = program(shop, &["--json"]);
        let printed: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!((code, &printed["drained_partitions"]), (0, &json!(0)));
        // Of each topic the document of the first minute is compared, and not that of the last.
        let trends = json!({ "compared": 2, "skipped": 2, "differences": 0 });
        assert_eq!(printed["checks"]["product-trends"], trends);
        assert_eq!(printed["checks"]["fraud-facts"]["compared"], 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rests_on_records_that_retention_has_deleted_is_no_difference() {
    with_small_log(async |shop, log| {
        eventful(log);
        drain(shop, Currency::EUR).await;
        delete_records(shop, Stream::Product.topic(), 3).await;
        let report = report(shop, Currency::EUR).await;
        assert_eq!(report.differences, []);
        assert!(
            report.notes[0].starts_with("product-events partition 0 begins at offset 3"),
            "{:?}",
            report.notes
        );
        // The order topic is whole.
        assert_eq!(report.checks["product-trends"].compared, 2);
    })
    .await;
}

/// Index without its date, id, and what is wrong.
pub fn summary(difference: &Difference) -> (String, String, &'static str) {
    let problem = match difference.problem {
        Problem::Missing { .. } => "missing",
        Problem::Unexpected { .. } => "unexpected",
        Problem::Different { .. } => "different",
    };
    let index = difference.index.split("-20").next().unwrap();
    (index.to_owned(), difference.id.clone(), problem)
}

pub fn in_path(id: &str) -> String {
    id.replace('|', "%7C")
}

pub async fn delete_records(shop: &Shop, topic: &str, before: i64) {
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &shop.servers.kafka.kafka_bootstrap_servers);
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&shop.bus.name(topic), 0, Offset::Offset(before)).unwrap();
    admin.delete_records(&list, &AdminOptions::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_is_judged_by_rules_of_its_own() {
    with_small_log(async |shop, log| {
        log.event("search", minute(0));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rules.toml");
        // One search a minute is a bot's pace here.
        let strict = EMBEDDED.replacen("per_minute = 30", "per_minute = 1", 1);
        std::fs::write(&file, strict).unwrap();
        let own = ["--fraud-rules-file", file.to_str().unwrap()];
        let mut processor = Command::new(env!("CARGO_BIN_EXE_processor"));
        let processor = processor.args(own).arg("--until-drained").env("SHOPLENS_PREFIX", &shop.prefix);
        assert!(processor.env("METRICS_PORT", "0").output().unwrap().status.success());
        let (code, printed) = program(shop, &[&own[..], &["--json"]].concat());
        let report: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!((code, &report["checks"]["fraud-signals"]["compared"]), (0, &json!(1)), "{printed}");
        assert_eq!(program(shop, &[]).0, 1);
        std::fs::write(&file, "[bot_velocity]\nversion = 0").unwrap();
        assert_eq!(program(shop, &own).0, 2);
    })
    .await;
}
