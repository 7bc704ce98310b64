//! Fills a new version of the catalogue and lets searches see it when it is whole.
//!
//! A version is an index of its own. Nobody searches it before everything was taken and counted; then the
//! alias moves in one step. A load that is stopped anywhere leaves the old catalogue served, and an index
//! that the next load clears away.

use std::ops::RangeInclusive;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};

use crate::catalog::index;
use crate::catalog::synthesis::Catalogue;
use crate::catalog::versions::Versions;
use crate::model::product::Product;
use crate::store::bulk::{Mode, Operation, Written};
use crate::store::found::{Aggregated, Metric};
use crate::store::schema::Schema;
use crate::store::{Method, Store, StoreError};

/// Products that are made and written at a time: about 1 MB, a few tens of ms of Elasticsearch's work.
const BATCH_PRODUCTS: u64 = 1_000;
/// Most reasons of refusals that are kept.
const REASONS_MAX: usize = 5;
/// Refusals after which a load is given up: it has failed with the first, the others may help to see why.
const REFUSALS_MAX: u64 = 1_000;

/// How much to load.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Products 1 to this.
    pub products: u64,
    /// Batches that are under way at once; they bound the memory that a load needs.
    pub connections: usize,
}

/// What a load has done.
#[derive(Debug)]
pub struct Report {
    /// The new version's index.
    pub index: String,
    /// The alias that now points to it.
    pub alias: String,
    /// Products that it holds.
    pub products: u64,
    /// Leaf categories that they lie in.
    pub categories: u64,
    /// Times that a product had to be sent again.
    pub retries: u64,
}

/// Why searches still see the catalogue from before.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Elasticsearch did not do what it was asked to.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Some products were not taken.
    #[error("{count} products were refused and {alias} was left as it was; first reasons: {}", reasons.join("; "))]
    Refused {
        /// How many, until the load was given up.
        count: u64,
        /// The first reasons, each once.
        reasons: Vec<String>,
        /// The alias.
        alias: String,
    },
    /// The new index does not hold what was written to it.
    #[error("{index} holds {found} products instead of {expected}, so the alias was left as it was")]
    Incomplete {
        /// The index.
        index: String,
        /// Products that were written.
        expected: u64,
        /// Products that it holds.
        found: u64,
    },
    /// The name of the alias is taken.
    #[error("{alias} must be an alias but is an index; delete it with DELETE /{alias}")]
    NameTaken {
        /// The name.
        alias: String,
    },
    /// A batch could not be made.
    #[error("making products was broken off")]
    BrokenOff(#[from] JoinError),
}

/// Loads the catalogue's first products as a new version, and tells `progress` how many more were taken.
/// Dropping the future stops the load; the alias is then as before.
///
/// # Errors
/// [`LoadError`]; the alias was not moved.
pub async fn load(
    store: &Store,
    catalogue: Arc<Catalogue>,
    plan: Plan,
    progress: impl FnMut(u64),
) -> Result<Report, LoadError> {
    let versions = versions(store).await?;
    let alias = store.name(Schema::PRODUCTS.name);
    if versions.is_blocked {
        return Err(LoadError::NameTaken { alias });
    }
    delete(store, versions.leftovers()).await?;
    let version = versions.next();
    let index = versions.index(version);
    create(store, &alias, &index).await?;
    let retries = fill(store, catalogue, &index, plan, progress).await?.judge(&alias)?;
    let path = format!("/{index}/_settings");
    put(store, "restore an index's settings", &path, &index::serving_settings()).await?;
    let contents = contents(store, &index).await?;
    if contents.products != plan.products {
        return Err(LoadError::Incomplete { index, expected: plan.products, found: contents.products });
    }
    let what = "move the alias to the new catalogue";
    store.send::<Value>(what, Method::Post, "/_aliases", Some(&versions.switch_to(version))).await?;
    if let Err(error) = delete(store, versions.outdated()).await {
        tracing::warn!(%error, "an old catalogue was left; the next load clears it away");
    }
    let Contents { products, categories } = contents;
    Ok(Report { index, alias, products, categories, retries })
}

/// Makes and writes all products, some batches at a time, or until too many are refused.
async fn fill(
    store: &Store,
    catalogue: Arc<Catalogue>,
    index: &str,
    plan: Plan,
    mut progress: impl FnMut(u64),
) -> Result<Tally, JoinError> {
    let mut writes = stream::iter(batches(plan.products))
        .map(|numbers| write(store, Arc::clone(&catalogue), index, numbers))
        .buffer_unordered(plan.connections.max(1));
    let mut tally = Tally::default();
    while let Some(written) = writes.next().await {
        let written = written?;
        progress(written.done);
        tally.add(written);
        if tally.refused >= REFUSALS_MAX {
            break;
        }
    }
    Ok(tally)
}

/// The numbers of products, cut into batches.
fn batches(products: u64) -> impl Iterator<Item = RangeInclusive<u64>> {
    let starts = (0..products.div_ceil(BATCH_PRODUCTS)).map(|batch| batch * BATCH_PRODUCTS + 1);
    starts.map(move |start| start..=(start + BATCH_PRODUCTS - 1).min(products))
}

