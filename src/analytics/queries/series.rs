//! The course of a figure over a range, stretch by stretch, without holes.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::analytics::queries::tally::Tally;
use crate::analytics::range::Range;
use crate::model::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use crate::rollup::Level;

/// Longest range that is shown by the minute.
const BY_MINUTE_MAX: u32 = 3 * 60;
/// Longest range that is shown by the hour.
const BY_HOUR_MAX: u32 = 7 * 24 * 60;

/// How long a stretch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interval {
    /// A minute, for ranges of up to three hours.
    Minute,
    /// An hour, for ranges of up to a week.
    Hour,
    /// A day in UTC.
    Day,
}

impl Interval {
    /// For a range: so long that there are at most 180 stretches and the one that runs, and as long as the shortest
    /// panes that are left of the range's beginning.
    pub fn of(range: Range) -> Self {
        let by_length = if range.minutes <= BY_MINUTE_MAX {
            Self::Minute
        } else if range.minutes <= BY_HOUR_MAX {
            Self::Hour
        } else {
            Self::Day
        };
        let left = match range.rolled.shortest(range.from) {
            None => Self::Minute,
            Some(Level::Quarter | Level::Hour) => Self::Hour,
            Some(Level::Day) => Self::Day,
        };
        by_length.max(left)
    }

    /// The longest panes that lie in one stretch; `None` for minutes.
    pub fn longest_pane(self) -> Option<Level> {
        match self {
            Self::Minute => None,
            Self::Hour => Some(Level::Hour),
            Self::Day => Some(Level::Day),
        }
    }

    /// As Elasticsearch writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::Hour => "1h",
            Self::Day => "1d",
        }
    }

    /// Its length in minutes.
    pub fn minutes(self) -> u32 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
            Self::Day => 24 * 60,
        }
    }

    /// The start of the stretch that an instant lies in.
    pub fn start(self, at: Timestamp) -> Timestamp {
        at.floor_to(self.millis())
    }

    fn millis(self) -> i64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }
}

/// One stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Its start; the first may begin before the range and is counted from there.
    pub start: Timestamp,
    /// What was searched in it.
    pub tally: Tally,
}

/// Every stretch of the range, without what bots did; one without searches is there with zeros.
pub fn points(
    range: Range,
    interval: Interval,
    everybody: &BTreeMap<Timestamp, Tally>,
    bots: &BTreeMap<Timestamp, Tally>,
) -> Vec<Point> {
    let first = interval.start(range.from);
    let step = TimeDelta::milliseconds(interval.millis());
    let starts = std::iter::successors(Some(first), |start| Some(*start + step));
    let tally = |start: &Timestamp| {
        let all = everybody.get(start).copied().unwrap_or_default();
        bots.get(start).map_or(all, |part| all.without(part))
    };
    let point = |start: Timestamp| Point { start, tally: tally(&start) };
    starts.take_while(|start| *start <= range.to).map(point).collect()
}

/// All stretches together.
pub fn total(points: &[Point]) -> Tally {
    points.iter().fold(Tally::default(), |sum, point| sum.and(&point.tally))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analytics::range::MINUTES_MAX;
    use crate::rollup::Rolled;
    use crate::rollup::cover::Held;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn searches(searches: u64) -> Tally {
        Tally { searches, ..Tally::default() }
    }

    #[test]
    fn minutes_without_searches_are_shown_and_bots_are_taken_off() {
        let range = Range::last(2, at("2026-11-21T10:02:30Z"));
        let everybody = BTreeMap::from([
            (at("2026-11-21T10:00:00Z"), searches(5)),
            (at("2026-11-21T10:02:00Z"), searches(7)),
        ]);
        let bots = BTreeMap::from([(at("2026-11-21T10:02:00Z"), searches(3))]);
        let points = points(range, Interval::of(range), &everybody, &bots);
        let shown: Vec<_> =
            points.iter().map(|point| (point.start.to_string(), point.tally.searches)).collect();
        let minute = |minute| format!("2026-11-21T10:0{minute}:00.000Z");
        assert_eq!(shown, [(minute(0), 5), (minute(1), 0), (minute(2), 4)]);
        assert_eq!(total(&points), searches(9));
    }

    #[test]
    fn the_longer_the_range_the_longer_the_stretches() {
        let of = |minutes| Interval::of(Range::last(minutes, at("2026-11-21T10:02:30Z"))).as_str();
        assert_eq!([1, 180, 181, 10_080, 10_081, MINUTES_MAX].map(of), ["1m", "1m", "1h", "1h", "1d", "1d"]);
    }

    #[test]
    fn a_range_whose_minutes_are_gone_is_shown_by_the_hours_or_days_that_are_left() {
        let of = |hours_from: &str| {
            let hours = Held { from: at(hours_from), until: at("2026-11-21T10:00:00Z") };
            let days = Held { from: Timestamp::MIN, until: at("2026-11-21T00:00:00Z") };
            let rolled =
                Rolled { minutes_from: at("2026-11-21T00:00:00Z"), hours, days, ..Rolled::default() };
            Interval::of(Range::last(60, at("2026-11-20T10:02:30Z")).read_from(rolled))
        };
        assert_eq!(of("2026-11-01T00:00:00Z"), Interval::Hour);
        assert_eq!(of("2026-11-21T00:00:00Z"), Interval::Day);
    }

    proptest! {
        #[test]
        fn a_series_is_short_has_no_holes_and_begins_and_ends_with_the_range(
            minutes in 1u32..=MINUTES_MAX, now in 1_000_000_000_000i64..4_000_000_000_000,
        ) {
            let range = Range::last(minutes, Timestamp::from_millis(now));
            let interval = Interval::of(range);
            let points = points(range, interval, &BTreeMap::new(), &BTreeMap::new());
            prop_assert!(points.len() <= 182, "{}", points.len());
            let length = TimeDelta::minutes(i64::from(interval.minutes()));
            prop_assert!(points.windows(2).all(|pair| pair[1].start - pair[0].start == length));
            let (first, last) = (points[0].start, points[points.len() - 1].start);
            prop_assert!(first <= range.from && range.from < first + length);
            prop_assert!(last <= range.to && range.to < last + length);
        }
    }
}
