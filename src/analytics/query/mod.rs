//! Request bodies for Elasticsearch, each a pure function of the question.
//!
//! What narrows stands in filter context, nothing is scored, and every aggregation has a bound well below
//! the cluster's limit of 65,536 buckets and of 65,536 terms in a list.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::analytics::decided::Decided;
use crate::analytics::fraud;
use crate::analytics::stats::LastMinute;
use crate::model::time::Timestamp;
use crate::review::Status;

/// Most frontiers: four groups of at most 1,000 partitions.
const FRONTIERS_MAX: usize = 4_000;

/// The sum of a field.
pub fn sum(field: &str) -> Value {
    json!({ "sum": { "field": field } })
}

/// A page of active cases, the last seen first, and one case more to see whether it is the last page. Ties are broken by what the document's id is made of,
/// for Elasticsearch does not sort by the id itself.
pub fn signals(question: &fraud::Question, decided: &Decided) -> Value {
    let mut filter = vec![json!({ "term": { "active": true } })];
    filter.extend(question.severity.map(|severity| json!({ "term": { "severity": severity.as_str() } })));
    filter.extend(question.rule.map(|rule| json!({ "term": { "rule": rule.as_str() } })));
    let (confirmed, dismissed) = (ids(&decided.confirmed), ids(&decided.dismissed));
    let must_not = match question.status {
        None => vec![dismissed],
        Some(Status::Open) => vec![confirmed, dismissed],
        Some(Status::Confirmed) => {
            filter.push(confirmed);
            Vec::new()
        }
        Some(Status::Dismissed) => {
            filter.push(dismissed);
            Vec::new()
        }
    };
    let mut body = json!({
        "size": question.size + 1,
        "track_total_hits": true,
        "query": { "bool": { "filter": filter, "must_not": must_not } },
        "sort": [
            { "last_seen": "desc" },
            { "rule": "asc" },
            { "visitor": "asc" },
            { "day": "desc" },
            { "session_id": "asc" },
        ],
    });
    if let Some(cursor) = &question.after {
        body["search_after"] = cursor.sort_values();
    }
    body
}

/// The documents of these ids; none without ids.
fn ids(ids: &[String]) -> Value {
    json!({ "ids": { "values": ids } })
}

/// How many documents there are.
pub fn count() -> Value {
    json!({ "size": 0, "track_total_hits": true })
}

/// All events by type. Without a filter Elasticsearch reads this off its term dictionary.
pub fn event_totals() -> Value {
    json!({
        "size": 0,
        "track_total_hits": true,
        "aggs": { "types": { "terms": { "field": "event_type", "size": 10 } } },
    })
}

/// The events of the last minute, and what was ordered in the last hour; of an hour's events only the
/// purchases are touched.
pub fn recent_events(now: Timestamp) -> Value {
    let LastMinute { from, to } = LastMinute::before(now);
    let minute = json!({ "range": { "timestamp": { "gte": from, "lt": to } } });
    let purchase = json!({ "term": { "event_type": "purchase" } });
    let hour = json!({ "range": { "timestamp": { "gte": now - TimeDelta::hours(1) } } });
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": { "bool": { "filter": [hour], "should": [minute, purchase], "minimum_should_match": 1 } },
        "aggs": {
            "last_minute": { "filter": minute },
            "purchases": { "filter": purchase, "aggs": { "revenue_cents": sum("total_cents") } },
        },
    })
}

/// Active cases by severity, without those that are dismissed.
pub fn signals_by_severity(decided: &Decided) -> Value {
    let active = json!({ "term": { "active": true } });
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": { "bool": { "filter": [active], "must_not": [ids(&decided.dismissed)] } },
        "aggs": { "severities": { "terms": { "field": "severity", "size": 10 } } },
    })
}

/// The frontiers of one group, or with their ledgers those of all.
pub fn frontiers(group: Option<&str>) -> Value {
    let (query, ledger): (Value, &[&str]) = match group {
        Some(group) => (json!({ "bool": { "filter": [{ "term": { "group": group } }] } }), &[]),
        None => (json!({ "match_all": {} }), &["ledger"]),
    };
    let fields = [&["group", "watermark", "complete_until", "drained"], ledger].concat();
    json!({ "size": FRONTIERS_MAX, "track_total_hits": false, "_source": fields, "query": query })
}

#[cfg(test)]
mod tests;
