//! Request bodies for Elasticsearch, each a pure function of the question. The same ask for everybody's searches
//! (`query-stats`) and, with [`Bots`], for those of bots (`suspect-queries`).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::analytics::bots::Bots;
use crate::analytics::panes::panes;
use crate::analytics::queries::series::Interval;
use crate::analytics::queries::tally::Tally;
use crate::analytics::range::Range;
use crate::analytics::trending::query;

/// Most queries or categories of which a place is computed: those with the most of what they are ranked by.
pub const CANDIDATES_MAX: usize = 1_000;
/// Keys that each shard hands over to choose the candidates from; a range of several days lies in as many daily indices of
/// one shard each. The candidates' own sums are exact. Buckets cost more than documents: of the 83,000 documents of an hour,
/// 2,000 take 17 ms and 10,000 take 94 ms.
const CANDIDATES_PER_SHARD: usize = 2 * CANDIDATES_MAX;
/// Most filters: a shop has tens.
const FILTERS_MAX: usize = 1_000;

/// What is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// All searches.
    All,
    /// The searches of each category, or that led to it.
    Category,
    /// The searches for each query.
    Query,
    /// The searches with each filter.
    Filter,
}

impl Scope {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Category => "category",
            Self::Query => "query",
            Self::Filter => "filter",
        }
    }
}

/// Of which sessions searches are counted.
#[derive(Debug, Clone, Copy)]
pub enum Of<'a> {
    /// Everybody's.
    Everybody,
    /// Those of bots.
    Bots(&'a Bots),
}

impl Of<'_> {
    fn filter(self) -> Option<Value> {
        match self {
            Self::Everybody => None,
            Self::Bots(bots) => Some(bots.filter()),
        }
    }
}

/// The documents of a scope in a range.
fn documents(range: Range, scope: Scope, of: Of<'_>) -> Vec<Value> {
    let mut filter = vec![panes(range), json!({ "term": { "scope": scope.as_str() } })];
    filter.extend(of.filter());
    filter
}

fn sums(fields: &[&str]) -> Value {
    let sum = |field: &&str| ((*field).to_owned(), json!({ "sum": { "field": field } }));
    fields.iter().map(sum).collect::<Map<_, _>>().into()
}

fn aggregated(filter: &[Value], aggs: &Value) -> Value {
    json!({ "size": 0, "track_total_hits": false, "query": { "bool": { "filter": filter } }, "aggs": aggs })
}

/// The keys with the most of a measure, of those in which the text stands when there is one.
pub fn candidates(range: Range, scope: Scope, measure: &str, text: Option<&str>) -> Value {
    let mut filter = documents(range, scope, Of::Everybody);
    filter.push(json!({ "range": { measure: { "gt": 0 } } }));
    filter.extend(text.map(|text| json!({ "wildcard": { "key": { "value": containing(text) } } })));
    aggregated(
        &filter,
        &json!({ "keys": {
            "terms": {
                "field": "key",
                "size": CANDIDATES_MAX,
                "shard_size": CANDIDATES_PER_SHARD,
                "order": [{ measure: "desc" }, { "_key": "asc" }],
            },
            "aggs": sums(&[measure]),
        } }),
    )
}

