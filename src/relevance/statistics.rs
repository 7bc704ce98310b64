//! How sure a mean over queries is, and whether two rankings differ by more than chance. Pure: the same seed
//! gives the same answer.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};

/// Times that the queries are drawn anew, which settles an interval's ends to about a hundredth of its width.
const RESAMPLES: usize = 5_000;
/// Share of the drawn means that lie outside an interval at each end: it holds 95 %.
const TAIL: f64 = 0.025;

/// A mean with the interval that holds it in 95 of 100 cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// The mean of some queries' scores, with a percentile bootstrap interval (Efron 1979); `None` of none.
pub fn mean(scores: &[f64], seed: u64) -> Option<Estimate> {
    if scores.is_empty() {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| resampled_mean(scores, &mut rng)).collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means.get((share * (RESAMPLES - 1) as f64).round() as usize).copied();
    Some(Estimate {
        mean: average(scores),
        low: at(TAIL).unwrap_or_default(),
        high: at(1.0 - TAIL).unwrap_or_default(),
    })
}

/// How often chance alone would make two rankings of equal worth differ so much: the share of random signs of
/// the queries' differences with a mean at least as far from 0 (Fisher's randomisation test, two-sided).
pub fn chance_of(differences: &[f64], seed: u64) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let observed = differences.iter().sum::<f64>().abs();
    let mut signed = || -> f64 {
        differences.iter().map(|difference| if rng.random() { *difference } else { -difference }).sum()
    };
    // Sums of the same numbers in another order differ in the last digits.
    let as_far = (0..RESAMPLES).filter(|_| signed().abs() >= observed - 1e-9).count();
    // The observed signs are one of the possible ones: no chance is 0.
    (as_far + 1) as f64 / (RESAMPLES + 1) as f64
}

fn resampled_mean(scores: &[f64], rng: &mut impl Rng) -> f64 {
    let draw = |_| scores.get(rng.random_range(0..scores.len())).copied().unwrap_or_default();
    (0..scores.len()).map(draw).sum::<f64>() / scores.len() as f64
}

fn average(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_interval_is_as_wide_as_theory_says() {
        // 400 coin tosses: standard error 0.025, so 95 % lie within 0.049 of the mean.
        let tosses: Vec<f64> = (0..400).map(|n| f64::from(n % 2)).collect();
        let estimate = mean(&tosses, 1).unwrap();
        assert_eq!(estimate.mean, 0.5);
        assert!(
            (estimate.low - 0.451).abs() < 0.006 && (estimate.high - 0.549).abs() < 0.006,
            "{estimate:?}"
        );
        assert!(mean(&[], 1).is_none());
    }

    #[test]
    fn chance_explains_small_differences_and_not_large_ones() {
        let mixed: Vec<f64> = (0..40).map(|n| if n % 2 == 0 { 0.1 } else { -0.1 }).collect();
        assert!(chance_of(&mixed, 1) > 0.9);
        assert!(chance_of(&[0.1; 40], 1) < 0.001);
        // All 2^3 signs: two of eight are as far from 0.
        assert!((chance_of(&[1.0; 3], 1) - 0.25).abs() < 0.02);
    }

    proptest! {
        #[test]
        fn the_mean_lies_in_its_interval_which_lies_in_the_scores(
            scores in prop::collection::vec(0.0_f64..1.0, 1..40), seed: u64
        ) {
            let estimate = mean(&scores, seed).unwrap();
            let (least, most) = scores.iter().fold((1.0_f64, 0.0_f64), |(a, b), x| (a.min(*x), b.max(*x)));
            prop_assert!(least - 1e-9 <= estimate.low && estimate.high <= most + 1e-9);
            prop_assert!(estimate.low <= estimate.high);
            prop_assert_eq!(mean(&scores, seed).unwrap(), estimate);
        }
    }
}
