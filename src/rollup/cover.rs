//! Which spans and minutes answer a range: each minute of it once, by the longest span that is there.

use crate::model::time::Timestamp;
use crate::rollup::level::Level;

/// The spans of one level that can be read: all those that lie from `from` to `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Those before it are gone; [`Timestamp::MIN`] where none is.
    pub from: Timestamp,
    /// Those that end after it are not rolled up yet; [`Timestamp::MIN`] where none is.
    pub until: Timestamp,
}

impl Default for Held {
    fn default() -> Self {
        Self { from: Timestamp::MIN, until: Timestamp::MIN }
    }
}

/// How far one kind of result is rolled up, and what of it is still held. By default nothing is rolled up
/// and all minutes are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rolled {
    /// Minutes before it are gone; [`Timestamp::MIN`] where none is.
    pub minutes_from: Timestamp,
    /// Quarters of an hour.
    pub quarters: Held,
    /// Hours.
    pub hours: Held,
    /// Days.
    pub days: Held,
}

impl Default for Rolled {
    fn default() -> Self {
        let [quarters, hours, days] = [Held::default(); 3];
        Self { minutes_from: Timestamp::MIN, quarters, hours, days }
    }
}

/// A part of a range that is read from one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// `None` for minutes.
    pub level: Option<Level>,
    /// Start of its first span.
    pub from: Timestamp,
    /// End of its last span.
    pub until: Timestamp,
}

impl Rolled {
    /// What can be read of a level.
    pub fn held(&self, level: Level) -> Held {
        match level {
            Level::Quarter => self.quarters,
            Level::Hour => self.hours,
            Level::Day => self.days,
        }
    }

    /// The same, to be changed.
    pub fn held_mut(&mut self, level: Level) -> &mut Held {
        match level {
            Level::Quarter => &mut self.quarters,
            Level::Hour => &mut self.hours,
            Level::Day => &mut self.days,
        }
    }

    /// What can be read of both.
    pub fn and(self, other: Self) -> Self {
        let both = |level| {
            let (one, other) = (self.held(level), other.held(level));
            Held { from: one.from.max(other.from), until: one.until.min(other.until) }
        };
        let [quarters, hours, days] = Level::ALL.map(both);
        Self { minutes_from: self.minutes_from.max(other.minutes_from), quarters, hours, days }
    }

    /// The same without the levels whose spans are longer: for a series whose steps are that long.
    pub fn up_to(mut self, longest: Option<Level>) -> Self {
        for level in Level::ALL.into_iter().filter(|level| longest.is_none_or(|longest| *level > longest)) {
            *self.held_mut(level) = Held::default();
        }
        self
    }

    /// The nearest instant, not later, at which a range can begin or end: the start of its minute while the minutes
    /// are there, else of the shortest span that is.
    pub fn align(&self, at: Timestamp) -> Timestamp {
        self.shortest(at).map_or(at, |level| level.floor(at))
    }

    /// The end of the shortest span that is there of an instant; the instant itself where its minute is.
    pub fn end_of_span(&self, at: Timestamp) -> Timestamp {
        let end = |level: Level| Timestamp::from_millis(level.floor(at).millis() + level.span_ms());
        self.shortest(at).map_or(at, end)
    }

    /// The shortest spans that are there of an instant; `None` for minutes.
    pub fn shortest(&self, at: Timestamp) -> Option<Level> {
        let is_held = |level: &Level| self.held(*level).from <= at && at < self.held(*level).until;
        (at < self.minutes_from).then(|| Level::ALL.into_iter().find(is_held).unwrap_or(Level::Day))
    }

    /// The pieces that cover everything from `from` to `until`, in the order of time: without gap or overlap, none of
    /// them empty.
    pub fn cover(&self, from: Timestamp, until: Timestamp) -> Vec<Piece> {
        let mut pieces = Vec::new();
        self.fill(&Level::ALL, from, until, &mut pieces);
        pieces
    }

