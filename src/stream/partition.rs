//! One partition number as a consumer group reads it: each record is decoded once, for all groups of
//! operators. Pure.

use crate::model::event::door::Door;
use crate::model::event::{Record, Reject, Stream};
use crate::stream::groups::Group;
use crate::stream::part::{LogRecord, Part, examine};

/// The parts of one partition number that one consumer feeds. Each has its own position in each topic and
/// takes only what it has not read yet, so they may lie apart.
pub struct Partition {
    number: i32,
    door: Door,
    parts: Vec<Part>,
}

impl Partition {
    /// A partition that nobody is fed from yet.
    pub fn new(number: i32, door: Door) -> Self {
        Self { number, door, parts: Vec::new() }
    }

    /// Whether a part can be fed from where reading for the others begins: it needs nothing before that.
    pub fn reads_from(&self, part: &Part) -> bool {
        let reads = |stream: &Stream| match (self.next(*stream), part.position_in(*stream)) {
            (Some(next), Some(position)) => position >= next,
            (None, _) | (_, None) => true,
        };
        part.group().streams().iter().all(reads)
    }

    /// Has a part fed from now on. Reading must go on at [`Partition::next`] then.
    pub fn join(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// Takes in one record.
    pub fn fold(&mut self, stream: Stream, record: &LogRecord<'_>) {
        let wants =
            |part: &Part| topic_of(part, stream).is_some_and(|topic| part.wants(topic, record.offset));
        if self.parts.iter().any(wants) {
            let found = examine(&self.door, stream, self.number, record);
            self.take(stream, record, &found);
        }
    }

    /// As [`Partition::fold`], for a record that was examined already.
    pub fn take(&mut self, stream: Stream, record: &LogRecord<'_>, found: &Result<Record, Reject>) {
        for part in &mut self.parts {
            if let Some(topic) = topic_of(part, stream) {
                part.take(topic, record, found);
            }
        }
    }

    /// The least offset of a topic that a part has not read; `None` when nobody reads it.
    pub fn next(&self, stream: Stream) -> Option<i64> {
        self.parts.iter().filter_map(|part| part.position_in(stream)).min()
    }

    /// The parts that are fed.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The same, to be flushed.
    pub fn parts_mut(&mut self) -> &mut [Part] {
        &mut self.parts
    }

    /// The part of this group, if it is fed.
    pub fn part(&self, group: Group) -> Option<&Part> {
        self.parts.iter().find(|part| part.group() == group)
    }
}

fn topic_of(part: &Part, stream: Stream) -> Option<usize> {
    part.group().streams().iter().position(|one| *one == stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{at, purchase};
    use crate::model::money::Currency;
    use crate::stream::part::TakeOver;

    const DOOR: Door = Door { partitions: 1, currency: Currency::EUR };

    fn part(group: Group, from: i64) -> Part {
        Part::new(group, 0, DOOR, group.streams().iter().map(|_| TakeOver::Fresh { from }).collect())
    }

    #[test]
    fn each_part_takes_what_it_has_not_read_and_only_that() {
        let mut partition = Partition::new(0, DOOR);
        [(Group::Trends, 2), (Group::Sessions, 0), (Group::Fraud, 1)]
            .into_iter()
            .for_each(|(group, from)| partition.join(part(group, from)));
        let payload = serde_json::to_vec(&purchase(at(0))).unwrap();
        for offset in 0..3 {
            assert_eq!(partition.next(Stream::Order), Some(offset));
            let record = LogRecord { offset, appended_at: at(0), key: b"u1", payload: &payload };
            partition.fold(Stream::Order, &record);
        }
        let read = |group| {
            let ledger = &partition.part(group).unwrap().frontier().ledger;
            let orders = ledger.iter().filter(|(_, stream, _)| *stream == Stream::Order);
            orders.map(|(_, _, counts)| counts.read).max()
        };
        assert_eq!([Group::Trends, Group::Sessions, Group::Fraud].map(read), [Some(1), Some(3), Some(2)]);
    }
}
