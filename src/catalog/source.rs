//! Where the products of a load come from, in batches that are ready to be written.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::catalog::load::LoadError;
use crate::catalog::own::{Mapping, OwnCatalogue, OwnError, Refusal};
use crate::catalog::synthesis::Catalogue;
use crate::model::money::Currency;
use crate::model::product::Product;
use crate::store::bulk::{Mode, Operation};
use crate::store::found::Found;
use crate::store::{Method, Store};

/// Products that are made and written at a time: about 1 MB, a few tens of ms of Elasticsearch's work.
const BATCH_PRODUCTS: u64 = 1_000;
/// Batches of a file that are read ahead of the writing.
const BATCHES_AHEAD: usize = 2;

/// Where the products of a load come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Products 1 to this of a catalogue that is made up.
    MadeUp(Arc<Catalogue>, u64),
    /// A shop's own file.
    Own(OwnSource),
    /// What is served now, to be indexed anew.
    Served,
}

impl Source {
    /// How many products it has, where that is known before they are read.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::MadeUp(_, products) => Some(*products),
            Self::Own(_) | Self::Served => None,
        }
    }
}

/// A source that was looked at and can be read.
pub enum Opened {
    /// Products 1 to this of a catalogue that is made up.
    MadeUp(Arc<Catalogue>, u64),
    /// A shop's own file, of which the columns are known.
    Own(Box<OwnCatalogue>),
    /// The index that is served.
    Served(String),
}

/// Opens a source, before anything is changed for its sake; `served` is the index that is served now.
///
/// # Errors
/// [`LoadError::Own`] for a file that cannot be read or is no catalogue, [`LoadError::NothingServed`],
/// [`LoadError::BrokenOff`].
pub async fn open(source: &Source, served: Option<String>) -> Result<Opened, LoadError> {
    match source {
        Source::MadeUp(catalogue, products) => Ok(Opened::MadeUp(Arc::clone(catalogue), *products)),
        Source::Own(own) => {
            let OwnSource { path, mapping, currency, .. } = own.clone();
            let opened = spawn_blocking(move || OwnCatalogue::open(&path, mapping, currency)).await?;
            Ok(Opened::Own(Box::new(opened?)))
        }
        Source::Served => served.map(Opened::Served).ok_or(LoadError::NothingServed),
    }
}

/// A shop's own file.
#[derive(Debug, Clone)]
pub struct OwnSource {
    /// The file; `-` for standard input.
    pub path: PathBuf,
    /// What its columns mean.
    pub mapping: Mapping,
    /// The shop's currency.
    pub currency: Currency,
    /// Where refused products are written.
    pub rejects: PathBuf,
}

/// Some products, ready to be written.
#[derive(Debug, Default)]
pub struct Batch {
    /// The documents; the tag of each is its product's number in its source.
    pub operations: Vec<Operation<'static>>,
    /// Products that could not be read.
    pub refused: Vec<Refusal>,
    /// The first product of the batch, to be looked for when all are written.
    pub sample: Option<Sample>,
}

/// A product that must be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

impl Batch {
    fn of<'p>(index: &str, products: impl Iterator<Item = (u64, &'p Product)>) -> Self {
        let mut batch = Self::default();
        for (number, product) in products {
            batch.add(index, number, product, Mode::Replace);
        }
        batch
    }

    fn add(&mut self, index: &str, number: u64, product: &Product, mode: Mode) {
        let sample = || Sample { id: product.id.to_string(), name: product.name.clone() };
        self.sample.get_or_insert_with(sample);
        self.operations.push(Operation {
            index: index.to_owned().into(),
            id: product.id.to_string().into(),
            mode,
            // A product is plain text and numbers, which cannot fail to become JSON; if it did, the empty
            // document would be refused and told.
            source: serde_json::to_vec(&product.document()).unwrap_or_default().into(),
            tag: usize::try_from(number).unwrap_or(usize::MAX),
        });
    }
}

/// All batches of the source for an index.
pub fn batches(
    source: Opened,
    store: &Store,
    index: String,
    at_once: NonZeroUsize,
) -> BoxStream<'static, Result<Batch, LoadError>> {
    match source {
        Opened::MadeUp(catalogue, products) => made_up(catalogue, products, index, at_once),
        Opened::Own(rows) => read(rows, index),
        Opened::Served(served) => again(store.clone(), served, index),
    }
}

