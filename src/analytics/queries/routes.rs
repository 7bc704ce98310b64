//! The endpoints of search analytics. The clock is read here and nowhere below.

use std::time::Duration;

use chrono::{DateTime, Utc};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Enum, OpenApi, Tags};

use crate::analytics::AnalyticsError;
use crate::analytics::memory::tables::Tables;
use crate::analytics::memory::{Memory, tell};
use crate::analytics::queries::answers::{Queries, SearchOverview, TrendingQueries};
use crate::analytics::queries::body::Scope;
use crate::analytics::queries::rank::Sort;
use crate::analytics::queries::store::{self, Keys, Overview, Question, Ranking, Trends};
use crate::analytics::range::{Asked, Range};
use crate::analytics::results::Results;
use crate::http::fresh::FreshBy;
use crate::http::parameter::{self, BadParameter, Given};
use crate::http::problem::Failure;
use crate::model::category::CategoryPath;
use crate::model::money::Currency;
use crate::model::query::normalised;
use crate::model::time::Timestamp;
use crate::store::Store;

/// How old an answer may be.
const MAX_AGE: Duration = Duration::from_secs(5);

/// The endpoints of search analytics.
pub struct Api {
    results: Results,
    memory: Memory,
    currency: Currency,
    queries: FreshBy<(Asked, Scope, Sort, usize, Keys), Queries>,
    overviews: FreshBy<Asked, SearchOverview>,
    trending: FreshBy<(u32, usize), TrendingQueries>,
}

#[derive(Tags)]
enum Tag {
    /// What the shop's numbers say.
    Analytics,
}

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum)]
#[oai(rename_all = "lowercase")]
enum Listed {
    /// Queries; those that differ in capitals and blanks are one.
    Query,
    /// Categories of every level.
    Category,
}

impl Api {
    /// The endpoints, answering from this store and from what is held of it; its amounts are in this currency.
    pub fn new(store: Store, memory: Memory, currency: Currency) -> Self {
        Self {
            results: Results::new(store),
            memory,
            currency,
            queries: FreshBy::new(MAX_AGE),
            overviews: FreshBy::new(MAX_AGE),
            trending: FreshBy::new(MAX_AGE),
        }
    }

    async fn ranking(&self, asked: Question) -> Result<(Question, Ranking), AnalyticsError> {
        let question = asked.clone();
        let tell = move |tables: &Tables| {
            let range = tell::searches::as_rolled_up(tables, question.range);
            let question = Question { range, ..question };
            let ranking = tell::searches::ranking(tables, &question)?;
            Some((question, ranking))
        };
        let ask = || async {
            let results = self.results.now().await?;
            let question = Question { range: store::held(&results, asked.range).await?, ..asked };
            let ranking = store::ranking(&results, &question).await?;
            Ok((question, ranking))
        };
        self.memory.tell_or(tell, ask).await
    }

    async fn overview_of(&self, asked: Range) -> Result<(Range, Overview), AnalyticsError> {
        let tell = move |tables: &Tables| {
            let range = tell::searches::as_rolled_up(tables, asked);
            Some((range, tell::searches::overview(tables, range)?))
        };
        let ask = || async {
            let results = self.results.now().await?;
            let range = store::held(&results, asked).await?;
            Ok((range, store::overview(&results, range).await?))
        };
        self.memory.tell_or(tell, ask).await
    }

    async fn trends(&self, asked: Range, size: usize) -> Result<(Range, Trends), AnalyticsError> {
        let tell = move |tables: &Tables| {
            let window = tell::searches::as_rolled_up(tables, asked);
            Some((window, tell::searches::trends(tables, window, size)?))
        };
        let ask = || async {
            let results = self.results.now().await?;
            let window = store::held(&results, asked).await?;
            Ok((window, store::trends(&results, window, size).await?))
        };
        self.memory.tell_or(tell, ask).await
    }
}

