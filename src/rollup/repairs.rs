//! Windows that were repaired after their spans were rolled up.

use std::collections::{BTreeSet, HashSet};

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;

use crate::model::time::{HOUR_MS, Timestamp};
use crate::rollup::kind::Kind;
use crate::store::schema::Schema;
use crate::store::{Store, StoreError, Stored};

/// How far behind a later record's time an earlier one's may lie: clocks differ.
const SLACK: TimeDelta = TimeDelta::minutes(10);

/// A repaired window, as far as the roll-up looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct Repaired {
    operator: String,
    window: Timestamp,
    partition: i32,
    repaired_at: Timestamp,
}

/// The repairs that were looked at. It goes by the records' own times and by no clock of this process, which may
/// jump. By default none was.
#[derive(Debug, Default)]
pub struct LookedAt {
    latest: Option<Timestamp>,
    /// Those of the last [`SLACK`].
    known: HashSet<Repaired>,
}

impl LookedAt {
    /// The windows that were repaired since.
    ///
    /// # Errors
    /// As [`Store::each_document`].
    pub async fn others(&self, store: &Store) -> Result<Vec<Repaired>, StoreError> {
        let index = Schema::REPAIRED_WINDOWS.name;
        let query = match self.latest {
            Some(latest) => json!({ "range": { "repaired_at": { "gte": latest - SLACK } } }),
            None => json!({ "match_all": {} }),
        };
        // One that cannot be read is the auditor's to tell of.
        let mut repaired = Vec::new();
        let take = |stored: Stored| repaired.extend(serde_json::from_value::<Repaired>(stored.source).ok());
        store.refresh(index).await?;
        store.each_document(index, &query, take).await?;
        repaired.retain(|one| !self.known.contains(one));
        Ok(repaired)
    }

    /// Takes them for looked at: they are rolled up again.
    pub fn add(&mut self, repaired: Vec<Repaired>) {
        self.latest = repaired.iter().map(|one| one.repaired_at).max().max(self.latest);
        self.known.extend(repaired);
        let recent = self.latest.unwrap_or_default() - SLACK;
        self.known.retain(|one| one.repaired_at >= recent);
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

    #[test]
    fn a_repair_is_looked_at_once_and_forgotten_when_it_is_asked_for_no_more() {
        let minute = |number: i64| Timestamp::from_millis(number * 60_000);
        let repaired = |at: i64| Repaired {
            operator: "trends".to_owned(),
            window: minute(0),
            partition: 0,
            repaired_at: minute(at),
        };
        let mut looked_at = LookedAt::default();
        looked_at.add(vec![repaired(50), repaired(45)]);
        looked_at.add(Vec::new());
        assert_eq!((looked_at.latest, looked_at.known.len()), (Some(minute(50)), 2));
        looked_at.add(vec![repaired(58)]);
        assert_eq!(looked_at.known, [repaired(50), repaired(58)].into());
        // Of a clock that is behind: it was found, and is no later one.
        looked_at.add(vec![repaired(52)]);
        assert_eq!((looked_at.latest, looked_at.known.len()), (Some(minute(58)), 3));
    }
}
