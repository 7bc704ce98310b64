//! Reads what is new of the results, round by round. The exchanges with Elasticsearch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::try_join;

use crate::analytics::bots::{self, Dismissed};
use crate::analytics::memory::Half;
use crate::analytics::memory::source::Source;
use crate::analytics::memory::tables::{PAST_REACH, REACH, Stated, Tables, minutes_from};
use crate::analytics::store::frontiers;
use crate::model::event::SESSION_MAX;
use crate::model::time::Timestamp;
use crate::rollup::Level;
use crate::rollup::state::State;
use crate::store::changes::Change;
use crate::store::schema::Schema;
use crate::store::{Store, StoreError};

/// Why a round failed.
#[derive(Debug, Error)]
pub enum RoundError {
    /// The exchange with Elasticsearch failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is more than may be held.
    #[error("results of the {} take more than {} MiB in memory", name(*.half), .limit >> 20)]
    TooMuch {
        /// Of which half.
        half: Half,
        /// What it may take, in bytes.
        limit: usize,
        /// Whether it was too much from the beginning.
        at_first: bool,
    },
    /// What is held has begun anew; so will the next round.
    #[error("what is held in memory has begun anew")]
    Superseded,
}

fn name(half: Half) -> &'static str {
    match half {
        Half::Recent => "last hours",
        Half::Past => "days before",
    }
}

/// The results of one generation, and how far one half of them has been read.
pub struct Following {
    half: Half,
    results: Store,
    /// Which tables they are read into.
    epoch: u64,
    products: Vec<Source>,
    suspect_products: Vec<Source>,
    searches: Vec<Source>,
    suspect_searches: Vec<Source>,
    funnels: Vec<Source>,
    signals: Source,
    has_hours: bool,
    is_first: bool,
}

impl Following {
    /// The last hours, from the beginning.
    pub fn recent(results: Store, epoch: u64) -> Self {
        Self::new(Half::Recent, results, epoch)
    }

    /// What was before, from the beginning.
    pub fn past(results: Store, epoch: u64) -> Self {
        Self::new(Half::Past, results, epoch)
    }

    fn new(half: Half, results: Store, epoch: u64) -> Self {
        let reach = match half {
            Half::Recent => REACH,
            Half::Past => PAST_REACH,
        };
        let panes = |minutes| Source::panes(minutes, half, reach);
        Self {
            half,
            results,
            epoch,
            products: panes(&Schema::PRODUCT_TRENDS),
            suspect_products: panes(&Schema::SUSPECT_PRODUCTS),
            searches: panes(&Schema::QUERY_STATS),
            suspect_searches: panes(&Schema::SUSPECT_QUERIES),
            funnels: panes(&Schema::CATEGORY_FUNNELS),
            signals: Source::new(&Schema::FRAUD_SIGNALS, "last_seen", reach + SESSION_MAX),
            has_hours: half == Half::Past,
            is_first: true,
        }
    }

    /// The same from the beginning, but for hours; `None` where they are left out already.
    pub fn without_hours(self) -> Option<Self> {
        let mut days = self.has_hours.then(|| Self::new(self.half, self.results, self.epoch))?;
        for sources in days.kinds_mut() {
            sources.retain(|source| source.level != Some(Level::Hour));
        }
        Some(Self { has_hours: false, ..days })
    }

    /// Whether these results are read into these tables, and go on being.
    pub fn follows(&self, results: &Store, epoch: u64) -> bool {
        self.results.name("") == results.name("") && self.epoch == epoch
    }

    /// Reads what was written since the last round. At most so many bytes are held.
    ///
    /// # Errors
    /// [`RoundError`]; the next round makes good for one that ended early.
    pub async fn round(
        &mut self,
        tables: &RwLock<Tables>,
        limit: usize,
        now: Timestamp,
    ) -> Result<(), RoundError> {
        let results = self.results.clone();
        let since = read(tables).since(now);
        let stated = Stated::read(&results, since, now).await?;
        if self.half == Half::Recent {
            let minutes = self.products.iter_mut().filter(|source| source.level.is_none());
            minutes.for_each(|source| source.reach = now - minutes_from(now, &stated.state));
        }
        let existing = self.existing(now).await?;
        let Self { half, epoch, is_first, .. } = *self;
        let round = Round { results: &results, tables, existing, now, half, epoch, limit, is_first };
        round.read_levels(&mut self.products, Tables::put_product).await?;
        round.read_levels(&mut self.suspect_products, Tables::put_suspect_product).await?;
        round.read_levels(&mut self.searches, Tables::put_search).await?;
        round.read_levels(&mut self.suspect_searches, Tables::put_suspect_search).await?;
        round.read_levels(&mut self.funnels, Tables::put_funnel).await?;
        round
            .read(&mut self.signals, &bots::of_rules(), |tables, change| tables.put_signal(half, change))
            .await?;
        let mut tables = round.tables()?;
        match half {
            Half::Recent => tables.end_recent(now, &results, stated),
            Half::Past => tables.end_past(now, stated, self.has_hours),
        }
        if std::mem::take(&mut self.is_first) {
            let (mib, with_hours) = (tables.bytes(half) >> 20, self.has_hours);
            tracing::info!(mib, with_hours, "the results of the {} are held in memory", name(half));
        }
        Ok(())
    }

