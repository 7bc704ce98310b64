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
    /// The state of a topic, of this number in its group, and its event time at the take-over.
    pub(super) fn topic(
        self,
        (number, stream): (usize, Stream),
        folds: &[Box<dyn Folding>],
        rules: u32,
    ) -> (Topic, Clock) {
        let (position, facts) = match self {
            TakeOver::Fresh { from } => (from, Facts::of_nothing(from)),
            TakeOver::Resumed(position) => (position.replay_from, position.facts),
        };
        let Facts { max_ts_before_replay, next, max_ts, floor, rules: judged_by, ledger, .. } = facts;
        let mut concerned = folds.iter().filter(|fold| fold.folds(number));
        let is_ours = judged_by == Some(rules) && concerned.all(|fold| ledger.contains_key(fold.name()));
        let counts = folds.iter().map(|fold| ledger.get(fold.name()).copied().unwrap_or_default());
        let topic = Topic { stream, position, fresh_from: next, is_ours, ledger: counts.collect() };
        (topic, Clock { max_ts: max_ts_before_replay, committed_max_ts: max_ts, floor })
    }
}

impl Facts {
    /// Nothing was ever committed.
    fn of_nothing(next: i64) -> Self {
        let (max_ts, ledger) = (Timestamp::MIN, BTreeMap::new());
        Self {
            max_ts_before_replay: max_ts,
            next,
            max_ts,
            floor: None,
            partitions: None,
            rules: None,
            ledger,
        }
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
    /// topics that its folds are made of, and the results are what this build would have written. Otherwise the next
    /// flush writes them again.
    ///
    /// The topics' positions may be of different flushes, when a commit was taken in part. What was written last is
    /// then of these events and more, and Elasticsearch would turn down what is of fewer.
    pub(super) fn count_as_written(&mut self, topic: usize) {
        let is_known = |number: usize| {
            let known = |topic: &Topic| topic.is_ours && topic.position == topic.fresh_from;
            self.topics.get(number).is_some_and(known)
        };
        if is_known(topic) {
            let topics = 0..self.topics.len();
            let known = |fold: &&mut Box<dyn Folding>| {
                topics.clone().all(|other| !fold.folds(other) || is_known(other))
            };
            self.folds.iter_mut().filter(known).for_each(|fold| fold.count_as_written());
        }
    }
}
