//! The exchanges with Elasticsearch about funnels. The results are those of the store's generation.

use std::collections::HashMap;

use tokio::try_join;

use crate::analytics::AnalyticsError;
use crate::analytics::funnels::{Funnel, ROOT, Sums, arrange, found, query};
use crate::analytics::progress::{Progress, SESSIONS};
use crate::analytics::range::Range;
use crate::analytics::store::{ask_panes, progress, refuse_unknown};
use crate::model::category::CategoryPath;
use crate::store::Store;
use crate::store::found::Aggregated;
use crate::store::schema::Schema;

/// The funnels of a range, and of the one before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Funnels {
    /// How far the numbers reach.
    pub progress: Progress,
    /// That of the whole shop or of the category asked for, then those right below it.
    pub now: Vec<Funnel>,
    /// The same of the range before, by category; one in which nobody was then is absent.
    pub before: HashMap<String, Sums>,
}

/// The funnels of the sessions that began in a range.
///
/// # Errors
/// [`AnalyticsError::BadParameter`] for a category in which nobody was and that the catalogue does not have either;
/// [`AnalyticsError::Store`].
pub async fn funnels(
    store: &Store,
    range: Range,
    category: Option<&CategoryPath>,
) -> Result<Funnels, AnalyticsError> {
    let asked = category.map_or(ROOT, CategoryPath::as_str);
    let (progress, now, before) =
        try_join!(progress(store, SESSIONS), sums(store, range, asked), sums(store, range.before(), asked),)?;
    if let (true, Some(category)) = (now.is_empty(), category) {
        refuse_unknown(store, category).await?;
    }
    Ok(Funnels { progress, now: arrange(asked, now), before: by_category(before) })
}

/// These funnels by their category.
pub fn by_category(funnels: Vec<Funnel>) -> HashMap<String, Sums> {
    funnels.into_iter().map(|funnel| (funnel.category, funnel.sums)).collect()
}

async fn sums(store: &Store, range: Range, category: &str) -> Result<Vec<Funnel>, AnalyticsError> {
    let body = query::funnels(range, category);
    let found: Aggregated<Option<found::Funnels>> =
        ask_panes(store, "add up funnels", &Schema::CATEGORY_FUNNELS, range, &body).await?;
    let buckets = found.aggregations.map(|found| found.categories.buckets).unwrap_or_default();
    Ok(buckets.into_iter().map(Funnel::from).collect())
}
