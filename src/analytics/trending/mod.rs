//! Which products are looked at more than they usually are.
//!
//! A product's interest in a window is its *view sessions*: the sessions that viewed it, counted once for
//! each minute, so that a bot's thousand views in one visit weigh as one. What is expected is its own
//! rate in the time before. The score is z = (count − expected) / √(expected + 1): the distance in
//! standard deviations of a Poisson count, softened by 1 so that a product nobody expected needs some
//! evidence too.

pub mod score;

use chrono::TimeDelta;
use serde::Deserialize;

use crate::analytics::range::Range;
use crate::model::category::CategoryPath;
use crate::model::ids::ProductId;
use crate::model::money::Cents;
use crate::model::time::Timestamp;

/// Fewest view sessions that make a trend: fewer are chance.
pub const SUPPORT_MIN: u64 = 3;
/// Shortest and longest time before the window that says what is usual, in minutes.
const BASELINE_MINUTES: std::ops::RangeInclusive<u32> = 60..=1_440;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// When.
    pub window: Range,
    /// Most items of the answer.
    pub size: usize,
    /// Only products in this category, on any level.
    pub category: Option<CategoryPath>,
}

/// What was done with a product in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Session-minutes with a view.
    pub view_sessions: u64,
    /// Views.
    pub views: u64,
    /// Units put into a cart.
    pub carts: u64,
    /// Units bought.
    pub purchases: u64,
    /// Units given back.
    pub refunds: u64,
    /// What the units bought cost.
    pub revenue: Cents,
}

/// A product that was viewed in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub product_id: ProductId,
    /// In the window.
    pub counts: Counts,
    /// View sessions in the time before the window that [`observed`] gives.
    pub sessions_before: u64,
}

/// A product that is viewed more than expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// Which.
    pub product_id: ProductId,
    /// In the window.
    pub counts: Counts,
    /// View sessions that its own past lets one expect in such a window.
    pub expected: f64,
    /// z, greater than 0.
    pub score: f64,
}

/// What the catalogue knows of a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Shown {
    /// Its id.
    pub id: ProductId,
    /// Its name.
    pub name: String,
    /// Its leaf category; empty where the catalogue names none.
    #[serde(default)]
    pub category: String,
    /// Its maker; empty where the catalogue names none.
    #[serde(default)]
    pub brand: String,
    /// Its picture's file name; empty where there is none.
    #[serde(default)]
    pub image: String,
}

/// Start of the time before the window that says what is usual: three times its minutes, at least an
/// hour, since a few minutes say little, and at most a day, since older habits do not bind.
pub fn baseline_start(window: Range) -> Timestamp {
    let minutes = window.minutes.saturating_mul(3).clamp(*BASELINE_MINUTES.start(), *BASELINE_MINUTES.end());
    window.from - TimeDelta::minutes(i64::from(minutes))
}

/// How much of the baseline the shop has lived through, given its first pane there. A shop that opened
/// ten minutes before the window is judged by these ten; zero when there was nothing before.
pub fn observed(window: Range, first_pane: Option<Timestamp>) -> TimeDelta {
    first_pane.map_or(TimeDelta::zero(), |first| (window.from - first).max(TimeDelta::zero()))
}

/// The count that the rate before leads one to expect; 0 when nothing was observed.
fn expected(sessions_before: u64, observed: TimeDelta, window: TimeDelta) -> f64 {
    if observed <= TimeDelta::zero() {
        return 0.0;
    }
    sessions_before as f64 * window.as_seconds_f64() / observed.as_seconds_f64()
}

/// z = (count − expected) / √(expected + 1); never more than the count.
pub fn score(count: u64, expected: f64) -> f64 {
    (count as f64 - expected) / (expected + 1.0).sqrt()
}

/// The products that are viewed more than expected, greatest score first, at most `size`. Equal scores
/// go by view sessions, then by id, so that the same numbers always give the same order.
pub fn rank(candidates: Vec<Candidate>, window: Range, observed: TimeDelta, size: usize) -> Vec<Trend> {
    let scored = |candidate: Candidate| {
        let expected = expected(candidate.sessions_before, observed, window.length());
        let score = score(candidate.counts.view_sessions, expected);
        Trend { product_id: candidate.product_id, counts: candidate.counts, expected, score }
    };
    let supported = |candidate: &Candidate| candidate.counts.view_sessions >= SUPPORT_MIN;
    let mut trends: Vec<Trend> = candidates.into_iter().filter(supported).map(scored).collect();
    trends.retain(|trend| trend.score > 0.0);
    trends.sort_by(|a, b| {
        let by_count = b.counts.view_sessions.cmp(&a.counts.view_sessions);
        b.score.total_cmp(&a.score).then(by_count).then_with(|| a.product_id.cmp(&b.product_id))
    });
    trends.truncate(size);
    trends
}

