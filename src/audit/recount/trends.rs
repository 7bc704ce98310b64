//! What was done with each product in a minute, in one topic.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use crate::audit::recount::Expected;
use crate::audit::recount::windows::Pane;
use crate::model::event::{Event, EventType, Item};
use crate::model::ids::ProductId;
use crate::model::money::Cents;
use crate::store::schema::Schema;

/// The documents of one minute of one topic.
pub fn documents(pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    let mut lines: BTreeMap<&ProductId, Vec<(&Event, &Item)>> = BTreeMap::new();
    for event in events {
        for item in event.items() {
            lines.entry(&item.product_id).or_default().push((event, item));
        }
    }
    lines.iter().filter_map(|(product, lines)| document(pane, product, lines)).collect()
}

fn document(pane: &Pane, product: &ProductId, lines: &[(&Event, &Item)]) -> Option<Expected> {
    let stream = pane.stream?.topic();
    let support = lines.iter().map(|(event, _)| event.event_id).collect::<HashSet<_>>().len() as u64;
    // The first of equal ones: an order may name the product in two lines.
    let (_, first) = lines.iter().min_by_key(|(event, _)| (event.timestamp, event.event_id))?;
    let mut body = json!({
        "minute": pane.window,
        "partition": pane.partition,
        "stream": stream,
        "product_id": product,
        "category": first.category,
        "categories": first.category.prefixes().collect::<Vec<_>>(),
        "brand": first.brand,
        "support": support,
    });
    if let Some(body) = body.as_object_mut() {
        body.extend(tallies(lines));
    }
    let id = format!("trends|{}|{}|{product}|{stream}", pane.window.millis(), pane.partition);
    Some(Expected::result(&Schema::PRODUCT_TRENDS, pane.window, id, support, &body))
}

/// By type of event: distinct sessions, pieces and money. A type that did not happen is left out.
fn tallies(lines: &[(&Event, &Item)]) -> Map<String, Value> {
    let kinds = EventType::ALL.into_iter().filter(|kind| *kind != EventType::Search);
    let tally = |kind: EventType| {
        let of_kind = || lines.iter().filter(move |(event, _)| event.event_type() == kind);
        let sessions = of_kind().map(|(event, _)| &event.session_id).collect::<HashSet<_>>().len();
        let quantity: u64 = of_kind().map(|(_, item)| u64::from(item.quantity)).sum();
        let revenue: Cents = of_kind().map(|(_, item)| item.amount()).sum();
        let tally = json!({ "sessions": sessions, "quantity": quantity, "revenue_cents": revenue });
        (sessions > 0).then(|| (kind.as_str().to_owned(), tally))
    };
    kinds.filter_map(tally).collect()
}