fn made_up(
    catalogue: Arc<Catalogue>,
    products: u64,
    index: String,
    at_once: NonZeroUsize,
) -> BoxStream<'static, Result<Batch, LoadError>> {
    let make = move |numbers: RangeInclusive<u64>| {
        let (catalogue, index) = (Arc::clone(&catalogue), index.clone());
        spawn_blocking(move || {
            let products: Vec<Product> = catalogue.products(numbers.clone()).collect();
            Batch::of(&index, numbers.zip(&products))
        })
    };
    stream::iter(ranges(products)).map(make).buffered(at_once.get()).map_err(LoadError::from).boxed()
}

/// The numbers of products, cut into batches.
fn ranges(products: u64) -> impl Iterator<Item = RangeInclusive<u64>> {
    let starts = (0..products.div_ceil(BATCH_PRODUCTS)).map(|batch| batch * BATCH_PRODUCTS + 1);
    starts.map(move |start| start..=(start + BATCH_PRODUCTS - 1).min(products))
}

/// Reads on in the file on a thread of its own, which stands still while nothing is written.
fn read(mut rows: Box<OwnCatalogue>, index: String) -> BoxStream<'static, Result<Batch, LoadError>> {
    let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
    // Its owner is the stream: when that is dropped, the next batch cannot be sent and the thread ends.
    let reader = spawn_blocking(move || {
        loop {
            let batch = next_batch(&mut rows, &index).map_err(LoadError::from);
            if batch.as_ref().is_ok_and(|batch| batch.operations.is_empty() && batch.refused.is_empty()) {
                return;
            }
            let is_failed = batch.is_err();
            // Nobody listens when the load was given up.
            if sender.blocking_send(batch).is_err() || is_failed {
                return;
            }
        }
    });
    let received =
        stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|batch| (batch, receiver)));
    let end = stream::once(reader).filter_map(async |ended| ended.err().map(|error| Err(error.into())));
    received.chain(end).boxed()
}

fn next_batch(rows: &mut OwnCatalogue, index: &str) -> Result<Batch, OwnError> {
    let mut batch = Batch::default();
    for _ in 0..BATCH_PRODUCTS {
        let Some(row) = rows.next_row()? else { break };
        match row.product {
            // Where an id is given twice the later line counts, whichever is written first.
            Ok(product) => batch.add(index, row.number, &product, Mode::IfNotOlder(row.number)),
            Err(refusal) => batch.refused.push(refusal),
        }
    }
    Ok(batch)
}

/// Reads what another version of the catalogue holds, in the order of the ids.
fn again(store: Store, served: String, index: String) -> BoxStream<'static, Result<Batch, LoadError>> {
    stream::try_unfold((None::<Value>, 0), move |(after, count)| {
        let (store, served, index) = (store.clone(), served.clone(), index.clone());
        async move {
            let mut body =
                json!({ "size": BATCH_PRODUCTS, "track_total_hits": false, "sort": [{ "id": "asc" }] });
            if let Some(after) = after {
                body["search_after"] = after;
            }
            let path = format!("/{served}/_search?allow_partial_search_results=false");
            let what = "read the catalogue that is served";
            let found: Found<Product> = store.send(what, Method::Post, &path, Some(&body)).await?;
            let Some(last) = found.hits.hits.last().map(|hit| json!(hit.sort)) else { return Ok(None) };
            let products: Vec<Product> = found.hits.sources().collect();
            let read = count + products.len() as u64;
            let batch = Batch::of(&index, (count + 1..).zip(&products));
            Ok::<_, LoadError>(Some((batch, (Some(last), read))))
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn batches_hold_every_product_once_and_in_order(products in 0_u64..10_000) {
            let numbers: Vec<u64> = ranges(products).flatten().collect();
            prop_assert_eq!(numbers, (1..=products).collect::<Vec<_>>());
            prop_assert!(ranges(products).all(|batch| batch.count() as u64 <= BATCH_PRODUCTS));
        }
    }
}
