//! What the endpoints about trends answer. Money becomes decimals here and nowhere before.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::Example;

use crate::analytics::progress::Progress;
use crate::analytics::range::Range;
use crate::analytics::trending::store::Trends;
use crate::analytics::trending::{Figures, Listed, Measure, Shown, Trend, score};
use crate::http::EXAMPLE_NOW;
use crate::model::category;
use crate::model::ids::ProductId;
use crate::model::money::{Cents, Currency};
use crate::model::time::Timestamp;

/// Products that get more attention than they usually do. Bots are left out of all figures.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct Trending {
    #[oai(flatten)]
    basis: TrendBasis,
    /// The greatest score first; by revenue the greatest revenue first.
    pub items: Vec<TrendingItem>,
}

/// Categories that get more attention than they usually do. Bots are left out of all figures.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct TrendingCategories {
    #[oai(flatten)]
    basis: TrendBasis,
    /// The greatest score first; by revenue the greatest revenue first.
    pub items: Vec<TrendingCategory>,
}

/// What a list of trends rests on.
#[derive(Debug, Clone, Object)]
pub struct TrendBasis {
    /// Length of the window, in minutes.
    pub minutes: u32,
    /// Start of the first minute that is counted.
    pub from: DateTime<Utc>,
    /// The time of asking; the minute that it lies in is counted as far as it has come.
    pub to: DateTime<Utc>,
    /// What is counted.
    pub by: Measure,
    /// Share of the whole shop's sessions in the window that were bots' and are left out, 0.0 to 1.0; null when there was none.
    pub bots_share: Option<f64>,
    /// False where a rule on bots looked at more sessions without naming them than can be judged: the rest is left out.
    pub bots_told_apart: bool,
    /// Every event before it has been read; null when nothing was processed yet.
    pub watermark: Option<DateTime<Utc>>,
    /// Numbers of minutes before it can no longer change; null when nothing was processed yet.
    pub complete_until: Option<DateTime<Utc>>,
    /// Currency of all amounts.
    pub currency: String,
}

/// One trending product.
#[derive(Debug, Clone, Object)]
pub struct TrendingItem {
    /// The product.
    pub product_id: String,
    /// Its name, or its id when it is no longer in the catalogue.
    pub name: String,
    /// Its category; null when it is no longer in the catalogue.
    pub category: Option<String>,
    /// Its maker; null when it is no longer in the catalogue.
    pub brand: Option<String>,
    /// Its picture's file name; null when it is no longer in the catalogue.
    pub image: Option<String>,
    #[oai(flatten)]
    place: TrendPlace,
}

/// One trending category. Its figures are those of its products added up.
#[derive(Debug, Clone, Object)]
pub struct TrendingCategory {
    /// Its path.
    pub category: String,
    /// Its name.
    pub label: String,
    /// Depth: 1 for a department.
    pub level: usize,
    #[oai(flatten)]
    place: TrendPlace,
}

/// Where something stands in the list, and why.
#[derive(Debug, Clone, Object)]
pub struct TrendPlace {
    /// Place in this list, from 1.
    pub rank: usize,
    /// Place in the list of the window before, which is as long and ends where this one begins; null when it was not listed.
    pub rank_before: Option<usize>,
    /// Views.
    pub views: u64,
    /// Units put into a cart.
    pub carts: u64,
    /// Units bought.
    pub purchases: u64,
    /// Units given back.
    pub refunds: u64,
    /// Sessions that viewed, counted once for each product and minute in which they did.
    pub view_sessions: u64,
    /// What the units bought cost, in major units.
    pub revenue: f64,
    /// Sessions that did what `by` says, counted once for each product and minute in which they did.
    pub sessions: u64,
    /// As many of them as its own past lets one expect in such a window; 0 in a new shop.
    pub expected: f64,
    /// (sessions − expected) / √(expected + 1), at least 2.
    pub score: f64,
    /// The score in words.
    pub reason: String,
}