/// Makes one batch and writes it until every product is taken or refused.
async fn write(
    store: &Store,
    catalogue: Arc<Catalogue>,
    index: &str,
    numbers: RangeInclusive<u64>,
) -> Result<Written, JoinError> {
    let index = index.to_owned();
    let operations = spawn_blocking(move || operations(&catalogue, &index, numbers)).await?;
    Ok(store.write_all(operations, 1).await)
}

fn operations(catalogue: &Catalogue, index: &str, numbers: RangeInclusive<u64>) -> Vec<Operation> {
    let operation = |product: Product| Operation {
        index: index.to_owned(),
        id: product.id.to_string(),
        mode: Mode::Replace,
        // A product is plain text and numbers, which cannot fail to become JSON; if it did, the empty
        // document would be refused and told.
        source: serde_json::to_vec(&product.document()).unwrap_or_default(),
        tag: 0,
    };
    catalogue.products(numbers).map(operation).collect()
}

/// What became of all batches, without their documents.
#[derive(Default)]
struct Tally {
    retries: u64,
    refused: u64,
    reasons: Vec<String>,
}

impl Tally {
    fn add(&mut self, written: Written) {
        self.retries += written.retries;
        self.refused += (written.refused.len() + written.missing.len()) as u64;
        let missing = |operation: Operation| format!("the index {} is gone", operation.index);
        let refused = written.refused.into_iter().map(|refused| refused.reason);
        for reason in refused.chain(written.missing.into_iter().map(missing)) {
            if self.reasons.len() < REASONS_MAX && !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
    }

    /// The number of retries, if nothing was refused.
    fn judge(self, alias: &str) -> Result<u64, LoadError> {
        if self.refused == 0 {
            return Ok(self.retries);
        }
        Err(LoadError::Refused { count: self.refused, reasons: self.reasons, alias: alias.to_owned() })
    }
}

async fn versions(store: &Store) -> Result<Versions, StoreError> {
    let alias = store.name(Schema::PRODUCTS.name);
    let path = format!("/{alias}*/_alias");
    let answer: Map<String, Value> =
        store.send("list the versions of the catalogue", Method::Get, &path, None).await?;
    Ok(Versions::read(&alias, &answer))
}

/// Creates the index. Writing can never create it again: if another load clears it away, this one must
/// fail instead of filling an index with guessed mappings.
async fn create(store: &Store, alias: &str, index: &str) -> Result<(), StoreError> {
    let template = json!({
        "index_patterns": [format!("{alias}-v*")],
        "priority": 500,
        "allow_auto_create": false,
    });
    let path = format!("/_index_template/{alias}");
    put(store, "put an index template", &path, &template).await?;
    put(store, "create an index", &format!("/{index}"), &index::loading_body()).await
}

async fn put(store: &Store, what: &'static str, path: &str, body: &Value) -> Result<(), StoreError> {
    store.send::<Value>(what, Method::Put, path, Some(body)).await.map(drop)
}

async fn delete(store: &Store, indices: Vec<String>) -> Result<(), StoreError> {
    for index in indices {
        let path = format!("/{index}?ignore_unavailable=true");
        store.send::<Value>("delete an old catalogue", Method::Delete, &path, None).await?;
    }
    Ok(())
}

/// What an index holds.
struct Contents {
    products: u64,
    categories: u64,
}

async fn contents(store: &Store, index: &str) -> Result<Contents, StoreError> {
    #[derive(Deserialize)]
    struct Categories {
        categories: Metric<u64>,
    }
    let path = format!("/{index}/_refresh");
    store.send::<Value>("refresh the new catalogue", Method::Post, &path, None).await?;
    let body = json!({
        "size": 0,
        "track_total_hits": true,
        "aggs": { "categories": { "cardinality": { "field": "category" } } },
    });
    let path = format!("/{index}/_search");
    let found: Aggregated<Categories> =
        store.send("count the new catalogue", Method::Post, &path, Some(&body)).await?;
    Ok(Contents { products: found.total(), categories: found.aggregations.categories.value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(reason: &str) -> crate::store::bulk::Refused {
        let operation = Operation {
            index: "i".to_owned(),
            id: "a".to_owned(),
            mode: Mode::Replace,
            source: Vec::new(),
            tag: 0,
        };
        crate::store::bulk::Refused { operation, status: 400, reason: reason.to_owned() }
    }

    #[test]
    fn refusals_are_counted_and_their_first_reasons_told_once() {
        let mut tally = Tally::default();
        for n in 0..10 {
            let reasons = ["unknown field [x]".to_owned(), format!("bad date {n}")];
            let refused = reasons.iter().map(|reason| refused(reason)).collect();
            tally.add(Written { done: 1, refused, ..Written::default() });
        }
        let message = tally.judge("products").unwrap_err().to_string();
        assert_eq!(
            message,
            "20 products were refused and products was left as it was; first reasons: \
             unknown field [x]; bad date 0; bad date 1; bad date 2; bad date 3"
        );
    }

    proptest! {
        #[test]
        fn batches_hold_every_product_once_and_in_order(products in 0_u64..10_000) {
            let numbers: Vec<u64> = batches(products).flatten().collect();
            prop_assert_eq!(numbers, (1..=products).collect::<Vec<_>>());
            prop_assert!(batches(products).all(|batch| batch.count() as u64 <= BATCH_PRODUCTS));
        }
    }
}
