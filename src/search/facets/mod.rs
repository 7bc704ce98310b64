//! Counts beside the results: categories level by level, brands, prices, stars, stock and attributes. Each
//! ignores its own filter, so that a shopper sees what choosing another value would bring.

mod attributes;
mod category;
mod price;

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use crate::search::facets::attributes::AttributeFacet;
pub use crate::search::facets::category::CategoryCount;
pub use crate::search::facets::price::{PriceBucket, PriceFacet};
use crate::search::filter::{self, Facet};
use crate::search::request::Filters;
use crate::store::found::{Buckets, Counted, Passed};

/// Brands that are answered, the most frequent first; those that are filtered by besides.
const BRANDS_MAX: u32 = 30;
/// Stars from which results are counted.
const STARS: [u8; 4] = [4, 3, 2, 1];

/// What the filters would bring.
#[derive(Debug, Clone, PartialEq, Object, Serialize)]
pub struct Facets {
    /// The chosen categories with the levels above them, then the level below; departments when none is chosen.
    pub category: Vec<CategoryCount>,
    /// The most frequent brands.
    pub brand: Vec<ValueCount>,
    /// The range of prices.
    pub price: PriceFacet,
    /// Results with at least so many stars.
    pub rating: Vec<RatingCount>,
    /// Results that can be sold now.
    pub in_stock: u64,
    /// The attributes that many of the results have: first those that are filtered by.
    pub attributes: Vec<AttributeFacet>,
}

/// A value and how many results have it.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct ValueCount {
    /// The value, to be given to the filter; with `\,` for each comma in it.
    pub value: String,
    /// Its results.
    pub count: u64,
}

/// How many results have so many stars or more.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct RatingCount {
    /// Least mean stars, to be given as `min_rating`.
    pub from: u8,
    /// Results with that many or more.
    pub count: u64,
}

/// The aggregations behind the facets.
pub fn aggregations(filters: &Filters) -> Value {
    let facet = |facet: Facet<'_>, counts: Value| {
        let others = filter::clauses(filters, Some(facet));
        json!({ "filter": { "bool": { "filter": others } }, "aggs": counts })
    };
    let mut brands = json!({ "counts": { "terms": { "field": "brand", "size": BRANDS_MAX } } });
    if !filters.brands.is_empty() {
        let size = filters.brands.len();
        brands["chosen"] = json!({ "terms": { "field": "brand", "size": size, "include": filters.brands } });
    }
    let stars: Vec<Value> = STARS.iter().map(|stars| json!({ "from": stars })).collect();
    json!({
        "category": facet(Facet::Category, json!({ "counts": category::counts(&filters.categories) })),
        "brand": facet(Facet::Brand, brands),
        "price": facet(Facet::Price, price::aggregations()),
        "rating": facet(Facet::Rating, json!({ "counts": { "range": { "field": "rating", "ranges": stars } } })),
        "in_stock": facet(Facet::Stock, json!({ "counts": { "filter": { "term": { "in_stock": true } } } })),
        "attributes": attributes::aggregation(filters),
    })
}

/// Elasticsearch's counts.
#[derive(Debug, Deserialize)]
pub struct RawFacets {
    category: Counts,
    brand: Brands,
    price: price::RawPrices,
    rating: Ratings,
    in_stock: Stock,
    attributes: attributes::RawAttributes,
    /// Products if it were not for the filters, where that was asked besides.
    pub found: Option<Passed>,
    /// Products that have all the words, where that was asked besides.
    pub all_words: Option<Passed>,
}

/// The counts of one facet's values.
#[derive(Debug, Deserialize)]
pub struct Counts {
    /// The most frequent first.
    pub counts: Buckets<Counted<String>>,
}

#[derive(Debug, Deserialize)]
struct Brands {
    counts: Buckets<Counted<String>>,
    chosen: Option<Buckets<Counted<String>>>,
}

#[derive(Debug, Deserialize)]
struct Ratings {
    counts: Buckets<AtLeast>,
}

#[derive(Debug, Deserialize)]
struct AtLeast {
    from: f64,
    doc_count: u64,
}

#[derive(Debug, Deserialize)]
struct Stock {
    counts: Passed,
}

impl RawFacets {
    /// The facets beside these filters.
    pub fn shape(self, filters: &Filters) -> Facets {
        let mut rating: Vec<RatingCount> = self.rating.counts.buckets.iter().map(RatingCount::from).collect();
        rating.sort_by_key(|stars| std::cmp::Reverse(stars.from));
        Facets {
            category: category::levels_around(&filters.categories, &self.category.counts),
            brand: self.brand.shape(),
            price: self.price.shape(),
            rating,
            in_stock: self.in_stock.counts.doc_count,
            attributes: attributes::shape(&self.attributes, filters),
        }
    }
}

impl Brands {
    /// The most frequent ones, and those that are filtered by however few results they have.
    fn shape(self) -> Vec<ValueCount> {
        let mut brands: Vec<ValueCount> = self.counts.buckets.into_iter().map(ValueCount::from).collect();
        let chosen = self.chosen.into_iter().flat_map(|chosen| chosen.buckets).map(ValueCount::from);
        for one in chosen {
            if !brands.contains(&one) {
                brands.push(one);
            }
        }
        brands
    }
}

impl From<Counted<String>> for ValueCount {
    fn from(Counted { key, doc_count }: Counted<String>) -> Self {
        Self { value: key, count: doc_count }
    }
}

impl From<&AtLeast> for RatingCount {
    fn from(at_least: &AtLeast) -> Self {
        Self { from: at_least.from as u8, count: at_least.doc_count }
    }
}

impl Example for Facets {
    fn example() -> Self {
        let value = |value: &str| ValueCount { value: value.to_owned(), count: 1 };
        let department = CategoryCount {
            value: "electronics".to_owned(),
            label: "Electronics".to_owned(),
            level: 1,
            count: 1,
        };
        Self {
            category: vec![department],
            brand: vec![value("Voltara")],
            price: PriceFacet {
                min: Some(1299.0),
                max: Some(1299.0),
                buckets: vec![PriceBucket { from: Some(1000.0), to: Some(1500.0), count: 1 }],
            },
            rating: STARS.map(|from| RatingCount { from, count: 1 }).into(),
            in_stock: 1,
            attributes: vec![AttributeFacet {
                name: "screen size".to_owned(),
                values: vec![value("14 inch"), value("16 inch")],
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_brand_that_is_filtered_by_is_shown_however_rare_it_is() {
        let brands = json!({
            "counts": { "buckets": [{ "key": "Big", "doc_count": 9 }, { "key": "Mid", "doc_count": 5 }] },
            "chosen": { "buckets": [{ "key": "Mid", "doc_count": 5 }, { "key": "Tiny", "doc_count": 1 }] },
        });
        let brands = serde_json::from_value::<Brands>(brands).unwrap().shape();
        let shown: Vec<_> = brands.iter().map(|one| (one.value.as_str(), one.count)).collect();
        assert_eq!(shown, [("Big", 9), ("Mid", 5), ("Tiny", 1)]);
    }
}
