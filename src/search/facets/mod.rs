//! Counts beside the results: categories level by level, brands, prices, stars, stock and attributes. Each
//! ignores its own filter, so that a shopper sees what choosing another value would bring.

mod attributes;
mod category;
mod price;

use std::borrow::Cow;
use std::sync::LazyLock;

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub use crate::search::facets::attributes::AttributeFacet;
pub use crate::search::facets::category::CategoryCount;
pub use crate::search::facets::price::{PriceBucket, PriceFacet};
use crate::search::filter::{self, Facet};
use crate::search::labels::Labels;
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

/// The aggregations behind the facets, and what a search asks besides.
#[derive(Debug, Clone, Serialize)]
pub struct Aggregations {
    category: Counting,
    brand: Counting,
    price: Counting,
    rating: Counting,
    in_stock: Counting,
    attributes: Counting,
    /// Passes every product, to count them without filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Passing>,
    /// Passes the products that have all the words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_words: Option<Passing>,
    /// Passes the product whose identifier was typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identified: Option<Passing>,
}

/// Passes products.
#[derive(Debug, Clone, Serialize)]
pub struct Passing {
    /// Which.
    pub filter: Value,
}

/// What is counted of the products that pass a filter, as it is sent. Most searches filter by nothing, and all of
/// those count alike.
type Counting = Cow<'static, RawValue>;

/// The aggregations beside no filters.
static UNFILTERED: LazyLock<Aggregations> = LazyLock::new(|| made(&Filters::default()));

/// The aggregations behind the facets.
pub fn aggregations(filters: &Filters) -> Aggregations {
    if *filters != Filters::default() {
        return made(filters);
    }
    let Aggregations {
        category,
        brand,
        price,
        rating,
        in_stock,
        attributes,
        found: _,
        all_words: _,
        identified: _,
    } = &*UNFILTERED;
    Aggregations {
        category: Cow::Borrowed(category),
        brand: Cow::Borrowed(brand),
        price: Cow::Borrowed(price),
        rating: Cow::Borrowed(rating),
        in_stock: Cow::Borrowed(in_stock),
        attributes: Cow::Borrowed(attributes),
        found: None,
        all_words: None,
        identified: None,
    }
}

fn made(filters: &Filters) -> Aggregations {
    let counting = |facet: Facet<'_>, aggs: Question| {
        let filter = filter::all(filters, Some(facet));
        written(&Filtered { filter, aggs })
    };
    Aggregations {
        category: counting(Facet::Category, category::question(&filters.categories)),
        brand: counting(Facet::Brand, brands(&filters.brands)),
        price: counting(Facet::Price, Cow::Borrowed(&price::QUESTION)),
        rating: counting(Facet::Rating, Cow::Borrowed(&RATING)),
        in_stock: counting(Facet::Stock, Cow::Borrowed(&IN_STOCK)),
        attributes: written(&attributes::aggregation(filters)),
        found: None,
        all_words: None,
        identified: None,
    }
}

/// What is counted of a facet's values, without its own filter.
#[derive(Serialize)]
struct Filtered {
    filter: Value,
    aggs: Question,
}

/// A value of ours, which cannot fail to be written.
fn written(value: &impl Serialize) -> Counting {
    let raw = serde_json::value::to_raw_value(value);
    debug_assert!(raw.is_ok(), "an aggregation must serialise: {raw:?}");
    raw.map_or(Cow::Borrowed(RawValue::NULL), Cow::Owned)
}

/// What is counted of a facet's values: the same wherever none of them is chosen.
type Question = Cow<'static, Value>;

static RATING: LazyLock<Value> = LazyLock::new(|| {
    let stars = STARS.map(|stars| json!({ "from": stars }));
    json!({ "counts": { "range": { "field": "rating", "ranges": stars } } })
});

static IN_STOCK: LazyLock<Value> =
    LazyLock::new(|| json!({ "counts": { "filter": { "term": { "in_stock": true } } } }));

static BRANDS: LazyLock<Value> =
    LazyLock::new(|| json!({ "counts": { "terms": { "field": "brand", "size": BRANDS_MAX } } }));

/// The most frequent brands, and those that are chosen.
fn brands(chosen: &[String]) -> Question {
    if chosen.is_empty() {
        return Cow::Borrowed(&BRANDS);
    }
    let mut brands = BRANDS.clone();
    brands["chosen"] = json!({ "terms": { "field": "brand", "size": chosen.len(), "include": chosen } });
    Cow::Owned(brands)
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
    /// Products whose identifier was typed, where that was asked besides.
    pub identified: Option<Passed>,
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
    /// The facets beside these filters, with categories called so.
    pub fn shape(self, filters: &Filters, labels: &Labels) -> Facets {
        let mut rating: Vec<RatingCount> = self.rating.counts.buckets.iter().map(RatingCount::from).collect();
        rating.sort_by_key(|stars| std::cmp::Reverse(stars.from));
        Facets {
            category: category::levels_around(&filters.categories, &self.category.counts, labels),
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
