//! What the panes in memory are of.

use crate::analytics::memory::shelf::Shelf;
use crate::store::schema::Schema;

/// What panes are of: of what happened, everybody's or suspect sessions' own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What everybody did with products.
    Products,
    /// What each suspect session did with them.
    SuspectProducts,
    /// What everybody searched.
    Searches,
    /// What each suspect session searched.
    SuspectSearches,
    /// How far sessions came in each category.
    Funnels,
}

impl Kind {
    /// What its minutes are stored as.
    pub fn minutes(self) -> &'static Schema {
        match self {
            Self::Products => &Schema::PRODUCT_TRENDS,
            Self::SuspectProducts => &Schema::SUSPECT_PRODUCTS,
            Self::Searches => &Schema::QUERY_STATS,
            Self::SuspectSearches => &Schema::SUSPECT_QUERIES,
            Self::Funnels => &Schema::CATEGORY_FUNNELS,
        }
    }

    /// Whether a shelf has panes of it.
    pub fn stands_on(self, shelf: Shelf) -> bool {
        shelf != Shelf::OldMinutes || matches!(self, Self::Products | Self::SuspectProducts)
    }
}
