//! How a run is spread over time: from when on, how fast, until when.

use std::str::FromStr;

use chrono::TimeDelta;

use crate::config::SettingError;
use crate::model::time::Timestamp;
use crate::traffic::{Rhythm, Schedule};

/// Where the events' time begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At this time: the same one gives the same events.
    At(Timestamp),
    /// So long before the run begins.
    Ago(TimeDelta),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(at) = Timestamp::parse(text) {
            return Ok(Self::At(at));
        }
        let span = text.trim().strip_suffix("ago").and_then(|span| span_of(span).ok());
        span.map(Self::Ago)
            .ok_or_else(|| "must be a time such as 2026-11-01T00:00:00Z, or 30d ago".to_owned())
    }
}

/// A length of time such as `90m` or `30d`, at least a millisecond.
///
/// # Errors
/// Why it is none.
pub fn span_of(text: &str) -> Result<TimeDelta, String> {
    let span = humantime::parse_duration(text.trim()).map_err(|error| error.to_string())?;
    let span = TimeDelta::from_std(span).map_err(|_| "is too long".to_owned())?;
    if span < TimeDelta::milliseconds(1) { Err("must be at least 1ms".to_owned()) } else { Ok(span) }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Where the events' time begins; now, when not given.
    pub start: Option<Start>,
    /// Seconds of the events' time in a second; 0 for as fast as can be.
    pub speed: f64,
    /// Until when, in the events' time from the start.
    pub duration: Option<TimeDelta>,
    /// How many.
    pub events: Option<u64>,
    /// Events a second of an average weekday.
    pub per_second: u32,
    /// How they are spread.
    pub rhythm: Rhythm,
}

/// How a run is spread over time.
#[derive(Debug, Clone)]
pub struct Pace {
    /// The times of its events.
    pub schedule: Schedule,
    /// Where they begin.
    pub start: Timestamp,
    /// They lie before it.
    pub end: Timestamp,
    /// Whether they jump to the clock where they have lost it.
    pub follows_clock: bool,
    speed: f64,
    began: Timestamp,
}

impl Pace {
    /// The pace of a run that begins `now`.
    ///
    /// # Errors
    /// [`SettingError::Unusable`] when the run would get ahead of the clock, or has no beginning.
    pub fn new(timing: &Timing, now: Timestamp) -> Result<Self, SettingError> {
        let Timing { speed, duration, events, per_second, ref rhythm, .. } = *timing;
        let start = start(timing, now)?;
        let schedule = Schedule::new(start, per_second, rhythm.clone());
        let last = events.map(|events| schedule.clone().time_after(events.saturating_sub(1)));
        let end = duration.map(|duration| start + duration);
        let bound = [last, end].into_iter().flatten().min();
        if let Some(bound) = bound.filter(|_| !(0.0..=1.0).contains(&speed) || speed == 0.0) {
            check_clock(start, bound, speed, now)?;
        }
        let end = end.unwrap_or(Timestamp::MAX);
        let follows_clock = timing.start.is_none() && speed == 1.0;
        Ok(Self { schedule, start, end, follows_clock, speed, began: now })
    }

    /// When something of this time shall happen: at the run's speed, but never before its time has come.
    pub fn due(&self, at: Timestamp) -> Timestamp {
        if self.follows_clock || self.speed == 0.0 {
            return at;
        }
        let since_start = (at - self.start).num_milliseconds() as f64 / self.speed;
        at.max(self.began + TimeDelta::milliseconds(since_start as i64))
    }
}

fn start(timing: &Timing, now: Timestamp) -> Result<Timestamp, SettingError> {
    let start = match (timing.start, timing.duration) {
        (Some(Start::At(at)), _) => at,
        (Some(Start::Ago(span)), _) => now - span,
        (None, Some(duration)) if timing.speed == 0.0 => now - duration,
        (None, _) if (0.0..=1.0).contains(&timing.speed) && timing.speed > 0.0 => now,
        (None, _) => {
            let why = format!(
                "{} needs to know where to begin: add --start, such as --start '30d ago'",
                speed_in_words(timing.speed)
            );
            return Err(SettingError::Unusable { setting: "--speed", why });
        }
    };
    if start > now {
        let why = format!("{start} lies in the future; the clock shows {now}");
        return Err(SettingError::Unusable { setting: "--start", why });
    }
    Ok(start)
}

