//! What is usual, and how far from it a count is: the score of everything that trends.
//!
//! The *rate* of something before a window is the decayed mean of its counts: the four half-lives before the window are
//! cut into spans of ½, ½, 1 and 2 half-lives, each weighs 2^(−age of its middle / half-life), and
//! rate = Σ weight · count / Σ weight · time. The half-life is an hour, or the window's length where that is more. The cuts are at full
//! quarters of an hour, those of two hours ago and more at full hours. Time in which the shop did not exist yet is not
//! counted, so that a shop that opened ten minutes ago is judged by these ten.
//!
//! *Expected* = rate · length of the window · how much busier than its own rate the whole shop is (at least 1): in the
//! rush of the evening everything is looked at more, and nothing is a trend for that alone.
//!
//! The *score* is z = (count − expected) / √(expected + 1): the distance in standard deviations of a Poisson count,
//! softened by 1 so that what nobody expected needs some evidence too. From [`SUPPORT_MIN`] and [`SCORE_MIN`] on it is a trend.

use chrono::TimeDelta;

use crate::analytics::range::Range;
use crate::model::time::{HOUR_MS, MINUTE_MS, Timestamp};

/// Fewest counts that make a trend: fewer are chance.
pub const SUPPORT_MIN: u64 = 3;
/// Least score that makes a trend. What is as usual reaches it one time in 44.
pub const SCORE_MIN: f64 = 2.0;
/// Into how many spans the past is cut.
pub const SPANS: usize = 4;

/// Where the spans begin and end, in half of a half-life before the window.
const EDGES: [i32; SPANS + 1] = [0, 1, 2, 4, 8];
/// Shortest half-life: a few minutes say little of what is usual.
const HALF_LIFE_MIN: TimeDelta = TimeDelta::hours(1);
/// Edges that lie so long before the window are full hours, and the others full quarters: so the past is read from what is
/// rolled up.
const FULL_HOURS_AFTER: TimeDelta = TimeDelta::hours(2);
const QUARTER_MS: i64 = 15 * MINUTE_MS;

/// A stretch of the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Start of its first pane.
    pub from: Timestamp,
    /// Start of the first pane after it.
    pub to: Timestamp,
    /// What a count in it weighs, 0 to 1.
    weight: f64,
}

/// What is counted in each of the [`spans`] of a window, the latest first.
pub type Before = [u64; SPANS];

/// The spans before a window without gap or overlap, the latest first.
pub fn spans(window: Range) -> [Span; SPANS] {
    let half_life = TimeDelta::minutes(i64::from(window.minutes)).max(HALF_LIFE_MIN);
    let edges = EDGES.map(|halves| {
        let age = half_life * halves / 2;
        let grain = if age >= FULL_HOURS_AFTER { HOUR_MS } else { QUARTER_MS };
        if halves == 0 { window.from } else { (window.from - age).floor_to(grain) }
    });
    let [first, second, third, fourth, fifth] = edges;
    [(second, first), (third, second), (fourth, third), (fifth, fourth)].map(|(from, to)| {
        let middle_age = window.from - to + (to - from) / 2;
        let half_lives = middle_age.as_seconds_f64() / half_life.as_seconds_f64();
        Span { from, to, weight: (-half_lives).exp2() }
    })
}

/// What the past leads one to expect in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    weights: [f64; SPANS],
    /// Of a weighted count to what is expected.
    factor: f64,
}

impl Usual {
    /// Given the first pane that the shop has in the spans, all its counts in them, and its count in the window.
    pub fn new(window: Range, first_pane: Option<Timestamp>, before: &Before, now: u64) -> Self {
        let spans = spans(window);
        let weights = spans.map(|span| span.weight);
        let observed: f64 = spans.iter().map(|span| span.weight * span.seconds_since(first_pane)).sum();
        let per_weighted = if observed > 0.0 { window.length().as_seconds_f64() / observed } else { 0.0 };
        let of_shop = Self { weights, factor: per_weighted }.expected(before);
        let busyness = if of_shop > 0.0 { (now as f64 / of_shop).max(1.0) } else { 1.0 };
        Self { weights, factor: per_weighted * busyness }
    }

    /// The count that these counts before lead one to expect; 0 where nothing was before.
    pub fn expected(&self, before: &Before) -> f64 {
        let weighted = before.iter().zip(self.weights).map(|(count, weight)| *count as f64 * weight);
        weighted.sum::<f64>() * self.factor
    }
}

impl Span {
    /// Its length, as far as it lies after the shop's first pane.
    fn seconds_since(&self, first_pane: Option<Timestamp>) -> f64 {
        first_pane.map_or(0.0, |first| (self.to - self.from.max(first)).as_seconds_f64().max(0.0))
    }
}

/// z = (count − expected) / √(expected + 1); never more than the count.
pub fn score(count: u64, expected: f64) -> f64 {
    (count as f64 - expected) / (expected + 1.0).sqrt()
}

