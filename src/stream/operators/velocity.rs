//! Bot-like velocity: visits that search and view faster than a person can.
//!
//! The verdict is monotone, more events can only strengthen it, so it is written from the moment it holds.

use std::collections::HashMap;

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::model::event::{Event, EventType, time_of};
use crate::model::ids::{ClientId, SessionId, UserId};
use crate::model::severity::Severity;
use crate::model::time::{DAY_MS, MINUTE_MS, Timestamp};
use crate::store::schema::Schema;
use crate::stream::document::Document;
use crate::stream::fold::{Operator, Pane};
use crate::stream::footprint::{Footprint, Weighed, text};
use crate::stream::operators::funnels::LATENESS;
use crate::stream::operators::keyed::Keyed;
use crate::stream::operators::signal::{Evidence, Signal};

const RULE: &str = "bot_velocity";
const RULE_VERSION: u16 = 1;
/// Searches and views in one minute of the clock from which a visit counts as a machine's: one every
/// two seconds for a whole minute, which nobody reads.
const PER_MINUTE_MIN: usize = 30;

/// The operator. Its window is the minute of the session's start, its key the session.
pub struct Velocity;

/// The sessions that began in one minute.
#[derive(Default)]
pub struct Visits(Keyed<SessionId, Visit>);

/// What a visit did, kept as small as can be: there are a million at once, and hardly any is ever reported.
#[derive(Default)]
struct Visit {
    /// Each event's id, which tells its time, and type.
    events: Vec<(Uuid, EventType)>,
    /// Who, as the event with the least id says: a function of the set of events.
    who: Option<(Uuid, Visitor)>,
}

/// Whose record it was.
enum Visitor {
    LoggedIn(UserId),
    Anonymous(ClientId),
}

impl Weighed for Visits {
    fn footprint(&self) -> Footprint {
        self.0.footprint(|session, visit| {
            let who = visit.who.as_ref().map_or(0, |(_, visitor)| match visitor {
                Visitor::LoggedIn(user) => text(user.as_str()),
                Visitor::Anonymous(client) => text(client.as_str()),
            });
            text(session.as_str()) + who + visit.events.capacity() * size_of::<(Uuid, EventType)>()
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
        visit.events.push((event.event_id, event.event_type()));
        if visit.who.as_ref().is_none_or(|(first, _)| event.event_id < *first) {
            visit.who = Some((event.event_id, Visitor::of(event)));
        }
    }

    fn render(&self, state: &mut Visits, pane: &Pane, out: &mut Vec<Document>) {
        state.0.take_changed(|session, visit| {
            let peak = visit.peak_per_minute();
            if peak >= PER_MINUTE_MIN {
                let signal = visit.signal(session, peak, pane);
                let id = format!("{RULE}|{}|{}|{session}", pane.start.millis(), pane.partition);
                out.push(Document::result(&Schema::FRAUD_SIGNALS, pane.start, id, signal.support, &signal));
            }
        });
    }
}

impl Visitor {
    fn of(event: &Event) -> Self {
        let anonymous = || Self::Anonymous(event.client_id.clone());
        event.user_id.clone().map_or_else(anonymous, Self::LoggedIn)
    }

    fn key(&self) -> &str {
        match self {
            Self::LoggedIn(user_id) => user_id.as_str(),
            Self::Anonymous(client_id) => client_id.as_str(),
        }
    }

    fn user_id(&self) -> Option<&UserId> {
        match self {
            Self::LoggedIn(user_id) => Some(user_id),
            Self::Anonymous(_) => None,
        }
    }
}

impl Visit {
    /// Most searches and views in one minute of the clock.
    fn peak_per_minute(&self) -> usize {
        // Most visits are that short, and need not be looked at.
        if self.events.len() < PER_MINUTE_MIN {
            return 0;
        }
        let mut per_minute: HashMap<Timestamp, usize> = HashMap::new();
        for (id, _) in
            self.events.iter().filter(|(_, kind)| *kind == EventType::Search || *kind == EventType::View)
        {
            *per_minute.entry(time_of(*id).floor_to(MINUTE_MS)).or_default() += 1;
        }
        per_minute.into_values().max().unwrap_or_default()
    }

    fn signal<'a>(&'a self, session: &'a SessionId, peak: usize, pane: &Pane) -> Signal<'a> {
        let score = peak as f64 / PER_MINUTE_MIN as f64;
        let count = |kind| self.events.iter().filter(|(_, one)| *one == kind).count() as u64;
        let [searches, views, carts, purchases] =
            [EventType::Search, EventType::View, EventType::AddToCart, EventType::Purchase].map(count);
        let mut evidence = Evidence::default();
        self.events.iter().for_each(|(id, _)| evidence.add(*id, time_of(*id)));
        let who = self.who.as_ref().map(|(_, visitor)| visitor);
        Signal {
            rule: RULE,
            rule_version: RULE_VERSION,
            severity: Severity::of_score(score),
            score,
            active: true,
            visitor: who.map(Visitor::key).unwrap_or_default(),
            user_id: who.and_then(Visitor::user_id),
            session_id: Some(session),
            day: pane.start.floor_to(DAY_MS),
            partition: pane.partition,
            support: self.events.len() as u64,
            count: searches + views,
            first_seen: evidence.first_seen(),
            last_seen: evidence.last_seen(),
            summary: format!(
                "{peak} searches and views in one minute; in the whole visit {searches} searches, {views} views, \
                 {purchases} purchases"
            ),
            figures: json!({
                "peak_per_minute": peak, "searches": searches, "views": views,
                "add_to_carts": carts, "purchases": purchases,
            }),
            thresholds: json!({ "peak_per_minute": PER_MINUTE_MIN }),
            event_ids: evidence.ids(),
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
