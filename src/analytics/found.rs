//! The JSON of Elasticsearch's answers, as far as it is read.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::analytics::fraud::Severity;
use crate::analytics::funnels::{Funnel, Steps};
use crate::analytics::trending::Counts;
use crate::model::event::EventType;
use crate::model::ids::ProductId;
use crate::model::money::Cents;
use crate::model::time::Timestamp;

/// The answer to a search with aggregations `A` and documents `S`.
#[derive(Deserialize)]
pub struct Found<A, S = IgnoredAny> {
    pub hits: Hits<S>,
    /// Absent where there is no index to search.
    pub aggregations: Option<A>,
}

#[derive(Deserialize)]
pub struct Hits<S> {
    /// Absent unless it is asked for.
    #[serde(default)]
    pub total: Total,
    #[serde(default = "Vec::new")]
    pub hits: Vec<Hit<S>>,
}

#[derive(Deserialize, Default)]
pub struct Total {
    pub value: u64,
}

#[derive(Deserialize)]
pub struct Hit<S> {
    #[serde(rename = "_id")]
    pub id: String,
    #[serde(rename = "_source")]
    pub source: S,
    #[serde(default)]
    pub sort: Vec<Value>,
}

impl<A, S> Found<A, S> {
    /// The documents alone.
    pub fn sources(self) -> impl Iterator<Item = S> {
        self.hits.hits.into_iter().map(|hit| hit.source)
    }
}

/// A sum of whole numbers, which comes as a float: exact up to 2^53.
#[derive(Deserialize, Clone, Copy)]
pub struct Sum {
    value: f64,
}

impl Sum {
    fn count(self) -> u64 {
        self.value.max(0.0).round() as u64
    }

    fn cents(self) -> Cents {
        Cents(self.value.round() as i64)
    }
}

#[derive(Deserialize)]
pub struct Terms<B> {
    pub buckets: Vec<B>,
}

/// A term and how many documents have it.
#[derive(Deserialize)]
pub struct Counted<K> {
    pub key: K,
    pub doc_count: u64,
}

/// An aggregation by product.
#[derive(Deserialize)]
pub struct Products<B> {
    pub products: Terms<B>,
}

/// To [`crate::analytics::query::trend_candidates`] and [`crate::analytics::query::sessions_before`].
#[derive(Deserialize)]
pub struct ViewSessions {
    key: ProductId,
    view_sessions: Sum,
}

impl ViewSessions {
    pub fn into_count(self) -> (ProductId, u64) {
        (self.key, self.view_sessions.count())
    }
}

/// To [`crate::analytics::query::trend_counts`].
#[derive(Deserialize)]
pub struct TrendBucket {
    key: ProductId,
    view_sessions: Sum,
    views: Sum,
    carts: Sum,
    purchases: Sum,
    refunds: Sum,
    revenue_cents: Sum,
}

impl TrendBucket {
    pub fn into_counts(self) -> (ProductId, Counts) {
        let counts = Counts {
            view_sessions: self.view_sessions.count(),
            views: self.views.count(),
            carts: self.carts.count(),
            purchases: self.purchases.count(),
            refunds: self.refunds.count(),
            revenue: self.revenue_cents.cents(),
        };
        (self.key, counts)
    }
}

/// The one field that [`crate::analytics::query::first_pane`] asks for.
#[derive(Deserialize)]
pub struct Pane {
    pub minute: Timestamp,
}

/// To [`crate::analytics::query::funnels`].
#[derive(Deserialize)]
pub struct Funnels {
    pub categories: Terms<FunnelBucket>,
}

#[derive(Deserialize)]
pub struct FunnelBucket {
    key: String,
    searched: Sum,
    revenue_cents: Sum,
    entered: Sum,
    viewed: Sum,
    carted: Sum,
    purchased: Sum,
    by_search_entered: Sum,
    by_search_viewed: Sum,
    by_search_carted: Sum,
    by_search_purchased: Sum,
    by_browse_entered: Sum,
    by_browse_viewed: Sum,
    by_browse_carted: Sum,
    by_browse_purchased: Sum,
}

impl From<FunnelBucket> for Funnel {
    fn from(bucket: FunnelBucket) -> Self {
        let steps = |[entered, viewed, carted, purchased]: [Sum; 4]| Steps {
            entered: entered.count(),
            viewed: viewed.count(),
            carted: carted.count(),
            purchased: purchased.count(),
        };
        let b = bucket;
        Self {
            steps: steps([b.entered, b.viewed, b.carted, b.purchased]),
            by_search: steps([
                b.by_search_entered,
                b.by_search_viewed,
                b.by_search_carted,
                b.by_search_purchased,
            ]),
            by_browse: steps([
                b.by_browse_entered,
                b.by_browse_viewed,
                b.by_browse_carted,
                b.by_browse_purchased,
            ]),
            searched: b.searched.count(),
            revenue: b.revenue_cents.cents(),
            category: b.key,
        }
    }
}

/// To [`crate::analytics::query::event_totals`].
#[derive(Deserialize)]
pub struct EventTypes {
    pub types: Terms<Counted<EventType>>,
}

/// To [`crate::analytics::query::recent_events`].
#[derive(Deserialize)]
pub struct Recent {
    pub last_minute: Documents,
    purchases: Purchases,
}

#[derive(Deserialize)]
pub struct Documents {
    pub doc_count: u64,
}

#[derive(Deserialize)]
struct Purchases {
    revenue_cents: Sum,
}

impl Recent {
    pub fn revenue(&self) -> Cents {
        self.purchases.revenue_cents.cents()
    }
}

/// To [`crate::analytics::query::signals_by_severity`].
#[derive(Deserialize)]
pub struct Severities {
    pub severities: Terms<Counted<Severity>>,
}
