//! The body of a search for products, as it is sent.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::{Value, json};

use crate::search::facets::{Aggregations, Passing};
use crate::search::query::best_of;

/// Characters of a description that are shown around a match.
const FRAGMENT_CHARS: u32 = 160;

/// The body of a search for products. What is the same in all of them is kept and not made anew.
#[derive(Debug, Clone, Serialize)]
pub struct Body {
    /// What is found, and what it scores.
    pub query: Value,
    /// What narrows the page, but not what the facets count.
    pub post_filter: Value,
    /// What is counted.
    pub aggs: Aggregations,
    /// Products on the page.
    pub size: u32,
    /// Products before the page, without a cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
    /// The place behind which the page begins, with a cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_after: Option<Vec<Value>>,
    /// The order.
    pub sort: Vec<Value>,
    /// Whether all matches are counted.
    pub track_total_hits: bool,
    /// Which fields are wanted.
    #[serde(rename = "_source")]
    pub source: &'static Value,
    /// How matches are marked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highlight: Option<&'static Value>,
    /// The words that similar ones are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggest: Option<Value>,
    /// Whether to say how each score came about.
    pub explain: bool,
}

/// The fields that are shown of a product.
pub static SHOWN: LazyLock<Value> = LazyLock::new(|| {
    json!([
        "id",
        "name",
        "description",
        "category",
        "category_label",
        "categories_above",
        "brand",
        "price_cents",
        "currency",
        "attributes",
        "rating",
        "review_count",
        "in_stock",
        "stock",
        "image",
    ])
});

/// All fields that are shown of a product or explain its score.
pub static EXPLAINED: LazyLock<Value> = LazyLock::new(|| {
    let shown = SHOWN.as_array().into_iter().flatten().cloned();
    shown.chain([json!("popularity")]).collect()
});

/// What was found in a name and around it in a description, as HTML in which all else is escaped.
pub static HIGHLIGHT: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "encoder": "html",
        "pre_tags": ["<mark>"],
        "post_tags": ["</mark>"],
        "require_field_match": false,
        "fields": {
            "name": { "number_of_fragments": 0 },
            "description": { "number_of_fragments": 1, "fragment_size": FRAGMENT_CHARS },
        },
    })
});

impl Body {
    /// The search that also finds what those for other words find, each product by its best.
    pub fn with_alternatives(mut self, others: Vec<Self>) -> Self {
        if others.is_empty() {
            return self;
        }
        let all_words = self.aggs.all_words.take();
        let asks_for_all = all_words.is_some();
        let (mut queries, mut filters) = (vec![self.query], Vec::from_iter(all_words));
        for other in others {
            queries.push(other.query);
            filters.extend(other.aggs.all_words);
        }
        self.query = best_of(queries);
        self.aggs.all_words = asks_for_all.then(|| {
            let filters: Vec<Value> = filters.into_iter().map(|passing| passing.filter).collect();
            Passing { filter: json!({ "bool": { "should": filters, "minimum_should_match": 1 } }) }
        });
        self
    }
}
