//! The results in memory, as the cluster has them.
//!
//! At a thousand events a second a minute of `product-trends` has tens of thousands of documents, since nearly every
//! event is the only one of its product in its minute and partition, and a day of a large shop has not many fewer. To add
//! up the millions of an hour, or of ninety days, and of the past that they are compared with, takes Elasticsearch
//! seconds, and tables in memory some hundredths of one. So the service reads each document once it is written, and again
//! when it has grown: [`follow`] asks for what has changed, [`tables`] is what that comes to, and [`tell`] adds it up. What
//! is told is what Elasticsearch would answer; where not all that a question needs is held, be it too much or the service
//! just started, Elasticsearch is asked.

pub mod follow;
pub mod funnels;
pub mod names;
pub mod panes;
pub mod products;
pub mod rounds;
pub mod searches;
pub mod shelf;
mod source;
pub mod suspects;
pub mod tables;
pub mod tell;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::analytics::memory::follow::{Following, RoundError};
use crate::analytics::memory::shelf::{Half, Shelf};
use crate::analytics::memory::tables::Tables;
use crate::analytics::results::Results;
use crate::model::time::Timestamp;
use crate::store::Store;

/// How long the service rests at most while it cannot read.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long it rests where there is more than may be held.
const PAUSE_WHEN_TOO_MUCH: Duration = Duration::from_secs(600);

/// The results in memory. Cheap to clone.
#[derive(Clone)]
pub struct Memory {
    results: Arc<Results>,
    tables: Arc<RwLock<Tables>>,
    recent: Arc<Mutex<Option<Following>>>,
    past: Arc<Mutex<Option<Following>>>,
    /// What each half may take, in bytes.
    limit: usize,
}

impl Memory {
    /// Of the results in this store, of which at most so many MiB are held; nothing before they are read.
    pub fn new(store: Store, limit_mib: usize) -> Self {
        Self {
            results: Arc::new(Results::new(store)),
            tables: Arc::default(),
            recent: Arc::default(),
            past: Arc::default(),
            limit: (limit_mib << 20) / 2,
        }
    }

    /// Keeps reading, until it is dropped.
    pub async fn keep_fresh(self) {
        tokio::join!(self.keep(Half::Recent), self.keep(Half::Past));
    }

    async fn keep(&self, half: Half) {
        let mut pause = half.pause();
        loop {
            match self.catch_up(half, Timestamp::now()).await {
                Ok(()) => pause = half.pause(),
                Err(RoundError::Superseded) => pause = Half::Recent.pause(),
                Err(error @ RoundError::TooMuch { at_first: true, .. }) => {
                    tracing::warn!(%error, "Elasticsearch is asked each time, which is slower (API_MEMORY_MB)");
                    pause = PAUSE_WHEN_TOO_MUCH;
                }
                Err(error) => {
                    if pause <= half.pause() {
                        tracing::warn!(%error, ?half, "results are not at hand in memory; reading on");
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Reads what was written since the last time; `now` says which hours are the last. Of the past nothing is read
    /// before the last hours were.
    ///
    /// # Errors
    /// [`RoundError`]. After [`RoundError::TooMuch`] of the last hours nothing is held; of the past that shelf is left out
    /// that can be dispensed with first.
    pub async fn catch_up(&self, half: Half, now: Timestamp) -> Result<(), RoundError> {
        let mut following = match half {
            Half::Recent => self.recent.lock().await,
            Half::Past => self.past.lock().await,
        };
        let results = self.results.now().await?;
        let epoch = follow::read(&self.tables).epoch();
        let mut known = match following.take().filter(|known| known.follows(&results, epoch)) {
            Some(known) => known,
            None => match half {
                Half::Recent => Following::recent(results, self.forget_all()),
                Half::Past if follow::read(&self.tables).rounds.are_of(&results) => {
                    Following::past(results, epoch)
                }
                Half::Past => return Err(RoundError::Superseded),
            },
        };
        let read = known.round(&self.tables, self.limit, now).await;
        match (&read, half) {
            (Err(RoundError::TooMuch { .. }), Half::Recent) => drop(self.forget_all()),
            (Err(RoundError::TooMuch { .. }), Half::Past) => {
                if let Some(shelf) = known.leave_out() {
                    follow::write(&self.tables).forget_shelf(shelf);
                    *following = Some(known);
                    return Ok(());
                }
                follow::write(&self.tables).forget_shelf(Shelf::Days);
            }
            _ => *following = Some(known),
        }
        read
    }

    /// Begins another epoch, and gives its number.
    fn forget_all(&self) -> u64 {
        let mut tables = follow::write(&self.tables);
        let next = Tables::after(&tables);
        let epoch = next.epoch();
        let old = std::mem::replace(&mut *tables, next);
        // Millions of rows: nobody waits for it.
        drop(tokio::task::spawn_blocking(move || drop(old)));
        epoch
    }

    /// What this tells of what is held; where that is not new enough, or not enough, what is asked for instead.
    ///
    /// # Errors
    /// Those of `ask`.
    pub async fn tell_or<T, E, F>(
        &self,
        tell: impl FnOnce(&Tables) -> Option<T> + Send + 'static,
        ask: impl FnOnce() -> F,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>>,
    {
        match self.tell(tell).await {
            Some(told) => Ok(told),
            // It is seldom needed and large.
            None => Box::pin(ask()).await,
        }
    }

    /// What this tells of what is held; `None` where that is not new enough, or not enough.
    pub async fn tell<T: Send + 'static>(
        &self,
        tell: impl FnOnce(&Tables) -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let tables = Arc::clone(&self.tables);
        let told = tokio::task::spawn_blocking(move || {
            let tables = tables.read().unwrap_or_else(PoisonError::into_inner);
            tables.rounds.are_fresh().then(|| tell(&tables)).flatten()
        });
        // A panic in there is told by its hook; Elasticsearch answers then.
        told.await.ok().flatten()
    }
}
