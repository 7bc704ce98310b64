//! Visits that search and view faster than a person can.

use std::collections::BTreeMap;

use serde_json::json;

use crate::audit::recount::Expected;
use crate::audit::recount::verdict::Verdict;
use crate::audit::recount::windows::Pane;
use crate::model::event::{Event, EventType};
use crate::model::ids::SessionId;
use crate::model::time::{MINUTE_MS, Timestamp};
use crate::store::schema::Schema;

const RULE: &str = "bot_velocity";
/// Searches and views in one minute of the clock from which a visit counts as a machine's.
const PER_MINUTE_MIN: u64 = 30;

/// The documents of one minute's sessions: one for each visit that is too fast.
pub fn documents(pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    let mut sessions: BTreeMap<&SessionId, Vec<&Event>> = BTreeMap::new();
    for event in events {
        sessions.entry(&event.session_id).or_default().push(event);
    }
    sessions.iter().filter_map(|(session, events)| document(pane, session, events)).collect()
}

fn document(pane: &Pane, session: &SessionId, events: &[&Event]) -> Option<Expected> {
    let count = |kind| events.iter().filter(|event| event.event_type() == kind).count() as u64;
    let (searches, views, purchases) =
        (count(EventType::Search), count(EventType::View), count(EventType::Purchase));
    let mut minutes: BTreeMap<Timestamp, u64> = BTreeMap::new();
    for event in events {
        if matches!(event.event_type(), EventType::Search | EventType::View) {
            *minutes.entry(event.timestamp.floor_to(MINUTE_MS)).or_default() += 1;
        }
    }
    let peak = minutes.into_values().max().filter(|peak| *peak >= PER_MINUTE_MIN)?;
    let who = events.iter().min_by_key(|event| event.event_id)?;
    let verdict = Verdict {
        rule: RULE,
        visitor: who.visitor(),
        user_id: who.user_id.as_ref(),
        session_id: Some(session),
        active: true,
        score: peak as f64 / PER_MINUTE_MIN as f64,
        count: searches + views,
        summary: format!(
            "{peak} searches and views in one minute; in the whole visit {searches} searches, {views} views, \
             {purchases} purchases"
        ),
        figures: json!({
            "peak_per_minute": peak, "searches": searches, "views": views,
            "add_to_carts": count(EventType::AddToCart), "purchases": purchases,
        }),
        thresholds: json!({ "peak_per_minute": PER_MINUTE_MIN }),
    };
    let support = events.len() as u64;
    let id = format!("{RULE}|{}|{}|{session}", pane.window.millis(), pane.partition);
    let body = verdict.body(pane, support, events);
    Some(Expected::result(&Schema::FRAUD_SIGNALS, pane.window, id, support, &body))
}
