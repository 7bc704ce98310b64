//! The exchanges with Elasticsearch. The results are those of the store's generation.

use std::collections::{BTreeMap, HashMap};

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::try_join;

use crate::analytics::found::{
    EventTypes, Funnels, Pane, Products, Recent, Severities, TrendBucket, ViewSessions,
};
use crate::analytics::fraud::{Cursor, Page, Signal};
use crate::analytics::funnels::{Funnel, ROOT};
use crate::analytics::progress::{Frontier, Processing, Progress, SESSIONS, TRENDS};
use crate::analytics::range::Range;
use crate::analytics::stats::{EventTotals, Stats};
use crate::analytics::trending::{Candidate, Counts, SUPPORT_MIN, Shown, Trend};
use crate::analytics::{AnalyticsError, fraud, funnels, query, trending};
use crate::catalog;
use crate::model::category::CategoryPath;
use crate::model::ids::ProductId;
use crate::model::money::Cents;
use crate::model::severity::Severity;
use crate::model::time::Timestamp;
use crate::review::Decision;
use crate::store::found::{Aggregated, Found, Hit};
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

/// Trending products, and how far the numbers reach.
///
/// # Errors
/// [`AnalyticsError::BadParameter`] for a category in which nothing was viewed and that the catalogue does
/// not have either; [`AnalyticsError::Store`].
pub async fn trending(
    store: &Store,
    question: &trending::Question,
) -> Result<(Progress, Vec<(Trend, Option<Shown>)>), AnalyticsError> {
    let (progress, trends) = try_join!(progress(store, TRENDS), trends(store, question))?;
    let mut shown = shown(store, &trends).await?;
    let joined = trends.into_iter().map(|trend| {
        let shown = shown.remove(&trend.product_id);
        (trend, shown)
    });
    Ok((progress, joined.collect()))
}

async fn trends(store: &Store, question: &trending::Question) -> Result<Vec<Trend>, AnalyticsError> {
    let window = question.window;
    let ids = candidates(store, question.category.as_ref(), window).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let start = trending::baseline_start(window);
    let (counts, before, first) = try_join!(
        counts(store, window, &ids),
        sessions_before(store, start, window, &ids),
        first_minute(store, start, window),
    )?;
    let join = |(product_id, counts)| {
        let sessions_before = before.get(&product_id).copied().unwrap_or_default();
        Candidate { product_id, counts, sessions_before }
    };
    let candidates = counts.into_iter().map(join).collect();
    Ok(trending::rank(candidates, window, trending::observed(window, first), question.size))
}

/// The products that are viewed enough to be a trend, a bounded number of them.
async fn candidates(
    store: &Store,
    category: Option<&CategoryPath>,
    window: Range,
) -> Result<Vec<ProductId>, AnalyticsError> {
    let (what, body) = ("find the most viewed products", query::trend_candidates(window, category));
    let products: Vec<ViewSessions> = ask_by_product(store, what, &body).await?;
    if let (true, Some(category)) = (products.is_empty(), category) {
        refuse_unknown(store, category).await?;
    }
    let counts = products.into_iter().map(ViewSessions::into_count);
    Ok(counts.filter(|(_, sessions)| *sessions >= SUPPORT_MIN).map(|(id, _)| id).collect())
}

async fn counts(
    store: &Store,
    window: Range,
    ids: &[ProductId],
) -> Result<Vec<(ProductId, Counts)>, AnalyticsError> {
    let (what, body) = ("count what was done with products", query::trend_counts(window, ids));
    let buckets: Vec<TrendBucket> = ask_by_product(store, what, &body).await?;
    Ok(buckets.into_iter().map(TrendBucket::into_counts).collect())
}

async fn sessions_before(
    store: &Store,
    start: Timestamp,
    window: Range,
    ids: &[ProductId],
) -> Result<HashMap<ProductId, u64>, AnalyticsError> {
    let (what, body) = ("count earlier views", query::sessions_before(start, window, ids));
    let buckets: Vec<ViewSessions> = ask_by_product(store, what, &body).await?;
    Ok(buckets.into_iter().map(ViewSessions::into_count).collect())
}

async fn first_minute(
    store: &Store,
    start: Timestamp,
    window: Range,
) -> Result<Option<Timestamp>, AnalyticsError> {
    let (what, body) = ("find the first minute with events", query::first_pane(start, window));
    let found: Found<Pane> = ask(store, what, &Schema::PRODUCT_TRENDS, &body).await?;
    Ok(found.hits.sources().next().map(|pane| pane.minute))
}

/// One search of the panes, added up by product.
async fn ask_by_product<B: DeserializeOwned>(
    store: &Store,
    what: &'static str,
    body: &Value,
) -> Result<Vec<B>, AnalyticsError> {
    let found: Aggregated<Option<Products<B>>> = ask(store, what, &Schema::PRODUCT_TRENDS, body).await?;
    Ok(found.aggregations.map(|found| found.products.buckets).unwrap_or_default())
}

/// What the catalogue shows of the products; one that has left it is absent.
async fn shown(store: &Store, trends: &[Trend]) -> Result<HashMap<ProductId, Shown>, AnalyticsError> {
    if trends.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<&str> = trends.iter().map(|trend| trend.product_id.as_str()).collect();
    let body = query::shown(&ids);
    let found: Found<Shown> = ask(&store.of_shop(), "look products up", &Schema::PRODUCTS, &body).await?;
    Ok(found.hits.sources().map(|shown| (shown.id.clone(), shown)).collect())
}