    /// Covers with these levels and minutes.
    fn fill(&self, levels: &[Level], from: Timestamp, until: Timestamp, pieces: &mut Vec<Piece>) {
        if from >= until {
            return;
        }
        let Some((&longest, shorter)) = levels.split_last() else {
            pieces.push(Piece { level: None, from, until });
            return;
        };
        let held = self.held(longest);
        let first = longest.ceil(from.max(held.from));
        let end = longest.floor(until.min(held.until));
        if first >= end {
            return self.fill(shorter, from, until, pieces);
        }
        self.fill(shorter, from, first, pieces);
        pieces.push(Piece { level: Some(longest), from: first, until: end });
        self.fill(shorter, end, until, pieces);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::model::time::{DAY_MS, HOUR_MS, MINUTE_MS};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn held(from: Timestamp, until: &str) -> Held {
        Held { from, until: at(until) }
    }

    #[test]
    fn ninety_days_are_read_from_few_spans() {
        let never = Timestamp::MIN;
        let rolled = Rolled {
            minutes_from: at("2026-11-07T00:00:00Z"),
            quarters: held(at("2026-11-19T00:00:00Z"), "2026-11-21T09:45:00Z"),
            hours: held(never, "2026-11-21T09:00:00Z"),
            days: held(never, "2026-11-21T00:00:00Z"),
        };
        let from = rolled.align(at("2026-08-23T10:07:00Z"));
        let told: Vec<String> = rolled
            .cover(from, at("2026-11-21T10:07:30Z"))
            .iter()
            .map(|piece| {
                let name = piece.level.map_or("minute", Level::name);
                let time = |at: Timestamp| at.to_string().get(5..16).unwrap().to_owned();
                format!("{name} {} {}", time(piece.from), time(piece.until))
            })
            .collect();
        let expected = [
            "hour 08-23T10:00 08-24T00:00",
            "day 08-24T00:00 11-21T00:00",
            "hour 11-21T00:00 11-21T09:00",
            "quarter 11-21T09:00 11-21T09:45",
            "minute 11-21T09:45 11-21T10:07",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_series_of_minutes_is_read_from_minutes_alone() {
        let day = held(Timestamp::MIN, "2026-11-21T00:00:00Z");
        let rolled = Rolled { quarters: day, hours: day, days: day, ..Rolled::default() };
        let (from, until) = (at("2026-11-19T00:00:00Z"), at("2026-11-20T00:00:00Z"));
        let level = |longest| rolled.up_to(longest).cover(from, until)[0].level;
        let longest = [None, Some(Level::Quarter), Some(Level::Hour), Some(Level::Day)];
        assert_eq!(longest.map(level), longest);
    }

    prop_compose! {
        /// Days that the roll-up may leave behind: each level reaches as far as the next longer one or further, and of
        /// none is dropped what no longer one holds.
        fn any_rolled()(
            day in -2i64..12, hours in 0i64..30, quarters in 0i64..9,
            minutes_from in -3i64..12, quarters_from in -3i64..12, hours_from in -3i64..12, days_from in -3i64..12,
        ) -> Rolled {
            let days_until = day * DAY_MS;
            let hours_until = days_until + hours * HOUR_MS;
            let quarters_until = hours_until + quarters * 15 * MINUTE_MS;
            let dropped = |days: i64| days.min(day) * DAY_MS;
            let held = |from, until| Held { from: Timestamp::from_millis(from), until: Timestamp::from_millis(until) };
            let days_from = dropped(days_from);
            let hours_from = dropped(hours_from).max(days_from);
            Rolled {
                minutes_from: Timestamp::from_millis(dropped(minutes_from).max(hours_from)),
                quarters: held(dropped(quarters_from).max(hours_from), quarters_until),
                hours: held(hours_from, hours_until),
                days: held(days_from, days_until),
            }
        }
    }

    proptest! {
        #[test]
        fn every_minute_of_a_range_is_read_once_and_from_where_it_is(
            rolled in any_rolled(), from in -3_000i64..18_000, length in 1i64..9_000,
        ) {
            let minute = |minute: i64| Timestamp::from_millis(minute * MINUTE_MS);
            let (asked, end) = (minute(from), rolled.align(minute(from + length)));
            let from = rolled.align(asked);
            prop_assert!(from <= asked && asked - from < TimeDelta::days(1));
            let pieces = rolled.cover(from, end);
            let mut reached = from;
            for piece in &pieces {
                prop_assert_eq!(piece.from, reached);
                prop_assert!(piece.from < piece.until);
                reached = piece.until;
                let Some(level) = piece.level else {
                    // Before the first day that is held nothing is left that could be counted.
                    let counted = piece.from.max(rolled.days.from);
                    prop_assert!(counted >= rolled.minutes_from || piece.until <= counted, "{piece:?}");
                    continue;
                };
                let held = rolled.held(level);
                prop_assert_eq!((level.floor(piece.from), level.floor(piece.until)), (piece.from, piece.until));
                prop_assert!(held.from <= piece.from && piece.until <= held.until);
            }
            prop_assert_eq!(reached, end.max(from));
            prop_assert!(pieces.len() <= 7, "{pieces:?}");
        }
    }
}
