//! Which categories the catalogue has.

use serde_json::{Value, json};

use crate::http::parameter::BadParameter;
use crate::model::category::CategoryPath;
use crate::store::found::Found;
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

/// Whether a product is in this category, on any level.
///
/// # Errors
/// [`StoreError`]; [`StoreError::MissingIndex`] when there is no catalogue.
pub async fn has_category(store: &Store, category: &CategoryPath) -> Result<bool, StoreError> {
    let (what, body) = ("look a category up", any_product_in(category));
    let found: Found = store.search(what, Schema::PRODUCTS.name, Missing::IsError, &body).await?;
    Ok(found.total() > 0)
}

/// The refusal of a category that the catalogue does not have.
pub fn unknown_category(category: &CategoryPath) -> BadParameter {
    let detail = format!("category must be one that has products, but {category} has none");
    BadParameter { parameter: "category", detail }
}

/// The question for any one product of the category.
fn any_product_in(category: &CategoryPath) -> Value {
    json!({
        "size": 0,
        "terminate_after": 1,
        "track_total_hits": true,
        "query": { "bool": { "filter": [{ "term": { "categories": category } }] } },
    })
}
