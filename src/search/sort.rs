//! The order of the results. Pure.

use poem_openapi::Enum;
use serde::Serialize;
use serde_json::{Value, json};

/// The order of the results. Products that lack what is sorted by come last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// The best match first.
    #[default]
    Relevance,
    /// The lowest price first.
    Price,
    /// The highest price first.
    #[oai(rename = "-price")]
    #[serde(rename = "-price")]
    PriceDescending,
    /// The most stars first.
    Rating,
    /// The best seller first.
    Popularity,
    /// The latest arrival first.
    Newest,
}

impl Sort {
    /// The keys to sort by. Matches break ties and then ids do, so that no product stands on two pages.
    pub fn keys(self) -> Vec<Value> {
        let by = |field: &str, order: &str| Some(json!({ field: { "order": order, "missing": "_last" } }));
        let first = match self {
            Self::Relevance => None,
            Self::Price => by("price_cents", "asc"),
            Self::PriceDescending => by("price_cents", "desc"),
            Self::Rating => by("rating", "desc"),
            Self::Popularity => by("popularity", "desc"),
            Self::Newest => by("created_at", "desc"),
        };
        first.into_iter().chain([json!("_score"), json!({ "id": "asc" })]).collect()
    }

    /// Whether these values are ones that [`Sort::keys`] can bring.
    pub fn may_bring(self, values: &[Value]) -> bool {
        // A float that is missing comes as an infinity, in words; a whole number as the least or greatest.
        let float =
            |value: &Value| value.is_number() || matches!(value.as_str(), Some("Infinity" | "-Infinity"));
        let leads = |first: &Value| match self {
            Self::Relevance => false,
            Self::Price | Self::PriceDescending | Self::Newest => first.is_i64(),
            Self::Rating | Self::Popularity => float(first),
        };
        match (self, values) {
            (Self::Relevance, [score, id]) => score.is_number() && id.is_string(),
            (_, [first, score, id]) => leads(first) && score.is_number() && id.is_string(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_ends_with_what_tells_products_apart() {
        for sort in [Sort::Relevance, Sort::Price, Sort::PriceDescending, Sort::Rating, Sort::Newest] {
            assert_eq!(sort.keys().last(), Some(&json!({ "id": "asc" })));
        }
        assert_eq!(
            Sort::PriceDescending.keys()[0],
            json!({ "price_cents": { "order": "desc", "missing": "_last" } })
        );
    }

    #[test]
    fn values_of_another_order_are_told_apart() {
        let (by_price, by_match) = (json!([i64::MAX, 1.5, "p-1"]), json!([1.5, "p-1"]));
        let may = |sort: Sort, values: &Value| sort.may_bring(values.as_array().unwrap());
        assert!(may(Sort::Price, &by_price) && may(Sort::Relevance, &by_match));
        assert!(!may(Sort::Price, &by_match) && !may(Sort::Relevance, &by_price));
        assert!(
            may(Sort::Rating, &json!(["-Infinity", 1.5, "p-1"]))
                && !may(Sort::Price, &json!([1.5, 1.5, "p-1"]))
        );
    }
}
