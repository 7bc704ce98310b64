//! The documents of spans: how Elasticsearch adds them up, and what is written of that. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::model::category::CategoryPath;
use crate::model::time::Timestamp;
use crate::rollup::kind::Kind;
use crate::rollup::level::Level;
use crate::store::bulk::{Mode, Operation};
use crate::store::found::Metric;
use crate::store::schema::Schema;

/// Documents of one page: a few MB of answer.
const PAGE_SIZE: usize = 5_000;
/// Longest id that Elasticsearch takes.
const ID_BYTES_MAX: usize = 512;
/// The key under which a span's start comes.
const SPAN: &str = "span";

/// The spans of a level that lie from one instant to another, both of which are starts of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Their length.
    pub level: Level,
    /// Start of the first.
    pub from: Timestamp,
    /// End of the last.
    pub until: Timestamp,
}

/// Asks for a page of sums, the first one or the one after a key.
pub fn page(kind: &Kind, stretch: Stretch, after: Option<&Map<String, Value>>) -> Value {
    let keys =
        kind.keys.iter().map(|key| json!({ *key: { "terms": { "field": key, "missing_bucket": true } } }));
    let span = format!("{}ms", stretch.level.span_ms());
    let span = json!({ SPAN: { "date_histogram": { "field": "minute", "fixed_interval": span } } });
    let sources: Vec<Value> = [span].into_iter().chain(keys).collect();
    let mut composite = json!({ "size": PAGE_SIZE, "sources": sources });
    if let Some(after) = after {
        composite["after"] = json!(after);
    }
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": within(stretch.from, stretch.until),
        "aggs": { "spans": { "composite": composite, "aggs": sums(kind) } },
    })
}

/// Asks for the first document that is not before an instant.
pub fn first_since(at: Timestamp) -> Value {
    json!({
        "size": 1,
        "track_total_hits": false,
        "_source": ["minute"],
        "query": { "bool": { "filter": [{ "range": { "minute": { "gte": at.millis(), "format": "epoch_millis" } } }] } },
        "sort": [{ "minute": "asc" }],
    })
}

/// Asks how many documents there are in a stretch of time, up to a bound.
pub fn count(from: Timestamp, until: Timestamp, most: u64) -> Value {
    json!({ "size": 0, "track_total_hits": most, "query": within(from, until) })
}

/// Asks for the sums of each day.
pub fn sums_by_day(kind: &Kind, time: &Range<Timestamp>) -> Value {
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": within(time.start, time.end),
        "aggs": { "days": {
            "date_histogram": { "field": "minute", "fixed_interval": "1d", "min_doc_count": 1 },
            "aggs": sums(kind),
        } },
    })
}

/// A dot in an aggregation's name would be read as a path, so the sums go by their numbers.
fn sums(kind: &Kind) -> Map<String, Value> {
    let sum = |field: &str| json!({ "sum": { "field": field } });
    let numbered = kind.sums().enumerate().map(|(number, field)| (number.to_string(), sum(&field)));
    numbered.chain([("support".to_owned(), sum("support"))]).collect()
}

fn within(from: Timestamp, until: Timestamp) -> Value {
    let range = json!({ "gte": from.millis(), "lt": until.millis(), "format": "epoch_millis" });
    json!({ "bool": { "filter": [{ "range": { "minute": range } }] } })
}

/// The answer to [`page`], as far as it is read.
#[derive(Debug, Deserialize)]
pub struct Spans {
    /// Sums by span and keys.
    pub spans: Page,
}

/// A page of sums.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// What to ask after for the next page; `None` for an empty one.
    pub after_key: Option<Map<String, Value>>,
    /// One for each document.
    pub buckets: Vec<Bucket>,
}

/// The sums of one document.
#[derive(Debug, Deserialize)]
pub struct Bucket {
    key: Map<String, Value>,
    #[serde(rename = "doc_count")]
    _documents: u64,
    support: Metric<f64>,
    #[serde(flatten)]
    sums: BTreeMap<String, Metric<f64>>,
}

