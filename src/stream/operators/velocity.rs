//! Bot-like velocity: visits that search and view faster than a person can.
//!
//! The verdict is monotone, more events can only strengthen it, so it is written from the moment it holds.

use std::collections::HashMap;

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::model::event::{Event, EventType};
use crate::model::ids::{SessionId, UserId};
use crate::model::severity::Severity;
use crate::model::time::{DAY_MS, MINUTE_MS, Timestamp};
use crate::store::schema::Schema;
use crate::stream::document::Document;
use crate::stream::fold::{Operator, Pane};
use crate::stream::footprint::{Footprint, Weighed, hash_table, text};
use crate::stream::operators::funnels::LATENESS;
use crate::stream::operators::keyed::Keyed;
use crate::stream::operators::signal::{Evidence, Signal};

const RULE: &str = "bot_velocity";
const RULE_VERSION: u16 = 1;
/// Searches and views in one minute of the clock from which a visit counts as a machine's: one every
/// two seconds for a whole minute, which nobody reads.
const PER_MINUTE_MIN: u32 = 30;

/// The operator. Its window is the minute of the session's start, its key the session.
pub struct Velocity;

/// The sessions that began in one minute.
#[derive(Default)]
pub struct Visits(Keyed<SessionId, Visit>);

#[derive(Default)]
struct Visit {
    support: u64,
    /// Who, as the event with the least id says: a function of the set of events.
    who: Option<Who>,
    per_minute: HashMap<Timestamp, u32>,
    by_type: [u64; EventType::ALL.len()],
    evidence: Evidence,
}

struct Who {
    first: Uuid,
    visitor: String,
    user_id: Option<UserId>,
}

impl Weighed for Visits {
    fn footprint(&self) -> Footprint {
        self.0.footprint(|session, visit| {
            let who = visit.who.as_ref().map_or(0, |who| {
                who.visitor.capacity() + who.user_id.as_ref().map_or(0, |user| text(user.as_str()))
            });
            let minutes = hash_table::<(Timestamp, u32)>(visit.per_minute.capacity());
            text(session.as_str()) + who + minutes + visit.evidence.bytes()
        })
    }
}

impl Operator for Velocity {
    type State = Visits;

    fn name(&self) -> &'static str {
        "velocity"
    }

    fn window_ms(&self) -> i64 {
        MINUTE_MS
    }

    fn lateness(&self) -> TimeDelta {
        LATENESS
    }

    fn time(&self, event: &Event) -> Option<Timestamp> {
        Some(event.session_started_at)
    }

    fn fold(&self, state: &mut Visits, event: &Event) {
        let visit = state.0.change(&event.session_id);
        visit.support += 1;
        if visit.who.as_ref().is_none_or(|who| event.event_id < who.first) {
            let (visitor, user_id) = (event.visitor().to_owned(), event.user_id.clone());
            visit.who = Some(Who { first: event.event_id, visitor, user_id });
        }
        visit.evidence.add(event);
        let kind = event.event_type();
        if let Some(count) = visit.by_type.get_mut(kind as usize) {
            *count += 1;
        }
        if matches!(kind, EventType::Search | EventType::View) {
            *visit.per_minute.entry(event.timestamp.floor_to(MINUTE_MS)).or_default() += 1;
        }
    }

    fn render(&self, state: &mut Visits, pane: &Pane, out: &mut Vec<Document>) {
        state.0.take_changed(|session, visit| {
            let peak = visit.per_minute.values().copied().max().unwrap_or_default();
            if peak >= PER_MINUTE_MIN {
                let signal = visit.signal(session, peak, pane);
                let id = format!("{RULE}|{}|{}|{session}", pane.start.millis(), pane.partition);
                out.push(Document::result(&Schema::FRAUD_SIGNALS, pane.start, id, visit.support, &signal));
            }
        });
    }
}

impl Visit {
    fn signal<'a>(&'a self, session: &'a SessionId, peak: u32, pane: &Pane) -> Signal<'a> {
        let score = f64::from(peak) / f64::from(PER_MINUTE_MIN);
        let [searches, views, carts, purchases, _] = self.by_type;
        Signal {
            rule: RULE,
            rule_version: RULE_VERSION,
            severity: Severity::of_score(score),
            score,
            active: true,
            visitor: self.who.as_ref().map(|who| who.visitor.as_str()).unwrap_or_default(),
            user_id: self.who.as_ref().and_then(|who| who.user_id.as_ref()),
            session_id: Some(session),
            day: pane.start.floor_to(DAY_MS),
            partition: pane.partition,
            support: self.support,
            count: searches + views,
            first_seen: self.evidence.first_seen(),
            last_seen: self.evidence.last_seen(),
            summary: format!(
                "{peak} searches and views in one minute; in the whole visit {searches} searches, {views} views, \
                 {purchases} purchases"
            ),
            figures: json!({
                "peak_per_minute": peak, "searches": searches, "views": views,
                "add_to_carts": carts, "purchases": purchases,
            }),
            thresholds: json!({ "peak_per_minute": PER_MINUTE_MIN }),
            event_ids: self.evidence.ids(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{at, event_id, view};
    use serde_json::Value;

    /// Signals after so many views, one every so many milliseconds.
    fn signals(count: u64, every_ms: i64) -> Vec<Value> {
        let (mut state, mut out) = (Visits::default(), Vec::new());
        let pane = Pane { start: at(0), partition: 0, topic: None };
        for number in 0..count {
            let time = at(40_000 + number as i64 * every_ms);
            let event = Event { event_id: event_id(time, number), ..view(time) };
            Velocity.fold(&mut state, &event);
        }
        Velocity.render(&mut state, &pane, &mut out);
        out.iter().map(|document| serde_json::from_slice(&document.source).unwrap()).collect()
    }

    #[test]
    fn a_person_who_views_something_every_few_seconds_is_left_alone() {
        assert_eq!(signals(200, 4_000), Vec::<Value>::new());
    }

    #[test]
    fn a_machine_that_views_faster_than_anybody_reads_is_reported_with_its_evidence() {
        let [signal] = &signals(240, 250)[..] else { panic!("one visit, one signal") };
        assert_eq!((&signal["rule"], &signal["severity"]), (&"bot_velocity".into(), &"critical".into()));
        assert_eq!(signal["figures"]["peak_per_minute"], 240);
        assert_eq!(signal["event_ids"].as_array().unwrap().len(), 20);
    }
}
