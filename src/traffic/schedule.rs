//! When each event happens: evenly spaced by the rate, whatever the clock does meanwhile, so that the same
//! seed gives the same stream. Whoever sends the events waits for their times.

use chrono::TimeDelta;

use crate::model::time::Timestamp;

/// How far the events' times may lie from the clock (a slow broker, a busy machine) before they jump to it.
const LAG_MAX: TimeDelta = TimeDelta::seconds(1);

/// Evenly spaced times.
#[derive(Debug, Clone)]
pub struct Schedule {
    start: Timestamp,
    per_second: u32,
    /// Times given since `start`.
    given: u64,
    last: Timestamp,
}

impl Schedule {
    /// Times from `start` on, so many (at least one) a second.
    pub fn new(start: Timestamp, per_second: u32) -> Self {
        Self { start, per_second: per_second.max(1), given: 0, last: Timestamp::MIN }
    }

    /// The next event's time.
    pub fn next(&mut self) -> Timestamp {
        let since_start = u128::from(self.given) * 1_000 / u128::from(self.per_second);
        self.given += 1;
        self.start + TimeDelta::milliseconds(i64::try_from(since_start).unwrap_or(i64::MAX / 2))
    }

    /// As [`Schedule::next`] for a run by the clock: more than a second away from it, the times go on from
    /// `now`, which is the one thing that makes two runs of a seed differ. They never go back, not even
    /// where the clock is set back.
    pub fn next_by(&mut self, now: Timestamp) -> Timestamp {
        let mut at = self.next();
        if (now - at).abs() > LAG_MAX {
            *self = Self { last: self.last, ..Self::new(now, self.per_second) };
            at = self.next();
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

    #[test]
    fn times_are_evenly_spaced() {
        let mut schedule = Schedule::new(at(0), 3);
        let times: Vec<_> = (0..5).map(|_| schedule.next()).collect();
        assert_eq!(times, [at(0), at(333), at(666), at(1_000), at(1_333)]);
    }

    #[test]
    fn after_a_long_stall_the_times_go_on_from_the_clock() {
        let mut schedule = Schedule::new(at(0), 10);
        assert_eq!(schedule.next_by(at(20)), at(0));
        assert_eq!(schedule.next_by(at(60_000)), at(60_000));
        assert_eq!(schedule.next_by(at(60_100)), at(60_100));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_take_the_times_with_it() {
        let mut schedule = Schedule::new(at(0), 10);
        let times = [0, 100, -60_000, -59_900].map(|now| schedule.next_by(at(now)));
        assert_eq!(times, [at(0), at(100), at(100), at(100)]);
    }

    proptest! {
        #[test]
        fn the_times_are_the_same_however_the_clock_jitters(
            per_second in 1u32..100_000, lags in proptest::collection::vec(0i64..1_000, 1..200)
        ) {
            let (mut schedule, mut even) = (Schedule::new(at(0), per_second), Schedule::new(at(0), per_second));
            for lag in lags {
                let expected = even.next();
                prop_assert_eq!(schedule.next_by(expected + TimeDelta::milliseconds(lag)), expected);
            }
        }

        #[test]
        fn a_run_by_the_clock_never_goes_back_and_stays_within_a_second(
            per_second in 1u32..100_000, steps in proptest::collection::vec(0i64..3_000, 1..200)
        ) {
            let mut schedule = Schedule::new(at(0), per_second);
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
