//! What the rules find, and what they leave alone.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::model::event::tests::{at, event_id, purchase, refund};
use crate::model::ids::OrderId;

/// One order, numbered, at so many minutes; and its refund so many minutes later.
fn order(number: u64, minute: i64) -> Event {
    let at = at(minute * 60_000);
    let mut event = Event { event_id: event_id(at, number), session_started_at: at, ..purchase(at) };
    let Action::Purchase(order) = &mut event.action else { unreachable!("a purchase") };
    order.order_id = OrderId::parse(&format!("o{number}")).unwrap();
    event
}

fn back(number: u64, ordered_minute: i64, after_minutes: i64) -> Event {
    let (ordered_at, at) = (at(ordered_minute * 60_000), at((ordered_minute + after_minutes) * 60_000));
    let mut event =
        Event { event_id: event_id(at, 1000 + number), session_started_at: at, ..refund(at, ordered_at) };
    let Action::Refund(refund) = &mut event.action else { unreachable!("a refund") };
    refund.order.order_id = OrderId::parse(&format!("o{number}")).unwrap();
    event
}

/// The last document of each id after folding the events one by one.
fn documents(events: &[Event]) -> Vec<(String, Value)> {
    let (mut state, mut out) = (Day::default(), Vec::new());
    let pane = Pane { start: at(0).floor_to(DAY_MS), partition: 0, topic: Some(0) };
    let fraud = Fraud { rules: Rules::embedded() };
    events.iter().for_each(|event| fraud.fold(&mut state, event));
    fraud.render(&mut state, &pane, &mut out);
    out.iter()
        .map(|document| (document.id.clone(), serde_json::from_slice(&document.source).unwrap()))
        .collect()
}

fn active_rules(events: &[Event]) -> Vec<String> {
    let active = documents(events).into_iter().filter(|(_, body)| body["active"] == true);
    active.map(|(_, body)| body["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_honest_shopper_who_gives_one_thing_back_is_left_alone() {
    assert_eq!(active_rules(&[order(1, 0), order(2, 5), back(1, 0, 600)]), Vec::<String>::new());
}

#[test]
fn buying_and_giving_back_the_same_thing_again_and_again_is_a_loop() {
    let events: Vec<_> =
        (0..3u64).flat_map(|n| [order(n, n as i64 * 60), back(n, n as i64 * 60, 30)]).collect();
    assert_eq!(active_rules(&events), ["refund_loop"]);
}

#[test]
fn two_refunds_within_minutes_are_fast() {
    let events = [order(1, 0), back(1, 0, 2), order(2, 20), back(2, 20, 3)];
    assert_eq!(active_rules(&events), ["fast_refund"]);
}

#[test]
fn a_refund_rate_that_falls_again_is_written_as_withdrawn() {
    let mut events: Vec<_> = (0..4).map(|n| order(n, 0)).collect();
    events.extend((0..3).map(|n| back(n, 0, 60)));
    assert!(active_rules(&events).contains(&"abnormal_refund_rate".to_owned()));
    events.extend((10..14).map(|n| order(n, 60)));
    let (_, body) = documents(&events).pop().unwrap();
    assert_eq!((&body["rule"], &body["active"]), (&"abnormal_refund_rate".into(), &false.into()));
}

#[test]
fn a_refund_weeks_later_is_a_fact_of_its_own_day() {
    let late = back(1, 0, 20 * 24 * 60);
    assert_eq!(Fraud { rules: Rules::embedded() }.time(&late), Some(late.timestamp));
    assert_eq!(documents(&[late])[0].1["old_refunds"], 1);
}

proptest! {
    #[test]
    fn the_order_of_events_does_not_matter(
        shuffled in Just((0..6u64).flat_map(|n| [order(n, n as i64), back(n, n as i64, 5)]).collect::<Vec<_>>()).prop_shuffle()
    ) {
        let mut sorted = shuffled.clone();
        sorted.sort_by_key(|event| event.event_id);
        prop_assert_eq!(documents(&shuffled), documents(&sorted));
    }
}
