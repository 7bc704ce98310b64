//! The exchanges with Elasticsearch. The results are those of the store's generation.

use std::collections::{BTreeMap, HashMap};

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::try_join;

use crate::analytics::bots::Bots;
use crate::analytics::progress::{Progress, SESSIONS};
use crate::analytics::queries::body::{self, Of, Scope};
use crate::analytics::queries::found::{ByKey, ByTime};
use crate::analytics::queries::rank::{self, Ranked, Row, Sort};
use crate::analytics::queries::series::{self, Interval, Point};
use crate::analytics::queries::tally::Tally;
use crate::analytics::range::Range;
use crate::analytics::store::{progress, refuse_unknown as known_or_refused};
use crate::analytics::trending::Trend;
use crate::analytics::trending::found::Spans;
use crate::analytics::trending::query::past_start;
use crate::analytics::{AnalyticsError, panes};
use crate::model::category::CategoryPath;
use crate::model::time::Timestamp;
use crate::store::found::Aggregated;
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

/// The field of sessions.
const SESSIONS_FIELD: &str = "sessions";

/// The range as everybody's searches and those of bots both are held of it.
///
/// # Errors
/// As [`Store::search`].
pub async fn held(store: &Store, range: Range) -> Result<Range, StoreError> {
    panes::held(store, &[&Schema::QUERY_STATS, &Schema::SUSPECT_QUERIES], range).await
}

/// What is asked for in order.
#[derive(Debug, Clone)]
pub struct Question {
    /// When the sessions began.
    pub range: Range,
    /// Queries or categories.
    pub scope: Scope,
    /// Which come first.
    pub sort: Sort,
    /// Most items of the answer.
    pub size: usize,
    /// Which of them.
    pub keys: Keys,
}

/// Which queries or categories are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Keys {
    /// All.
    Any,
    /// Those in which this stands.
    Containing(String),
    /// This one alone, with its course over the range.
    One(String),
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// How far the numbers reach.
    pub progress: Progress,
    /// Whether every suspect session could be told from bots'.
    pub bots_told_apart: bool,
    /// In order.
    pub items: Vec<Ranked>,
    /// The one that was asked for alone over the range, stretch by stretch; `None` where several were asked for.
    pub points: Option<Vec<Point>>,
}

/// Queries or categories in order, without bots.
///
/// # Errors
/// [`AnalyticsError::BadParameter`] for one category of which nobody searched anything and that the catalogue does not
/// have either; [`AnalyticsError::Store`].
pub async fn ranking(store: &Store, question: &Question) -> Result<Ranking, AnalyticsError> {
    let Question { range, scope, sort, .. } = *question;
    let before = range.before();
    let (progress, bots, keys) = try_join!(
        progress(store, SESSIONS),
        async { Ok(Bots::seen(store, before.from, range.to).await?) },
        async { Ok(keys_of(store, question).await?) },
    )?;
    let people = People { store, scope, bots: &bots };
    let points = match &question.keys {
        Keys::One(key) => Some(people.course(range, Some(key)).await?.points()),
        Keys::Any | Keys::Containing(_) => None,
    };
    if points.as_ref().is_some_and(|points| series::total(points).searches == 0) {
        refuse_unknown(store, question).await?;
    }
    let (now, before) = try_join!(
        people.tallies(range, &keys, sort.fields()),
        people.tallies(before, &keys, &[SESSIONS_FIELD]),
    )?;
    let mut items = ranked(now, &before, question);
    // All figures of the few that are shown.
    let keys: Vec<String> = items.iter().map(|item| item.row.key.clone()).collect();
    let figures = people.tallies(range, &keys, Tally::FIELDS).await?;
    for Row { key, tally, .. } in items.iter_mut().map(|item| &mut item.row) {
        *tally = figures.get(key).copied().unwrap_or(*tally);
    }
    Ok(Ranking { progress, bots_told_apart: !bots.is_cut, items, points })
}

/// The first of these in the order that is asked for, given their figures in the range before.
pub fn ranked(
    now: HashMap<String, Tally>,
    before: &HashMap<String, Tally>,
    &Question { range, sort, size, .. }: &Question,
) -> Vec<Ranked> {
    let sessions_before = |key: &str| before.get(key).map_or(0, |tally| tally.sessions);
    let row = |(key, tally): (String, Tally)| Row { sessions_before: sessions_before(&key), key, tally };
    let growth = range.length().as_seconds_f64() / range.before().length().as_seconds_f64();
    rank::rank(now.into_iter().map(row).collect(), sort, growth, size)
}

/// Refuses a category of which nothing is known, not even by the catalogue.
async fn refuse_unknown(store: &Store, question: &Question) -> Result<(), AnalyticsError> {
    match (&question.keys, question.scope) {
        (Keys::One(key), Scope::Category) => match CategoryPath::parse(key) {
            Ok(category) => known_or_refused(store, &category).await,
            Err(_) => Ok(()),
        },
        (Keys::One(_) | Keys::Any | Keys::Containing(_), _) => Ok(()),
    }
}

