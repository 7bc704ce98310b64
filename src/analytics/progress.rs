//! How far the processor has come, merged from the frontiers of its partitions.

use chrono::TimeDelta;
use serde::Deserialize;

use crate::http::EXAMPLE_NOW;
use crate::model::time::{MINUTE_MS, Timestamp};

/// The consumer group behind [`crate::analytics::trending`].
pub const TRENDS: &str = "trends";
/// The consumer group behind [`crate::analytics::funnels`]. It reads every event topic.
pub const SESSIONS: &str = "sessions";
/// The operator that has a use for every event, so that its ledger is that of the topics.
const OPERATOR_THAT_READS_ALL: &str = "visits";

/// What one group has done of one partition, as the processor writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Frontier {
    /// The consumer group.
    pub group: String,
    /// Least over the partition's topics of the greatest event time read; `None` while one has none.
    pub watermark: Option<Timestamp>,
    /// Results before it can no longer change.
    pub complete_until: Option<Timestamp>,
    /// Whether everything that lay in the partition was read.
    #[serde(default)]
    pub drained: bool,
    /// What became of the records, by operator and topic.
    #[serde(default)]
    pub ledger: Vec<LedgerLine>,
}

/// What one operator did with the records of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LedgerLine {
    /// Whose: each operator of a group accounts for every record by itself.
    pub operator: String,
    /// Records read, replays excluded.
    pub read: u64,
    /// Records that were there before.
    pub duplicate: u64,
    /// Records that came after their window was closed.
    pub late: u64,
    /// Records that could not be used.
    pub dead: u64,
}

/// Until when results can be trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Progress {
    /// Every event before it, of every partition, has been read.
    pub watermark: Option<Timestamp>,
    /// Results before it can no longer change.
    pub complete_until: Option<Timestamp>,
}

impl Progress {
    /// The least of a group's partitions.
    ///
    /// A partition that has been read to its end and never held an event has no watermark and holds
    /// nobody back. One without a watermark that still has a backlog makes the result unknown (`None`), as
    /// does a group that has no frontier yet.
    pub fn of(group: &str, frontiers: &[Frontier]) -> Self {
        let with_a_say = |frontier: &&Frontier| {
            frontier.group == group && (frontier.watermark.is_some() || !frontier.drained)
        };
        let partitions = || frontiers.iter().filter(with_a_say);
        // `None` is less than any time: one unknown makes the least unknown.
        Self {
            watermark: partitions().map(|frontier| frontier.watermark).min().flatten(),
            complete_until: partitions().map(|frontier| frontier.complete_until).min().flatten(),
        }
    }

    /// The lesser of both in each part.
    pub fn and(self, other: Self) -> Self {
        Self {
            watermark: self.watermark.min(other.watermark),
            complete_until: self.complete_until.min(other.complete_until),
        }
    }
}

/// The processor as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Processing {
    /// Of trends and funnels both.
    pub progress: Progress,
    /// Whether every partition of every group was read to its end; false before there is one.
    pub drained: bool,
    /// Records read from the event topics, each once.
    pub read: u64,
    /// Of these, the ones that were there before.
    pub duplicate: u64,
    /// Of these, the ones that could not be used.
    pub dead: u64,
    /// Records that came after their window was closed, counted once for each operator of any group.
    pub late: u64,
}

impl Processing {
    /// Merges the frontiers of all groups; their order does not matter.
    pub fn of(frontiers: &[Frontier]) -> Self {
        let lines = || frontiers.iter().flat_map(|frontier| &frontier.ledger);
        let read_all = |figure: fn(&LedgerLine) -> u64| {
            lines().filter(|line| line.operator == OPERATOR_THAT_READS_ALL).map(figure).sum()
        };
        Self {
            progress: Progress::of(TRENDS, frontiers).and(Progress::of(SESSIONS, frontiers)),
            drained: !frontiers.is_empty() && frontiers.iter().all(|frontier| frontier.drained),
            read: read_all(|line| line.read),
            duplicate: read_all(|line| line.duplicate),
            dead: read_all(|line| line.dead),
            late: lines().map(|line| line.late).sum(),
        }
    }
}

impl Progress {
    /// In the examples of the API's description.
    pub fn example() -> Self {
        Self {
            watermark: Some(EXAMPLE_NOW - TimeDelta::seconds(2)),
            complete_until: Some(EXAMPLE_NOW.floor_to(MINUTE_MS) - TimeDelta::minutes(11)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn line(operator: &str) -> LedgerLine {
        LedgerLine { operator: operator.to_owned(), read: 10, duplicate: 2, late: 1, dead: 3 }
    }

    fn frontier(group: &str, watermark: Option<i64>, drained: bool) -> Frontier {
        Frontier {
            group: group.to_owned(),
            watermark: watermark.map(at),
            complete_until: watermark.map(|second| at(second - 600)),
            drained,
            ledger: vec![line(if group == SESSIONS { OPERATOR_THAT_READS_ALL } else { group })],
        }
    }

    #[test]
    fn the_slowest_partition_says_how_far_a_group_is() {
        let frontiers = [frontier(TRENDS, Some(900), true), frontier(TRENDS, Some(700), false)];
        let progress = Progress { watermark: Some(at(700)), complete_until: Some(at(100)) };
        assert_eq!(Progress::of(TRENDS, &frontiers), progress);
        assert_eq!(Progress::of(SESSIONS, &frontiers), Progress::default());
    }

    #[test]
    fn a_partition_that_never_held_an_event_holds_nobody_back() {
        let seen = frontier(TRENDS, Some(900), true);
        let quiet = [seen.clone(), frontier(TRENDS, None, true)];
        assert_eq!(Progress::of(TRENDS, &quiet).watermark, Some(at(900)));
        let unread = [seen, frontier(TRENDS, None, false)];
        assert_eq!(Progress::of(TRENDS, &unread), Progress::default());
    }

    #[test]
    fn records_are_counted_once_although_every_group_reads_them() {
        let frontiers = ["trends", "sessions", "fraud"].map(|group| frontier(group, Some(900), true));
        let processing = Processing::of(&frontiers);
        let counted = (processing.read, processing.duplicate, processing.dead, processing.late);
        assert_eq!(counted, (10, 2, 3, 3));
        assert!(processing.drained);
    }

    #[test]
    fn before_the_first_frontier_nothing_is_known() {
        assert_eq!(Processing::of(&[]), Processing::default());
    }

    prop_compose! {
        fn any_frontier()(
            group in prop::sample::select(vec!["trends", "sessions", "fraud"]),
            watermark in proptest::option::of(0i64..5_000),
            drained: bool,
        ) -> Frontier {
            frontier(group, watermark, drained)
        }
    }

    proptest! {
        #[test]
        fn the_order_of_partitions_does_not_matter(
            frontiers in proptest::collection::vec(any_frontier(), 0..12).prop_shuffle(),
            cut in 0usize..12,
        ) {
            let mut turned = frontiers.clone();
            turned.rotate_left(cut.min(frontiers.len()));
            prop_assert_eq!(Processing::of(&frontiers), Processing::of(&turned));
        }

        #[test]
        fn another_partition_never_makes_results_more_complete(
            frontiers in proptest::collection::vec(any_frontier(), 1..12),
        ) {
            let before = Processing::of(&frontiers[1..]).progress;
            let after = Processing::of(&frontiers).progress;
            prop_assert!(before.watermark.is_none() || after.watermark <= before.watermark);
        }
    }
}
