//! What was rolled up into quarters of an hour, hours and days, held against what it was made from: every document is
//! added up anew, in the plainest way.
//!
//! Compared is what the index `rollups` states to be there, of a level and of what it is made from; a span that is
//! being rolled up is not stated yet. What differs is looked at again, for a repair may have changed it between two
//! reads; and one that was recorded this moment is left to the roll-up, which looks for repairs each minute.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::audit::compare::{Comparison, Outcome, Standing};
use crate::audit::held::Held;
use crate::audit::recount::Expected;
use crate::audit::report::Report;
use crate::audit::rules::Operator;
use crate::model::category::CategoryPath;
use crate::model::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use crate::store::found::{Aggregated, Buckets};
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError, Stored};

/// Times that a stretch is looked at before what differs in it counts.
const LOOKS_MAX: u32 = 3;
/// Wait before the next look: longer than a repair takes from its documents to its record.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// Time that the roll-up may take to make good what a repair has changed: two of its passes.
const SETTLED_AFTER: TimeDelta = TimeDelta::minutes(2);
/// Most documents that are read at once where a stretch can be shorter: about 100 MB.
const STRETCH_DOCUMENTS_MAX: u64 = 100_000;
/// Numbers that say where a document comes from, and are not added up.
const NOT_ADDED: &str = "partition";

const PRODUCTS: &[&str] = &["product_id", "category", "brand"];
const CATEGORIES: &[&str] = &["category", "level"];
const SEARCHES: &[&str] = &["scope", "key"];
const SUSPECTED_PRODUCTS: &[&str] = &["session_id", "product_id", "category"];
const SUSPECTED_SEARCHES: &[&str] = &["session_id", "scope", "key"];

/// Spans of one length of one kind of result.
#[derive(Debug)]
struct Level {
    schema: Schema,
    /// What they are made from.
    source: Schema,
    /// How documents call them.
    span: &'static str,
    span_ms: i64,
    /// What the documents of a span are told apart by.
    keys: &'static [&'static str],
    /// Who computes the minutes.
    operator: Operator,
}

impl Level {
    const fn of(
        (source, schema): (Schema, Schema),
        (span, span_ms): (&'static str, i64),
        (keys, operator): (&'static [&'static str], Operator),
    ) -> Self {
        Self { schema, source, span, span_ms, keys, operator }
    }
}

const QUARTER: (&str, i64) = ("quarter", 15 * MINUTE_MS);
const HOUR: (&str, i64) = ("hour", HOUR_MS);
const DAY: (&str, i64) = ("day", DAY_MS);

/// Every level: quarters and hours are made from minutes, days from hours.
static LEVELS: [Level; 11] = {
    use Operator::{Trends, Visits};
    [
        Level::of((Schema::PRODUCT_TRENDS, Schema::PRODUCT_TRENDS_QUARTERS), QUARTER, (PRODUCTS, Trends)),
        Level::of((Schema::PRODUCT_TRENDS, Schema::PRODUCT_TRENDS_HOURS), HOUR, (PRODUCTS, Trends)),
        Level::of((Schema::PRODUCT_TRENDS_HOURS, Schema::PRODUCT_TRENDS_DAYS), DAY, (PRODUCTS, Trends)),
        Level::of((Schema::CATEGORY_FUNNELS, Schema::CATEGORY_FUNNELS_HOURS), HOUR, (CATEGORIES, Visits)),
        Level::of((Schema::CATEGORY_FUNNELS_HOURS, Schema::CATEGORY_FUNNELS_DAYS), DAY, (CATEGORIES, Visits)),
        Level::of((Schema::QUERY_STATS, Schema::QUERY_STATS_HOURS), HOUR, (SEARCHES, Visits)),
        Level::of((Schema::QUERY_STATS_HOURS, Schema::QUERY_STATS_DAYS), DAY, (SEARCHES, Visits)),
        Level::of(
            (Schema::SUSPECT_PRODUCTS, Schema::SUSPECT_PRODUCTS_HOURS),
            HOUR,
            (SUSPECTED_PRODUCTS, Visits),
        ),
        Level::of(
            (Schema::SUSPECT_PRODUCTS_HOURS, Schema::SUSPECT_PRODUCTS_DAYS),
            DAY,
            (SUSPECTED_PRODUCTS, Visits),
        ),
        Level::of(
            (Schema::SUSPECT_QUERIES, Schema::SUSPECT_QUERIES_HOURS),
            HOUR,
            (SUSPECTED_SEARCHES, Visits),
        ),
        Level::of(
            (Schema::SUSPECT_QUERIES_HOURS, Schema::SUSPECT_QUERIES_DAYS),
            DAY,
            (SUSPECTED_SEARCHES, Visits),
        ),
    ]
};

