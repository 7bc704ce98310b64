//! How long the topics are, as far as is known, and what follows for the parts.

use std::collections::BTreeMap;

use crate::model::event::Stream;
use crate::stream::part::Part;
use crate::stream::quiet::Progress;

/// A topic's name and the records of it that are not read yet, where its end is known.
pub type Lag = (&'static str, Option<i64>);

/// The offset after the last record of each topic's partition. Asked for from time to time, so it may be
/// behind: a part that has read to it has read what was there then.
#[derive(Debug, Default)]
pub struct LogEnds {
    ends: BTreeMap<(Stream, i32), i64>,
}

impl LogEnds {
    /// Takes over what was just asked: `(topic, partition, end)`.
    pub fn update(&mut self, ends: Vec<(Stream, i32, i64)>) {
        self.ends = ends.into_iter().map(|(stream, partition, end)| ((stream, partition), end)).collect();
    }

    /// Forgets everything: the partitions are others now.
    pub fn clear(&mut self) {
        self.ends.clear();
    }

    /// How far a part has read each of its topics. One whose end is not known counts as not drained.
    pub fn progress(&self, part: &Part) -> Vec<Progress> {
        let topics = self.topics(part).zip(part.event_times());
        let progress = |((position, end), max_ts): ((i64, Option<i64>), _)| {
            let drained = end.is_some_and(|end| position >= end);
            Progress { position, max_ts, drained }
        };
        topics.map(progress).collect()
    }

    /// The position and the end of each of a part's topics.
    fn topics(&self, part: &Part) -> impl Iterator<Item = (i64, Option<i64>)> {
        let streams = part.group().streams().iter();
        let end = |stream: &Stream| self.ends.get(&(*stream, part.partition())).copied();
        part.positions().into_iter().zip(streams.map(end).collect::<Vec<_>>())
    }

    /// Whether a part has read all of its topics to their ends.
    pub fn has_drained(&self, part: &Part) -> bool {
        self.progress(part).iter().all(|topic| topic.drained)
    }

    /// Records of each of its topics that a part has not read yet; `None` where the end is not known.
    pub fn lags(&self, part: &Part) -> Vec<Lag> {
        let streams = part.group().streams().iter().map(|stream| stream.topic());
        let lag = |(position, end): (i64, Option<i64>)| Some((end? - position).max(0));
        streams.zip(self.topics(part).map(lag)).collect()
    }

    /// The same of all its topics together, as far as is known.
    pub fn lag(&self, part: &Part) -> i64 {
        self.lags(part).into_iter().filter_map(|(_, lag)| lag).sum()
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
        assert!(!ends.has_drained(&part(0)));
        ends.update(vec![(Stream::Order, 0, 0)]);
        assert!(ends.has_drained(&part(0)));
    }

    #[test]
    fn the_lag_is_what_is_left_to_read() {
        let mut ends = LogEnds::default();
        ends.update(vec![(Stream::Order, 0, 12)]);
        assert_eq!((ends.has_drained(&part(5)), ends.lag(&part(5))), (false, 7));
    }
}
