//! Which searches come first: those that are made most, that grow, that fail, that earn.

use poem_openapi::Enum;

use crate::analytics::queries::tally::Tally;
use crate::analytics::trending::score::{is_trend, score};
use crate::model::rate::Rate;

/// Fewest searches, or units bought, of which a share is held against others.
pub const SHARE_OF_MIN: u64 = 5;

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum)]
#[oai(rename = "QuerySort", rename_all = "snake_case")]
pub enum Sort {
    /// What is searched for most.
    Top,
    /// What more sessions search for than in the range before.
    Rising,
    /// What finds nothing, or nothing that anybody looks at.
    Failing,
    /// What brings the most money.
    Revenue,
    /// What leads to goods that come back.
    Refunded,
}

/// One query or category, and what its searches came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The query or the category's path.
    pub key: String,
    /// In the range.
    pub tally: Tally,
    /// Sessions that searched for it in the range before.
    pub sessions_before: u64,
}

/// A row in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// What.
    pub row: Row,
    /// By what it was put there.
    pub score: f64,
}

impl Sort {
    /// The stored field by which candidates are chosen: a row without much of it has a small score.
    pub fn measure(self) -> &'static str {
        match self {
            Self::Top | Self::Rising | Self::Failing => "searches",
            Self::Revenue => "revenue_cents",
            Self::Refunded => "refunded_units",
        }
    }

    /// The stored fields that say in which place a row is.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Top => &["searches"],
            Self::Rising => &["searches", "sessions"],
            Self::Failing => &["searches", "clicked"],
            Self::Revenue => &["searches", "revenue_cents"],
            Self::Refunded => &["searches", "refunded_units", "units"],
        }
    }

    /// How far ahead a row is; `None` where too little is known of it, or nothing speaks for it.
    fn score(self, row: &Row, growth: f64) -> Option<f64> {
        let Row { tally, sessions_before, .. } = row;
        let positive = |score: f64| (score > 0.0).then_some(score);
        match self {
            Self::Top => positive(tally.searches as f64),
            Self::Rising => {
                let z = score(tally.sessions, *sessions_before as f64 * growth);
                is_trend(tally.sessions, z).then_some(z)
            }
            Self::Failing => least_share(tally.failed(), tally.searches).and_then(positive),
            Self::Revenue => positive(tally.revenue_cents as f64),
            Self::Refunded => least_share(tally.refunded_units, tally.units).and_then(positive),
        }
    }
}

/// The share that is at least there, as 97.5 of 100 samples would say: the lower end of Wilson's 95 % interval. So 5 of 5
/// come behind 90 of 100.
fn least_share(part: u64, whole: u64) -> Option<f64> {
    Rate::new(part.min(whole), whole).low.filter(|_| whole >= SHARE_OF_MIN)
}

