//! How long a step takes, from counts of how often it took about so long.
//!
//! A duration of s whole seconds counts in bucket ⌊log₂(s + 1)⌋: one second more than it is lies between 2^k and 2^(k+1). Buckets add up over
//! minutes, partitions and roll-ups, which medians do not.

/// Buckets: the last holds all from 2¼ hours on, which is longer than a session.
pub const BUCKETS: usize = 14;

/// Sessions by how long a step took them.
pub type Durations = [u64; BUCKETS];

/// How long each step took the sessions that did it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// From the first search to the first view.
    pub view: Durations,
    /// From the first view to the first addition to the cart after it.
    pub cart: Durations,
    /// From there to the first purchase after it.
    pub purchase: Durations,
}

impl Times {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        let steps = [
            (&mut self.view, &other.view),
            (&mut self.cart, &other.cart),
            (&mut self.purchase, &other.purchase),
        ];
        for (sum, other) in steps.into_iter().flat_map(|(sums, others)| sums.iter_mut().zip(others)) {
            *sum += other;
        }
    }
}

/// The median, in seconds: half of the sessions took at most so long. `None` of no session.
///
/// Within the bucket that it lies in, durations are taken to be spread evenly by their logarithm; so it is off by less
/// than a factor of 2.
pub fn median_seconds(durations: &Durations) -> Option<f64> {
    let half = durations.iter().sum::<u64>() as f64 / 2.0;
    let mut below = 0.0;
    for (bucket, count) in durations.iter().enumerate() {
        let count = *count as f64;
        if count > 0.0 && below + count >= half {
            return Some((bucket as f64 + (half - below) / count).exp2() - 1.0);
        }
        below += count;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the processor counts them.
    fn counted(seconds: &[u64]) -> Durations {
        let mut durations = [0; BUCKETS];
        seconds.iter().for_each(|s| durations[(u64::ilog2(s + 1) as usize).min(BUCKETS - 1)] += 1);
        durations
    }

    #[test]
    fn of_no_session_there_is_no_median() {
        assert_eq!(median_seconds(&Durations::default()), None);
    }

    #[test]
    fn the_median_lies_in_the_middle_of_its_bucket_by_ratio() {
        // All took 31 to 62 s: √(32 · 64) − 1.
        let median = median_seconds(&counted(&[31, 40, 50, 62])).unwrap();
        assert!((median - 44.2548).abs() < 1e-3, "{median}");
        assert_eq!(median_seconds(&counted(&[0, 0, 1_000, 1_000])), Some(1.0));
    }

    proptest! {
        #[test]
        fn the_median_is_less_than_a_factor_of_two_off(seconds in proptest::collection::vec(0u64..7_200, 1..200)) {
            let median = median_seconds(&counted(&seconds)).unwrap();
            let mut sorted = seconds.clone();
            sorted.sort_unstable();
            // Any value between the two in the middle is a median.
            let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
            prop_assert!(median + 1.0 <= 2.0 * (high + 1) as f64, "{median} of {low} to {high}");
            prop_assert!(median + 1.0 >= (low + 1) as f64 / 2.0, "{median} of {low} to {high}");
        }
    }
}
