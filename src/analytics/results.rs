//! The results that readers see, of whichever generation.

use std::time::Duration;

use crate::http::fresh::Fresh;
use crate::store::{Store, StoreError};

/// How soon answers follow a change of generations.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The results that readers see.
pub struct Results {
    store: Store,
    current: Fresh<Store>,
}

impl Results {
    /// Those in this store.
    pub fn new(store: Store) -> Self {
        Self { store, current: Fresh::new(MAX_AGE) }
    }

    /// Those of the generation that is shown now.
    ///
    /// # Errors
    /// As [`Store::current_results`].
    pub async fn now(&self) -> Result<Store, StoreError> {
        self.current.get(self.store.current_results()).await
    }
}