/// The keys that may be listed.
async fn keys_of(store: &Store, question: &Question) -> Result<Vec<String>, StoreError> {
    let Question { range, scope, sort, ref keys, .. } = *question;
    match keys {
        Keys::Any => candidates(store, range, scope, sort.measure(), None).await,
        Keys::Containing(text) => candidates(store, range, scope, sort.measure(), Some(text)).await,
        Keys::One(key) => Ok(vec![key.clone()]),
    }
}

/// The searches of the whole shop.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// How far the numbers reach.
    pub progress: Progress,
    /// Whether every suspect session could be told from bots'.
    pub bots_told_apart: bool,
    /// In the range.
    pub now: Tally,
    /// In the range before.
    pub before: Tally,
    /// What bots searched in the range.
    pub bots: Tally,
    /// The range, stretch by stretch.
    pub points: Vec<Point>,
    /// The filters, the most used first.
    pub filters: Vec<(String, Tally)>,
}

/// The searches of the whole shop, without bots.
///
/// # Errors
/// [`AnalyticsError::Store`].
pub async fn overview(store: &Store, range: Range) -> Result<Overview, AnalyticsError> {
    let earlier = range.before();
    let (progress, bots) =
        try_join!(progress(store, SESSIONS), async { Ok(Bots::seen(store, earlier.from, range.to).await?) })?;
    let people = People { store, scope: Scope::All, bots: &bots };
    let (course, before, before_of_bots, filters) = try_join!(
        people.course(range, None),
        whole(store, earlier, Of::Everybody),
        whole(store, earlier, Of::Bots(&bots)),
        filters(store, range, &bots),
    )?;
    let points = course.points();
    Ok(Overview {
        progress,
        bots_told_apart: !bots.is_cut,
        now: series::total(&points),
        before: before.without(&before_of_bots),
        bots: course.bots.values().fold(Tally::default(), |sum, tally| sum.and(tally)),
        points,
        filters,
    })
}

/// Queries that trend.
#[derive(Debug, Clone, PartialEq)]
pub struct Trends {
    /// How far the numbers reach.
    pub progress: Progress,
    /// Whether every suspect session could be told from bots'.
    pub bots_told_apart: bool,
    /// The greatest score first.
    pub listed: Vec<Listed>,
}

/// A query in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// What trends.
    pub trend: Trend,
    /// Its place in the whole list of the window before, from 1; `None` when it was not listed.
    pub rank_before: Option<usize>,
    /// All figures of the window.
    pub tally: Tally,
}

/// Queries that more sessions search for than usual, without bots, and how far the numbers reach.
///
/// # Errors
/// [`AnalyticsError::Store`].
pub async fn trends(store: &Store, window: Range, size: usize) -> Result<Trends, AnalyticsError> {
    let window_before = window.before();
    let (progress, bots) = try_join!(progress(store, SESSIONS), async {
        Ok(Bots::seen(store, past_start(window_before), window.to).await?)
    })?;
    let (mut trends, before) =
        try_join!(trending(store, window, &bots), trending(store, window_before, &bots))?;
    trends.truncate(size);
    let people = People { store, scope: Scope::Query, bots: &bots };
    let keys: Vec<String> = trends.iter().map(|trend| trend.key.clone()).collect();
    let figures = people.tallies(window, &keys, Tally::FIELDS).await?;
    Ok(Trends { progress, bots_told_apart: !bots.is_cut, listed: listed(trends, before, figures) })
}

/// These trends with their places among those of the window before, and with all their figures.
pub fn listed(trends: Vec<Trend>, before: Vec<Trend>, mut figures: HashMap<String, Tally>) -> Vec<Listed> {
    let places: HashMap<String, usize> = before.into_iter().map(|trend| trend.key).zip(1..).collect();
    let listed = trends.into_iter().map(|trend| Listed {
        rank_before: places.get(&trend.key).copied(),
        tally: figures.remove(&trend.key).unwrap_or_default(),
        trend,
    });
    listed.collect()
}

/// Everything that trends in a window, the greatest score first.
async fn trending(store: &Store, window: Range, bots: &Bots) -> Result<Vec<Trend>, StoreError> {
    let keys = candidates(store, window, Scope::Query, SESSIONS_FIELD, None).await?;
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let over_spans = async |of| {
        let body = body::over_spans(window, &keys, of);
        let found: Option<Spans> =
            ask(store, "count what was searched for before", of, window, &body).await?;
        Ok::<_, StoreError>(found.map(Spans::into_seen).unwrap_or_default())
    };
    let (all, of_bots) = try_join!(over_spans(Of::Everybody), over_spans(Of::Bots(bots)))?;
    Ok(all.without(&of_bots).rank(window))
}

/// The queries that everybody, bots too, searched for most in the last time, by what people searched.
///
/// # Errors
/// As [`Store::search`].
pub async fn popular(store: &Store, range: Range) -> Result<HashMap<String, Tally>, StoreError> {
    let range = held(store, range).await?;
    let (bots, keys) = try_join!(
        Bots::seen(store, range.from, range.to),
        candidates(store, range, Scope::Query, SESSIONS_FIELD, None),
    )?;
    let people = People { store, scope: Scope::Query, bots: &bots };
    people.tallies(range, &keys, &[SESSIONS_FIELD, "searches", "zero_results"]).await
}

