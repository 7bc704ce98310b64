//! Suspects: what visits that a rule on bots speaks of did with each product in a minute and topic, and searched for.

use serde_json::{Value, json};

use crate::model::event::{Event, Item};
use crate::model::time::{MINUTE_MS, Timestamp};
use crate::stream::sim::naive::{Expected, Place, amount, bots, by_session, distinct, prefixes, queries};

/// Minute of the event, product and topic.
type Subject<'a> = (Timestamp, &'a str, &'static str);

pub fn documents(events: &[&Event], place: Place) -> Vec<Expected> {
    let suspects = by_session(events).into_iter().filter(|(_, own)| !bots::verdicts(own).is_empty());
    let documents = |(session, own): (&str, Vec<&Event>)| {
        let products = distinct(own.iter().flat_map(|event| subjects(event)));
        let products = products.iter().map(|subject| product(&own, place, session, subject));
        products.chain(queries::of_session(&own, place, session)).collect::<Vec<_>>()
    };
    suspects.flat_map(documents).collect()
}

fn subjects(event: &Event) -> Vec<Subject<'_>> {
    let (minute, topic) = (event.timestamp.floor_to(MINUTE_MS), event.event_type().stream().topic());
    event.items().iter().map(|item| (minute, item.product_id.as_str(), topic)).collect()
}

fn product(own: &[&Event], place: Place, session: &str, subject: &Subject<'_>) -> Expected {
    let (minute, product, topic) = *subject;
    let naming: Vec<&Event> = own.iter().copied().filter(|event| subjects(event).contains(subject)).collect();
    let first = naming.iter().min_by_key(|event| (event.timestamp, event.event_id)).unwrap();
    let seen = lines(first, product)[0];
    let mut body = json!({
        "minute": minute,
        "session_minute": place.start,
        "partition": place.partition,
        "session_id": session,
        "product_id": product,
        "stream": topic,
        "category": seen.category,
        "categories": prefixes(seen.category.as_str()),
        "support": naming.len(),
    });
    for event in &naming {
        let before =
            |field: &str, body: &Value| body[event.event_type().as_str()][field].as_i64().unwrap_or(0);
        let quantity: i64 = lines(event, product).iter().map(|item| i64::from(item.quantity)).sum();
        let cents: i64 = lines(event, product).into_iter().map(amount).sum();
        body[event.event_type().as_str()] = json!({
            "sessions": 1,
            "quantity": before("quantity", &body) + quantity,
            "revenue_cents": before("revenue_cents", &body) + cents,
        });
    }
    let (window, partition, minute_ms) = (place.start.millis(), place.partition, minute.millis());
    Expected {
        index: format!("suspect-products-{}", minute.day()),
        id: format!("suspect|{window}|{partition}|{session}|{minute_ms}|{product}|{topic}"),
        version: naming.len() as u64,
        body,
    }
}

fn lines<'a>(event: &'a Event, product: &str) -> Vec<&'a Item> {
    event.items().iter().filter(|item| item.product_id.as_str() == product).collect()
}
