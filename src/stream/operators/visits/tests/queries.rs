//! What searches are said to have led to.

use serde_json::{Value, json};

use crate::model::event::tests::{add_to_cart, at, event_id, purchase, refund, search, view};
use crate::model::event::{Action, Event};
use crate::model::ids::QueryId;
use crate::stream::operators::visits::tests::{attributed, documents_of};

/// A search like another, with a query id, a text and a number of results of its own.
fn searched(number: u64, query: &str, results: u64) -> Event {
    let time = at(number as i64 * 1_000);
    let mut event = Event { event_id: event_id(time, number), ..search(time) };
    if let Action::Search(search) = &mut event.action {
        search.query_id = QueryId::parse(&format!("q{number}")).unwrap();
        search.query = query.into();
        search.result_count = results;
    }
    event
}

/// Figures that are not 0, by the names of their scope and key.
fn figures(events: &[Event], flush_every: usize) -> Value {
    let mut figures = json!({});
    for (id, body) in documents_of(events, flush_every) {
        if let Some(("queries", key)) = id.split_once('|') {
            let mut own = body.as_object().unwrap().clone();
            own.retain(|name, value| {
                !["minute", "partition", "scope", "key"].contains(&name.as_str()) && *value != 0
            });
            figures[key.splitn(3, '|').last().unwrap()] = own.into();
        }
    }
    figures
}

#[test]
fn a_search_leads_to_what_was_viewed_bought_and_given_back_in_its_query_and_its_categories() {
    let found = at(1_000);
    let events = [
        searched(1, " Headphones ", 7),
        attributed(view(at(2_000)), found),
        attributed(add_to_cart(at(3_000)), found),
        attributed(purchase(at(4_000)), found),
        attributed(refund(at(5_000), at(4_000)), found),
        view(at(6_000)),
    ];
    let figures = figures(&events, 1);
    let expected = json!({
        "support": 5, "sessions": 1, "searches": 1, "intents": 1, "clicked": 1, "clicks": 1, "position_sum": 4,
        "reciprocal_rank_millionths": 250_000, "carted": 1, "purchased": 1, "units": 2, "revenue_cents": 11_998,
        "refunded_units": 2, "refunded_cents": 11_998,
    });
    assert_eq!(figures["all|all"], expected);
    assert_eq!(figures["query|headphones"], expected);
    let mut of_category = expected;
    of_category["support"] = json!(4);
    assert_eq!(figures["category|electronics.audio"], of_category);
    assert_eq!(figures.as_object().unwrap().len(), 5);
}

#[test]
fn refinements_of_one_wish_are_one_intent_and_a_search_without_results_is_counted_as_such() {
    let figures = figures(&[searched(1, "hea", 0), searched(2, "head", 3), searched(3, "head", 3)], 2);
    let all = json!({ "support": 3, "sessions": 1, "searches": 3, "intents": 1, "zero_results": 1 });
    assert_eq!(figures["all|all"], all);
    assert_eq!(figures["query|head"], json!({ "support": 2, "sessions": 1, "searches": 2, "intents": 1 }));
    assert_eq!(figures["query|hea"]["zero_results"], 1);
}

#[test]
fn filters_are_counted_and_that_of_a_category_narrows_to_it_and_those_above() {
    let mut event = searched(1, "lamp", 2);
    if let Action::Search(search) = &mut event.action {
        search.filters = [("category", "home.lighting"), ("Brand", "Sonora")]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
    }
    let figures = figures(&[event], 1);
    let one = json!({ "support": 1, "sessions": 1, "searches": 1, "intents": 1 });
    for key in ["filter|brand", "filter|category", "category|home", "category|home.lighting"] {
        assert_eq!(figures[key], one, "{key}");
    }
}

#[test]
fn a_purchase_whose_search_was_made_in_an_earlier_visit_brings_revenue_and_no_search() {
    let figures = figures(&[attributed(purchase(at(4_000)), at(-90_000_000))], 1);
    assert_eq!(figures["query|headphones"], json!({ "support": 1, "units": 2, "revenue_cents": 11_998 }));
}

#[test]
fn what_a_suspect_visit_did_is_told_apart_by_product_and_minute_and_by_query() {
    let events: Vec<Event> =
        (1..=25).map(|number| searched(number, "shoes", 1)).chain([view(at(30_000))]).collect();
    for flush_every in [1, 7, usize::MAX] {
        let documents = documents_of(&events, flush_every);
        let id = format!("suspect-queries|{}|0|s1|query|shoes", at(0).millis());
        assert_eq!((&documents[&id]["searches"], &documents[&id]["support"]), (&json!(25), &json!(25)));
        let products: Vec<&Value> =
            documents.iter().filter(|(id, _)| id.starts_with("suspect|")).map(|(_, body)| body).collect();
        assert_eq!(products.len(), 1);
        assert_eq!(products[0]["view"], json!({ "sessions": 1, "quantity": 2, "revenue_cents": 11_998 }));
    }
    let few = documents_of(&events[..10], 1);
    assert!(
        few.keys().all(|id| !id.starts_with("suspect")),
        "a visit that no rule speaks of is nobody's business"
    );
}
