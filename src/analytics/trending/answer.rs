//! What the endpoints about trends answer. Money becomes decimals here and nowhere before.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use poem_openapi::Object;

use crate::analytics::range::Range;
use crate::analytics::trending::store::Trends;
use crate::analytics::trending::{Listed, Measure, Shown, score};
use crate::model::category;
use crate::model::ids::ProductId;
use crate::model::money::Currency;
use crate::model::time::Timestamp;

/// Products that get more attention than they usually do. Bots are left out of all figures.
#[derive(Debug, Clone, Object)]
pub struct Trending {
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
    /// Every event before it has been read; null when nothing was processed yet.
    pub watermark: Option<DateTime<Utc>>,
    /// Numbers of minutes before it can no longer change; null when nothing was processed yet.
    pub complete_until: Option<DateTime<Utc>>,
    /// Currency of all amounts.
    pub currency: String,
    /// The greatest score first; by revenue the greatest revenue first.
    pub items: Vec<TrendingItem>,
}

/// One trending product.
#[derive(Debug, Clone, Object)]
pub struct TrendingItem {
    /// Place in this list, from 1.
    pub rank: usize,
    /// Place in the list of the window before, which is as long and ends where this one begins; null when it was not listed.
    pub rank_before: Option<usize>,
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
    /// Views.
    pub views: u64,
    /// Units put into a cart.
    pub carts: u64,
    /// Units bought.
    pub purchases: u64,
    /// Units given back.
    pub refunds: u64,
    /// Sessions that viewed it, counted once for each minute in which they did.
    pub view_sessions: u64,
    /// What the units bought cost, in major units.
    pub revenue: f64,
    /// Sessions that did what `by` says, counted once for each minute in which they did.
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
        let Trends { progress, bots_share, listed } = trends;
        let items = (1..).zip(listed).map(|(rank, listed)| {
            let shown = ProductId::parse(&listed.trend.key).ok().and_then(|id| shown.remove(&id));
            TrendingItem::new(rank, by, listed, shown)
        });
        Self {
            minutes: window.minutes,
            from: window.from.to_chrono(),
            to: window.to.to_chrono(),
            by,
            bots_share,
            watermark: progress.watermark.map(Timestamp::to_chrono),
            complete_until: progress.complete_until.map(Timestamp::to_chrono),
            currency: currency.into(),
            items: items.collect(),
        }
    }
}

impl TrendingItem {
    fn new(rank: usize, by: Measure, listed: Listed, shown: Option<Shown>) -> Self {
        let Listed { trend, rank_before, figures } = listed;
        let reason = score::reason(trend.sessions, by.unit(), trend.expected);
        let (name, category, brand, image) = match shown {
            Some(shown) => (shown.name, Some(shown.category), Some(shown.brand), Some(shown.image)),
            None => (trend.key.clone(), None, None, None),
        };
        Self {
            rank,
            rank_before,
            product_id: trend.key,
            name,
            category,
            brand,
            image,
            views: figures.views,
            carts: figures.carts,
            purchases: figures.purchases,
            refunds: figures.refunds,
            view_sessions: figures.view_sessions,
            revenue: figures.revenue.to_major(),
            sessions: trend.sessions,
            expected: trend.expected,
            score: trend.score,
            reason,
        }
    }
}

/// Categories that get more attention than they usually do. Bots are left out of all figures.
#[derive(Debug, Clone, Object)]
pub struct TrendingCategories {
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
    /// Every event before it has been read; null when nothing was processed yet.
    pub watermark: Option<DateTime<Utc>>,
    /// Numbers of minutes before it can no longer change; null when nothing was processed yet.
    pub complete_until: Option<DateTime<Utc>>,
    /// Currency of all amounts.
    pub currency: String,
    /// The greatest score first; by revenue the greatest revenue first.
    pub items: Vec<TrendingCategory>,
}

/// One trending category. Its figures are those of its products added up.
#[derive(Debug, Clone, Object)]
pub struct TrendingCategory {
    /// Place in this list, from 1.
    pub rank: usize,
    /// Place in the list of the window before, which is as long and ends where this one begins; null when it was not listed.
    pub rank_before: Option<usize>,
    /// Its path.
    pub category: String,
    /// Its name.
    pub label: String,
    /// Depth: 1 for a department.
    pub level: usize,
    /// Views.
    pub views: u64,
    /// Units put into a cart.
    pub carts: u64,
    /// Units bought.
    pub purchases: u64,
    /// Units given back.
    pub refunds: u64,
    /// Sessions that viewed one of its products, counted once for each product and minute.
    pub view_sessions: u64,
    /// What the units bought cost, in major units.
    pub revenue: f64,
    /// Sessions that did what `by` says, counted once for each product and minute.
    pub sessions: u64,
    /// As many of them as its own past lets one expect in such a window; 0 in a new shop.
    pub expected: f64,
    /// (sessions − expected) / √(expected + 1), at least 2.
    pub score: f64,
    /// The score in words.
    pub reason: String,
}

impl TrendingCategories {
    /// Puts the answer together.
    pub fn new(window: Range, by: Measure, currency: Currency, trends: Trends) -> Self {
        let Trends { progress, bots_share, listed } = trends;
        Self {
            minutes: window.minutes,
            from: window.from.to_chrono(),
            to: window.to.to_chrono(),
            by,
            bots_share,
            watermark: progress.watermark.map(Timestamp::to_chrono),
            complete_until: progress.complete_until.map(Timestamp::to_chrono),
            currency: currency.into(),
            items: (1..).zip(listed).map(|(rank, listed)| TrendingCategory::new(rank, by, listed)).collect(),
        }
    }
}

impl TrendingCategory {
    fn new(rank: usize, by: Measure, listed: Listed) -> Self {
        let Listed { trend, rank_before, figures } = listed;
        Self {
            rank,
            rank_before,
            label: category::label(&trend.key),
            level: category::level(&trend.key),
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
            category: trend.key,
        }
    }
}
