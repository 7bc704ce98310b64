//! Which queries more sessions search for than usually do, scored as trending products are
//! ([`crate::analytics::trending::score`]).

use crate::analytics::queries::tally::Tally;
use crate::analytics::range::Range;
use crate::analytics::trending::score::{Before, SPANS, Usual, is_trend, score, spans};
use crate::model::time::Timestamp;

/// A query that was searched for in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub query: String,
    /// In the window.
    pub tally: Tally,
    /// Sessions that searched for it in each span before.
    pub before: Before,
}

/// A query that more sessions search for than expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// Which.
    pub query: String,
    /// In the window.
    pub tally: Tally,
    /// Sessions that its own past and the shop's rush let one expect.
    pub expected: f64,
    /// z
    pub score: f64,
}

/// The sessions of the whole shop that searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shop {
    /// In the window.
    pub now: u64,
    /// In each span before.
    pub before: Before,
    /// The first pane in the spans.
    pub first_pane: Option<Timestamp>,
}

/// The spans before a window as ranges.
pub fn ranges_before(window: Range) -> [Range; SPANS] {
    spans(window).map(|span| Range::from_to(span.from, span.to).read_from(window.rolled))
}

/// The queries that trend, greatest score first, at most `size`; equal ones by sessions, then by text.
pub fn rank(candidates: Vec<Candidate>, window: Range, shop: &Shop, size: usize) -> Vec<Trend> {
    let usual = Usual::new(window, shop.first_pane, &shop.before, shop.now);
    let scored = |Candidate { query, tally, before }: Candidate| {
        let expected = usual.expected(&before);
        Trend { query, tally, expected, score: score(tally.sessions, expected) }
    };
    let mut trends: Vec<Trend> = candidates.into_iter().map(scored).collect();
    trends.retain(|trend| is_trend(trend.tally.sessions, trend.score));
    trends.sort_by(|a, b| {
        let by_sessions = b.tally.sessions.cmp(&a.tally.sessions);
        b.score.total_cmp(&a.score).then(by_sessions).then_with(|| a.query.cmp(&b.query))
    });
    trends.truncate(size);
    trends
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window() -> Range {
        Range::last(5, Timestamp::parse("2026-11-21T10:05:00Z").unwrap())
    }

    fn candidate(query: &str, sessions: u64, before: Before) -> Candidate {
        let tally = Tally { sessions, searches: sessions, ..Tally::default() };
        Candidate { query: query.to_owned(), tally, before }
    }

    fn shop(now: u64) -> Shop {
        let first_pane = Timestamp::parse("2026-01-01T00:00:00Z");
        Shop { now, before: [1_200, 1_200, 2_400, 4_800], first_pane }
    }

    fn queries(trends: &[Trend]) -> Vec<&str> {
        trends.iter().map(|trend| trend.query.as_str()).collect()
    }

    #[test]
    fn what_is_searched_for_more_than_usual_trends_and_what_always_is_does_not() {
        let candidates = vec![
            candidate("gift", 100, [600, 600, 1_200, 2_400]),
            candidate("heater", 40, [12, 12, 24, 48]),
            candidate("once", 2, [0; SPANS]),
        ];
        let trends = rank(candidates.clone(), window(), &shop(200), 10);
        assert_eq!(queries(&trends), ["heater"]);
        assert!((trends[0].expected - 2.0).abs() < 1e-9);
        // Twenty times the usual rush explains it.
        assert!(rank(candidates, window(), &shop(4_000), 10).is_empty());
    }

    #[test]
    fn the_spans_lie_in_the_past_and_end_where_the_window_begins() {
        let ranges = ranges_before(window());
        assert_eq!(ranges[0].to.millis() + 1, window().from.millis());
        assert!(ranges.windows(2).all(|pair| pair[1].to.millis() + 1 == pair[0].from.millis()));
        assert_eq!(ranges.map(|range| range.minutes), [30, 30, 60, 120]);
    }

    proptest! {
        #[test]
        fn the_order_of_candidates_does_not_matter(
            counts in prop::collection::vec((0u64..20, 0u64..9), 0..30), size in 0usize..20,
        ) {
            let numbered = counts.iter().enumerate();
            let candidates: Vec<_> = numbered.map(|(n, (now, before))| candidate(&n.to_string(), *now, [*before; SPANS])).collect();
            let turned = candidates.iter().rev().cloned().collect();
            let ranked = rank(candidates, window(), &shop(200), size);
            prop_assert!(ranked.len() <= size && ranked.is_sorted_by(|a, b| a.score >= b.score));
            prop_assert_eq!(ranked, rank(turned, window(), &shop(200), size));
        }
    }
}
