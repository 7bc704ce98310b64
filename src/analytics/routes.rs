//! The endpoints of the analytics. The clock is read here and nowhere below.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use poem_openapi::param::Query;
use poem_openapi::payload::{EventStream, Json};
use poem_openapi::{OpenApi, Tags};

use crate::analytics::answers::{Overview, Signals};
use crate::analytics::decided::Known;
use crate::analytics::fraud::{self, Cursor, Signal};
use crate::analytics::funnels::answer::Funnels;
use crate::analytics::funnels::{self, Source};
use crate::analytics::memory::tables::Tables;
use crate::analytics::memory::{Memory, tell};
use crate::analytics::range::{Asked, Range};
use crate::analytics::results::Results;
use crate::analytics::stats::Stats;
use crate::analytics::tail::Tail;
use crate::analytics::trending::answer::{Trending, TrendingCategories};
use crate::analytics::trending::store::Trends;
use crate::analytics::trending::{self, Among, Measure};
use crate::analytics::{AnalyticsError, panes, store};
use crate::bus::Bus;
use crate::http::fresh::{Fresh, FreshBy};
use crate::http::parameter::{self, BadParameter, Given};
use crate::http::problem::Failure;
use crate::model::category::CategoryPath;
use crate::model::money::Currency;
use crate::model::rules::Rule;
use crate::model::severity::Severity;
use crate::model::time::Timestamp;
use crate::review::{Changes, Status};
use crate::store::Store;
use crate::store::schema::Schema;

/// How long one answer of `/stats` serves all dashboards, each of which asks every 2 s.
const STATS_MAX_AGE: Duration = Duration::from_secs(1);

/// How long an answer serves all who ask the same.
const ANSWER_MAX_AGE: Duration = Duration::from_secs(5);

/// How often a stream without news shows that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The endpoints of the analytics.
pub struct Api {
    results: Results,
    memory: Memory,
    currency: Currency,
    trending: FreshBy<trending::Question, Trending>,
    categories: FreshBy<trending::Question, TrendingCategories>,
    funnels: FreshBy<funnels::Question, Funnels>,
    stats: Fresh<Stats>,
    decided: Known,
    tail: Tail,
}

#[derive(Tags)]
enum Tag {
    /// What the shop's numbers say.
    Analytics,
}

impl Api {
    /// The endpoints, answering from this store and from what is held of it; its amounts are in this currency. What is
    /// decided by these changes shows at once.
    pub fn new(store: Store, bus: Bus, memory: Memory, currency: Currency, changes: Changes) -> Self {
        Self {
            results: Results::new(store.clone()),
            memory,
            currency,
            trending: FreshBy::new(ANSWER_MAX_AGE),
            categories: FreshBy::new(ANSWER_MAX_AGE),
            funnels: FreshBy::new(ANSWER_MAX_AGE),
            stats: Fresh::new(STATS_MAX_AGE),
            decided: Known::new(changes),
            tail: Tail::new(bus, store),
        }
    }

    /// What trends, in which window of which results.
    async fn trends(&self, question: &trending::Question) -> Result<(Store, Range, Trends), AnalyticsError> {
        let (now, asked) = (Timestamp::now(), question.clone());
        let tell = move |tables: &Tables| {
            let (window, trends) = tell::trends::trends(tables, &asked, now)?;
            Some((tables.rounds.results()?.clone(), window, trends))
        };
        let ask = || async {
            let (results, asked) = (self.results.now().await?, Range::last(question.minutes, now));
            let window = panes::held(&results, &[&Schema::PRODUCT_TRENDS], asked).await?;
            let trends = trending::store::trends(&results, question, window).await?;
            Ok((results, window, trends))
        };
        self.memory.tell_or(tell, ask).await
    }

    async fn trending_products(&self, question: &trending::Question) -> Result<Trending, AnalyticsError> {
        let (results, window, trends) = self.trends(question).await?;
        let shown = trending::store::shown(&results, &trends.listed).await?;
        Ok(Trending::new(window, question.by, self.currency, trends, shown))
    }

    async fn trending_below(
        &self,
        question: &trending::Question,
    ) -> Result<TrendingCategories, AnalyticsError> {
        let (_, window, trends) = self.trends(question).await?;
        Ok(TrendingCategories::new(window, question.by, self.currency, trends))
    }

