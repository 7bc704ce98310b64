//! What is acknowledged, and so may be committed, of all partitions of a worker.

use std::collections::{BTreeMap, BTreeSet};

use crate::bus::Commit;
use crate::model::event::Stream;
use crate::stream::flight::Acknowledged;
use crate::stream::position::{Positions, encode};

/// The last acknowledged position of every group in every topic of every partition. A group that is still
/// rereading acknowledges nothing, so that its old position is committed again with the others' new ones.
#[derive(Default)]
pub struct Commits(BTreeMap<(i32, Stream), Positions>);

impl Commits {
    /// Takes over what the predecessor committed.
    pub fn take_over(&mut self, partition: i32, committed: BTreeMap<Stream, Positions>) {
        self.0.extend(committed.into_iter().map(|(stream, positions)| ((partition, stream), positions)));
    }

    /// Notes what was acknowledged, and gives what is to be committed because of it: the least offset that
    /// any group must reread from, with the positions of all.
    pub fn acknowledge(&mut self, acknowledged: Vec<Acknowledged>) -> Vec<Commit> {
        let mut changed = BTreeSet::new();
        for Acknowledged { partition, stream, group, position } in acknowledged {
            self.0.entry((partition, stream)).or_default().insert(group, position);
            changed.insert((partition, stream));
        }
        let commit = |(partition, stream): (i32, Stream)| {
            let positions = self.0.get(&(partition, stream))?;
            let offset = positions.values().map(|position| position.replay_from).min()?;
            Some(Commit { stream, partition, offset, metadata: encode(positions) })
        };
        changed.into_iter().filter_map(commit).collect()
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
}
