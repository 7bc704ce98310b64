//! The exchanges with Elasticsearch about trends. The results are those of the store's generation.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::try_join;

use crate::analytics::AnalyticsError;
use crate::analytics::bots::Bots;
use crate::analytics::progress::{Progress, TRENDS};
use crate::analytics::range::Range;
use crate::analytics::store::{ask, progress, refuse_unknown};
use crate::analytics::trending::found::{OfKeys, Spans, Stretch};
use crate::analytics::trending::score::SUPPORT_MIN;
use crate::analytics::trending::{
    Figures, Listed, Question, Seen, Shown, Tally, Trend, query, share_of_bots,
};
use crate::model::ids::ProductId;
use crate::store::Store;
use crate::store::found::{Aggregated, Found};
use crate::store::schema::Schema;

/// What trends, and what that rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Trends {
    /// How far the numbers reach.
    pub progress: Progress,
    /// The share of the shop's session-minutes that were bots' and taken off; `None` where nobody did anything.
    pub bots_share: Option<f64>,
    /// The list.
    pub listed: Vec<Listed>,
}

/// What trends in a window.
///
/// # Errors
/// [`AnalyticsError::BadParameter`] for a category in which nobody did anything and that the catalogue does
/// not have either; [`AnalyticsError::Store`].
pub async fn trends(store: &Store, question: &Question, window: Range) -> Result<Trends, AnalyticsError> {
    let before = window.before();
    let bots = Bots::seen(store, query::past_start(before), window.to).await?;
    let (progress, now, before) = try_join!(
        progress(store, TRENDS),
        rank(store, question, window, &bots),
        rank(store, question, before, &bots),
    )?;
    if let (true, Some(category)) = (now.is_idle, question.among.category()) {
        refuse_unknown(store, category).await?;
    }
    let Ranked { mut trends, bots_share, .. } = now;
    trends.truncate(question.size);
    let places = before.trends.into_iter().zip(1..).map(|(trend, place)| (trend.key, place));
    let places: HashMap<String, usize> = places.collect();
    let figures = people(store, question, window, &trends, &bots).await?;
    let listed = trends.into_iter().map(|trend| Listed {
        rank_before: places.get(&trend.key).copied(),
        figures: figures.get(&trend.key).copied().unwrap_or_default(),
        trend,
    });
    Ok(Trends { progress, bots_share, listed: listed.collect() })
}

/// What the catalogue shows of the products; one that has left it is absent.
///
/// # Errors
/// [`AnalyticsError::Store`].
pub async fn shown(store: &Store, listed: &[Listed]) -> Result<HashMap<ProductId, Shown>, AnalyticsError> {
    if listed.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<&str> = listed.iter().map(|one| one.trend.key.as_str()).collect();
    let body = query::shown(&ids);
    let found: Found<Shown> = ask(&store.of_shop(), "look products up", &Schema::PRODUCTS, &body).await?;
    Ok(found.hits.sources().map(|shown| (shown.id.clone(), shown)).collect())
}

/// Everything that trends in a window.
struct Ranked {
    trends: Vec<Trend>,
    bots_share: Option<f64>,
    /// Whether nothing that was asked for was done at all.
    is_idle: bool,
}

async fn rank(
    store: &Store,
    question: &Question,
    window: Range,
    bots: &Bots,
) -> Result<Ranked, AnalyticsError> {
    let Question { among, by, .. } = question;
    let mut now = leaders(store, question, window).await?;
    let is_idle = now.by_key.is_empty();
    now.by_key.retain(|_, counted| counted.sessions >= SUPPORT_MIN);
    let keys: Vec<String> = now.by_key.keys().cloned().collect();
    let (of_all, of_bots) =
        (query::before(window, among, *by, &keys), query::of_bots(window, among, *by, &keys, bots));
    let (past, bots) = try_join!(
        seen(store, &Schema::PRODUCT_TRENDS, &of_all, keys.is_empty()),
        seen(store, &Schema::SUSPECT_PRODUCTS, &of_bots, bots.is_empty()),
    )?;
    let all = Seen { now, ..past };
    let bots_share = share_of_bots(&all, &bots);
    Ok(Ranked { trends: all.without(&bots).rank(window, *by), bots_share, is_idle })
}

/// What was done most in the window, a bounded number of products or categories.
async fn leaders(store: &Store, question: &Question, window: Range) -> Result<Tally, AnalyticsError> {
    let (what, body) =
        ("find what gets most attention", query::leaders(window, &question.among, question.by));
    let found = sums::<Stretch>(store, what, &Schema::PRODUCT_TRENDS, &body).await?;
    Ok(found.map(Stretch::into_tally).unwrap_or_default())
}

async fn seen(store: &Store, index: &Schema, body: &Value, is_idle: bool) -> Result<Seen, AnalyticsError> {
    if is_idle {
        return Ok(Seen::default());
    }
    let found = sums::<Spans>(store, "count what was done before", index, body).await?;
    Ok(found.map(Spans::into_seen).unwrap_or_default())
}

/// What people did with what is listed.
async fn people(
    store: &Store,
    question: &Question,
    window: Range,
    trends: &[Trend],
    bots: &Bots,
) -> Result<HashMap<String, Figures>, AnalyticsError> {
    let keys: Vec<String> = trends.iter().map(|trend| trend.key.clone()).collect();
    let of_all = query::figures(window, &question.among, &keys, None);
    let of_bots = query::figures(window, &question.among, &keys, Some(bots));
    let (mut all, bots) = try_join!(
        figures(store, &Schema::PRODUCT_TRENDS, &of_all, keys.is_empty()),
        figures(store, &Schema::SUSPECT_PRODUCTS, &of_bots, keys.is_empty() || bots.is_empty()),
    )?;
    for (key, part) in bots {
        all.entry(key).and_modify(|figures| *figures = figures.without(part));
    }
    Ok(all)
}

async fn figures(
    store: &Store,
    index: &Schema,
    body: &Value,
    is_idle: bool,
) -> Result<HashMap<String, Figures>, AnalyticsError> {
    if is_idle {
        return Ok(HashMap::new());
    }
    let found = sums::<OfKeys>(store, "count what was done with what is listed", index, body).await?;
    Ok(found.map(OfKeys::into_figures).unwrap_or_default())
}

/// The sums of one search; `None` where there is no index yet.
async fn sums<A: DeserializeOwned>(
    store: &Store,
    what: &'static str,
    index: &Schema,
    body: &Value,
) -> Result<Option<A>, AnalyticsError> {
    let found: Aggregated<Option<A>> = ask(store, what, index, body).await?;
    Ok(found.aggregations)
}
