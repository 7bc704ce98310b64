//! Velocity: visits with thirty searches and views within one minute of the clock.

use serde_json::json;

use crate::model::event::{Event, EventType};
use crate::model::severity::Severity;
use crate::model::time::{DAY_MS, MINUTE_MS};
use crate::stream::sim::naive::{Expected, Place, distinct, evidence, first_seen, last_seen};

pub fn documents(events: &[&Event], place: Place) -> Vec<Expected> {
    let sessions = distinct(events.iter().map(|event| event.session_id.as_str()));
    sessions.into_iter().filter_map(|session| document(events, place, session)).collect()
}

fn document(events: &[&Event], place: Place, session: &str) -> Option<Expected> {
    let own: Vec<&Event> =
        events.iter().copied().filter(|event| event.session_id.as_str() == session).collect();
    let count = |kind: EventType| own.iter().filter(|event| event.event_type() == kind).count();
    let fast =
        || own.iter().filter(|event| matches!(event.event_type(), EventType::Search | EventType::View));
    let minutes = distinct(fast().map(|event| event.timestamp.floor_to(MINUTE_MS)));
    let within = |minute| fast().filter(|event| event.timestamp.floor_to(MINUTE_MS) == minute).count();
    let peak = minutes.into_iter().map(within).max().filter(|peak| *peak >= 30)?;
    let [searches, views, carts, purchases] =
        [EventType::Search, EventType::View, EventType::AddToCart, EventType::Purchase].map(count);
    let first = own.iter().min_by_key(|event| event.event_id)?;
    let score = peak as f64 / 30.0;
    let mut body = json!({
        "rule": "bot_velocity",
        "rule_version": 1,
        "severity": Severity::of_score(score),
        "score": score,
        "active": true,
        "visitor": first.visitor(),
        "session_id": session,
        "day": place.start.floor_to(DAY_MS),
        "partition": place.partition,
        "support": own.len(),
        "count": searches + views,
        "first_seen": first_seen(&own),
        "last_seen": last_seen(&own),
        "summary": format!(
            "{peak} searches and views in one minute; in the whole visit {searches} searches, {views} views, {purchases} purchases"
        ),
        "figures": { "peak_per_minute": peak, "searches": searches, "views": views, "add_to_carts": carts, "purchases": purchases },
        "thresholds": { "peak_per_minute": 30 },
        "event_ids": evidence(&own),
    });
    if let Some(user_id) = &first.user_id {
        body["user_id"] = json!(user_id);
    }
    Some(Expected {
        index: format!("fraud-signals-{}", place.start.month()),
        id: format!("bot_velocity|{}|{}|{session}", place.start.millis(), place.partition),
        version: own.len() as u64,
        body,
    })
}
