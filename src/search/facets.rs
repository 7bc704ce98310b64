//! Counts beside the results: categories level by level, brands, prices. Each ignores its own filter, so
//! that a shopper sees what choosing another value would bring.

use std::collections::BTreeMap;

use poem_openapi::Object;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::category::{self, CategoryPath};
use crate::model::money::Cents;
use crate::search::filter::{self, Facet};
use crate::search::request::Filters;
use crate::store::found::{Buckets, Counted, Metric};

/// Category prefixes that are counted, of all levels together.
const CATEGORIES_MAX: u32 = 1000;
/// Brands that are answered, the most frequent first.
const BRANDS_MAX: u32 = 30;
/// Price ranges that are answered at most.
const PRICE_BUCKETS_MAX: u64 = 6;
/// Prices at which a range may begin, as multiples of a power of ten: numbers that people pick.
const ROUND: [i64; 7] = [100, 150, 200, 300, 400, 500, 750];
/// The powers of ten, in cents: 1 to 10,000 in major units, after which come only higher prices.
const DECADES: [i64; 5] = [1, 10, 100, 1_000, 10_000];

/// What the filters would bring.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct Facets {
    /// The chosen category with the levels above it, then the level below; departments when none is chosen.
    pub category: Vec<CategoryCount>,
    /// The most frequent brands.
    pub brand: Vec<BrandCount>,
    /// The range of prices.
    pub price: PriceFacet,
}

/// A category and how many results are in it.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct CategoryCount {
    /// The path, to be given as `category`.
    pub value: String,
    /// Its last level in words.
    pub label: String,
    /// 1 for a department.
    pub level: usize,
    /// Results in it and below.
    pub count: u64,
}

/// A brand and how many results it has.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct BrandCount {
    /// The brand, to be given as `brand`.
    pub value: String,
    /// Its results.
    pub count: u64,
}

/// How prices are spread.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct PriceFacet {
    /// Lowest price; null without results.
    pub min: Option<f64>,
    /// Highest price; null without results.
    pub max: Option<f64>,
    /// Up to six ranges of about equal counts that begin at round numbers.
    pub buckets: Vec<PriceBucket>,
}

/// A range of prices.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct PriceBucket {
    /// From this price on; null from the lowest.
    pub from: Option<f64>,
    /// Below this price, which is not in it, whereas `max_price` includes its value; null to the highest.
    pub to: Option<f64>,
    /// Results in it.
    pub count: u64,
}

/// The aggregations behind the facets.
pub fn aggregations(filters: &Filters) -> Value {
    let ranges = price_ranges();
    let facet = |facet: Facet, counts: Value| {
        let others = filter::clauses(filters, Some(facet));
        json!({ "filter": { "bool": { "filter": others } }, "aggs": counts })
    };
    let terms = |field: &str, size: u32| json!({ "counts": { "terms": { "field": field, "size": size } } });
    let prices = json!({
        "min": { "min": { "field": "price_cents" } },
        "max": { "max": { "field": "price_cents" } },
        "counts": { "range": { "field": "price_cents", "ranges": ranges } },
    });
    json!({
        "category": facet(Facet::Category, terms("categories", CATEGORIES_MAX)),
        "brand": facet(Facet::Brand, terms("brand", BRANDS_MAX)),
        "price": facet(Facet::Price, prices),
    })
}

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
pub struct RawFacets {
    category: Counts,
    brand: Counts,
    price: RawPrices,
}

/// The counts of one facet's values.
#[derive(Debug, Deserialize)]
pub struct Counts {
    /// The most frequent first.
    pub counts: Buckets<Counted<String>>,
}

#[derive(Debug, Deserialize)]
struct RawPrices {
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

impl RawFacets {
    /// The facets, for the category that is chosen.
    pub fn shape(self, chosen: Option<&CategoryPath>) -> Facets {
        let brand = self.brand.counts.buckets.into_iter();
        let major = |metric: &Metric<Option<f64>>| metric.value.map(|cents| Cents(cents as i64).to_major());
        Facets {
            category: levels_around(chosen, &self.category.counts),
            brand: brand
                .map(|Counted { key, doc_count }| BrandCount { value: key, count: doc_count })
                .collect(),
            price: PriceFacet {
                min: major(&self.price.min),
                max: major(&self.price.max),
                buckets: even_buckets(&self.price.counts.buckets),
            },
        }
    }
}

/// The chosen category's line from the department down, then its children by count.
fn levels_around(chosen: Option<&CategoryPath>, counts: &Buckets<Counted<String>>) -> Vec<CategoryCount> {
    let by_path: BTreeMap<&str, u64> =
        counts.buckets.iter().map(|term| (term.key.as_str(), term.doc_count)).collect();
    let counted = |path: &str, count: u64| CategoryCount {
        value: path.to_owned(),
        label: category::label(path),
        level: category::level(path),
        count,
    };
    let line = chosen.iter().flat_map(|path| path.prefixes());
    let line = line.map(|path| counted(path, by_path.get(path).copied().unwrap_or_default()));
    let parent = chosen.map(CategoryPath::as_str).unwrap_or_default();
    let children = counts.buckets.iter().filter(|term| is_child(&term.key, parent));
    line.chain(children.map(|term| counted(&term.key, term.doc_count))).collect()
}

fn is_child(path: &str, parent: &str) -> bool {
    let rest = if parent.is_empty() {
        Some(path)
    } else {
        path.strip_prefix(parent).and_then(|rest| rest.strip_prefix('.'))
    };
    rest.is_some_and(|rest| !rest.contains('.'))
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

    fn terms(counts: &[(&str, u64)]) -> Buckets<Counted<String>> {
        let term = |(key, doc_count): &(&str, u64)| Counted { key: (*key).to_owned(), doc_count: *doc_count };
        Buckets { buckets: counts.iter().map(term).collect() }
    }

    fn paths(facet: &[CategoryCount]) -> Vec<(&str, usize, u64)> {
        facet.iter().map(|entry| (entry.value.as_str(), entry.level, entry.count)).collect()
    }

    #[test]
    fn the_level_below_the_chosen_category_follows_its_line() {
        let counts = terms(&[("a", 9), ("a.b", 6), ("a.b.c", 4), ("a.x", 3), ("a.b.d", 2), ("ab", 1)]);
        assert_eq!(paths(&levels_around(None, &counts)), [("a", 1, 9), ("ab", 1, 1)]);
        let chosen = CategoryPath::parse("a.b").unwrap();
        assert_eq!(
            paths(&levels_around(Some(&chosen), &counts)),
            [("a", 1, 9), ("a.b", 2, 6), ("a.b.c", 3, 4), ("a.b.d", 3, 2)]
        );
    }

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
