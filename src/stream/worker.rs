//! One member of one consumer group: reads, folds, flushes, commits. A thin loop around [`Part`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::runtime::Handle;

use crate::bus::{Bus, Change, GroupConsumer, Received};
use crate::model::event::door::Door;
use crate::model::event::tick;
use crate::model::time::Timestamp;
use crate::stream::ends::LogEnds;
use crate::stream::flight::{Flight, Load};
use crate::stream::groups::Group;
use crate::stream::part::{LogRecord, Part};
use crate::stream::quiet::{Now, QuietTopics, is_live, too_far_ahead};
use crate::stream::sink::Sink;
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
    ends: LogEnds,
    /// Whether each partition was last reported as drained.
    told_drained: BTreeMap<i32, bool>,
    quiet: QuietTopics,
    in_flight: Option<Flight>,
    /// Whether partitions are assigned, be it none.
    assigned: bool,
    commit_trouble_told: bool,
    flushed_at: Instant,
    measured_at: Instant,
    reported_at: Instant,
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
            ends: LogEnds::default(),
            told_drained: BTreeMap::new(),
            quiet: QuietTopics::default(),
            in_flight: None,
            assigned: false,
            commit_trouble_told: false,
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
            self.hold_back()?;
            self.finish_flush()?;
            self.measure();
            self.start_flush();
            if self.pace.until_drained && self.is_done()? {
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
        for _ in 0..RECORDS_PER_ROUND {
            // Nothing came, or the group changed: which must be seen before the next record.
            if !self.read_one()? {
                break;
            }
        }
        Ok(())
    }

    fn read_one(&mut self) -> anyhow::Result<bool> {
        let (parts, refused) = (&mut self.parts, &self.refused);
        let fold = |record: Received<'_>| {
            // A record of a partition that was just lost is of no use to us.
            let Some(part) = parts.get_mut(&record.partition) else { return };
            if refused.contains(&record.partition) {
                return;
            }
            let Received { topic, offset, appended_at, key, payload, .. } = record;
            part.fold(topic, LogRecord { offset, appended_at, key, payload });
        };
        Ok(self.consumer.poll(POLL_WAIT, fold)?.is_some())
    }

    /// Whether a flush is due while the one before is still on its way.
    fn stands_still(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|flight| !flight.is_finished()) && self.is_due()
    }

    fn is_due(&self) -> bool {
        let waiting: usize = self.parts.values().map(Part::waiting).sum();
        self.flushed_at.elapsed() >= self.pace.flush_every || waiting >= WAITING_MAX
    }

    fn wait_for_flush(&mut self) -> anyhow::Result<()> {
        let all = self.all_topics();
        let Some(flight) = &mut self.in_flight else { return Ok(()) };
        if flight.paused {
            self.read_one()?;
        } else if flight.age() > STAND_STILL_MAX {
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
                flight.abort();
            }
            self.parts.clear();
            self.held_back.clear();
            self.told_drained.clear();
            self.ends.clear();
            self.assigned = false;
            match change {
                Change::Revoked => {}
                Change::Failed(error) => {
                    tracing::warn!(group = self.group.name(), %error, "taking over partitions failed; joining again");
                    self.consumer.rejoin()?;
                }
                Change::Assigned(assigned) => {
                    for (partition, starts) in take_over(self.group, self.door.partitions, &assigned)? {
                        self.parts.insert(partition, Part::new(self.group, partition, self.door, starts));
                    }
                    self.assigned = true;
                    let partitions = self.parts.len();
                    tracing::info!(group = self.group.name(), partitions, "partitions taken over");
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
        let load = Load::of(&mut self.parts, &self.refused, &self.ends, &mut self.told_drained);
        self.in_flight = load.launch(&self.sink, &self.runtime);
    }

    /// Commits a flush that is acknowledged.
    fn finish_flush(&mut self) -> anyhow::Result<()> {
        let Some(flight) = self.in_flight.take_if(|flight| flight.is_finished()) else { return Ok(()) };
        let paused = flight.paused;
        let landed = flight.land(&self.runtime)?;
        for (partition, reason) in landed.refused {
            tracing::error!(
                group = self.group.name(),
                partition,
                reason,
                "Elasticsearch refuses a result for good; this partition is not read on until the mapping is mended \
                 and the processor restarted"
            );
            self.refused.insert(partition);
        }
        if !landed.commits.is_empty() {
            let result = self.consumer.commit(&landed.commits);
            self.tell_commit(result.err().map(anyhow::Error::from));
        }
        if paused {
            let all = self.all_topics();
            let wanted: Vec<_> = all.into_iter().filter(|topic| !self.held_back.contains(topic)).collect();
            self.consumer.resume(&wanted)?;
        }
        Ok(())
    }

    /// A commit that is not taken does no harm: either the partitions are somebody else's by now, or the
    /// next flush commits again.
    fn tell_commit(&mut self, trouble: Option<anyhow::Error>) {
        let Some(error) = trouble else {
            self.commit_trouble_told = false;
            return;
        };
        self.parts.values_mut().for_each(Part::flush_again);
        if !std::mem::replace(&mut self.commit_trouble_told, true) {
            tracing::warn!(group = self.group.name(), error = format!("{error:#}"), "a commit was not taken");
        }
    }

    /// Looks how long the topics are, and what follows from it.
    fn measure(&mut self) {
        if self.measured_at.elapsed() < MEASURE_EVERY || self.parts.is_empty() {
            return;
        }
        self.measured_at = Instant::now();
        match self.consumer.log_ends() {
            Ok(ends) => self.ends.update(ends),
            // A broker that does not answer is told by `poll`.
            Err(error) => tracing::debug!(%error, "the ends of the topics are not known now"),
        }
        if self.group.ticks() {
            self.send_ticks();
        }
        if self.reported_at.elapsed() >= REPORT_EVERY {
            self.reported_at = Instant::now();
            self.report();
        }
    }

    /// States in each quiet topic how far event time has come, so that its windows can close. A tick that
    /// cannot be sent now is sent later.
    fn send_ticks(&mut self) {
        let newest = self.parts.values().filter_map(Part::newest).max();
        let now = Now { live: is_live(newest), instant: Instant::now(), time: Timestamp::now() };
        for (partition, part) in &self.parts {
            for (topic, progress) in self.ends.progress(part, *partition).into_iter().enumerate() {
                let due = self.quiet.tick_due((topic, *partition), progress, now);
                let (Some(at), Some(stream)) = (due, self.group.streams().get(topic)) else { continue };
                let sent = self.sink.producer.offer_to_partition(stream.topic(), *partition, &tick(at));
                if let Err(error) = sent {
                    tracing::debug!(%error, "a tick was not sent");
                }
            }
        }
    }

    /// Pauses the topics of a partition that are far ahead in event time of one that has a backlog.
    fn hold_back(&mut self) -> anyhow::Result<()> {
        let paused = self.in_flight.as_ref().is_some_and(|flight| flight.paused);
        if !self.group.folds_topics_together() || paused {
            return Ok(());
        }
        let mut ahead = BTreeSet::new();
        for (partition, part) in &self.parts {
            let held = |topic: &usize| self.held_back.contains(&(*topic, *partition));
            let topics = too_far_ahead(&self.ends.progress(part, *partition), held);
            ahead.extend(topics.into_iter().map(|topic| (topic, *partition)));
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
        // Each operator accounts for every record by itself; one of them says it all but what is late.
        let operator =
            frontiers.iter().flat_map(|frontier| frontier.ledger.last()).map(|(name, _, _)| *name).next();
        let all = || frontiers.iter().flat_map(|frontier| &frontier.ledger);
        let of_one = || all().filter(|(name, _, _)| Some(*name) == operator).map(|(_, _, counts)| counts);
        tracing::info!(
            group = self.group.name(),
            partitions = self.parts.len(),
            read = of_one().map(|counts| counts.read).sum::<u64>(),
            lag = self.ends.lag(&self.parts),
            duplicate = of_one().map(|counts| counts.duplicate).sum::<u64>(),
            dead = of_one().map(|counts| counts.dead).sum::<u64>(),
            late = all().map(|(_, _, counts)| counts.late).sum::<u64>(),
            open_windows = frontiers.iter().map(|frontier| frontier.open_windows).sum::<usize>(),
            replayed = frontiers.iter().map(|frontier| frontier.replayed).sum::<u64>(),
            "progress"
        );
    }

    /// Whether everything that the topics hold is read and acknowledged.
    fn is_done(&self) -> anyhow::Result<bool> {
        if !self.refused.is_empty() {
            bail!("Elasticsearch refused results of the partitions {:?} for good", self.refused);
        }
        let done = |(partition, part): (&i32, &Part)| {
            self.told_drained.get(partition) == Some(&true)
                && part.is_flushed()
                && self.ends.has_drained(part, *partition)
        };
        Ok(self.assigned && self.in_flight.is_none() && self.parts.iter().all(done))
    }

    /// Flushes a last time, commits, and leaves the group.
    fn close(mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + STOP_WAIT;
        for _ in 0..2 {
            self.flushed_at = Instant::now() - self.pace.flush_every;
            self.start_flush();
            while self.in_flight.as_ref().is_some_and(|flight| !flight.is_finished()) {
                if Instant::now() >= deadline {
                    let group = self.group.name();
                    tracing::warn!(
                        group,
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
