//! What is said of visits, by example and by naive recounts.

mod funnels;
mod queries;
mod rules;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::event::tests::at;
use crate::model::event::{Action, Attribution, Event};
use crate::model::ids::QueryId;
use crate::model::rules::Rules;
use crate::model::time::Timestamp;
use crate::stream::documents::{Document, Documents};
use crate::stream::fold::{Operator, Pane};
use crate::stream::footprint::text;
use crate::stream::operators::visits::{Cohort, Visits};

/// The documents by id after these events, rendered after each `flush_every`-th of them.
fn documents_of(events: &[Event], flush_every: usize) -> BTreeMap<String, Value> {
    let (mut state, mut out) = (Cohort::default(), Documents::default());
    let visits = Visits { rules: Rules::embedded() };
    let pane = Pane::new(at(0), 0, None);
    for (number, event) in events.iter().enumerate() {
        visits.fold(&mut state, event);
        if number % flush_every == flush_every - 1 {
            visits.render(&mut state, &pane, &mut out);
        }
    }
    visits.render(&mut state, &pane, &mut out);
    let walked = state.visits.footprint(|session, visit| text(session.as_str()) + visit.bytes());
    assert_eq!(
        state.visits.slots().bytes + state.visit_bytes,
        walked.bytes,
        "memory is added up as it grows"
    );
    let queries = state.queries.footprint(|scope, _| scope.bytes()).bytes;
    assert_eq!(state.queries.slots().bytes + state.query_bytes, queries);
    let read = |document: Document<'_>| serde_json::from_slice(document.source).unwrap();
    out.iter().map(|document| (document.id.to_owned(), read(document))).collect()
}

/// An event to which a search for `headphones` led.
fn attributed(mut event: Event, searched_at: Timestamp) -> Event {
    let id = QueryId::parse("q1").unwrap();
    let query = "headphones".into();
    let search = Attribution { query_id: id.clone(), intent_id: id, query, searched_at, position: 4 };
    let item = match &mut event.action {
        Action::Search(_) => return event,
        Action::View(touch) | Action::AddToCart(touch) => &mut touch.item,
        Action::Purchase(order) => &mut order.items[0],
        Action::Refund(refund) => &mut refund.order.items[0],
    };
    item.attribution = Some(search);
    event
}
