//! What the rules find, and what they leave alone.

use serde_json::Value;

use crate::model::category::CategoryPath;
use crate::model::event::tests::{add_to_cart, at, event_id, purchase, search, view};
use crate::model::event::{Action, Event};
use crate::model::ids::ProductId;
use crate::stream::operators::visits::tests::documents_of;

/// The active signals after the events of one visit, each so many milliseconds after the one before.
fn signals(events: Vec<Event>, gaps_ms: impl Iterator<Item = i64>) -> Vec<Value> {
    let mut time_ms = 40_000;
    let timed = (0..).zip(events).zip(gaps_ms).map(|((number, event), gap_ms)| {
        time_ms += gap_ms;
        Event { event_id: event_id(at(time_ms), number), timestamp: at(time_ms), ..event }
    });
    let documents = documents_of(&timed.collect::<Vec<_>>(), usize::MAX);
    documents.into_values().filter(|body| body["active"] == true).collect()
}

fn rules(signals: &[Value]) -> Vec<&str> {
    signals.iter().map(|signal| signal["rule"].as_str().unwrap()).collect()
}

fn views(count: usize) -> Vec<Event> {
    vec![view(at(0)); count]
}

/// A view of a product of this category, to which no search led, or its way into the cart.
fn touch(mut event: Event, category: &str, product: usize) -> Event {
    if let Action::View(touch) | Action::AddToCart(touch) = &mut event.action {
        touch.item.category = CategoryPath::parse(category).unwrap();
        touch.item.product_id = ProductId::nth(product as u64);
        touch.item.attribution = None;
    }
    event
}

/// Gaps as uneven as a person's, of this mean.
fn uneven(mean_ms: i64) -> impl Iterator<Item = i64> {
    [0.3, 1.4, 0.6, 2.2, 0.8, 0.45, 1.2]
        .into_iter()
        .cycle()
        .map(move |factor| (mean_ms as f64 * factor) as i64)
}

#[test]
fn a_person_who_looks_at_hundreds_of_things_at_leisure_is_left_alone() {
    assert_eq!(signals(views(300), uneven(6_000)), Vec::<Value>::new());
}

#[test]
fn a_machine_that_views_faster_than_anybody_reads_is_reported_with_its_evidence() {
    let found = signals(views(240), std::iter::repeat(250));
    assert_eq!(rules(&found), ["bot_rhythm", "bot_velocity"]);
    assert_eq!(
        (&found[1]["severity"], &found[1]["figures"]["peak_per_minute"]),
        (&"critical".into(), &239.into())
    );
    assert_eq!(found[1]["event_ids"].as_array().unwrap().len(), 20);
}

#[test]
fn a_slow_metronome_is_found_by_its_evenness_alone() {
    assert_eq!(rules(&signals(views(60), [9_000, 9_300, 8_800].into_iter().cycle())), ["bot_rhythm"]);
}

#[test]
fn a_slow_walk_through_unlike_things_is_a_crawl_and_a_stroll_among_alike_ones_is_not() {
    let walk = ["toys.games", "home.garden", "books.novels", "sports.balls", "home.kitchen"];
    let walk = walk.into_iter().enumerate().map(|(number, kind)| touch(view(at(0)), kind, number)).collect();
    assert_eq!(rules(&signals(walk, uneven(20_000))), ["catalogue_crawl"]);
    let stroll = (0..18).map(|number| touch(view(at(0)), "toys.games", number)).collect();
    assert_eq!(rules(&signals(stroll, uneven(20_000))), Vec::<&str>::new());
}

#[test]
fn searches_that_nobody_looks_at_are_a_flood() {
    assert_eq!(rules(&signals(vec![search(at(0)); 25], uneven(15_000))), ["search_flood"]);
    let looked_at = [vec![search(at(0)); 20], views(20)].concat();
    assert_eq!(rules(&signals(looked_at, uneven(15_000))), Vec::<&str>::new());
}

#[test]
fn a_full_cart_is_hoarding_until_it_is_ordered() {
    let mut cart: Vec<_> = (0..12).map(|number| touch(add_to_cart(at(0)), "toys.games", number)).collect();
    assert_eq!(rules(&signals(cart.clone(), uneven(9_000))), ["cart_hoarding"]);
    cart.push(purchase(at(0)));
    assert_eq!(rules(&signals(cart, uneven(9_000))), Vec::<&str>::new());
}
