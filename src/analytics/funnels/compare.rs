//! Whether rates have changed since the range before by more than chance.
//!
//! A rate is a share of sessions, so two of them are compared by the two-proportion z-test with the pooled share,
//! two-sided. Many rates are compared at once, and of 20 without a change one looks changed at 0.05; so a change is
//! marked where its p-value times the number of rates compared lies under 0.05 (Bonferroni).

use statrs::function::erf::erfc;

use crate::analytics::funnels::Steps;
use crate::model::rate::share;

/// Chance that any mark is wrong while nothing has changed.
const SIGNIFICANCE: f64 = 0.05;

/// So many of so many sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    of: u64,
    part: u64,
}

/// How a rate has changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The rate before; `None` where there was nothing to divide by.
    pub before: Option<f64>,
    /// The rate now less the rate before; `None` where one is unknown.
    pub difference: Option<f64>,
    /// How often chance alone would make them differ so much; `None` where one is unknown.
    pub p_value: Option<f64>,
}

/// How the rates of a funnel have changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Changes {
    /// Of viewed / entered.
    pub view: Change,
    /// Of carted / viewed.
    pub cart: Change,
    /// Of purchased / carted.
    pub purchase: Change,
    /// Of purchased / entered.
    pub conversion: Change,
}

impl Changes {
    /// From one range to the next.
    pub fn new(before: Steps, now: Steps) -> Self {
        let [view, cart, purchase, conversion] = [
            |steps: Steps| Part { part: steps.viewed, of: steps.entered },
            |steps: Steps| Part { part: steps.carted, of: steps.viewed },
            |steps: Steps| Part { part: steps.purchased, of: steps.carted },
            |steps: Steps| Part { part: steps.purchased, of: steps.entered },
        ]
        .map(|rate: fn(Steps) -> Part| Change::new(rate(before), rate(now)));
        Self { view, cart, purchase, conversion }
    }

    /// How many rates could be compared.
    pub fn compared(&self) -> usize {
        [self.view, self.cart, self.purchase, self.conversion]
            .iter()
            .filter(|change| change.p_value.is_some())
            .count()
    }
}

impl Change {
    fn new(before: Part, now: Part) -> Self {
        let difference = now.share().zip(before.share()).map(|(now, before)| now - before);
        Self { before: before.share(), difference, p_value: difference.map(|_| p_value(before, now)) }
    }

    /// Whether it is more than chance, where so many rates were compared.
    pub fn is_significant(&self, compared: usize) -> bool {
        self.p_value.is_some_and(|p_value| p_value * (compared as f64) < SIGNIFICANCE)
    }
}

impl Part {
    fn share(self) -> Option<f64> {
        share(self.part, self.of)
    }
}

/// Two-sided p-value of the two-proportion z-test, of parts of something.
fn p_value(a: Part, b: Part) -> f64 {
    let (n, m) = (a.of as f64, b.of as f64);
    let pooled = (a.part + b.part) as f64 / (n + m);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    if deviation == 0.0 {
        // All did, or none: nothing differs.
        return 1.0;
    }
    let z = (a.part as f64 / n - b.part as f64 / m) / deviation;
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(part: u64, of: u64) -> Part {
        Part { of, part }
    }

    #[test]
    fn the_test_agrees_with_r() {
        // prop.test(c(45, 30), c(100, 100), correct = FALSE): X-squared = 4.8, p-value = 0.02846
        assert!((p_value(part(45, 100), part(30, 100)) - 0.02846).abs() < 1e-5);
    }

    #[test]
    fn where_there_is_nothing_to_divide_by_nothing_is_compared() {
        let changes =
            Changes::new(Steps::default(), Steps { entered: 10, viewed: 5, carted: 0, purchased: 0 });
        assert_eq!(changes.compared(), 0);
        assert_eq!(changes.view, Change { before: None, difference: None, p_value: None });
        assert!(!changes.view.is_significant(0));
    }

    #[test]
    fn the_more_is_compared_the_more_a_change_must_stand_out() {
        let change = Change::new(part(45, 100), part(30, 100));
        assert_eq!([1, 2].map(|compared| change.is_significant(compared)), [true, false]);
        assert!((change.difference.unwrap() + 0.15).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_p_value_is_a_share_is_the_same_both_ways_and_1_for_equal_rates(
            (n, a) in (1u64..1_000_000).prop_flat_map(|n| (Just(n), 0..=n)),
            (m, b) in (1u64..1_000_000).prop_flat_map(|m| (Just(m), 0..=m)),
        ) {
            let p = p_value(part(a, n), part(b, m));
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert!((p - p_value(part(b, m), part(a, n))).abs() < 1e-9);
            prop_assert!((p_value(part(a, n), part(a, n)) - 1.0).abs() < 1e-9);
        }
    }
}
