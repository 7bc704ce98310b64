//! Product search: what a shopper types becomes a page of products, facets and suggestions.
//!
//! [`request`] checks, [`query`] builds the body, Elasticsearch answers, [`answer`] shapes; only this file
//! talks to [`Store`]. A search that finds too little is relaxed in stages (see [`query::Stage`]), so that a
//! typo costs further questions and a plain search only one; [`explain`] says why a product was found.

pub mod answer;
pub mod autocomplete;
pub mod curated;
pub mod cursor;
pub mod explain;
pub mod facets;
pub mod filter;
pub mod labels;
pub mod listed;
pub mod query;
pub mod relevance;
pub mod request;
pub mod routes;
pub mod sort;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use thiserror::Error;
use uuid::Uuid;

use crate::catalog;
use crate::http::fresh::FreshBy;
use crate::http::parameter::BadParameter;
use crate::merchandising::Merchandise;
use crate::merchandising::live::Live;
use crate::model::money::Currency;
use crate::model::time::Timestamp;
use crate::search::answer::{RawAnswer, RawOccurrences, RawSimilar, Relaxation, SearchAnswer};
use crate::search::autocomplete::known::Known;
use crate::search::autocomplete::{Likeness, RawProducts, Suggestions, Typed};
use crate::search::curated::Curated;
use crate::search::explain::Explainer;
use crate::search::query::Stage;
use crate::search::query::compounds::{self, RawCounts, Respelling};
use crate::search::query::plan::Doubts;
use crate::search::query::spelling::{Corrections, Reach};
use crate::search::relevance::Relevance;
use crate::search::request::{Page, RawSearch, SearchRequest, Words};
use crate::search::sort::Sort;
use crate::store::found::Found;
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

const CATALOGUE: &str = Schema::PRODUCTS.name;
/// How long a query that was read as one word or two stays so: the catalogue's vocabulary changes with loads.
const JOINED_FRESH_FOR: Duration = Duration::from_mins(10);

