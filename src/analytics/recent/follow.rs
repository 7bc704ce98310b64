//! Reads what is new of the results, round by round. The exchanges with Elasticsearch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use std::time::Instant;

use chrono::TimeDelta;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::try_join;

use crate::analytics::bots::{self, Dismissed};
use crate::analytics::recent::held::{Held, REACH, Stated, minutes_from};
use crate::analytics::store::frontiers;
use crate::model::event::SESSION_MAX;
use crate::model::time::{DAY_MS, Timestamp};
use crate::rollup::state::State;
use crate::rollup::{self, Level};
use crate::store::changes::{Change, Marks};
use crate::store::schema::Schema;
use crate::store::{Store, StoreError};

/// Names are only forgotten all together: after so many rounds everything is read anew, which is once a day.
const ROUNDS_MAX: u32 = 86_400;

/// Why a round failed.
#[derive(Debug, Error)]
pub enum RoundError {
    /// The exchange with Elasticsearch failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is more of the last hours than may be held.
    #[error("the last hours' results take more than {limit} MiB")]
    TooMuch {
        /// What may be held.
        limit: usize,
        /// Whether it was too much from the beginning.
        at_first: bool,
    },
}

/// One kind of documents that is followed.
struct Source {
    schema: &'static Schema,
    /// `None` for minutes.
    level: Option<Level>,
    /// The field with the time of a document.
    time: &'static str,
    /// How far back.
    reach: TimeDelta,
    marks: Marks,
}

impl Source {
    /// The minutes of a kind, and the longer panes but for days.
    fn panes(minutes: &'static Schema) -> Vec<Self> {
        let longer = rollup::levels(minutes).filter(|(level, _)| *level < Level::Day);
        let all = [(None, minutes)].into_iter().chain(longer.map(|(level, schema)| (Some(level), schema)));
        let source =
            |(level, schema)| Self { schema, level, time: "minute", reach: REACH, marks: Marks::default() };
        all.map(source).collect()
    }

    /// The indices, without prefix, that may hold something.
    fn names(&self, now: Timestamp) -> BTreeSet<String> {
        let last = now + TimeDelta::days(1);
        let mut at = now - self.reach;
        let mut names = BTreeSet::new();
        while at <= last {
            names.insert(self.schema.index_at(at));
            at = Timestamp::from_millis(at.millis() + DAY_MS);
        }
        names
    }
}

/// The results of one generation, and how far they have been read.
pub struct Following {
    results: Store,
    products: Vec<Source>,
    suspect_products: Vec<Source>,
    searches: Vec<Source>,
    suspect_searches: Vec<Source>,
    signals: Source,
    rounds: u32,
}

impl Following {
    /// From the beginning.
    pub fn new(results: Store) -> Self {
        Self {
            results,
            products: Source::panes(&Schema::PRODUCT_TRENDS),
            suspect_products: Source::panes(&Schema::SUSPECT_PRODUCTS),
            searches: Source::panes(&Schema::QUERY_STATS),
            suspect_searches: Source::panes(&Schema::SUSPECT_QUERIES),
            signals: Source {
                schema: &Schema::FRAUD_SIGNALS,
                level: None,
                time: "last_seen",
                reach: REACH + SESSION_MAX,
                marks: Marks::default(),
            },
            rounds: 0,
        }
    }

    /// Whether these results are followed, and go on being.
    pub fn follows(&self, results: &Store) -> bool {
        self.results.name("") == results.name("") && self.rounds < ROUNDS_MAX
    }

