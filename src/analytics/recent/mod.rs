//! The results of the last hours in memory, as the cluster has them.
//!
//! At a thousand events a second a minute of `product-trends` has tens of thousands of documents, since nearly every
//! event is the only one of its product in its minute and partition. To add up the millions of an hour, and of the past
//! that it is compared with, takes Elasticsearch seconds, and tables in memory some hundredths of one. So the service reads
//! each document once it is written, and again when it has grown: [`follow`] asks every second for what has changed,
//! [`held`] is what that comes to, and `memory` of [`crate::analytics::trending`] and [`crate::analytics::queries`] add it
//! up. What they tell is what Elasticsearch would; where not all that a question needs is held, be it too old or the
//! service just started, Elasticsearch is asked.

pub mod follow;
pub mod held;
pub mod names;
pub mod panes;
pub mod products;
pub mod searches;
pub mod suspects;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::analytics::recent::follow::{Following, RoundError, write};
use crate::analytics::recent::held::Held;
use crate::analytics::results::Results;
use crate::model::time::Timestamp;
use crate::store::Store;

/// How long the service rests between two rounds of reading.
const PAUSE: Duration = Duration::from_secs(1);
/// How long it rests at most while it cannot read.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long it rests where there is more than may be held.
const PAUSE_WHEN_TOO_MUCH: Duration = Duration::from_secs(600);

/// The results of the last hours. Cheap to clone.
#[derive(Clone)]
pub struct Recent {
    results: Arc<Results>,
    held: Arc<RwLock<Held>>,
    following: Arc<Mutex<Option<Following>>>,
    /// Most memory for them, in MiB; 0 holds nothing.
    limit: usize,
}

impl Recent {
    /// Those in this store, of which at most so many MiB are held; nothing before they are read.
    pub fn new(store: Store, limit: usize) -> Self {
        let results = Arc::new(Results::new(store));
        Self { results, held: Arc::default(), following: Arc::default(), limit }
    }

    /// Keeps reading, until it is dropped.
    pub async fn keep_fresh(self) {
        if self.limit == 0 {
            return;
        }
        let mut pause = PAUSE;
        loop {
            match self.catch_up(Timestamp::now()).await {
                Ok(()) => pause = PAUSE,
                Err(error @ RoundError::TooMuch { at_first: true, .. }) => {
                    tracing::warn!(%error, "Elasticsearch is asked each time, which is slower (API_RECENT_MB)");
                    pause = PAUSE_WHEN_TOO_MUCH;
                }
                Err(error) => {
                    if pause == PAUSE {
                        tracing::warn!(%error, "the last hours' results are not at hand; reading on");
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Reads what was written since the last time; `now` says which hours are the last.
    ///
    /// # Errors
    /// [`RoundError`]. After [`RoundError::TooMuch`] nothing is held.
    pub async fn catch_up(&self, now: Timestamp) -> Result<(), RoundError> {
        let mut following = self.following.lock().await;
        let results = self.results.now().await?;
        let mut known = match following.take().filter(|known| known.follows(&results)) {
            Some(known) => known,
            None => {
                self.forget();
                Following::new(results)
            }
        };
        let read = known.round(&self.held, self.limit, now).await;
        if let Err(RoundError::TooMuch { .. }) = read {
            self.forget();
        } else {
            *following = Some(known);
        }
        read
    }

    fn forget(&self) {
        let held = std::mem::take(&mut *write(&self.held));
        // Millions of rows: nobody waits for it.
        drop(tokio::task::spawn_blocking(move || drop(held)));
    }

    /// What this gives, of what is held; `None` where it is not new enough, or not enough.
    pub async fn ask<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&Held) -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let held = Arc::clone(&self.held);
        let asked = tokio::task::spawn_blocking(move || {
            let held = held.read().unwrap_or_else(PoisonError::into_inner);
            held.is_fresh().then(|| answer(&held)).flatten()
        });
        // A panic in there is told by its hook; Elasticsearch answers then.
        asked.await.ok().flatten()
    }
}
