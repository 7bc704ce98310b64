//! One member of one consumer group: reads, folds, flushes, commits. A thin loop around [`Part`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::bus::{Bus, Change, Commit, GroupConsumer};
use crate::model::event::door::Door;
use crate::model::event::{Stream, tick};
use crate::model::time::Timestamp;
use crate::stream::groups::Group;
use crate::stream::part::{Flush, LogRecord, Part};
use crate::stream::position::Position;
use crate::stream::quiet::{Now, Progress, QuietTopics, is_live, too_far_ahead};
use crate::stream::sink::{FrontierReport, Outcome, Sink};
use crate::stream::take_over::take_over;

/// Longest wait for a record: how soon a due flush or a stop is seen when nothing comes.
const POLL_WAIT: Duration = Duration::from_millis(20);
/// Records between two looks at the clock.
const RECORDS_PER_ROUND: usize = 1_000;
/// Documents that may wait before a flush is due whatever the time: bounds memory while draining.
const WAITING_MAX: usize = 10_000;
/// How long reading may stand still for a flush before the partitions are paused and only polled for
/// the group's sake. Far below `max.poll.interval.ms`; pausing throws away what was fetched ahead.
const STAND_STILL_MAX: Duration = Duration::from_secs(5);
/// Time between two looks at how long the topics are.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// Time between two lines in the log.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// Longest wait for a flush when stopping. What is not acknowledged then is read again by the next.
const STOP_WAIT: Duration = Duration::from_secs(8);

/// How a worker works.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time between two flushes.
    pub flush_every: Duration,
    /// End when everything is read and acknowledged.
    pub until_drained: bool,
}

/// A member of one group.
pub struct Worker {
    group: Group,
    door: Door,
    pace: Pace,
    consumer: GroupConsumer,
    sink: Sink,
    runtime: Handle,
    parts: BTreeMap<i32, Part>,
    /// Partitions with a result that was refused: read no further, committed no further.
    refused: BTreeSet<i32>,
    /// The topics that are paused to let the others of their partition catch up.
    held_back: BTreeSet<(usize, i32)>,
    ends: BTreeMap<(usize, i32), i64>,
    drained: BTreeMap<i32, bool>,
    quiet: QuietTopics,
    in_flight: Option<InFlight>,
    joined: bool,
    flushed_at: Instant,
    measured_at: Instant,
    reported_at: Instant,
}

/// A flush on its way, with what to commit when it is acknowledged.
struct InFlight {
    task: JoinHandle<Outcome>,
    positions: Vec<(i32, Stream, Position)>,
    started: Instant,
    paused: bool,
}

impl Worker {
    /// Joins the group. To be called where a runtime is, which carries the flushes out.
    ///
    /// # Errors
    /// When Kafka's client refuses the settings.
    pub fn join(group: Group, door: Door, pace: Pace, bus: &Bus, sink: Sink) -> anyhow::Result<Self> {
        let consumer = GroupConsumer::join(bus, group.name(), group.streams())?;
        let now = Instant::now();
        Ok(Self {
            group,
            door,
            pace,
            consumer,
            sink,
            runtime: Handle::current(),
            parts: BTreeMap::new(),
            refused: BTreeSet::new(),
            held_back: BTreeSet::new(),
            ends: BTreeMap::new(),
            drained: BTreeMap::new(),
            quiet: QuietTopics::default(),
            in_flight: None,
            joined: false,
            flushed_at: now,
            measured_at: now,
            reported_at: now,
        })
    }

    /// Works until told to stop, or until everything is drained where that was asked for.
    ///
    /// # Errors
    /// What does not pass by itself: a position that is not ours, a topic that was made anew, records
    /// deleted before they were read.
    pub fn run(mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        while !stop.load(Ordering::Relaxed) {
            self.read()?;
            self.take_changes()?;
            self.finish_flush()?;
            self.measure()?;
            self.start_flush();
            if self.pace.until_drained && self.is_done() {
                tracing::info!(group = self.group.name(), "drained");
                break;
            }
        }
        self.close()
    }

    /// Reads and folds for a moment.
    fn read(&mut self) -> anyhow::Result<()> {
        if self.stands_still() {
            return self.wait_for_flush();
        }
        let (parts, refused) = (&mut self.parts, &self.refused);
        for _ in 0..RECORDS_PER_ROUND {
            let folded = self.consumer.poll(POLL_WAIT, |record| {
                // A record of a partition that was just lost is of no use to us.
                let Some(part) = parts.get_mut(&record.partition) else { return };
                if refused.contains(&record.partition) {
                    return;
                }
                let (offset, appended_at) = (record.offset, record.appended_at);
                part.fold(
                    record.topic,
                    LogRecord { offset, appended_at, key: record.key, payload: record.payload },
                );
            })?;
            // Nothing came, or the group changed: which must be seen before the next record.
            if folded.is_none() {
                break;
            }
        }
        self.hold_back()
    }

