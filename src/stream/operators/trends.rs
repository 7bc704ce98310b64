//! Trends: what was done with each product in each minute, each topic apart.

use chrono::TimeDelta;
use serde::Serialize;
use smallvec::SmallVec;
use smol_str::SmolStr;
use uuid::Uuid;

use crate::model::category::CategoryPath;
use crate::model::event::{Event, EventType, Item, Stream};
use crate::model::ids::ProductId;
use crate::model::money::Cents;
use crate::model::time::{MINUTE_MS, Timestamp};
use crate::store::schema::Schema;
use crate::stream::documents::{About, Documents};
use crate::stream::fold::{Operator, Pane};
use crate::stream::footprint::{Footprint, Weighed, spilled, text};
use crate::stream::operators::keyed::Keyed;
use crate::stream::tables::fingerprint;

/// How late an event may come.
const LATENESS: TimeDelta = TimeDelta::minutes(10);

/// The operator. Its window is the minute of the event, its key the product; the support of a result is
/// the number of distinct events of the pane that name the product.
pub struct Trends;

/// What one minute adds up to, by product.
#[derive(Default)]
pub struct Minute {
    products: Keyed<ProductId, ProductMinute>,
    /// On the heap, of all products and their names: kept up to date, for there are thousands.
    product_bytes: usize,
}

#[derive(Default)]
struct ProductMinute {
    support: u64,
    /// Category and brand as the first event (by time, then id) saw them: a function of the set of events.
    seen: Option<Seen>,
    /// One for each type of event that there was: hardly ever more than one.
    tallies: SmallVec<[Tally; 1]>,
}

struct Seen {
    first: (Timestamp, Uuid),
    category: CategoryPath,
    brand: SmolStr,
}

/// What one type of event adds up to.
struct Tally {
    kind: EventType,
    /// Fingerprints of the distinct sessions, in order: of a minute's thousands two never share one.
    sessions: SmallVec<[u64; 1]>,
    quantity: u64,
    revenue: Cents,
}

#[derive(Serialize)]
struct Body<'a> {
    minute: &'a str,
    partition: i32,
    stream: &'a str,
    product_id: &'a str,
    category: &'a CategoryPath,
    #[serde(serialize_with = "CategoryPath::serialize_prefixes")]
    categories: &'a CategoryPath,
    brand: &'a str,
    support: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    view: Option<TallyBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_to_cart: Option<TallyBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purchase: Option<TallyBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund: Option<TallyBody>,
}

#[derive(Serialize)]
struct TallyBody {
    /// Distinct sessions, so that a bot's thousand views weigh as one.
    sessions: usize,
    quantity: u64,
    revenue_cents: Cents,
}

impl Weighed for Minute {
    fn footprint(&self) -> Footprint {
        self.products.slots() + Footprint { entries: 0, bytes: self.product_bytes }
    }
}

impl Operator for Trends {
    type State = Minute;

    fn name(&self) -> &'static str {
        "trends"
    }

    fn window_ms(&self) -> i64 {
        MINUTE_MS
    }

    fn lateness(&self) -> TimeDelta {
        LATENESS
    }

    fn time(&self, event: &Event) -> Option<Timestamp> {
        // A search names products only as results; that nobody looked at them is not a trend.
        (event.event_type() != EventType::Search).then_some(event.timestamp)
    }

    fn fold(&self, state: &mut Minute, event: &Event) -> bool {
        let items = event.items();
        for (number, item) in items.iter().enumerate() {
            let product = state.products.change(&item.product_id);
            let before = product.bytes(&item.product_id);
            // An order may name a product in two lines; it is one event all the same.
            let named_before = items.iter().take(number).any(|earlier| earlier.product_id == item.product_id);
            product.support += u64::from(!named_before);
            product.see(event, item);
            state.product_bytes = state.product_bytes + product.bytes(&item.product_id) - before;
        }
        true
    }

    fn render(&self, state: &mut Minute, pane: &Pane, out: &mut Documents) {
        let stream =
            pane.topic.and_then(|topic| Stream::ALL.get(topic)).map_or("all", |stream| stream.topic());
        let begin = pane.ids_begin("trends");
        state.products.take_changed(|product_id, product| {
            let Some(seen) = &product.seen else { return };
            let body = product.body(pane, stream, product_id, seen);
            let about = About::result(&Schema::PRODUCT_TRENDS, pane.start, product.support);
            out.push(about, &[&begin, product_id.as_str(), "|", stream], &body);
        });
    }
}

impl ProductMinute {
    /// Bytes that it and its key take on the heap besides their place in the table; none before its first event.
    fn bytes(&self, product_id: &ProductId) -> usize {
        let Some(seen) = &self.seen else { return 0 };
        let texts = [product_id.as_str(), seen.category.as_str(), &seen.brand].map(text);
        let sessions: usize = self.tallies.iter().map(|tally| spilled(&tally.sessions)).sum();
        texts.iter().sum::<usize>() + spilled(&self.tallies) + sessions
    }

