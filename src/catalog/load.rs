//! Fills a new version of the catalogue and lets searches see it when it is whole.
//!
//! A version is an index of its own. Nobody searches it before everything was taken and counted; then the
//! alias moves in one step. A load that is stopped anywhere leaves the old catalogue served, and an index
//! that the next load clears away.

use std::num::NonZeroUsize;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::{Map, Value, json};
use thiserror::Error;
use tokio::task::JoinError;

use crate::catalog::check::{self, Checked};
use crate::catalog::index;
use crate::catalog::own::{OwnError, Refusal, Rejects};
use crate::catalog::source::{self, Batch, Sample, Source};
use crate::catalog::versions::Versions;
use crate::store::bulk::{Operation, Written};
use crate::store::schema::Schema;
use crate::store::{Method, Store, StoreError};

/// Most reasons of refusals that are kept.
const REASONS_MAX: usize = 5;
/// Refusals of made-up or served products after which a load is given up: it has failed with the first, the
/// others may help to see why.
const REFUSALS_MAX: u64 = 1_000;
/// Most products that are looked for when all are written.
const SAMPLES_MAX: usize = 20;

/// What to load, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the products come from.
    pub source: Source,
    /// Batches that are under way at once; they bound the memory that a load needs.
    pub connections: NonZeroUsize,
    /// Synonym rules besides the built-in ones, in Solr's format.
    pub synonyms: Vec<String>,
    /// Older versions that are kept to go back to.
    pub kept: usize,
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
    /// Lines of an own catalogue whose id another line has too.
    pub repeated: u64,
    /// What was refused of an own catalogue.
    pub rejects: Option<Rejects>,
}

/// Why searches still see the catalogue from before.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Elasticsearch did not do what it was asked to.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The shop's own file cannot be read.
    #[error("no catalogue was loaded, and what was served before still is")]
    Own(#[from] OwnError),
    /// The file of refused products cannot be written.
    #[error("cannot write the file of refused products; name another with --rejects")]
    Rejects(#[from] std::io::Error),
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
    /// Of a shop's own file more was refused than taken, which a mapping that is wrong looks like.
    #[error(
        "{refused} of {} products were refused and {alias} was left as it was; mend the file or its mapping. {rejects} has \
         all reasons; the first: {}", refused + taken, first.join("; ")
    )]
    MostRefused {
        /// How many were refused.
        refused: u64,
        /// How many were not.
        taken: u64,
        /// The first, with their numbers.
        first: Vec<String>,
        /// The file of all of them.
        rejects: String,
        /// The alias.
        alias: String,
    },
    /// The new index is not what was written to it.
    #[error("{index} was filled, but {what}, so the alias was left as it was")]
    Unsound {
        /// The index.
        index: String,
        /// What is wrong with it.
        what: String,
    },
    /// The name of the alias is taken.
    #[error("{alias} must be an alias but is an index; delete it with DELETE /{alias}")]
    NameTaken {
        /// The name.
        alias: String,
    },
    /// There is no catalogue to index anew.
    #[error("no catalogue is served that could be indexed anew; run the seeder without --rebuild first")]
    NothingServed,
    /// There is no older version.
    #[error(
        "there is no version older than {served} to go back to; CATALOGUE_VERSIONS_KEPT says how many are kept"
    )]
    NothingBefore {
        /// What is served.
        served: String,
    },
    /// A batch could not be made.
    #[error("making products was broken off")]
    BrokenOff(#[from] JoinError),
}

/// Loads a catalogue as a new version, and tells `progress` how many more products were taken. Dropping the
/// future stops the load; the alias is then as before.
///
/// # Errors
/// [`LoadError`]; the alias was not moved.
pub async fn load(store: &Store, plan: &Plan, progress: impl FnMut(u64)) -> Result<Report, LoadError> {
    let versions = versions(store).await?;
    let alias = store.name(Schema::PRODUCTS.name);
    if versions.is_blocked {
        return Err(LoadError::NameTaken { alias });
    }
    // A file that is not there must not cost the version that was gone back from.
    let source = source::open(&plan.source, versions.served()).await?;
    let mut tally = Tally::of(&plan.source)?;
    delete(store, versions.leftovers()).await?;
    let version = versions.next();
    let index = versions.index(version);
    create(store, &alias, &index, &plan.synonyms).await?;
    let batches = source::batches(source, store, index.clone(), plan.connections);
    fill(store, batches, plan.connections, &mut tally, progress).await?;
    tally.judge(&alias)?;
    let path = format!("/{index}/_settings");
    put(store, "restore an index's settings", &path, &index::serving_settings()).await?;
    let Checked { products, categories } =
        check::check(store, &index, tally.expected(), &tally.samples).await?;
    switch(store, &versions, version).await?;
    if let Err(error) = delete(store, versions.outdated(plan.kept)).await {
        tracing::warn!(%error, "an old catalogue was left; the next load clears it away");
    }
    let (repeated, retries) = (tally.written.saturating_sub(products), tally.retries);
    Ok(Report { index, alias, products, categories, retries, repeated, rejects: tally.rejects })
}

/// Lets searches see the version before the one that is served. Gives the index that was served and the one
/// that is served now.
///
/// # Errors
/// [`LoadError::NothingServed`], [`LoadError::NothingBefore`], [`LoadError::Store`]; the alias was not moved.
pub async fn roll_back(store: &Store) -> Result<(String, String), LoadError> {
    let versions = versions(store).await?;
    let served = versions.served().ok_or(LoadError::NothingServed)?;
    let before = versions.before().ok_or_else(|| LoadError::NothingBefore { served: served.clone() })?;
    switch(store, &versions, before).await?;
    Ok((served, versions.index(before)))
}

