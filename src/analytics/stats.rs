//! The shop at a glance.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::analytics::progress::Processing;
use crate::model::event::EventType;
use crate::model::money::Cents;
use crate::model::severity::Severity;
use crate::model::time::Timestamp;

/// How old an event must be to be counted in the last minute, in seconds: the processor writes every
/// second and the index `events` shows new documents every two; with two to spare, none is missing.
pub const SETTLE_S: i64 = 5;

/// The counted minute: 60 full seconds that ended [`SETTLE_S`] ago; the end is not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastMinute {
    /// First instant.
    pub from: Timestamp,
    /// Instant after the last.
    pub to: Timestamp,
}

impl LastMinute {
    /// As seen at `now`.
    pub fn before(now: Timestamp) -> Self {
        let to = now - TimeDelta::seconds(SETTLE_S);
        Self { from: to - TimeDelta::minutes(1), to }
    }
}

/// What is known of the shop.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Products in the catalogue.
    pub products: u64,
    /// Events stored, all and by type.
    pub events: EventTotals,
    /// Events in [`LastMinute`].
    pub last_minute: u64,
    /// What was ordered in the last 60 minutes; refunds are not taken off.
    pub revenue_last_hour: Cents,
    /// Active fraud signals.
    pub fraud: BTreeMap<Severity, u64>,
    /// How far the processor has come.
    pub processing: Processing,
}

/// Events stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventTotals {
    /// All of them.
    pub total: u64,
    /// By type; a type without events may be absent.
    pub by_type: BTreeMap<EventType, u64>,
}

impl Stats {
    /// Events per second over [`LastMinute`].
    pub fn per_second(&self) -> f64 {
        self.last_minute as f64 / 60.0
    }

    /// All active signals.
    pub fn signals(&self) -> u64 {
        self.fraud.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_minute_has_sixty_seconds_and_leaves_out_what_may_not_be_searchable_yet() {
        let now = Timestamp::parse("2026-11-21T10:01:05Z").unwrap();
        let at = |text| Timestamp::parse(text).unwrap();
        let expected = LastMinute { from: at("2026-11-21T10:00:00Z"), to: at("2026-11-21T10:01:00Z") };
        assert_eq!(LastMinute::before(now), expected);
        let stats = Stats { last_minute: 30_000, ..Stats::default() };
        assert!((stats.per_second() - 500.0).abs() < 1e-9);
    }
}