    fn kinds_mut(&mut self) -> [&mut Vec<Source>; 5] {
        let products = [&mut self.products, &mut self.suspect_products];
        let [products, suspect_products] = products;
        [products, suspect_products, &mut self.searches, &mut self.suspect_searches, &mut self.funnels]
    }

    /// The indices that there are of all that is followed.
    async fn existing(&self, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        let products = self.products.iter().chain(&self.suspect_products);
        let searches = self.searches.iter().chain(&self.suspect_searches);
        let sources = products.chain(searches).chain(&self.funnels).chain([&self.signals]);
        let patterns: BTreeSet<String> = sources.flat_map(|source| source.patterns(now)).collect();
        self.results.existing(&patterns.into_iter().collect::<Vec<_>>()).await
    }
}

impl Stated {
    async fn read(results: &Store, since: Timestamp, now: Timestamp) -> Result<Self, StoreError> {
        let asked = Instant::now();
        let dismissed = Dismissed::seen(results, since, now);
        let (state, frontiers, dismissed) =
            try_join!(State::read(results), frontiers(results, None), dismissed)?;
        Ok(Self { asked, state, frontiers, dismissed })
    }
}

/// One round of reading.
struct Round<'a> {
    results: &'a Store,
    tables: &'a RwLock<Tables>,
    existing: BTreeMap<String, String>,
    now: Timestamp,
    half: Half,
    epoch: u64,
    limit: usize,
    is_first: bool,
}

impl Round<'_> {
    /// The tables, while they are those that are read into.
    fn tables(&self) -> Result<RwLockWriteGuard<'_, Tables>, RoundError> {
        let tables = write(self.tables);
        if tables.epoch() == self.epoch { Ok(tables) } else { Err(RoundError::Superseded) }
    }

    /// Reads what is new of the panes of one kind.
    async fn read_levels<S: DeserializeOwned>(
        &self,
        sources: &mut [Source],
        put: impl Fn(&mut Tables, Option<Level>, &Change<S>),
    ) -> Result<(), RoundError> {
        for source in sources {
            let level = source.level;
            let all = json!({ "match_all": {} });
            self.read(source, &all, |tables, change| put(tables, level, change)).await?;
        }
        Ok(())
    }

    /// Reads what is new of one kind: the documents whose time lies within its reach and that pass a filter.
    async fn read<S: DeserializeOwned>(
        &self,
        source: &mut Source,
        filter: &Value,
        put: impl Fn(&mut Tables, &Change<S>),
    ) -> Result<(), RoundError> {
        let indices = source.among(&self.existing, self.results, self.now);
        for index in source.marks.set_indices(indices) {
            self.tables()?.forget_index(self.half, &index);
        }
        let filter = source.filter(filter, self.now);
        let mut taken = Ok(());
        let read = self.results.each_change(&mut source.marks, &filter, |changes| {
            taken = self.take(&changes, &put);
            taken.is_ok()
        });
        read.await?;
        taken
    }

    fn take<S>(
        &self,
        changes: &[Change<S>],
        put: impl Fn(&mut Tables, &Change<S>),
    ) -> Result<(), RoundError> {
        let mut tables = self.tables()?;
        changes.iter().for_each(|change| put(&mut tables, change));
        tables.settle();
        if tables.bytes(self.half) > self.limit {
            let Self { half, limit, is_first: at_first, .. } = *self;
            return Err(RoundError::TooMuch { half, limit, at_first });
        }
        Ok(())
    }
}

/// To look at what is held.
pub fn read(tables: &RwLock<Tables>) -> RwLockReadGuard<'_, Tables> {
    tables.read().unwrap_or_else(PoisonError::into_inner)
}

/// To change what is held. After a panic here nobody reads on, so that it soon counts as too old.
pub fn write(tables: &RwLock<Tables>) -> RwLockWriteGuard<'_, Tables> {
    tables.write().unwrap_or_else(PoisonError::into_inner)
}
