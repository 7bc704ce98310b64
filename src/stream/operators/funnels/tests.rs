//! The funnel's definition, told by example and held against a naive recount.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::event::Attribution;
use crate::model::event::tests::{add_to_cart, at, event_id, purchase, search, view};
use crate::model::ids::QueryId;

fn seconds(seconds: i64) -> Timestamp {
    at(seconds * 1000)
}

/// The documents by category after these events, rendered after each `flush_every`-th of them.
fn documents(events: &[Event], flush_every: usize) -> HashMap<String, Value> {
    let (mut state, mut out) = (Cohort::default(), Vec::new());
    let pane = Pane { start: at(0), partition: 0, topic: None };
    for (number, event) in events.iter().enumerate() {
        Funnels.fold(&mut state, event);
        if number % flush_every == flush_every - 1 {
            Funnels.render(&mut state, &pane, &mut out);
        }
    }
    Funnels.render(&mut state, &pane, &mut out);
    let value = |document: &Document| serde_json::from_slice::<Value>(&document.source).unwrap();
    out.iter().map(value).map(|body| (body["category"].as_str().unwrap().to_owned(), body)).collect()
}

fn stages(body: &Value) -> Value {
    json!([body["entered"], body["viewed"], body["carted"], body["purchased"]])
}

fn attributed(mut event: Event, searched_at: Timestamp) -> Event {
    let id = QueryId::parse("q1").unwrap();
    if let Action::View(touch) | Action::AddToCart(touch) = &mut event.action {
        let query = "headphones".into();
        touch.item.attribution =
            Some(Attribution { query_id: id.clone(), intent_id: id, query, searched_at, position: 1 });
    }
    event
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
            let stage = |name: &str| body[name].as_i64().unwrap();
            prop_assert!(stage("entered") >= stage("viewed") && stage("viewed") >= stage("carted"));
            prop_assert!(stage("carted") >= stage("purchased") && stage("purchased") >= 0);
        }
    }
}
