//! What is asked of Elasticsearch about trends: sums of panes, as pure functions.

use serde_json::{Value, json};

use crate::analytics::bots::Bots;
use crate::analytics::panes::{panes, panes_of};
use crate::analytics::query::sum;
use crate::analytics::range::Range;
use crate::analytics::trending::score::{SPANS, Span, spans};
use crate::analytics::trending::{Among, Measure};
use crate::model::category::{CategoryPath, level};
use crate::model::time::Timestamp;

/// Most products that are scored, those with the greatest counts. A score is never more than the count, so whoever is
/// left out scores less than the least of these counts. Each index, which is one shard, names as many of its own, and
/// what is named is counted again over all of them: what is missed is not among the greatest in any.
pub const KEYS_MAX: usize = 2_000;

/// The window's name among the spans before it.
pub const NOW: &str = "now";

/// When the past of a window begins.
pub fn past_start(window: Range) -> Timestamp {
    let [.., oldest] = spans(window);
    oldest.from
}

/// What has the greatest counts in the window.
pub fn leaders(window: Range, among: &Among, by: Measure) -> Value {
    let mut terms = json!({
        "field": field(among),
        "size": KEYS_MAX,
        "shard_size": KEYS_MAX,
        "order": [{ "sessions": "desc" }, { "_key": "asc" }],
    });
    if let Among::Categories { below, level } = among {
        terms["include"] = json!(pattern(below.as_ref(), *level));
    }
    let keys = json!({ "terms": terms, "aggs": { "sessions": sum(by.field()) } });
    body(vec![panes(window)], by, json!({ "among": of(filters(among), keys) }))
}

/// The counts of these products or categories in the window and in each span before it, and the whole shop's; of
/// everybody or of bots alone.
pub fn counts(window: Range, among: &Among, by: Measure, keys: &[String], bots: Option<&Bots>) -> Value {
    let of_keys = of(vec![wanted(among, keys)], of_keys(among, keys, &counted(by)));
    let aggs = over_spans(window, json!({ "whole": whole(by), "among": of_keys }));
    let filter = [all_panes(window)].into_iter().chain(bots.map(Bots::filter));
    body(filter.collect(), by, aggs)
}

/// The panes of a window and of its past.
pub fn all_panes(window: Range) -> Value {
    let past = spans(window).map(|span| (span.from, span.to));
    panes_of(window.rolled, past.into_iter().chain([window.stretch()]))
}

/// The same aggregations in a window and in each span before it, with the first pane of each. What
/// [`Spans`](crate::analytics::trending::found::Spans) reads.
pub fn over_spans(window: Range, mut aggs: Value) -> Value {
    let spans: [_; SPANS] = spans(window);
    let span = |(number, span): (usize, &Span)| json!({ "key": number.to_string(), "from": span.from, "to": span.to });
    let mut ranges: Vec<Value> = spans.iter().enumerate().map(span).collect();
    ranges.push(json!({ "key": NOW, "from": window.from }));
    aggs["first"] = json!({ "min": { "field": "minute" } });
    json!({ "spans": { "date_range": { "field": "minute", "ranges": ranges }, "aggs": aggs } })
}

/// What was done with these in the window, by all or by bots alone.
pub fn figures(window: Range, among: &Among, keys: &[String], bots: Option<&Bots>) -> Value {
    let sums = json!({
        "view_sessions": sum("view.sessions"),
        "views": sum("view.quantity"),
        "carts": sum("add_to_cart.quantity"),
        "purchases": sum("purchase.quantity"),
        "refunds": sum("refund.quantity"),
        "revenue_cents": sum("purchase.revenue_cents"),
    });
    let filter = [panes(window), wanted(among, keys)].into_iter().chain(bots.map(Bots::filter));
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": { "bool": { "filter": filter.collect::<Vec<_>>() } },
        "aggs": { "among": of(Vec::new(), of_keys(among, keys, &sums)) },
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

/// Only panes that count something are read.
fn body(mut filter: Vec<Value>, by: Measure, aggs: Value) -> Value {
    filter.push(json!({ "exists": { "field": by.field() } }));
    json!({ "size": 0, "track_total_hits": false, "query": { "bool": { "filter": filter } }, "aggs": aggs })
}

fn field(among: &Among) -> &'static str {
    match among {
        Among::Products { .. } => "product_id",
        Among::Categories { .. } => "categories",
    }
}

fn filters(among: &Among) -> Vec<Value> {
    let Among::Products { category, brand } = among else { return Vec::new() };
    let category = category.as_ref().map(|path| json!({ "term": { "categories": path.as_str() } }));
    let brand = brand.as_ref().map(|brand| json!({ "term": { "brand": brand } }));
    [category, brand].into_iter().flatten().collect()
}

/// The regular expression of the paths of one level below a category. A path has no other special character than its dots.
fn pattern(below: Option<&CategoryPath>, wanted: usize) -> String {
    let above = below.map_or(0, |path| level(path.as_str()));
    let given = below.into_iter().map(|path| path.as_str().replace('.', "\\."));
    let open = (above..wanted).map(|_| "[^.]+".to_owned());
    given.chain(open).collect::<Vec<_>>().join("\\.")
}

