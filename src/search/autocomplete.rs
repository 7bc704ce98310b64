//! Suggestions while a shopper types: categories, brands and products that begin with the words so far.

use std::collections::HashSet;

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::category;
use crate::model::ids::ProductId;
use crate::search::facets::Counts;
use crate::search::query;
use crate::search::relevance::Relevance;
use crate::search::request::Words;
use crate::store::found::{Aggregated, Counted, Found};

/// Most suggestions in one answer.
pub const SUGGESTIONS_MAX: u32 = 20;
/// Brands that are suggested at most.
const BRANDS_MAX: usize = 2;
/// Products that are read for each one suggested, since several may bear one name.
const SPARE: u32 = 3;
/// Categories that are looked through, of all levels together.
const CATEGORIES_MAX: u32 = 1000;

/// What the words so far may become.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(example)]
pub struct Suggestions {
    /// The words so far, after cutting.
    pub query: String,
    /// Milliseconds that the answer took.
    pub took_ms: u64,
    /// Categories, then brands, then products; popular ones first, no text twice.
    pub suggestions: Vec<Suggestion>,
}

/// One thing that the words so far may become.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Suggestion {
    /// What to show.
    pub text: String,
    /// What it is.
    pub kind: Kind,
    /// The product's id, the category's path or the brand.
    pub value: String,
    /// Products in the category or of the brand.
    pub count: Option<u64>,
}

/// What a suggestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Kind {
    /// One product.
    Product,
    /// A category of any level.
    Category,
    /// A maker.
    Brand,
}

/// The search for products and brands of which every word so far begins a word, in any order.
pub fn products(words: &Words, size: u32, relevance: &Relevance) -> Value {
    let text = words.text();
    let begins = json!({ "multi_match": {
        "query": text,
        "type": "cross_fields",
        "operator": "and",
        "fields": ["name.prefix", "brand_text.prefix"],
    }});
    let brand = json!({ "match": { "brand_text.prefix": { "query": text, "operator": "and" } } });
    json!({
        "query": query::ranked(&begins, relevance),
        "size": size.saturating_mul(SPARE),
        "sort": ["_score", { "id": "asc" }],
        "track_total_hits": false,
        "_source": ["id", "name"],
        "aggs": { "brands": {
            "filter": brand,
            "aggs": { "counts": { "terms": { "field": "brand", "size": BRANDS_MAX } } },
        }},
    })
}

/// The question for all categories. The same each time, so that Elasticsearch answers from its cache.
pub fn categories() -> Value {
    json!({
        "size": 0,
        "track_total_hits": false,
        "aggs": { "counts": { "terms": { "field": "categories", "size": CATEGORIES_MAX } } },
    })
}

/// Elasticsearch's answer to [`products`].
pub type RawProducts = Found<Named, Brands>;

/// What is read of a product.
#[derive(Debug, Deserialize)]
pub struct Named {
    id: ProductId,
    name: String,
}

/// The brands beside the products.
#[derive(Debug, Deserialize)]
pub struct Brands {
    brands: Counts,
}

/// Elasticsearch's answer to [`categories`].
pub type RawCategories = Aggregated<Counts>;

/// Puts the suggestions together: at most half of them categories, a few brands, then products.
pub fn suggest(
    words: &Words,
    size: u32,
    products: RawProducts,
    categories: RawCategories,
) -> Vec<Suggestion> {
    let size = size as usize;
    let categories = categories_beginning(words, &categories.aggregations.counts.buckets);
    let brands = products.aggregations.brands.counts.buckets.into_iter().map(|term| Suggestion {
        text: term.key.clone(),
        kind: Kind::Brand,
        value: term.key,
        count: Some(term.doc_count),
    });
    let products = products.hits.sources().map(|product| Suggestion {
        text: product.name,
        kind: Kind::Product,
        value: product.id.into(),
        count: None,
    });
    let mut seen = HashSet::new();
    let mut is_new = |suggestion: &Suggestion| seen.insert(suggestion.text.to_lowercase());
    let mut suggestions: Vec<_> =
        categories.into_iter().filter(|category| is_new(category)).take(size.div_ceil(2)).collect();
    suggestions.extend(brands.chain(products).filter(|other| is_new(other)));
    suggestions.truncate(size);
    suggestions
}

