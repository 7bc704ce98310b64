//! How prices are spread: a histogram of a few ranges that begin at round numbers.

use std::sync::LazyLock;

use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::money::Cents;
use crate::store::found::{Buckets, Metric};

/// Price ranges that are answered at most.
const PRICE_BUCKETS_MAX: u64 = 6;
/// Prices at which a range may begin, as multiples of a power of ten: numbers that people pick.
const ROUND: [i64; 7] = [100, 150, 200, 300, 400, 500, 750];
/// The powers of ten, in cents: 1 to 10,000 in major units, after which come only higher prices.
const DECADES: [i64; 5] = [1, 10, 100, 1_000, 10_000];

/// How prices are spread.
#[derive(Debug, Clone, PartialEq, Object, Serialize)]
pub struct PriceFacet {
    /// Lowest price; null without results.
    pub min: Option<f64>,
    /// Highest price; null without results.
    pub max: Option<f64>,
    /// Up to six ranges of about equal counts that begin at round numbers.
    pub buckets: Vec<PriceBucket>,
}

/// A range of prices.
#[derive(Debug, Clone, PartialEq, Object, Serialize)]
pub struct PriceBucket {
    /// From this price on; null from the lowest.
    pub from: Option<f64>,
    /// Below this price, which is not in it, whereas `max_price` includes its value; null to the highest.
    pub to: Option<f64>,
    /// Results in it.
    pub count: u64,
}

/// The aggregations behind it.
pub static QUESTION: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "min": { "min": { "field": "price_cents" } },
        "max": { "max": { "field": "price_cents" } },
        "counts": { "range": { "field": "price_cents", "ranges": price_ranges() } },
    })
});

/// Neighbouring ranges that begin at round prices and together hold every price.
fn price_ranges() -> Vec<Value> {
    let edges: Vec<i64> = DECADES.iter().flat_map(|ten| ROUND.iter().map(move |n| n * ten)).collect();
    let starts = std::iter::once(None).chain(edges.iter().map(Some));
    let ends = edges.iter().map(Some).chain([None]);
    let range = |(from, to): (Option<&i64>, Option<&i64>)| match (from, to) {
        (Some(from), Some(to)) => json!({ "from": from, "to": to }),
        (Some(from), None) => json!({ "from": from }),
        (None, to) => json!({ "to": to }),
    };
    starts.zip(ends).map(range).collect()
}

/// Elasticsearch's counts.
#[derive(Debug, Deserialize)]
pub struct RawPrices {
    min: Metric<Option<f64>>,
    max: Metric<Option<f64>>,
    counts: Buckets<Range>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Range {
    from: Option<f64>,
    to: Option<f64>,
    doc_count: u64,
}

impl RawPrices {
    /// The histogram.
    pub fn shape(&self) -> PriceFacet {
        let major = |metric: &Metric<Option<f64>>| metric.value.map(|cents| Cents(cents as i64).to_major());
        PriceFacet {
            min: major(&self.min),
            max: major(&self.max),
            buckets: even_buckets(&self.counts.buckets),
        }
    }
}

/// Joins neighbouring ranges until each has about its share of the results.
fn even_buckets(ranges: &[Range]) -> Vec<PriceBucket> {
    let total: u64 = ranges.iter().map(|range| range.doc_count).sum();
    let share = total.div_ceil(PRICE_BUCKETS_MAX).max(1);
    let mut buckets: Vec<Range> = Vec::new();
    let filled = ranges.iter().skip_while(|range| range.doc_count == 0);
    for range in filled {
        match buckets.last_mut() {
            Some(open) if range.doc_count == 0 || open.doc_count < share => {
                open.to = range.to;
                open.doc_count += range.doc_count;
            }
            _ => buckets.push(*range),
        }
    }
    let major = |cents: f64| Cents(cents as i64).to_major();
    buckets
        .iter()
        .map(|range| PriceBucket {
            from: range.from.map(major),
            to: range.to.map(major),
            count: range.doc_count,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranges(counts: &[u64]) -> Vec<Range> {
        let edge = |at: usize| (0 < at && at < counts.len()).then_some(at as f64 * 1000.0);
        let range =
            |(at, count): (usize, &u64)| Range { from: edge(at), to: edge(at + 1), doc_count: *count };
        counts.iter().enumerate().map(range).collect()
    }

    #[test]
    fn few_prices_keep_their_ranges() {
        let buckets = even_buckets(&ranges(&[0, 2, 0, 0, 2, 0]));
        let shape: Vec<_> = buckets.iter().map(|bucket| (bucket.from, bucket.to, bucket.count)).collect();
        assert_eq!(shape, [(Some(10.0), Some(40.0), 2), (Some(40.0), None, 2)]);
    }

    proptest! {
        #[test]
        fn no_price_is_lost_and_the_buckets_are_few(counts in prop::collection::vec(0u64..1000, 1..40)) {
            let buckets = even_buckets(&ranges(&counts));
            prop_assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), counts.iter().sum::<u64>());
            prop_assert!(buckets.len() as u64 <= PRICE_BUCKETS_MAX);
            prop_assert!(buckets.windows(2).all(|pair| pair[0].to == pair[1].from));
            prop_assert!(buckets.iter().all(|bucket| bucket.count > 0));
        }
    }
}
