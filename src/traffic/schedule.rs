//! When each event happens: by the rate and the rhythm alone, whatever the clock does meanwhile, so that the
//! same seed gives the same stream. Whoever sends the events waits for their times.

use chrono::TimeDelta;

use crate::model::time::{MINUTE_MS, Timestamp};
use crate::traffic::rhythm::Rhythm;

/// How far the events' times may lie from the clock (a slow broker, a busy machine) before they jump to it.
const LAG_MAX: TimeDelta = TimeDelta::seconds(1);
/// Parts of an event: a minute of a slow night may have less than one.
const PARTS: u64 = 1_000;

/// Times that are evenly spaced within each minute, whose count the rhythm decides.
#[derive(Debug, Clone)]
pub struct Schedule {
    rhythm: Rhythm,
    per_second: u32,
    /// Where the rhythm's rushes are counted from.
    began: Timestamp,
    /// The minute under way.
    minute: Timestamp,
    /// Parts of events in it, at least one.
    parts: u64,
    /// How far into them the next event is; beyond `parts`, it lies in a later minute.
    next: u64,
    last: Timestamp,
}

impl Schedule {
    /// Times from `start` on, on average so many (at least one) a second.
    pub fn new(start: Timestamp, per_second: u32, rhythm: Rhythm) -> Self {
        let per_second = per_second.max(1);
        let mut schedule =
            Self { rhythm, per_second, began: start, minute: start, parts: 0, next: 0, last: Timestamp::MIN };
        schedule.parts = schedule.parts_of_minute();
        schedule
    }

    fn parts_of_minute(&self) -> u64 {
        let middle = self.minute + TimeDelta::milliseconds(MINUTE_MS / 2);
        let parts = f64::from(self.per_second) * 60.0 * PARTS as f64 * self.rhythm.factor(middle, self.began);
        (parts.round() as u64).max(1)
    }

    /// The next event's time.
    pub fn next_time(&mut self) -> Timestamp {
        while self.next >= self.parts {
            self.next -= self.parts;
            self.minute = self.minute + TimeDelta::milliseconds(MINUTE_MS);
            self.parts = self.parts_of_minute();
        }
        let into_minute = self.next * MINUTE_MS as u64 / self.parts;
        self.next += PARTS;
        self.minute + TimeDelta::milliseconds(into_minute as i64)
    }

    /// The time of the event that so many others come before, counted from the next one.
    pub fn time_after(mut self, others: u64) -> Timestamp {
        self.next = self.next.saturating_add(others.saturating_mul(PARTS));
        self.next_time()
    }

    /// As [`Schedule::next_time`] for a run by the clock: more than a second away from it, the times go on from
    /// `now`, which is the one thing that makes two runs of a seed differ. They never go back, not even
    /// where the clock is set back.
    pub fn next_by(&mut self, now: Timestamp) -> Timestamp {
        let mut at = self.next_time();
        if (now - at).abs() > LAG_MAX {
            self.minute = now;
            self.parts = self.parts_of_minute();
            self.next = 0;
            at = self.next_time();
        }
        self.last = at.max(self.last);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::at;
    use proptest::prelude::*;

    fn even(per_second: u32) -> Schedule {
        Schedule::new(at(0), per_second, Rhythm::default())
    }

    #[test]
    fn a_quiet_night_has_as_many_events_as_its_rhythm_says() {
        let rhythm = Rhythm { night_to_peak: 0.2, peak_hour: 20.0, ..Rhythm::default() };
        let mut schedule = Schedule::new(at(0), 1, rhythm);
        let mut by_hour = [0.0; 24];
        loop {
            let since_start = (schedule.next_time() - at(0)).num_hours();
            let Some(count) = by_hour.get_mut(since_start as usize) else { break };
            *count += 1.0;
        }
        assert!((by_hour.iter().sum::<f64>() - 86_400.0).abs() < 60.0, "{by_hour:?}");
        let (least, most) =
            by_hour.iter().fold((f64::MAX, 0.0), |(a, b), n| (f64::min(a, *n), f64::max(b, *n)));
        assert!((0.19..0.23).contains(&(least / most)), "{by_hour:?}");
    }

    #[test]
    fn times_are_evenly_spaced() {
        let mut schedule = even(3);
        let times: Vec<_> = (0..5).map(|_| schedule.next_time()).collect();
        assert_eq!(times, [at(0), at(333), at(666), at(1_000), at(1_333)]);
    }

    #[test]
    fn after_a_long_stall_the_times_go_on_from_the_clock() {
        let mut schedule = even(10);
        assert_eq!(schedule.next_by(at(20)), at(0));
        assert_eq!(schedule.next_by(at(60_000)), at(60_000));
        assert_eq!(schedule.next_by(at(60_100)), at(60_100));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_take_the_times_with_it() {
        let mut schedule = even(10);
        let times = [0, 100, -60_000, -59_900].map(|now| schedule.next_by(at(now)));
        assert_eq!(times, [at(0), at(100), at(100), at(100)]);
    }

    proptest! {
        #[test]
        fn a_later_events_time_can_be_told_beforehand(
            per_second in 1u32..1_000, night_to_peak in 0.05f64..=1.0, others in 0u64..20_000
        ) {
            let rhythm = Rhythm { night_to_peak, ..Rhythm::default() };
            let mut schedule = Schedule::new(at(0), per_second, rhythm);
            let told = schedule.clone().time_after(others);
            (0..others).for_each(|_| _ = schedule.next_time());
            prop_assert_eq!(schedule.next_time(), told);
        }

        #[test]
        fn the_times_are_the_same_however_the_clock_jitters(
            per_second in 1u32..100_000, lags in proptest::collection::vec(0i64..1_000, 1..200)
        ) {
            let (mut schedule, mut clock) = (even(per_second), even(per_second));
            for lag in lags {
                let expected = clock.next_time();
                prop_assert_eq!(schedule.next_by(expected + TimeDelta::milliseconds(lag)), expected);
            }
        }

        #[test]
        fn a_run_by_the_clock_never_goes_back_and_stays_within_a_second(
            per_second in 1u32..100_000, steps in proptest::collection::vec(0i64..3_000, 1..200)
        ) {
            let mut schedule = even(per_second);
            let (mut now, mut before) = (at(0), at(0));
            for step in steps {
                now = now + TimeDelta::milliseconds(step);
                let time = schedule.next_by(now);
                prop_assert!(before <= time && (now - time).abs() <= LAG_MAX);
                before = time;
            }
        }
    }
}