/// Categories with a label of which every word so far begins a word: first those that begin with the whole
/// text, then by their products.
fn categories_beginning(words: &Words, counts: &[Counted<String>]) -> Vec<Suggestion> {
    let text = words.text().to_lowercase();
    if text.is_empty() {
        return Vec::new();
    }
    let begins_a_word =
        |label: &str| text.split(' ').all(|typed| label.split(' ').any(|word| word.starts_with(typed)));
    let mut found: Vec<(bool, &Counted<String>, String)> = counts
        .iter()
        .map(|term| (term, category::label(&term.key)))
        .filter(|(_, label)| begins_a_word(&label.to_lowercase()))
        .map(|(term, label)| (!label.to_lowercase().starts_with(&text), term, label))
        .collect();
    // Stable, and Elasticsearch's buckets come by count.
    found.sort_by_key(|(later, ..)| *later);
    let suggestion = |(_, term, label): (bool, &Counted<String>, String)| Suggestion {
        text: label,
        kind: Kind::Category,
        value: term.key.clone(),
        count: Some(term.doc_count),
    };
    found.into_iter().map(suggestion).collect()
}

impl Example for Suggestions {
    fn example() -> Self {
        let category = Suggestion {
            text: "Headphones".to_owned(),
            kind: Kind::Category,
            value: "electronics.audio.headphones".to_owned(),
            count: Some(812),
        };
        let product = Suggestion {
            text: "Voltara Pulse wireless headphones".to_owned(),
            kind: Kind::Product,
            value: "p-00042".to_owned(),
            count: None,
        };
        Self { query: "hea".to_owned(), took_ms: 4, suggestions: vec![category, product] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::found::{Buckets, Hit, Hits, Metric};
    use proptest::prelude::*;

    fn counts(paths: &[&str]) -> Vec<Counted<String>> {
        paths.iter().map(|path| Counted { key: (*path).to_owned(), doc_count: 1 }).collect()
    }

    fn texts(typed: &str, paths: &[&str]) -> Vec<String> {
        let found = categories_beginning(&Words::read(typed), &counts(paths));
        found.into_iter().map(|suggestion| suggestion.text).collect()
    }

    #[test]
    fn labels_that_begin_with_the_text_come_first() {
        let paths = ["a.on-ear-headphones", "a.headphones", "home.heating", "a.laptops"];
        assert_eq!(texts("hea", &paths), ["Headphones", "Heating", "On ear headphones"]);
        assert_eq!(texts("HEAD ear", &paths), ["On ear headphones"]);
        assert_eq!(texts("", &paths), Vec::<String>::new());
    }

    #[test]
    fn the_products_query_takes_words_in_any_order() {
        let body = products(&Words::read("phone gal"), 8, &Relevance::embedded().unwrap());
        insta::assert_json_snapshot!(body);
    }

    fn raw(names: &[String], brands: &[&str]) -> RawProducts {
        let hit = |(at, name): (usize, &String)| Hit {
            id: format!("p-{at}"),
            score: None,
            source: Named { id: ProductId::parse(&format!("p-{at}")).unwrap(), name: name.clone() },
            sort: Vec::new(),
            highlight: None,
            explanation: None,
        };
        let hits = names.iter().enumerate().map(hit).collect();
        let brands = Counts { counts: Buckets { buckets: counts(brands) } };
        Found { hits: Hits { total: Metric::default(), hits }, aggregations: Brands { brands } }
    }

    proptest! {
        #[test]
        fn suggestions_are_few_and_differ(
            names in prop::collection::vec("[aA][bB]?", 0..30), size in 1u32..=SUGGESTIONS_MAX
        ) {
            let categories = counts(&["a", "a.ab", "a.ac", "a.ad"]);
            let hits = Hits { total: Metric::default(), hits: Vec::new() };
            let categories = Found { hits, aggregations: Counts { counts: Buckets { buckets: categories } } };
            let found = suggest(&Words::read("a"), size, raw(&names, &["Ab", "Ax"]), categories);
            let texts: HashSet<String> = found.iter().map(|one| one.text.to_lowercase()).collect();
            prop_assert_eq!(texts.len(), found.len());
            prop_assert!(found.len() <= size as usize);
        }
    }
}