/// The greatest scores first, at most `size`; equal ones by searches, then by key. `growth` is the length of the range
/// divided by that of the range before.
pub fn rank(rows: Vec<Row>, sort: Sort, growth: f64, size: usize) -> Vec<Ranked> {
    let scored = |row: Row| Some(Ranked { score: sort.score(&row, growth)?, row });
    let mut ranked: Vec<Ranked> = rows.into_iter().filter_map(scored).collect();
    ranked.sort_by(|a, b| {
        let by_searches = b.row.tally.searches.cmp(&a.row.tally.searches);
        b.score.total_cmp(&a.score).then(by_searches).then_with(|| a.row.key.cmp(&b.row.key))
    });
    ranked.truncate(size);
    ranked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analytics::queries::tally::tests::tallies;

    fn row(key: &str, tally: Tally) -> Row {
        Row { key: key.to_owned(), tally, sessions_before: 0 }
    }

    fn keys(ranked: &[Ranked]) -> Vec<&str> {
        ranked.iter().map(|ranked| ranked.row.key.as_str()).collect()
    }

    fn searched(key: &str, searches: u64, clicked: u64) -> Row {
        row(key, Tally { sessions: searches, searches, clicked, ..Tally::default() })
    }

    #[test]
    fn what_surely_fails_comes_before_what_may_have_failed_by_chance() {
        let rows = vec![
            searched("chance", 5, 0),
            searched("sure", 100, 10),
            searched("fine", 100, 90),
            searched("rare", 4, 0),
        ];
        let ranked = rank(rows, Sort::Failing, 1.0, 10);
        assert_eq!(keys(&ranked), ["sure", "chance", "fine"]);
        // 90 of 100: [0.826, 0.945]; 5 of 5: [0.566, 1].
        assert!((ranked[0].score - 0.8256).abs() < 1e-4 && (ranked[1].score - 0.5655).abs() < 1e-4);
    }

    #[test]
    fn what_grows_comes_before_what_is_always_searched_for() {
        let grown = Row { sessions_before: 4, ..searched("grown", 40, 1) };
        let steady = Row { sessions_before: 1_000, ..searched("steady", 1_000, 1) };
        let rows = vec![steady.clone(), grown.clone(), searched("new", 9, 0), searched("once", 2, 0)];
        assert_eq!(keys(&rank(rows.clone(), Sort::Rising, 1.0, 10)), ["grown", "new"]);
        assert_eq!(keys(&rank(rows.clone(), Sort::Top, 1.0, 2)), ["steady", "grown"]);
        // A range of half the length lets one expect half as many.
        assert_eq!(keys(&rank(rows, Sort::Rising, 0.5, 1)), ["steady"]);
    }

    #[test]
    fn what_comes_back_is_held_against_what_was_bought() {
        let sold = |key, units, refunded_units| {
            row(key, Tally { units, refunded_units, revenue_cents: units, ..Tally::default() })
        };
        let rows = vec![sold("much", 100, 20), sold("most", 10, 12), sold("few", 4, 4), sold("none", 50, 0)];
        assert_eq!(keys(&rank(rows.clone(), Sort::Refunded, 1.0, 10)), ["most", "much"]);
        assert_eq!(keys(&rank(rows, Sort::Revenue, 1.0, 2)), ["much", "none"]);
    }

    proptest! {
        #[test]
        fn the_order_of_rows_does_not_matter(
            tallies in prop::collection::vec((tallies(), 0u64..100), 0..20),
            sort in prop::sample::select(vec![Sort::Top, Sort::Rising, Sort::Failing, Sort::Revenue, Sort::Refunded]),
            size in 0usize..10,
        ) {
            let numbered = tallies.into_iter().enumerate();
            let rows: Vec<Row> = numbered
                .map(|(n, (tally, sessions_before))| Row { key: n.to_string(), tally, sessions_before })
                .collect();
            let turned = rows.iter().rev().cloned().collect();
            let ranked = rank(rows, sort, 1.0, size);
            prop_assert!(ranked.len() <= size && ranked.is_sorted_by(|a, b| a.score >= b.score));
            prop_assert!(ranked.iter().all(|one| one.score > 0.0 && one.score.is_finite()));
            prop_assert_eq!(ranked, rank(turned, sort, 1.0, size));
        }

        #[test]
        fn a_place_is_known_from_the_fields_that_are_asked_for(
            tally in tallies(), before in 0u64..100,
            sort in prop::sample::select(vec![Sort::Top, Sort::Rising, Sort::Failing, Sort::Revenue, Sort::Refunded]),
        ) {
            let asked: serde_json::Map<_, _> = sort.fields().iter().map(|field| {
                let value = match *field {
                    "searches" => tally.searches,
                    "sessions" => tally.sessions,
                    "clicked" => tally.clicked,
                    "revenue_cents" => tally.revenue_cents,
                    "refunded_units" => tally.refunded_units,
                    _ => tally.units,
                };
                ((*field).to_owned(), serde_json::json!({ "value": value }))
            }).collect();
            let part: Tally = serde_json::from_value(asked.into()).unwrap();
            let place = |tally| sort.score(&Row { key: "q".to_owned(), tally, sessions_before: before }, 1.0);
            prop_assert_eq!(place(part), place(tally));
        }

        #[test]
        fn more_failures_never_put_a_query_further_down(searches in 5u64..1_000, clicked in 1u64..1_000) {
            prop_assume!(clicked <= searches);
            let score = |clicked| Sort::Failing.score(&searched("q", searches, clicked), 1.0).unwrap_or_default();
            prop_assert!(score(clicked - 1) > score(clicked));
            prop_assert!(score(clicked) <= (searches - clicked) as f64 / searches as f64 + 1e-12);
        }
    }
}
