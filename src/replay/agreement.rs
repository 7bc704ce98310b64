//! The processor's operators and the audit's recount, held against each other on random events: two ways of
//! computing one thing. Here, for only `replay` knows both.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::audit::compare::different;
use crate::audit::recount::windows::Pane;
use crate::audit::recount::{Expected, documents};
use crate::audit::rules::Operator;
use crate::model::category::CategoryPath;
use crate::model::event::tests::{add_to_cart, at, event_id, item, purchase, refund, search, view};
use crate::model::event::{Action, Attribution, Event, Item, Order, Refund, Search, Touch};
use crate::model::ids::{OrderId, ProductId, QueryId, SessionId, UserId};
use crate::model::money::Cents;
use crate::model::time::{DAY_MS, MINUTE_MS, Timestamp};
use crate::store::bulk::Mode;
use crate::stream::documents::Documents;
use crate::stream::fold::{Arrival, Clock};
use crate::stream::groups::Group;

prop_compose! {
    fn any_search()(
        query in 0u64..4,
        intent in 0u64..3,
        text in prop::sample::select(vec!["shoes", " Shoes", "red  shoes", "", "電電"]),
        filters in prop::sample::subsequence(vec![("category", "a.b"), ("brand", "x"), ("Brand ", "y")], 0..3),
        category in prop::sample::select(vec!["a.b", "a", "not one", "c.d"]),
        result_count in 0u64..3,
    ) -> Search {
        let value = |(name, value)| (name, if name == "category" { category } else { value });
        Search {
            query_id: QueryId::numbered(1, query),
            intent_id: QueryId::numbered(1, intent),
            query: text.into(),
            filters: filters.into_iter().map(value).map(|(name, value)| (name.into(), value.into())).collect(),
            result_count,
            result_ids: [].into(),
        }
    }
}

prop_compose! {
    fn any_item()(
        product in 0u64..3,
        category in prop::sample::select(vec!["a.b", "a.c", "a.b.d"]),
        quantity in 1u32..4,
        searched in proptest::option::of((any_search(), 0i64..70, 1u32..5)),
    ) -> Item {
        Item {
            product_id: ProductId::nth(product),
            category: CategoryPath::parse(category).unwrap(),
            quantity,
            attribution: searched.map(|(search, second, position)| Attribution {
                query_id: search.query_id,
                intent_id: search.intent_id,
                query: search.query,
                searched_at: at(second * 1_000),
                position,
            }),
            ..item()
        }
    }
}

prop_compose! {
    fn any_event()(
        kind in 0usize..14,
        // Whole seconds, so that many events fall on one moment; most in one visit, so that it is a fast one.
        second in 0i64..70,
        session in prop::sample::select(vec![0, 0, 0, 0, 1, 2]),
        user in 0u64..2,
        order in 0u64..5,
        ordered_before in prop::sample::select(vec![0, 5 * MINUTE_MS, MINUTE_MS * 20, DAY_MS, 9 * DAY_MS]),
        total in 0i64..500,
        items in proptest::collection::vec(any_item(), 1..3),
        searched in any_search(),
    ) -> Event {
        let time = at(second * 1_000);
        let ordered_at = time - chrono::TimeDelta::milliseconds(ordered_before);
        let event = match kind {
            0..=3 => search(time),
            4..=9 => view(time),
            10 => add_to_cart(time),
            11 => purchase(time),
            _ => refund(time, ordered_at),
        };
        let session_started_at = at(0).floor_to(MINUTE_MS) + chrono::TimeDelta::minutes(session - 2_i64);
        let session_id = SessionId::numbered(1, session.cast_unsigned());
        let user_id = Some(UserId::numbered(1, user));
        let action = match event.action {
            Action::Search(_) => Action::Search(searched),
            other => filled(other, items, OrderId::numbered(1, order), Cents(total)),
        };
        Event { user_id, session_id, session_started_at, action, ..event }
    }
}

fn filled(action: Action, items: Vec<Item>, order_id: OrderId, total: Cents) -> Action {
    let first = items[0].clone();
    match action {
        Action::Search(search) => Action::Search(search),
        Action::View(touch) => Action::View(Touch { item: first, ..touch }),
        Action::AddToCart(touch) => Action::AddToCart(Touch { item: first, ..touch }),
        Action::Purchase(order) => Action::Purchase(Order { items, order_id, total, ..order }),
        Action::Refund(refund) => {
            let order = Order { items, order_id, total, ..refund.order };
            Action::Refund(Refund { order, ..refund })
        }
    }
}

/// What the processor writes: by id, the index, the version and the document.
fn processed(group: Group, events: &[Event]) -> BTreeMap<String, (String, u64, serde_json::Value)> {
    let clocks = vec![Clock { max_ts: Timestamp::MIN, committed_max_ts: Timestamp::MIN, floor: None }; 3];
    let mut folds = group.folds(0);
    let mut out = Documents::default();
    for (offset, event) in (0..).zip(events) {
        let stream = event.event_type().stream();
        let Some(topic) = group.streams().iter().position(|one| *one == stream) else { continue };
        for fold in folds.iter_mut().filter(|fold| fold.folds(topic)) {
            fold.offer(&Arrival { topic, offset, event }, &clocks);
            // After every event: what is written last must not depend on when it was written before.
            fold.render(&mut out);
        }
    }
    let written = out.iter().map(|document| {
        let Mode::IfNewer(version) = document.about.mode else { panic!("a result carries its support") };
        let body = serde_json::from_slice(document.source).unwrap();
        (document.id.to_owned(), (document.about.index(), version, body))
    });
    written.collect()
}

/// What the audit expects.
fn recounted(group: Group, events: &[Event]) -> Vec<Expected> {
    let mut expected = Vec::new();
    for operator in Operator::ALL.into_iter().filter(|operator| operator.group() == group.name()) {
        let mut panes: BTreeMap<Pane, Vec<&Event>> = BTreeMap::new();
        for event in events {
            let stream = event.event_type().stream();
            let Some(window) = operator.window(event) else { continue };
            let stream = operator.folds_topics_apart().then_some(stream);
            panes.entry(Pane { window, partition: 0, stream }).or_default().push(event);
        }
        expected.extend(panes.iter().flat_map(|(pane, events)| documents(operator, pane, events)));
    }
    expected
}

proptest! {
    #[test]
    fn the_audit_expects_exactly_what_the_processor_writes(
        mut events in proptest::collection::vec(any_event(), 0..160),
    ) {
        for (salt, event) in (0..).zip(&mut events) {
            event.event_id = event_id(event.timestamp, salt);
        }
        for group in [Group::Trends, Group::Sessions, Group::Fraud] {
            let mut written = processed(group, &events);
            for expected in recounted(group, &events) {
                let found = written.remove(&expected.id);
                prop_assert!(found.is_some(), "the processor does not write {}", expected.id);
                let (index, version, body) = found.unwrap();
                prop_assert_eq!(&index, &expected.index);
                prop_assert_eq!(different(&expected, version, &body), None, "{}", expected.id);
            }
            prop_assert!(written.is_empty(), "the audit does not expect {:?}", written.keys());
        }
    }
}