async fn candidates(
    store: &Store,
    range: Range,
    scope: Scope,
    measure: &str,
    text: Option<&str>,
) -> Result<Vec<String>, StoreError> {
    let body = body::candidates(range, scope, measure, text);
    let found: Option<ByKey> =
        ask(store, "find the most frequent searches", Of::Everybody, range, &body).await?;
    Ok(found.into_iter().flat_map(ByKey::in_order).map(|(key, _)| key).collect())
}

/// Whose searches are added up: everybody's without those of bots.
struct People<'a> {
    store: &'a Store,
    scope: Scope,
    bots: &'a Bots,
}

impl People<'_> {
    async fn tallies(
        &self,
        range: Range,
        keys: &[String],
        fields: &[&str],
    ) -> Result<HashMap<String, Tally>, StoreError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let by_key = async |of| {
            let body = body::by_key(range, self.scope, &keys, fields, of);
            let found: Option<ByKey> = ask(self.store, "add searches up", of, range, &body).await?;
            Ok::<_, StoreError>(found.map(ByKey::by_key).unwrap_or_default())
        };
        let (everybody, of_bots) = try_join!(by_key(Of::Everybody), by_key(Of::Bots(self.bots)))?;
        Ok(without(everybody, &of_bots).collect())
    }

    /// What was searched over the range: all of the scope, or one key.
    async fn course(&self, range: Range, key: Option<&str>) -> Result<Course, StoreError> {
        let interval = Interval::of(range);
        // A point of the series must not be read from panes that are longer than it.
        let range = Range { rolled: range.rolled.up_to(interval.longest_pane()), ..range };
        let by_start = async |of| {
            let body = body::series(range, interval, self.scope, key, of);
            let found: Option<ByTime> =
                ask(self.store, "add searches up over time", of, range, &body).await?;
            Ok::<_, StoreError>(found.map(ByTime::by_start).unwrap_or_default())
        };
        let (everybody, bots) = try_join!(by_start(Of::Everybody), by_start(Of::Bots(self.bots)))?;
        Ok(Course { range, interval, everybody, bots })
    }
}

/// What was searched over a range, by the start of each stretch in which there is something.
struct Course {
    range: Range,
    interval: Interval,
    everybody: BTreeMap<Timestamp, Tally>,
    bots: BTreeMap<Timestamp, Tally>,
}

impl Course {
    /// Every stretch, without bots.
    fn points(&self) -> Vec<Point> {
        series::points(self.range, self.interval, &self.everybody, &self.bots)
    }
}

/// The filters that people set, the most used first.
async fn filters(store: &Store, range: Range, bots: &Bots) -> Result<Vec<(String, Tally)>, StoreError> {
    let by_key = async |of| {
        let found: Option<ByKey> = ask(store, "add filters up", of, range, &body::filters(range, of)).await?;
        Ok::<_, StoreError>(found.map(ByKey::by_key).unwrap_or_default())
    };
    let (everybody, of_bots) = try_join!(by_key(Of::Everybody), by_key(Of::Bots(bots)))?;
    Ok(in_order_of_use(without(everybody, &of_bots)))
}

/// The filters that somebody used, the most used first.
pub fn in_order_of_use(filters: impl IntoIterator<Item = (String, Tally)>) -> Vec<(String, Tally)> {
    let mut filters: Vec<_> = filters.into_iter().filter(|(_, tally)| tally.searches > 0).collect();
    filters.sort_by(|(a, of_a), (b, of_b)| of_b.searches.cmp(&of_a.searches).then_with(|| a.cmp(b)));
    filters
}

/// What is left of each without bots.
pub fn without(
    everybody: HashMap<String, Tally>,
    bots: &HashMap<String, Tally>,
) -> impl Iterator<Item = (String, Tally)> {
    everybody.into_iter().map(|(key, all)| {
        let people = bots.get(&key).map_or(all, |part| all.without(part));
        (key, people)
    })
}

async fn whole(store: &Store, range: Range, of: Of<'_>) -> Result<Tally, StoreError> {
    let found: Option<Tally> = ask(store, "add all searches up", of, range, &body::whole(range, of)).await?;
    Ok(found.unwrap_or_default())
}

/// One search for aggregations. An index that nobody has written yet is empty.
async fn ask<A: DeserializeOwned>(
    store: &Store,
    what: &'static str,
    of: Of<'_>,
    range: Range,
    body: &Value,
) -> Result<Option<A>, StoreError> {
    let kind = match of {
        Of::Bots(_) => &Schema::SUSPECT_QUERIES,
        Of::Everybody => &Schema::QUERY_STATS,
    };
    let indices = panes::indices(kind, range);
    let found: Aggregated<Option<A>> = store.search(what, &indices, Missing::IsEmpty, body).await?;
    Ok(found.aggregations)
}