#[OpenApi(tag = "Tag::Analytics")]
impl Api {
    /// Lists queries or categories with what their searches came to.
    ///
    /// Counted are the searches of people, not of bots, in the sessions that *began* in the range, with all that these
    /// sessions did since; a click, an order or a refund counts for the search that led to the product. `top` sorts by
    /// searches, `revenue` by what was bought. `rising` sorts by z = (sessions − expected) / √(expected + 1) where expected
    /// are the sessions of the range before, from 3 sessions and a z of 2 on. `failing` sorts by the share of searches that
    /// found nothing or of which nothing was viewed, `refunded` by the share of units given back: by the lower end of
    /// Wilson's 95 % interval, from 5 searches or units on, so that few that failed by chance do not come first. Places are
    /// found among the 1,000 with the most searches, revenue or refunds.
    /// A category's searches are those filtered by it or one below it, and those that led to a view in it.
    /// With `query` or `category` the list has this one alone, if its score lets it be listed, and `series` shows its
    /// figures over time: by minutes in ranges of up to 3 hours, by hours up to a week, else by days in UTC.
    /// An answer is up to 5 s old. Example: `/analytics/queries?sort=failing&minutes=1440`, `/analytics/queries?query=laptop`.
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    #[oai(path = "/analytics/queries", method = "get", operation_id = "search_queries")]
    async fn queries(
        &self,
        /// Queries, which are listed without it, or categories.
        scope: Query<Given<Listed>>,
        /// What comes first; without it `top`.
        sort: Query<Given<Sort>>,
        /// The last so many minutes, and the one that runs; up to 90 days.
        #[oai(default = "an_hour", validator(minimum(value = "1"), maximum(value = "129600")))]
        minutes: Query<u32>,
        /// Instead of `minutes`: the first minute, such as `2026-11-21T10:00:00Z`.
        from: Query<Given<DateTime<Utc>>>,
        /// The first minute after the range; without it the range ends now.
        to: Query<Given<DateTime<Utc>>>,
        /// Items at most.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "100")))]
        size: Query<usize>,
        /// Only queries or paths in which this stands.
        #[oai(validator(max_length = 200))]
        q: Query<Option<String>>,
        /// Only this query, whatever `scope` says, with its `series`; capitals and blanks make no difference.
        #[oai(validator(max_length = 200))]
        query: Query<Given<String>>,
        /// Only this category, of any level, whatever `scope` says, with its `series`.
        category: Query<Given<String>>,
    ) -> Result<Json<Queries>, Failure> {
        let asked = Asked::new(minutes.0, from.0.0, to.0.0);
        let (scope, sort) = (scope.0.0.unwrap_or(Listed::Query), sort.0.0.unwrap_or(Sort::Top));
        let (scope, keys) = wanted(scope, q.0, query.0.0, parameter::category(category.0.0.as_deref())?)?;
        let range = asked.at(Timestamp::now())?;
        let key = (asked, scope, sort, size.0, keys.clone());
        let answer = self.queries.get(key, async {
            let question = Question { range, scope, sort, size: size.0, keys };
            let (question, ranking) = self.ranking(question).await?;
            Ok::<_, AnalyticsError>(Queries::new(&question, self.currency, ranking))
        });
        Ok(Json(answer.await?))
    }

    /// Shows what the searches of the whole shop came to, now, before, and over time.
    ///
    /// Counted are the searches of people, not of bots, in the sessions that *began* in the range, with all that these
    /// sessions did since. The series goes by minutes in ranges of up to 3 hours, by hours up to a week, else by days in
    /// UTC. An answer is up to 5 s old. Example: `/analytics/overview?minutes=1440`.
    #[oai(path = "/analytics/overview", method = "get", operation_id = "search_overview")]
    async fn overview(
        &self,
        /// The last so many minutes, and the one that runs; up to 90 days.
        #[oai(default = "an_hour", validator(minimum(value = "1"), maximum(value = "129600")))]
        minutes: Query<u32>,
        /// Instead of `minutes`: the first minute, such as `2026-11-21T10:00:00Z`.
        from: Query<Given<DateTime<Utc>>>,
        /// The first minute after the range; without it the range ends now.
        to: Query<Given<DateTime<Utc>>>,
    ) -> Result<Json<SearchOverview>, Failure> {
        let asked = Asked::new(minutes.0, from.0.0, to.0.0);
        let range = asked.at(Timestamp::now())?;
        let answer = self.overviews.get(asked, async {
            let (range, overview) = self.overview_of(range).await?;
            Ok::<_, AnalyticsError>(SearchOverview::new(range, self.currency, overview))
        });
        Ok(Json(answer.await?))
    }