/// A stretch of time of one level that is compared at once: whole spans.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    level: &'static Level,
    from: Timestamp,
    until: Timestamp,
}

/// Compares all that is rolled up, and reports what differs.
///
/// # Errors
/// [`StoreError`]
pub async fn compare(store: &Store, report: &mut Report) -> Result<(), StoreError> {
    let held = Held::read(store, Timestamp::now()).await?;
    let mut left = Vec::new();
    for level in &LEVELS {
        left.extend(stretches(store, level, &held).await?);
    }
    let mut looks = 0;
    while !left.is_empty() {
        let held = if looks == 0 {
            held.clone()
        } else {
            tokio::time::sleep(AGAIN_AFTER).await;
            Held::read(store, Timestamp::now()).await?
        };
        looks += 1;
        let mut again = Vec::new();
        for stretch in std::mem::take(&mut left) {
            // Dropped for its age meanwhile.
            if since(stretch.level, &held) > stretch.from {
                continue;
            }
            let outcome = look(store, stretch).await?;
            if outcome.differences.is_empty() {
                add(report, stretch.level, outcome, &BTreeSet::new());
            } else if looks == LOOKS_MAX {
                // After the look: a repair writes its documents before it is recorded.
                let mended = mended_lately(store, Timestamp::now()).await?;
                add(report, stretch.level, outcome, &mended);
            } else {
                again.push(stretch);
            }
        }
        left = again;
    }
    Ok(())
}

fn add(report: &mut Report, level: &Level, outcome: Outcome, mended: &BTreeSet<String>) {
    let Outcome { compared, mut skipped, differences } = outcome;
    let mut differences: Vec<_> = differences.into_iter().map(|(_, difference)| difference).collect();
    let mut note = |text: String| {
        if !report.notes.contains(&text) {
            report.notes.push(text);
        }
    };
    if mended.contains(level.operator.name()) && !differences.is_empty() {
        skipped += differences.len() as u64;
        differences.clear();
        note(format!(
            "windows of {} were repaired this moment and are rolled up again within two minutes: look again then",
            level.operator.name()
        ));
    } else if !differences.is_empty() {
        note("what was rolled up differs from what it was made from: `admin rollup` makes good what a repair left \
              behind; what still differs then, somebody has changed"
            .to_owned());
    }
    report.add(level.schema.name, compared, skipped, differences);
}

/// Since when both a level and what it is made from are held.
fn since(level: &Level, held: &Held) -> Timestamp {
    let from = [&level.schema, &level.source].map(|schema| held.from(schema));
    from.into_iter().flatten().max().unwrap_or_default()
}

#[derive(Deserialize)]
struct Days {
    days: Buckets<Day>,
}

#[derive(Deserialize)]
struct Day {
    key: i64,
    doc_count: u64,
}

/// What there is to compare: days, or the hours of a day that has many documents.
async fn stretches(store: &Store, level: &'static Level, held: &Held) -> Result<Vec<Stretch>, StoreError> {
    let (from, until) = (since(level, held), held.rolled_until(&level.schema).unwrap_or_default());
    let aggregation = json!({ "field": "minute", "fixed_interval": "1d", "min_doc_count": 1 });
    let body = json!({
        "size": 0,
        "track_total_hits": false,
        "query": within(from, until),
        "aggs": { "days": { "date_histogram": aggregation } },
    });
    for schema in [&level.schema, &level.source] {
        store.refresh(schema.name).await?;
    }
    let both = format!("{},{}", level.schema.name, level.source.name);
    let what = "list the days that are rolled up";
    let found: Aggregated<Option<Days>> = store.search(what, &both, Missing::IsEmpty, &body).await?;
    let days = found.aggregations.map(|found| found.days.buckets).unwrap_or_default();
    let stretches = days.into_iter().flat_map(|Day { key, doc_count }| {
        let is_long = doc_count > STRETCH_DOCUMENTS_MAX && level.span_ms < DAY_MS;
        let length = if is_long { HOUR_MS } else { DAY_MS };
        (key..key + DAY_MS).step_by(length as usize).map(move |start| Stretch {
            level,
            from: Timestamp::from_millis(start).max(from),
            until: Timestamp::from_millis(start + length).min(until),
        })
    });
    Ok(stretches.filter(|stretch| stretch.from < stretch.until).collect())
}

