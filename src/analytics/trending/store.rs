//! The exchanges with Elasticsearch about trends. The results are those of the store's generation.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::try_join;

use crate::analytics::bots::Bots;
use crate::analytics::progress::{Progress, TRENDS};
use crate::analytics::range::Range;
use crate::analytics::store::{ask, ask_panes, progress, refuse_unknown};
use crate::analytics::trending::found::{Leaders, OfKeys, Spans};
use crate::analytics::trending::{
    Figures, Listed, Measure, Question, Seen, Shown, Trend, greatest_revenue_first, query, share_of_bots,
};
use crate::analytics::{AnalyticsError, panes};
use crate::model::ids::ProductId;
use crate::rollup::Rolled;
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
    /// Whether every suspect session could be told from bots'.
    pub bots_told_apart: bool,
    /// The list.
    pub listed: Vec<Listed>,
}

/// What trends in a window.
///
/// # Errors
/// [`AnalyticsError::BadParameter`] for a category in which nobody did anything and that the catalogue does
/// not have either; [`AnalyticsError::Store`].
pub async fn trends(store: &Store, question: &Question, window: Range) -> Result<Trends, AnalyticsError> {
    let window_before = window.before();
    let (progress, suspects, now, before) = try_join!(
        progress(store, TRENDS),
        Suspects::of(store, window),
        leaders(store, question, window),
        leaders(store, question, window_before),
    )?;
    let (now, before) = try_join!(
        rank(store, question, window, now, &suspects),
        rank(store, question, window_before, before, &suspects),
    )?;
    if let (true, Some(category)) = (now.is_idle, question.among.category()) {
        refuse_unknown(store, category).await?;
    }
    let Ranked { mut trends, bots_share, .. } = now;
    trends.truncate(question.size);
    let figures = people(store, question, window, &trends, &suspects).await?;
    let bots_told_apart = !suspects.bots.is_cut;
    let listed = listed(trends, before.trends, &figures);
    Ok(Trends { progress, bots_share, bots_told_apart, listed })
}

/// These trends with their places among those of the window before, and with what was done with them.
pub fn listed(trends: Vec<Trend>, before: Vec<Trend>, figures: &HashMap<String, Figures>) -> Vec<Listed> {
    let places = before.into_iter().zip(1..).map(|(trend, place)| (trend.key, place));
    let places: HashMap<String, usize> = places.collect();
    let listed = trends.into_iter().map(|trend| Listed {
        rank_before: places.get(&trend.key).copied(),
        figures: figures.get(&trend.key).copied().unwrap_or_default(),
        trend,
    });
    listed.collect()
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

/// Who is taken off, and what longer panes there are of what they did.
struct Suspects {
    bots: Bots,
    rolled: Rolled,
}

impl Suspects {
    /// Of a window, the one before, and their past.
    async fn of(store: &Store, window: Range) -> Result<Self, AnalyticsError> {
        let since = query::past_start(window.before());
        let held = panes::held(store, &[&Schema::SUSPECT_PRODUCTS], window);
        let (held, bots) = try_join!(held, Bots::seen(store, since, window.to))?;
        Ok(Self { bots, rolled: held.rolled })
    }
}

/// Everything that trends in a window.
pub struct Ranked {
    /// In order.
    pub trends: Vec<Trend>,
    /// The share of the shop's session-minutes that were bots'.
    pub bots_share: Option<f64>,
    /// Whether nothing that was asked for was done at all.
    pub is_idle: bool,
}

impl Ranked {
    /// Ranks what everybody did, without what bots did.
    pub fn new(all: Seen, bots: &Seen, by: Measure, window: Range, is_idle: bool) -> Self {
        let bots_share = share_of_bots(&all, bots);
        let mut trends = all.without(bots).rank(window);
        if by == Measure::Revenue {
            greatest_revenue_first(&mut trends);
        }
        Self { trends, bots_share, is_idle }
    }
}

async fn rank(
    store: &Store,
    question: &Question,
    window: Range,
    keys: Vec<String>,
    Suspects { bots, rolled }: &Suspects,
) -> Result<Ranked, AnalyticsError> {
    let Question { among, by, .. } = question;
    let for_bots = Range { rolled: *rolled, ..window };
    let of_all = query::counts(window, among, *by, &keys, None);
    let of_bots = query::counts(for_bots, among, *by, &keys, Some(bots));
    // Without any key too: the share of bots is that of the whole shop.
    let all = Source { kind: &Schema::PRODUCT_TRENDS, range: window, is_idle: false };
    let suspects = Source { kind: &Schema::SUSPECT_PRODUCTS, range: for_bots, is_idle: false };
    let (all, bots) = try_join!(seen(store, all, &of_all), seen(store, suspects, &of_bots))?;
    Ok(Ranked::new(all, &bots, *by, window, keys.is_empty()))
}

/// With what most was done in the window: a bounded number of products or categories.
async fn leaders(store: &Store, question: &Question, window: Range) -> Result<Vec<String>, AnalyticsError> {
    let (what, body) =
        ("find what gets most attention", query::leaders(window, &question.among, question.by));
    let source = Source { kind: &Schema::PRODUCT_TRENDS, range: window, is_idle: false };
    let found = sums::<Leaders>(store, what, source, &body).await?;
    Ok(found.map(Leaders::keys).unwrap_or_default())
}

async fn seen(store: &Store, source: Source<'_>, body: &Value) -> Result<Seen, AnalyticsError> {
    let found = sums::<Spans>(store, "count what was done in the window and before", source, body).await?;
    Ok(found.map(Spans::into_seen).unwrap_or_default())
}

/// What people did with what is listed.
async fn people(
    store: &Store,
    question: &Question,
    window: Range,
    trends: &[Trend],
    Suspects { bots, rolled }: &Suspects,
) -> Result<HashMap<String, Figures>, AnalyticsError> {
    let keys: Vec<String> = trends.iter().map(|trend| trend.key.clone()).collect();
    let of_all = query::figures(window, &question.among, &keys, None);
    let for_bots = Range { rolled: *rolled, ..window };
    let of_bots = query::figures(for_bots, &question.among, &keys, Some(bots));
    let is_idle = keys.is_empty();
    let all = Source { kind: &Schema::PRODUCT_TRENDS, range: window, is_idle };
    let suspects = Source { kind: &Schema::SUSPECT_PRODUCTS, range: for_bots, is_idle };
    let (mut all, bots) = try_join!(figures(store, all, &of_all), figures(store, suspects, &of_bots))?;
    for (key, part) in bots {
        all.entry(key).and_modify(|figures| *figures = figures.without(part));
    }
    Ok(all)
}

async fn figures(
    store: &Store,
    source: Source<'_>,
    body: &Value,
) -> Result<HashMap<String, Figures>, AnalyticsError> {
    let found = sums::<OfKeys>(store, "count what was done with what is listed", source, body).await?;
    Ok(found.map(OfKeys::into_figures).unwrap_or_default())
}

/// Which panes are asked, and whether there is nothing to ask.
#[derive(Clone, Copy)]
struct Source<'a> {
    kind: &'a Schema,
    range: Range,
    is_idle: bool,
}

/// The sums of one search; `None` where there is nothing to ask or no index yet.
async fn sums<A: DeserializeOwned>(
    store: &Store,
    what: &'static str,
    Source { kind, range, is_idle }: Source<'_>,
    body: &Value,
) -> Result<Option<A>, AnalyticsError> {
    if is_idle {
        return Ok(None);
    }
    let found: Aggregated<Option<A>> = ask_panes(store, what, kind, range, body).await?;
    Ok(found.aggregations)
}
