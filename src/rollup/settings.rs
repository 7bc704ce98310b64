//! How long results are kept.

use std::ops::Range;

use chrono::TimeDelta;
use clap::{Args, value_parser};

use crate::model::time::Timestamp;

/// How long results are kept, counted from the clock and from the newest event, whichever is earlier. Whole indices are
/// dropped, so what is dropped may be a day, a month or a year older.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Retention")]
pub struct Retention {
    /// Days that results of single minutes are kept; older ones are told from hours and days.
    #[arg(long, env = "KEEP_MINUTES_DAYS", default_value_t = 30, value_parser = value_parser!(u16).range(2..=3_650))]
    pub keep_minutes_days: u16,
    /// Days that trends of quarters of an hour are kept.
    #[arg(long, env = "KEEP_QUARTERS_DAYS", default_value_t = 3, value_parser = value_parser!(u16).range(2..=3_650))]
    pub keep_quarters_days: u16,
    /// Days that results of hours are kept. [default: for ever]
    #[arg(long, env = "KEEP_HOURS_DAYS", value_parser = value_parser!(u16).range(2..=3_650))]
    pub keep_hours_days: Option<u16>,
    /// Days that results of days are kept. [default: for ever]
    #[arg(long, env = "KEEP_DAYS_DAYS", value_parser = value_parser!(u16).range(2..=36_500))]
    pub keep_days_days: Option<u16>,
    /// Days that raw events are kept. [default: for ever]
    #[arg(long, env = "KEEP_EVENTS_DAYS", value_parser = value_parser!(u16).range(1..=36_500))]
    pub keep_events_days: Option<u16>,
    /// Days that events are kept that came too late for their window. [default: for ever]
    #[arg(long, env = "KEEP_LATE_EVENTS_DAYS", value_parser = value_parser!(u16).range(1..=36_500))]
    pub keep_late_events_days: Option<u16>,
    /// Days that facts and signals on fraud are kept; no fewer than results are asked for with what was before
    /// them, for signals say who was cleared of being a bot. [default: for ever]
    #[arg(long, env = "KEEP_FRAUD_DAYS", value_parser = value_parser!(u16).range(200..=36_500))]
    pub keep_fraud_days: Option<u16>,
}

/// What ages are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    /// The clock of this process, which may jump.
    pub clock: Timestamp,
    /// The greatest event time that was processed; `None` before there is any.
    pub newest: Option<Timestamp>,
}

/// Whether something may be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Not by its age.
    Kept,
    /// By the clock, but event time has not come so far: the clock may have jumped.
    OldByTheClockAlone,
    /// By the clock and by event time.
    Old,
}

impl Present {
    /// The age of a period when it is kept for so many days; for ever where there is no number. The earlier of clock
    /// and event time decides: one that is ahead drops nothing, and one that is behind only drops later.
    pub fn age(&self, period: &Range<Timestamp>, days: Option<u16>) -> Age {
        let Some(days) = days else { return Age::Kept };
        let is_past = |now: Timestamp| period.end <= now - TimeDelta::days(i64::from(days));
        match (is_past(self.clock), self.newest.is_some_and(is_past)) {
            (true, true) => Age::Old,
            (true, false) => Age::OldByTheClockAlone,
            (false, _) => Age::Kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::DAY_MS;
    use proptest::prelude::*;

    fn day(number: i64) -> Timestamp {
        Timestamp::from_millis(number * DAY_MS)
    }

    fn age(clock: i64, newest: Option<i64>, of: i64) -> Age {
        Present { clock: day(clock), newest: newest.map(day) }.age(&(day(of - 1)..day(of)), Some(30))
    }

    #[test]
    fn only_what_is_old_by_the_clock_and_by_event_time_may_be_dropped() {
        assert_eq!(age(100, Some(100), 70), Age::Old);
        assert_eq!(age(100, Some(100), 71), Age::Kept);
        assert_eq!(age(465, Some(100), 71), Age::OldByTheClockAlone, "a clock that jumped a year ahead");
        assert_eq!(age(40, Some(100), 70), Age::Kept, "a clock that jumped back");
        assert_eq!(age(100, None, 70), Age::OldByTheClockAlone, "nothing was processed yet");
        let for_ever = Present { clock: day(100), newest: Some(day(100)) };
        assert_eq!(for_ever.age(&(day(1)..day(2)), None), Age::Kept);
    }

    proptest! {
        #[test]
        fn whatever_the_clock_says_nothing_within_the_retention_of_the_newest_event_is_dropped(
            clock in 0i64..100_000, newest in 0i64..1_000, of in 0i64..1_000,
        ) {
            let is_within = of > newest - 30;
            prop_assert!(!is_within || age(clock, Some(newest), of) != Age::Old);
        }

        #[test]
        fn a_clock_that_is_behind_never_drops_what_a_right_one_keeps(
            behind in 0i64..2_000, newest in 0i64..1_000, of in 0i64..1_000,
        ) {
            let dropped = age(newest - behind, Some(newest), of) == Age::Old;
            prop_assert!(!dropped || age(newest, Some(newest), of) == Age::Old);
        }
    }
}
