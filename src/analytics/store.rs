//! The exchanges with Elasticsearch. The results are those of the store's generation.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::try_join;

use crate::analytics::decided::Known;
use crate::analytics::found::{EventTypes, Recent, Severities};
use crate::analytics::fraud::{Cursor, Page, Signal};
use crate::analytics::progress::{Frontier, Processing, Progress};
use crate::analytics::range::Range;
use crate::analytics::stats::{EventTotals, Stats};
use crate::analytics::{AnalyticsError, fraud, panes, query};
use crate::catalog;
use crate::model::category::CategoryPath;
use crate::model::money::Cents;
use crate::model::severity::Severity;
use crate::model::time::Timestamp;
use crate::review::{self, Verdicts};
use crate::store::found::{Aggregated, Found, Hit};
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

/// Refuses a category that the catalogue does not have. Where there is no catalogue, none is refused.
///
/// # Errors
/// [`AnalyticsError::BadParameter`], [`AnalyticsError::Store`].
pub async fn refuse_unknown(store: &Store, category: &CategoryPath) -> Result<(), AnalyticsError> {
    match catalog::has_category(&store.of_shop(), category).await {
        Ok(true) | Err(StoreError::MissingIndex { .. }) => Ok(()),
        Ok(false) => Err(catalog::unknown_category(category).into()),
        Err(error) => Err(error.into()),
    }
}

/// A page of active fraud signals, the last seen first, without what was decided to be none.
///
/// # Errors
/// [`AnalyticsError::Store`].
pub async fn signals(
    store: &Store,
    question: &fraud::Question,
    known: &Known,
) -> Result<Page, AnalyticsError> {
    let what = "list fraud signals";
    let body = query::signals(question, &*known.of(store).await?);
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
    let visitors = hits.iter().map(|hit| hit.source.visitor.as_str()).collect();
    let verdicts = Verdicts::of(review::about(store, &visitors).await?);
    let signal = |Hit { id, source, .. }| Signal { id, ..source }.join(&verdicts);
    // What was decided a moment ago, or so long ago that it was not among the latest.
    let items = hits.into_iter().map(signal).filter(|signal| question.admits(signal.status)).collect();
    Ok(Page { total, items, next })
}

/// The shop at a glance.
///
/// # Errors
/// [`AnalyticsError::Store`].
pub async fn stats(store: &Store, now: Timestamp, known: &Known) -> Result<Stats, AnalyticsError> {
    let (products, events, (last_minute, revenue_last_hour), fraud, frontiers) = try_join!(
        count_products(store),
        count_events(store),
        count_recent(store, now),
        count_signals(store, known),
        async { Ok(frontiers(store, None).await?) },
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

async fn count_signals(store: &Store, known: &Known) -> Result<BTreeMap<Severity, u64>, AnalyticsError> {
    let body = query::signals_by_severity(&*known.of(store).await?);
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

/// The frontiers of one group, or those of all with their ledgers.
///
/// # Errors
/// As [`Store::search`].
pub async fn frontiers(store: &Store, group: Option<&str>) -> Result<Vec<Frontier>, StoreError> {
    let (what, index) = ("read how far the processor is", Schema::PROCESSOR_FRONTIERS.name);
    let found: Found<Frontier> =
        store.search(what, index, Missing::IsEmpty, &query::frontiers(group)).await?;
    Ok(found.hits.sources().collect())
}

/// One search. An index that nobody has written yet is empty.
///
/// # Errors
/// [`AnalyticsError::Store`].
pub async fn ask<T: DeserializeOwned>(
    store: &Store,
    what: &'static str,
    index: &Schema,
    body: &Value,
) -> Result<T, AnalyticsError> {
    Ok(store.search(what, index.name, Missing::IsEmpty, body).await?)
}

/// One search of the panes of a range, of the kind of results whose minutes are `kind`.
///
/// # Errors
/// [`AnalyticsError::Store`].
pub async fn ask_panes<T: DeserializeOwned>(
    store: &Store,
    what: &'static str,
    kind: &Schema,
    range: Range,
    body: &Value,
) -> Result<T, AnalyticsError> {
    Ok(store.search(what, &panes::indices(kind, range), Missing::IsEmpty, body).await?)
}
