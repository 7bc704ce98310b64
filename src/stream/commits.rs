//! What is acknowledged, and so may be committed, of all partitions of a worker.

use std::collections::{BTreeMap, BTreeSet};

use crate::bus::Commit;
use crate::model::event::Stream;
use crate::stream::flight::Acknowledged;
use crate::stream::position::{Positions, encode};

/// The positions of every group in every topic of every partition. A group that is still rereading acknowledges
/// nothing, so that its old position is committed again with the others' new ones.
#[derive(Default)]
pub struct Commits {
    /// What was acknowledged last.
    acknowledged: BTreeMap<(i32, Stream), Positions>,
    /// What Kafka is known to have taken last.
    committed: BTreeMap<(i32, Stream), Positions>,
}

impl Commits {
    /// Takes over what the predecessor committed.
    pub fn take_over(&mut self, partition: i32, committed: BTreeMap<Stream, Positions>) {
        for (stream, positions) in committed {
            self.acknowledged.insert((partition, stream), positions.clone());
            self.committed.insert((partition, stream), positions);
        }
    }

    /// Notes what was acknowledged, and gives what is to be committed because of it: the least offset that
    /// any group must reread from, with the positions of all.
    pub fn acknowledge(&mut self, acknowledged: Vec<Acknowledged>) -> Vec<Commit> {
        let mut changed = BTreeSet::new();
        for Acknowledged { partition, stream, group, position } in acknowledged {
            self.acknowledged.entry((partition, stream)).or_default().insert(group, position);
            changed.insert((partition, stream));
        }
        let commit = |(partition, stream): (i32, Stream)| {
            let positions = self.acknowledged.get(&(partition, stream))?;
            let offset = positions.values().map(|position| position.replay_from).min()?;
            Some(Commit { stream, partition, offset, metadata: encode(positions) })
        };
        changed.into_iter().filter_map(commit).collect()
    }

    /// Notes that Kafka has taken these.
    pub fn taken(&mut self, commits: &[Commit]) {
        for Commit { partition, stream, .. } in commits {
            if let Some(positions) = self.acknowledged.get(&(*partition, *stream)) {
                self.committed.insert((*partition, *stream), positions.clone());
            }
        }
    }

    /// Whether all that is committed of a partition is what was committed here: the last that Kafka is known to have
    /// taken, or what it may have taken without an answer.
    pub fn are_last(&self, partition: i32, committed: &BTreeMap<Stream, Positions>) -> bool {
        committed.iter().all(|(stream, positions)| {
            let known = [&self.committed, &self.acknowledged].map(|all| all.get(&(partition, *stream)));
            known.contains(&Some(positions))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;
    use crate::stream::groups::Group;
    use crate::stream::position::{Facts, Position, decode};

    fn position(replay_from: i64) -> Position {
        let (max_ts_before_replay, max_ts) = (Timestamp::MIN, Timestamp::MIN);
        let next = replay_from + 5;
        let ledger = BTreeMap::new();
        let facts =
            Facts { max_ts_before_replay, next, max_ts, floor: None, partitions: None, rules: None, ledger };
        Position { replay_from, facts }
    }

    #[test]
    fn a_group_that_is_still_rereading_holds_the_offset_and_keeps_its_facts() {
        let mut commits = Commits::default();
        let old = Positions::from([(Group::Trends, position(60)), (Group::Fraud, position(10))]);
        commits.take_over(4, BTreeMap::from([(Stream::Order, old)]));
        let news = Acknowledged {
            partition: 4,
            stream: Stream::Order,
            group: Group::Trends,
            position: position(90),
        };
        let [commit] = &commits.acknowledge(vec![news])[..] else { panic!("one topic") };
        assert_eq!((commit.partition, commit.offset), (4, 10));
        let expected = Positions::from([(Group::Trends, position(90)), (Group::Fraud, position(10))]);
        assert_eq!(decode(&commit.metadata).unwrap(), expected);
    }

    #[test]
    fn what_somebody_else_committed_is_not_the_last_commit_from_here() {
        let mut commits = Commits::default();
        let at = |replay_from| {
            BTreeMap::from([(Stream::Order, Positions::from([(Group::Trends, position(replay_from))]))])
        };
        let news = |replay_from| Acknowledged {
            partition: 4,
            stream: Stream::Order,
            group: Group::Trends,
            position: position(replay_from),
        };
        commits.take_over(4, at(60));
        let taken = commits.acknowledge(vec![news(70)]);
        commits.taken(&taken);
        commits.acknowledge(vec![news(80)]);
        // Taken over, taken, perhaps taken, somebody else's.
        assert_eq!(
            [60, 70, 80, 90].map(|offset| commits.are_last(4, &at(offset))),
            [false, true, true, false]
        );
        assert!(!commits.are_last(5, &at(80)));
    }
}
