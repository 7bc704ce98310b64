//! Keeps what can be suggested besides products up to date.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex, Notify};

use crate::analytics::{self, Popular};
use crate::merchandising::Merchandise;
use crate::model::time::Timestamp;
use crate::search::autocomplete::vocabulary::{self, RawNames, Vocabulary};
use crate::search::labels::Labels;
use crate::store::found::Aggregated;
use crate::store::schema::Schema;
use crate::store::{Method, Missing, Store, StoreError};

/// How old suggestions may be.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// How soon they may be read again, however many searches find them to be of another version of the catalogue.
const REST: Duration = Duration::from_secs(1);
/// The same after they could not be read.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(20);
/// How long a search waits for what categories are called, where nothing was read yet.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// What can be suggested besides products, as last read. Cheap to clone; all clones share it.
#[derive(Clone)]
pub struct Known {
    store: Store,
    vocabulary: Arc<RwLock<Option<Arc<Vocabulary>>>>,
    /// Held while it is read for the first time.
    first: Arc<Mutex<()>>,
    /// Kept by themselves: what else is read may not be there while the catalogue is.
    named: Arc<RwLock<Option<Named>>>,
    /// Held while they are read for the first time.
    first_named: Arc<Mutex<()>>,
    /// Told when a search was answered by another version of the catalogue.
    outdated: Arc<Notify>,
    curated: Arc<RwLock<Option<Curated>>>,
}

/// What categories are called in a version of the catalogue.
#[derive(Clone)]
struct Named {
    /// Its index; `None` of one without products.
    index: Option<String>,
    labels: Labels,
}

/// A vocabulary with the synonyms of a moment.
struct Curated {
    of: Arc<Vocabulary>,
    rules: Vec<String>,
    vocabulary: Arc<Vocabulary>,
}

impl Known {
    /// Nothing is read before it is asked for.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            vocabulary: Arc::default(),
            first: Arc::default(),
            named: Arc::default(),
            first_named: Arc::default(),
            outdated: Arc::default(),
            curated: Arc::default(),
        }
    }

    /// What was read last, with the synonyms of now.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::MissingIndex`] when there is no catalogue.
    pub async fn get(&self, merchandise: &Merchandise) -> Result<Arc<Vocabulary>, StoreError> {
        let of = self.as_read().await?;
        let rules = &merchandise.synonym_rules;
        if rules.is_empty() {
            return Ok(of);
        }
        let curated = self.curated.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = curated.as_ref().filter(|last| last.rules == *rules && Arc::ptr_eq(&last.of, &of))
        {
            return Ok(last.vocabulary.clone());
        }
        drop(curated);
        let vocabulary = Arc::new(Vocabulary::clone(&of).with_synonyms(rules));
        let kept = Curated { of, rules: rules.clone(), vocabulary: vocabulary.clone() };
        *self.curated.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(vocabulary)
    }

    /// What categories are called, as last read. `index` is where a search has found its products: where that is
    /// another version of the catalogue, it is read again, but not in this search's way. Where nothing was read yet
    /// and cannot be read now, categories are called what their paths say.
    pub async fn labels(&self, index: Option<&str>) -> Labels {
        if let Some(named) = self.named() {
            if index.is_some_and(|index| named.index.as_deref() != Some(index)) {
                self.outdated.notify_one();
            }
            return named.labels;
        }
        let read = tokio::time::timeout(WAIT_MAX, self.first_labels()).await;
        read.ok().and_then(Result::ok).unwrap_or_default()
    }

    async fn first_labels(&self) -> Result<Labels, StoreError> {
        let _first = self.first_named.lock().await;
        match self.named() {
            Some(named) => Ok(named.labels),
            None => Ok(self.names().await?.labels()),
        }
    }

    fn named(&self) -> Option<Named> {
        self.named.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was read last; reads it when nothing was.
    async fn as_read(&self) -> Result<Arc<Vocabulary>, StoreError> {
        if let Some(known) = self.last() {
            return Ok(known);
        }
        // Held across an await: to wait for it is to wait for the answer.
        let _first = self.first.lock().await;
        match self.last() {
            Some(known) => Ok(known),
            None => self.read().await,
        }
    }

    fn last(&self) -> Option<Arc<Vocabulary>> {
        self.vocabulary.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads it again each minute, and when the catalogue was changed, for ever. A failure is logged, and what was
    /// known stays.
    pub async fn keep_fresh(&self) {
        loop {
            let rest = match self.read().await {
                // Before the first catalogue there is nothing to suggest.
                Ok(_) | Err(StoreError::MissingIndex { .. }) => REST,
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(error, "suggestions stay as they are");
                    REST_AFTER_FAILURE
                }
            };
            tokio::time::sleep(rest).await;
            // Whether it was told or not, it is read again.
            let _ = tokio::time::timeout(FRESH_FOR - rest, self.outdated.notified()).await;
        }
    }

    async fn read(&self) -> Result<Arc<Vocabulary>, StoreError> {
        let names = self.names().await?;
        let (queries, rules) = tokio::try_join!(self.queries(), self.synonyms())?;
        let vocabulary = Arc::new(Vocabulary::new(names, queries, &rules));
        let kept = vocabulary.clone();
        *self.vocabulary.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(vocabulary)
    }

    async fn names(&self) -> Result<RawNames, StoreError> {
        let body = vocabulary::categories_and_brands();
        let (what, index) = ("read categories and brands", Schema::PRODUCTS.name);
        let found: Aggregated<RawNames> = self.store.search(what, index, Missing::IsError, &body).await?;
        let names = found.aggregations;
        let named = Named { index: names.index().map(str::to_owned), labels: names.labels() };
        *self.named.write().unwrap_or_else(PoisonError::into_inner) = Some(named);
        Ok(names)
    }

    async fn queries(&self) -> Result<Vec<Popular>, StoreError> {
        analytics::popular(&self.store.current_results().await?, Timestamp::now()).await
    }

    /// The rules that the catalogue which is served now was made with.
    async fn synonyms(&self) -> Result<Vec<String>, StoreError> {
        let setting = "*.settings.index.analysis.filter.shop_synonyms.synonyms";
        let path = format!("/{}/_settings?filter_path={setting}", self.store.name(Schema::PRODUCTS.name));
        let settings: Value = self.store.send("read the synonyms", Method::Get, &path, None).await?;
        let indices = settings.as_object().into_iter().flat_map(|indices| indices.values());
        let pointer = "/settings/index/analysis/filter/shop_synonyms/synonyms";
        let rules = indices.filter_map(|index| Vec::<String>::deserialize(index.pointer(pointer)?).ok());
        Ok(rules.flatten().collect())
    }
}
