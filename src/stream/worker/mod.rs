//! One member of one consumer group: reads, folds, flushes, commits. A thin loop around [`Holding`].

mod changes;
mod reading;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::bus::{Assigned, Bus, BusError, GroupConsumer, Membership};
use crate::model::event::door::Door;
use crate::model::event::tick;
use crate::model::generation::{Generation, Start};
use crate::model::sample::Sample;
use crate::model::time::Timestamp;
use crate::stream::condition::Condition;
use crate::stream::ends::LogEnds;
use crate::stream::flight::{Acknowledged, Flight, Landed, Load};
use crate::stream::groups::{Group, Reader};
use crate::stream::holding::{Holding, Spot};
use crate::stream::part::Part;
use crate::stream::quiet::{Now, QuietTopics, is_live, too_far_ahead};
use crate::stream::reread::Reread;
use crate::stream::sink::Sink;
use crate::stream::take_over::begin;
use crate::stream::watch::Watch;

/// Documents that may wait before a flush is due whatever the time: bounds memory while draining.
const WAITING_MAX: usize = 10_000;
/// Documents from which on a part of a flush is sent by itself. A partition's are not taken apart.
const LOAD_DOCUMENTS_MAX: usize = 20_000;
/// Time between two looks at how long the topics are.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// Longest wait for the last flushes when stopping. What is not acknowledged then is read again by the next.
const STOP_WAIT: Duration = Duration::from_secs(8);
/// How much longer leaving the group may take.
const LEAVE_WAIT: Duration = Duration::from_secs(1);

/// How a worker works.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time between two flushes.
    pub flush_every: Duration,
    /// End when everything is read and acknowledged.
    pub until_drained: bool,
    /// What the open windows of one worker may take in memory.
    pub bytes_max: usize,
    /// Of which sessions raw events are kept.
    pub archived: Sample,
}

/// Who works.
pub struct Member {
    /// The consumer group.
    pub reader: Reader,
    /// The name by which the group knows it again after a restart.
    pub instance: Option<String>,
    /// Whose results it computes.
    pub generation: Generation,
    /// Where that generation begins.
    pub start: Start,
    /// What is seen of it.
    pub watch: Watch,
}

/// A member of one consumer group.
pub struct Worker {
    reader: Reader,
    door: Door,
    pace: Pace,
    bus: Bus,
    consumer: GroupConsumer,
    sink: Sink,
    runtime: Handle,
    holding: Holding,
    /// What was held until the group changed, while it is not known what comes back.
    laid_aside: Holding,
    /// Where reading is still to go ahead to.
    ahead: Vec<Spot>,
    /// The groups that reread apart.
    rereads: Vec<Reread>,
    /// Partitions with a result that was refused: read no further, committed no further.
    refused: BTreeSet<i32>,
    /// The topics that are paused to let the others of their partition catch up.
    held_back: BTreeSet<(usize, i32)>,
    ends: LogEnds,
    /// Whether each part was last reported as drained.
    told_drained: BTreeMap<(Group, i32), bool>,
    quiet: QuietTopics,
    in_flight: Option<Flight>,
    /// What is sent when that has landed.
    next_load: Option<Load>,
    /// What is being told of earlier ones.
    telling: Option<JoinHandle<()>>,
    /// The partitions that the flush has not come to yet.
    round: VecDeque<i32>,
    /// Since when reading stands still.
    still_since: Option<Instant>,
    /// Whether the partitions are paused meanwhile.
    paused: bool,
    /// Whether partitions are assigned, be it none.
    assigned: bool,
    commit_trouble_told: bool,
    watch: Watch,
    flushed_at: Instant,
    /// Records read since then.
    read_since_flush: usize,
    /// Whether anything was written since partitions were taken over.
    has_written: bool,
    /// Whether the open windows take more memory than they may: the next flush closes the oldest.
    is_over_cap: bool,
    measured_at: Instant,
}

