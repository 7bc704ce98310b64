//! Funnels: per minute of the session's start and category.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::event::{Event, EventType};
use crate::model::time::Timestamp;
use crate::stream::sim::naive::{Expected, Place, amount, by_session, distinct, lies_in, prefixes};

const WHOLE_SHOP: &str = "all";

/// When, ties by type, then id.
type Instant = (Timestamp, EventType, Uuid);

/// How far one session came in one category.
struct Journey {
    events: usize,
    searched: bool,
    by_search: bool,
    /// Entered, viewed, carted, purchased.
    reached: [bool; 4],
    refunded: bool,
    /// Of what was put into the cart, bought and given back.
    cents: [i64; 3],
    /// Milliseconds from the search to the view, from that to the cart, from that to the purchase.
    took: [Option<i64>; 3],
}

pub fn documents(events: &[&Event], place: Place) -> Vec<Expected> {
    let touched =
        events.iter().flat_map(|event| event.items()).flat_map(|item| prefixes(item.category.as_str()));
    let categories = distinct(touched.chain([WHOLE_SHOP.to_owned()]));
    categories.iter().map(|category| document(events, place, category)).collect()
}

fn document(events: &[&Event], place: Place, category: &str) -> Expected {
    let sessions = by_session(events).into_iter();
    let touching = sessions.filter(|(_, own)| own.iter().any(|event| touches(event, category)));
    let journeys: Vec<Journey> = touching.map(|(_, own)| journey(&own, category)).collect();
    let stages = |belongs: fn(&Journey) -> bool| {
        let [entered, viewed, carted, purchased] = [0, 1, 2, 3]
            .map(|stage: usize| journeys.iter().filter(|one| belongs(one) && one.reached[stage]).count());
        json!({ "entered": entered, "viewed": viewed, "carted": carted, "purchased": purchased })
    };
    let cents = |kind: usize| journeys.iter().map(|one| one.cents[kind]).sum::<i64>();
    let support: usize = journeys.iter().map(|one| one.events).sum();
    let mut body = stages(|_| true);
    let more = json!({
        "searched": journeys.iter().filter(|one| one.searched).count(),
        "by_search": stages(|one| one.by_search),
        "by_browse": stages(|one| !one.by_search),
        "refunded": journeys.iter().filter(|one| one.refunded).count(),
        "carted_cents": cents(0),
        "revenue_cents": cents(1),
        "refunded_cents": cents(2),
        "times": times(&journeys),
    });
    extend(&mut body, more);
    leave_out_zeros(&mut body);
    let place_and_category = json!({
        "minute": place.start,
        "partition": place.partition,
        "category": category,
        "level": if category == WHOLE_SHOP { 0 } else { category.split('.').count() },
        "support": support,
    });
    extend(&mut body, place_and_category);
    Expected {
        index: format!("category-funnels-{}", place.start.day()),
        id: format!("funnels|{}|{}|{category}", place.start.millis(), place.partition),
        version: support as u64,
        body,
    }
}

fn extend(body: &mut Value, more: Value) {
    if let (Value::Object(body), Value::Object(more)) = (body, more) {
        body.extend(more);
    }
}

/// What is 0 is left out, and an object of nothing else.
fn leave_out_zeros(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.values_mut().for_each(leave_out_zeros);
        fields.retain(|_, value| *value != json!(0) && *value != json!({}));
    }
}

/// By step, how many sessions took between 2^k - 1 and 2^(k + 1) - 1 seconds for it; from 2^13 - 1 on all are one.
fn times(journeys: &[Journey]) -> Value {
    let mut times = json!({});
    for (number, step) in ["view", "cart", "purchase"].into_iter().enumerate() {
        for took in journeys.iter().filter_map(|one| one.took[number]) {
            let longest = (0..14).rev().find(|k| took / 1_000 >= (1 << k) - 1).unwrap();
            let count = &mut times[step][format!("b{longest}")];
            *count = json!(count.as_u64().unwrap_or(0) + 1);
        }
    }
    times
}

fn touches(event: &Event, category: &str) -> bool {
    category == WHOLE_SHOP || event.items().iter().any(|item| lies_in(item.category.as_str(), category))
}

fn journey(session: &[&Event], category: &str) -> Journey {
    let times = |kind: EventType| {
        let of_kind =
            session.iter().filter(move |event| event.event_type() == kind && touches(event, category));
        distinct(of_kind.map(|event| (event.timestamp, event.event_type(), event.event_id)))
    };
    let [views, carts, purchases] = [EventType::View, EventType::AddToCart, EventType::Purchase].map(times);
    // In the whole shop the searches themselves, in a category those that led to a look at it.
    let searches: Vec<Timestamp> = if category == WHOLE_SHOP {
        times(EventType::Search).into_iter().map(|(at, ..)| at).collect()
    } else {
        let views =
            session.iter().filter(|event| event.event_type() == EventType::View && touches(event, category));
        let led_here = views.flat_map(|event| event.items()).filter_map(|item| item.attribution.as_ref());
        led_here.map(|attribution| attribution.searched_at).collect()
    };
    let view = views.first();
    let cart = carts.iter().find(|cart| view.is_some_and(|view| view < *cart));
    let purchase = purchases.iter().find(|purchase| cart.is_some_and(|cart| cart < *purchase));
    let search = searches.iter().min();
    let by_search = search.is_some_and(|search| view.is_none_or(|(view, ..)| search <= view));
    let between = |from: Option<&Instant>, to: Option<&Instant>| Some((to?.0 - from?.0).num_milliseconds());
    let searched_for = search.filter(|_| by_search).zip(view).map(|(search, (view, ..))| *view - *search);
    Journey {
        events: session.len(),
        searched: search.is_some(),
        by_search,
        reached: [search.is_some() || view.is_some(), view.is_some(), cart.is_some(), purchase.is_some()],
        refunded: !times(EventType::Refund).is_empty(),
        cents: [EventType::AddToCart, EventType::Purchase, EventType::Refund]
            .map(|kind| cents(session, kind, category)),
        took: [
            searched_for.map(|took| took.num_milliseconds()),
            between(view, cart),
            between(cart, purchase),
        ],
    }
}

fn cents(session: &[&Event], kind: EventType, category: &str) -> i64 {
    let items = session.iter().filter(|event| event.event_type() == kind).flat_map(|event| event.items());
    items.filter(|item| category == WHOLE_SHOP || lies_in(item.category.as_str(), category)).map(amount).sum()
}
