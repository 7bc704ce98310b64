//! What narrows a search, as clauses that do not score. Pure.

use serde_json::{Value, json};

use crate::search::request::Filters;
use crate::store::query::query;

/// What is filtered by, and counted in a facet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet<'a> {
    /// The category, of any level.
    Category,
    /// The brand.
    Brand,
    /// The price.
    Price,
    /// The mean stars.
    Rating,
    /// Whether it can be sold now.
    Stock,
    /// The attribute of this name.
    Attribute(&'a str),
}

/// The query for what passes all filters, but for those of the facet that is being counted.
pub fn all(filters: &Filters, but: Option<Facet<'_>>) -> Value {
    query("bool", [("filter", clauses(filters, but).into())])
}

/// The filters as clauses, but for those of the facet that is being counted. The values of one facet are
/// alternatives, the facets must all hold.
pub fn clauses(filters: &Filters, but: Option<Facet<'_>>) -> Vec<Value> {
    let Filters { categories, brands, min_price, max_price, min_rating, in_stock, attributes } = filters;
    let mut clauses = Vec::new();
    if !categories.is_empty() && but != Some(Facet::Category) {
        clauses.push(json!({ "terms": { "categories": categories } }));
    }
    if !brands.is_empty() && but != Some(Facet::Brand) {
        clauses.push(json!({ "terms": { "brand": brands } }));
    }
    if (min_price.is_some() || max_price.is_some()) && but != Some(Facet::Price) {
        clauses.push(json!({ "range": { "price_cents": { "gte": min_price, "lte": max_price } } }));
    }
    if let Some(stars) = min_rating.filter(|_| but != Some(Facet::Rating)) {
        clauses.push(json!({ "range": { "rating": { "gte": stars.value() } } }));
    }
    if *in_stock && but != Some(Facet::Stock) {
        clauses.push(json!({ "term": { "in_stock": true } }));
    }
    let others = attributes.iter().filter(|(name, _)| but != Some(Facet::Attribute(name)));
    clauses.extend(others.map(|(name, values)| json!({ "terms": { format!("attributes.{name}"): values } })));
    clauses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_facet_is_counted_without_its_own_filter_and_with_all_others() {
        let colours = ["black", "red"].map(str::to_owned).to_vec();
        let filters = Filters {
            brands: vec!["Voltara".to_owned()],
            in_stock: true,
            attributes: [("colour".to_owned(), colours), ("size".to_owned(), vec!["L".to_owned()])].into(),
            ..Filters::default()
        };
        let brand = json!({ "terms": { "brand": ["Voltara"] } });
        let stock = json!({ "term": { "in_stock": true } });
        let colour = json!({ "terms": { "attributes.colour": ["black", "red"] } });
        let size = json!({ "terms": { "attributes.size": ["L"] } });
        assert_eq!(
            clauses(&filters, Some(Facet::Attribute("colour"))),
            [brand.clone(), stock.clone(), size.clone()]
        );
        assert_eq!(clauses(&filters, Some(Facet::Brand)), [stock.clone(), colour.clone(), size.clone()]);
        assert_eq!(clauses(&filters, Some(Facet::Stock)), [brand, colour, size]);
    }
}
