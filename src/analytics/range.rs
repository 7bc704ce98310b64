//! The minutes that a question is about.

use chrono::{DateTime, TimeDelta, Utc};

use crate::http::parameter::BadParameter;
use crate::model::time::{MINUTE_MS, Timestamp};
use crate::rollup::Rolled;

/// Longest range that is answered, in minutes: 90 days.
pub const MINUTES_MAX: u32 = 90 * 24 * 60;

/// A range as it is asked for, before it is known what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Asked {
    /// How many of the last minutes, where no `from` is given.
    pub minutes: u32,
    /// Where to begin; cut to its minute.
    pub from: Option<Timestamp>,
    /// Where to end, cut to its minute, which is not counted; without it at the time of asking.
    pub to: Option<Timestamp>,
}

impl Asked {
    /// As the parameters of a request say it.
    pub fn new(minutes: u32, from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Self {
        let instant = |given: DateTime<Utc>| Timestamp::from_millis(given.timestamp_millis());
        Self { minutes, from: from.map(instant), to: to.map(instant) }
    }

    /// The range as asked for at `now`.
    ///
    /// # Errors
    /// [`BadParameter`] for an end without a beginning, or before it, and for more than [`MINUTES_MAX`].
    pub fn at(self, now: Timestamp) -> Result<Range, BadParameter> {
        let bad = |parameter, detail: &str| BadParameter { parameter, detail: detail.to_owned() };
        let Some(from) = self.from.map(|from| from.floor_to(MINUTE_MS)) else {
            return match self.to {
                Some(_) => Err(bad("from", "from must be given with to")),
                None => Ok(Range::last(self.minutes, now)),
            };
        };
        let this_minute = now.floor_to(MINUTE_MS);
        let end = self.to.map(|to| to.floor_to(MINUTE_MS)).filter(|end| *end <= this_minute);
        let minutes = (end.unwrap_or(this_minute) - from).num_minutes();
        let minutes = u32::try_from(minutes).ok().filter(|minutes| *minutes > 0);
        let minutes =
            minutes.ok_or_else(|| bad("from", "from must be at least a minute before to and before now"))?;
        if minutes > MINUTES_MAX {
            return Err(bad("from", "from must be at most 90 days before to"));
        }
        let to = end.map_or(now, |end| end - TimeDelta::milliseconds(1));
        Ok(Range { minutes, from, to, rolled: Rolled::default() })
    }
}

/// Minute panes whose start lies from `from` to `to`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// How many full minutes.
    pub minutes: u32,
    /// Start of the first pane: a full minute.
    pub from: Timestamp,
    /// The time of asking. The pane that it lies in is included as far as it has come.
    pub to: Timestamp,
    /// What longer panes there are to read it from.
    pub rolled: Rolled,
}

impl Range {
    /// The last `minutes` full minutes before the minute of `now`, and that minute so far.
    pub fn last(minutes: u32, now: Timestamp) -> Self {
        let from = now.floor_to(MINUTE_MS) - TimeDelta::minutes(i64::from(minutes));
        Self { minutes, from, to: now, rolled: Rolled::default() }
    }

    /// The range of the same minutes that ends where this one begins.
    pub fn before(self) -> Self {
        let from = self.from - TimeDelta::minutes(i64::from(self.minutes));
        Self { from, to: self.from - TimeDelta::milliseconds(1), ..self }.aligned()
    }

    /// The same, read from what results were rolled up into as well as from minutes. Where its minutes are gone it
    /// begins with the hour or day that its first minute lies in.
    pub fn read_from(self, rolled: Rolled) -> Self {
        Self { rolled, ..self }.aligned()
    }

    fn aligned(self) -> Self {
        let stretch = self.stretch();
        let (from, until) = (self.rolled.align(stretch.0), self.rolled.align(stretch.1));
        if (from, until) == stretch {
            return self;
        }
        // A range within one hour of which the minutes are gone is told by that hour.
        let until = if from < until { until } else { self.rolled.end_of_span(from) };
        // The minute that runs is not counted among them.
        let minutes = u32::try_from((until - from).num_minutes()).unwrap_or(self.minutes);
        Self { minutes, from, to: until - TimeDelta::milliseconds(1), ..self }
    }

