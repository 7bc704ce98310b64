//! Asks the judged queries and scores the answers.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::catalog::load::{Plan, load};
use crate::catalog::source::Source;
use crate::catalog::synthesis::DEFAULT_SEED;
use crate::model::money::Currency;
use crate::relevance::judgments::{self, Half, Judged};
use crate::relevance::made;
use crate::relevance::metrics::{self, DEEP, Scores};
use crate::relevance::report::{Report, Row, Traps};
use crate::search::Search;
use crate::search::answer::Relaxation;
use crate::search::relevance::Relevance;
use crate::search::request::{Filters, Page, SearchRequest, Words};
use crate::search::sort::Sort;
use crate::store::found::Found;
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

/// Queries that are under way at once.
const AT_ONCE: usize = 4;
/// Bulk requests that are under way at once while the catalogue is loaded.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
/// What a search without any design would look at.
const ALL_TEXT: [&str; 6] =
    ["name", "description", "brand_text", "category_label", "categories_above", "attribute_text"];
/// The name of the plain search, for `--against`.
const BASELINE: &str = "baseline";

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct RelevanceSettings {
    /// Judged queries for the catalogue of this shop, one judgment a line: query, product id, grade from 0,
    /// separated by tabs. Without it the judgments that come with shoplens are measured, on the catalogue
    /// that they are about, which is loaded beside the shop's and removed again.
    #[arg(long)]
    pub judgments: Option<PathBuf>,
    /// Which queries: weights are tuned on one half alone, so that the other tells the truth.
    #[arg(long, value_enum, default_value = "all")]
    pub half: Half,
    /// A file of weights like mappings/relevance.json to measure instead of those compiled in.
    #[arg(long)]
    pub weights: Option<PathBuf>,
    /// Another file of weights, or `baseline` (a plain multi_match on all text fields), to compare with.
    #[arg(long)]
    pub against: Option<String>,
    /// Also print each query.
    #[arg(long)]
    pub per_query: bool,
    /// The seed of what is drawn for the intervals.
    #[arg(long, default_value_t = DEFAULT_SEED)]
    pub seed: u64,
    /// Print the judgments that come with shoplens, made anew, and measure nothing.
    #[arg(long)]
    pub make: bool,
}

/// A way to rank.
enum Ranker {
    Designed(Box<Search>),
    Plain(Store),
}

/// Measures what the settings ask for.
///
/// # Errors
/// A file that cannot be used, or a server that does not answer, with what was being done.
pub async fn measure(settings: &RelevanceSettings, store: &Store) -> anyhow::Result<Report> {
    match &settings.judgments {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            let queries = judgments::read(&text).with_context(|| format!("reading {}", path.display()))?;
            compare(settings, store, queries, &[]).await
        }
        None => {
            let source = Source::MadeUp(Arc::new(made::catalogue()?), made::PRODUCTS);
            let plan = Plan { source, connections: CONNECTIONS, synonyms: Vec::new(), kept: 0 };
            load(store, &plan, |_| ()).await.context("loading the catalogue")?;
            let traps: Vec<&str> = made::traps().collect();
            let report = compare(settings, store, judgments::read(made::SHIPPED)?, &traps).await;
            store.remove_all().await.context("removing the catalogue again")?;
            report
        }
    }
}

async fn compare(
    settings: &RelevanceSettings,
    store: &Store,
    queries: Vec<Judged>,
    traps: &[&str],
) -> anyhow::Result<Report> {
    let queries = settings.half.of(queries);
    let search = designed(store, settings.weights.as_ref())?;
    let traps = fall_into(&search, traps).await?;
    let ranker = Ranker::Designed(Box::new(search));
    let scores = score_all(&ranker, &queries).await?;
    let others = match settings.against.as_deref() {
        None => None,
        Some(BASELINE) => Some(score_all(&Ranker::Plain(store.clone()), &queries).await?),
        Some(path) => {
            let other = Ranker::Designed(Box::new(designed(store, Some(&PathBuf::from(path)))?));
            Some(score_all(&other, &queries).await?)
        }
    };
    let mut others = others.unwrap_or_default().into_iter();
    let row = |(Judged { query, kind, .. }, scores)| Row { query, kind, scores, other: others.next() };
    let rows = queries.into_iter().zip(scores).map(row).collect();
    Ok(Report {
        rows,
        against: settings.against.clone(),
        traps,
        per_query: settings.per_query,
        seed: settings.seed,
    })
}

fn designed(store: &Store, weights: Option<&PathBuf>) -> anyhow::Result<Search> {
    let relevance = match weights {
        None => Relevance::embedded()?,
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            Relevance::parse(&text).with_context(|| format!("reading {}", path.display()))?
        }
    };
    Ok(Search::new(store.clone(), relevance, Currency::EUR))
}

async fn score_all(ranker: &Ranker, queries: &[Judged]) -> anyhow::Result<Vec<Scores>> {
    let score = async |judged: &Judged| {
        let ranking = ranker.rank(&judged.query).await;
        let ranking = ranking.with_context(|| format!("searching for {:?}", judged.query))?;
        anyhow::Ok(metrics::score(&ranking, &judged.grades))
    };
    stream::iter(queries).map(score).buffered(AT_ONCE).try_collect().await
}

/// How the search takes queries that nothing answers.
async fn fall_into(search: &Search, traps: &[&str]) -> anyhow::Result<Traps> {
    let mut fallen = Traps::default();
    for trap in traps {
        let answer = search.search(&first_page(trap)).await;
        let answer = answer.with_context(|| format!("searching for {trap:?}"))?;
        match answer.relaxation {
            _ if answer.total == 0 => fallen.nothing_found += 1,
            Relaxation::None => fallen.taken_in.push((*trap).to_owned()),
            Relaxation::SimilarWords
            | Relaxation::AnyWord
            | Relaxation::Fuzzier
            | Relaxation::BestSellers => {
                fallen.said_so += 1;
            }
        }
    }
    Ok(fallen)
}

impl Ranker {
    /// The ids of the first hundred products, best first.
    async fn rank(&self, query: &str) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Designed(search) => {
                let answer = search.search(&first_page(query)).await?;
                Ok(answer.items.into_iter().map(|item| item.id).collect())
            }
            Self::Plain(store) => Ok(plain(store, query).await?),
        }
    }
}

/// The search as a shopper would send it, with as many products as are looked at.
fn first_page(query: &str) -> SearchRequest {
    SearchRequest {
        words: Words::read(query),
        fuzzy: true,
        filters: Filters::default(),
        sort: Sort::Relevance,
        page: Page { number: 1, size: DEEP as u32 },
        after: None,
        explain: false,
    }
}

async fn plain(store: &Store, query: &str) -> Result<Vec<String>, StoreError> {
    let body: Value = json!({
        "query": { "multi_match": { "query": Words::read(query).text(), "fields": ALL_TEXT } },
        "size": DEEP,
        "sort": ["_score", { "id": "asc" }],
        "_source": false,
    });
    let index = Schema::PRODUCTS.name;
    let found: Found<Option<IgnoredAny>> =
        store.search("search plainly", index, Missing::IsError, &body).await?;
    Ok(found.hits.hits.into_iter().map(|hit| hit.id).collect())
}
