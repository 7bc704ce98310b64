//! What searches know of synonyms and rules: at most a second old, and never in a search's way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::http::fresh::Fresh;
use crate::merchandising::{Merchandise, store};
use crate::store::{Store, StoreError};

/// How old it may get: with the time of a search, a change is seen within two seconds.
const AGE_MAX: Duration = Duration::from_secs(1);

/// The synonyms and rules of now, shared by all searches of a service.
#[derive(Clone)]
pub struct Live {
    store: Store,
    shared: Arc<Shared>,
}

struct Shared {
    fresh: Fresh<Arc<Merchandise>>,
    /// What was read last, for the time that Elasticsearch does not answer.
    last: Mutex<Arc<Merchandise>>,
}

impl Live {
    /// Nothing read yet.
    pub fn new(store: Store) -> Self {
        let shared = Shared { fresh: Fresh::new(AGE_MAX), last: Mutex::default() };
        Self { store, shared: Arc::new(shared) }
    }

    /// The synonyms and rules of now. Where they cannot be read, the last ones that could: a search without
    /// the latest rule is better than none.
    pub async fn now(&self) -> Arc<Merchandise> {
        let read = self.shared.fresh.get(read(&self.store)).await;
        let mut last = self.shared.last.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(merchandise) => *last = merchandise,
            Err(error) => tracing::warn!(%error, "synonyms and rules are those of before"),
        }
        Arc::clone(&last)
    }
}

async fn read(store: &Store) -> Result<Arc<Merchandise>, StoreError> {
    Ok(Arc::new(Merchandise::of(&store::read(store).await?.state)))
}
