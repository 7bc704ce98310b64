//! The endpoints of the analytics. The clock is read here and nowhere below.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use poem_openapi::param::Query;
use poem_openapi::payload::{EventStream, Json};
use poem_openapi::{OpenApi, Tags};

use crate::analytics::answers::{Funnels, Overview, Signals, Trending};
use crate::analytics::fraud::{self, Cursor, Signal};
use crate::analytics::range::Range;
use crate::analytics::stats::Stats;
use crate::analytics::tail::Tail;
use crate::analytics::{AnalyticsError, funnels, store, trending};
use crate::bus::Bus;
use crate::http::fresh::Fresh;
use crate::http::parameter::{self, BadParameter, Given};
use crate::http::problem::Failure;
use crate::model::category::CategoryPath;
use crate::model::money::Currency;
use crate::model::rules::Rule;
use crate::model::severity::Severity;
use crate::model::time::Timestamp;
use crate::review::{self, Status};
use crate::store::Store;

/// How long one answer of `/stats` serves all dashboards, each of which asks every 2 s.
const STATS_MAX_AGE: Duration = Duration::from_secs(1);

/// How often a stream without news shows that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How soon answers follow a change of generations.
const GENERATION_MAX_AGE: Duration = Duration::from_secs(1);

/// The endpoints of the analytics.
pub struct Api {
    store: Store,
    results: Fresh<Store>,
    currency: Currency,
    stats: Fresh<Stats>,
    tail: Tail,
}

#[derive(Tags)]
enum Tag {
    /// What the shop's numbers say.
    Analytics,
}

impl Api {
    /// The endpoints, answering from this store; its amounts are in this currency.
    pub fn new(store: Store, bus: Bus, currency: Currency) -> Self {
        Self {
            store,
            results: Fresh::new(GENERATION_MAX_AGE),
            currency,
            stats: Fresh::new(STATS_MAX_AGE),
            tail: Tail::new(bus),
        }
    }

    /// The results of the generation that readers see.
    async fn results(&self) -> Result<Store, AnalyticsError> {
        Ok(self.results.get(self.store.current_results()).await?)
    }
}

#[OpenApi(tag = "Tag::Analytics")]
impl Api {
    /// Lists products that are viewed more than they usually are.
    ///
    /// Counted are the last `minutes` full minutes and the one that runs. The score is
    /// z = (view sessions − expected) / √(expected + 1). Expected is the product's own rate in the time
    /// before: three times `minutes`, at least an hour, at most a day, or since the shop's first event
    /// where that is less. A product is listed from 3 view sessions and with a score over 0.
    /// Example: `/trending?minutes=10&category=electronics`.
    #[oai(path = "/trending", method = "get", operation_id = "trending")]
    async fn trending(
        &self,
        /// Length of the window.
        #[oai(default = "five_minutes", validator(minimum(value = "1"), maximum(value = "1440")))]
        minutes: Query<u32>,
        /// Products at most.
        #[oai(default = "ten", validator(minimum(value = "1"), maximum(value = "100")))]
        size: Query<usize>,
        /// Only products in this category, of any level, such as `electronics.audio`; `all` for the whole shop.
        category: Query<Given<String>>,
    ) -> Result<Json<Trending>, Failure> {
        let window = Range::last(minutes.0, Timestamp::now());
        let category = parse_category(category.0)?;
        let question = trending::Question { window, size: size.0, category };
        let (progress, trends) = store::trending(&self.results().await?, &question).await?;
        Ok(Json(Trending::new(window, self.currency, progress, trends)))
    }

    /// Says how far shoppers come: searched or viewed, viewed, put into the cart, purchased.
    ///
    /// Counted are the sessions that *began* in the last `minutes` full minutes and the one that runs,
    /// with all that they did since: a session that is still open may yet go on. Rates lead from step to
    /// step; `conversion` is purchased / entered.
    /// Example: `/funnels?minutes=60&category=electronics`.
    #[oai(path = "/funnels", method = "get", operation_id = "funnels")]
    async fn funnels(
        &self,
        /// Length of the range.
        #[oai(default = "an_hour", validator(minimum(value = "1"), maximum(value = "1440")))]
        minutes: Query<u32>,
        /// This category and those right below it, instead of the whole shop (`all`) and its departments.
        category: Query<Given<String>>,
    ) -> Result<Json<Funnels>, Failure> {
        let range = Range::last(minutes.0, Timestamp::now());
        let category = parse_category(category.0)?;
        let (progress, funnels) = store::funnels(&self.results().await?, range, category.as_ref()).await?;
        Ok(Json(Funnels::new(range, self.currency, progress, funnels)))
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
        let decisions = review::decisions(&self.store).await?;
        Ok(Json(store::signals(&self.results().await?, &question, &decisions).await?.into()))
    }

    /// Streams new fraud signals as server-sent events.
    ///
    /// Each case once, when it first holds, in the form of `/fraud`; what was before is not repeated. A comment line
    /// every 15 s keeps the connection open.
    #[oai(path = "/fraud/stream", method = "get", operation_id = "fraud_stream")]
    async fn fraud_stream(&self) -> EventStream<BoxStream<'static, Signal>> {
        EventStream::new(self.tail.listen().await.boxed()).keep_alive(KEEP_ALIVE)
    }

    /// Shows the shop at a glance.
    ///
    /// An answer is up to a second old. What nobody has written yet counts as 0.
    #[oai(path = "/stats", method = "get", operation_id = "stats")]
    async fn stats(&self) -> Result<Json<Overview>, Failure> {
        let results = self.results().await?;
        let stats = self.stats.get(store::stats(&results, Timestamp::now())).await?;
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
