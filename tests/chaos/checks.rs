//! Whether everything was counted exactly once, as a table of what was expected and what was found.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shoplens::model::event::door::Door;
use shoplens::model::money::Currency;
use shoplens::store::Missing;

use crate::programs::AUDIT;
use crate::records::{dead_letters, topics};
use crate::recount::{recount, said};
use crate::shop::Shop;
use crate::storm::Sent;

/// Operators for which an event of a day ago is late; that of orders waits for days.
const LATE_FOR: [&str; 2] = ["trends", "visits"];

/// Rows of a table that is printed in the end.
#[derive(Default)]
pub struct Table {
    rows: Vec<(String, String, String)>,
    different: Vec<String>,
}

impl Table {
    /// Something that was done.
    pub fn did(&mut self, what: &str, how_often: impl ToString) {
        self.rows.push((what.to_owned(), how_often.to_string(), String::new()));
    }

    /// Something that must be as expected.
    pub fn check<T: PartialEq>(&mut self, what: &str, expected: T, found: T, show: impl Fn(&T) -> String) {
        let mut verdict = "as expected".to_owned();
        if expected != found {
            verdict = format!("DIFFERENT, expected {}", show(&expected));
            self.different.push(what.to_owned());
        }
        self.rows.push((what.to_owned(), show(&found), verdict));
    }

    /// Prints everything; panics where something is different.
    pub fn conclude(&self) {
        for (what, found, verdict) in &self.rows {
            println!("{what:<58} {found:>12}  {verdict}");
        }
        assert!(self.different.is_empty(), "different from what was expected: {:?}", self.different);
    }
}

/// Holds the indices, the dead letters, the late events and the ledger against the raw topics and the
/// generator's report.
pub async fn check(shop: &Shop, sent: &Sent, table: &mut Table) {
    let partitions = shop.bus.ensure_topics().await.unwrap();
    let raw = topics(shop, Door { partitions, currency: Currency::EUR });
    let (said, found) = (said(&sent.report), recount(shop).await);
    let faults = sent.faults();
    let number = |value: &u64| value.to_string();
    table.did("records in the event topics", raw.records);
    table.did("  of them delayed by the generator (disorder)", faults.disordered);
    table.check("  of them sent again (duplicates)", faults.duplicates, raw.repeated, number);
    let mut by_type: BTreeMap<String, u64> = BTreeMap::new();
    raw.events.values().for_each(|event| *by_type.entry(event.event_type().to_string()).or_default() += 1);
    table.check(
        "distinct events in the topics: sent and added",
        said["total"].as_u64().unwrap() + sent.late.len() as u64,
        raw.events.len() as u64,
        number,
    );
    table.check(
        "distinct events archived",
        json!(raw.events.len()),
        found["total"].clone(),
        Value::to_string,
    );
    table.check("  by type", json!(by_type), found["events"].clone(), |_| "all types".to_owned());
    for field in ["entrants", "units"] {
        table.check(field, said[field].clone(), found[field].clone(), |value| match value {
            Value::Object(_) => value.as_object().map(sum).unwrap_or_default().to_string(),
            other => other.to_string(),
        });
    }
    let count = |set: &BTreeSet<_>| set.len().to_string();
    let (letters, written) = dead_letters(shop);
    table.check(
        "corrupt records in the topics: those of the generator",
        faults.corrupt.values().sum(),
        raw.corrupt.len() as u64,
        number,
    );
    table.check("dead letters (topic, partition, offset)", raw.corrupt, letters, count);
    table.did("  records in dead-letters (each at least once)", written);
    let late = late_events(shop).await;
    for operator in LATE_FOR {
        let found = late.get(operator).cloned().unwrap_or_default();
        table.check(&format!("late events of {operator}"), sent.late.clone(), found, |set| {
            set.len().to_string()
        });
    }
    check_ledger(shop, raw.records, table).await;
    check_audit(shop, table);
}

fn sum(units: &serde_json::Map<String, Value>) -> u64 {
    units.values().filter_map(Value::as_u64).sum()
}

/// The ids of late events by operator.
async fn late_events(shop: &Shop) -> BTreeMap<String, BTreeSet<String>> {
    shop.store.refresh("late-events").await.unwrap();
    let mut late: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for hit in hits(shop, "late-events").await {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        late.entry(text(&hit["operator"])).or_default().insert(text(&hit["event"]["event_id"]));
    }
    late
}

async fn hits(shop: &Shop, index: &str) -> Vec<Value> {
    let body = json!({ "size": 10_000, "query": { "match_all": {} } });
    let answer: Value = shop.store.search("check", index, Missing::IsEmpty, &body).await.unwrap();
    let hits = answer["hits"]["hits"].as_array().unwrap();
    assert!(hits.len() < 10_000, "more documents in {index} than one answer holds");
    hits.iter().map(|hit| hit["_source"].clone()).collect()
}

/// Every record was read once by each group that reads all topics, and is accounted for.
async fn check_ledger(shop: &Shop, records: u64, table: &mut Table) {
    shop.store.refresh("processor-frontiers").await.unwrap();
    let mut read: BTreeMap<String, u64> = BTreeMap::new();
    let mut unbalanced = 0_u64;
    for frontier in hits(shop, "processor-frontiers").await {
        for counts in frontier["ledger"].as_array().unwrap() {
            let count = |name: &str| counts[name].as_u64().unwrap();
            let fates = ["folded", "duplicate", "late", "dead", "ignored", "ticks"];
            unbalanced += u64::from(count("read") != fates.into_iter().map(count).sum::<u64>());
            *read.entry(counts["operator"].as_str().unwrap().to_owned()).or_default() += count("read");
        }
    }
    table.check("ledgers that do not balance", 0, unbalanced, u64::to_string);
    for operator in LATE_FOR {
        let read = read.get(operator).copied().unwrap_or_default();
        table.check(&format!("records read, by the ledger of {operator}"), records, read, u64::to_string);
    }
}

fn check_audit(shop: &Shop, table: &mut Table) {
    let (code, printed) = audit(shop, &["--require-drained"]);
    print!("{printed}");
    table.check("exit code of audit", Some(0), code, |code| format!("{code:?}"));
}

/// The recount that shares nothing with the processor but the types of events: its exit code and what it prints.
pub fn audit(shop: &Shop, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(AUDIT);
    let kafka = &shop.servers.kafka.kafka_bootstrap_servers;
    let elasticsearch = shop.servers.elasticsearch.elasticsearch_host.url().as_str();
    command.env("SHOPLENS_PREFIX", &shop.prefix).env("KAFKA_BOOTSTRAP_SERVERS", kafka);
    let output = command.env("ELASTICSEARCH_HOST", elasticsearch).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}
