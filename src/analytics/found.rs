//! The JSON of the aggregations that [`crate::analytics::query`] asks for, as far as it is read.

use serde::Deserialize;

use crate::model::event::EventType;
use crate::model::money::Cents;
use crate::model::severity::Severity;
use crate::store::found::{Buckets, Counted, Metric, Passed};

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
