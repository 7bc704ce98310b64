//! Those who have left and will come back: each at the hour that they like, hours to days later.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rand::RngExt;

use crate::model::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use crate::traffic::chance::Chance;
use crate::traffic::visitor::Visitor;

/// Visitors who are remembered: 200,000 of them are some 40 MB. Beyond it the one who would come back last
/// is forgotten.
const RESTING_MAX: usize = 200_000;
/// Visitors are kept by quarters of an hour.
const QUARTER_MS: i64 = 15 * MINUTE_MS;
/// Share of those who come back the same day, within hours.
const SAME_DAY: f64 = 0.4;
/// Mean hours until they do.
const SAME_DAY_HOURS: f64 = 2.5;
/// Mean days until the others do.
const DAYS: f64 = 2.5;
/// How far from their hour they come, at most.
const ABOUT_MS: i64 = HOUR_MS;
/// Who could not come in for so long has lost interest.
const PATIENCE_MS: i64 = 6 * HOUR_MS;

/// The visitors who rest.
pub struct Population {
    /// Share of those who leave and will come back.
    returns: f64,
    /// By the quarter of an hour in which they will.
    resting: BTreeMap<i64, Vec<Visitor>>,
    count: usize,
}

impl Population {
    /// Nobody, of whom a share of `returns` will come back.
    pub fn new(returns: f64) -> Self {
        Self { returns, resting: BTreeMap::new(), count: 0 }
    }

    /// Lets a visitor go, perhaps for good.
    pub fn rest(&mut self, visitor: Visitor, now: Timestamp, chance: &mut Chance) {
        if !chance.random_bool(self.returns) {
            return;
        }
        let back_at = next_visit(now, visitor.taste.hour, chance);
        self.resting.entry(back_at.millis().div_euclid(QUARTER_MS)).or_default().push(visitor);
        self.count += 1;
        if self.count > RESTING_MAX {
            self.forget_one();
        }
    }

    /// Somebody who feels like coming back by now.
    pub fn returning(&mut self, now: Timestamp, chance: &mut Chance) -> Option<Visitor> {
        let this = now.millis().div_euclid(QUARTER_MS);
        while let Some(mut first) = self.resting.first_entry() {
            if *first.key() > this {
                return None;
            }
            if *first.key() < this - PATIENCE_MS / QUARTER_MS || first.get().is_empty() {
                self.count -= first.remove().len();
                continue;
            }
            let waiting = first.get_mut();
            let visitor = waiting.swap_remove(chance.random_range(0..waiting.len()));
            self.count -= 1;
            return Some(visitor);
        }
        None
    }

    fn forget_one(&mut self) {
        let Some(mut last) = self.resting.last_entry() else { return };
        if last.get_mut().pop().is_some() {
            self.count -= 1;
        }
        if last.get().is_empty() {
            last.remove();
        }
    }
}

/// When somebody comes back: later the same day, or days later at about their hour.
fn next_visit(now: Timestamp, hour: u8, chance: &mut Chance) -> Timestamp {
    if chance.random_bool(SAME_DAY) {
        return now + chance.dwell(SAME_DAY_HOURS * 3_600.0);
    }
    let day = (now + TimeDelta::hours(12) + chance.dwell(DAYS * 86_400.0)).floor_to(DAY_MS);
    let about = chance.random_range(-ABOUT_MS..ABOUT_MS);
    let at = day + TimeDelta::milliseconds(i64::from(hour) * HOUR_MS + about);
    at.max(now + TimeDelta::hours(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::at;
    use crate::model::ids::ClientId;
    use crate::traffic::Persona;
    use crate::traffic::taste::Taste;
    use proptest::prelude::*;

    fn visitor(number: u64) -> Visitor {
        Visitor {
            persona: Persona::Shopper,
            user_id: None,
            client_id: ClientId::numbered(0, number),
            taste: Taste { hour: 20, ..Taste::default() },
            seen: true,
        }
    }

    /// The times, in minutes, at which everybody of a hundred is back.
    fn returns(seed: u64) -> Vec<i64> {
        let (mut population, mut chance) = (Population::new(1.0), Chance::new(seed));
        (0..100).for_each(|number| population.rest(visitor(number), at(0), &mut chance));
        let mut times = Vec::new();
        for minute in 0..60 * 24 * 30 {
            while population.returning(at(minute * MINUTE_MS), &mut chance).is_some() {
                times.push(minute);
            }
        }
        times
    }

    #[test]
    fn everybody_who_returns_does_so_hours_to_days_later_and_most_at_their_hour() {
        let times = returns(1);
        assert_eq!(times.len(), 100);
        let within_a_day = times.iter().filter(|minute| **minute < 24 * 60).count();
        assert!(times[0] >= 5 && (30..80).contains(&within_a_day), "{times:?}");
        let later = times.iter().filter(|minute| **minute >= 36 * 60);
        let hours: Vec<u8> = later.map(|minute| at(*minute * MINUTE_MS).hour_of_day()).collect();
        assert!(hours.len() > 30 && hours.iter().all(|hour| matches!(hour, 18..=21)), "{hours:?}");
    }

    #[test]
    fn who_is_not_let_in_for_hours_does_not_come() {
        let (mut population, mut chance) = (Population::new(1.0), Chance::new(1));
        population.rest(visitor(1), at(0), &mut chance);
        assert!(population.returning(at(60 * DAY_MS), &mut chance).is_none());
        assert_eq!(population.count, 0);
    }

    #[test]
    fn a_share_never_returns() {
        let (mut population, mut chance) = (Population::new(0.3), Chance::new(2));
        (0..10_000).for_each(|number| population.rest(visitor(number), at(0), &mut chance));
        assert!((2_850..3_150).contains(&population.count), "{}", population.count);
    }

    proptest! {
        #[test]
        fn the_count_is_that_of_those_who_rest(steps in proptest::collection::vec((0i64..100, any::<bool>()), 1..200)) {
            let (mut population, mut chance) = (Population::new(0.8), Chance::new(3));
            let mut now = at(0);
            for (hours, rests) in steps {
                now = now + TimeDelta::hours(hours);
                if rests {
                    population.rest(visitor(1), now, &mut chance);
                } else {
                    population.returning(now, &mut chance);
                }
                prop_assert_eq!(population.count, population.resting.values().map(Vec::len).sum::<usize>());
            }
        }
    }
}
