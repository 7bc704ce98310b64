//! A share with its confidence interval.

use std::fmt;

use serde::Serialize;

/// Standard deviations of a 95 % interval.
const Z: f64 = 1.959_964;

/// A part of a whole; `None` of nothing.
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The share, 0.0 to 1.0; `None` of nothing.
    pub value: Option<f64>,
    /// Least value of the 95 % interval by Wilson's score, which holds near 0 and 1 too.
    pub low: Option<f64>,
    /// Its greatest value.
    pub high: Option<f64>,
}

impl Rate {
    /// So many of so many.
    pub fn new(count: u64, of: u64) -> Self {
        let Some(share) = share(count, of) else { return Self { count, of, ..Self::default() } };
        let n = of as f64;
        let weight = 1.0 + Z * Z / n;
        let middle = (share + Z * Z / (2.0 * n)) / weight;
        let half = Z / weight * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        // At the ends the interval ends there too: what is left of the sums is a rounding error.
        let low = if count == 0 { 0.0 } else { (middle - half).max(0.0) };
        let high = if count >= of { 1.0 } else { (middle + half).min(1.0) };
        Self { count, of, value: Some(share), low: Some(low), high: Some(high) }
    }

    /// Whether the share is at least so much; nothing of nothing is enough.
    pub fn reaches(&self, least: f64) -> bool {
        self.value.is_none_or(|value| value >= least)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, of, value, low, high } = self;
        match (value, low, high) {
            (Some(value), Some(low), Some(high)) => {
                write!(f, "{value:.3} [{low:.3}, {high:.3}] ({count} of {of})")
            }
            _ => write!(f, "- (0 of 0)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_interval_is_wilsons() {
        // 81 of 263, as in Newcombe (1998), table I.
        let rate = Rate::new(81, 263);
        let [low, high] = [rate.low, rate.high].map(|bound| (bound.unwrap() * 10_000.0).round());
        assert_eq!([low, high], [2_553.0, 3_662.0]);
        assert_eq!(Rate::new(0, 0).to_string(), "- (0 of 0)");
    }

    #[test]
    fn the_interval_ends_where_shares_end() {
        let ends = |of: u64| (Rate::new(0, of).low, Rate::new(of, of).high);
        assert!((1..1_000).all(|of| ends(of) == (Some(0.0), Some(1.0))));
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_share_and_stays_a_share(of in 1u64..10_000, part in 0.0f64..=1.0) {
            let rate = Rate::new((of as f64 * part) as u64, of);
            let (low, value, high) = (rate.low.unwrap(), rate.value.unwrap(), rate.high.unwrap());
            prop_assert!((0.0..=value + 1e-12).contains(&low) && (value - 1e-12..=1.0).contains(&high));
        }
    }
}