impl Worker {
    /// Joins the group. To be called where a runtime is, which carries the flushes out.
    ///
    /// # Errors
    /// When Kafka's client refuses the settings.
    pub fn join(member: Member, door: Door, pace: Pace, bus: &Bus, sink: Sink) -> anyhow::Result<Self> {
        let Member { reader, instance, generation, start, watch } = member;
        let begin = Box::new(move |assigned: &Assigned| begin(reader, assigned));
        let (group, streams) = (&generation.group(reader.name()), reader.streams());
        let membership = Membership { group, streams, instance, start, begin };
        let consumer = GroupConsumer::join(bus, membership)?;
        let now = Instant::now();
        Ok(Self {
            reader,
            door,
            pace,
            bus: bus.clone(),
            consumer,
            sink,
            runtime: Handle::current(),
            holding: Holding::default(),
            laid_aside: Holding::default(),
            ahead: Vec::new(),
            rereads: Vec::new(),
            refused: BTreeSet::new(),
            held_back: BTreeSet::new(),
            ends: LogEnds::default(),
            told_drained: BTreeMap::new(),
            quiet: QuietTopics::default(),
            in_flight: None,
            next_load: None,
            telling: None,
            round: VecDeque::new(),
            still_since: None,
            paused: false,
            assigned: false,
            commit_trouble_told: false,
            watch,
            flushed_at: now,
            read_since_flush: 0,
            has_written: false,
            is_over_cap: false,
            measured_at: now,
        })
    }

    /// Works until told to stop, or until everything is drained where that was asked for.
    ///
    /// # Errors
    /// What does not pass by itself: a position that is not ours, a topic that was made anew or was given
    /// more partitions.
    pub fn run(mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let worked = self.work(stop);
        let deadline = Instant::now() + STOP_WAIT;
        let ended = worked.and_then(|()| self.close(deadline));
        // Whatever ends it: what is acknowledged is told.
        wait_until(|| self.has_told_all(), deadline);
        let Self { reader, consumer, holding, .. } = self;
        // The process ends with its workers, and gives all memory back at once: hundreds of thousands of windows' results
        // are not taken apart one by one before that.
        std::mem::forget(holding);
        let reader = reader.name();
        if !consumer.leave((deadline + LEAVE_WAIT).saturating_duration_since(Instant::now())) {
            tracing::warn!(
                reader,
                "stopped before Kafka let it leave the group; its partitions go to others later"
            );
        }
        ended
    }

    fn work(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        while !stop.load(Ordering::Relaxed) {
            self.step().or_else(|error| self.recover(error))?;
            if self.pace.until_drained && self.is_done()? {
                tracing::info!(reader = self.reader.name(), "drained");
                break;
            }
        }
        Ok(())
    }

    fn step(&mut self) -> anyhow::Result<()> {
        self.read()?;
        self.take_changes()?;
        self.go_ahead();
        self.take_back()?;
        self.hold_back()?;
        self.finish_flush()?;
        self.measure();
        self.start_flush();
        Ok(())
    }

    /// Takes over anew when records were deleted before they were read, which is told then; anything else
    /// that comes here does not pass by itself.
    fn recover(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        match error.downcast_ref() {
            Some(BusError::Truncated { .. }) => Ok(self.consumer.rejoin()?),
            _ => Err(error),
        }
    }

    /// Whether it is time for the next flush. Behind a backlog it is better to be of more events: fewer documents are
    /// then written for each.
    fn is_due(&self) -> bool {
        self.waiting() >= WAITING_MAX
            || self.flushed_at.elapsed() >= self.pace.flush_every && !self.puts_flush_off()
    }

    /// Documents and dead letters that wait for the next flush, besides changed results.
    fn waiting(&self) -> usize {
        self.holding.parts().map(Part::waiting).sum()
    }

    /// Begins a flush, if it is time, or goes on with it: puts together what has changed and sends it on its way once
    /// nothing else is.
    fn start_flush(&mut self) {
        if self.is_at_rest() && self.is_due() {
            self.begin_round();
        }
        self.go_on_with_round();
    }

    /// Whether no flush is under way.
    fn is_at_rest(&self) -> bool {
        self.in_flight.is_none() && self.next_load.is_none() && self.round.is_empty()
    }