fn within(from: Timestamp, until: Timestamp) -> Value {
    let range = json!({ "gte": from.millis(), "lt": until.millis(), "format": "epoch_millis" });
    json!({ "range": { "minute": range } })
}

async fn look(store: &Store, stretch: Stretch) -> Result<Outcome, StoreError> {
    let Stretch { level, from, until } = stretch;
    for schema in [&level.schema, &level.source] {
        store.refresh(schema.name).await?;
    }
    let mut spans = Spans::of(level);
    let query = within(from, until);
    store.each_document(level.source.name, &query, |found| spans.take(&found.source)).await?;
    let mut comparison = Comparison::new(spans.expected(), store.name(""), |_| Standing::Final);
    let take = |mut found: Stored| {
        found.id = name(level, start_of_span(level, &found.source), &found.source);
        comparison.take(found);
    };
    store.each_document(level.schema.name, &query, take).await?;
    Ok(comparison.conclude())
}

/// The operators of which a window was repaired a moment ago.
async fn mended_lately(store: &Store, now: Timestamp) -> Result<BTreeSet<String>, StoreError> {
    let index = Schema::REPAIRED_WINDOWS.name;
    store.refresh(index).await?;
    let mut operators = BTreeSet::new();
    let take = |found: Stored| operators.extend(found.source["operator"].as_str().map(str::to_owned));
    let query = json!({ "range": { "repaired_at": { "gte": now - SETTLED_AFTER } } });
    store.each_document(index, &query, take).await?;
    Ok(operators)
}

/// The documents of the spans of a level, as they are added up. Pure.
struct Spans {
    level: &'static Level,
    /// By name: the start, one of the documents, and what was added up.
    sums: BTreeMap<String, (Timestamp, Map<String, Value>)>,
}

impl Spans {
    fn of(level: &'static Level) -> Self {
        Self { level, sums: BTreeMap::new() }
    }

    /// Adds a document to its span. One without a minute is in none.
    fn take(&mut self, document: &Value) {
        let (start, level) = (start_of_span(self.level, document), self.level);
        let (Some(at), Value::Object(fields)) = (start, document) else { return };
        let keys =
            || level.keys.iter().filter_map(|key| Some(((*key).to_owned(), fields.get(*key)?.clone())));
        let sums = self.sums.entry(name(level, start, document));
        let (_, sums) = sums.or_insert_with(|| (at, keys().collect()));
        let added =
            fields.iter().filter(|(name, _)| *name != NOT_ADDED && !level.keys.contains(&name.as_str()));
        add_up(sums, added);
    }

    /// The documents that must be there, with the sum of the supports as version.
    fn expected(self) -> impl Iterator<Item = Expected> {
        let level = self.level;
        self.sums.into_iter().map(move |(id, (start, mut body))| {
            leave_out_zeros(&mut body, level.keys);
            let version = body.get("support").and_then(Value::as_u64);
            body.insert("minute".to_owned(), json!(start));
            body.insert("span".to_owned(), json!(level.span));
            if level.keys.contains(&"product_id") {
                let category = body.get("category").and_then(Value::as_str).map(CategoryPath::parse);
                let prefixes = category.and_then(Result::ok).map(|category| category.prefixes().collect());
                body.extend(prefixes.map(|prefixes: Value| ("categories".to_owned(), prefixes)));
            }
            let index = level.schema.index_at(start);
            Expected { schema: &level.schema, index, id, version, body: body.into() }
        })
    }
}

/// The start of the span that a document's minute lies in; `None` where it has no minute.
fn start_of_span(level: &Level, document: &Value) -> Option<Timestamp> {
    Some(Timestamp::parse(document["minute"].as_str()?)?.floor_to(level.span_ms))
}