    async fn funnels_of(&self, question: &funnels::Question) -> Result<Funnels, AnalyticsError> {
        let asked = question.asked.at(Timestamp::now())?;
        let category = question.category.clone();
        let tell = move |tables: &Tables| tell::funnels::funnels(tables, asked, category.as_ref());
        let ask = || async {
            let results = self.results.now().await?;
            let range = panes::held(&results, &[&Schema::CATEGORY_FUNNELS], asked).await?;
            let found = funnels::store::funnels(&results, range, question.category.as_ref()).await?;
            Ok::<_, AnalyticsError>((range, found))
        };
        let (range, found) = self.memory.tell_or(tell, ask).await?;
        Ok(Funnels::new(range, self.currency, question.source, found))
    }
}

#[OpenApi(tag = "Tag::Analytics")]
impl Api {
    /// Lists products that get more attention than they usually do.
    ///
    /// Counted are the last `minutes` full minutes and the one that runs, without bots. A session counts once for each
    /// minute in which it did what `by` says. The score is z = (sessions − expected) / √(expected + 1). Expected is the
    /// product's own rate before, times the length of the window, times how much busier than usual the whole shop is (at
    /// least 1). The rate is decayed: the four half-lives before the window are cut into spans of ½, ½, 1 and 2 half-lives that weigh
    /// 2^(−age of the middle / half-life); the half-life is an hour, or the window's length where that is more. Time before the shop's first event does not
    /// count. A product is listed from 3 sessions and a score of 2; the 2,000 products with most sessions are looked at.
    /// By `revenue` the score is that of purchases, and the list is ordered by revenue. An answer is up to 5 s old.
    /// Example: `/trending?minutes=10&category=electronics&by=purchases`.
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    #[oai(path = "/trending", method = "get", operation_id = "trending")]
    async fn trending(
        &self,
        /// Length of the window.
        #[oai(default = "five_minutes", validator(minimum(value = "1"), maximum(value = "129600")))]
        minutes: Query<u32>,
        /// Products at most.
        #[oai(default = "ten", validator(minimum(value = "1"), maximum(value = "100")))]
        size: Query<usize>,
        /// What is counted; without it views.
        by: Query<Given<Measure>>,
        /// Only products in this category, of any level, such as `electronics.audio`; `all` for the whole shop.
        category: Query<Given<String>>,
        /// Only products of this maker, spelled as in the catalogue.
        #[oai(validator(max_length = 200))]
        brand: Query<Given<String>>,
    ) -> Result<Json<Trending>, Failure> {
        let (category, brand) = (parse_category(category.0)?, brand.0.0);
        let by = by.0.0.unwrap_or_default();
        let among = Among::Products { category, brand };
        let question = trending::Question { minutes: minutes.0, size: size.0, by, among };
        let answer = self.trending.get(question.clone(), self.trending_products(&question));
        Ok(Json(answer.await?))
    }

    /// Lists categories that get more attention than they usually do.
    ///
    /// As `/trending`, with the sessions of a category's products added up. Without `level` those right below `category`,
    /// which are the departments when there is none. An answer is up to 5 s old.
    /// Example: `/trending/categories?minutes=60&category=electronics`.
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    #[oai(path = "/trending/categories", method = "get", operation_id = "trending_categories")]
    async fn trending_categories(
        &self,
        /// Length of the window.
        #[oai(default = "five_minutes", validator(minimum(value = "1"), maximum(value = "129600")))]
        minutes: Query<u32>,
        /// Categories at most.
        #[oai(default = "ten", validator(minimum(value = "1"), maximum(value = "100")))]
        size: Query<usize>,
        /// What is counted; without it views.
        by: Query<Given<Measure>>,
        /// Only categories below this one; `all` for the whole shop.
        category: Query<Given<String>>,
        /// How deep they lie: 1 for departments.
        #[oai(validator(minimum(value = "1"), maximum(value = "6")))]
        level: Query<Given<usize>>,
    ) -> Result<Json<TrendingCategories>, Failure> {
        let among = Among::categories(parse_category(category.0)?, level.0.0)?;
        let by = by.0.0.unwrap_or_default();
        let question = trending::Question { minutes: minutes.0, size: size.0, by, among };
        let answer = self.categories.get(question.clone(), self.trending_below(&question));
        Ok(Json(answer.await?))
    }

