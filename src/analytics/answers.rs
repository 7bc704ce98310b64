//! What the endpoints answer. Money becomes decimals here and nowhere before.

use chrono::{DateTime, Utc};
use poem_openapi::Object;

use crate::analytics::fraud::{Page, Signal};
use crate::analytics::funnels::{Funnel, Steps};
use crate::analytics::progress::{Processing, Progress};
use crate::analytics::range::Range;
use crate::analytics::stats::Stats;
use crate::analytics::trending::{Shown, Trend};
use crate::model::event::EventType;
use crate::model::money::Currency;
use crate::model::severity::Severity;
use crate::model::time::Timestamp;

/// Products that are viewed more than they usually are.
#[derive(Debug, Object)]
pub struct Trending {
    /// Length of the window, in minutes.
    pub minutes: u32,
    /// Start of the first minute that is counted.
    pub from: DateTime<Utc>,
    /// The time of asking; the minute that it lies in is counted as far as it has come.
    pub to: DateTime<Utc>,
    /// Every event before it has been read; null when nothing was processed yet.
    pub watermark: Option<DateTime<Utc>>,
    /// Numbers of minutes before it can no longer change; null when nothing was processed yet.
    pub complete_until: Option<DateTime<Utc>>,
    /// Currency of all amounts.
    pub currency: String,
    /// The greatest score first.
    pub items: Vec<TrendingItem>,
}

/// One trending product.
#[derive(Debug, Object)]
pub struct TrendingItem {
    /// Place in this list, from 1.
    pub rank: u32,
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
    /// View sessions that its own past lets one expect in such a window; 0 in a new shop.
    pub expected: f64,
    /// (view_sessions − expected) / √(expected + 1), greater than 0.
    pub score: f64,
    /// The score in words.
    pub reason: String,
}

impl Trending {
    /// Puts the answer together.
    pub fn new(
        window: Range,
        currency: Currency,
        progress: Progress,
        trends: Vec<(Trend, Option<Shown>)>,
    ) -> Self {
        let items = (1..).zip(trends).map(|(rank, (trend, shown))| TrendingItem::new(rank, trend, shown));
        Self {
            minutes: window.minutes,
            from: window.from.to_chrono(),
            to: window.to.to_chrono(),
            watermark: progress.watermark.map(Timestamp::to_chrono),
            complete_until: progress.complete_until.map(Timestamp::to_chrono),
            currency: currency.into(),
            items: items.collect(),
        }
    }
}

impl TrendingItem {
    fn new(rank: u32, trend: Trend, shown: Option<Shown>) -> Self {
        let (name, category, brand, image) = match shown {
            Some(shown) => (shown.name, Some(shown.category), Some(shown.brand), Some(shown.image)),
            None => (trend.product_id.to_string(), None, None, None),
        };
        Self {
            rank,
            reason: trend.reason(),
            product_id: trend.product_id.into(),
            name,
            category,
            brand,
            image,
            views: trend.counts.views,
            carts: trend.counts.carts,
            purchases: trend.counts.purchases,
            refunds: trend.counts.refunds,
            view_sessions: trend.counts.view_sessions,
            revenue: trend.counts.revenue.to_major(),
            expected: trend.expected,
            score: trend.score,
        }
    }
}

/// How far sessions came.
#[derive(Debug, Object)]
pub struct Funnels {
    /// Length of the range, in minutes.
    pub minutes: u32,
    /// Start of the first minute whose sessions are counted.
    pub from: DateTime<Utc>,
    /// The time of asking; sessions that began before it are counted.
    pub to: DateTime<Utc>,
    /// Every event before it has been read; null when nothing was processed yet.
    pub watermark: Option<DateTime<Utc>>,
    /// Sessions that began before it can no longer change; null when nothing was processed yet.
    pub complete_until: Option<DateTime<Utc>>,
    /// Currency of all amounts.
    pub currency: String,
    /// The whole shop (`all`) or the category asked for, then those right below it by sessions that entered.
    pub categories: Vec<CategoryFunnel>,
}