    /// Its beginning, and the end that is not in it any more.
    pub fn stretch(self) -> (Timestamp, Timestamp) {
        (self.from, self.to + TimeDelta::milliseconds(1))
    }

    /// From the start of the first pane to the time of asking: `minutes` to `minutes` + 1 minutes.
    pub fn length(self) -> TimeDelta {
        self.to - self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollup::cover::Held;

    #[test]
    fn the_last_minutes_are_full_ones_and_the_one_that_runs() {
        let now = Timestamp::parse("2026-11-21T10:07:30.250Z").unwrap();
        let range = Range::last(5, now);
        let from = Timestamp::parse("2026-11-21T10:02:00Z").unwrap();
        assert_eq!(range, Range { minutes: 5, from, to: now, rolled: Rolled::default() });
        assert_eq!(range.length(), TimeDelta::milliseconds(330_250));
    }

    #[test]
    fn the_range_before_has_as_many_minutes_and_ends_where_this_one_begins() {
        let at = |text| Timestamp::parse(text).unwrap();
        let before = Range::last(5, at("2026-11-21T10:07:30.250Z")).before();
        let expected =
            Range { from: at("2026-11-21T09:57:00Z"), to: at("2026-11-21T10:01:59.999Z"), ..before };
        assert_eq!(before, expected);
    }

    fn asked(from: Option<&str>, to: Option<&str>) -> Result<Range, BadParameter> {
        let at = |text| Timestamp::parse(text).unwrap();
        Asked { minutes: 5, from: from.map(at), to: to.map(at) }.at(at("2026-11-21T10:07:30Z"))
    }

    #[test]
    fn a_range_is_asked_for_by_its_length_or_by_its_ends() {
        let at = |text| Timestamp::parse(text).unwrap();
        let now = at("2026-11-21T10:07:30Z");
        assert_eq!(asked(None, None), Ok(Range::last(5, now)));
        assert_eq!(asked(Some("2026-11-21T10:02:59Z"), None), Ok(Range::last(5, now)));
        let day = Range {
            from: at("2026-11-20T00:00:00Z"),
            to: at("2026-11-20T23:59:59.999Z"),
            ..Range::last(1_440, now)
        };
        assert_eq!(asked(Some("2026-11-20T00:00:00Z"), Some("2026-11-21T00:00:59Z")), Ok(day));
        assert_eq!(day.before().to, day.from - TimeDelta::milliseconds(1));
    }

    #[test]
    fn ends_that_make_no_range_are_refused_by_name() {
        for (from, to) in [
            (None, Some("2026-11-21T10:00:00Z")),
            (Some("2026-11-21T10:00:00Z"), Some("2026-11-21T10:00:59Z")),
            (Some("2026-11-21T10:00:00Z"), Some("2026-11-21T09:00:00Z")),
            (Some("2026-11-21T10:08:00Z"), None),
            (Some("2026-08-21T10:00:00Z"), None),
        ] {
            assert_eq!(asked(from, to).unwrap_err().parameter, "from", "{from:?} {to:?}");
        }
    }

    #[test]
    fn where_minutes_are_gone_the_range_before_is_as_long_as_the_range() {
        let at = |text| Timestamp::parse(text).unwrap();
        let hours = Held { from: Timestamp::MIN, until: at("2026-11-21T12:00:00Z") };
        let rolled = Rolled { minutes_from: at("2026-11-21T11:00:00Z"), hours, ..Rolled::default() };
        let range =
            asked(Some("2026-11-21T08:37:00Z"), Some("2026-11-21T09:50:00Z")).unwrap().read_from(rolled);
        assert_eq!((range.from, range.minutes), (at("2026-11-21T08:00:00Z"), 60));
        assert_eq!((range.before().from, range.before().minutes), (at("2026-11-21T07:00:00Z"), 60));
    }
}
