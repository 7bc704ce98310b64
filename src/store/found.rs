//! The JSON of Elasticsearch's answers to searches, as far as all of them have it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::model::money::Cents;

/// The answer to a search: documents `S`, and aggregations `A`, which are an `Option` where the index may be
/// missing.
#[derive(Debug, Deserialize)]
pub struct Found<S = IgnoredAny, A = Option<IgnoredAny>> {
    /// The documents.
    pub hits: Hits<S>,
    /// The aggregations.
    pub aggregations: A,
}

/// The answer to a search that asks for aggregations alone.
pub type Aggregated<A> = Found<IgnoredAny, A>;

impl<S, A> Found<S, A> {
    /// How many documents match; 0 unless `track_total_hits` asks for it.
    pub fn total(&self) -> u64 {
        self.hits.total.value
    }
}

/// The documents that were found.
#[derive(Debug, Deserialize)]
pub struct Hits<S> {
    /// How many there are on all pages.
    #[serde(default)]
    pub total: Metric<u64>,
    /// This page.
    #[serde(default = "Vec::new")]
    pub hits: Vec<Hit<S>>,
}

impl<S> Hits<S> {
    /// What the documents of this page hold.
    pub fn sources(self) -> impl Iterator<Item = S> {
        self.hits.into_iter().map(|hit| hit.source)
    }
}

/// One document.
#[derive(Debug, Deserialize)]
pub struct Hit<S> {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: String,
    /// How well it matches; `None` where nothing is scored.
    #[serde(rename = "_score")]
    pub score: Option<f64>,
    /// What it holds.
    #[serde(rename = "_source")]
    pub source: S,
    /// The values that it was sorted by; empty without a sort.
    #[serde(default)]
    pub sort: Vec<Value>,
}

/// A part of a score, and the parts that it is made of.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Explained {
    /// The part's value.
    pub value: f64,
    /// What it is, and how it follows from its parts.
    pub description: String,
    /// Its parts.
    pub details: Vec<Explained>,
}

/// An aggregation that gives one number.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct Metric<T> {
    /// The number.
    pub value: T,
}

/// A sum of whole numbers comes as a float, which is exact up to 2^53.
impl Metric<f64> {
    /// As a count; a negative sum as 0.
    pub fn count(self) -> u64 {
        self.value.max(0.0).round() as u64
    }

    /// As money.
    pub fn cents(self) -> Cents {
        Cents(self.value.round() as i64)
    }
}

/// An aggregation that gives one number for each of several buckets.
#[derive(Debug, Deserialize)]
pub struct Buckets<B> {
    /// In the order that was asked for; by default the greatest counts first.
    pub buckets: Vec<B>,
}

/// A value and how many documents have it.
#[derive(Debug, Deserialize)]
pub struct Counted<K> {
    /// The value.
    pub key: K,
    /// Its documents.
    pub doc_count: u64,
}

/// How many documents pass a filter.
#[derive(Debug, Deserialize)]
pub struct Passed {
    /// How many.
    pub doc_count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_index_that_is_missing_reads_as_one_without_documents() {
        let answer = json!({ "took": 0, "hits": { "total": { "value": 0, "relation": "eq" }, "hits": [] } });
        let found: Aggregated<Option<Metric<f64>>> = serde_json::from_value(answer.clone()).unwrap();
        assert!(found.total() == 0 && found.aggregations.is_none());
        assert!(serde_json::from_value::<Aggregated<Metric<f64>>>(answer).is_err());
    }

    #[test]
    fn a_page_is_read_whether_or_not_it_is_scored_sorted_or_counted() {
        let bare = json!({ "_index": "i", "_id": "a", "_score": null, "_source": 1 });
        let full = json!({ "_index": "i", "_id": "b", "_score": 2.5, "_source": 2, "sort": [2.5, "b"] });
        let found: Found<u64> = serde_json::from_value(json!({ "hits": { "hits": [bare, full] } })).unwrap();
        let read: Vec<_> = found.hits.hits.iter().map(|hit| (&*hit.id, hit.score, hit.sort.len())).collect();
        assert_eq!(read, [("a", None, 0), ("b", Some(2.5), 2)]);
        assert_eq!((found.total(), found.hits.sources().collect::<Vec<_>>()), (0, vec![1, 2]));
    }
}