impl Trend {
    /// Why it is listed: `42 view sessions, 3.1 expected`.
    pub fn reason(&self) -> String {
        format!("{} view sessions, {:.1} expected", self.counts.view_sessions, self.expected)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window() -> Range {
        Range::last(5, Timestamp::parse("2026-11-21T10:05:00Z").unwrap())
    }

    fn candidate(id: &str, view_sessions: u64, sessions_before: u64) -> Candidate {
        let counts = Counts { view_sessions, views: view_sessions, ..Counts::default() };
        Candidate { product_id: ProductId::parse(id).unwrap(), counts, sessions_before }
    }

    fn ids(trends: &[Trend]) -> Vec<&str> {
        trends.iter().map(|trend| trend.product_id.as_str()).collect()
    }

    const HOUR: TimeDelta = TimeDelta::hours(1);

    #[test]
    fn a_viral_product_is_first_and_a_steady_best_seller_is_not_trending() {
        let candidates = vec![
            candidate("steady", 100, 1_200), // 20 a minute, as ever
            candidate("viral", 42, 36),
            candidate("new", 5, 0),
            candidate("rare", 2, 0),
        ];
        let trends = rank(candidates, window(), HOUR, 10);
        assert_eq!(ids(&trends), ["viral", "new"]);
        assert_eq!(trends[0].reason(), "42 view sessions, 3.0 expected");
        assert!((trends[0].score - 19.5).abs() < 1e-9);
    }

    #[test]
    fn in_a_new_shop_the_most_viewed_come_first() {
        let candidates = vec![candidate("b", 7, 0), candidate("c", 9, 0), candidate("a", 7, 0)];
        assert_eq!(ids(&rank(candidates, window(), observed(window(), None), 10)), ["c", "a", "b"]);
    }

    #[test]
    fn the_usual_is_what_three_windows_showed_but_at_least_an_hour_and_at_most_a_day() {
        let length = |minutes| {
            let window = Range::last(minutes, window().to);
            (window.from - baseline_start(window)).num_minutes()
        };
        assert_eq!([1, 5, 60, 1_440].map(length), [60, 60, 180, 1_440]);
    }

    #[test]
    fn a_young_shop_is_judged_by_the_minutes_that_it_has_lived() {
        let opened = window().from - TimeDelta::minutes(10);
        assert_eq!(observed(window(), Some(opened)), TimeDelta::minutes(10));
        assert!((expected(20, TimeDelta::minutes(10), window().length()) - 10.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn the_order_of_candidates_does_not_matter(
            counts in proptest::collection::vec((0u64..20, 0u64..40), 0..30),
            size in 0usize..20,
        ) {
            let products = counts.iter().enumerate();
            let candidates: Vec<_> = products.map(|(n, (now, before))| candidate(&format!("p{n}"), *now, *before)).collect();
            let turned = candidates.iter().rev().cloned().collect();
            let ranked = rank(candidates, window(), HOUR, size);
            prop_assert!(ranked.len() <= size && ranked.is_sorted_by(|a, b| a.score >= b.score));
            prop_assert_eq!(ranked, rank(turned, window(), HOUR, size));
        }

        #[test]
        fn a_score_rises_with_the_count_falls_with_what_is_expected_and_is_never_more_than_the_count(
            count in 0u64..1_000_000, expected in 0.0..1e6, more in 0.001..1e3,
        ) {
            let z = score(count, expected);
            prop_assert!(z.is_finite() && z <= count as f64);
            prop_assert!(score(count + 1, expected) > z);
            prop_assert!(score(count, expected + more) < z);
        }

        #[test]
        fn what_is_expected_grows_with_the_window(before in 0u64..1_000_000, minutes in 1i64..1_440) {
            let shorter = expected(before, HOUR, TimeDelta::minutes(minutes));
            prop_assert!(shorter <= expected(before, HOUR, TimeDelta::minutes(minutes + 1)));
        }
    }
}