impl Trending {
    /// Puts the answer together.
    pub fn new(
        window: Range,
        by: Measure,
        currency: Currency,
        trends: Trends,
        mut shown: HashMap<ProductId, Shown>,
    ) -> Self {
        let basis = TrendBasis::new(window, by, currency, &trends);
        let item = |(rank, listed): (usize, Listed)| {
            let id = ProductId::parse(&listed.trend.key).ok();
            TrendingItem::new(
                listed.trend.key.clone(),
                id.and_then(|id| shown.remove(&id)),
                TrendPlace::new(rank, by, listed),
            )
        };
        Self { basis, items: (1..).zip(trends.listed).map(item).collect() }
    }
}

impl TrendingCategories {
    /// Puts the answer together.
    pub fn new(window: Range, by: Measure, currency: Currency, trends: Trends) -> Self {
        let basis = TrendBasis::new(window, by, currency, &trends);
        let item = |(rank, listed): (usize, Listed)| TrendingCategory {
            label: category::label(&listed.trend.key),
            level: category::level(&listed.trend.key),
            category: listed.trend.key.clone(),
            place: TrendPlace::new(rank, by, listed),
        };
        Self { basis, items: (1..).zip(trends.listed).map(item).collect() }
    }
}

impl TrendBasis {
    fn new(window: Range, by: Measure, currency: Currency, trends: &Trends) -> Self {
        let Trends { progress, bots_share, bots_told_apart, .. } = trends;
        Self {
            minutes: window.minutes,
            from: window.from.to_chrono(),
            to: window.to.to_chrono(),
            by,
            bots_share: *bots_share,
            bots_told_apart: *bots_told_apart,
            watermark: progress.watermark.map(Timestamp::to_chrono),
            complete_until: progress.complete_until.map(Timestamp::to_chrono),
            currency: currency.into(),
        }
    }
}

impl TrendingItem {
    fn new(product_id: String, shown: Option<Shown>, place: TrendPlace) -> Self {
        let (name, category, brand, image) = match shown {
            Some(shown) => (shown.name, Some(shown.category), Some(shown.brand), Some(shown.image)),
            None => (product_id.clone(), None, None, None),
        };
        Self { product_id, name, category, brand, image, place }
    }
}

impl TrendPlace {
    fn new(rank: usize, by: Measure, Listed { trend, rank_before, figures }: Listed) -> Self {
        Self {
            rank,
            rank_before,
            views: figures.views,
            carts: figures.carts,
            purchases: figures.purchases,
            refunds: figures.refunds,
            view_sessions: figures.view_sessions,
            revenue: figures.revenue.to_major(),
            sessions: trend.sessions,
            expected: trend.expected,
            score: trend.score,
            reason: score::reason(trend.sessions, by.unit(), trend.expected),
        }
    }
}

fn example_of(key: &str) -> (Range, Trends) {
    let trend = Trend {
        key: key.to_owned(),
        sessions: 35,
        revenue: Cents::default(),
        expected: 8.0,
        score: score::score(35, 8.0),
    };
    let figures =
        Figures { view_sessions: 35, views: 52, carts: 6, purchases: 3, refunds: 0, revenue: Cents(38_997) };
    let trends = Trends {
        progress: Progress::example(),
        bots_share: Some(0.125),
        bots_told_apart: true,
        listed: vec![Listed { trend, rank_before: Some(4), figures }],
    };
    (Range::last(5, EXAMPLE_NOW), trends)
}

impl Example for Trending {
    fn example() -> Self {
        let (window, trends) = example_of("p-00000042");
        let shown = trends.listed.iter().filter_map(|listed| ProductId::parse(&listed.trend.key).ok());
        let shown = shown.map(|id| {
            let shown = Shown {
                id: id.clone(),
                name: "Voltara Pulse wireless headphones".to_owned(),
                category: "electronics.audio.headphones".to_owned(),
                brand: "Voltara".to_owned(),
                image: "headphones-3.svg".to_owned(),
            };
            (id, shown)
        });
        let shown = shown.collect();
        Self::new(window, Measure::Views, Currency::EUR, trends, shown)
    }
}

impl Example for TrendingCategories {
    fn example() -> Self {
        let (window, trends) = example_of("electronics.audio");
        Self::new(window, Measure::Views, Currency::EUR, trends)
    }
}
