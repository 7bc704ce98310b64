//! The bodies as they are sent.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::analytics::fraud::{Cursor, Question};
use crate::model::rules::Rule;
use crate::model::severity::Severity;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T10:07:30Z").unwrap()
}

/// One line for each member of an object.
fn lines(body: &Value) -> String {
    let members = body.as_object().unwrap().iter();
    members.map(|(name, value)| format!("{name}: {value}\n")).collect()
}

fn window() -> Range {
    Range::last(5, now())
}

#[test]
fn candidates_are_the_most_viewed_products_of_any_level_of_the_category() {
    let category = CategoryPath::parse("electronics.audio").unwrap();
    assert_snapshot!(lines(&trend_candidates(window(), Some(&category))), @r#"
    aggs: {"products":{"aggs":{"view_sessions":{"sum":{"field":"view.sessions"}}},"terms":{"field":"product_id","order":[{"view_sessions":"desc"},{"_key":"asc"}],"shard_size":10000,"size":2000}}}
    query: {"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T10:02:00.000Z","lte":"2026-11-21T10:07:30.000Z"}}},{"exists":{"field":"view.sessions"}},{"term":{"categories":"electronics.audio"}}]}}
    size: 0
    track_total_hits: false
    "#);
}

#[test]
fn candidates_are_counted_in_the_window() {
    let ids = ["p1", "p2"].map(|id| ProductId::parse(id).unwrap());
    assert_snapshot!(lines(&trend_counts(window(), &ids)), @r#"
    aggs: {"products":{"aggs":{"carts":{"sum":{"field":"add_to_cart.quantity"}},"purchases":{"sum":{"field":"purchase.quantity"}},"refunds":{"sum":{"field":"refund.quantity"}},"revenue_cents":{"sum":{"field":"purchase.revenue_cents"}},"view_sessions":{"sum":{"field":"view.sessions"}},"views":{"sum":{"field":"view.quantity"}}},"terms":{"field":"product_id","size":2}}}
    query: {"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T10:02:00.000Z","lte":"2026-11-21T10:07:30.000Z"}}},{"terms":{"product_id":["p1","p2"]}}]}}
    size: 0
    track_total_hits: false
    "#);
}

#[test]
fn of_the_time_before_only_view_sessions_are_asked_for() {
    let ids = ["p1", "p2"].map(|id| ProductId::parse(id).unwrap());
    let start = Timestamp::parse("2026-11-21T09:02:00Z").unwrap();
    assert_snapshot!(lines(&sessions_before(start, window(), &ids)), @r#"
    aggs: {"products":{"aggs":{"view_sessions":{"sum":{"field":"view.sessions"}}},"terms":{"field":"product_id","size":2}}}
    query: {"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T09:02:00.000Z","lt":"2026-11-21T10:02:00.000Z"}}},{"terms":{"product_id":["p1","p2"]}}]}}
    size: 0
    track_total_hits: false
    "#);
}

#[test]
fn a_category_is_asked_for_with_its_children() {
    let body = funnels(window(), "electronics.audio");
    assert_snapshot!(lines(&body["query"]["bool"]), @r#"
    filter: [{"range":{"minute":{"gte":"2026-11-21T10:02:00.000Z","lte":"2026-11-21T10:07:30.000Z"}}}]
    minimum_should_match: 1
    should: [{"term":{"category":"electronics.audio"}},{"bool":{"filter":[{"term":{"level":3}},{"prefix":{"category":"electronics.audio."}}]}}]
    "#);
    assert_eq!(body["aggs"]["categories"]["aggs"].as_object().unwrap().len(), 14);
}

#[test]
fn the_whole_shop_is_asked_for_with_its_departments() {
    let should = &funnels(window(), "all")["query"]["bool"]["should"];
    assert_eq!(should, &json!([{ "term": { "category": "all" } }, { "term": { "level": 1 } }]));
}

#[test]
fn a_page_of_signals_goes_on_behind_the_cursor() {
    let values = vec![json!(1_795_219_200_000_i64), json!("fast_refund"), json!("u1"), json!(0), json!(null)];
    let after = Some(Cursor::from_sort_values(values).unwrap());
    let rule = Some(Rule::FastRefund);
    let question =
        Question { severity: Some(Severity::High), rule, status: Some(Status::Open), size: 20, after };
    let body = signals(&question, &[]);
    assert_snapshot!(lines(&body), @r#"
    query: {"bool":{"filter":[{"term":{"active":true}},{"term":{"severity":"high"}},{"term":{"rule":"fast_refund"}}],"must_not":[{"ids":{"values":[]}},{"bool":{"minimum_should_match":1,"should":[{"ids":{"values":[]}}]}}]}}
    search_after: [1795219200000,"fast_refund","u1",0,null]
    size: 21
    sort: [{"last_seen":"desc"},{"rule":"asc"},{"visitor":"asc"},{"day":"desc"},{"session_id":"asc"}]
    track_total_hits: true
    "#);
}

#[test]
fn of_the_last_hour_only_purchases_and_the_last_minute_are_read() {
    assert_snapshot!(lines(&recent_events(now())), @r#"
    aggs: {"last_minute":{"filter":{"range":{"timestamp":{"gte":"2026-11-21T10:06:25.000Z","lt":"2026-11-21T10:07:25.000Z"}}}},"purchases":{"aggs":{"revenue_cents":{"sum":{"field":"total_cents"}}},"filter":{"term":{"event_type":"purchase"}}}}
    query: {"bool":{"filter":[{"range":{"timestamp":{"gte":"2026-11-21T09:07:30.000Z"}}}],"minimum_should_match":1,"should":[{"range":{"timestamp":{"gte":"2026-11-21T10:06:25.000Z","lt":"2026-11-21T10:07:25.000Z"}}},{"term":{"event_type":"purchase"}}]}}
    size: 0
    track_total_hits: false
    "#);
}

#[test]
fn frontiers_are_read_with_their_ledgers_only_where_these_are_shown() {
    assert_snapshot!(lines(&frontiers(Some("trends"))), @r#"
    _source: ["group","watermark","complete_until","drained"]
    query: {"bool":{"filter":[{"term":{"group":"trends"}}]}}
    size: 4000
    track_total_hits: false
    "#);
    assert_eq!(frontiers(None)["_source"][4], "ledger");
}

proptest! {
    #[test]
    fn the_minutes_before_and_the_window_do_not_overlap_and_leave_no_gap(
        minutes in 1u32..=1_440, now in 0i64..4_000_000_000_000,
    ) {
        let window = Range::last(minutes, Timestamp::from_millis(now));
        let start = crate::analytics::trending::baseline_start(window);
        let (before, panes) = (panes_before(start, window), panes(window));
        prop_assert_eq!(&before["range"]["minute"]["lt"], &panes["range"]["minute"]["gte"]);
        prop_assert!(start < window.from && window.from <= window.to);
    }
}
