//! Product search: what a shopper types becomes a page of products, facets and suggestions.
//!
//! [`request`] checks, [`query`] builds the body, Elasticsearch answers, [`answer`] shapes; only this file
//! talks to [`Store`]. A search that finds nothing is relaxed in stages (see [`query::Stage`]), so that a
//! typo costs further questions and a plain search only one.

pub mod answer;
pub mod autocomplete;
pub mod cursor;
pub mod facets;
pub mod filter;
pub mod query;
pub mod relevance;
pub mod request;
pub mod routes;
pub mod sort;

use std::time::Instant;

use serde_json::Value;
use thiserror::Error;
use uuid::Uuid;

use crate::catalog;
use crate::http::parameter::BadParameter;
use crate::model::money::Currency;
use crate::search::answer::{RawAnswer, RawOccurrences, Relaxation, SearchAnswer};
use crate::search::autocomplete::known::Known;
use crate::search::autocomplete::{Likeness, RawProducts, Suggestion, Suggestions, Typed};
use crate::search::query::Stage;
use crate::search::relevance::Relevance;
use crate::search::request::{SearchRequest, Words};
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

const CATALOGUE: &str = Schema::PRODUCTS.name;

/// The search of one shop.
pub struct Search {
    store: Store,
    relevance: Relevance,
    currency: Currency,
    known: Known,
}

/// Why a search has no answer.
#[derive(Debug, Error)]
pub enum SearchError {
    /// A parameter cannot be used.
    #[error(transparent)]
    BadParameter(#[from] BadParameter),
    /// Elasticsearch gave no usable answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Search {
    /// A search over the catalogue in this store.
    pub fn new(store: Store, relevance: Relevance, currency: Currency) -> Self {
        Self { known: Known::new(store.clone()), store, relevance, currency }
    }

    /// A page of products with facets.
    ///
    /// # Errors
    /// [`SearchError::BadParameter`] for a category that no product has, [`SearchError::Store`].
    pub async fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, SearchError> {
        let started = Instant::now();
        let (stage, raw) = self.relax(request).await?;
        let total = raw.total();
        for category in request.filters.categories.iter().filter(|_| total == 0) {
            if !catalog::has_category(&self.store, category).await? {
                return Err(catalog::unknown_category(category).into());
            }
        }
        let next_cursor = raw.next_cursor(request);
        let (items, facets) = raw.into_items(request.offset());
        Ok(SearchAnswer {
            query_id: Uuid::now_v7().to_string(),
            query: request.words.text(),
            total,
            took_ms: millis_since(started),
            page: request.offset() / request.page.size.max(1) + 1,
            size: request.page.size,
            sort: request.sort,
            next_cursor,
            relaxation: Relaxation::from(&stage),
            currency: self.currency.to_string(),
            items,
            facets: facets.shape(&request.filters),
        })
    }

    /// What the words so far may become. Mistakes are forgiven only when nothing begins as typed.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn suggest(&self, words: &Words, size: u32) -> Result<Suggestions, StoreError> {
        let started = Instant::now();
        let typed = Typed::read(words);
        let mut suggestions = self.suggest_like(&typed, size, Likeness::Begins).await?;
        if suggestions.is_empty() {
            suggestions = self.suggest_like(&typed, size, Likeness::Similar).await?;
        }
        Ok(Suggestions { query: words.text(), took_ms: millis_since(started), suggestions })
    }

    async fn suggest_like(
        &self,
        typed: &Typed,
        size: u32,
        likeness: Likeness,
    ) -> Result<Vec<Suggestion>, StoreError> {
        let known = self.known.get().await?;
        let products = match autocomplete::products(typed, size, likeness) {
            Some(body) => self.ask::<RawProducts>("suggest products", &body).await?.hits.sources().collect(),
            None => Vec::new(),
        };
        Ok(autocomplete::suggest(typed, size, likeness, &known, products))
    }

    /// Keeps what is suggested up to date, for ever.
    pub async fn keep_fresh(&self) {
        self.known.keep_fresh().await;
    }

    /// The first stage that finds something, else the last.
    async fn relax(&self, request: &SearchRequest) -> Result<(Stage, RawAnswer), StoreError> {
        let as_typed = self.products(request, &Stage::AsTyped).await?;
        // Decided without the filters: a word is not misspelled because a brand lacks it.
        if as_typed.some_has_all_words() && (as_typed.total() > 0 || request.words.as_slice().len() < 2) {
            return Ok((Stage::AsTyped, as_typed));
        }
        let unknown = self.unknown_words(request).await?;
        if !unknown.is_empty() {
            let stage = Stage::SimilarWords(unknown.clone());
            let similar = self.products(request, &stage).await?;
            if similar.total() > 0 {
                return Ok((stage, similar));
            }
        }
        if as_typed.total() > 0 || request.words.as_slice().len() < 2 {
            return Ok((Stage::AsTyped, as_typed));
        }
        let stage = Stage::AnyWord(unknown);
        let any = self.products(request, &stage).await?;
        Ok((stage, any))
    }

    /// The positions of words that occur in no product and may stand for similar ones.
    async fn unknown_words(&self, request: &SearchRequest) -> Result<Vec<usize>, StoreError> {
        let body = query::occurrences(&request.words, &self.relevance);
        let occurrences: RawOccurrences = self.ask("look words up", &body).await?;
        let unknown = occurrences.unknown();
        Ok(unknown.filter(|at| query::may_be_another(request, *at)).collect())
    }

    async fn products(&self, request: &SearchRequest, stage: &Stage) -> Result<RawAnswer, StoreError> {
        self.ask("search products", &query::products(request, stage, &self.relevance)).await
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        what: &'static str,
        body: &Value,
    ) -> Result<T, StoreError> {
        self.store.search(what, CATALOGUE, Missing::IsError, body).await
    }
}

fn millis_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
