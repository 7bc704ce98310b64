//! What the endpoints answer. Money becomes decimals here and nowhere before. Every figure is defined in
//! docs/metrics-search.md, in the same words.

use chrono::{DateTime, Utc};
use poem_openapi::Object;

use crate::analytics::progress::Progress;
use crate::analytics::queries::body::Scope;
use crate::analytics::queries::rank::{Ranked, Sort};
use crate::analytics::queries::series::{Interval, Point};
use crate::analytics::queries::store::{self, Listed, Trends};
use crate::analytics::queries::tally::Tally;
use crate::analytics::range::Range;
use crate::analytics::trending::score::reason;
use crate::model::category;
use crate::model::money::{Cents, Currency};
use crate::model::rate::share;
use crate::model::time::Timestamp;

/// What is counted in a range and how far it reaches.
#[derive(Debug, Clone, Object)]
pub struct Reach {
    /// Length of the range, in minutes.
    pub minutes: u32,
    /// Start of the first minute whose sessions are counted.
    pub from: DateTime<Utc>,
    /// Sessions that began up to then are counted, with all that they did since.
    pub to: DateTime<Utc>,
    /// Every event before it has been read; null when nothing was processed yet.
    pub watermark: Option<DateTime<Utc>>,
    /// Figures of sessions that began before it can no longer change; null when nothing was processed yet.
    pub complete_until: Option<DateTime<Utc>>,
    /// Currency of all amounts.
    pub currency: String,
}

impl Reach {
    fn new(range: Range, currency: Currency, progress: Progress) -> Self {
        Self {
            minutes: range.minutes,
            from: range.from.to_chrono(),
            to: range.to.to_chrono(),
            watermark: progress.watermark.map(Timestamp::to_chrono),
            complete_until: progress.complete_until.map(Timestamp::to_chrono),
            currency: currency.into(),
        }
    }
}

/// What searches came to. Shares are 0.0 to 1.0; null where there is nothing to divide by.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct SearchFigures {
    /// Sessions that searched.
    pub sessions: u64,
    /// Searches.
    pub searches: u64,
    /// Wishes: the searches by which a shopper refines one wish count as one.
    pub intents: u64,
    /// Searches that found nothing.
    pub zero_results: u64,
    /// Searches of which a result was viewed.
    pub clicked: u64,
    /// Searches of which a result was put into a cart.
    pub carted: u64,
    /// Searches of which a result was bought.
    pub purchased: u64,
    /// Units of results that were bought.
    pub units: u64,
    /// Units of results that were given back.
    pub refunded_units: u64,
    /// What the units bought cost, in major units.
    pub revenue: f64,
    /// What was paid back for the units given back, in major units.
    pub refunded: f64,
    /// zero_results / searches; null without searches.
    pub zero_result_rate: Option<f64>,
    /// Searches with results of which none was viewed / searches with results; null without searches with results.
    pub no_click_rate: Option<f64>,
    /// clicked / searches (CTR); null without searches.
    pub click_through_rate: Option<f64>,
    /// Mean position of the results viewed, from 1; null when none was viewed.
    pub mean_click_position: Option<f64>,
    /// Mean over all searches of 1 / the least position viewed, 0 for a search without a click (MRR); null without searches.
    pub mean_reciprocal_rank: Option<f64>,
    /// carted / searches; null without searches.
    pub cart_rate: Option<f64>,
    /// purchased / searches; null without searches.
    pub conversion: Option<f64>,
    /// revenue / searches, in major units; null without searches.
    pub revenue_per_search: Option<f64>,
    /// refunded_units / units; over 1 where more comes back than these sessions bought; null when nothing was bought.
    pub refund_rate: Option<f64>,
}