fn counted(by: Measure) -> Value {
    let mut sums = json!({ "sessions": sum(by.field()) });
    if by == Measure::Revenue {
        sums["revenue_cents"] = sum("purchase.revenue_cents");
    }
    sums
}

fn of(filter: Vec<Value>, keys: Value) -> Value {
    json!({ "filter": { "bool": { "filter": filter } }, "aggs": { "keys": keys } })
}

fn wanted(among: &Among, keys: &[String]) -> Value {
    json!({ "terms": { field(among): keys } })
}

/// Sums for each of these keys; exact over any number of shards, since every shard hands over every one of them.
fn of_keys(among: &Among, keys: &[String], sums: &Value) -> Value {
    let mut terms = json!({ "field": field(among), "size": keys.len().max(1) });
    // A category's panes name those above it too.
    if let Among::Categories { .. } = among {
        terms["include"] = json!(keys);
    }
    json!({ "terms": terms, "aggs": sums })
}

fn whole(by: Measure) -> Value {
    json!({ "filter": { "match_all": {} }, "aggs": { "sessions": sum(by.field()) } })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn window() -> Range {
        Range::last(5, Timestamp::parse("2026-11-21T10:07:30Z").unwrap())
    }

    fn path(text: &str) -> Option<CategoryPath> {
        Some(CategoryPath::parse(text).unwrap())
    }

    fn products() -> Among {
        Among::Products { category: path("electronics.audio"), brand: Some("Sonora".to_owned()) }
    }

    #[test]
    fn the_greatest_counts_are_of_the_category_and_brand() {
        let body = leaders(window(), &products(), Measure::Views);
        assert_snapshot!(body, @r#"{"aggs":{"among":{"aggs":{"keys":{"aggs":{"sessions":{"sum":{"field":"view.sessions"}}},"terms":{"field":"product_id","order":[{"sessions":"desc"},{"_key":"asc"}],"shard_size":2000,"size":2000}}},"filter":{"bool":{"filter":[{"term":{"categories":"electronics.audio"}},{"term":{"brand":"Sonora"}}]}}}},"query":{"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T10:02:00.000Z","lte":"2026-11-21T10:07:30.000Z"}}},{"exists":{"field":"view.sessions"}}]}},"size":0,"track_total_hits":false}"#);
    }

    #[test]
    fn the_candidates_and_the_whole_shop_are_counted_in_the_window_and_span_by_span_before_it() {
        let keys = ["p1", "p2"].map(str::to_owned);
        let body = counts(window(), &products(), Measure::Revenue, &keys, None);
        assert_snapshot!(body, @r#"{"aggs":{"spans":{"aggs":{"among":{"aggs":{"keys":{"aggs":{"revenue_cents":{"sum":{"field":"purchase.revenue_cents"}},"sessions":{"sum":{"field":"purchase.sessions"}}},"terms":{"field":"product_id","size":2}}},"filter":{"bool":{"filter":[{"terms":{"product_id":["p1","p2"]}}]}}},"first":{"min":{"field":"minute"}},"whole":{"aggs":{"sessions":{"sum":{"field":"purchase.sessions"}}},"filter":{"match_all":{}}}},"date_range":{"field":"minute","ranges":[{"from":"2026-11-21T09:30:00.000Z","key":"0","to":"2026-11-21T10:02:00.000Z"},{"from":"2026-11-21T09:00:00.000Z","key":"1","to":"2026-11-21T09:30:00.000Z"},{"from":"2026-11-21T08:00:00.000Z","key":"2","to":"2026-11-21T09:00:00.000Z"},{"from":"2026-11-21T06:00:00.000Z","key":"3","to":"2026-11-21T08:00:00.000Z"},{"from":"2026-11-21T10:02:00.000Z","key":"now"}]}}},"query":{"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T06:00:00.000Z","lt":"2026-11-21T10:07:30.001Z"}}},{"exists":{"field":"purchase.sessions"}}]}},"size":0,"track_total_hits":false}"#);
    }

    #[test]
    fn the_part_of_bots_is_counted_alike() {
        let counts = |bots| counts(window(), &products(), Measure::Carts, &["p1".to_owned()], bots);
        let (all, bots) = (counts(None), counts(Some(&Bots::default())));
        assert_eq!(all["aggs"], bots["aggs"]);
        assert_snapshot!(bots["query"], @r#"{"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T06:00:00.000Z","lt":"2026-11-21T10:07:30.001Z"}}},{"bool":{"must_not":{"terms":{"session_id":[]}}}},{"exists":{"field":"add_to_cart.sessions"}}]}}"#);
    }

    #[test]
    fn categories_of_a_level_are_told_by_their_dots() {
        assert_eq!(pattern(None, 1), "[^.]+");
        assert_eq!(pattern(None, 2), "[^.]+\\.[^.]+");
        assert_eq!(pattern(path("home.wall-art").as_ref(), 3), "home\\.wall-art\\.[^.]+");
    }
}
