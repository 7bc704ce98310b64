//! Since when documents are still there, for older ones are dropped with their indices, and until when they are rolled
//! up: as the index `rollups` states.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::model::event::door::AGE_MAX;
use crate::model::time::Timestamp;
use crate::store::schema::Schema;
use crate::store::{Store, StoreError, Stored};

/// By kind of index, since when its documents are held, and until when those of longer spans are there.
#[derive(Debug, Clone)]
pub struct Held {
    /// None of an earlier time is accepted.
    oldest: Timestamp,
    by_index: BTreeMap<String, Timestamp>,
    rolled: BTreeMap<String, Timestamp>,
}

#[derive(Deserialize)]
struct Statement {
    index: String,
    held_from: Option<Timestamp>,
    rolled_until: Option<Timestamp>,
}

impl Held {
    /// Where nothing was dropped or rolled up.
    pub fn at(now: Timestamp) -> Self {
        Self { oldest: now - AGE_MAX, by_index: BTreeMap::new(), rolled: BTreeMap::new() }
    }

    /// Reads what was dropped and rolled up by `now`.
    ///
    /// # Errors
    /// As [`Store::each_document`].
    pub async fn read(store: &Store, now: Timestamp) -> Result<Self, StoreError> {
        let index = Schema::ROLLUPS.name;
        let mut held = Self::at(now);
        let mut unreadable = None;
        let take = |stored: Stored| match serde_json::from_value(stored.source) {
            Ok(Statement { index, held_from, rolled_until }) => {
                held.by_index.extend(held_from.map(|from| (index.clone(), from)));
                held.rolled.extend(rolled_until.map(|until| (index, until)));
            }
            Err(source) => unreadable = Some(source),
        };
        store.refresh(index).await?;
        store.each_document(index, &json!({ "match_all": {} }), take).await?;
        let what = "tell what was dropped and rolled up";
        unreadable.map_or(Ok(held), |source| Err(StoreError::Unexpected { what, source }))
    }

    /// Since when the documents of all of these kinds are held.
    pub fn since<'a>(&self, kinds: impl IntoIterator<Item = &'a Schema>) -> Timestamp {
        let from = kinds.into_iter().filter_map(|kind| self.by_index.get(kind.name)).max();
        from.map_or(self.oldest, |from| self.oldest.max(*from))
    }

    /// Since when the documents of a kind are held; `None` where none was dropped.
    pub fn from(&self, kind: &Schema) -> Option<Timestamp> {
        self.by_index.get(kind.name).copied()
    }

    /// Until when the spans of a kind are all there; `None` where none is stated to be.
    pub fn rolled_until(&self, kind: &Schema) -> Option<Timestamp> {
        self.rolled.get(kind.name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_of_one_kind_is_not_asked_of_any_that_rests_on_the_same_windows() {
        let at = |text| Timestamp::parse(text).unwrap();
        let (now, dropped) = (at("2026-11-21T10:00:00Z"), at("2026-10-22T00:00:00Z"));
        let mut held = Held::at(now);
        held.by_index.insert(Schema::QUERY_STATS.name.to_owned(), dropped);
        assert_eq!(held.since([&Schema::CATEGORY_FUNNELS, &Schema::QUERY_STATS]), dropped);
        assert_eq!(held.since([&Schema::PRODUCT_TRENDS]), now - AGE_MAX);
    }
}