/// Moves the alias in one step: no search falls between two versions.
async fn switch(store: &Store, versions: &Versions, version: u64) -> Result<(), StoreError> {
    let what = "move the alias to another version of the catalogue";
    store.send::<Value>(what, Method::Post, "/_aliases", Some(&versions.switch_to(version))).await.map(drop)
}

/// Makes and writes all products, some batches at a time, or until too many are refused.
async fn fill(
    store: &Store,
    batches: BoxStream<'static, Result<Batch, LoadError>>,
    connections: NonZeroUsize,
    tally: &mut Tally,
    mut progress: impl FnMut(u64),
) -> Result<(), LoadError> {
    let write = async |batch: Result<Batch, LoadError>| {
        let Batch { operations, refused, sample } = batch?;
        let written = store.write_all(operations, 1).await;
        Ok::<_, LoadError>((written, refused, sample))
    };
    let mut writes = batches.map(write).buffer_unordered(connections.get());
    while let Some(write) = writes.next().await {
        let (written, refused, sample) = write?;
        progress(written.done);
        tally.add(written, refused, sample)?;
        if tally.rejects.is_none() && tally.refused >= REFUSALS_MAX {
            break;
        }
    }
    Ok(())
}

/// What became of all batches, without their documents.
#[derive(Default)]
struct Tally {
    /// Products that were taken, each time that they were.
    written: u64,
    retries: u64,
    refused: u64,
    reasons: Vec<String>,
    /// One product of each of the last batches.
    samples: Vec<Sample>,
    batches: usize,
    /// Where refusals are written, for a source that may have some.
    rejects: Option<Rejects>,
}

impl Tally {
    fn of(source: &Source) -> Result<Self, LoadError> {
        let rejects = match source {
            Source::Own(own) => Some(Rejects::create(&own.rejects)?),
            Source::MadeUp(..) | Source::Served => None,
        };
        Ok(Self { rejects, ..Self::default() })
    }

    fn add(&mut self, written: Written, unread: Vec<Refusal>, sample: Option<Sample>) -> std::io::Result<()> {
        self.retries += written.retries;
        self.written += written.done + written.superseded;
        let missing =
            |operation: Operation| (operation.tag, format!("the index {} is gone", operation.index));
        let refused = written.refused.into_iter().map(|refused| (refused.operation.tag, refused.reason));
        let untaken = refused.chain(written.missing.into_iter().map(missing)).map(|(tag, reason)| Refusal {
            number: tag as u64,
            reason,
            excerpt: String::new(),
        });
        for refusal in unread.into_iter().chain(untaken) {
            self.refuse(refusal)?;
        }
        if let Some(sample) = sample {
            let place = self.batches % SAMPLES_MAX;
            self.batches += 1;
            match self.samples.get_mut(place) {
                Some(older) => *older = sample,
                None => self.samples.push(sample),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, refusal: Refusal) -> std::io::Result<()> {
        self.refused += 1;
        if let Some(rejects) = &mut self.rejects {
            rejects.add(&refusal)?;
        }
        if self.reasons.len() < REASONS_MAX && !self.reasons.contains(&refusal.reason) {
            self.reasons.push(refusal.reason);
        }
        Ok(())
    }

    /// Whether what was taken may be served.
    fn judge(&mut self, alias: &str) -> Result<(), LoadError> {
        let (refused, taken, alias) = (self.refused, self.written, alias.to_owned());
        match &mut self.rejects {
            None if refused == 0 => Ok(()),
            None => Err(LoadError::Refused { count: refused, reasons: self.reasons.clone(), alias }),
            Some(rejects) => {
                rejects.finish()?;
                if refused <= taken {
                    return Ok(());
                }
                let (first, rejects) = (rejects.first().to_vec(), rejects.path().display().to_string());
                Err(LoadError::MostRefused { refused, taken, first, rejects, alias })
            }
        }
    }

    /// How many products the index must hold: an own catalogue may name some of them several times.
    fn expected(&self) -> std::ops::RangeInclusive<u64> {
        let least = if self.rejects.is_some() { 1 } else { self.written };
        least..=self.written
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
async fn create(store: &Store, alias: &str, index: &str, synonyms: &[String]) -> Result<(), StoreError> {
    let template = json!({
        "index_patterns": [format!("{alias}-v*")],
        "priority": 500,
        "allow_auto_create": false,
    });
    let path = format!("/_index_template/{alias}");
    put(store, "put an index template", &path, &template).await?;
    put(store, "create an index", &format!("/{index}"), &index::loading_body(synonyms)).await
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::bulk::Mode;

    fn refused(reason: &str) -> crate::store::bulk::Refused<'_> {
        let operation = Operation {
            index: "i".into(),
            id: "a".into(),
            mode: Mode::Replace,
            source: Vec::new().into(),
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
            tally.add(Written { done: 1, refused, ..Written::default() }, Vec::new(), None).unwrap();
        }
        let message = tally.judge("products").unwrap_err().to_string();
        assert_eq!(
            message,
            "20 products were refused and products was left as it was; first reasons: \
             unknown field [x]; bad date 0; bad date 1; bad date 2; bad date 3"
        );
    }
}