    /// Says how far shoppers come: searched or viewed, viewed, put into the cart, purchased.
    ///
    /// Counted are the sessions that *began* in the last `minutes` full minutes and the one that runs, or between `from` and `to`,
    /// with all that they did since: a session that is still open may yet go on (`complete`). Each step counts only after the one
    /// before, in order of time. Rates lead from step to step; `conversion` is purchased / entered. Each funnel is compared with that of
    /// the range before, which is as long. Bots' sessions are counted. An answer is up to 5 s old.
    /// Example: `/funnels?minutes=60&category=electronics&source=search`.
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    #[oai(path = "/funnels", method = "get", operation_id = "funnels")]
    async fn funnels(
        &self,
        /// Length of the range, where no `from` is given.
        #[oai(default = "an_hour", validator(minimum(value = "1"), maximum(value = "129600")))]
        minutes: Query<u32>,
        /// Beginning of the range, such as `2026-11-21T09:00:00Z`; cut to its minute, at most 90 days before its end.
        from: Query<Given<DateTime<Utc>>>,
        /// End of the range; cut to its minute, which is not counted. Without it the time of asking.
        to: Query<Given<DateTime<Utc>>>,
        /// This category and those right below it, instead of the whole shop (`all`) and its departments.
        category: Query<Given<String>>,
        /// Only sessions that came by a search, or only those that came by browsing.
        source: Query<Given<Source>>,
    ) -> Result<Json<Funnels>, Failure> {
        let asked = Asked::new(minutes.0, from.0.0, to.0.0);
        let category = parse_category(category.0)?;
        let question = funnels::Question { asked, category, source: source.0.0 };
        let answer = self.funnels.get(question.clone(), self.funnels_of(&question));
        Ok(Json(answer.await?))
    }

    /// Lists fraud signals, the last seen first.
    ///
    /// A signal is one case: a rule that one user or visit broke. It grows while events of the case come
    /// in, and then moves to the front of the list. Cases that later events refuted are not shown.
    /// Example: `/fraud?severity=high&size=50`.
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    #[oai(path = "/fraud", method = "get", operation_id = "fraud")]
    async fn fraud(
        &self,
        /// Only cases that bad.
        severity: Query<Given<Severity>>,
        /// Only cases of this rule.
        rule: Query<Given<Rule>>,
        /// Only cases that stand there; without it all but the dismissed ones, and others of the same rule and visitor
        /// while they are to be quiet.
        status: Query<Given<Status>>,
        /// Signals on a page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "100")))]
        size: Query<usize>,
        /// The `next_cursor` of the page before, with the same filters.
        cursor: Query<Given<String>>,
    ) -> Result<Json<Signals>, Failure> {
        let (Given(severity), Given(rule), Given(status)) = (severity.0, rule.0, status.0);
        let after = cursor.0.0.as_deref().map(Cursor::decode).transpose()?;
        let question = fraud::Question { severity, rule, status, size: size.0, after };
        Ok(Json(store::signals(&self.results.now().await?, &question, &self.decided).await?.into()))
    }

    /// Streams new fraud signals as server-sent events.
    ///
    /// Each case once, when it first holds, in the form of `/fraud`; what was before is not repeated. What `/fraud` does
    /// not list without `status` is not told: dismissed cases, and others of the same rule and visitor while they are to
    /// be quiet. A comment line every 15 s keeps the connection open.
    #[oai(path = "/fraud/stream", method = "get", operation_id = "fraud_stream")]
    async fn fraud_stream(&self) -> EventStream<BoxStream<'static, Signal>> {
        EventStream::new(self.tail.listen().await.boxed()).keep_alive(KEEP_ALIVE)
    }

    /// Shows the shop at a glance.
    ///
    /// An answer is up to a second old. What nobody has written yet counts as 0.
    #[oai(path = "/stats", method = "get", operation_id = "stats")]
    async fn stats(&self) -> Result<Json<Overview>, Failure> {
        let results = self.results.now().await?;
        let stats = self.stats.get(store::stats(&results, Timestamp::now(), &self.decided)).await?;
        Ok(Json(Overview::new(&stats, self.currency)))
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

/// The category asked for; none for [`funnels::ROOT`], which stands for the whole shop.
fn parse_category(category: Given<String>) -> Result<Option<CategoryPath>, BadParameter> {
    parameter::category(category.0.as_deref().filter(|text| *text != funnels::ROOT))
}

impl From<AnalyticsError> for Failure {
    fn from(error: AnalyticsError) -> Self {
        match error {
            AnalyticsError::BadParameter(bad) => bad.into(),
            AnalyticsError::Store(error) => error.into(),
        }
    }
}
