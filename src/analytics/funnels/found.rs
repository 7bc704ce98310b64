//! The JSON of the aggregations that [`crate::analytics::funnels::query`] asks for, as far as it is read.

use std::collections::HashMap;

use serde::Deserialize;

use crate::analytics::funnels::query::name;
use crate::analytics::funnels::times::{Durations, Times};
use crate::analytics::funnels::{Funnel, Steps, Sums};
use crate::store::found::{Buckets, Metric};

/// To [`crate::analytics::funnels::query::funnels`].
#[derive(Deserialize)]
pub struct Funnels {
    pub categories: Buckets<FunnelBucket>,
}

#[derive(Deserialize)]
pub struct FunnelBucket {
    key: String,
    /// Named, so that it is not taken for a sum.
    #[serde(rename = "doc_count")]
    _doc_count: u64,
    /// By the names that [`name`] gives.
    #[serde(flatten)]
    sums: HashMap<String, Metric<f64>>,
}

impl FunnelBucket {
    fn sum(&self, field: &str) -> Metric<f64> {
        self.sums.get(&name(field)).copied().unwrap_or_default()
    }

    fn count(&self, field: &str) -> u64 {
        self.sum(field).count()
    }

    fn steps(&self, way: &str) -> Steps {
        Steps {
            entered: self.count(&format!("{way}entered")),
            viewed: self.count(&format!("{way}viewed")),
            carted: self.count(&format!("{way}carted")),
            purchased: self.count(&format!("{way}purchased")),
        }
    }

    fn durations(&self, step: &str) -> Durations {
        std::array::from_fn(|bucket| self.count(&format!("times.{step}.b{bucket}")))
    }
}

impl From<FunnelBucket> for Funnel {
    fn from(bucket: FunnelBucket) -> Self {
        let sums = Sums {
            steps: bucket.steps(""),
            searched: bucket.count("searched"),
            by_search: bucket.steps("by_search."),
            by_browse: bucket.steps("by_browse."),
            carted_value: bucket.sum("carted_cents").cents(),
            revenue: bucket.sum("revenue_cents").cents(),
            refunded: bucket.count("refunded"),
            refunded_value: bucket.sum("refunded_cents").cents(),
            times: Times {
                view: bucket.durations("view"),
                cart: bucket.durations("cart"),
                purchase: bucket.durations("purchase"),
            },
        };
        Self { category: bucket.key, sums }
    }
}