    fn begin_round(&mut self) {
        (self.flushed_at, self.read_since_flush, self.is_over_cap) = (Instant::now(), 0, false);
        self.round = self.holding.round(&self.refused);
    }

    fn go_on_with_round(&mut self) {
        if self.next_load.is_none() && !self.round.is_empty() {
            let (partitions, told) = (&mut self.holding.partitions, &mut self.told_drained);
            let load = Load::of(partitions, &mut self.round, LOAD_DOCUMENTS_MAX, &self.ends, told);
            self.watch.closed_early(load.closed_early());
            self.next_load = Some(load).filter(|load| !load.is_empty());
        }
        if self.in_flight.is_none() {
            self.launch();
        }
    }

    /// Sends what was put together.
    fn launch(&mut self) {
        let Some(mut load) = self.next_load.take() else { return };
        load.leave_out(&self.refused);
        self.has_written |= load.has_documents();
        self.in_flight = load.launch(&self.sink, &self.runtime);
    }

    /// Commits a flush that is acknowledged.
    fn finish_flush(&mut self) -> anyhow::Result<()> {
        let Some(flight) = self.in_flight.take_if(|flight| flight.is_finished()) else { return Ok(()) };
        let acknowledged = self.land(flight)?;
        let commits = self.holding.commits.acknowledge(acknowledged);
        if !commits.is_empty() {
            let result = self.consumer.commit(&commits);
            if result.is_ok() {
                self.holding.commits.taken(&commits);
            }
            self.tell_commit(result.err().map(anyhow::Error::from));
        }
        Ok(())
    }

    /// Takes in what became of a flush, and gives what may be committed. What there is to tell is told while the next
    /// flush is on its way.
    fn land(&mut self, flight: Flight) -> anyhow::Result<Vec<Acknowledged>> {
        self.watch.meter.flushed(flight.age());
        let Landed { acknowledged, refused, reports } = flight.land(&self.runtime)?;
        self.refuse(refused);
        let telling = self.sink.clone().tell(reports, self.telling.take());
        self.telling = Some(self.runtime.spawn(telling));
        Ok(acknowledged)
    }

    fn refuse(&mut self, refused: Vec<(i32, String)>) {
        for (partition, reason) in refused {
            tracing::error!(
                reader = self.reader.name(),
                partition,
                reason,
                "Elasticsearch refuses a result for good; this partition is not read on until the mapping is mended \
                 and the processor restarted"
            );
            self.refused.insert(partition);
        }
    }

    /// A commit that is not taken does no harm: either the partitions are somebody else's by now, or the
    /// next flush commits again.
    fn tell_commit(&mut self, trouble: Option<anyhow::Error>) {
        let Some(error) = trouble else {
            self.commit_trouble_told = false;
            return;
        };
        self.holding.parts_mut().for_each(Part::flush_again);
        self.watch.meter.commit_failed();
        if !std::mem::replace(&mut self.commit_trouble_told, true) {
            tracing::warn!(
                reader = self.reader.name(),
                error = format!("{error:#}"),
                "a commit was not taken"
            );
        }
    }

    /// Looks how long the topics are, what follows from it, and how far everything is.
    fn measure(&mut self) {
        if self.measured_at.elapsed() < MEASURE_EVERY {
            return;
        }
        self.measured_at = Instant::now();
        if !self.holding.partitions.is_empty() {
            self.measure_topics();
            if self.sink.serving.is_on() {
                self.send_ticks();
            }
        }
        let condition = self.condition();
        self.is_over_cap = self.holding.keep_within(self.pace.bytes_max);
        self.watch.look(&mut self.holding, &self.ends, condition);
    }

    fn measure_topics(&mut self) {
        match self.consumer.log_ends() {
            Ok(ends) => {
                let stream = |topic: usize| self.reader.streams().get(topic).copied();
                let ends = ends.into_iter().filter_map(|(topic, p, end)| Some((stream(topic)?, p, end)));
                self.ends.update(ends.collect());
            }
            // A broker that does not answer is told by `poll`.
            Err(error) => tracing::debug!(%error, "the ends of the topics are not known now"),
        }
    }

