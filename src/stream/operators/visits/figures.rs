//! What the rules on bots look at: a visit's rhythm, its breadth and what came of it.

use std::collections::{HashMap, HashSet};

use crate::model::event::{EventType, time_of};
use crate::model::time::{MINUTE_MS, Timestamp};
use crate::stream::operators::signal::Evidence;
use crate::stream::operators::visits::visit::Visit;

/// How evenly requests follow each other, and how soon.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// Quartile coefficient of dispersion of the gaps, 0 (a metronome) to 1.
    pub dispersion: f64,
    /// The gap in the middle, in milliseconds.
    pub median_ms: i64,
}

/// Events by type.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Searches.
    pub searches: u64,
    /// Views.
    pub views: u64,
    /// Cart additions.
    pub carts: u64,
    /// Orders.
    pub purchases: u64,
}

/// The steps must be in order.
impl Visit {
    /// Counts its events.
    pub fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        for (_, kind) in self.events() {
            match kind {
                EventType::Search => seen.searches += 1,
                EventType::View => seen.views += 1,
                EventType::AddToCart => seen.carts += 1,
                EventType::Purchase => seen.purchases += 1,
                EventType::Refund => {}
            }
        }
        seen
    }

    /// Categories of views that no search led to.
    pub fn categories(&self) -> u64 {
        let views = self.steps().iter().filter(|step| step.kind == EventType::View && !step.was_found());
        views.map(|step| step.category).collect::<HashSet<_>>().len() as u64
    }

    /// Most searches and views in one minute of the clock.
    pub fn peak_per_minute(&self) -> u64 {
        let mut per_minute: HashMap<Timestamp, u64> = HashMap::new();
        for (id, kind) in self.events() {
            if matches!(kind, EventType::Search | EventType::View) {
                *per_minute.entry(time_of(id).floor_to(MINUTE_MS)).or_default() += 1;
            }
        }
        per_minute.into_values().max().unwrap_or_default()
    }

    /// The rhythm of searches, views and cart additions; `None` below three.
    pub fn rhythm(&self) -> Option<Rhythm> {
        let requests = self.events().filter(|(_, kind)| is_request(*kind));
        let times: Vec<Timestamp> = requests.map(|(id, _)| time_of(id)).collect();
        let pairs = times.iter().zip(times.iter().skip(1));
        let mut gaps: Vec<i64> = pairs.map(|(before, after)| (*after - *before).num_milliseconds()).collect();
        gaps.sort_unstable();
        let quartile = |quarters: usize| gaps.get(gaps.len().checked_sub(1)? * quarters / 4).copied();
        let (first, median_ms, third) = (quartile(1)?, quartile(2)?, quartile(3)?);
        let dispersion = (third - first) as f64 / (third + first).max(1) as f64;
        (gaps.len() > 1).then_some(Rhythm { dispersion, median_ms })
    }

    /// The first events.
    pub fn evidence(&self) -> Evidence {
        self.events().map(|(id, _)| id).collect()
    }
}

impl Seen {
    /// Searches, views and cart additions.
    pub fn requests(&self) -> u64 {
        self.searches + self.views + self.carts
    }
}

fn is_request(kind: EventType) -> bool {
    matches!(kind, EventType::Search | EventType::View | EventType::AddToCart)
}
