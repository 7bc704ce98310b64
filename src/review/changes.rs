//! How often this service has changed a case: what was known before the last change is out of date.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts changes. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Changes(Arc<AtomicU64>);

impl Changes {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Counts one; the change must be visible to searches by now.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}
