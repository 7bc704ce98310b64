//! The funnel's definition, told by example and held against a naive recount.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::model::event::tests::{add_to_cart, at, event_id, purchase, refund, search, view};
use crate::model::event::{Event, EventType};
use crate::model::ids::SessionId;
use crate::model::time::Timestamp;
use crate::stream::operators::visits::tests::{attributed, documents_of};

fn seconds(seconds: i64) -> Timestamp {
    at(seconds * 1000)
}

/// The funnels by category after these events, rendered after each `flush_every`-th of them.
fn documents(events: &[Event], flush_every: usize) -> HashMap<String, Value> {
    let funnels = documents_of(events, flush_every).into_iter().filter(|(id, _)| id.starts_with("funnels|"));
    funnels.map(|(_, body)| (body["category"].as_str().unwrap().to_owned(), body)).collect()
}

fn stages(body: &Value) -> Value {
    json!(["entered", "viewed", "carted", "purchased"].map(|stage| count(body, stage)))
}

/// What is left out is nothing.
fn count(body: &Value, stage: &str) -> i64 {
    body.get(stage).map_or(0, |count| count.as_i64().unwrap())
}

#[test]
fn a_session_that_buys_what_it_searched_for_counts_in_every_stage_of_all_its_categories() {
    let events = [
        search(seconds(1)),
        attributed(view(seconds(2)), seconds(1)),
        attributed(add_to_cart(seconds(3)), seconds(1)),
        purchase(seconds(4)),
    ];
    let documents = documents(&events, 1);
    for category in ["all", "electronics", "electronics.audio", "electronics.audio.headphones"] {
        let body = &documents[category];
        assert_eq!(stages(body), json!([1, 1, 1, 1]), "{category}");
        assert_eq!(stages(&body["by_search"]), json!([1, 1, 1, 1]), "{category}");
        assert_eq!((&body["searched"], &body["revenue_cents"]), (&json!(1), &json!(11_998)), "{category}");
        assert_eq!(body["support"], 4, "{category}");
    }
}

#[test]
fn a_step_before_the_one_it_follows_does_not_count() {
    let events = [add_to_cart(seconds(1)), view(seconds(2)), purchase(seconds(3))];
    assert_eq!(stages(&documents(&events, 1)["all"]), json!([1, 1, 0, 0]));
}

#[test]
fn a_search_that_led_nowhere_enters_only_the_whole_shop() {
    let documents = documents(&[search(seconds(1))], 1);
    assert_eq!(stages(&documents["all"]), json!([1, 0, 0, 0]));
    assert_eq!(documents.len(), 1);
}

#[test]
fn what_was_given_back_and_how_long_each_step_took_stand_beside_the_stages() {
    let events = [
        search(seconds(1)),
        attributed(view(seconds(4)), seconds(1)),
        add_to_cart(seconds(64)),
        purchase(seconds(65)),
        refund(seconds(70), seconds(65)),
    ];
    let body = &documents(&events, 2)["electronics"];
    assert_eq!(body["times"], json!({ "view": { "b2": 1 }, "cart": { "b5": 1 }, "purchase": { "b1": 1 } }));
    assert_eq!((&body["refunded"], &body["refunded_cents"]), (&json!(1), &json!(11_998)));
    assert_eq!((&body["carted_cents"], &body["revenue_cents"]), (&json!(11_998), &json!(11_998)));
    assert_eq!(body["support"], 5);
}

#[test]
fn a_session_that_views_before_it_searches_came_by_browsing() {
    let body = &documents(&[view(seconds(1)), search(seconds(2))], 1)["all"];
    assert_eq!(stages(&body["by_browse"]), json!([1, 1, 0, 0]));
    assert_eq!(stages(&body["by_search"]), json!([0, 0, 0, 0]));
    assert_eq!(body["searched"], 1);
}

/// The definition, word by word, for the whole shop and sessions whose events have distinct times.
fn naive(events: &[Event]) -> Value {
    let mut reached = [0; 4];
    let sessions: BTreeSet<&SessionId> = events.iter().map(|event| &event.session_id).collect();
    for session in sessions {
        let times = |kinds: &[EventType], after: Option<Timestamp>| {
            let of_session = events.iter().filter(|event| event.session_id == *session);
            let of_kind =
                of_session.filter(|event| kinds.contains(&event.event_type())).map(|event| event.timestamp);
            of_kind.filter(|at| after.is_none_or(|after| *at > after)).min()
        };
        let entered = times(&[EventType::Search, EventType::View], None);
        let viewed = times(&[EventType::View], None);
        let carted = viewed.and_then(|viewed| times(&[EventType::AddToCart], Some(viewed)));
        let purchased = carted.and_then(|carted| times(&[EventType::Purchase], Some(carted)));
        for (count, step) in reached.iter_mut().zip([entered, viewed, carted, purchased]) {
            *count += i32::from(step.is_some());
        }
    }
    json!(reached)
}

fn random_events() -> impl Strategy<Value = Vec<Event>> {
    let one = |(number, (kind, session)): (usize, (u8, u8))| {
        let time = at(number as i64 * 1000 + 1);
        let event = match kind {
            0 => search(time),
            1 => view(time),
            2 => add_to_cart(time),
            _ => purchase(time),
        };
        let session_id = SessionId::parse(&format!("s{session}")).unwrap();
        Event { event_id: event_id(time, number as u64), session_id, ..event }
    };
    let kinds = proptest::collection::vec((0u8..4, 0u8..4), 1..40);
    kinds.prop_map(move |kinds| kinds.into_iter().enumerate().map(one).collect::<Vec<_>>()).prop_shuffle()
}

proptest! {
    #[test]
    fn the_funnel_agrees_with_its_definition_in_whatever_order_and_however_often_it_is_flushed(
        events in random_events(), flush_every in 1usize..20
    ) {
        let incremental = documents(&events, flush_every);
        prop_assert_eq!(stages(&incremental["all"]), naive(&events));
        prop_assert_eq!(&incremental, &documents(&events, usize::MAX));
        for body in incremental.values() {
            let stage = |name: &str| count(body, name);
            prop_assert!(stage("entered") >= stage("viewed") && stage("viewed") >= stage("carted"));
            prop_assert!(stage("carted") >= stage("purchased") && stage("purchased") >= 0);
        }
    }
}
