//! The JSON of the aggregations that [`crate::analytics::query`] asks for, as far as it is read.

use serde::Deserialize;

use crate::analytics::funnels::{Funnel, Steps};
use crate::analytics::trending::Counts;
use crate::model::event::EventType;
use crate::model::ids::ProductId;
use crate::model::money::Cents;
use crate::model::severity::Severity;
use crate::model::time::Timestamp;
use crate::store::found::{Buckets, Counted, Metric, Passed};

/// An aggregation by product.
#[derive(Deserialize)]
pub struct Products<B> {
    pub products: Buckets<B>,
}

/// To [`crate::analytics::query::trend_candidates`] and [`crate::analytics::query::sessions_before`].
#[derive(Deserialize)]
pub struct ViewSessions {
    key: ProductId,
    view_sessions: Metric<f64>,
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
    view_sessions: Metric<f64>,
    views: Metric<f64>,
    carts: Metric<f64>,
    purchases: Metric<f64>,
    refunds: Metric<f64>,
    revenue_cents: Metric<f64>,
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
    pub categories: Buckets<FunnelBucket>,
}

#[derive(Deserialize)]
pub struct FunnelBucket {
    key: String,
    searched: Metric<f64>,
    revenue_cents: Metric<f64>,
    entered: Metric<f64>,
    viewed: Metric<f64>,
    carted: Metric<f64>,
    purchased: Metric<f64>,
    by_search_entered: Metric<f64>,
    by_search_viewed: Metric<f64>,
    by_search_carted: Metric<f64>,
    by_search_purchased: Metric<f64>,
    by_browse_entered: Metric<f64>,
    by_browse_viewed: Metric<f64>,
    by_browse_carted: Metric<f64>,
    by_browse_purchased: Metric<f64>,
}

impl From<FunnelBucket> for Funnel {
    fn from(bucket: FunnelBucket) -> Self {
        let steps = |[entered, viewed, carted, purchased]: [Metric<f64>; 4]| Steps {
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
    pub types: Buckets<Counted<EventType>>,
}

/// To [`crate::analytics::query::recent_events`].
#[derive(Deserialize)]
pub struct Recent {
    pub last_minute: Passed,
    purchases: Purchases,
}

#[derive(Deserialize)]
struct Purchases {
    revenue_cents: Metric<f64>,
}

impl Recent {
    pub fn revenue(&self) -> Cents {
        self.purchases.revenue_cents.cents()
    }
}

/// To [`crate::analytics::query::signals_by_severity`].
#[derive(Deserialize)]
pub struct Severities {
    pub severities: Buckets<Counted<Severity>>,
}
