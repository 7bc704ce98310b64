//! From committed positions to empty parts: what to trust, what to refuse.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use thiserror::Error;

use crate::bus::Assigned;
use crate::model::event::Stream;
use crate::stream::fold::{Floor, LateReason};
use crate::stream::groups::{Group, Reader};
use crate::stream::part::TakeOver;
use crate::stream::position::{self, BadMetadata, Facts, Position, Positions};

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
    /// The results were computed when the topic had another number of partitions.
    #[error(
        "{topic} has {partitions} partitions, but results were computed when it had {before}: a visitor's records now \
         lie in two. Use another SHOPLENS_PREFIX for the new number, or make the topics anew with {before} partitions"
    )]
    Repartitioned {
        /// The topic, without prefix.
        topic: &'static str,
        /// How many it has.
        partitions: i32,
        /// How many it had.
        before: i32,
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

/// A partition at its take-over.
#[derive(Debug, Default)]
pub struct TakenOver {
    /// By group: where it begins in each of its topics.
    pub starts: BTreeMap<Group, Vec<TakeOver>>,
    /// By topic: what is committed.
    pub committed: BTreeMap<Stream, Positions>,
    /// Topics that have lost records that are needed.
    pub truncated: Vec<Truncated>,
}

/// A log that does not go back as far as is needed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated {
    /// The topic.
    pub stream: Stream,
    /// The partition.
    pub partition: i32,
    /// Records that were deleted before anybody read them, of which no result knows.
    pub unread: i64,
}

/// Where the reader begins in a topic: where the group with the shortest horizon must. What the others
/// need besides is reread apart. Metadata that cannot be read is told by [`take_over`].
pub fn begin(reader: Reader, assigned: &Assigned) -> i64 {
    let Some((offset, metadata)) = &assigned.committed else { return assigned.first };
    let first_group = reader.groups().first();
    let from = position::decode(metadata).map_or(*offset, |positions| {
        let position = first_group.and_then(|group| positions.get(group));
        position.map_or(assigned.first, |position| position.replay_from)
    });
    from.max(assigned.first)
}

/// Sorts an assignment by partition, and says for each group and topic where to begin. `partitions` is the
/// number that every topic had at the start.
///
/// # Errors
/// [`TakeOverError`] for the first partition that cannot be taken over.
pub fn take_over(
    reader: Reader,
    partitions: i32,
    assigned: &[Assigned],
) -> Result<BTreeMap<i32, TakenOver>, TakeOverError> {
    // In the order of the topics, which is that of the groups' own.
    let mut assigned: Vec<&Assigned> = assigned.iter().collect();
    assigned.sort_unstable_by_key(|one| one.topic);
    let mut taken: BTreeMap<i32, TakenOver> = BTreeMap::new();
    for one in assigned {
        let Some(stream) = reader.streams().get(one.topic).copied() else { continue };
        let (topic, partition) = (stream.topic(), one.partition);
        if partition >= partitions {
            return Err(TakeOverError::MorePartitions { topic, partition, partitions });
        }
        let metadata = one.committed.as_ref().map(|(_, metadata)| position::decode(metadata)).transpose();
        let positions = metadata
            .map_err(|source| TakeOverError::Metadata { topic, partition, source })?
            .unwrap_or_default();
        check_partitions(topic, partitions, &positions)?;
        let of_partition = taken.entry(partition).or_default();
        of_partition.truncated.extend(truncated(one, stream, &positions));
        for group in reader.groups().iter().filter(|group| group.streams().contains(&stream)) {
            let start = start(one, topic, positions.get(group))?;
            of_partition.starts.entry(*group).or_default().push(start);
        }
        of_partition.committed.insert(stream, positions);
    }
    let topics = || reader.streams().iter().map(|stream| stream.topic()).collect();
    match taken.iter().find(|(_, taken)| taken.committed.len() < reader.streams().len()) {
        Some((partition, _)) => Err(TakeOverError::Incomplete { partition: *partition, topics: topics() }),
        None => Ok(taken),
    }
}

fn check_partitions(
    topic: &'static str,
    partitions: i32,
    positions: &Positions,
) -> Result<(), TakeOverError> {
    let before = positions.values().filter_map(|position| position.facts.partitions);
    match before.into_iter().find(|before| *before != partitions) {
        Some(before) => Err(TakeOverError::Repartitioned { topic, partitions, before }),
        None => Ok(()),
    }
}

/// What was deleted of a topic before the groups were done with it.
fn truncated(assigned: &Assigned, stream: Stream, positions: &Positions) -> Option<Truncated> {
    let needed = positions.values().map(|position| position.replay_from).min()?;
    let next = positions.values().map(|position| position.facts.next).min()?;
    let (partition, unread) = (assigned.partition, (assigned.first - next).max(0));
    (needed < assigned.first).then_some(Truncated { stream, partition, unread })
}

