//! A flush on its way, and what to commit when it is acknowledged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::model::event::Stream;
use crate::stream::ends::LogEnds;
use crate::stream::groups::Group;
use crate::stream::part::{Flush, Part};
use crate::stream::partition::Partition;
use crate::stream::position::Position;
use crate::stream::sink::{FrontierReport, Outcome, Sink};

/// What the parts want written now.
#[derive(Default)]
pub struct Load {
    /// Their flushes.
    pub flushes: Vec<Flush>,
    reports: Vec<FrontierReport>,
}

/// A flush on its way.
pub struct Flight {
    task: JoinHandle<Outcome>,
    positions: Vec<Acknowledged>,
    started: Instant,
}

/// A group's position in a topic of a partition whose effects are acknowledged.
pub struct Acknowledged {
    /// The partition.
    pub partition: i32,
    /// The topic.
    pub stream: Stream,
    /// Whose.
    pub group: Group,
    /// How far.
    pub position: Position,
}

/// A flush that is acknowledged.
pub struct Landed {
    /// What may be committed now.
    pub acknowledged: Vec<Acknowledged>,
    /// Partitions with a result that Elasticsearch will never take, and why.
    pub refused: Vec<(i32, String)>,
    /// How far the results are, to be told.
    pub reports: Vec<FrontierReport>,
}

impl Load {
    /// Asks the partitions of a round for what has changed, until so many documents have come together; the others are
    /// left in the round. `told` holds whether each part was last reported as drained.
    pub fn of(
        partitions: &mut BTreeMap<i32, Partition>,
        round: &mut VecDeque<i32>,
        documents_max: usize,
        ends: &LogEnds,
        told: &mut BTreeMap<(Group, i32), bool>,
    ) -> Self {
        let (mut load, mut documents) = (Self::default(), 0);
        while documents < documents_max
            && let Some(number) = round.pop_front()
        {
            let parts = partitions.get_mut(&number).into_iter().flat_map(Partition::parts_mut);
            for part in parts {
                documents += load.add(part, ends, told);
            }
        }
        load
    }

    /// Asks a part for what has changed, and says how many documents that are.
    fn add(&mut self, part: &mut Part, ends: &LogEnds, told: &mut BTreeMap<(Group, i32), bool>) -> usize {
        let (group, partition) = (part.group(), part.partition());
        let flush = part.flush();
        let drained = ends.has_drained(part);
        let news = part.has_caught_up() && told.get(&(group, partition)) != Some(&drained);
        if flush.is_some() || news {
            told.insert((group, partition), drained);
            let frontier = part.frontier();
            self.reports.push(FrontierReport { group, partition, frontier, drained });
        }
        let documents = flush.as_ref().map_or(0, |flush| flush.documents.len());
        self.flushes.extend(flush);
        documents
    }

    /// Whether there is nothing to write or to tell.
    pub fn is_empty(&self) -> bool {
        self.flushes.is_empty() && self.reports.is_empty()
    }

    /// Whether there is something to write.
    pub fn has_documents(&self) -> bool {
        self.flushes.iter().any(|flush| !flush.documents.is_empty())
    }

    /// Windows that were closed before their time.
    pub fn closed_early(&self) -> usize {
        self.flushes.iter().map(|flush| flush.closed_early).sum()
    }

    /// Leaves out partitions of which a result was refused since it was put together: they must not be committed.
    pub fn leave_out(&mut self, refused: &BTreeSet<i32>) {
        self.flushes.retain(|flush| !refused.contains(&flush.partition));
        self.reports.retain(|report| !refused.contains(&report.partition));
    }

    /// Takes out what may be committed when everything is acknowledged.
    pub fn take_positions(&mut self) -> Vec<Acknowledged> {
        let positions = self.flushes.iter_mut().flat_map(|flush| {
            let (partition, group) = (flush.partition, flush.group);
            let all = flush.positions.drain(..);
            all.map(move |(stream, position)| Acknowledged { partition, stream, group, position })
        });
        positions.collect()
    }

    /// Sends it on its way; `None` when there is nothing.
    pub fn launch(mut self, sink: &Sink, runtime: &Handle) -> Option<Flight> {
        if self.is_empty() {
            return None;
        }
        let positions = self.take_positions();
        let task = runtime.spawn(sink.clone().carry_out(self.flushes, self.reports));
        Some(Flight { task, positions, started: Instant::now() })
    }
}

impl Flight {
    /// Whether everything is acknowledged.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// How long it has been on its way.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Gives it up. What is written by then does no harm.
    pub fn abort(self) {
        self.task.abort();
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When carrying it out panicked, which is a bug.
    pub fn land(self, runtime: &Handle) -> anyhow::Result<Landed> {
        let outcome = runtime.block_on(self.task).context("a flush ended early")?;
        Ok(Landed::of(self.positions, outcome))
    }
}

impl Landed {
    /// Says what may be committed: nothing of a partition with a refused result.
    pub fn of(positions: Vec<Acknowledged>, outcome: Outcome) -> Self {
        let Outcome { refused, reports } = outcome;
        let accepted = |partition: &i32| !refused.iter().any(|(one, _)| one == partition);
        let acknowledged = positions.into_iter().filter(|one| accepted(&one.partition)).collect();
        Self { acknowledged, refused, reports }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Record;
    use crate::model::event::door::Door;
    use crate::model::event::tests::{at, view};
    use crate::model::money::Currency;
    use crate::stream::part::{LogRecord, TakeOver};

    const DOOR: Door = Door { partitions: 1, currency: Currency::EUR };

    /// One that has read a view.
    fn part(partition: i32) -> Part {
        let starts = Group::Trends.streams().iter().map(|_| TakeOver::Fresh { from: 0 }).collect();
        let mut part = Part::new(Group::Trends, partition, DOOR, starts);
        let record = LogRecord { offset: 0, appended_at: at(0), key: b"u1", payload: b"" };
        part.take(1, &record, &Ok(Record::Event(Box::new(view(at(0))))));
        part
    }

    fn partitions_of(mut load: Load) -> Vec<i32> {
        load.take_positions()
            .iter()
            .filter(|one| one.stream == Stream::Product)
            .map(|one| one.partition)
            .collect()
    }

    #[test]
    fn what_does_not_fit_into_a_load_is_left_to_the_next() {
        let mut partitions: BTreeMap<i32, Partition> = BTreeMap::new();
        for number in 0..5 {
            let mut partition = Partition::new(number, DOOR);
            partition.join(part(number));
            partitions.insert(number, partition);
        }
        let (mut round, ends, mut told) = (VecDeque::from([0, 1, 3, 4]), LogEnds::default(), BTreeMap::new());
        let mut load = || partitions_of(Load::of(&mut partitions, &mut round, 3, &ends, &mut told));
        assert_eq!([load(), load(), load()], [vec![0, 1, 3], vec![4], vec![]]);
    }

    #[test]
    fn what_was_put_together_before_a_result_was_refused_does_not_commit_its_partition() {
        let flushes = [0, 1].map(|number| part(number).flush().unwrap());
        let mut load = Load { flushes: flushes.into(), reports: Vec::new() };
        load.leave_out(&BTreeSet::from([0]));
        assert_eq!(partitions_of(load), [1]);
    }
}