/// The pattern of all that contain a text, of which no character means anything but itself.
fn containing(text: &str) -> String {
    let mut pattern = String::from("*");
    for character in text.chars() {
        if matches!(character, '*' | '?' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern + "*"
}

/// Sums for each of these keys, over any number of shards, since every shard hands over every one of them.
pub fn by_key(range: Range, scope: Scope, keys: &[&str], fields: &[&str], of: Of<'_>) -> Value {
    let mut filter = documents(range, scope, of);
    filter.push(json!({ "terms": { "key": keys } }));
    let terms = json!({ "field": "key", "size": keys.len().max(1) });
    aggregated(&filter, &json!({ "keys": { "terms": terms, "aggs": sums(fields) } }))
}

/// Sums for each filter.
pub fn filters(range: Range, of: Of<'_>) -> Value {
    let terms = json!({ "field": "key", "size": FILTERS_MAX });
    let aggs = json!({ "keys": { "terms": terms, "aggs": sums(Tally::FIELDS) } });
    aggregated(&documents(range, Scope::Filter, of), &aggs)
}

/// Sums of all searches.
pub fn whole(range: Range, of: Of<'_>) -> Value {
    aggregated(&documents(range, Scope::All, of), &sums(Tally::FIELDS))
}

/// Sums of all searches of a scope, or of those for one key, for each stretch of the range in which there are any.
pub fn series(range: Range, interval: Interval, scope: Scope, key: Option<&str>, of: Of<'_>) -> Value {
    let histogram = json!({ "field": "minute", "fixed_interval": interval.as_str(), "min_doc_count": 1 });
    let aggs = json!({ "points": { "date_histogram": histogram, "aggs": sums(Tally::FIELDS) } });
    let mut filter = documents(range, scope, of);
    filter.extend(key.map(|key| json!({ "term": { "key": key } })));
    aggregated(&filter, &aggs)
}

/// The sessions that searched at all, and for each of these queries, in a window and in each span before it.
pub fn over_spans(window: Range, queries: &[&str], of: Of<'_>) -> Value {
    let scope = |scope: Scope| json!({ "term": { "scope": scope.as_str() } });
    let sessions = sums(&["sessions"]);
    let terms = json!({ "field": "key", "size": queries.len().max(1) });
    let wanted = json!({ "bool": { "filter": [scope(Scope::Query), { "terms": { "key": queries } }] } });
    let aggs = json!({
        "whole": { "filter": scope(Scope::All), "aggs": sessions },
        "among": { "filter": wanted, "aggs": { "keys": { "terms": terms, "aggs": sessions } } },
    });
    let either = json!({ "bool": { "should": [scope(Scope::All), wanted], "minimum_should_match": 1 } });
    let mut filter = vec![query::all_panes(window), either];
    filter.extend(of.filter());
    aggregated(&filter, &query::over_spans(window, aggs))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;
    use crate::analytics::trending::score::SPANS;
    use crate::model::time::Timestamp;

    fn range() -> Range {
        Range::last(5, Timestamp::parse("2026-11-21T10:07:30Z").unwrap())
    }

    /// One line for each member of an object.
    fn lines(body: &Value) -> String {
        let members = body.as_object().unwrap().iter();
        members.map(|(name, value)| format!("{name}: {value}\n")).collect()
    }

    #[test]
    fn candidates_are_the_queries_with_the_most_of_the_measure() {
        let body = candidates(range(), Scope::Query, "searches", Some("50% *off*"));
        assert_snapshot!(lines(&body), @r#"
        aggs: {"keys":{"aggs":{"searches":{"sum":{"field":"searches"}}},"terms":{"field":"key","order":[{"searches":"desc"},{"_key":"asc"}],"shard_size":2000,"size":1000}}}
        query: {"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T10:02:00.000Z","lte":"2026-11-21T10:07:30.000Z"}}},{"term":{"scope":"query"}},{"range":{"searches":{"gt":0}}},{"wildcard":{"key":{"value":"*50% \\*off\\**"}}}]}}
        size: 0
        track_total_hits: false
        "#);
    }

    #[test]
    fn the_sums_of_bots_are_those_of_everybody_in_their_sessions() {
        let everybody = by_key(range(), Scope::Category, &["a", "a.b"], &["searches"], Of::Everybody);
        assert_snapshot!(lines(&everybody), @r#"
        aggs: {"keys":{"aggs":{"searches":{"sum":{"field":"searches"}}},"terms":{"field":"key","size":2}}}
        query: {"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T10:02:00.000Z","lte":"2026-11-21T10:07:30.000Z"}}},{"term":{"scope":"category"}},{"terms":{"key":["a","a.b"]}}]}}
        size: 0
        track_total_hits: false
        "#);
        let bots = by_key(range(), Scope::Category, &["a", "a.b"], &["searches"], Of::Bots(&Bots::default()));
        assert_eq!(bots["aggs"], everybody["aggs"]);
        assert_snapshot!(bots["query"], @r#"{"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T10:02:00.000Z","lte":"2026-11-21T10:07:30.000Z"}}},{"term":{"scope":"category"}},{"bool":{"must_not":{"terms":{"session_id":[]}}}},{"terms":{"key":["a","a.b"]}}]}}"#);
    }

    #[test]
    fn all_searches_are_added_up_at_once_and_over_time() {
        let (whole, series) = (
            whole(range(), Of::Everybody),
            series(range(), Interval::Minute, Scope::All, None, Of::Everybody),
        );
        assert_eq!(whole["aggs"].as_object().unwrap().len(), Tally::FIELDS.len());
        assert_eq!(whole["aggs"], series["aggs"]["points"]["aggs"]);
        assert_snapshot!(series["aggs"]["points"]["date_histogram"], @r#"{"field":"minute","fixed_interval":"1m","min_doc_count":1}"#);
        assert_snapshot!(series["query"], @r#"{"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T10:02:00.000Z","lte":"2026-11-21T10:07:30.000Z"}}},{"term":{"scope":"all"}}]}}"#);
    }

    #[test]
    fn one_query_is_added_up_over_time_by_itself() {
        let series = series(range(), Interval::Minute, Scope::Query, Some("laptop"), Of::Everybody);
        assert_snapshot!(series["query"]["bool"]["filter"], @r#"[{"range":{"minute":{"gte":"2026-11-21T10:02:00.000Z","lte":"2026-11-21T10:07:30.000Z"}}},{"term":{"scope":"query"}},{"term":{"key":"laptop"}}]"#);
    }

    #[test]
    fn queries_are_counted_in_the_window_and_in_each_span_before_it() {
        let body = over_spans(range(), &["laptop"], Of::Everybody);
        let filter = body["query"]["bool"]["filter"].as_array().unwrap();
        assert_eq!(filter.len(), 2, "the panes and what is counted");
        assert_snapshot!(filter[1], @r#"{"bool":{"minimum_should_match":1,"should":[{"term":{"scope":"all"}},{"bool":{"filter":[{"term":{"scope":"query"}},{"terms":{"key":["laptop"]}}]}}]}}"#);
        let spans = &body["aggs"]["spans"];
        assert_eq!(spans["date_range"]["ranges"].as_array().unwrap().len(), SPANS + 1);
        assert_snapshot!(spans["aggs"], @r#"{"among":{"aggs":{"keys":{"aggs":{"sessions":{"sum":{"field":"sessions"}}},"terms":{"field":"key","size":1}}},"filter":{"bool":{"filter":[{"term":{"scope":"query"}},{"terms":{"key":["laptop"]}}]}}},"first":{"min":{"field":"minute"}},"whole":{"aggs":{"sessions":{"sum":{"field":"sessions"}}},"filter":{"term":{"scope":"all"}}}}"#);
    }

    #[test]
    fn every_filter_is_asked_for() {
        assert_snapshot!(filters(range(), Of::Everybody)["query"], @r#"{"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T10:02:00.000Z","lte":"2026-11-21T10:07:30.000Z"}}},{"term":{"scope":"filter"}}]}}"#);
    }

    proptest! {
        #[test]
        fn no_text_means_more_than_itself(text in "[a*?\\\\]{0,12}") {
            let pattern = containing(&text);
            let inner = pattern.strip_prefix('*').and_then(|rest| rest.strip_suffix('*')).unwrap();
            // Read as Elasticsearch reads it: a backslash takes the meaning from the next character.
            let mut read = String::new();
            let mut characters = inner.chars();
            while let Some(character) = characters.next() {
                prop_assert!(!matches!(character, '*' | '?'), "{pattern}");
                read.push(if character == '\\' { characters.next().unwrap() } else { character });
            }
            prop_assert_eq!(read, text);
        }
    }
}
