//! What a member of a consumer group holds from an assignment to the next change: then it is dropped whole,
//! and the next holding begins from what is committed. Pure.

use std::collections::BTreeMap;

use crate::bus::Assigned;
use crate::model::event::door::Door;
use crate::stream::commits::Commits;
use crate::stream::footprint::cut_to;
use crate::stream::groups::{Group, Reader};
use crate::stream::part::Part;
use crate::stream::partition::Partition;
use crate::stream::take_over::{TakeOverError, TakenOver, Truncated, take_over};

/// The partitions of a member, and what may be committed of them.
#[derive(Default)]
pub struct Holding {
    /// By number.
    pub partitions: BTreeMap<i32, Partition>,
    /// Parts that have reread and wait to be fed with the others.
    pub joining: Vec<Part>,
    /// What is acknowledged.
    pub commits: Commits,
    /// Topics that had lost records that were needed.
    pub truncated: Vec<Truncated>,
}

/// Where reading must go back to: the topic's number in the reader, the partition, the offset.
pub type WayBack = (usize, i32, i64);

impl Holding {
    /// Takes over an assignment. Gives besides the parts that must reread apart before they can join.
    ///
    /// # Errors
    /// [`TakeOverError`] for the first partition that cannot be taken over.
    pub fn take_over(
        reader: Reader,
        door: Door,
        assigned: &[Assigned],
    ) -> Result<(Self, BTreeMap<Group, Vec<Part>>), TakeOverError> {
        let mut holding = Self::default();
        let mut behind: BTreeMap<Group, Vec<Part>> = BTreeMap::new();
        for (number, taken) in take_over(reader, door.partitions, assigned)? {
            let TakenOver { mut starts, committed, truncated } = taken;
            holding.truncated.extend(truncated);
            holding.commits.take_over(number, committed);
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

    /// The parts that are fed.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.partitions.values().flat_map(Partition::parts)
    }

    /// The same, to be changed.
    pub fn parts_mut(&mut self) -> impl Iterator<Item = &mut Part> {
        self.partitions.values_mut().flat_map(Partition::parts_mut)
    }

    /// Has the next flush keep all open windows within so many bytes, by closing the oldest ones of the
    /// largest parts before their time.
    pub fn keep_within(&mut self, bytes_max: usize) {
        let bytes = self.parts_mut().map(Part::bytes).collect();
        let most = cut_to(bytes, bytes_max).unwrap_or(usize::MAX);
        self.parts_mut().for_each(|part| part.keep_within(most));
    }

    /// Where reading must go back to before the waiting parts join.
    pub fn ways_back(&self, reader: Reader) -> Vec<WayBack> {
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
