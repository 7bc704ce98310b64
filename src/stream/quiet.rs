//! Decisions about topics that are quiet or run ahead of the others. Pure.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::TimeDelta;

use crate::model::time::Timestamp;
use crate::stream::part::Newest;

/// How long a topic must be drained before it is given a tick.
const QUIET_FOR: Duration = Duration::from_secs(30);
/// How far a tick stays behind the clock: events on their way may be that late without being late.
const TICK_BEHIND: TimeDelta = TimeDelta::seconds(60);
/// Traffic is live when the event that happened last was stored so soon after that.
const LIVE_WITHIN: TimeDelta = TimeDelta::seconds(60);
/// Lead in event time from which a topic is held back, and below which it may go on.
const LEAD_MAX: TimeDelta = TimeDelta::minutes(10);
const LEAD_LOW: TimeDelta = TimeDelta::minutes(1);

/// How far a topic of a partition has been read.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The next offset.
    pub position: i64,
    /// Greatest event time, [`Timestamp::MIN`] before the first event.
    pub max_ts: Timestamp,
    /// Whether nothing is left to read.
    pub drained: bool,
}

/// The present, as ticks see it.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Whether traffic is live: there are no ticks while history is filled in, for they would make it late.
    pub live: bool,
    /// The monotonic clock.
    pub instant: Instant,
    /// The wall clock.
    pub time: Timestamp,
}

/// Whether traffic is live, from when the event that happened last anywhere happened and how long after that it was
/// stored.
pub fn is_live(newest: Option<Newest>) -> bool {
    newest.is_some_and(|(_, Reverse(delay))| delay <= LIVE_WITHIN)
}

/// Since when each topic of each partition has been quiet.
#[derive(Debug, Default)]
pub struct QuietTopics {
    since: HashMap<(usize, i32), (i64, Instant)>,
}

impl QuietTopics {
    /// The time that a tick should state in this topic, if one is due.
    pub fn tick_due(&mut self, topic: (usize, i32), progress: Progress, now: Now) -> Option<Timestamp> {
        let (position, since) = self.since.entry(topic).or_insert((progress.position, now.instant));
        if *position != progress.position || !progress.drained {
            (*position, *since) = (progress.position, now.instant);
        }
        let at = now.time - TICK_BEHIND;
        if !now.live || now.instant.duration_since(*since) < QUIET_FOR || at <= progress.max_ts {
            return None;
        }
        *since = now.instant;
        Some(at)
    }
}

/// The topics of a partition that are so far ahead in event time of one with a backlog that they should
/// wait: otherwise hundreds of windows stay open. `held` says which wait already.
pub fn too_far_ahead(topics: &[Progress], held: impl Fn(&usize) -> bool) -> Vec<usize> {
    let Some(behind) = topics.iter().filter(|topic| !topic.drained).map(|topic| topic.max_ts).min() else {
        return Vec::new();
    };
    let leads_by =
        |topic: usize, lead: TimeDelta| topics.get(topic).is_some_and(|one| one.max_ts - behind > lead);
    let waits = |topic: &usize| leads_by(*topic, if held(topic) { LEAD_LOW } else { LEAD_MAX });
    // A topic without any event yet gives no time to compare with.
    if behind == Timestamp::MIN { Vec::new() } else { (0..topics.len()).filter(waits).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::at;

    fn progress(minutes: i64, drained: bool) -> Progress {
        Progress { position: 7, max_ts: at(minutes * 60_000), drained }
    }

    #[test]
    fn a_topic_that_is_quiet_in_live_traffic_gets_a_tick_and_then_waits_again() {
        let mut quiet = QuietTopics::default();
        let start = Instant::now();
        let mut ask = |seconds, live| {
            let instant = start + Duration::from_secs(seconds);
            quiet.tick_due((0, 0), progress(0, true), Now { live, instant, time: at(600_000) })
        };
        assert_eq!(ask(0, true), None);
        assert_eq!(ask(31, false), None, "history is not ticked");
        assert_eq!(ask(31, true), Some(at(540_000)));
        assert_eq!(ask(32, true), None);
    }

    #[test]
    fn a_clock_that_jumps_back_gives_no_tick_until_it_has_come_to_event_time_again() {
        let mut quiet = QuietTopics::default();
        let start = Instant::now();
        let mut ask = |seconds, clock: i64| {
            let instant = start + Duration::from_secs(seconds);
            let now = Now { live: true, instant, time: at(clock * 60_000) };
            quiet.tick_due((0, 0), progress(100, true), now)
        };
        assert_eq!([ask(0, 30), ask(40, 31), ask(80, 101)], [None; 3]);
        assert_eq!(ask(120, 102), Some(at(101 * 60_000)));
    }

    #[test]
    fn a_topic_with_a_backlog_gets_no_tick() {
        let mut quiet = QuietTopics::default();
        let start = Instant::now();
        for second in [0, 40, 80] {
            let now = Now { live: true, instant: start + Duration::from_secs(second), time: at(900_000) };
            assert_eq!(quiet.tick_due((0, 0), progress(0, false), now), None);
        }
    }

    #[test]
    fn the_topic_furthest_ahead_waits_until_the_others_are_near() {
        let behind = progress(0, false);
        assert_eq!(too_far_ahead(&[behind, progress(11, false), progress(5, true)], |_| false), [1]);
        assert_eq!(too_far_ahead(&[behind, progress(5, false), progress(0, true)], |topic| *topic == 1), [1]);
        assert!(too_far_ahead(&[progress(0, true), progress(11, false)], |_| false).is_empty());
    }
}