impl From<Tally> for SearchFigures {
    fn from(tally: Tally) -> Self {
        let rates = tally.rates();
        let major = |cents: u64| Cents(i64::try_from(cents).unwrap_or(i64::MAX)).to_major();
        let revenue = major(tally.revenue_cents);
        Self {
            sessions: tally.sessions,
            searches: tally.searches,
            intents: tally.intents,
            zero_results: tally.zero_results,
            clicked: tally.clicked,
            carted: tally.carted,
            purchased: tally.purchased,
            units: tally.units,
            refunded_units: tally.refunded_units,
            revenue,
            refunded: major(tally.refunded_cents),
            zero_result_rate: rates.zero_result,
            no_click_rate: rates.no_click,
            click_through_rate: rates.click_through,
            mean_click_position: rates.click_position,
            mean_reciprocal_rank: rates.reciprocal_rank,
            cart_rate: rates.cart,
            conversion: rates.conversion,
            revenue_per_search: (tally.searches > 0).then(|| revenue / tally.searches as f64),
            refund_rate: rates.refund,
        }
    }
}

/// Queries or categories in order.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct Queries {
    #[oai(flatten)]
    reach: Reach,
    /// False where a rule on bots looked at more sessions without naming them than can be judged: the rest is left out.
    pub bots_told_apart: bool,
    /// What comes first.
    pub sort: Sort,
    /// In order.
    pub items: Vec<QueryItem>,
    /// Length of a point of the series, in minutes: 1, 60 or 1440; null without `query` and `category`.
    pub interval_minutes: Option<u32>,
    /// The range in points for the one `query` or `category`; a point without searches has zeros and nulls. Null without either.
    pub series: Option<Vec<SearchPoint>>,
}

/// A query or a category and what its searches came to.
#[derive(Debug, Clone, Object)]
pub struct QueryItem {
    /// Place in this list, from 1.
    pub rank: u32,
    /// The query, in lower case with one blank between words; or the category's path.
    pub key: String,
    /// The query, or the category's name.
    pub label: String,
    /// By what it was put in its place, greater than 0: searches for `top`; z for `rising`; revenue in minor units for
    /// `revenue`; for `failing` and `refunded` the least share that is sure.
    pub score: f64,
    /// Sessions that searched for it in the range before, of the same minutes.
    pub sessions_before: u64,
    #[oai(flatten)]
    figures: SearchFigures,
}

impl Queries {
    /// Puts the answer together.
    pub fn new(question: &store::Question, currency: Currency, ranking: store::Ranking) -> Self {
        let item = |(rank, Ranked { row, score }): (u32, Ranked)| QueryItem {
            rank,
            label: label(question.scope, &row.key),
            key: row.key,
            score,
            sessions_before: row.sessions_before,
            figures: row.tally.into(),
        };
        Self {
            reach: Reach::new(question.range, currency, ranking.progress),
            bots_told_apart: ranking.bots_told_apart,
            sort: question.sort,
            items: (1..).zip(ranking.items).map(item).collect(),
            interval_minutes: ranking.points.as_ref().map(|_| Interval::of(question.range).minutes()),
            series: ranking.points.map(|points| points.into_iter().map(SearchPoint::from).collect()),
        }
    }
}

fn label(scope: Scope, key: &str) -> String {
    match scope {
        Scope::Category => category::label(key),
        Scope::All | Scope::Query | Scope::Filter => key.to_owned(),
    }
}

/// The searches of the whole shop.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct SearchOverview {
    #[oai(flatten)]
    reach: Reach,
    /// In the range.
    pub now: SearchFigures,
    /// In the range before, of the same minutes.
    pub before: SearchFigures,
    /// What was left out.
    pub bots: BotSearches,
    /// Length of a point of the series, in minutes: 1, 60 or 1440.
    pub interval_minutes: u32,
    /// The range in points; one without searches has zeros and nulls.
    pub series: Vec<SearchPoint>,
    /// The filters that searches set, the most used first.
    pub filters: Vec<FilterUse>,
}

