//! Chance: one seeded source of randomness, and the distributions that the simulation draws from.
//!
//! The generator is named and not `StdRng`, whose algorithm may change with a release of `rand`: a seed
//! shall mean the same stream for as long as this file does.

use std::convert::Infallible;

use chrono::TimeDelta;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng, TryRng};

/// A seeded source of randomness. The same seed gives the same draws.
#[derive(Debug, Clone)]
pub struct Chance(Xoshiro256PlusPlus);

impl Chance {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// One of them, each as likely; `None` when there is none.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        (!choices.is_empty()).then(|| self.random_range(0..choices.len())).and_then(|at| choices.get(at))
    }

    /// A whole number of milliseconds between two bounds in seconds, each as likely.
    pub fn between_s(&mut self, least_s: i64, most_s: i64) -> TimeDelta {
        TimeDelta::milliseconds(self.random_range(least_s * 1_000..=most_s * 1_000))
    }

    /// How long a person takes for something that takes `mean_s` seconds on average: the sum of two
    /// exponential times (Erlang), so neither ever nothing nor often the mean; at most eight times the mean.
    pub fn dwell(&mut self, mean_s: f64) -> TimeDelta {
        let mut exponential = || -(1.0 - self.random::<f64>()).ln();
        let factor = ((exponential() + exponential()) / 2.0).clamp(0.05, 8.0);
        TimeDelta::milliseconds((mean_s * factor * 1_000.0) as i64)
    }
}

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

/// Weights summed up, to draw by.
#[derive(Debug, Clone)]
pub struct Ladder(Vec<f64>);

impl Ladder {
    /// Sums the weights up; `None` when there is none.
    pub fn new(weights: impl Iterator<Item = f64>) -> Option<Self> {
        let sums = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Some(Self(sums.collect())).filter(|ladder| !ladder.0.is_empty())
    }

    /// A place from 0, each by its weight.
    pub fn climb(&self, chance: &mut Chance) -> usize {
        self.climb_below(self.0.len(), chance)
    }

    /// As [`Ladder::climb`], among the first `count` places only (at least one).
    pub fn climb_below(&self, count: usize, chance: &mut Chance) -> usize {
        let rungs = self.0.get(..count.max(1)).unwrap_or(&self.0);
        let height = rungs.last().copied().unwrap_or_default() * chance.random::<f64>();
        rungs.partition_point(|rung| *rung <= height).min(rungs.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn places_are_drawn_by_their_weight() {
        let ladder = Ladder::new([1.0, 0.0, 3.0].into_iter()).unwrap();
        let mut chance = Chance::new(1);
        let mut counts = [0; 3];
        (0..4_000).for_each(|_| counts[ladder.climb(&mut chance)] += 1);
        assert_eq!(counts[1], 0);
        assert!((2_900..3_100).contains(&counts[2]), "{counts:?}");
    }

    #[test]
    fn a_dwell_has_the_mean_that_was_asked_for() {
        let mut chance = Chance::new(2);
        let sum: i64 = (0..10_000).map(|_| chance.dwell(10.0).num_milliseconds()).sum();
        assert!((9_700..10_300).contains(&(sum / 10_000)), "{sum}");
    }

    proptest! {
        #[test]
        fn a_draw_is_always_one_of_the_places_asked_for(seed: u64, weights in 1usize..50, count in 0usize..60) {
            let ladder = Ladder::new((1..=weights).map(|place| 1.0 / place as f64)).unwrap();
            let place = ladder.climb_below(count, &mut Chance::new(seed));
            prop_assert!(place < weights && place < count.max(1));
        }
    }
}
