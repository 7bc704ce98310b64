//! What a visit did, kept as small as can be: there are a million at once, and hardly any is ever reported.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use uuid::Uuid;

use crate::model::event::{Action, Event, EventType, time_of};
use crate::model::ids::{ClientId, SessionId, UserId};
use crate::model::time::{MINUTE_MS, Timestamp};
use crate::stream::footprint::text;
use crate::stream::operators::signal::{Evidence, Subject};

/// One visit. Every figure is a function of the set of its events.
#[derive(Default)]
pub struct Visit {
    /// Each event's id, which tells its time, and type.
    events: Vec<(Uuid, EventType)>,
    /// Who, as the event with the least id says.
    who: Option<(Uuid, Visitor)>,
    /// Hashes of the categories of views that no search led to.
    categories: Vec<u64>,
}

/// Whose record it was.
enum Visitor {
    LoggedIn(UserId),
    Anonymous(ClientId),
}

/// How evenly requests follow each other, and how soon.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// Quartile coefficient of dispersion of the gaps, 0 (a metronome) to 1.
    pub dispersion: f64,
    /// The gap in the middle, in milliseconds.
    pub median_ms: i64,
}

impl Visit {
    /// Adds an event.
    pub fn add(&mut self, event: &Event) {
        self.events.push((event.event_id, event.event_type()));
        if self.who.as_ref().is_none_or(|(first, _)| event.event_id < *first) {
            self.who = Some((event.event_id, Visitor::of(event)));
        }
        match &event.action {
            Action::View(touch) if touch.item.attribution.is_none() => {
                insert(&mut self.categories, hash(&touch.item.category));
            }
            Action::Search(_)
            | Action::View(_)
            | Action::AddToCart(_)
            | Action::Purchase(_)
            | Action::Refund(_) => {}
        }
    }

    /// How many events of a type there are.
    pub fn count(&self, kind: EventType) -> u64 {
        self.events.iter().filter(|(_, one)| *one == kind).count() as u64
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Categories of views that no search led to.
    pub fn categories(&self) -> u64 {
        self.categories.len() as u64
    }

    /// Most searches and views in one minute of the clock.
    pub fn peak_per_minute(&self) -> u64 {
        let mut per_minute: HashMap<Timestamp, u64> = HashMap::new();
        for (id, kind) in &self.events {
            if matches!(kind, EventType::Search | EventType::View) {
                *per_minute.entry(time_of(*id).floor_to(MINUTE_MS)).or_default() += 1;
            }
        }
        per_minute.into_values().max().unwrap_or_default()
    }

    /// The rhythm of searches, views and cart additions; `None` below three.
    pub fn rhythm(&self) -> Option<Rhythm> {
        let requests = self.events.iter().filter(|(_, kind)| is_request(*kind));
        let mut times: Vec<Timestamp> = requests.map(|(id, _)| time_of(*id)).collect();
        times.sort_unstable();
        let pairs = times.iter().zip(times.iter().skip(1));
        let mut gaps: Vec<i64> = pairs.map(|(before, after)| (*after - *before).num_milliseconds()).collect();
        gaps.sort_unstable();
        let quartile = |quarters: usize| gaps.get(gaps.len().checked_sub(1)? * quarters / 4).copied();
        let (first, median_ms, third) = (quartile(1)?, quartile(2)?, quartile(3)?);
        let dispersion = (third - first) as f64 / (third + first).max(1) as f64;
        (gaps.len() > 1).then_some(Rhythm { dispersion, median_ms })
    }

    /// How many searches, views and cart additions there are.
    pub fn requests(&self) -> u64 {
        self.events.iter().filter(|(_, kind)| is_request(*kind)).count() as u64
    }

    /// The first events.
    pub fn evidence(&self) -> Evidence {
        self.events.iter().map(|(id, _)| *id).collect()
    }

    /// Whom findings are about.
    pub fn subject<'a>(&'a self, session: &'a SessionId) -> Subject<'a> {
        let who = self.who.as_ref().map(|(_, visitor)| visitor);
        Subject {
            visitor: who.map(Visitor::key).unwrap_or_default(),
            user_id: who.and_then(Visitor::user_id),
            session_id: Some(session),
            support: self.events.len() as u64,
        }
    }

    /// Bytes that it takes on the heap.
    pub fn bytes(&self) -> usize {
        self.events.capacity() * size_of::<(Uuid, EventType)>()
            + self.categories.capacity() * size_of::<u64>()
            + self.who.as_ref().map_or(0, |(_, visitor)| text(visitor.key()))
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

fn is_request(kind: EventType) -> bool {
    matches!(kind, EventType::Search | EventType::View | EventType::AddToCart)
}

/// Keeps distinct values in order. Most visits have one or two.
fn insert(values: &mut Vec<u64>, value: u64) {
    if let Err(place) = values.binary_search(&value) {
        values.insert(place, value);
    }
}

/// Lives in memory alone, so that it may differ from one build to the next. Of 64 bits, so that two of a visit's
/// few values never share one.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
