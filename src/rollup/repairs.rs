//! Windows that were repaired after their spans were rolled up.

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;
use serde_json::json;

use crate::model::time::{HOUR_MS, Timestamp};
use crate::rollup::kind::Kind;
use crate::store::schema::Schema;
use crate::store::{Store, StoreError, Stored};

/// A repaired window, as far as the roll-up looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct Repaired {
    operator: String,
    window: Timestamp,
    partition: i32,
    repaired_at: Timestamp,
}

/// The repairs that were looked at: all of them, for by their times they cannot be told from the others, as clocks
/// may jump, and they are few. By default none was.
#[derive(Debug, Default)]
pub struct LookedAt(HashSet<Repaired>);

impl LookedAt {
    /// The windows that were repaired since.
    ///
    /// # Errors
    /// As [`Store::each_document`].
    pub async fn others(&self, store: &Store) -> Result<Vec<Repaired>, StoreError> {
        let index = Schema::REPAIRED_WINDOWS.name;
        // One that cannot be read is the auditor's to tell of.
        let mut repaired = Vec::new();
        let take = |stored: Stored| repaired.extend(serde_json::from_value::<Repaired>(stored.source).ok());
        store.refresh(index).await?;
        store.each_document(index, &json!({ "match_all": {} }), take).await?;
        repaired.retain(|one| !self.0.contains(one));
        Ok(repaired)
    }

    /// Takes them for looked at: they are rolled up again.
    pub fn add(&mut self, repaired: Vec<Repaired>) {
        self.0.extend(repaired);
    }
}

/// The hours that repairs have changed results of a kind in.
pub fn hours(kind: &Kind, repaired: &[Repaired]) -> BTreeSet<Timestamp> {
    let of_kind = repaired.iter().filter(|one| one.operator == kind.operator);
    let hours = of_kind.flat_map(|one| {
        let (first, last) = (one.window.floor_to(HOUR_MS), (one.window + kind.reach).floor_to(HOUR_MS));
        (first.millis()..=last.millis()).step_by(HOUR_MS as usize).map(Timestamp::from_millis)
    });
    hours.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollup::kind::KINDS;

    #[test]
    fn a_repaired_visit_changes_suspect_products_up_to_its_longest_end() {
        let window = Timestamp::parse("2026-11-21T10:50:00Z").unwrap();
        let repaired = |operator: &str| Repaired {
            operator: operator.to_owned(),
            window,
            partition: 0,
            repaired_at: window,
        };
        let all = [repaired("visits"), repaired("fraud")];
        let counts = KINDS.each_ref().map(|kind| hours(kind, &all).len());
        assert_eq!(counts, [0, 1, 1, 3, 1]);
        assert_eq!(hours(&KINDS[0], &[repaired("trends")]), [window.floor_to(HOUR_MS)].into());
    }
}