/// What a span's document is about: `hour|1795255200000|p-1|garden.tools|Arbor`.
fn name(level: &Level, start: Option<Timestamp>, document: &Value) -> String {
    let value = |key: &&str| match &document[*key] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let start = start.map(|start| start.millis().to_string()).unwrap_or_default();
    let parts = [level.span.to_owned(), start].into_iter().chain(level.keys.iter().map(value));
    parts.collect::<Vec<_>>().join("|")
}

/// Adds every number to the one of the same name, those in objects too.
fn add_up<'a>(sums: &mut Map<String, Value>, fields: impl Iterator<Item = (&'a String, &'a Value)>) {
    for (name, value) in fields {
        let sum = sums.entry(name.as_str());
        match value {
            Value::Number(number) => {
                let sum = sum.or_insert_with(|| 0.into());
                *sum = (sum.as_i64().unwrap_or_default() + number.as_i64().unwrap_or_default()).into();
            }
            Value::Object(inner) => {
                if let Value::Object(sums) = sum.or_insert_with(|| Map::new().into()) {
                    add_up(sums, inner.iter());
                }
            }
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => {}
        }
    }
}

/// A sum of 0 is not written, nor an object without any other.
fn leave_out_zeros(sums: &mut Map<String, Value>, keys: &[&str]) {
    sums.retain(|name, value| match value {
        Value::Number(number) => keys.contains(&name.as_str()) || number.as_i64() != Some(0),
        Value::Object(inner) => {
            leave_out_zeros(inner, &[]);
            !inner.is_empty()
        }
        other => !other.is_null(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added_up(level: usize, documents: &[Value]) -> Vec<(String, Option<u64>, Value)> {
        let mut spans = Spans::of(&LEVELS[level]);
        documents.iter().for_each(|document| spans.take(document));
        spans.expected().map(|one| (one.id, one.version, one.body)).collect()
    }

    #[test]
    fn a_span_is_the_sum_of_its_minutes_over_partitions_and_topics() {
        let minute = |minute: &str, partition: u64, views: u64, support: u64| {
            json!({
                "minute": minute, "partition": partition, "stream": "product-events", "product_id": "p-1",
                "category": "garden.tools", "categories": ["garden", "garden.tools"], "support": support,
                "view": { "sessions": views, "revenue_cents": 0 }, "refund": { "sessions": 0 },
            })
        };
        let minutes = [
            minute("2026-11-21T10:00:00.000Z", 0, 2, 3),
            minute("2026-11-21T10:59:00.000Z", 7, 5, 6),
            minute("2026-11-21T11:00:00.000Z", 0, 1, 1),
        ];
        let [first, second] = <[_; 2]>::try_from(added_up(1, &minutes)).unwrap();
        let body = json!({
            "minute": "2026-11-21T10:00:00.000Z", "span": "hour", "product_id": "p-1", "category": "garden.tools",
            "categories": ["garden", "garden.tools"], "support": 9, "view": { "sessions": 7 },
        });
        assert_eq!(first, ("hour|1795255200000|p-1|garden.tools|".to_owned(), Some(9), body));
        assert_eq!((second.0.as_str(), second.1), ("hour|1795258800000|p-1|garden.tools|", Some(1)));
    }

    #[test]
    fn a_number_that_documents_are_told_apart_by_is_not_added_up() {
        let funnel = |category: &str| {
            let minute = "2026-11-21T10:00:00.000Z";
            json!({ "minute": minute, "partition": 1, "category": category, "level": 0, "entered": 2, "support": 2 })
        };
        let found = added_up(3, &[funnel("all"), funnel("all"), funnel("home")]);
        let told =
            found.iter().map(|(id, version, body)| (id.as_str(), *version, &body["level"], &body["entered"]));
        let start = "hour|1795255200000";
        let expected = [(format!("{start}|all|0"), 4), (format!("{start}|home|0"), 2)];
        let (level, sums) = (json!(0), [json!(4), json!(2)]);
        let expected = expected.iter().zip(&sums);
        let expected = expected.map(|((id, sum), entered)| (id.as_str(), Some(*sum), &level, entered));
        assert!(told.eq(expected), "{found:?}");
    }
}
