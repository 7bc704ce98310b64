//! Tells an outage once, and its end once, however many writes it holds up.

use std::sync::atomic::Ordering;

use crate::store::{Store, metrics};

/// A write that Elasticsearch does not take now. Ends when it is dropped, also with a future that is given up.
pub struct Trouble<'a>(&'a Store);

impl<'a> Trouble<'a> {
    /// Counts the write in, and tells the outage if it is the first.
    pub fn begin(store: &'a Store, reason: &str) -> Self {
        let before = store.troubled.fetch_add(1, Ordering::Relaxed);
        metrics::held_up(before + 1);
        if before == 0 {
            let address = &*store.address;
            tracing::warn!(address, reason, "Elasticsearch does not take writes; retrying until it does");
        }
        Self(store)
    }
}

impl Drop for Trouble<'_> {
    fn drop(&mut self) {
        let before = self.0.troubled.fetch_sub(1, Ordering::Relaxed);
        metrics::held_up(before.saturating_sub(1));
        if before == 1 {
            tracing::info!(address = &*self.0.address, "Elasticsearch takes writes again");
        }
    }
}