    /// Whether a flush is due while the one before is still on its way.
    fn stands_still(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|flight| !flight.task.is_finished()) && self.is_due()
    }

    fn is_due(&self) -> bool {
        let waiting: usize = self.parts.values().map(Part::waiting).sum();
        self.flushed_at.elapsed() >= self.pace.flush_every || waiting >= WAITING_MAX
    }

    fn wait_for_flush(&mut self) -> anyhow::Result<()> {
        let all = self.all_topics();
        let Some(flight) = &mut self.in_flight else { return Ok(()) };
        if flight.paused {
            self.consumer.poll(POLL_WAIT, |_| ())?;
        } else if flight.started.elapsed() > STAND_STILL_MAX {
            self.consumer.pause(&all)?;
            flight.paused = true;
        } else {
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn all_topics(&self) -> Vec<(usize, i32)> {
        let topics = 0..self.group.streams().len();
        self.parts.keys().flat_map(|partition| topics.clone().map(|topic| (topic, *partition))).collect()
    }

    /// Takes over and lets go of partitions.
    fn take_changes(&mut self) -> anyhow::Result<()> {
        while let Some(change) = self.consumer.next_change() {
            // Whatever is on its way may still be written, which does no harm, but is not ours to commit.
            if let Some(flight) = self.in_flight.take() {
                flight.task.abort();
            }
            self.parts.clear();
            self.held_back.clear();
            self.drained.clear();
            self.ends.clear();
            match change {
                Change::Revoked => {}
                Change::Failed(error) => {
                    tracing::warn!(group = self.group.name(), %error, "taking over partitions failed; joining again");
                    self.consumer.rejoin()?;
                }
                Change::Assigned(assigned) => {
                    for (partition, starts) in take_over(self.group, &assigned)? {
                        self.parts.insert(partition, Part::new(self.group, partition, self.door, starts));
                    }
                    self.joined = true;
                    tracing::info!(
                        group = self.group.name(),
                        partitions = self.parts.len(),
                        "partitions taken over"
                    );
                }
            }
        }
        Ok(())
    }

    /// Sends what has changed on its way, if it is time and nothing is on its way.
    fn start_flush(&mut self) {
        if self.in_flight.is_some() || !self.is_due() {
            return;
        }
        self.flushed_at = Instant::now();
        let mut flushes: Vec<Flush> = Vec::new();
        let mut frontiers = Vec::new();
        for (partition, part) in &mut self.parts {
            if self.refused.contains(partition) {
                continue;
            }
            let flush = part.flush();
            let drained = self.ends.iter().filter(|((_, p), _)| p == partition).count()
                == part.positions().len()
                && has_read_to(part, *partition, &self.ends);
            if flush.is_some() || (part.has_caught_up() && self.drained.get(partition) != Some(&drained)) {
                self.drained.insert(*partition, drained);
                frontiers.push(FrontierReport { partition: *partition, frontier: part.frontier(), drained });
            }
            flushes.extend(flush);
        }
        if flushes.is_empty() && frontiers.is_empty() {
            return;
        }
        let positions = flushes.iter_mut().flat_map(|flush| {
            let partition = flush.partition;
            flush.positions.drain(..).map(move |(stream, position)| (partition, stream, position))
        });
        let positions = positions.collect();
        let task = self.runtime.spawn(self.sink.clone().carry_out(flushes, frontiers));
        self.in_flight = Some(InFlight { task, positions, started: Instant::now(), paused: false });
    }

    /// Commits a flush that is acknowledged.
    fn finish_flush(&mut self) -> anyhow::Result<()> {
        let Some(flight) = self.in_flight.take_if(|flight| flight.task.is_finished()) else { return Ok(()) };
        let outcome = self.runtime.block_on(flight.task).context("a flush ended early")?;
        for (partition, reason) in outcome.refused {
            tracing::error!(
                group = self.group.name(),
                partition,
                reason,
                "Elasticsearch refuses a result for good; this partition is not read on until the mapping is mended \
                 and the processor restarted"
            );
            self.refused.insert(partition);
        }
        let accepted =
            flight.positions.into_iter().filter(|(partition, _, _)| !self.refused.contains(partition));
        let commits: Vec<Commit> = accepted
            .map(|(partition, stream, position)| Commit {
                stream,
                partition,
                offset: position.replay_from,
                metadata: position.facts.encode(),
            })
            .collect();
        if !commits.is_empty()
            && let Err(error) = self.consumer.commit(&commits)
        {
            // Either the partitions are somebody else's by now, or a later commit makes it good.
            tracing::warn!(
                group = self.group.name(),
                error = format!("{:#}", anyhow::Error::from(error)),
                "a commit was not taken"
            );
        }
        if flight.paused {
            let all = self.all_topics();
            let wanted: Vec<_> = all.into_iter().filter(|topic| !self.held_back.contains(topic)).collect();
            self.consumer.resume(&wanted)?;
        }
        Ok(())
    }

    /// Looks how long the topics are, and what follows from it.
    fn measure(&mut self) -> anyhow::Result<()> {
        if self.measured_at.elapsed() < MEASURE_EVERY || self.parts.is_empty() {
            return Ok(());
        }
        self.measured_at = Instant::now();
        match self.consumer.log_ends() {
            Ok(ends) => {
                self.ends =
                    ends.into_iter().map(|(topic, partition, end)| ((topic, partition), end)).collect()
            }
            // A broker that does not answer is told by `poll`; old ends only delay what rests on them.
            Err(error) => tracing::debug!(%error, "the ends of the topics are not known now"),
        }
        if self.group.ticks() {
            self.send_ticks()?;
        }
        if self.reported_at.elapsed() >= REPORT_EVERY {
            self.reported_at = Instant::now();
            self.report();
        }
        Ok(())
    }

    /// States in each quiet topic how far event time has come, so that its windows can close.
    fn send_ticks(&mut self) -> anyhow::Result<()> {
        let newest = self.parts.values().filter_map(Part::newest).max();
        let now = Now { live: is_live(newest), instant: Instant::now(), time: Timestamp::now() };
        for (partition, part) in &self.parts {
            for (topic, (position, max_ts)) in
                part.positions().into_iter().zip(part.event_times()).enumerate()
            {
                let drained = self.ends.get(&(topic, *partition)) == Some(&position);
                let progress = Progress { position, max_ts, drained };
                let due = self.quiet.tick_due((topic, *partition), progress, now);
                if let (Some(at), Some(stream)) = (due, self.group.streams().get(topic)) {
                    self.sink.producer.send_to_partition(stream.topic(), *partition, &tick(at))?;
                }
            }
        }
        Ok(())
    }

    /// Pauses the topics of a partition that are far ahead in event time of one that has a backlog.
    fn hold_back(&mut self) -> anyhow::Result<()> {
        if !self.group.folds_topics_together() {
            return Ok(());
        }
        let mut ahead = BTreeSet::new();
        for (partition, part) in &self.parts {
            let topics = part.positions().into_iter().zip(part.event_times()).enumerate();
            let progress: Vec<Progress> = topics
                .map(|(topic, (position, max_ts))| {
                    let end = self.ends.get(&(topic, *partition));
                    Progress { position, max_ts, drained: end.is_none_or(|end| position >= *end) }
                })
                .collect();
            let held = |topic: &usize| self.held_back.contains(&(*topic, *partition));
            ahead.extend(too_far_ahead(&progress, held).into_iter().map(|topic| (topic, *partition)));
        }
        if ahead != self.held_back {
            let stop: Vec<_> = ahead.difference(&self.held_back).copied().collect();
            let go_on: Vec<_> = self.held_back.difference(&ahead).copied().collect();
            self.consumer.pause(&stop)?;
            self.consumer.resume(&go_on)?;
            self.held_back = ahead;
        }
        Ok(())
    }

    fn report(&self) {
        let frontiers: Vec<_> = self.parts.values().map(Part::frontier).collect();
        let counts =
            || frontiers.iter().flat_map(|frontier| frontier.ledger.iter().map(|(_, _, counts)| counts));
        let read: i64 =
            frontiers.iter().flat_map(|frontier| frontier.topics.iter().map(|(_, next, _)| next)).sum();
        let lag = self.ends.values().sum::<i64>() - read;
        tracing::info!(
            group = self.group.name(),
            partitions = self.parts.len(),
            read,
            lag = lag.max(0),
            open_windows = frontiers.iter().map(|frontier| frontier.open_windows).sum::<usize>(),
            duplicate = counts().map(|counts| counts.duplicate).sum::<u64>(),
            late = counts().map(|counts| counts.late).sum::<u64>(),
            dead = counts().map(|counts| counts.dead).max().unwrap_or_default(),
            replayed = frontiers.iter().map(|frontier| frontier.replayed).sum::<u64>(),
            "progress"
        );
    }

    /// Whether everything that the topics hold is read and acknowledged.
    fn is_done(&self) -> bool {
        let read = |(partition, part): (&i32, &Part)| {
            self.drained.get(partition) == Some(&true)
                && part.is_flushed()
                && has_read_to(part, *partition, &self.ends)
        };
        self.joined && self.in_flight.is_none() && self.parts.iter().all(read)
    }

    /// Flushes a last time, commits, and leaves the group.
    fn close(mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + STOP_WAIT;
        for _ in 0..2 {
            self.flushed_at = Instant::now() - self.pace.flush_every;
            self.start_flush();
            while self.in_flight.as_ref().is_some_and(|flight| !flight.task.is_finished()) {
                if Instant::now() >= deadline {
                    tracing::warn!(
                        group = self.group.name(),
                        "stopped before everything was acknowledged; it will be read again"
                    );
                    return Ok(());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            self.finish_flush()?;
        }
        self.report();
        Ok(())
    }
}

fn has_read_to(part: &Part, partition: i32, ends: &BTreeMap<(usize, i32), i64>) -> bool {
    let read = |(topic, position)| ends.get(&(topic, partition)).is_some_and(|end| position >= *end);
    part.positions().into_iter().enumerate().all(read)
}
