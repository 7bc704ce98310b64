//! Keeps what can be suggested besides products up to date.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::Value;

use crate::model::time::Timestamp;
use crate::search::autocomplete::vocabulary::{self, RawBots, RawQueries, Vocabulary};
use crate::store::found::Aggregated;
use crate::store::schema::Schema;
use crate::store::{Method, Missing, Store, StoreError};

/// How old suggestions may be.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// How long a search counts towards the popularity of its query.
const POPULAR_FOR: TimeDelta = TimeDelta::days(7);

/// What can be suggested besides products, as last read. Cheap to clone; all clones share it.
#[derive(Clone)]
pub struct Known {
    store: Store,
    vocabulary: Arc<RwLock<Option<Arc<Vocabulary>>>>,
}

impl Known {
    /// Nothing is read before it is asked for.
    pub fn new(store: Store) -> Self {
        Self { store, vocabulary: Arc::default() }
    }

    /// What was read last; reads it when nothing was.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::MissingIndex`] when there is no catalogue.
    pub async fn get(&self) -> Result<Arc<Vocabulary>, StoreError> {
        let known = self.vocabulary.read().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(known) => Ok(known),
            None => self.read().await,
        }
    }

    /// Reads it again each minute, for ever. A failure is logged, and what was known stays.
    pub async fn keep_fresh(&self) {
        loop {
            match self.read().await {
                // Before the first catalogue there is nothing to suggest.
                Ok(_) | Err(StoreError::MissingIndex { .. }) => {}
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(error, "suggestions stay as they are");
                }
            }
            tokio::time::sleep(FRESH_FOR).await;
        }
    }

    async fn read(&self) -> Result<Arc<Vocabulary>, StoreError> {
        let (names, rules) = (vocabulary::categories_and_brands(), self.synonyms());
        let names = self.ask("read categories and brands", &self.store, &Schema::PRODUCTS, &names);
        let (names, rules, queries) = tokio::try_join!(names, rules, self.queries())?;
        let vocabulary = Arc::new(Vocabulary::new(names, queries, &rules));
        let kept = vocabulary.clone();
        *self.vocabulary.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(vocabulary)
    }

    /// What was searched for in the week before the time it is now.
    async fn queries(&self) -> Result<Option<RawQueries>, StoreError> {
        let since = Timestamp::now().millis() - POPULAR_FOR.num_milliseconds();
        let results = self.store.current_results().await?;
        let bots: Option<RawBots> = self
            .ask("find the sessions of bots", &results, &Schema::FRAUD_SIGNALS, &vocabulary::bots(since))
            .await?;
        let body = vocabulary::queries(since, bots);
        self.ask("find popular queries", &results, &Schema::EVENTS, &body).await
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

    /// One search for aggregations alone; an index of results that does not exist yet gives none.
    async fn ask<A: serde::de::DeserializeOwned>(
        &self,
        what: &'static str,
        store: &Store,
        schema: &Schema,
        body: &Value,
    ) -> Result<A, StoreError> {
        let missing = if schema.name == Schema::PRODUCTS.name { Missing::IsError } else { Missing::IsEmpty };
        let found: Aggregated<A> = store.search(what, schema.name, missing, body).await?;
        Ok(found.aggregations)
    }
}
