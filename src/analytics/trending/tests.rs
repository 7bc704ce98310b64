//! What is listed, and in which order.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

fn window() -> Range {
    Range::last(5, Timestamp::parse("2026-11-21T10:05:00Z").unwrap())
}

fn tally(whole: u64, counts: &[(&str, u64)]) -> Tally {
    let by_key = counts.iter().map(|(key, sessions)| {
        ((*key).to_owned(), Counted { sessions: *sessions, revenue: Cents(*sessions as i64 * 100) })
    });
    Tally { whole, by_key: by_key.collect() }
}

/// A shop that opened half an hour before the window.
fn seen(now: &[(&str, u64)], before: &[(&str, u64)]) -> Seen {
    let [latest, ..] = score::spans(window());
    let mut seen = Seen { now: tally(500, now), first_pane: Some(latest.from), ..Seen::default() };
    seen.before[0] = tally(3_000, before);
    seen
}

fn keys(trends: &[Trend]) -> Vec<&str> {
    trends.iter().map(|trend| trend.key.as_str()).collect()
}

#[test]
fn a_viral_product_is_first_and_a_steady_best_seller_is_not_trending() {
    let now = [("steady", 100), ("viral", 42), ("new", 5), ("rare", 2)];
    let trends = seen(&now, &[("steady", 600), ("viral", 18)]).rank(window());
    assert_eq!(keys(&trends), ["viral", "new"]);
    assert!((trends[0].expected - 3.0).abs() < 1e-9 && (trends[0].score - 19.5).abs() < 1e-9);
}

#[test]
fn in_a_new_shop_the_most_viewed_come_first() {
    let now = tally(23, &[("b", 7), ("c", 9), ("a", 7)]);
    let trends = Seen { now, ..Seen::default() }.rank(window());
    assert_eq!(keys(&trends), ["c", "a", "b"]);
}

#[test]
fn by_revenue_what_sells_more_than_usual_is_ordered_by_what_it_brings_in() {
    let mut seen = seen(&[("dear", 4), ("cheap", 9), ("steady", 90)], &[("steady", 540)]);
    seen.now.by_key.get_mut("dear").unwrap().revenue = Cents(1_000_000);
    let mut trends = seen.rank(window());
    assert_eq!(keys(&trends), ["cheap", "dear"]);
    greatest_revenue_first(&mut trends);
    assert_eq!(keys(&trends), ["dear", "cheap"]);
}

#[test]
fn what_bots_did_is_no_trend_and_their_share_is_told() {
    let all = seen(&[("crawled", 60), ("viral", 42)], &[("viral", 18)]);
    let bots = Seen { now: tally(55, &[("crawled", 58), ("viral", 2), ("gone", 3)]), ..Seen::default() };
    assert_eq!(share_of_bots(&all, &bots), Some(0.11));
    assert_eq!(share_of_bots(&Seen::default(), &Seen::default()), None);
    let trends = all.without(&bots).rank(window());
    assert_eq!((keys(&trends), trends[0].sessions), (vec!["viral"], 40));
}

#[test]
fn categories_are_those_right_below_unless_a_deeper_level_is_asked_for() {
    let path = |text| Some(CategoryPath::parse(text).unwrap());
    let level = |below, wanted| match Among::categories(below, wanted) {
        Ok(Among::Categories { level, .. }) => Ok(level),
        Ok(Among::Products { .. }) => unreachable!("categories"),
        Err(bad) => Err(bad.parameter),
    };
    assert_eq!([level(None, None), level(path("toys.puzzles"), None)], [Ok(1), Ok(3)]);
    assert_eq!([level(None, Some(3)), level(path("toys"), Some(2))], [Ok(3), Ok(2)]);
    assert_eq!([level(path("toys"), Some(1)), level(None, Some(7))], [Err("level"); 2]);
}

prop_compose! {
    fn any_tally()(counts in proptest::collection::vec(0u64..40, 0..30), others in 0u64..1_000) -> Tally {
        let whole = counts.iter().sum::<u64>() + others;
        let counted = |(n, sessions): (usize, u64)| (format!("p{n}"), Counted { sessions, revenue: Cents(n as i64) });
        Tally { whole, by_key: counts.into_iter().enumerate().map(counted).collect() }
    }
}

prop_compose! {
    fn any_seen()(now in any_tally(), before in proptest::array::uniform4(any_tally()), age in 0i64..300) -> Seen {
        Seen { now, before, first_pane: Some(window().from - TimeDelta::minutes(age)) }
    }
}

proptest! {
    #[test]
    fn whatever_is_taken_off_nothing_gets_less_than_nothing_or_more_than_it_was(all in any_seen(), part in any_seen()) {
        let left = all.clone().without(&part);
        for (key, counted) in &left.now.by_key {
            prop_assert!(counted.sessions <= all.now.sessions(key) && counted.revenue >= Cents(0));
        }
        prop_assert!(share_of_bots(&all, &part).is_none_or(|share| (0.0..=1.0).contains(&share)));
        for trend in left.rank(window()) {
            prop_assert!(trend.sessions >= score::SUPPORT_MIN && trend.score >= score::SCORE_MIN);
            prop_assert!(trend.expected >= 0.0 && trend.expected.is_finite());
        }
    }

    #[test]
    fn a_product_that_is_viewed_more_never_falls_in_the_list(seen in any_seen(), more in 1u64..50) {
        let place = |seen: &Seen| {
            let trends = seen.rank(window());
            trends.iter().position(|trend| trend.key == "p0").unwrap_or(usize::MAX)
        };
        let Some(counted) = seen.now.by_key.get("p0").copied() else { return Ok(()) };
        let mut risen = seen.clone();
        risen.now.by_key.insert("p0".to_owned(), Counted { sessions: counted.sessions + more, ..counted });
        prop_assert!(place(&risen) <= place(&seen));
    }
}
