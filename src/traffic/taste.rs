//! What somebody likes: it stays the same over all their visits.

/// What somebody likes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taste {}