/// What bots searched in the range; no other figure counts it.
#[derive(Debug, Clone, Object)]
pub struct BotSearches {
    /// Sessions.
    pub sessions: u64,
    /// Searches.
    pub searches: u64,
    /// Their share of everybody's searches; null when nobody searched.
    pub share_of_searches: Option<f64>,
    /// False where a rule on bots looked at more sessions without naming them than can be judged: the rest is left out.
    pub told_apart: bool,
}

/// A stretch of time.
#[derive(Debug, Clone, Object)]
pub struct SearchPoint {
    /// Its start; the first may begin before the range and is counted from there on.
    pub start: DateTime<Utc>,
    #[oai(flatten)]
    figures: SearchFigures,
}

impl From<Point> for SearchPoint {
    fn from(Point { start, tally }: Point) -> Self {
        Self { start: start.to_chrono(), figures: tally.into() }
    }
}

/// How a filter is used.
#[derive(Debug, Clone, Object)]
pub struct FilterUse {
    /// Its name, such as `brand`.
    pub filter: String,
    /// Sessions that set it.
    pub sessions: u64,
    /// Searches with it.
    pub searches: u64,
    /// searches / all searches; null without searches.
    pub share_of_searches: Option<f64>,
    /// Searches with it that found nothing / searches with it.
    pub zero_result_rate: Option<f64>,
}

impl SearchOverview {
    /// Puts the answer together.
    pub fn new(range: Range, currency: Currency, overview: store::Overview) -> Self {
        let store::Overview { progress, bots_told_apart, now, before, bots, points, filters } = overview;
        let used = |(filter, tally): (String, Tally)| FilterUse {
            filter,
            sessions: tally.sessions,
            searches: tally.searches,
            share_of_searches: share(tally.searches, now.searches),
            zero_result_rate: tally.rates().zero_result,
        };
        Self {
            reach: Reach::new(range, currency, progress),
            now: now.into(),
            before: before.into(),
            bots: BotSearches {
                sessions: bots.sessions,
                searches: bots.searches,
                share_of_searches: share(bots.searches, bots.searches + now.searches),
                told_apart: bots_told_apart,
            },
            interval_minutes: Interval::of(range).minutes(),
            series: points.into_iter().map(SearchPoint::from).collect(),
            filters: filters.into_iter().map(used).collect(),
        }
    }
}

/// Queries that more sessions search for than usual.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct TrendingQueries {
    #[oai(flatten)]
    reach: Reach,
    /// False where a rule on bots looked at more sessions without naming them than can be judged: the rest is left out.
    pub bots_told_apart: bool,
    /// The greatest score first.
    pub items: Vec<TrendingQuery>,
}

/// A trending query.
#[derive(Debug, Clone, Object)]
pub struct TrendingQuery {
    /// Place in this list, from 1.
    pub rank: usize,
    /// Place in the list of the window before, which is as long and ends where this one begins; null when it was not listed.
    pub rank_before: Option<usize>,
    /// The query, in lower case with one blank between words.
    pub query: String,
    /// Sessions that the query's own past lets one expect; 0 in a new shop.
    pub expected: f64,
    /// (sessions − expected) / √(expected + 1), at least 2.
    pub score: f64,
    /// The score in words.
    pub reason: String,
    #[oai(flatten)]
    figures: SearchFigures,
}

impl TrendingQueries {
    /// Puts the answer together.
    pub fn new(window: Range, currency: Currency, found: Trends) -> Self {
        let item = |(rank, Listed { trend, rank_before, tally }): (usize, Listed)| TrendingQuery {
            rank,
            rank_before,
            reason: reason(trend.sessions, "sessions", trend.expected),
            query: trend.key,
            expected: trend.expected,
            score: trend.score,
            figures: tally.into(),
        };
        Self {
            reach: Reach::new(window, currency, found.progress),
            bots_told_apart: found.bots_told_apart,
            items: (1..).zip(found.listed).map(item).collect(),
        }
    }
}
