//! Funnels: per minute of the session's start and category.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::event::{Event, EventType};
use crate::model::time::Timestamp;
use crate::stream::sim::naive::{Expected, Place, distinct, prefixes};

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
    revenue: i64,
}

pub fn documents(events: &[&Event], place: Place) -> Vec<Expected> {
    let touched =
        events.iter().flat_map(|event| event.items()).flat_map(|item| prefixes(item.category.as_str()));
    let categories = distinct(touched.chain([WHOLE_SHOP.to_owned()]));
    categories.iter().map(|category| document(events, place, category)).collect()
}

fn document(events: &[&Event], place: Place, category: &str) -> Expected {
    let sessions = distinct(events.iter().map(|event| &event.session_id));
    let journeys: Vec<Journey> = sessions
        .into_iter()
        .filter_map(|session| {
            let own: Vec<&Event> =
                events.iter().copied().filter(|event| event.session_id == *session).collect();
            own.iter().any(|event| touches(event, category)).then(|| journey(&own, category))
        })
        .collect();
    let stages = |belongs: fn(&Journey) -> bool| {
        let [entered, viewed, carted, purchased] = [0, 1, 2, 3]
            .map(|stage: usize| journeys.iter().filter(|one| belongs(one) && one.reached[stage]).count());
        json!({ "entered": entered, "viewed": viewed, "carted": carted, "purchased": purchased })
    };
    let support: usize = journeys.iter().map(|one| one.events).sum();
    let mut body = stages(|_| true);
    let more = json!({
        "minute": place.start,
        "partition": place.partition,
        "category": category,
        "level": if category == WHOLE_SHOP { 0 } else { category.split('.').count() },
        "support": support,
        "searched": journeys.iter().filter(|one| one.searched).count(),
        "by_search": stages(|one| one.by_search),
        "by_browse": stages(|one| !one.by_search),
        "revenue_cents": journeys.iter().map(|one| one.revenue).sum::<i64>(),
    });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    Expected {
        index: format!("category-funnels-{}", place.start.day()),
        id: format!("funnels|{}|{}|{category}", place.start.millis(), place.partition),
        version: support as u64,
        body,
    }
}

fn touches(event: &Event, category: &str) -> bool {
    category == WHOLE_SHOP || event.items().iter().any(|item| lies_in(item.category.as_str(), category))
}

fn lies_in(path: &str, category: &str) -> bool {
    path.strip_prefix(category).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn journey(session: &[&Event], category: &str) -> Journey {
    let times = |kind: EventType| {
        let of_kind =
            session.iter().filter(move |event| event.event_type() == kind && touches(event, category));
        of_kind.map(|event| (event.timestamp, event.event_type(), event.event_id)).collect::<Vec<Instant>>()
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
    let first_view = views.iter().min();
    let carted = carts.iter().any(|cart| first_view.is_some_and(|view| view < cart));
    let bought_after = |cart: &Instant| purchases.iter().any(|purchase| cart < purchase);
    let purchased = carts.iter().any(|cart| first_view.is_some_and(|view| view < cart) && bought_after(cart));
    let first_search = searches.iter().min();
    let searched_first = |search: &Timestamp| first_view.is_none_or(|(view, ..)| search <= view);
    Journey {
        events: session.len(),
        searched: first_search.is_some(),
        by_search: first_search.is_some_and(searched_first),
        reached: [first_search.is_some() || first_view.is_some(), first_view.is_some(), carted, purchased],
        revenue: revenue(session, category),
    }
}

fn revenue(session: &[&Event], category: &str) -> i64 {
    let bought = session.iter().filter(|event| event.event_type() == EventType::Purchase);
    let items = bought.flat_map(|event| event.items());
    let within = items.filter(|item| category == WHOLE_SHOP || lies_in(item.category.as_str(), category));
    within.map(|item| item.unit_price_cents.0 * i64::from(item.quantity)).sum()
}
