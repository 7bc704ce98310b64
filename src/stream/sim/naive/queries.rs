//! Searches: per minute of the session's start, what was searched for and what came of it, in all, by category, by query
//! and by filter.

use std::collections::BTreeMap;

use serde_json::json;

use crate::model::category::CategoryPath;
use crate::model::event::{Action, Event, EventType, Item, Search};
use crate::model::query::normalised;
use crate::stream::sim::naive::{Expected, Place, amount, by_session, distinct, lies_in, prefixes};

/// Scope and key.
type Subject = (&'static str, String);

pub fn documents(events: &[&Event], place: Place) -> Vec<Expected> {
    let document = |subject: Subject| {
        let sessions = by_session(events).into_iter().map(|(_, own)| own);
        let id = format!("queries|{}|{}|{}|{}", place.start.millis(), place.partition, subject.0, subject.1);
        written("query-stats", id, place, &subject, &sessions.collect::<Vec<_>>())
    };
    subjects(events).into_iter().map(document).collect()
}

/// The same of one session.
pub fn of_session(own: &[&Event], place: Place, session: &str) -> Vec<Expected> {
    let document = |subject: Subject| {
        let (window, partition) = (place.start.millis(), place.partition);
        let id = format!("suspect-queries|{window}|{partition}|{session}|{}|{}", subject.0, subject.1);
        let mut expected = written("suspect-queries", id, place, &subject, &[own.to_vec()]);
        expected.body["session_id"] = json!(session);
        expected
    };
    subjects(own).into_iter().map(document).collect()
}

fn written(index: &str, id: String, place: Place, subject: &Subject, sessions: &[Vec<&Event>]) -> Expected {
    let touching = |own: &Vec<&Event>| own.iter().filter(|event| touches(event, subject)).count();
    let support: usize = sessions.iter().map(touching).sum();
    let mut body = json!({
        "minute": place.start,
        "partition": place.partition,
        "scope": subject.0,
        "key": subject.1,
        "support": support,
    });
    for session in sessions {
        for (name, count) in tally(session, subject).into_iter().filter(|(_, count)| *count != 0) {
            body[name] = json!(body[name].as_i64().unwrap_or(0) + count);
        }
    }
    Expected { index: format!("{index}-{}", place.start.day()), id, version: support as u64, body }
}

/// Everything that any of the events touches.
fn subjects(events: &[&Event]) -> Vec<Subject> {
    let items = events.iter().flat_map(|event| event.items());
    let led = items.filter_map(|item| Some((item, item.attribution.as_ref()?)));
    let by_item = led.flat_map(|(item, attribution)| {
        let categories = prefixes(item.category.as_str()).into_iter().map(|path| ("category", path));
        categories.chain([("query", normalised(&attribution.query).into_owned()), ("all", "all".to_owned())])
    });
    let by_search = events.iter().filter_map(|event| search(event)).flat_map(|search| {
        let categories = category(search).map(prefixes).unwrap_or_default();
        let filters = search.filters.keys().map(|name| ("filter", normalised(name).into_owned()));
        let categories = categories.into_iter().map(|path| ("category", path));
        filters
            .chain(categories)
            .chain([("query", normalised(&search.query).into_owned()), ("all", "all".to_owned())])
    });
    let all = distinct(by_item.chain(by_search));
    all.into_iter().filter(|(_, key)| !key.is_empty()).collect()
}

fn search(event: &Event) -> Option<&Search> {
    if let Action::Search(search) = &event.action { Some(search) } else { None }
}

/// What a search was narrowed to.
fn category(search: &Search) -> Option<&str> {
    search
        .filters
        .get("category")
        .map(|value| value.as_str())
        .filter(|value| CategoryPath::parse(value).is_ok())
}

fn touches(event: &Event, subject: &Subject) -> bool {
    searches(event, subject) || !touching_items(event, subject).is_empty()
}

/// Whether the event is a search for this.
fn searches(event: &Event, (scope, key): &Subject) -> bool {
    search(event).is_some_and(|search| match *scope {
        "all" => true,
        "query" => normalised(&search.query) == *key,
        "category" => category(search).is_some_and(|path| lies_in(path, key)),
        _ => search.filters.keys().any(|name| normalised(name) == *key),
    })
}

/// The event's items that a search for this led to, or a search to an item in it.
fn touching_items<'a>(event: &'a Event, (scope, key): &Subject) -> Vec<&'a Item> {
    let touches = |item: &&Item| {
        item.attribution.as_ref().is_some_and(|attribution| match *scope {
            "all" => true,
            "query" => normalised(&attribution.query) == *key,
            "category" => lies_in(item.category.as_str(), key),
            _ => false,
        })
    };
    event.items().iter().filter(touches).collect()
}

/// What one session adds to a subject.
fn tally(session: &[&Event], subject: &Subject) -> BTreeMap<&'static str, i64> {
    if !session.iter().any(|event| touches(event, subject)) {
        return BTreeMap::new();
    }
    let asked: Vec<(&Event, &Search)> = session
        .iter()
        .filter(|event| searches(event, subject))
        .filter_map(|event| Some((*event, search(event)?)))
        .collect();
    let items = |kind: EventType| {
        let events = session.iter().filter(move |event| event.event_type() == kind);
        events.flat_map(|event| touching_items(event, subject)).collect::<Vec<&Item>>()
    };
    let led = |kind| items(kind).into_iter().filter_map(|item| item.attribution.as_ref()).collect::<Vec<_>>();
    let clicks = led(EventType::View);
    let here = if subject.0 == "category" { clicks.as_slice() } else { &[] };
    let asked_ids = asked.iter().map(|(_, search)| search.query_id.as_str());
    let ids = distinct(asked_ids.chain(here.iter().map(|led| led.query_id.as_str())));
    let intents = asked.iter().map(|(_, search)| search.intent_id.as_str());
    let intents = distinct(intents.chain(here.iter().map(|led| led.intent_id.as_str())));
    let without_result = |id: &&str| {
        let own = asked.iter().filter(|(_, search)| search.query_id.as_str() == *id);
        own.min_by_key(|(event, _)| event.event_id).is_some_and(|(_, search)| search.result_count == 0)
    };
    let best = |id: &str| {
        let own = clicks.iter().filter(|led| led.query_id.as_str() == id);
        own.map(|led| i64::from(led.position)).min()
    };
    let with = |kind| {
        let led = led(kind);
        ids.iter().filter(|id| led.iter().any(|led| led.query_id.as_str() == **id)).count() as i64
    };
    let units = |kind| items(kind).iter().map(|item| i64::from(item.quantity)).sum();
    let cents = |kind| items(kind).into_iter().map(amount).sum();
    BTreeMap::from([
        ("sessions", i64::from(!ids.is_empty())),
        ("searches", ids.len() as i64),
        ("intents", intents.len() as i64),
        ("zero_results", ids.iter().filter(|id| without_result(id)).count() as i64),
        ("clicked", with(EventType::View)),
        ("clicks", clicks.len() as i64),
        ("position_sum", clicks.iter().map(|led| i64::from(led.position)).sum()),
        (
            "reciprocal_rank_millionths",
            ids.iter().filter_map(|id| best(id)).map(|best| 1_000_000 / best).sum(),
        ),
        ("carted", with(EventType::AddToCart)),
        ("purchased", with(EventType::Purchase)),
        ("units", units(EventType::Purchase)),
        ("revenue_cents", cents(EventType::Purchase)),
        ("refunded_units", units(EventType::Refund)),
        ("refunded_cents", cents(EventType::Refund)),
    ])
}
