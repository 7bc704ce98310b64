//! The bodies as they are sent.

use insta::assert_snapshot;

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

#[test]
fn a_page_of_signals_goes_on_behind_the_cursor() {
    let values = vec![json!(1_795_219_200_000_i64), json!("fast_refund"), json!("u1"), json!(0), json!(null)];
    let after = Some(Cursor::from_sort_values(values).unwrap());
    let rule = Some(Rule::FastRefund);
    let question =
        Question { severity: Some(Severity::High), rule, status: Some(Status::Open), size: 20, after };
    let decided = Decided { confirmed: vec!["sure".to_owned()], dismissed: vec!["quiet".to_owned()] };
    let body = signals(&question, &decided);
    assert_snapshot!(lines(&body), @r#"
    query: {"bool":{"filter":[{"term":{"active":true}},{"term":{"severity":"high"}},{"term":{"rule":"fast_refund"}}],"must_not":[{"ids":{"values":["sure"]}},{"ids":{"values":["quiet"]}}]}}
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

#[test]
fn dismissed_cases_are_not_counted() {
    let decided = Decided { confirmed: vec!["sure".to_owned()], dismissed: vec!["quiet".to_owned()] };
    assert_snapshot!(signals_by_severity(&decided)["query"], @r#"{"bool":{"filter":[{"term":{"active":true}}],"must_not":[{"ids":{"values":["quiet"]}}]}}"#);
}
