//! A product of the catalogue, and the document it becomes in the index `products`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::category::CategoryPath;
use crate::model::ids::ProductId;
use crate::model::money::{Cents, Currency};
use crate::model::time::Timestamp;

/// A product as the shop sells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Stable id; also the document's id.
    pub id: ProductId,
    /// What the shopper reads first: brand, model and type.
    pub name: String,
    /// A few sentences built from the attributes.
    pub description: String,
    /// The leaf category.
    pub category: CategoryPath,
    /// The leaf category in words: `In-ear headphones`.
    pub category_label: String,
    /// The maker.
    pub brand: String,
    /// Price of one piece, in minor units.
    pub price_cents: Cents,
    /// The price's currency.
    pub currency: Currency,
    /// What the category tells apart: `screen size` → `15.6 inch`, `colour` → `black`.
    pub attributes: BTreeMap<String, String>,
    /// Mean stars, 0.0 to 5.0.
    pub rating: f32,
    /// How many reviews the mean is of.
    pub review_count: u32,
    /// Pieces that can be sold now.
    pub stock: u32,
    /// The picture's file name.
    pub image: String,
    /// Share of interest relative to the shop's best seller, over 0.0 to 1.0.
    pub popularity: f32,
    /// When it came into the catalogue.
    pub created_at: Timestamp,
}

/// The document in the index: the product and what is derived from it for filters and facets.
#[derive(Debug, Serialize)]
pub struct ProductDocument<'a> {
    #[serde(flatten)]
    product: &'a Product,
    /// Every prefix of the category, so that a filter on any level finds it.
    categories: Vec<&'a str>,
    in_stock: bool,
    /// The attributes' values as one text to search in.
    attribute_text: String,
}

impl Product {
    /// The document to index under [`Product::id`].
    pub fn document(&self) -> ProductDocument<'_> {
        let values: Vec<&str> = self.attributes.values().map(String::as_str).collect();
        ProductDocument {
            product: self,
            categories: self.category.prefixes().collect(),
            in_stock: self.stock > 0,
            attribute_text: values.join(" "),
        }
    }
}