fn start(
    assigned: &Assigned,
    topic: &'static str,
    committed: Option<&Position>,
) -> Result<TakeOver, TakeOverError> {
    let (partition, first) = (assigned.partition, assigned.first);
    let Some(Position { replay_from, facts }) = committed.cloned() else {
        return Ok(TakeOver::Fresh { from: first });
    };
    if facts.next > assigned.end {
        return Err(TakeOverError::Recreated { topic, partition, end: assigned.end, next: facts.next });
    }
    let truncated = replay_from < first;
    let next = facts.next.max(first);
    // What the lost records belonged to is closed: a rebuild from a part of them would be a lesser result.
    let max_ts_before_replay = if truncated { facts.max_ts } else { facts.max_ts_before_replay };
    let touched = Floor { before: facts.max_ts + TimeDelta::milliseconds(1), reason: LateReason::Truncated };
    let floor = facts.floor.max(truncated.then_some(touched));
    let facts = Facts { next, max_ts_before_replay, floor, ..facts };
    Ok(TakeOver::Resumed(Position { replay_from: replay_from.max(first), facts }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    fn position(replay_from: i64, next: i64) -> Position {
        let (max_ts_before_replay, max_ts) = (Timestamp::MIN, Timestamp::MIN);
        let ledger = BTreeMap::new();
        let facts = Facts {
            max_ts_before_replay,
            next,
            max_ts,
            floor: None,
            partitions: Some(12),
            rules: None,
            ledger,
        };
        Position { replay_from, facts }
    }

    /// Partition 3 of a topic where the trends begin to reread at 30 and the other groups at 10.
    fn assigned(topic: usize, first: i64, end: i64) -> Assigned {
        let positions = [Group::Trends, Group::Sessions, Group::Fraud]
            .map(|group| (group, position(if group == Group::Trends { 30 } else { 10 }, 40)));
        let committed = Some((10, position::encode(&positions.into())));
        Assigned { topic, partition: 3, committed, first, end }
    }

    fn take_over_order_topic(order: Assigned) -> Result<BTreeMap<i32, TakenOver>, TakeOverError> {
        let others = [assigned(0, 0, 50), assigned(1, 0, 50)];
        take_over(Reader::Processor, 12, &[others.as_slice(), &[order]].concat())
    }

    fn resumed(taken: &BTreeMap<i32, TakenOver>, group: Group) -> (i64, i64) {
        match taken[&3].starts[&group].last().unwrap() {
            TakeOver::Resumed(position) => (position.replay_from, position.facts.next),
            TakeOver::Fresh { .. } => panic!("resumed"),
        }
    }

    #[test]
    fn each_group_resumes_where_its_own_oldest_open_window_began() {
        let taken = take_over_order_topic(assigned(2, 0, 50)).unwrap();
        let groups = [Group::Trends, Group::Sessions, Group::Fraud];
        assert_eq!(groups.map(|group| resumed(&taken, group)), [(30, 40), (10, 40), (10, 40)]);
    }

    #[test]
    fn reading_begins_where_the_shortest_horizon_must() {
        assert_eq!(begin(Reader::Processor, &assigned(2, 0, 50)), 30);
        assert_eq!(begin(Reader::Processor, &assigned(2, 45, 50)), 45);
        assert_eq!(begin(Reader::Processor, &Assigned { committed: None, ..assigned(2, 7, 50) }), 7);
    }

    #[test]
    fn a_topic_that_was_made_anew_is_refused() {
        let error = take_over_order_topic(assigned(2, 0, 5)).unwrap_err();
        assert!(error.to_string().contains("made anew"), "{error}");
    }

    #[test]
    fn a_log_that_lost_its_beginning_is_gone_on_with_from_what_is_left() {
        let taken = take_over_order_topic(assigned(2, 45, 50)).unwrap();
        assert_eq!(resumed(&taken, Group::Fraud), (45, 45));
        assert_eq!(taken[&3].truncated, [Truncated { stream: Stream::Order, partition: 3, unread: 5 }]);
    }

    #[test]
    fn results_of_another_number_of_partitions_are_refused_with_what_to_do() {
        let error = take_over(Reader::Processor, 13, &[assigned(0, 0, 50)]).unwrap_err();
        assert!(matches!(error, TakeOverError::Repartitioned { partitions: 13, before: 12, .. }));
        assert!(error.to_string().contains("SHOPLENS_PREFIX"), "{error}");
    }

    #[test]
    fn a_topic_that_was_given_more_partitions_is_refused() {
        let error = take_over(Reader::Processor, 3, &[assigned(0, 0, 50)]).unwrap_err();
        assert!(matches!(error, TakeOverError::MorePartitions { partition: 3, partitions: 3, .. }));
    }

    #[test]
    fn a_partition_is_only_taken_over_with_all_of_its_topics() {
        let some = [assigned(0, 0, 50), assigned(2, 0, 50)];
        let taken = take_over(Reader::Processor, 12, &some);
        assert!(matches!(taken, Err(TakeOverError::Incomplete { partition: 3, .. })));
    }
}
