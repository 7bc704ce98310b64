//! What narrows a search, as clauses that do not score. Pure.

use serde_json::{Value, json};

use crate::search::request::Filters;

/// A field that is filtered by, and counted in a facet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    /// The category, of any level.
    Category,
    /// The brand.
    Brand,
    /// The price.
    Price,
}

/// The filters as clauses, but for those of the facet that is being counted.
pub fn clauses(filters: &Filters, but: Option<Facet>) -> Vec<Value> {
    let Filters { category, brands, min_price, max_price } = filters;
    let mut clauses = Vec::new();
    if let Some(category) = category.as_ref().filter(|_| but != Some(Facet::Category)) {
        clauses.push(json!({ "term": { "categories": category } }));
    }
    if !brands.is_empty() && but != Some(Facet::Brand) {
        clauses.push(json!({ "terms": { "brand": brands } }));
    }
    if (min_price.is_some() || max_price.is_some()) && but != Some(Facet::Price) {
        clauses.push(json!({ "range": { "price_cents": { "gte": min_price, "lte": max_price } } }));
    }
    clauses
}
