//! What a member of a consumer group holds from an assignment to the next. Pure.
//!
//! A change of the group takes all partitions from all members and gives most of them back. One that comes back as it was
//! left (what is committed of it was committed here) is gone on with: nobody else has brought it any further, and its
//! state is what rereading would give. All others begin from what is committed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::bus::Assigned;
use crate::model::event::Stream;
use crate::model::event::door::Door;
use crate::stream::commits::Commits;
use crate::stream::footprint::cut_to;
use crate::stream::groups::{Group, Reader};
use crate::stream::part::Part;
use crate::stream::partition::Partition;
use crate::stream::position::Positions;
use crate::stream::take_over::{TakeOverError, TakenOver, Truncated, begin, take_over};

/// The partitions of a member, and what may be committed of them.
#[derive(Default)]
pub struct Holding {
    /// By number.
    pub partitions: BTreeMap<i32, Partition>,
    /// Those of them that are gone on with.
    pub kept: BTreeSet<i32>,
    /// Parts that have reread and wait to be fed with the others.
    pub joining: Vec<Part>,
    /// What is acknowledged.
    pub commits: Commits,
    /// Topics that had lost records that were needed.
    pub truncated: Vec<Truncated>,
}

/// Where reading must go to: the topic's number in the reader, the partition, the offset.
pub type Spot = (usize, i32, i64);

impl Holding {
    /// Takes over an assignment, and goes on with what was held `before` where that is still the last. Gives besides the
    /// parts that must reread apart before they can join.
    ///
    /// # Errors
    /// [`TakeOverError`] for the first partition that cannot be taken over.
    pub fn take_over(
        reader: Reader,
        door: Door,
        assigned: &[Assigned],
        mut before: Self,
    ) -> Result<(Self, BTreeMap<Group, Vec<Part>>), TakeOverError> {
        let mut holding = Self::default();
        let mut behind: BTreeMap<Group, Vec<Part>> = BTreeMap::new();
        for (number, taken) in take_over(reader, door.partitions, assigned)? {
            let TakenOver { mut starts, committed, truncated } = taken;
            let is_last = before.is_last(reader, number, assigned, &committed);
            holding.commits.take_over(number, committed);
            if let Some(partition) = before.partitions.remove(&number).filter(|_| is_last) {
                holding.partitions.insert(number, partition);
                holding.kept.insert(number);
                holding.truncated.extend(before.truncated.iter().filter(|log| log.partition == number));
                continue;
            }
            holding.truncated.extend(truncated);
            let mut partition = Partition::new(number, door);
            for group in reader.groups() {
                let starts = starts.remove(group).unwrap_or_default();
                let part = Part::new(*group, number, door, starts);
                if partition.reads_from(&part) {
                    partition.join(part);
                } else {
                    behind.entry(*group).or_default().push(part);
                }
            }
            holding.partitions.insert(number, partition);
        }
        Ok((holding, behind))
    }

    /// What there is to go on with when the group changes: nothing, unless what was on its way is known to be written. It
    /// was not committed then, so the next flush commits again.
    pub fn laid_aside(mut self, is_written: bool) -> Self {
        if !is_written {
            return Self::default();
        }
        self.parts_mut().for_each(Part::flush_again);
        self
    }

    /// Whether a partition that is given back is held as far as anybody has brought it.
    fn is_last(
        &self,
        reader: Reader,
        number: i32,
        assigned: &[Assigned],
        committed: &BTreeMap<Stream, Positions>,
    ) -> bool {
        let Some(partition) = self.partitions.get(&number) else { return false };
        let is_whole = reader.groups().iter().all(|group| partition.part(*group).is_some());
        // Else a part has yet to go back, records were deleted unread, or the log is shorter than it was.
        let goes_on = |one: &Assigned| {
            let next = reader.streams().get(one.topic).and_then(|stream| partition.next(*stream));
            next.is_some_and(|next| begin(reader, one) <= next && next <= one.end)
        };
        let mut topics = assigned.iter().filter(|one| one.partition == number);
        is_whole && topics.all(goes_on) && self.commits.are_last(number, committed)
    }

