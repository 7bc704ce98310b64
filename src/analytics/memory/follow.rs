//! Reads what is new of the results, round by round. The exchanges with Elasticsearch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use tokio::try_join;

use crate::analytics::bots::{self, Dismissed};
use crate::analytics::funnels::Sums;
use crate::analytics::memory::kind::Kind;
use crate::analytics::memory::panes::Row;
use crate::analytics::memory::products::Amount;
use crate::analytics::memory::rounds::{Stated, minutes_from};
use crate::analytics::memory::shelf::{Half, Shelf};
use crate::analytics::memory::source::Source;
use crate::analytics::memory::tables::Tables;
use crate::analytics::queries::tally::Tally;
use crate::analytics::store::frontiers;
use crate::model::event::SESSION_MAX;
use crate::model::time::Timestamp;
use crate::rollup::state::State;
use crate::store::changes::Change;
use crate::store::{Store, StoreError};

/// Why a round failed.
#[derive(Debug, Error)]
pub enum RoundError {
    /// The exchange with Elasticsearch failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is more than may be held.
    #[error("the results of the {} do not fit into {} MiB of memory", .half.name(), .limit >> 20)]
    TooMuch {
        /// Of which half.
        half: Half,
        /// What all may take, in bytes.
        limit: usize,
        /// Whether it was too much from the beginning.
        at_first: bool,
    },
    /// What is held has begun anew; so will the next round.
    #[error("what is held in memory has begun anew")]
    Superseded,
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
    /// What is read; what is dispensed with first comes last.
    shelves: Vec<Shelf>,
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
        let reach = half.reach();
        let panes = |kind, row| Source::panes(kind, half, reach, row);
        Self {
            half,
            results,
            epoch,
            products: panes(Kind::Products, size_of::<Row<(), Amount>>()),
            suspect_products: panes(Kind::SuspectProducts, size_of::<Row<u64, Amount>>()),
            searches: panes(Kind::Searches, size_of::<Row<(), Tally>>()),
            suspect_searches: panes(Kind::SuspectSearches, size_of::<Row<u64, Tally>>()),
            funnels: panes(Kind::Funnels, size_of::<Row<(), Sums>>()),
            signals: Source::signals(half, reach + SESSION_MAX),
            shelves: Shelf::of(half).to_vec(),
            is_first: true,
        }
    }

    /// Dispenses with a shelf; `None` where only one is left.
    pub fn leave_out(&mut self) -> Option<Shelf> {
        let [_, .., left_out] = *self.shelves else { return None };
        self.shelves.pop();
        for sources in self.kinds_mut() {
            sources.retain(|source| source.shelf != left_out);
        }
        tracing::warn!(
            ?left_out,
            "not all results fit into memory; Elasticsearch is asked for these (API_MEMORY_MB)"
        );
        Some(left_out)
    }

    /// Leaves out what cannot fit into so many bytes, which to read would take minutes.
    async fn leave_out_what_cannot_fit(&mut self, limit: usize, now: Timestamp) -> Result<(), StoreError> {
        while self.bytes(now).await? > limit && self.leave_out().is_some() {}
        Ok(())
    }

    async fn bytes(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut bytes = 0_usize;
        for source in self.panes() {
            bytes = bytes.saturating_add(source.bytes(&self.results, now).await?);
        }
        Ok(bytes)
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
        let stated = Stated::read(&results, now - self.half.reach(), now).await?;
        if self.half == Half::Recent {
            let minutes = self.products.iter_mut().filter(|source| source.shelf == Shelf::Minutes);
            minutes.for_each(|source| source.reach = now - minutes_from(now, &stated.state));
        }
        if self.is_first && self.half == Half::Past {
            let room = look(tables, |tables| tables.room_for_past(limit));
            self.leave_out_what_cannot_fit(room, now).await?;
        }
        let existing = self.existing(now).await?;
        let Self { half, epoch, is_first, .. } = *self;
        let round = Round { results: &results, tables, existing, now, half, epoch, limit, is_first };
        round.read_panes(&mut self.products, Tables::put_product).await?;
        round.read_panes(&mut self.suspect_products, Tables::put_suspect_product).await?;
        round.read_panes(&mut self.searches, Tables::put_search).await?;
        round.read_panes(&mut self.suspect_searches, Tables::put_suspect_search).await?;
        round.read_panes(&mut self.funnels, Tables::put_funnel).await?;
        round
            .read(&mut self.signals, &bots::of_rules(), |tables, change| tables.put_signal(half, change))
            .await?;
        let shelves = self.shelves.clone();
        let (mib, are_too_much) = round.change(|tables| {
            match half {
                Half::Recent => tables.end_recent(now, &results, stated),
                Half::Past => tables.end_past(now, stated, shelves),
            }
            (tables.rows(half) >> 20, tables.are_too_much(half, limit))
        })?;
        round.refuse(are_too_much)?;
        if std::mem::take(&mut self.is_first) {
            let shelves = &self.shelves;
            tracing::info!(mib, ?shelves, "the results of the {} are held in memory", half.name());
        }
        Ok(())
    }

    fn kinds_mut(&mut self) -> [&mut Vec<Source>; 5] {
        let Self { products, suspect_products, searches, suspect_searches, funnels, .. } = self;
        [products, suspect_products, searches, suspect_searches, funnels]
    }

    fn panes(&self) -> impl Iterator<Item = &Source> {
        let products = self.products.iter().chain(&self.suspect_products);
        products.chain(&self.searches).chain(&self.suspect_searches).chain(&self.funnels)
    }

    /// The indices that there are of all that is followed.
    async fn existing(&self, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        let sources = self.panes().chain([&self.signals]);
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
    /// Changes the tables, while they are those that are read into.
    fn change<T>(&self, by: impl FnOnce(&mut Tables) -> T) -> Result<T, RoundError> {
        change(self.tables, |tables| (tables.epoch() == self.epoch).then(|| by(tables)))
            .ok_or(RoundError::Superseded)
    }

    /// Reads what is new of the panes of one kind.
    async fn read_panes<S: DeserializeOwned>(
        &self,
        sources: &mut [Source],
        put: impl Fn(&mut Tables, Shelf, &Change<S>),
    ) -> Result<(), RoundError> {
        for source in sources {
            let (shelf, all) = (source.shelf, json!({ "match_all": {} }));
            self.read(source, &all, |tables, change| put(tables, shelf, change)).await?;
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
            self.change(|tables| tables.forget_index(self.half, &index))?;
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
        if changes.is_empty() {
            return Ok(());
        }
        let are_too_much = self.change(|tables| {
            changes.iter().for_each(|change| put(tables, change));
            tables.settle();
            tables.are_too_much(self.half, self.limit)
        })?;
        self.refuse(are_too_much)
    }

    fn refuse(&self, are_too_much: bool) -> Result<(), RoundError> {
        let Self { half, limit, is_first: at_first, .. } = *self;
        if are_too_much { Err(RoundError::TooMuch { half, limit, at_first }) } else { Ok(()) }
    }
}

/// Looks at what is held, once nobody changes it.
pub fn look<T>(tables: &RwLock<Tables>, at: impl FnOnce(&Tables) -> T) -> T {
    waiting(|| at(&tables.read().unwrap_or_else(PoisonError::into_inner)))
}

/// Changes what is held, once nobody is told anything. After a panic in there nobody reads on, so that it soon counts as
/// too old.
pub fn change<T>(tables: &RwLock<Tables>, by: impl FnOnce(&mut Tables) -> T) -> T {
    waiting(|| by(&mut tables.write().unwrap_or_else(PoisonError::into_inner)))
}

/// To tell of ninety days takes a while: no other task is to wait with this one.
fn waiting<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => block_in_place(work),
        _ => work(),
    }
}
