//! Product search: what a shopper types becomes a page of products, facets and suggestions.
//!
//! [`request`] checks, [`query`] builds the body, Elasticsearch answers, [`answer`] shapes; only this file
//! talks to [`Store`]. A search that finds nothing is relaxed in stages (see [`query::Stage`]), so that a
//! typo costs further questions and a plain search only one.

pub mod answer;
pub mod autocomplete;
pub mod facets;
pub mod filter;
pub mod query;
pub mod relevance;
pub mod request;
pub mod routes;

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use thiserror::Error;
use uuid::Uuid;

use crate::catalog;
use crate::http::parameter::BadParameter;
use crate::merchandising::live::Live;
use crate::merchandising::{self, Merchandise, rule};
use crate::model::money::Currency;
use crate::model::time::Timestamp;
use crate::search::answer::{RawAnswer, RawOccurrences, Relaxation, SearchAnswer};
use crate::search::autocomplete::Suggestions;
use crate::search::query::Stage;
use crate::search::relevance::Relevance;
use crate::search::request::{Page, RawSearch, SearchRequest, Words};
use crate::store::found::Found;
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

const CATALOGUE: &str = Schema::PRODUCTS.name;

/// The search of one shop.
#[derive(Clone)]
pub struct Search {
    store: Store,
    relevance: Relevance,
    currency: Currency,
    curation: Curation,
}

/// Whose synonyms and rules a search goes by.
#[derive(Clone)]
enum Curation {
    /// Those of now.
    Live(Live),
    /// These, to see what they would change.
    Fixed(Arc<Merchandise>),
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
        let curation = Curation::Live(Live::new(store.clone()));
        Self { store, relevance, currency, curation }
    }

    /// The same search with these synonyms and rules instead of those of now.
    pub fn curated_by(&self, merchandise: Merchandise) -> Self {
        Self { curation: Curation::Fixed(Arc::new(merchandise)), ..self.clone() }
    }

    /// The first products for a text in a category, with their names.
    ///
    /// # Errors
    /// As [`Search::search`].
    pub async fn first(
        &self,
        q: &str,
        category: Option<&str>,
        size: u32,
    ) -> Result<Vec<(String, String)>, SearchError> {
        let (q, category) = (q.to_owned(), category.map(str::to_owned));
        let page = Page { number: 1, size };
        let raw = RawSearch {
            q,
            fuzzy: true,
            category,
            brands: Vec::new(),
            min_price: None,
            max_price: None,
            page,
        };
        let answer = self.search(&raw.check()?).await?;
        Ok(answer.items.into_iter().map(|item| (item.id, item.name)).collect())
    }

    /// Which of these ids no product has.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn without_product<'i>(&self, ids: &[&'i str]) -> Result<Vec<&'i str>, StoreError> {
        let body = json!({ "size": ids.len(), "query": { "terms": { "id": ids } }, "_source": ["id"] });
        let found: Found = self.ask("look products up", &body).await?;
        let is_there = |id: &&&str| found.hits.hits.iter().any(|hit| hit.id == **id);
        Ok(ids.iter().filter(|id| !is_there(id)).copied().collect())
    }

    /// A page of products with facets.
    ///
    /// # Errors
    /// [`SearchError::BadParameter`] for a category that no product has, [`SearchError::Store`].
    pub async fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, SearchError> {
        let started = Instant::now();
        let (stage, raw) = self.relax(request).await?;
        let total = raw.total();
        if let Some(category) = request.filters.category.as_ref().filter(|_| total == 0)
            && !catalog::has_category(&self.store, category).await?
        {
            return Err(catalog::unknown_category(category).into());
        }
        let (items, facets) = raw.into_items(request.page);
        Ok(SearchAnswer {
            query_id: Uuid::now_v7().to_string(),
            query: request.words.text(),
            total,
            took_ms: millis_since(started),
            page: request.page.number,
            size: request.page.size,
            relaxation: Relaxation::from(&stage),
            currency: self.currency.to_string(),
            items,
            facets: facets.shape(request.filters.category.as_ref()),
        })
    }

    /// What the words so far may become.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn suggest(&self, words: &Words, size: u32) -> Result<Suggestions, StoreError> {
        let started = Instant::now();
        let products = autocomplete::products(words, size, &self.relevance);
        let categories = autocomplete::categories();
        let (products, categories) = tokio::try_join!(
            self.ask("suggest products", &products),
            self.ask("suggest categories", &categories),
        )?;
        let suggestions = autocomplete::suggest(words, size, products, categories);
        Ok(Suggestions { query: words.text(), took_ms: millis_since(started), suggestions })
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
        self.ask("search products", &self.body(request, stage).await).await
    }

    /// The body of a search, with the synonyms and rules of the shop upon it.
    async fn body(&self, request: &SearchRequest, stage: &Stage) -> Value {
        let merchandise = match &self.curation {
            Curation::Live(live) => live.now().await,
            Curation::Fixed(fixed) => Arc::clone(fixed),
        };
        let (words, category) = (request.words.as_slice(), request.filters.category.as_ref());
        let alternatives = merchandise.thesaurus.alternatives(words).into_iter().map(|words| {
            let request = SearchRequest { words: Words::read(&words.join(" ")), ..request.clone() };
            query::products(&request, &Stage::AsTyped, &self.relevance)
        });
        let body = query::products(request, stage, &self.relevance);
        let body = merchandising::with_alternatives(body, alternatives.collect());
        rule::apply(body, &merchandise.rules(words, category, Timestamp::now()))
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