/// The search of one shop.
#[derive(Clone)]
pub struct Search {
    store: Store,
    relevance: Relevance,
    currency: Currency,
    curation: Curation,
    known: Known,
    /// What queries of several words are read as, where words of them are one word.
    joined: Arc<FreshBy<String, Option<Words>>>,
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
        let (curation, known) = (Curation::Live(Live::new(store.clone())), Known::new(store.clone()));
        let joined = Arc::new(FreshBy::new(JOINED_FRESH_FOR));
        Self { store, relevance, currency, curation, known, joined }
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
        let raw = RawSearch {
            q: q.to_owned(),
            fuzzy: true,
            categories: category.map(str::to_owned).into_iter().collect(),
            page: Page { size, ..Page::default() },
            ..RawSearch::default()
        };
        let answer = self.search(&raw.check()?).await?;
        Ok(answer.items.into_iter().map(|item| (item.id, item.name.read())).collect())
    }

    /// What others search for and is wanted: the most popular first, and so many at most.
    ///
    /// # Errors
    /// As [`Search::suggest`].
    pub async fn popular(
        &self,
        is_wanted: impl Fn(&str) -> bool,
        most: usize,
    ) -> Result<Vec<String>, StoreError> {
        let known = self.known.get(&*self.merchandise().await).await?;
        Ok(known.queries().filter(|query| is_wanted(query)).take(most).map(str::to_owned).collect())
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
        let merchandise = self.merchandise().await;
        let now = Timestamp::now();
        let mut curated = Curated::new(request, &merchandise, now);
        let (mut found, joined) = tokio::try_join!(self.relax(&curated), self.joined(&curated))?;
        let is_found = found.0 == Stage::AsTyped && found.1.unfiltered() > 0;
        let respelled = match joined {
            None if !is_found => self.split(&curated).await?,
            joined => joined,
        };
        let respelled = respelled.map(|words| SearchRequest { words, ..request.clone() });
        if let Some(request) = &respelled {
            curated = Curated::new(request, &merchandise, now);
            found = self.relax(&curated).await?;
        }
        let (stage, raw) = found;
        let words = &curated.request.words;
        let total = raw.total();
        let finds_no_match = total == 0 || stage == Stage::BestSellers;
        for category in request.filters.categories.iter().filter(|_| finds_no_match) {
            if !catalog::has_category(&self.store, category).await? {
                return Err(catalog::unknown_category(category).into());
            }
        }
        let sent = match request.explain {
            true => serde_json::to_value(curated.body(&stage, &self.relevance)).ok(),
            false => None,
        };
        let next_cursor = raw.next_cursor(request);
        let explainer = request.explain.then(|| Explainer::new(&self.relevance, &curated, &stage));
        let labels = self.known.labels(raw.index()).await;
        let (items, facets) = raw.into_items(request.offset(), explainer.as_ref());
        Ok(SearchAnswer {
            query_id: Uuid::now_v7().to_string(),
            query: request.words.text(),
            total,
            took_ms: millis_since(started),
            page: request.offset() / request.page.size.max(1) + 1,
            size: request.page.size,
            sort: request.sort,
            next_cursor,
            relaxation: match stage {
                Stage::AsTyped if respelled.is_some() => Relaxation::SimilarWords,
                _ => Relaxation::from(&stage),
            },
            did_you_mean: (stage.doubts().and_then(|doubts| doubts.corrections.did_you_mean(words)))
                .or_else(|| respelled.as_ref().map(|request| request.words.text())),
            sent,
            currency: self.currency.to_string(),
            items,
            facets: facets.shape(&query::filters(request, &stage), &labels),
        })
    }

    /// What the words so far may become. Mistakes are forgiven only when nothing begins as typed.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn suggest(&self, words: &Words, size: u32) -> Result<Suggestions, StoreError> {
        let started = Instant::now();
        let typed = Typed::read(words);
        let merchandise = self.merchandise().await;
        let hidden = merchandise.hidden(words.as_slice(), Timestamp::now());
        let known = self.known.get(&merchandise).await?;
        let mut suggestions = Vec::new();
        for likeness in [Likeness::Begins, Likeness::Similar] {
            let products = match autocomplete::products(&typed, size, likeness, &hidden) {
                Some(body) => {
                    self.ask::<RawProducts>("suggest products", &body).await?.hits.sources().collect()
                }
                None => Vec::new(),
            };
            suggestions = autocomplete::suggest(&typed, size, likeness, &known, products);
            if !suggestions.is_empty() {
                break;
            }
        }
        Ok(Suggestions { query: words.text(), took_ms: millis_since(started), suggestions })
    }

    /// Keeps what is suggested up to date, for ever.
    pub async fn keep_fresh(&self) {
        self.known.keep_fresh().await;
    }

    /// The query with neighbours as one word where products have them so.
    async fn joined(&self, curated: &Curated<'_>) -> Result<Option<Words>, StoreError> {
        let request = curated.request;
        let pairs = compounds::joins(&request.words);
        if pairs.is_empty() || !request.fuzzy || !curated.meant.is_empty() {
            return Ok(None);
        }
        self.joined.get(request.words.text(), self.respelled(&request.words, &pairs)).await
    }

    /// The query with words in two where products have them so.
    async fn split(&self, curated: &Curated<'_>) -> Result<Option<Words>, StoreError> {
        let request = curated.request;
        let splits = compounds::splits(&request.words);
        if splits.is_empty() || !request.fuzzy || !curated.meant.is_empty() {
            return Ok(None);
        }
        self.respelled(&request.words, &splits).await
    }

    async fn respelled(
        &self,
        words: &Words,
        respellings: &[Respelling],
    ) -> Result<Option<Words>, StoreError> {
        let body = compounds::question(respellings, &self.relevance);
        let counts: RawCounts = self.ask("look for words joined or split", &body).await?;
        Ok(counts.respelled(words, respellings))
    }

    /// The first stage that finds enough, else the one that finds something.
    async fn relax(&self, curated: &Curated<'_>) -> Result<(Stage, RawAnswer), StoreError> {
        let request = curated.request;
        let mut as_typed = self.products(curated, &Stage::AsTyped).await?;
        if request.words.as_slice().is_empty() {
            return Ok((Stage::AsTyped, as_typed));
        }
        let corrections = as_typed.take_corrections(&request.words, &self.relevance);
        let corrections = corrections.without(&curated.meant);
        let doubts = if as_typed.identifies() {
            Doubts::default()
        } else if as_typed.some_has_all_words() && as_typed.unfiltered() > 0 {
            // Every word occurs, but one that hardly does may be misspelled in those products too.
            let frequent = self.relevance.spelling.frequent_products;
            let corrections = corrections.outweighing(&request.words, frequent);
            Doubts { corrections, last_is_unfinished: false }
        } else {
            self.doubts(curated, corrections).await?
        };
        let mut found = (Stage::AsTyped, as_typed);
        if !doubts.is_empty() {
            self.better(curated, Stage::SimilarWords(doubts.clone()), &mut found).await?;
        }
        // Sorted by price, what has any of the words would bury what has all of them.
        let wants_more = |raw: &RawAnswer| {
            request.sort == Sort::Relevance && raw.unfiltered() < self.relevance.enough_products
        };
        if request.words.as_slice().len() > 1 && (found.1.total() == 0 || wants_more(&found.1)) {
            self.better(curated, Stage::AnyWord(doubts), &mut found).await?;
        }
        if found.1.total() == 0 {
            self.last_resorts(curated, &mut found).await?;
        }
        Ok(found)
    }

    /// Asks for a stage, and keeps its answer if it finds something.
    async fn better(
        &self,
        curated: &Curated<'_>,
        stage: Stage,
        found: &mut (Stage, RawAnswer),
    ) -> Result<(), StoreError> {
        let answer = self.products(curated, &stage).await?;
        if answer.total() > 0 {
            *found = (stage, answer);
        }
        Ok(())
    }

    /// What is left when no product within the filters has any of the words.
    async fn last_resorts(
        &self,
        curated: &Curated<'_>,
        found: &mut (Stage, RawAnswer),
    ) -> Result<(), StoreError> {
        let request = curated.request;
        let may_be_misspelled = request.fuzzy && found.1.unfiltered() == 0;
        let question = query::less_similar(&request.words, &self.relevance).filter(|_| may_be_misspelled);
        if let Some(body) = question {
            let similar: RawSimilar = self.ask("look for less similar words", &body).await?;
            let corrections = similar.suggest.corrections(&request.words, Reach::Far, &self.relevance);
            let corrections = corrections.without(&curated.meant);
            let doubts = Doubts { corrections, last_is_unfinished: false };
            if !doubts.is_empty() {
                self.better(curated, Stage::Fuzzier(doubts), found).await?;
            }
        }
        if found.1.total() == 0 && !request.filters.categories.is_empty() {
            self.better(curated, Stage::BestSellers, found).await?;
        }
        Ok(())
    }

    /// What is in doubt: words that occur in no product are misspelled, and the last may be unfinished.
    async fn doubts(&self, curated: &Curated<'_>, corrections: Corrections) -> Result<Doubts, StoreError> {
        let request = curated.request;
        let body = query::occurrences(&request.words, &self.relevance);
        let occurrences: RawOccurrences = self.ask("look words up", &body).await?;
        let unknown: Vec<usize> = occurrences.unknown().filter(|at| !curated.meant.contains(at)).collect();
        let last = request.words.as_slice().len().checked_sub(1);
        let last_is_unfinished = last.is_some_and(|last| unknown.contains(&last));
        if !request.fuzzy {
            return Ok(Doubts { corrections: Corrections::default(), last_is_unfinished });
        }
        let corrections = corrections.only(&unknown);
        let corrections = corrections.or_synonyms(&request.words, &unknown, &self.relevance);
        Ok(Doubts { corrections, last_is_unfinished })
    }

    async fn products(&self, curated: &Curated<'_>, stage: &Stage) -> Result<RawAnswer, StoreError> {
        self.ask("search products", &curated.body(stage, &self.relevance)).await
    }

    async fn merchandise(&self) -> Arc<Merchandise> {
        match &self.curation {
            Curation::Live(live) => live.now().await,
            Curation::Fixed(fixed) => Arc::clone(fixed),
        }
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        what: &'static str,
        body: &impl Serialize,
    ) -> Result<T, StoreError> {
        self.store.search(what, CATALOGUE, Missing::IsError, body).await
    }
}

fn millis_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
