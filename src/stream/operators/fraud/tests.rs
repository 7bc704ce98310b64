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
    let (mut state, mut out) = (Day::default(), Documents::default());
    let pane = Pane::new(at(0).floor_to(DAY_MS), 0, Some(0));
    let fraud = Fraud { rules: Rules::embedded() };
    events.iter().for_each(|event| assert!(fraud.fold(&mut state, event)));
    fraud.render(&mut state, &pane, &mut out);
    out.iter()
        .map(|document| (document.id.to_owned(), serde_json::from_slice(document.source).unwrap()))
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
    assert!(active_rules(&events).contains(&"refund_loop".to_owned()));
    assert!(!active_rules(&events[..4]).contains(&"refund_loop".to_owned()));
}

#[test]
fn one_order_that_comes_back_at_once_is_a_slip_and_two_are_fast() {
    let events = [order(1, 0), back(1, 0, 2), order(2, 20), back(2, 20, 40)];
    assert_eq!(active_rules(&events[..2]), Vec::<String>::new());
    assert_eq!(active_rules(&events), ["fast_refund", "abnormal_refund_rate"]);
}

#[test]
fn a_refund_rate_that_falls_again_is_written_as_withdrawn() {
    let mut events: Vec<_> = (0..4).map(|n| order(n, 0)).collect();
    events.extend((0..4).map(|n| back(n, 0, 20 * 60)));
    assert!(active_rules(&events).contains(&"abnormal_refund_rate".to_owned()));
    events.extend((10..26).map(|n| order(n, 60)));
    let documents = documents(&events);
    let rate = documents.iter().find(|(_, body)| body["rule"] == "abnormal_refund_rate");
    let (_, body) = rate.unwrap();
    assert_eq!((&body["active"], &body["figures"]["orders"]), (&false.into(), &20.into()));
}

#[test]
fn the_same_order_given_back_twice_is_more_than_it_cost() {
    let again = |number| Event { event_id: event_id(at(number), 2_000), ..back(1, 0, 100) };
    let events = [order(1, 0), back(1, 0, 900), again(54_060_001)];
    assert_eq!(active_rules(&events[..2]), Vec::<String>::new());
    assert_eq!(active_rules(&events), ["excess_refund"]);
}

#[test]
fn fifteen_orders_in_ten_minutes_are_too_many_and_in_an_hour_they_are_not() {
    let every = |minutes: i64| (0..15).map(|n| order(n, n as i64 * minutes / 2)).collect::<Vec<_>>();
    assert_eq!(active_rules(&every(1)), ["purchase_velocity"]);
    assert_eq!(active_rules(&every(8)), Vec::<String>::new());
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