impl Bucket {
    /// The document to write into `schema`. It is whole, and its version is the sum of the supports of what it adds up:
    /// only the complete set of them has the greatest. `name` gives an index its full name. `None` for a bucket
    /// without a span, which Elasticsearch does not make.
    pub fn operation(
        mut self,
        kind: &Kind,
        level: Level,
        schema: &Schema,
        name: impl FnOnce(&str) -> String,
    ) -> Option<Operation<'static>> {
        let minute = Timestamp::from_millis(self.key.remove(SPAN)?.as_i64()?);
        let id = self.id(kind, level, minute);
        let version = self.support.count();
        let source = self.document(kind, level, minute).to_string().into_bytes();
        let index = name(&schema.index_at(minute));
        let (id, source) = (id.into(), source.into());
        Some(Operation { index: index.into(), id, mode: Mode::IfNewer(version), source, tag: 0 })
    }

    /// `hour|1795255200000|p-1|garden.tools|Arbor`; the last key, which alone may have any length, as its hash where it
    /// is too long for an id.
    fn id(&self, kind: &Kind, level: Level, minute: Timestamp) -> String {
        let mut id = format!("{}|{}", level.name(), minute.millis());
        for key in kind.keys {
            let value = match self.key.get(*key) {
                Some(Value::String(text)) => text.clone(),
                None | Some(Value::Null) => String::new(),
                Some(other) => other.to_string(),
            };
            if id.len() + 1 + value.len() > ID_BYTES_MAX {
                let hash = Sha256::digest(value.as_bytes());
                id.push('|');
                id.extend(hash.iter().map(|byte| format!("{byte:02x}")));
            } else {
                id = format!("{id}|{value}");
            }
        }
        id
    }

    /// The keys and what was added up. A sum of 0 is left out, so that a product that was not viewed has no views.
    fn document(self, kind: &Kind, level: Level, minute: Timestamp) -> Value {
        let mut document = json!({ "minute": minute, "span": level.name(), "support": self.support.count() });
        if kind.has_categories() {
            let category = self.key.get("category").and_then(Value::as_str).map(CategoryPath::parse);
            if let Some(Ok(category)) = category {
                document["categories"] = category.prefixes().collect();
            }
        }
        for (key, value) in self.key.into_iter().filter(|(_, value)| !value.is_null()) {
            document[key] = value;
        }
        for (number, path) in kind.sums().enumerate() {
            let sum = self.sums.get(&number.to_string()).map_or(0, |sum| sum.cents().0);
            if sum != 0 {
                let place = path.split('.').fold(&mut document, |place, field| &mut place[field]);
                *place = sum.into();
            }
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::HOUR_MS;
    use crate::rollup::kind::KINDS;

    fn hour() -> Stretch {
        let from = Timestamp::parse("2026-11-21T10:00:00Z").unwrap();
        Stretch { level: Level::Hour, from, until: Timestamp::from_millis(from.millis() + HOUR_MS) }
    }

    fn bucket(key: Value, sums: &[(&str, f64)]) -> Bucket {
        let mut bucket = json!({ "key": key, "doc_count": 3, "support": { "value": 7.0 } });
        for (number, value) in sums {
            bucket[*number] = json!({ "value": value });
        }
        serde_json::from_value(bucket).unwrap()
    }

    #[test]
    fn a_page_is_asked_for_by_span_and_keys() {
        let [_, _, searches, ..] = &KINDS;
        let after = json!({ "span": 1, "scope": "all", "key": "all" });
        let body = page(searches, hour(), after.as_object());
        insta::assert_snapshot!(body["aggs"]["spans"]["composite"], @r#"{"after":{"key":"all","scope":"all","span":1},"size":5000,"sources":[{"span":{"date_histogram":{"field":"minute","fixed_interval":"3600000ms"}}},{"scope":{"terms":{"field":"scope","missing_bucket":true}}},{"key":{"terms":{"field":"key","missing_bucket":true}}}]}"#);
        insta::assert_snapshot!(body["query"], @r#"{"bool":{"filter":[{"range":{"minute":{"format":"epoch_millis","gte":1795255200000,"lt":1795258800000}}}]}}"#);
        assert_eq!(body["aggs"]["spans"]["aggs"]["0"], json!({ "sum": { "field": "sessions" } }));
    }

    #[test]
    fn a_span_is_one_document_with_the_sums_that_are_not_zero() {
        let [trends, ..] = &KINDS;
        let start = hour().from;
        let key = json!({ "span": start.millis(), "product_id": "p1", "category": "a.b", "brand": null });
        // The first tally is that of views, the third that of purchases.
        let bucket = bucket(key, &[("0", 4.0), ("1", 9.0), ("2", 0.0), ("8", 1_999.0)]);
        let schema = &Schema::PRODUCT_TRENDS_HOURS;
        let operation = bucket.operation(trends, Level::Hour, schema, |index| format!("x-{index}")).unwrap();
        let (index, id) = (operation.index.as_ref(), operation.id.as_ref());
        assert_eq!((index, id), ("x-product-trends-hours-2026-11", "hour|1795255200000|p1|a.b|"));
        assert_eq!(operation.mode, Mode::IfNewer(7));
        let expected = json!({
            "minute": "2026-11-21T10:00:00.000Z", "span": "hour", "support": 7,
            "product_id": "p1", "category": "a.b", "categories": ["a", "a.b"],
            "view": { "sessions": 4, "quantity": 9 }, "purchase": { "revenue_cents": 1_999 },
        });
        assert_eq!(serde_json::from_slice::<Value>(&operation.source).unwrap(), expected);
    }

    #[test]
    fn an_id_is_never_longer_than_elasticsearch_takes() {
        let [_, _, searches, ..] = &KINDS;
        let id = |key: &str| {
            let key = json!({ "span": 0, "scope": "query", "key": key });
            bucket(key, &[]).id(searches, Level::Day, Timestamp::from_millis(0))
        };
        assert_eq!(id("red shoes"), "day|0|query|red shoes");
        let (one, other) = (id(&"ä".repeat(300)), id(&"ö".repeat(300)));
        assert!(one.len() <= ID_BYTES_MAX && one != other, "{one}");
    }
}
