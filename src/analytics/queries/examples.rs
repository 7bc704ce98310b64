//! The examples of the API's description.

use poem_openapi::types::Example;

use crate::analytics::progress::Progress;
use crate::analytics::queries::answers::{Queries, SearchOverview, TrendingQueries};
use crate::analytics::queries::body::Scope;
use crate::analytics::queries::rank::{Ranked, Row, Sort};
use crate::analytics::queries::series::Point;
use crate::analytics::queries::store::{self, Keys, Listed, Overview, Question, Ranking};
use crate::analytics::queries::tally::Tally;
use crate::analytics::range::Range;
use crate::analytics::trending::Trend;
use crate::analytics::trending::score::score;
use crate::http::EXAMPLE_NOW;
use crate::model::money::{Cents, Currency};
use crate::model::time::MINUTE_MS;

fn searches(searches: u64) -> Tally {
    let clicked = searches / 2;
    Tally {
        sessions: searches * 3 / 4,
        searches,
        intents: searches * 4 / 5,
        zero_results: searches / 20,
        clicked,
        clicks: clicked + clicked / 2,
        position_sum: clicked * 6,
        reciprocal_rank_millionths: clicked * 500_000,
        carted: searches / 10,
        purchased: searches / 20,
        units: searches / 20,
        revenue_cents: searches / 20 * 12_999,
        refunded_units: 0,
        refunded_cents: 0,
    }
}

/// The minute that runs.
fn points(tally: Tally) -> Vec<Point> {
    vec![Point { start: EXAMPLE_NOW.floor_to(MINUTE_MS), tally }]
}

impl Example for Queries {
    fn example() -> Self {
        let question = Question {
            range: Range::last(60, EXAMPLE_NOW),
            scope: Scope::Query,
            sort: Sort::Top,
            size: 20,
            keys: Keys::One("headphones".to_owned()),
        };
        let row = Row { key: "headphones".to_owned(), tally: searches(40), sessions_before: 24 };
        let ranking = Ranking {
            progress: Progress::example(),
            bots_told_apart: true,
            items: vec![Ranked { row, score: 40.0 }],
            points: Some(points(searches(40))),
        };
        Self::new(&question, Currency::EUR, ranking)
    }
}

impl Example for SearchOverview {
    fn example() -> Self {
        let overview = Overview {
            progress: Progress::example(),
            bots_told_apart: true,
            now: searches(1_200),
            before: searches(1_000),
            bots: searches(400),
            points: points(searches(20)),
            filters: vec![("brand".to_owned(), searches(120))],
        };
        Self::new(Range::last(60, EXAMPLE_NOW), Currency::EUR, overview)
    }
}

impl Example for TrendingQueries {
    fn example() -> Self {
        let tally = Tally { sessions: 35, ..searches(40) };
        let trend = Trend {
            key: "headphones".to_owned(),
            sessions: tally.sessions,
            revenue: Cents::default(),
            expected: 8.0,
            score: score(tally.sessions, 8.0),
        };
        let found = store::Trends {
            progress: Progress::example(),
            bots_told_apart: true,
            listed: vec![Listed { trend, rank_before: Some(4), tally }],
        };
        Self::new(Range::last(5, EXAMPLE_NOW), Currency::EUR, found)
    }
}
