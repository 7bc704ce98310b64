//! From a take-over up to where the predecessor was: records are read again, and nothing is flushed.

use std::collections::BTreeMap;

use crate::model::event::Stream;
use crate::model::time::Timestamp;
use crate::stream::fold::{Clock, Folding};
use crate::stream::part::{Part, Topic};
use crate::stream::position::{Facts, Position};

/// Where a topic of the partition is taken over.
#[derive(Debug, Clone)]
pub enum TakeOver {
    /// Nothing was ever committed: from the log's first record.
    Fresh {
        /// The log's first offset.
        from: i64,
    },
    /// From a committed position.
    Resumed(Position),
}

impl TakeOver {
    /// The topic's state and its event time at the take-over.
    pub(super) fn begin(self, stream: Stream, folds: &[Box<dyn Folding>]) -> (Topic, Clock) {
        let (position, facts) = match self {
            TakeOver::Fresh { from } => {
                let unknown = Timestamp::MIN;
                let ledger = BTreeMap::new();
                let (max_ts_before_replay, max_ts) = (unknown, unknown);
                (
                    from,
                    Facts { max_ts_before_replay, next: from, max_ts, floor: None, partitions: None, ledger },
                )
            }
            TakeOver::Resumed(position) => (position.replay_from, position.facts),
        };
        let counts = folds.iter().map(|fold| facts.ledger.get(fold.name()).copied().unwrap_or_default());
        let ledger = counts.collect();
        let Facts { max_ts_before_replay, max_ts, floor, .. } = facts;
        let clock = Clock { max_ts: max_ts_before_replay, committed_max_ts: max_ts, floor };
        (Topic { stream, position, fresh_from: facts.next, ledger }, clock)
    }
}

impl Part {
    /// What is still to be read again, by topic: from the first of these offsets to before the second.
    pub fn replay(&self) -> impl Iterator<Item = (Stream, i64, i64)> {
        let left = self.topics.iter().filter(|topic| topic.position < topic.fresh_from);
        left.map(|topic| (topic.stream, topic.position, topic.fresh_from))
    }

    /// Whether everything has been read again that was read before the take-over. Until then results are
    /// less than what is written already, and nothing is flushed.
    pub fn has_caught_up(&self) -> bool {
        self.topics.iter().all(|topic| topic.position >= topic.fresh_from)
    }

    /// Counts the results of a topic as written, where it has been read again just up to what was committed, with all
    /// topics that its folds are made of: results had been acknowledged before that, and would be turned down as known.
    /// Otherwise the next flush writes them again.
    pub(super) fn settle(&mut self, topic: usize) {
        let stands =
            |number: usize| self.topics.get(number).is_some_and(|topic| topic.position == topic.fresh_from);
        if stands(topic) {
            let topics = 0..self.topics.len();
            let is_known = |fold: &&mut Box<dyn Folding>| {
                fold.folds(topic) && topics.clone().all(|other| !fold.folds(other) || stands(other))
            };
            self.folds.iter_mut().filter(is_known).for_each(|fold| fold.settle());
        }
    }
}
