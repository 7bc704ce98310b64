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
pub mod kind;
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
use std::time::{Duration, Instant};

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
/// What names take this long to fill is worth to be read again.
const NAMES_GROW_FOR: Duration = Duration::from_secs(3_600);

/// The results in memory. Cheap to clone.
#[derive(Clone)]
pub struct Memory {
    results: Arc<Results>,
    tables: Arc<RwLock<Tables>>,
    recent: Arc<Mutex<Option<Following>>>,
    past: Arc<Mutex<Option<Following>>>,
    /// What all may take, in bytes.
    limit: usize,
    made_room: Arc<Mutex<MadeRoom>>,
}

/// What was left out when there was no room for all.
struct MadeRoom {
    /// How many shelves of the past.
    left_out: usize,
    /// When all was forgotten last.
    at: Instant,
}

impl Memory {
    /// Of the results in this store, of which at most so many MiB are held; nothing before they are read.
    pub fn new(store: Store, limit_mib: usize) -> Self {
        Self {
            results: Arc::new(Results::new(store)),
            tables: Arc::default(),
            recent: Arc::default(),
            past: Arc::default(),
            limit: limit_mib << 20,
            made_room: Arc::new(Mutex::new(MadeRoom { left_out: 0, at: Instant::now() })),
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
        let (epoch, were_ahead) =
            follow::look(&self.tables, |tables| (tables.epoch(), tables.rounds.were_ahead_of(now)));
        let goes_on = |known: &Following| known.follows(&results, epoch) && !were_ahead;
        let mut known = match (following.take().filter(goes_on), half) {
            (Some(known), _) => known,
            (None, Half::Recent) => Following::recent(results, self.forget_all()),
            (None, Half::Past) => self.begin_past(results, epoch).await?,
        };
        let read = known.round(&self.tables, self.limit, now).await;
        match (&read, half) {
            (Err(RoundError::TooMuch { .. }), Half::Recent) => self.make_room().await,
            (Err(RoundError::TooMuch { .. }), Half::Past) => {
                if let Some(shelf) = known.leave_out() {
                    follow::change(&self.tables, |tables| tables.forget_shelf(shelf));
                    *following = Some(known);
                    return Ok(());
                }
                follow::change(&self.tables, |tables| tables.forget_shelf(Shelf::Days));
            }
            _ => *following = Some(known),
        }
        read
    }

    /// To read what was before the last hours, once these are held.
    async fn begin_past(&self, results: Store, epoch: u64) -> Result<Following, RoundError> {
        if !follow::look(&self.tables, |tables| tables.rounds.are_of(&results)) {
            return Err(RoundError::Superseded);
        }
        let mut past = Following::past(results, epoch);
        for _ in 0..self.made_room.lock().await.left_out {
            let (half, limit) = (Half::Past, self.limit);
            past.leave_out().ok_or(RoundError::TooMuch { half, limit, at_first: true })?;
        }
        Ok(past)
    }

    /// Forgets all. Where that was done within the last hour, one shelf more of the past is left out: its names, which are only
    /// forgotten with all else, are too many to stand beside the last hours.
    async fn make_room(&self) {
        let mut made = self.made_room.lock().await;
        let is_soon = made.at.elapsed() < NAMES_GROW_FOR;
        // Where it is locked it is being read.
        let had_past = self.past.try_lock().map_or(true, |past| past.is_some());
        made.left_out = if is_soon { made.left_out + usize::from(had_past) } else { 0 };
        made.at = Instant::now();
        self.forget_all();
    }

    /// Begins another epoch, and gives its number.
    fn forget_all(&self) -> u64 {
        let (old, epoch) = follow::change(&self.tables, |tables| {
            let next = Tables::after(tables);
            let epoch = next.epoch();
            (std::mem::replace(tables, next), epoch)
        });
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
