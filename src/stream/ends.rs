//! How long the topics are, as far as is known, and what follows for the parts.

use std::collections::BTreeMap;

use crate::stream::part::Part;
use crate::stream::quiet::Progress;

/// The offset after the last record of each topic's partition. Asked for from time to time, so it may be
/// behind: a part that has read to it has read what was there then.
#[derive(Debug, Default)]
pub struct LogEnds {
    ends: BTreeMap<(usize, i32), i64>,
}

impl LogEnds {
    /// Takes over what was just asked: `(topic, partition, end)`.
    pub fn update(&mut self, ends: Vec<(usize, i32, i64)>) {
        self.ends = ends.into_iter().map(|(topic, partition, end)| ((topic, partition), end)).collect();
    }

    /// Forgets everything: the partitions are others now.
    pub fn clear(&mut self) {
        self.ends.clear();
    }

    /// How far a part has read each of its topics. One whose end is not known counts as not drained.
    pub fn progress(&self, part: &Part, partition: i32) -> Vec<Progress> {
        let topics = part.positions().into_iter().zip(part.event_times()).enumerate();
        let progress = |(topic, (position, max_ts))| {
            let drained = self.ends.get(&(topic, partition)).is_some_and(|end| position >= *end);
            Progress { position, max_ts, drained }
        };
        topics.map(progress).collect()
    }

    /// Whether a part has read all of its topics to their ends.
    pub fn has_drained(&self, part: &Part, partition: i32) -> bool {
        self.progress(part, partition).iter().all(|topic| topic.drained)
    }

    /// Records that the parts have not read yet.
    pub fn lag(&self, parts: &BTreeMap<i32, Part>) -> i64 {
        let read: i64 = parts.values().flat_map(Part::positions).sum();
        (self.ends.values().sum::<i64>() - read).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::door::Door;
    use crate::model::money::Currency;
    use crate::stream::groups::Group;
    use crate::stream::part::TakeOver;

    fn part(from: i64) -> Part {
        let door = Door { partitions: 1, currency: Currency::EUR };
        Part::new(Group::Fraud, 0, door, vec![TakeOver::Fresh { from }])
    }

    #[test]
    fn a_topic_whose_end_is_not_known_is_not_drained() {
        let mut ends = LogEnds::default();
        assert!(!ends.has_drained(&part(0), 0));
        ends.update(vec![(0, 0, 0)]);
        assert!(ends.has_drained(&part(0), 0));
    }

    #[test]
    fn the_lag_is_what_is_left_to_read() {
        let mut ends = LogEnds::default();
        ends.update(vec![(0, 0, 12)]);
        let parts = BTreeMap::from([(0, part(5))]);
        assert_eq!((ends.has_drained(&parts[&0], 0), ends.lag(&parts)), (false, 7));
    }
}