    /// Lists queries that more sessions search for than usually do.
    ///
    /// Counted are the sessions of people, not of bots, that began in the last `minutes` full minutes and the one that runs.
    /// The score is z = (sessions − expected) / √(expected + 1), with what is expected as for `/trending`: the query's own
    /// decayed rate before, times how much busier than usual the shop is. A query is listed from 3 sessions and a score of
    /// 2 on. An answer is up to 5 s old. Example: `/trending/queries?minutes=10`.
    #[oai(path = "/trending/queries", method = "get", operation_id = "trending_queries")]
    async fn trending(
        &self,
        /// Length of the window.
        #[oai(default = "five_minutes", validator(minimum(value = "1"), maximum(value = "129600")))]
        minutes: Query<u32>,
        /// Queries at most.
        #[oai(default = "ten", validator(minimum(value = "1"), maximum(value = "100")))]
        size: Query<usize>,
    ) -> Result<Json<TrendingQueries>, Failure> {
        let window = Range::last(minutes.0, Timestamp::now());
        let answer = self.trending.get((minutes.0, size.0), async {
            let (window, trends) = self.trends(window, size.0).await?;
            Ok::<_, AnalyticsError>(TrendingQueries::new(window, self.currency, trends))
        });
        Ok(Json(answer.await?))
    }
}

/// What is asked for: one query, one category, or those of a scope in which a text stands.
fn wanted(
    scope: Listed,
    text: Option<String>,
    query: Option<String>,
    category: Option<CategoryPath>,
) -> Result<(Scope, Keys), BadParameter> {
    let normal = |text: String| Some(normalised(&text).into_owned()).filter(|text| !text.is_empty());
    let (text, query) = (text.and_then(normal), query.and_then(normal));
    let refused = |parameter, detail: &str| Err(BadParameter { parameter, detail: detail.to_owned() });
    match (query, category, text) {
        (Some(_), Some(_), _) => refused("category", "category must not be given with query"),
        (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            refused("q", "q must not be given with query or category")
        }
        (Some(query), None, None) => Ok((Scope::Query, Keys::One(query))),
        (None, Some(category), None) => Ok((Scope::Category, Keys::One(category.as_str().to_owned()))),
        (None, None, Some(text)) => Ok((scope.into(), Keys::Containing(text))),
        (None, None, None) => Ok((scope.into(), Keys::Any)),
    }
}

impl From<Listed> for Scope {
    fn from(listed: Listed) -> Self {
        match listed {
            Listed::Query => Self::Query,
            Listed::Category => Self::Category,
        }
    }
}

fn five_minutes() -> u32 {
    5
}

fn an_hour() -> u32 {
    60
}

fn ten() -> usize {
    10
}

fn twenty() -> usize {
    20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_query_or_one_category_is_asked_for_alone_whatever_the_scope() {
        let path = || CategoryPath::parse("home.chairs").ok();
        let text = |text: &str| Some(text.to_owned());
        let one = |key: &str| Keys::One(key.to_owned());
        let asked = |text, query, category| wanted(Listed::Query, text, query, category);
        assert_eq!(asked(None, text(" Red  SHOES"), None), Ok((Scope::Query, one("red shoes"))));
        assert_eq!(asked(text(" "), None, path()), Ok((Scope::Category, one("home.chairs"))));
        assert_eq!(asked(text("Shoe"), None, None), Ok((Scope::Query, Keys::Containing("shoe".to_owned()))));
        assert_eq!(asked(None, None, None), Ok((Scope::Query, Keys::Any)));
        assert_eq!(asked(None, text("shoes"), path()).unwrap_err().parameter, "category");
        assert_eq!(asked(text("shoe"), text("shoes"), None).unwrap_err().parameter, "q");
    }
}
