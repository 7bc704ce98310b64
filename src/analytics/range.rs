//! The minutes that a question is about.

use chrono::TimeDelta;

use crate::model::time::{MINUTE_MS, Timestamp};

/// Minute panes whose start lies from `from` to `to`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// How many full minutes.
    pub minutes: u32,
    /// Start of the first pane: a full minute.
    pub from: Timestamp,
    /// The time of asking. The pane that it lies in is included as far as it has come.
    pub to: Timestamp,
}

impl Range {
    /// The last `minutes` full minutes before the minute of `now`, and that minute so far.
    pub fn last(minutes: u32, now: Timestamp) -> Self {
        let from = now.floor_to(MINUTE_MS) - TimeDelta::minutes(i64::from(minutes));
        Self { minutes, from, to: now }
    }

    /// The range of the same minutes that ends where this one begins.
    pub fn before(self) -> Self {
        let from = self.from - TimeDelta::minutes(i64::from(self.minutes));
        Self { minutes: self.minutes, from, to: self.from - TimeDelta::milliseconds(1) }
    }

    /// From the start of the first pane to the time of asking: `minutes` to `minutes` + 1 minutes.
    pub fn length(self) -> TimeDelta {
        self.to - self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_minutes_are_full_ones_and_the_one_that_runs() {
        let now = Timestamp::parse("2026-11-21T10:07:30.250Z").unwrap();
        let range = Range::last(5, now);
        let from = Timestamp::parse("2026-11-21T10:02:00Z").unwrap();
        assert_eq!(range, Range { minutes: 5, from, to: now });
        assert_eq!(range.length(), TimeDelta::milliseconds(330_250));
    }

    #[test]
    fn the_range_before_has_as_many_minutes_and_ends_where_this_one_begins() {
        let at = |text| Timestamp::parse(text).unwrap();
        let before = Range::last(5, at("2026-11-21T10:07:30.250Z")).before();
        let expected =
            Range { minutes: 5, from: at("2026-11-21T09:57:00Z"), to: at("2026-11-21T10:01:59.999Z") };
        assert_eq!(before, expected);
    }
}