    /// The parts that are fed.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.partitions.values().flat_map(Partition::parts)
    }

    /// The same, to be changed.
    pub fn parts_mut(&mut self) -> impl Iterator<Item = &mut Part> {
        self.partitions.values_mut().flat_map(Partition::parts_mut)
    }

    /// The partitions that a flush goes through, in turn: all but these.
    pub fn round(&self, refused: &BTreeSet<i32>) -> VecDeque<i32> {
        self.partitions.keys().copied().filter(|number| !refused.contains(number)).collect()
    }

    /// Has the next flush keep all open windows within so many bytes, by closing the oldest ones of the
    /// largest parts before their time. Whether any must be.
    pub fn keep_within(&mut self, bytes_max: usize) -> bool {
        let bytes = self.parts_mut().map(Part::bytes).collect();
        let most = cut_to(bytes, bytes_max);
        self.parts_mut().for_each(|part| part.keep_within(most.unwrap_or(usize::MAX)));
        most.is_some()
    }

    /// Where reading can go ahead to: up to there everything is held of the partitions that are gone on with.
    pub fn ways_ahead(&self, reader: Reader) -> Vec<Spot> {
        let kept = self.kept.iter().filter_map(|number| self.partitions.get_key_value(number));
        let spots = kept.flat_map(|(number, partition)| {
            let spot = |(topic, stream): (usize, &Stream)| Some((topic, *number, partition.next(*stream)?));
            reader.streams().iter().enumerate().filter_map(spot)
        });
        spots.collect()
    }

    /// Where reading must go back to before the waiting parts join.
    pub fn ways_back(&self, reader: Reader) -> Vec<Spot> {
        let mut ways: BTreeMap<(usize, i32), i64> = BTreeMap::new();
        for part in &self.joining {
            for (topic, stream) in reader.streams().iter().enumerate() {
                let here = self.partitions.get(&part.partition()).and_then(|all| all.next(*stream));
                let there = part.position_in(*stream);
                if let (Some(here), Some(there)) = (here, there)
                    && there < here
                {
                    let way = ways.entry((topic, part.partition())).or_insert(there);
                    *way = there.min(*way);
                }
            }
        }
        ways.into_iter().map(|((topic, partition), offset)| (topic, partition, offset)).collect()
    }

    /// Has the waiting parts fed from now on. Reading must have gone back to [`Holding::ways_back`].
    pub fn join(&mut self) {
        for part in self.joining.drain(..) {
            if let Some(partition) = self.partitions.get_mut(&part.partition()) {
                partition.join(part);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{at, purchase};
    use crate::model::money::Currency;
    use crate::stream::ends::LogEnds;
    use crate::stream::flight::{Acknowledged, Load};
    use crate::stream::part::{LogRecord, TakeOver};
    use crate::stream::position::encode;

    const READER: Reader = Reader::Processor;
    const DOOR: Door = Door { partitions: 1, currency: Currency::EUR };

    /// Partition 0 of every topic, with what is committed of it.
    fn assigned(committed: &BTreeMap<Stream, Positions>) -> Vec<Assigned> {
        let assigned = |(topic, stream): (usize, &Stream)| {
            let committed = committed.get(stream).map(|positions| (0, encode(positions)));
            Assigned { topic, partition: 0, committed, first: 0, end: 10 }
        };
        READER.streams().iter().enumerate().map(assigned).collect()
    }

    fn take_over(committed: &BTreeMap<Stream, Positions>, before: Holding) -> Holding {
        Holding::take_over(READER, DOOR, &assigned(committed), before).unwrap().0
    }

    /// A holding that has read an order, and all that a flush of it has to commit.
    fn held() -> (Holding, Vec<Acknowledged>) {
        let mut holding = take_over(&BTreeMap::new(), Holding::default());
        let payload = serde_json::to_vec(&purchase(at(0))).unwrap();
        let record = LogRecord { offset: 0, appended_at: at(0), key: b"u1", payload: &payload };
        holding.partitions.get_mut(&0).unwrap().fold(Stream::Order, &record);
        let mut round = holding.round(&BTreeSet::new());
        let (ends, mut told) = (LogEnds::default(), BTreeMap::new());
        let mut load = Load::of(&mut holding.partitions, &mut round, usize::MAX, &ends, &mut told);
        (holding, load.take_positions())
    }

    fn positions(acknowledged: &[Acknowledged]) -> BTreeMap<Stream, Positions> {
        let mut positions: BTreeMap<Stream, Positions> = BTreeMap::new();
        for Acknowledged { stream, group, position, .. } in acknowledged {
            positions.entry(*stream).or_default().insert(*group, position.clone());
        }
        positions
    }

    fn next(holding: &Holding) -> Option<i64> {
        holding.partitions.get(&0).and_then(|partition| partition.next(Stream::Order))
    }

    #[test]
    fn a_partition_that_comes_back_as_it_was_left_is_gone_on_with() {
        // Nothing of it was committed yet, or all of it.
        let (before, _) = held();
        let holding = take_over(&BTreeMap::new(), before);
        assert_eq!((next(&holding), holding.kept.len()), (Some(1), 1));
        assert_eq!(holding.ways_ahead(READER), [(0, 0, 0), (1, 0, 0), (2, 0, 1)]);
        let (mut before, flushed) = held();
        let committed = positions(&flushed);
        let commits = before.commits.acknowledge(flushed);
        before.commits.taken(&commits);
        assert_eq!(next(&take_over(&committed, before)), Some(1));
    }

    #[test]
    fn a_partition_that_somebody_else_has_brought_further_is_rebuilt() {
        let (before, flushed) = held();
        assert_eq!(next(&take_over(&positions(&flushed), before)), Some(0));
    }

    /// What is made of a partition whose logs are others than they were.
    fn taken_over_of(change: impl FnMut(&mut Assigned)) -> Holding {
        let (before, _) = held();
        let mut assigned = assigned(&BTreeMap::new());
        assigned.iter_mut().for_each(change);
        Holding::take_over(READER, DOOR, &assigned, before).unwrap().0
    }

    #[test]
    fn a_partition_whose_unread_records_are_gone_is_rebuilt() {
        assert_eq!(next(&taken_over_of(|one| one.first = 5)), Some(5));
    }

    #[test]
    fn a_partition_whose_log_is_shorter_than_what_was_read_is_rebuilt() {
        assert_eq!(next(&taken_over_of(|one| one.end = 0)), Some(0));
    }

    #[test]
    fn what_was_told_of_a_truncated_log_stays_told_while_the_partition_is_kept() {
        let (mut before, _) = held();
        let truncated = Truncated { stream: Stream::Order, partition: 0, unread: 7 };
        before.truncated.push(truncated);
        assert_eq!(take_over(&BTreeMap::new(), before).truncated, [truncated]);
    }

    #[test]
    fn a_flush_of_which_nobody_knows_whether_it_is_written_leaves_nothing_to_go_on_with() {
        let (before, _) = held();
        assert_eq!(next(&take_over(&BTreeMap::new(), before.laid_aside(false))), Some(0));
        let (before, _) = held();
        assert!(before.parts().all(Part::is_flushed));
        let holding = take_over(&BTreeMap::new(), before.laid_aside(true));
        assert!(!holding.parts().any(Part::is_flushed), "it is to be committed again");
    }

    #[test]
    fn a_partition_of_which_a_group_is_still_rereading_is_rebuilt() {
        let (mut before, flushed) = held();
        let committed = positions(&flushed);
        let commits = before.commits.acknowledge(flushed);
        before.commits.taken(&commits);
        let mut without = Partition::new(0, DOOR);
        // Where reading can go on, so that nothing but the missing groups stands against it.
        let starts = Group::Trends.streams().iter().map(|_| TakeOver::Fresh { from: 5 });
        without.join(Part::new(Group::Trends, 0, DOOR, starts.collect()));
        before.partitions.insert(0, without);
        assert_eq!(next(&take_over(&committed, before)), Some(0));
    }
}