    fn see(&mut self, event: &Event, item: &Item) {
        let order = (event.timestamp, event.event_id);
        if self.seen.as_ref().is_none_or(|seen| order < seen.first) {
            self.seen =
                Some(Seen { first: order, category: item.category.clone(), brand: item.brand.clone() });
        }
        let kind = event.event_type();
        if let Some(tally) = self.tallies.iter_mut().find(|tally| tally.kind == kind) {
            tally.add(event, item);
            return;
        }
        let mut tally = Tally { kind, sessions: SmallVec::new(), quantity: 0, revenue: Cents(0) };
        tally.add(event, item);
        self.tallies.push(tally);
    }

    fn body<'a>(
        &self,
        pane: &'a Pane,
        stream: &'a str,
        product_id: &'a ProductId,
        seen: &'a Seen,
    ) -> Body<'a> {
        let tally = |kind: EventType| self.tallies.iter().find(|tally| tally.kind == kind).map(Tally::body);
        Body {
            minute: &pane.start_text,
            partition: pane.partition,
            stream,
            product_id: product_id.as_str(),
            category: &seen.category,
            categories: &seen.category,
            brand: &seen.brand,
            support: self.support,
            view: tally(EventType::View),
            add_to_cart: tally(EventType::AddToCart),
            purchase: tally(EventType::Purchase),
            refund: tally(EventType::Refund),
        }
    }
}

impl Tally {
    fn add(&mut self, event: &Event, item: &Item) {
        let session = fingerprint(&event.session_id);
        if let Err(place) = self.sessions.binary_search(&session) {
            self.sessions.insert(place, session);
        }
        self.quantity += u64::from(item.quantity);
        self.revenue += item.amount();
    }

    fn body(&self) -> TallyBody {
        TallyBody { sessions: self.sessions.len(), quantity: self.quantity, revenue_cents: self.revenue }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{add_to_cart, at, purchase, view};
    use crate::stream::documents::Document;
    use proptest::prelude::*;
    use serde_json::Value;

    fn documents(events: &[Event]) -> Vec<(u64, Value)> {
        let (mut state, mut out) = (Minute::default(), Documents::default());
        let pane = Pane::new(at(0), 2, Some(1));
        events.iter().for_each(|event| assert!(Trends.fold(&mut state, event)));
        Trends.render(&mut state, &pane, &mut out);
        let walked = state.products.footprint(|id, product| product.bytes(id)).bytes;
        assert_eq!(state.footprint().bytes, walked, "memory is added up as it grows");
        let version = |document: &Document<'_>| match document.about.mode {
            crate::store::bulk::Mode::IfNewer(version) => version,
            other => panic!("a result is versioned: {other:?}"),
        };
        out.iter().map(|one| (version(&one), serde_json::from_slice(one.source).unwrap())).collect()
    }

    #[test]
    fn many_views_of_one_session_are_one_session_and_many_units() {
        let [(version, body)] = &documents(&[view(at(1)), view(at(2)), add_to_cart(at(3))])[..] else {
            panic!("one product")
        };
        assert_eq!(*version, 3);
        insta::assert_json_snapshot!(body, @r#"
        {
          "add_to_cart": {
            "quantity": 2,
            "revenue_cents": 11998,
            "sessions": 1
          },
          "brand": "Sonora",
          "categories": [
            "electronics",
            "electronics.audio",
            "electronics.audio.headphones"
          ],
          "category": "electronics.audio.headphones",
          "minute": "2026-09-21T14:13:20.000Z",
          "partition": 2,
          "product_id": "p1",
          "stream": "product-events",
          "support": 3,
          "view": {
            "quantity": 4,
            "revenue_cents": 23996,
            "sessions": 1
          }
        }
        "#);
    }

    #[test]
    fn an_order_that_names_a_product_in_two_lines_supports_it_once() {
        let mut event = purchase(at(1));
        let crate::model::event::Action::Purchase(order) = &mut event.action else {
            unreachable!("a purchase")
        };
        order.items.push(order.items[0].clone());
        let (version, body) = documents(&[event]).remove(0);
        assert_eq!((version, &body["purchase"]["quantity"]), (1, &4.into()));
    }

    proptest! {
        #[test]
        fn the_order_of_events_does_not_matter(
            shuffled in Just((0..20).flat_map(|n| [view(at(n)), add_to_cart(at(n)), purchase(at(n))]).collect::<Vec<_>>())
                .prop_shuffle()
        ) {
            let mut sorted = shuffled.clone();
            sorted.sort_by_key(|event| event.timestamp);
            prop_assert_eq!(documents(&shuffled), documents(&sorted));
        }
    }
}
