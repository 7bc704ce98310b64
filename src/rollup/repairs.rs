//! Windows that were repaired after their spans were rolled up.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;

use crate::model::time::{HOUR_MS, Timestamp};
use crate::rollup::kind::Kind;
use crate::store::schema::Schema;
use crate::store::{Store, StoreError, Stored};

/// How much longer than until its record's time a repair may take to be found: clocks differ.
const SLACK: TimeDelta = TimeDelta::minutes(10);

/// A repaired window, as far as the roll-up looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repaired {
    operator: String,
    window: Timestamp,
}

/// The windows that were repaired since then, or ever.
///
/// # Errors
/// As [`Store::each_document`].
pub async fn since(store: &Store, then: Option<Timestamp>) -> Result<Vec<Repaired>, StoreError> {
    let index = Schema::REPAIRED_WINDOWS.name;
    let query = match then {
        Some(then) => json!({ "range": { "repaired_at": { "gte": then - SLACK } } }),
        None => json!({ "match_all": {} }),
    };
    // One that cannot be read is the auditor's to tell of.
    let mut repaired = Vec::new();
    let take = |stored: Stored| repaired.extend(serde_json::from_value::<Repaired>(stored.source).ok());
    store.refresh(index).await?;
    store.each_document(index, &query, take).await?;
    Ok(repaired)
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
        let repaired = |operator: &str| Repaired { operator: operator.to_owned(), window };
        let all = [repaired("visits"), repaired("fraud")];
        let counts = KINDS.each_ref().map(|kind| hours(kind, &all).len());
        assert_eq!(counts, [0, 1, 1, 3, 1]);
        assert_eq!(hours(&KINDS[0], &[repaired("trends")]), [window.floor_to(HOUR_MS)].into());
    }
}