/// Refuses a run that would have to wait for the clock before its end.
fn check_clock(start: Timestamp, end: Timestamp, speed: f64, now: Timestamp) -> Result<(), SettingError> {
    let span = end - start;
    let takes = if speed == 0.0 { 0.0 } else { span.num_milliseconds() as f64 / speed };
    let takes = TimeDelta::milliseconds(takes as i64);
    if end <= now + takes {
        return Ok(());
    }
    let latest = now + takes - span;
    let why = format!(
        "{} would get ahead of the clock: the events end at {end}, but then it will only be {}; start at {latest} \
         or earlier",
        speed_in_words(speed),
        now + takes,
    );
    Err(SettingError::Unusable { setting: "--speed", why })
}

fn speed_in_words(speed: f64) -> String {
    if speed == 0.0 { "0 (as fast as can be)".to_owned() } else { speed.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::at;
    use crate::model::time::{DAY_MS, HOUR_MS};

    fn timing(start: &str, speed: f64) -> Timing {
        let start = (!start.is_empty()).then(|| start.parse().unwrap());
        Timing { start, speed, duration: None, events: None, per_second: 10, rhythm: Rhythm::default() }
    }

    fn refusal(timing: &Timing) -> String {
        Pace::new(timing, at(0)).unwrap_err().to_string()
    }

    #[test]
    fn a_start_is_a_time_or_a_length_of_time_ago() {
        assert_eq!(
            "2026-11-01T00:00:00Z".parse(),
            Ok(Start::At(Timestamp::parse("2026-11-01T00:00:00Z").unwrap()))
        );
        assert_eq!("30d ago".parse(), Ok(Start::Ago(TimeDelta::days(30))));
        for text in ["30d", "yesterday", "ago", "-3h ago", ""] {
            assert!(text.parse::<Start>().unwrap_err().contains("30d ago"), "{text}");
        }
    }

    #[test]
    fn a_run_without_a_start_begins_now_and_follows_the_clock() {
        let mut pace = Pace::new(&timing("", 1.0), at(0)).unwrap();
        assert!(pace.follows_clock);
        assert_eq!([pace.schedule.next_time(), pace.schedule.next_time()], [at(0), at(100)]);
        assert_eq!(pace.due(at(100)), at(100));
    }

    #[test]
    fn a_backfill_goes_as_fast_as_can_be_and_is_live_from_now_on() {
        let pace = Pace::new(&timing("30d ago", 0.0), at(0)).unwrap();
        assert_eq!(pace.start, at(-30 * DAY_MS));
        assert!(pace.due(at(-1)) < at(0));
        assert_eq!(pace.due(at(5_000)), at(5_000));
    }

    #[test]
    fn a_faster_run_catches_up_with_the_clock_and_goes_no_further() {
        let pace = Pace::new(&timing("10h ago", 11.0), at(0)).unwrap();
        assert_eq!(pace.due(at(-10 * HOUR_MS + 11_000)), at(1_000));
        assert_eq!(pace.due(at(HOUR_MS)), at(HOUR_MS));
        assert_eq!(pace.due(at(2 * HOUR_MS)), at(2 * HOUR_MS));
    }

    #[test]
    fn a_run_that_would_get_ahead_of_the_clock_is_refused_with_where_to_start() {
        let hour = Timing { duration: Some(TimeDelta::hours(1)), ..timing("30m ago", 2.0) };
        assert!(Pace::new(&hour, at(0)).is_ok());
        let message = refusal(&Timing { speed: 3.0, ..hour.clone() });
        assert!(
            message.contains("ahead of the clock") && message.contains(&at(-40 * 60_000).to_string()),
            "{message}"
        );
        let events = Timing { duration: None, events: Some(36_001), speed: 0.0, ..hour };
        assert!(refusal(&events).contains(&format!("start at {}", at(-HOUR_MS))));
    }

    #[test]
    fn a_start_in_the_future_is_refused() {
        let message = refusal(&timing("2099-01-01T00:00:00Z", 1.0));
        assert!(message.contains("--start") && message.contains("lies in the future"), "{message}");
    }

    #[test]
    fn a_fast_run_without_a_start_is_asked_for_one() {
        assert!(refusal(&timing("", 10.0)).contains("--start '30d ago'"));
        assert!(refusal(&timing("", 0.0)).contains("0 (as fast as can be) needs to know where to begin"));
    }

    #[test]
    fn so_much_time_as_fast_as_can_be_ends_now() {
        let day = Timing { duration: Some(TimeDelta::days(1)), ..timing("", 0.0) };
        let pace = Pace::new(&day, at(0)).unwrap();
        assert_eq!((pace.start, pace.end), (at(-DAY_MS), at(0)));
    }
}