    /// How this worker is doing.
    fn condition(&self) -> Condition {
        Condition {
            partitions: self.assigned.then_some(self.holding.partitions.len()),
            rereading: self.rereads.iter().map(|reread| reread.group().name()).collect(),
            writes_held_up: !self.sink.store.takes_writes(),
            kafka_unreachable: self.consumer.is_in_trouble(),
            refused: self.refused.clone(),
            ..Condition::default()
        }
    }

    /// States in each quiet topic how far event time has come, so that its windows can close. A tick that
    /// cannot be sent now is sent later.
    fn send_ticks(&mut self) {
        let parts = || self.holding.parts().filter(|one| one.group().ticks());
        let newest = parts().filter_map(Part::newest).max();
        let now = Now { live: is_live(newest), instant: Instant::now(), time: Timestamp::now() };
        for part in parts() {
            let progress = self.ends.progress(part).into_iter().enumerate();
            for ((topic, progress), stream) in progress.zip(part.group().streams()) {
                let Some(at) = self.quiet.tick_due((topic, part.partition()), progress, now) else {
                    continue;
                };
                let sent = self.sink.producer.offer_to_partition(stream.topic(), part.partition(), &tick(at));
                if let Err(error) = sent {
                    tracing::debug!(%error, "a tick was not sent");
                }
            }
        }
    }

    /// Pauses the topics of a partition that are far ahead in event time of one that has a backlog.
    fn hold_back(&mut self) -> anyhow::Result<()> {
        if self.paused {
            return Ok(());
        }
        let mut ahead = BTreeSet::new();
        // A group that folds topics together reads all of them, so their numbers are the reader's.
        for part in self.holding.parts().filter(|part| part.group().folds_topics_together()) {
            let partition = part.partition();
            let held = |topic: &usize| self.held_back.contains(&(*topic, partition));
            let topics = too_far_ahead(&self.ends.progress(part), held);
            ahead.extend(topics.into_iter().map(|topic| (topic, partition)));
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

    /// Whether everything that the topics hold is read, acknowledged and told.
    fn is_done(&self) -> anyhow::Result<bool> {
        if !self.refused.is_empty() {
            bail!("Elasticsearch refused results of the partitions {:?} for good", self.refused);
        }
        let done = |part: &Part| {
            self.told_drained.get(&(part.group(), part.partition())) == Some(&true)
                && part.is_flushed()
                && self.ends.has_drained(part)
        };
        let nobody_rereads = self.rereads.is_empty() && self.holding.joining.is_empty();
        let has_landed = self.in_flight.is_none() && self.has_told_all();
        Ok(self.assigned && nobody_rereads && has_landed && self.holding.parts().all(done))
    }

    /// Whether it is told how far all results are that are acknowledged.
    fn has_told_all(&self) -> bool {
        self.telling.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the flush on its way; whether none is left then.
    fn has_landed_by(&self, deadline: Instant) -> bool {
        let is_finished = || self.in_flight.as_ref().is_none_or(Flight::is_finished);
        wait_until(is_finished, deadline)
    }

    /// Flushes a last time, commits, and leaves the group.
    fn close(&mut self, deadline: Instant) -> anyhow::Result<()> {
        let mut flushes = 0;
        // The one that was begun before, and one more.
        while flushes < 2 {
            if self.is_at_rest() {
                self.begin_round();
            }
            self.go_on_with_round();
            if !self.has_landed_by(deadline) {
                let reader = self.reader.name();
                tracing::warn!(reader, "stopped before everything was acknowledged; it will be read again");
                return Ok(());
            }
            self.finish_flush()?;
            flushes += u32::from(self.round.is_empty() && self.next_load.is_none());
        }
        self.watch.report(&self.holding, &self.ends, &self.condition());
        Ok(())
    }
}

/// Waits for something; whether it came before the deadline.
fn wait_until(has_come: impl Fn() -> bool, deadline: Instant) -> bool {
    while !has_come() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}
