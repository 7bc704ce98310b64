//! The JSON of the aggregations that [`crate::analytics::trending::query`] asks for, as far as it is read.

use std::collections::HashMap;

use serde::Deserialize;

use crate::analytics::trending::query::NOW;
use crate::analytics::trending::{Counted, Figures, Seen, Tally};
use crate::model::time::Timestamp;
use crate::store::found::{Buckets, Metric};

/// To [`crate::analytics::trending::query::leaders`].
#[derive(Deserialize)]
pub struct Leaders {
    among: Among<Leader>,
}

#[derive(Deserialize)]
struct Leader {
    key: String,
}

impl Leaders {
    /// The products or categories.
    pub fn keys(self) -> Vec<String> {
        self.among.keys.buckets.into_iter().map(|bucket| bucket.key).collect()
    }
}

/// Counts of one stretch of time.
#[derive(Deserialize)]
struct Stretch {
    whole: Whole,
    among: Among<KeyBucket>,
}

#[derive(Deserialize)]
struct Whole {
    sessions: Metric<f64>,
}

/// An aggregation by product, category or query.
#[derive(Deserialize)]
pub struct Among<B> {
    keys: Buckets<B>,
}

#[derive(Deserialize)]
struct KeyBucket {
    key: String,
    sessions: Metric<f64>,
    #[serde(default)]
    revenue_cents: Metric<f64>,
}

impl Stretch {
    fn into_tally(self) -> Tally {
        let counted = |bucket: KeyBucket| {
            let (sessions, revenue) = (bucket.sessions.count(), bucket.revenue_cents.cents());
            (bucket.key, Counted { sessions, revenue })
        };
        let by_key = self.among.keys.buckets.into_iter().map(counted).collect();
        Tally { whole: self.whole.sessions.count(), by_key }
    }
}

/// To [`crate::analytics::trending::query::over_spans`].
#[derive(Deserialize)]
pub struct Spans {
    spans: Buckets<SpanBucket>,
}

#[derive(Deserialize)]
struct SpanBucket {
    key: String,
    /// Milliseconds since 1970; null where there is no pane.
    first: Metric<Option<f64>>,
    #[serde(flatten)]
    stretch: Stretch,
}

impl Spans {
    /// As what was counted in the window and before it.
    pub fn into_seen(self) -> Seen {
        let mut seen = Seen::default();
        for SpanBucket { key, first, stretch } in self.spans.buckets {
            let first = first.value.map(|millis| Timestamp::from_millis(millis as i64));
            if key == NOW {
                seen.now = stretch.into_tally();
            } else if let Some(tally) =
                key.parse::<usize>().ok().and_then(|number| seen.before.get_mut(number))
            {
                *tally = stretch.into_tally();
                seen.first_pane = [seen.first_pane, first].into_iter().flatten().min();
            }
        }
        seen
    }
}

/// To [`crate::analytics::trending::query::figures`].
#[derive(Deserialize)]
pub struct OfKeys {
    among: Among<FiguresBucket>,
}

#[derive(Deserialize)]
struct FiguresBucket {
    key: String,
    view_sessions: Metric<f64>,
    views: Metric<f64>,
    carts: Metric<f64>,
    purchases: Metric<f64>,
    refunds: Metric<f64>,
    revenue_cents: Metric<f64>,
}

impl OfKeys {
    /// By product or category.
    pub fn into_figures(self) -> HashMap<String, Figures> {
        let figures = |bucket: FiguresBucket| {
            let figures = Figures {
                view_sessions: bucket.view_sessions.count(),
                views: bucket.views.count(),
                carts: bucket.carts.count(),
                purchases: bucket.purchases.count(),
                refunds: bucket.refunds.count(),
                revenue: bucket.revenue_cents.cents(),
            };
            (bucket.key, figures)
        };
        self.among.keys.buckets.into_iter().map(figures).collect()
    }
}
