//! Until when results can change no more, and how far event time has come.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::time::Timestamp;
use crate::store::found::Found;
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

/// Most frontiers that are read: one for each partition of a group.
const FRONTIERS_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy, Deserialize)]
struct Frontier {
    partition: i32,
    complete_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
struct Reached {
    #[serde(default)]
    topics: Vec<Topic>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Topic {
    max_ts: Option<Timestamp>,
}

/// The greatest event time that was processed; `None` before there is any. It is the broker's clock's at most.
///
/// # Errors
/// As [`Store::search`].
pub async fn newest(store: &Store) -> Result<Option<Timestamp>, StoreError> {
    let body = json!({ "size": FRONTIERS_MAX, "track_total_hits": false, "_source": ["topics.max_ts"] });
    let (what, index) = ("read how far event time has come", Schema::PROCESSOR_FRONTIERS.name);
    let found: Found<Reached> = store.search(what, index, Missing::IsEmpty, &body).await?;
    Ok(found.hits.sources().flat_map(|one| one.topics).filter_map(|topic| topic.max_ts).max())
}

/// Until when no result of a group changes any more; `None` while a partition has not told. Read it before the
/// results: it is written after them.
///
/// # Errors
/// As [`Store::search`].
pub async fn sealed(store: &Store, group: &str, partitions: i32) -> Result<Option<Timestamp>, StoreError> {
    let index = Schema::PROCESSOR_FRONTIERS.name;
    let what = "read how far the processor is";
    let found: Found<Frontier> = store.search(what, index, Missing::IsEmpty, &question(group)).await?;
    let frontiers: Vec<Frontier> = found.hits.sources().collect();
    Ok(least(&frontiers, partitions))
}

fn question(group: &str) -> Value {
    json!({
        "size": FRONTIERS_MAX,
        "track_total_hits": false,
        "_source": ["partition", "complete_until"],
        "query": { "bool": { "filter": [{ "term": { "group": group } }] } },
    })
}

/// A partition that has not told, or never held an event, may yet get one of any time.
fn least(frontiers: &[Frontier], partitions: i32) -> Option<Timestamp> {
    let of = |partition| frontiers.iter().find(|one| one.partition == partition)?.complete_until;
    (0..partitions).map(of).min().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_partition_says_what_is_sealed_and_a_silent_one_that_nothing_is() {
        let at = |second: i64| Some(Timestamp::from_millis(second * 1_000));
        let frontier = |partition, complete_until| Frontier { partition, complete_until };
        let frontiers = [frontier(0, at(900)), frontier(1, at(700)), frontier(2, None)];
        assert_eq!(
            [1, 2, 3, 4].map(|partitions| least(&frontiers, partitions)),
            [at(900), at(700), None, None]
        );
    }
}
