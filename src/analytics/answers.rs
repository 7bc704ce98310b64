//! What the endpoints answer. Money becomes decimals here and nowhere before.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::Example;

use crate::analytics::fraud::{Page, Signal};
use crate::analytics::progress::{Processing, Progress};
use crate::analytics::stats::{EventTotals, Stats};
use crate::model::event::EventType;
use crate::model::money::{Cents, Currency};
use crate::model::severity::Severity;
use crate::model::time::Timestamp;

/// One page of fraud signals.
#[derive(Debug, Object)]
#[oai(example)]
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
#[oai(example)]
pub struct Overview {
    /// Products in the catalogue.
    pub products: u64,
    /// Currency of all amounts.
    pub currency: String,
    /// Events stored.
    pub events: EventFigures,
    /// What was ordered.
    pub revenue: RevenueFigures,
    /// Active fraud signals that nobody has dismissed.
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

/// Active fraud signals, without dismissed ones and others of the same rule and visitor while they are to be quiet.
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

impl Example for Signals {
    fn example() -> Self {
        Self { total: 1, next_cursor: None, items: vec![Signal::example()] }
    }
}

impl Example for Overview {
    fn example() -> Self {
        let by_type = [
            (EventType::Search, 412_000),
            (EventType::View, 903_000),
            (EventType::AddToCart, 88_000),
            (EventType::Purchase, 31_000),
            (EventType::Refund, 1_000),
        ];
        let stats = Stats {
            products: 100_000,
            events: EventTotals {
                total: by_type.iter().map(|(_, count)| count).sum(),
                by_type: by_type.into(),
            },
            last_minute: 30_000,
            revenue_last_hour: Cents(4_183_050),
            fraud: [(Severity::Low, 12), (Severity::Medium, 7), (Severity::High, 3)].into(),
            processing: Processing {
                progress: Progress::example(),
                drained: false,
                read: 1_436_200,
                late: 40,
                duplicate: 1_150,
                dead: 10,
            },
        };
        Self::new(&stats, Currency::EUR)
    }
}
