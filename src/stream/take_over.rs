//! From committed positions to empty parts: what to trust, what to refuse.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::bus::Assigned;
use crate::stream::groups::Group;
use crate::stream::part::TakeOver;
use crate::stream::position::{BadMetadata, Facts, Position};

/// Why a partition cannot be taken over.
#[derive(Debug, Error)]
pub enum TakeOverError {
    /// The position is not ours.
    #[error("cannot take over {topic} partition {partition}")]
    Metadata {
        /// The topic, without prefix.
        topic: &'static str,
        /// The partition.
        partition: i32,
        /// What is wrong with it.
        #[source]
        source: BadMetadata,
    },
    /// The log ends before what was processed.
    #[error(
        "{topic} partition {partition} ends at offset {end}, but {next} records of it were processed: the topic \
         was made anew. Use another SHOPLENS_PREFIX, or delete the consumer groups and the analytics indices"
    )]
    Recreated {
        /// The topic, without prefix.
        topic: &'static str,
        /// The partition.
        partition: i32,
        /// The log's end.
        end: i64,
        /// The committed `next`.
        next: i64,
    },
    /// The topic has more partitions than when this program started.
    #[error(
        "{topic} has a partition {partition}, but it had {partitions} partitions when this program started: a \
         visitor's records may now lie in two. Use another SHOPLENS_PREFIX with the new number"
    )]
    MorePartitions {
        /// The topic, without prefix.
        topic: &'static str,
        /// The new partition.
        partition: i32,
        /// How many there were.
        partitions: i32,
    },
    /// Partition p of one topic came without that of another.
    #[error("partition {partition} was assigned without all of the topics {topics:?}")]
    Incomplete {
        /// The partition.
        partition: i32,
        /// The topics that belong together.
        topics: Vec<&'static str>,
    },
}

/// Sorts an assignment by partition, and says for each topic where to begin. `partitions` is the number
/// that every topic had at the start.
///
/// # Errors
/// [`TakeOverError`] for the first partition that cannot be taken over.
pub fn take_over(
    group: Group,
    partitions: i32,
    assigned: &[Assigned],
) -> Result<BTreeMap<i32, Vec<TakeOver>>, TakeOverError> {
    let mut by_partition: BTreeMap<i32, BTreeMap<usize, TakeOver>> = BTreeMap::new();
    for one in assigned {
        let topic = group.streams().get(one.topic).map_or("?", |stream| stream.topic());
        if one.partition >= partitions {
            return Err(TakeOverError::MorePartitions { topic, partition: one.partition, partitions });
        }
        by_partition.entry(one.partition).or_default().insert(one.topic, start(one, topic)?);
    }
    let complete = |(partition, starts): (i32, BTreeMap<usize, TakeOver>)| {
        if starts.len() == group.streams().len() {
            return Ok((partition, starts.into_values().collect()));
        }
        let topics = group.streams().iter().map(|stream| stream.topic()).collect();
        Err(TakeOverError::Incomplete { partition, topics })
    };
    by_partition.into_iter().map(complete).collect()
}

fn start(assigned: &Assigned, topic: &'static str) -> Result<TakeOver, TakeOverError> {
    let partition = assigned.partition;
    let Some((offset, metadata)) = &assigned.committed else {
        return Ok(TakeOver::Fresh { from: assigned.first });
    };
    let facts =
        Facts::decode(metadata).map_err(|source| TakeOverError::Metadata { topic, partition, source })?;
    if facts.next > assigned.end {
        return Err(TakeOverError::Recreated { topic, partition, end: assigned.end, next: facts.next });
    }
    let truncated = *offset < assigned.first;
    if truncated {
        tracing::error!(
            topic,
            partition,
            offset,
            first = assigned.first,
            "records were deleted before their windows were closed; going on from the first that is left"
        );
    }
    let next = facts.next.max(assigned.first);
    // What the lost records belonged to is closed: a rebuild from a part of them would be a lesser result.
    let max_ts_before_replay = if truncated { facts.max_ts } else { facts.max_ts_before_replay };
    let facts = Facts { next, max_ts_before_replay, ..facts };
    Ok(TakeOver::Resumed(Position { replay_from: assigned.from(), facts }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    fn assigned(topic: usize, first: i64, end: i64, committed: Option<(i64, i64)>) -> Assigned {
        let facts = |next| Facts {
            max_ts_before_replay: Timestamp::MIN,
            next,
            max_ts: Timestamp::MIN,
            ledger: BTreeMap::new(),
        };
        let committed = committed.map(|(offset, next)| (offset, facts(next).encode()));
        Assigned { topic, partition: 3, committed, first, end }
    }

    #[test]
    fn a_position_is_resumed_where_its_oldest_open_window_began() {
        let starts = take_over(Group::Fraud, 12, &[assigned(0, 0, 50, Some((10, 40)))]).unwrap();
        let [TakeOver::Resumed(position)] = starts[&3].as_slice() else { panic!("resumed: {starts:?}") };
        assert_eq!((position.replay_from, position.facts.next), (10, 40));
    }

    #[test]
    fn a_topic_that_was_made_anew_is_refused() {
        let error = take_over(Group::Fraud, 12, &[assigned(0, 0, 5, Some((10, 40)))]).unwrap_err();
        assert!(error.to_string().contains("made anew"), "{error}");
    }

    #[test]
    fn a_log_that_lost_its_beginning_is_gone_on_with_from_what_is_left() {
        let starts = take_over(Group::Fraud, 12, &[assigned(0, 45, 50, Some((10, 40)))]).unwrap();
        let [TakeOver::Resumed(position)] = starts[&3].as_slice() else { panic!("resumed: {starts:?}") };
        assert_eq!((position.replay_from, position.facts.next), (45, 45));
    }

    #[test]
    fn a_topic_that_was_given_more_partitions_is_refused() {
        let error = take_over(Group::Fraud, 3, &[assigned(0, 0, 0, None)]).unwrap_err();
        assert!(matches!(error, TakeOverError::MorePartitions { partition: 3, partitions: 3, .. }));
    }

    #[test]
    fn a_partition_is_only_taken_over_with_all_of_its_topics() {
        let some = [assigned(0, 0, 0, None), assigned(2, 0, 0, None)];
        assert!(matches!(
            take_over(Group::Sessions, 12, &some),
            Err(TakeOverError::Incomplete { partition: 3, .. })
        ));
    }
}
