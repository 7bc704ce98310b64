//! What was done with each product in a minute, in one topic.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use crate::audit::recount::Expected;
use crate::audit::recount::windows::Pane;
use crate::model::event::{Event, EventType, Item, Stream};
use crate::model::ids::ProductId;
use crate::model::money::Cents;
use crate::model::time::{MINUTE_MS, Timestamp};
use crate::store::schema::Schema;

/// What was done with one product in a minute, in one topic.
pub struct Line<'a> {
    /// The topic.
    pub stream: Stream,
    /// The minute's start.
    pub minute: Timestamp,
    /// The product.
    pub product: &'a ProductId,
    items: Vec<Named<'a>>,
}

/// An event and an item of it.
type Named<'a> = (&'a Event, &'a Item);

/// The documents of one minute of one topic.
pub fn documents(pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    let document = |line: &Line<'_>| {
        let (product, stream) = (line.product, line.stream.topic());
        let id = format!("trends|{}|{}|{product}|{stream}", pane.window.millis(), pane.partition);
        let (support, mut body) = (line.support(), line.body(pane.partition)?);
        body.insert("brand".to_owned(), json!(line.first()?.brand));
        Some(Expected::result(&Schema::PRODUCT_TRENDS, pane.window, id, support, &body))
    };
    lines(events).iter().filter_map(document).collect()
}

/// What the events say of each product, minute and topic.
pub fn lines<'a>(events: &[&'a Event]) -> Vec<Line<'a>> {
    let mut lines: BTreeMap<(Stream, Timestamp, &ProductId), Vec<Named<'_>>> = BTreeMap::new();
    for event in events {
        let (stream, minute) = (event.event_type().stream(), event.timestamp.floor_to(MINUTE_MS));
        for item in event.items() {
            lines.entry((stream, minute, &item.product_id)).or_default().push((event, item));
        }
    }
    let line = |((stream, minute, product), items)| Line { stream, minute, product, items };
    lines.into_iter().map(line).collect()
}

impl Line<'_> {
    /// How many events name the product.
    pub fn support(&self) -> u64 {
        self.items.iter().map(|(event, _)| event.event_id).collect::<HashSet<_>>().len() as u64
    }

    /// The product as it was seen first.
    fn first(&self) -> Option<&Item> {
        // The first of equal ones: an order may name the product in two lines.
        let first = self.items.iter().min_by_key(|(event, _)| (event.timestamp, event.event_id));
        first.map(|(_, item)| *item)
    }

    /// What is told of it; `None` of no event.
    pub fn body(&self, partition: i32) -> Option<Map<String, Value>> {
        let first = self.first()?;
        let body = json!({
            "minute": self.minute,
            "partition": partition,
            "stream": self.stream.topic(),
            "product_id": self.product,
            "category": first.category,
            "categories": first.category.prefixes().collect::<Vec<_>>(),
            "support": self.support(),
        });
        let Value::Object(mut body) = body else { return None };
        body.extend(tallies(&self.items));
        Some(body)
    }
}

/// By type of event: distinct sessions, pieces and money. A type that did not happen is left out.
fn tallies(lines: &[Named<'_>]) -> Map<String, Value> {
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