/// The sessions of one category. Sums over categories count a session in each that it visited.
#[derive(Debug, Object)]
pub struct CategoryFunnel {
    /// Its path, or `all`.
    pub category: String,
    /// Its name.
    pub label: String,
    /// Depth: 0 for `all`, 1 for a department.
    pub level: usize,
    /// Sessions that searched or viewed; within a category: that viewed in it, or whose search led there.
    pub entered: u64,
    /// Sessions that searched.
    pub searched: u64,
    /// Sessions that viewed a product.
    pub viewed: u64,
    /// Sessions that then put one into the cart.
    pub carted: u64,
    /// Sessions that then bought.
    pub purchased: u64,
    /// viewed / entered; null when nobody entered.
    pub view_rate: Option<f64>,
    /// carted / viewed; null when nobody viewed.
    pub cart_rate: Option<f64>,
    /// purchased / carted; null when nobody put anything into the cart.
    pub purchase_rate: Option<f64>,
    /// purchased / entered; null when nobody entered.
    pub conversion: Option<f64>,
    /// What their orders cost, in major units.
    pub revenue: f64,
    /// The sessions that came by a search.
    pub by_search: FunnelSteps,
    /// The sessions that came by browsing.
    pub by_browse: FunnelSteps,
}

/// Sessions that reached each step.
#[derive(Debug, Object)]
pub struct FunnelSteps {
    /// Entered.
    pub entered: u64,
    /// Viewed a product.
    pub viewed: u64,
    /// Then put one into the cart.
    pub carted: u64,
    /// Then bought.
    pub purchased: u64,
}

impl Funnels {
    /// Puts the answer together.
    pub fn new(range: Range, currency: Currency, progress: Progress, funnels: Vec<Funnel>) -> Self {
        Self {
            minutes: range.minutes,
            from: range.from.to_chrono(),
            to: range.to.to_chrono(),
            watermark: progress.watermark.map(Timestamp::to_chrono),
            complete_until: progress.complete_until.map(Timestamp::to_chrono),
            currency: currency.into(),
            categories: funnels.into_iter().map(CategoryFunnel::from).collect(),
        }
    }
}

impl From<Funnel> for CategoryFunnel {
    fn from(funnel: Funnel) -> Self {
        let rates = funnel.steps.rates();
        Self {
            label: funnel.label(),
            level: funnel.level(),
            category: funnel.category,
            entered: funnel.steps.entered,
            searched: funnel.searched,
            viewed: funnel.steps.viewed,
            carted: funnel.steps.carted,
            purchased: funnel.steps.purchased,
            view_rate: rates.view,
            cart_rate: rates.cart,
            purchase_rate: rates.purchase,
            conversion: rates.conversion,
            revenue: funnel.revenue.to_major(),
            by_search: funnel.by_search.into(),
            by_browse: funnel.by_browse.into(),
        }
    }
}

impl From<Steps> for FunnelSteps {
    fn from(steps: Steps) -> Self {
        let Steps { entered, viewed, carted, purchased } = steps;
        Self { entered, viewed, carted, purchased }
    }
}

/// One page of fraud signals.
#[derive(Debug, Object)]
pub struct Signals {
    /// Signals on all pages.
    pub total: u64,
    /// Give it as `cursor` to get the next page; null on the last.
    pub next_cursor: Option<String>,
    /// The last seen first.
    pub items: Vec<Signal>,
}

impl From<Page> for Signals {
    fn from(page: Page) -> Self {
        let next_cursor = page.next.map(|cursor| cursor.encode());
        Self { total: page.total, next_cursor, items: page.items }
    }
}

/// The shop at a glance.
#[derive(Debug, Object)]
pub struct Overview {
    /// Products in the catalogue.
    pub products: u64,
    /// Currency of all amounts.
    pub currency: String,
    /// Events stored.
    pub events: EventFigures,
    /// What was ordered.
    pub revenue: RevenueFigures,
    /// Active fraud signals.
    pub fraud: FraudFigures,
    /// How far the processor has come.
    pub processing: ProcessingFigures,
}