/// The funnel of the whole shop or of a category, then those right below it.
///
/// # Errors
/// As [`trending()`].
pub async fn funnels(
    store: &Store,
    window: Range,
    category: Option<&CategoryPath>,
) -> Result<(Progress, Vec<Funnel>), AnalyticsError> {
    let asked = category.map_or(ROOT, CategoryPath::as_str);
    let body = query::funnels(window, asked);
    let (progress, found): (Progress, Aggregated<Option<Funnels>>) =
        try_join!(progress(store, SESSIONS), ask(store, "add up funnels", &Schema::CATEGORY_FUNNELS, &body))?;
    let buckets = found.aggregations.map(|found| found.categories.buckets).unwrap_or_default();
    if let (true, Some(category)) = (buckets.is_empty(), category) {
        refuse_unknown(store, category).await?;
    }
    Ok((progress, funnels::arrange(asked, buckets.into_iter().map(Funnel::from).collect())))
}

/// Refuses a category that the catalogue does not have. Where there is no catalogue, none is refused.
async fn refuse_unknown(store: &Store, category: &CategoryPath) -> Result<(), AnalyticsError> {
    match catalog::has_category(&store.of_shop(), category).await {
        Ok(true) | Err(StoreError::MissingIndex { .. }) => Ok(()),
        Ok(false) => Err(catalog::unknown_category(category).into()),
        Err(error) => Err(error.into()),
    }
}

/// A page of active fraud signals, the last seen first.
///
/// # Errors
/// [`AnalyticsError::Store`].
pub async fn signals(
    store: &Store,
    question: &fraud::Question,
    decisions: &[Decision],
) -> Result<Page, AnalyticsError> {
    let what = "list fraud signals";
    let body = query::signals(question, decisions);
    let found: Found<Signal> = ask(store, what, &Schema::FRAUD_SIGNALS, &body).await?;
    let total = found.total();
    let mut hits = found.hits.hits;
    let has_more = hits.len() > question.size;
    hits.truncate(question.size);
    let last = hits.last_mut().filter(|_| has_more).map(|hit| std::mem::take(&mut hit.sort));
    let next = last
        .map(Cursor::from_sort_values)
        .transpose()
        .map_err(|source| StoreError::Unexpected { what, source })?;
    let signal = |Hit { id, source, .. }| Signal { id, ..source }.join(decisions);
    let items = hits.into_iter().map(signal).collect();
    Ok(Page { total, items, next })
}

/// The shop at a glance.
///
/// # Errors
/// [`AnalyticsError::Store`].
pub async fn stats(store: &Store, now: Timestamp) -> Result<Stats, AnalyticsError> {
    let (products, events, (last_minute, revenue_last_hour), fraud, frontiers) = try_join!(
        count_products(store),
        count_events(store),
        count_recent(store, now),
        count_signals(store),
        frontiers(store, None),
    )?;
    let processing = Processing::of(&frontiers);
    Ok(Stats { products, events, last_minute, revenue_last_hour, fraud, processing })
}

async fn count_products(store: &Store) -> Result<u64, AnalyticsError> {
    let found: Found = ask(&store.of_shop(), "count products", &Schema::PRODUCTS, &query::count()).await?;
    Ok(found.total())
}

async fn count_events(store: &Store) -> Result<EventTotals, AnalyticsError> {
    let body = query::event_totals();
    let found: Aggregated<Option<EventTypes>> = ask(store, "count events", &Schema::EVENTS, &body).await?;
    let total = found.total();
    let types = found.aggregations.map(|found| found.types.buckets).unwrap_or_default();
    let by_type = types.into_iter().map(|bucket| (bucket.key, bucket.doc_count)).collect();
    Ok(EventTotals { total, by_type })
}

/// Events of the last minute and revenue of the last hour.
async fn count_recent(store: &Store, now: Timestamp) -> Result<(u64, Cents), AnalyticsError> {
    let body = query::recent_events(now);
    let found: Aggregated<Option<Recent>> = ask(store, "count recent events", &Schema::EVENTS, &body).await?;
    let recent = found.aggregations.map(|recent| (recent.last_minute.doc_count, recent.revenue()));
    Ok(recent.unwrap_or_default())
}

async fn count_signals(store: &Store) -> Result<BTreeMap<Severity, u64>, AnalyticsError> {
    let body = query::signals_by_severity();
    let found: Aggregated<Option<Severities>> =
        ask(store, "count fraud signals", &Schema::FRAUD_SIGNALS, &body).await?;
    let severities = found.aggregations.map(|found| found.severities.buckets).unwrap_or_default();
    Ok(severities.into_iter().map(|bucket| (bucket.key, bucket.doc_count)).collect())
}

/// How far a group is.
///
/// # Errors
/// [`AnalyticsError::Store`].
pub async fn progress(store: &Store, group: &'static str) -> Result<Progress, AnalyticsError> {
    Ok(Progress::of(group, &frontiers(store, Some(group)).await?))
}

async fn frontiers(store: &Store, group: Option<&str>) -> Result<Vec<Frontier>, AnalyticsError> {
    let body = query::frontiers(group);
    let what = "read how far the processor is";
    let found: Found<Frontier> = ask(store, what, &Schema::PROCESSOR_FRONTIERS, &body).await?;
    Ok(found.hits.sources().collect())
}

/// One search. An index that nobody has written yet is empty.
async fn ask<T: DeserializeOwned>(
    store: &Store,
    what: &'static str,
    index: &Schema,
    body: &Value,
) -> Result<T, AnalyticsError> {
    Ok(store.search(what, index.name, Missing::IsEmpty, body).await?)
}
