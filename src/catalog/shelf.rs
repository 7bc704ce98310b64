//! The shelf: the catalogue as a simulated shopper needs it, read from the index in the order of the ids,
//! so that the same catalogue gives the same simulation.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::catalog::synthesis::{Catalogue, DEFAULT_SEED};
use crate::catalog::taxonomy::{Taxonomy, TaxonomyError};
use crate::model::category::CategoryPath;
use crate::model::ids::ProductId;
use crate::model::money::{Cents, Currency};
use crate::model::product::Product;
use crate::store::found::Found;
use crate::store::{Missing, Store, StoreError};

/// Products of one answer: a few MB of JSON, well below Elasticsearch's limit of 10,000 hits.
const PAGE_PRODUCTS: usize = 5_000;

/// What a shopper sees of a product, and how many want it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ShelfProduct {
    /// Which.
    pub id: ProductId,
    /// Its name.
    pub name: String,
    /// Its leaf category; `uncategorised` where the catalogue names none.
    #[serde(default = "uncategorised")]
    pub category: CategoryPath,
    /// The leaf category in words.
    #[serde(default = "any_label")]
    pub category_label: String,
    /// Its brand; `Unbranded` where the catalogue names none.
    #[serde(default = "unbranded")]
    pub brand: String,
    /// The price of one piece.
    pub price_cents: Cents,
    /// The price's currency.
    pub currency: Currency,
    /// Share of interest relative to the shop's best seller, 0.0 to 1.0; the same for all that state none.
    #[serde(default = "equal_interest")]
    pub popularity: f32,
    /// Pieces that can be sold; without end where the catalogue does not count them.
    #[serde(default = "uncounted")]
    pub stock: u32,
}

fn uncategorised() -> CategoryPath {
    CategoryPath::fallback()
}

fn any_label() -> String {
    "Products".to_owned()
}

fn unbranded() -> String {
    "Unbranded".to_owned()
}

fn equal_interest() -> f32 {
    0.1
}

fn uncounted() -> u32 {
    u32::MAX
}

impl ShelfProduct {
    /// What a shopper sees of a product; `None` for one without a price, which cannot be sold.
    pub fn of(product: Product) -> Option<Self> {
        Some(Self {
            price_cents: product.price_cents?,
            id: product.id,
            name: product.name,
            category: product.category.unwrap_or_else(uncategorised),
            category_label: product.category_label.unwrap_or_else(any_label),
            brand: product.brand.unwrap_or_else(unbranded),
            currency: product.currency,
            popularity: product.popularity.unwrap_or_else(equal_interest),
            stock: product.stock.unwrap_or_else(uncounted),
        })
    }
}

/// Why the shelf cannot be had.
#[derive(Debug, Error)]
pub enum ShelfError {
    /// Elasticsearch did not give it; a missing index says to run the seeder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is an index, but no product in it that could be sold.
    #[error("the index {index} holds no product with a price; run the seeder on a catalogue that has prices")]
    Empty {
        /// The index's full name.
        index: String,
    },
    /// The shop sells in another currency than the catalogue's.
    #[error("product {id} is priced in {found}, but SHOP_CURRENCY is {currency}")]
    OtherCurrency {
        /// The first such product.
        id: ProductId,
        /// Its currency.
        found: Currency,
        /// The shop's.
        currency: Currency,
    },
}

/// Reads all products that have a price, ordered by id.
///
/// # Errors
/// [`ShelfError`] when there is none, or one is not priced in `currency`.
pub async fn read(store: &Store, currency: Currency) -> Result<Vec<ShelfProduct>, ShelfError> {
    let mut shelf: Vec<ShelfProduct> = Vec::new();
    loop {
        let body = page(shelf.last());
        let found: Found<ShelfProduct> =
            store.search("read the catalogue", "products", Missing::IsError, &body).await?;
        let count = found.hits.hits.len();
        shelf.extend(found.hits.sources());
        if count < PAGE_PRODUCTS {
            break;
        }
    }
    if let Some(other) = shelf.iter().find(|product| product.currency != currency) {
        return Err(ShelfError::OtherCurrency { id: other.id.clone(), found: other.currency, currency });
    }
    if shelf.is_empty() {
        return Err(ShelfError::Empty { index: store.name("products") });
    }
    Ok(shelf)
}

/// So many products of the built-in catalogue, as the seeder makes them by default; no server is asked.
///
/// # Errors
/// When the built-in taxonomy does not parse, which a unit test keeps from being shipped.
pub fn built_in(products: u64, currency: Currency) -> Result<Vec<ShelfProduct>, TaxonomyError> {
    let taxonomy = Arc::new(Taxonomy::built_in()?);
    let catalogue = Catalogue { taxonomy, seed: DEFAULT_SEED, currency };
    Ok(catalogue.products(1..=products).filter_map(ShelfProduct::of).collect())
}

/// The query of the page after this product.
fn page(after: Option<&ShelfProduct>) -> Value {
    let mut body = json!({
        "size": PAGE_PRODUCTS,
        "track_total_hits": false,
        "query": { "exists": { "field": "price_cents" } },
        "sort": [{ "id": "asc" }],
        "_source": [
            "id", "name", "category", "category_label", "brand", "price_cents", "currency", "popularity", "stock"
        ],
    });
    if let Some(product) = after {
        body["search_after"] = json!([product.id]);
    }
    body
}
