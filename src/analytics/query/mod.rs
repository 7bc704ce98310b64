//! Request bodies for Elasticsearch, each a pure function of the question.
//!
//! What narrows stands in filter context, nothing is scored, and every aggregation has a bound well below
//! the cluster's limit of 65,536 buckets and of 65,536 terms in a list.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::analytics::range::Range;
use crate::analytics::stats::LastMinute;
use crate::analytics::{fraud, funnels};
use crate::model::category::CategoryPath;
use crate::model::ids::ProductId;
use crate::model::time::Timestamp;
use crate::review::{Decision, Status};

/// Most products whose score is computed: those with the most view sessions in the window. A score never
/// exceeds the count, so whoever is left out scores less than the least candidate's count.
pub const CANDIDATES_MAX: usize = 2_000;
/// Products that each shard hands over to choose the candidates from. A window of a day lies in two
/// daily indices of one shard each, and a product must be outside the first ten thousands of one of them
/// to lose that day's part of its count in the choice; the candidates' own counts are exact.
const CANDIDATES_PER_SHARD: usize = 5 * CANDIDATES_MAX;
/// Most categories of one level: a real shop's department has tens.
const CATEGORIES_MAX: usize = 1_000;
/// Most frontiers: four groups of at most 1,000 partitions.
const FRONTIERS_MAX: usize = 4_000;

/// The panes of a window.
pub fn panes(window: Range) -> Value {
    json!({ "range": { "minute": { "gte": window.from, "lte": window.to } } })
}

fn panes_before(start: Timestamp, window: Range) -> Value {
    json!({ "range": { "minute": { "gte": start, "lt": window.from } } })
}

fn sum(field: &str) -> Value {
    json!({ "sum": { "field": field } })
}

/// The products with the most view sessions in the window.
pub fn trend_candidates(window: Range, category: Option<&CategoryPath>) -> Value {
    let mut filter = vec![panes(window), json!({ "exists": { "field": "view.sessions" } })];
    filter.extend(category.map(|path| json!({ "term": { "categories": path.as_str() } })));
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": { "bool": { "filter": filter } },
        "aggs": { "products": {
            "terms": {
                "field": "product_id",
                "size": CANDIDATES_MAX,
                "shard_size": CANDIDATES_PER_SHARD,
                "order": [{ "view_sessions": "desc" }, { "_key": "asc" }],
            },
            "aggs": { "view_sessions": sum("view.sessions") },
        } },
    })
}

/// What was done with these products in the window.
pub fn trend_counts(window: Range, candidates: &[ProductId]) -> Value {
    let sums = json!({
        "view_sessions": sum("view.sessions"),
        "views": sum("view.quantity"),
        "carts": sum("add_to_cart.quantity"),
        "purchases": sum("purchase.quantity"),
        "refunds": sum("refund.quantity"),
        "revenue_cents": sum("purchase.revenue_cents"),
    });
    of_candidates(panes(window), candidates, &sums)
}

/// The view sessions of these products from `start` to the window.
pub fn sessions_before(start: Timestamp, window: Range, candidates: &[ProductId]) -> Value {
    let sums = json!({ "view_sessions": sum("view.sessions") });
    of_candidates(panes_before(start, window), candidates, &sums)
}

/// Sums for each of these products; exact over any number of shards, since every shard hands over every
/// one of them.
fn of_candidates(panes: Value, candidates: &[ProductId], sums: &Value) -> Value {
    let ids: Vec<&str> = candidates.iter().map(ProductId::as_str).collect();
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": { "bool": { "filter": [panes, { "terms": { "product_id": ids } }] } },
        "aggs": { "products": { "terms": { "field": "product_id", "size": ids.len() }, "aggs": sums } },
    })
}

/// The first pane of any product from `start` to the window.
pub fn first_pane(start: Timestamp, window: Range) -> Value {
    json!({
        "size": 1,
        "track_total_hits": false,
        "_source": ["minute"],
        "query": { "bool": { "filter": [panes_before(start, window)] } },
        "sort": [{ "minute": "asc" }],
    })
}

/// What the catalogue shows of these products.
pub fn shown(ids: &[&str]) -> Value {
    json!({
        "size": ids.len(),
        "track_total_hits": false,
        "_source": ["id", "name", "category", "brand", "image"],
        "query": { "ids": { "values": ids } },
    })
}

/// The funnels of a category and of the categories right below it.
pub fn funnels(window: Range, category: &str) -> Value {
    let below = if category == funnels::ROOT {
        json!({ "term": { "level": 1 } })
    } else {
        json!({ "bool": { "filter": [
            { "term": { "level": funnels::level(category) + 1 } },
            { "prefix": { "category": format!("{category}.") } },
        ] } })
    };
    let mut sums = json!({ "searched": sum("searched"), "revenue_cents": sum("revenue_cents") });
    for step in ["entered", "viewed", "carted", "purchased"] {
        for field in [step.to_owned(), format!("by_search.{step}"), format!("by_browse.{step}")] {
            // A dot in an aggregation's name would be read as a path.
            sums[field.replace('.', "_")] = sum(&field);
        }
    }
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": { "bool": {
            "filter": [panes(window)],
            "should": [{ "term": { "category": category } }, below],
            "minimum_should_match": 1,
        } },
        "aggs": { "categories": { "terms": { "field": "category", "size": CATEGORIES_MAX }, "aggs": sums } },
    })
}

/// A page of active cases, the last seen first, and one case more to see whether it is the last page. Ties are broken by what the document's id is made of,
/// for Elasticsearch does not sort by the id itself.
pub fn signals(question: &fraud::Question, decisions: &[Decision]) -> Value {
    let mut filter = vec![json!({ "term": { "active": true } })];
    filter.extend(question.severity.map(|severity| json!({ "term": { "severity": severity.as_str() } })));
    filter.extend(question.rule.map(|rule| json!({ "term": { "rule": rule.as_str() } })));
    let (confirmed, dismissed) = decided(decisions);
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

/// Two queries: the cases that were confirmed; and those that were dismissed, with others of the same rule and visitor
/// that begin while they are to be quiet.
fn decided(decisions: &[Decision]) -> (Value, Value) {
    let ids = |status: Status| -> Vec<&str> {
        let wanted = decisions.iter().filter(|one| one.status == status);
        wanted.map(|one| one.case_id.as_str()).collect()
    };
    let quiet = decisions.iter().filter_map(|one| Some((one, one.quiet_until?)));
    let quiet = quiet.map(|(one, until)| {
        json!({ "bool": { "filter": [
            { "term": { "rule": one.rule.as_str() } },
            { "term": { "visitor": one.visitor } },
            { "range": { "first_seen": { "lt": until } } },
        ] } })
    });
    let dismissed = [json!({ "ids": { "values": ids(Status::Dismissed) } })].into_iter().chain(quiet);
    let dismissed = json!({ "bool": { "should": dismissed.collect::<Vec<_>>(), "minimum_should_match": 1 } });
    (json!({ "ids": { "values": ids(Status::Confirmed) } }), dismissed)
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

/// Active cases by severity.
pub fn signals_by_severity() -> Value {
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": { "bool": { "filter": [{ "term": { "active": true } }] } },
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
