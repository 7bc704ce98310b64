//! Trends: per minute, topic and product.

use serde_json::json;

use crate::model::event::{Event, EventType};
use crate::stream::sim::naive::{Expected, Place, distinct, prefixes};

pub fn documents(events: &[&Event], place: Place) -> Vec<Expected> {
    let products = events.iter().flat_map(|event| event.items()).map(|item| item.product_id.as_str());
    distinct(products).into_iter().map(|product| document(events, place, product)).collect()
}

fn document(events: &[&Event], place: Place, product: &str) -> Expected {
    let lines = |event: &Event| {
        let lines = event.items().iter().filter(|item| item.product_id.as_str() == product);
        lines.cloned().collect::<Vec<_>>()
    };
    let named: Vec<&Event> = events.iter().copied().filter(|event| !lines(event).is_empty()).collect();
    let first = named.iter().min_by_key(|event| (event.timestamp, event.event_id)).unwrap();
    let seen = lines(first)[0].clone();
    let stream = place.topic.unwrap();
    let mut body = json!({
        "minute": place.start,
        "partition": place.partition,
        "stream": stream,
        "product_id": product,
        "category": seen.category,
        "categories": prefixes(seen.category.as_str()),
        "brand": seen.brand,
        "support": named.len(),
    });
    for kind in [EventType::View, EventType::AddToCart, EventType::Purchase, EventType::Refund] {
        let of_kind: Vec<&Event> = named.iter().copied().filter(|event| event.event_type() == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let all_lines: Vec<_> = of_kind.iter().flat_map(|event| lines(event)).collect();
        body[kind.as_str()] = json!({
            "sessions": distinct(of_kind.iter().map(|event| event.session_id.as_str())).len(),
            "quantity": all_lines.iter().map(|line| line.quantity).sum::<u32>(),
            "revenue_cents": all_lines.iter().map(|line| line.unit_price_cents.0 * i64::from(line.quantity)).sum::<i64>(),
        });
    }
    Expected {
        index: format!("product-trends-{}", place.start.day()),
        id: format!("trends|{}|{}|{product}|{stream}", place.start.millis(), place.partition),
        version: named.len() as u64,
        body,
    }
}