/// Events stored.
#[derive(Debug, Object)]
pub struct EventFigures {
    /// All.
    pub total: u64,
    /// Those of the 60 s that ended 5 s ago, when the last of them had become searchable.
    pub last_minute: u64,
    /// `last_minute` / 60.
    pub per_second: f64,
    /// All by type.
    pub by_type: EventsByType,
}

/// Events stored, by type.
#[derive(Debug, Object)]
pub struct EventsByType {
    /// Searches.
    pub search: u64,
    /// Views of a product.
    pub view: u64,
    /// Additions to a cart.
    pub add_to_cart: u64,
    /// Orders.
    pub purchase: u64,
    /// Refunds.
    pub refund: u64,
}

/// What was ordered.
#[derive(Debug, Object)]
pub struct RevenueFigures {
    /// Totals of the orders of the last 60 minutes, in major units; refunds are not taken off.
    pub last_hour: f64,
}

/// Active fraud signals.
#[derive(Debug, Object)]
pub struct FraudFigures {
    /// All.
    pub total: u64,
    /// All by severity.
    pub by_severity: SignalsBySeverity,
}

/// Active fraud signals by severity.
#[derive(Debug, Object)]
pub struct SignalsBySeverity {
    /// Low.
    pub low: u64,
    /// Medium.
    pub medium: u64,
    /// High.
    pub high: u64,
    /// Critical.
    pub critical: u64,
}

/// How far the processor has come.
#[derive(Debug, Object)]
pub struct ProcessingFigures {
    /// Every event before it has been counted in trends and funnels; null when nothing was processed yet.
    /// A partition that never held an event holds nobody back.
    pub watermark: Option<DateTime<Utc>>,
    /// Trends and funnels before it can no longer change; null when nothing was processed yet.
    pub complete_until: Option<DateTime<Utc>>,
    /// Whether everything that was sent has been read.
    pub drained: bool,
    /// Records read.
    pub read: u64,
    /// Records that came after their window was closed, once for each kind of result that they missed.
    pub late: u64,
    /// Records that had been read before.
    pub duplicate: u64,
    /// Records that could not be used; they lie in the topic `dead-letters`.
    pub dead: u64,
}

impl Overview {
    /// Puts the answer together.
    pub fn new(stats: &Stats, currency: Currency) -> Self {
        let of_type = |kind: EventType| stats.events.by_type.get(&kind).copied().unwrap_or_default();
        let that_bad = |severity: Severity| stats.fraud.get(&severity).copied().unwrap_or_default();
        Self {
            products: stats.products,
            currency: currency.into(),
            events: EventFigures {
                total: stats.events.total,
                last_minute: stats.last_minute,
                per_second: stats.per_second(),
                by_type: EventsByType {
                    search: of_type(EventType::Search),
                    view: of_type(EventType::View),
                    add_to_cart: of_type(EventType::AddToCart),
                    purchase: of_type(EventType::Purchase),
                    refund: of_type(EventType::Refund),
                },
            },
            revenue: RevenueFigures { last_hour: stats.revenue_last_hour.to_major() },
            fraud: FraudFigures {
                total: stats.signals(),
                by_severity: SignalsBySeverity {
                    low: that_bad(Severity::Low),
                    medium: that_bad(Severity::Medium),
                    high: that_bad(Severity::High),
                    critical: that_bad(Severity::Critical),
                },
            },
            processing: stats.processing.into(),
        }
    }
}

impl From<Processing> for ProcessingFigures {
    fn from(processing: Processing) -> Self {
        Self {
            watermark: processing.progress.watermark.map(Timestamp::to_chrono),
            complete_until: processing.progress.complete_until.map(Timestamp::to_chrono),
            drained: processing.drained,
            read: processing.read,
            late: processing.late,
            duplicate: processing.duplicate,
            dead: processing.dead,
        }
    }
}
