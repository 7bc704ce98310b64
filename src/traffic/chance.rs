//! Chance: one seeded source of randomness, and the distributions that the simulation draws from.
//!
//! The generator is named and not `StdRng`, whose algorithm may change with a release of `rand`: a seed
//! shall mean the same stream for as long as this file does. What is drawn for each event is drawn from
//! tables, for a logarithm or a search of a long list would cost as much as the rest of the event.

use std::convert::Infallible;
use std::sync::LazyLock;

use chrono::TimeDelta;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng, TryRng};

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

    /// How long a person takes for something that takes `mean_s` seconds on average: log-normal, as dwell
    /// times in click logs are, between a fourteenth and nine times the mean.
    pub fn dwell(&mut self, mean_s: f64) -> TimeDelta {
        // The sum of four even draws is nearly normal, and costs one draw of 64 bits.
        let bits = self.next_u64();
        let sum: u32 = (0..4).map(|part| u32::from((bits >> (16 * part)) as u16)).sum();
        let factor = DWELLS.get((sum >> DWELL_BITS) as usize).copied().unwrap_or(1.0);
        TimeDelta::milliseconds((mean_s * f64::from(factor) * 1_000.0) as i64)
    }
}

/// Standard deviation of a dwell time's logarithm.
const DWELL_SIGMA: f64 = 0.7;
/// How many of the sum's 18 bits are too fine to matter.
const DWELL_BITS: u32 = 8;

/// Factors of the mean by the sum of four draws of 16 bits.
static DWELLS: LazyLock<[f32; 1_024]> = LazyLock::new(|| {
    let (mean, deviation) = (2.0 * 65_535.0, 65_536.0 / 3_f64.sqrt());
    std::array::from_fn(|place| {
        let sum = (place as f64 + 0.5) * f64::from(1_u32 << DWELL_BITS);
        let normal = (sum - mean) / deviation;
        (DWELL_SIGMA * normal - DWELL_SIGMA * DWELL_SIGMA / 2.0).exp() as f32
    })
});

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

/// Places drawn by their weight at the same small cost for any number of them: Vose's alias method.
#[derive(Debug, Clone)]
pub struct Alias(Vec<Slot>);

/// As likely as every other slot; below the threshold it stands for its own place, else for the other.
#[derive(Debug, Clone, Copy)]
struct Slot {
    threshold: u32,
    other: u32,
}

impl Alias {
    /// Prepares the weights (none negative, at least one above 0); `None` when there is none.
    pub fn new(weights: impl Iterator<Item = f64>) -> Option<Self> {
        let mut scaled: Vec<f64> = weights.collect();
        let mean = scaled.iter().sum::<f64>() / scaled.len() as f64;
        if mean.is_nan() || mean <= 0.0 {
            return None;
        }
        scaled.iter_mut().for_each(|weight| *weight /= mean);
        let mut slots: Vec<Slot> =
            (0..scaled.len()).map(|place| Slot { threshold: u32::MAX, other: place as u32 }).collect();
        let (mut poor, mut rich): (Vec<usize>, Vec<usize>) =
            (0..scaled.len()).partition(|place| scaled.get(*place).is_some_and(|weight| *weight < 1.0));
        while let (Some(needs), Some(gives)) = (poor.pop(), rich.pop()) {
            let own = scaled.get(needs).copied().unwrap_or_default();
            if let Some(slot) = slots.get_mut(needs) {
                *slot = Slot { threshold: (own * f64::from(u32::MAX)) as u32, other: gives as u32 };
            }
            if let Some(left) = scaled.get_mut(gives) {
                *left -= 1.0 - own;
                if *left < 1.0 { poor.push(gives) } else { rich.push(gives) }
            }
        }
        Some(Self(slots))
    }

    /// A place from 0, each by its weight.
    pub fn draw(&self, chance: &mut Chance) -> usize {
        let bits = chance.next_u64();
        let place = ((bits >> 32) * self.0.len() as u64) >> 32;
        let own =
            |slot: &Slot| if bits as u32 <= slot.threshold { place as usize } else { slot.other as usize };
        self.0.get(place as usize).map_or(0, own)
    }
}

/// Weights summed up, to draw among the first so many of them.
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

    /// A place from 0 among the first `count` (at least one), each by its weight.
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
        let weights = [1.0, 0.0, 3.0];
        let ladder = Ladder::new(weights.into_iter()).unwrap();
        let alias = Alias::new(weights.into_iter()).unwrap();
        let draws: [&dyn Fn(&mut Chance) -> usize; 2] =
            [&|chance| ladder.climb_below(3, chance), &|chance| alias.draw(chance)];
        for draw in draws {
            let mut chance = Chance::new(1);
            let mut counts = [0; 3];
            (0..4_000).for_each(|_| counts[draw(&mut chance)] += 1);
            assert_eq!(counts[1], 0);
            assert!((2_900..3_100).contains(&counts[2]), "{counts:?}");
        }
    }

    #[test]
    fn a_dwell_has_the_mean_that_was_asked_for_and_a_long_tail() {
        let mut chance = Chance::new(2);
        let mut dwells: Vec<i64> = (0..10_000).map(|_| chance.dwell(10.0).num_milliseconds()).collect();
        let mean = dwells.iter().sum::<i64>() / 10_000;
        assert!((9_700..10_300).contains(&mean), "{mean}");
        dwells.sort_unstable();
        // A log-normal time's median is the mean divided by e^(sigma^2 / 2).
        assert!((7_500..8_100).contains(&dwells[5_000]), "{}", dwells[5_000]);
        assert!(dwells[0] > 500 && dwells[9_999] < 100_000, "{} to {}", dwells[0], dwells[9_999]);
    }

    #[test]
    fn nothing_can_be_drawn_by_no_weight() {
        assert!(Alias::new(std::iter::empty()).is_none());
        assert!(Alias::new([0.0, 0.0].into_iter()).is_none());
    }

    proptest! {
        #[test]
        fn a_draw_is_always_one_of_the_places_asked_for(seed: u64, weights in 1usize..50, count in 0usize..60) {
            let ladder = Ladder::new((1..=weights).map(|place| 1.0 / place as f64)).unwrap();
            let place = ladder.climb_below(count, &mut Chance::new(seed));
            prop_assert!(place < weights && place < count.max(1));
        }

        #[test]
        fn the_alias_method_keeps_every_weight(weights in proptest::collection::vec(0.0f64..10.0, 1..30)) {
            let total: f64 = weights.iter().sum();
            prop_assume!(total > 0.1);
            let Alias(slots) = Alias::new(weights.iter().copied()).unwrap();
            let mut kept = vec![0.0; slots.len()];
            for (place, slot) in slots.iter().enumerate() {
                let own = f64::from(slot.threshold) / f64::from(u32::MAX) / slots.len() as f64;
                kept[place] += own;
                kept[slot.other as usize] += 1.0 / slots.len() as f64 - own;
            }
            for (kept, weight) in kept.iter().zip(&weights) {
                prop_assert!((kept - weight / total).abs() < 1e-6, "{} {}", kept, weight / total);
            }
        }
    }
}