    /// Reads what was written since the last round. At most so many MiB are held.
    ///
    /// # Errors
    /// [`RoundError`]; the next round makes good for one that ended early.
    pub async fn round(
        &mut self,
        held: &RwLock<Held>,
        limit: usize,
        now: Timestamp,
    ) -> Result<(), RoundError> {
        let results = self.results.clone();
        let stated = Stated::read(&results, now).await?;
        let existing = self.existing(now).await?;
        let minutes = self.products.iter_mut().filter(|source| source.level.is_none());
        minutes.for_each(|source| source.reach = now - minutes_from(now, &stated.state));
        let round = Round { results: &results, held, existing, now, limit, is_first: self.rounds == 0 };
        round.read_levels(&mut self.products, Held::put_product).await?;
        round.read_levels(&mut self.suspect_products, Held::put_suspect_product).await?;
        round.read_levels(&mut self.searches, Held::put_search).await?;
        round.read_levels(&mut self.suspect_searches, Held::put_suspect_search).await?;
        round.read(&mut self.signals, &bots::of_rules(), Held::put_signal).await?;
        self.rounds += 1;
        let mut held = write(held);
        held.end_round(now, &results, stated);
        if self.rounds == 1 {
            let mib = held.bytes() >> 20;
            tracing::info!(mib, "the last hours' results are held in memory");
        }
        Ok(())
    }

    /// The indices that there are of all that is followed.
    async fn existing(&self, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        let products = self.products.iter().chain(&self.suspect_products);
        let searches = self.searches.iter().chain(&self.suspect_searches);
        let sources = products.chain(searches).chain([&self.signals]);
        let names: BTreeSet<String> = sources.flat_map(|source| source.names(now)).collect();
        self.results.existing(&names.into_iter().collect::<Vec<_>>()).await
    }
}

impl Stated {
    async fn read(results: &Store, now: Timestamp) -> Result<Self, StoreError> {
        let asked = Instant::now();
        let dismissed = Dismissed::seen(results, now - REACH, now);
        let (state, frontiers, dismissed) =
            try_join!(State::read(results), frontiers(results, None), dismissed)?;
        Ok(Self { asked, state, frontiers, dismissed })
    }
}

/// One round of reading.
struct Round<'a> {
    results: &'a Store,
    held: &'a RwLock<Held>,
    existing: BTreeMap<String, String>,
    now: Timestamp,
    limit: usize,
    is_first: bool,
}

impl Round<'_> {
    /// Reads what is new of the panes of one kind.
    async fn read_levels<S: DeserializeOwned>(
        &self,
        sources: &mut [Source],
        put: impl Fn(&mut Held, Option<Level>, &Change<S>),
    ) -> Result<(), RoundError> {
        for source in sources {
            let level = source.level;
            let all = json!({ "match_all": {} });
            self.read(source, &all, |held, change| put(held, level, change)).await?;
        }
        Ok(())
    }

    /// Reads what is new of one kind: the documents whose time lies within its reach and that pass a filter.
    async fn read<S: DeserializeOwned>(
        &self,
        source: &mut Source,
        filter: &Value,
        put: impl Fn(&mut Held, &Change<S>),
    ) -> Result<(), RoundError> {
        let names = source.names(self.now);
        let full: BTreeSet<String> = names.iter().map(|name| self.results.name(name)).collect();
        let existing = self.existing.iter().filter(|(name, _)| full.contains(*name));
        let gone = source.marks.set_indices(existing.map(|(name, id)| (name.clone(), id.clone())).collect());
        for index in gone {
            write(self.held).forget_index(&index);
        }
        let filter = json!({ "bool": { "filter": [
            filter,
            { "range": { (source.time): { "gte": self.now - source.reach } } },
        ] } });
        let mut is_too_much = false;
        let read = self.results.each_change(&mut source.marks, &filter, |changes| {
            let mut held = write(self.held);
            changes.iter().for_each(|change| put(&mut held, change));
            is_too_much |= held.bytes() > self.limit << 20;
            !is_too_much
        });
        read.await?;
        if is_too_much {
            return Err(RoundError::TooMuch { limit: self.limit, at_first: self.is_first });
        }
        Ok(())
    }
}

/// To change what is held. After a panic here nobody reads on, so that it soon counts as too old.
pub fn write(held: &RwLock<Held>) -> RwLockWriteGuard<'_, Held> {
    held.write().unwrap_or_else(PoisonError::into_inner)
}
