//! A flush on its way, and what to commit when it is acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::bus::Commit;
use crate::model::event::Stream;
use crate::stream::ends::LogEnds;
use crate::stream::part::{Flush, Part};
use crate::stream::position::Position;
use crate::stream::sink::{FrontierReport, Outcome, Sink};

/// What the parts want written now.
#[derive(Default)]
pub struct Load {
    flushes: Vec<Flush>,
    reports: Vec<FrontierReport>,
}

/// A flush on its way.
pub struct Flight {
    task: JoinHandle<Outcome>,
    positions: Vec<(i32, Stream, Position)>,
    started: Instant,
    /// Whether the partitions were paused while waiting for it.
    pub paused: bool,
}

/// A flush that is acknowledged.
pub struct Landed {
    /// What may be committed now.
    pub commits: Vec<Commit>,
    /// Partitions with a result that Elasticsearch will never take, and why.
    pub refused: Vec<(i32, String)>,
}

impl Load {
    /// Asks the parts for what has changed. `told` holds whether each partition was last reported as
    /// drained; partitions in `refused` are left alone.
    pub fn of(
        parts: &mut BTreeMap<i32, Part>,
        refused: &BTreeSet<i32>,
        ends: &LogEnds,
        told: &mut BTreeMap<i32, bool>,
    ) -> Self {
        let mut load = Self::default();
        for (partition, part) in parts.iter_mut().filter(|(partition, _)| !refused.contains(partition)) {
            let flush = part.flush();
            let drained = ends.has_drained(part, *partition);
            let news = part.has_caught_up() && told.get(partition) != Some(&drained);
            if flush.is_some() || news {
                told.insert(*partition, drained);
                let frontier = part.frontier();
                load.reports.push(FrontierReport { partition: *partition, frontier, drained });
            }
            load.flushes.extend(flush);
        }
        load
    }

    /// Sends it on its way; `None` when there is nothing.
    pub fn launch(mut self, sink: &Sink, runtime: &Handle) -> Option<Flight> {
        if self.flushes.is_empty() && self.reports.is_empty() {
            return None;
        }
        let positions = self.flushes.iter_mut().flat_map(|flush| {
            let partition = flush.partition;
            flush.positions.drain(..).map(move |(stream, position)| (partition, stream, position))
        });
        let positions = positions.collect();
        let task = runtime.spawn(sink.clone().carry_out(self.flushes, self.reports));
        Some(Flight { task, positions, started: Instant::now(), paused: false })
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

    /// Waits for the end, and says what may be committed: nothing of a partition with a refused result.
    ///
    /// # Errors
    /// When carrying it out panicked, which is a bug.
    pub fn land(self, runtime: &Handle) -> anyhow::Result<Landed> {
        let Outcome { refused } = runtime.block_on(self.task).context("a flush ended early")?;
        let accepted = |partition: &i32| !refused.iter().any(|(one, _)| one == partition);
        let positions = self.positions.into_iter().filter(|(partition, _, _)| accepted(partition));
        let commit = |(partition, stream, position): (i32, Stream, Position)| Commit {
            stream,
            partition,
            offset: position.replay_from,
            metadata: position.facts.encode(),
        };
        Ok(Landed { commits: positions.map(commit).collect(), refused })
    }
}