/// Whether a count with this score is a trend.
pub fn is_trend(count: u64, score: f64) -> bool {
    count >= SUPPORT_MIN && score >= SCORE_MIN
}

/// The score in words: `42 view sessions, 3.1 expected, 13×`. Multiples are rounded down, and left out where nearly
/// nothing was expected.
pub fn reason(count: u64, of: &str, expected: f64) -> String {
    let times = count as f64 / expected;
    let multiple = match expected {
        ..0.05 => String::new(),
        _ if times >= 10.0 => format!(", {:.0}×", times.floor()),
        _ => format!(", {:.1}×", (times * 10.0).floor() / 10.0),
    };
    format!("{count} {of}, {expected:.1} expected{multiple}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn window(minutes: u32) -> Range {
        Range::last(minutes, at("2026-11-21T10:05:00Z"))
    }

    /// Long open, and as busy as ever.
    fn usual(window: Range) -> Usual {
        Usual::new(window, Some(at("2026-01-01T00:00:00Z")), &[0; SPANS], 0)
    }

    #[test]
    fn the_past_of_five_minutes_are_four_hours_that_count_less_and_less() {
        let spans = spans(window(5));
        let minutes = spans.map(|span| (span.to - span.from).num_minutes());
        assert_eq!((minutes, spans[0].to), ([30, 30, 60, 120], at("2026-11-21T10:00:00Z")));
        let weights = spans.map(|span| (span.weight * 1_000.0).round());
        assert_eq!(weights, [841.0, 595.0, 354.0, 125.0]);
    }

    #[test]
    fn a_steady_rate_is_expected_again() {
        // 2 a minute in each span.
        let expected = usual(window(5)).expected(&[60, 60, 120, 240]);
        assert!((expected - 10.0).abs() < 1e-9, "{expected}");
    }

    #[test]
    fn what_was_an_hour_ago_weighs_more_than_what_was_three_hours_ago() {
        let usual = usual(window(5));
        assert!(usual.expected(&[0, 60, 0, 0]) > 4.0 * usual.expected(&[0, 0, 0, 60]));
    }

    #[test]
    fn a_young_shop_is_judged_by_the_minutes_that_it_has_lived() {
        let opened = Some(at("2026-11-21T09:50:00Z"));
        let usual = Usual::new(window(5), opened, &[0; SPANS], 0);
        assert!((usual.expected(&[20, 0, 0, 0]) - 10.0).abs() < 1e-9);
        assert_eq!(Usual::new(window(5), None, &[0; SPANS], 9).expected(&[0; SPANS]), 0.0);
    }

    #[test]
    fn in_a_rush_more_is_expected_of_everything_and_in_a_lull_no_less() {
        let (opened, before) = (Some(at("2026-01-01T00:00:00Z")), [600, 600, 1_200, 2_400]);
        let expected = |now| Usual::new(window(5), opened, &before, now).expected(&[60, 60, 120, 240]);
        // 100 are usual.
        for (now, wanted) in [(300, 30.0), (100, 10.0), (20, 10.0)] {
            assert!((expected(now) - wanted).abs() < 1e-9, "{now}: {}", expected(now));
        }
    }

    #[test]
    fn a_reason_tells_count_expectation_and_multiple() {
        assert_eq!(reason(42, "view sessions", 3.1), "42 view sessions, 3.1 expected, 13×");
        assert_eq!(reason(7, "orders", 2.99), "7 orders, 3.0 expected, 2.3×");
        assert_eq!(reason(5, "view sessions", 0.0), "5 view sessions, 0.0 expected");
    }

    proptest! {
        #[test]
        fn the_spans_leave_no_gap_do_not_overlap_and_weigh_less_the_older_they_are(
            minutes in 1u32..=129_600, now in 1_000_000_000_000i64..4_000_000_000_000,
        ) {
            let window = Range::last(minutes, Timestamp::from_millis(now));
            let spans = spans(window);
            prop_assert_eq!(spans[0].to, window.from);
            prop_assert!(spans.iter().all(|span| span.from < span.to && span.weight > 0.0 && span.weight < 1.0));
            for (later, earlier) in spans.iter().zip(&spans[1..]) {
                prop_assert_eq!(earlier.to, later.from);
                prop_assert!(earlier.weight < later.weight);
            }
        }

        #[test]
        fn what_came_steadily_is_expected_steadily_however_old_the_shop_is(
            minutes in 1u32..=1_440, per_minute in 1u64..1_000, age_minutes in 1i64..10_000,
        ) {
            let window = Range::last(minutes, at("2026-11-21T10:05:00Z"));
            let opened = window.from - TimeDelta::minutes(age_minutes);
            let before = spans(window).map(|span| per_minute * (span.seconds_since(Some(opened)) / 60.0).round() as u64);
            let expected = Usual::new(window, Some(opened), &before, 0).expected(&before);
            let wanted = per_minute as f64 * f64::from(minutes);
            prop_assert!((expected / wanted - 1.0).abs() < 1e-9, "{expected} for {wanted}");
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
    }
}
