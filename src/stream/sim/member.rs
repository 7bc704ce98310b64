//! A member of a consumer group as the real worker is one, cut into steps between which it may crash, stop
//! for a while, or lose its partitions without noticing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand::RngExt;
use rand::seq::IteratorRandom;

use crate::store::bulk::{Operation, Refused};
use crate::store::chunk::Chunk;
use crate::stream::batch::Batch;
use crate::stream::ends::LogEnds;
use crate::stream::flight::{Acknowledged, Landed, Load};
use crate::stream::groups::Group;
use crate::stream::holding::Holding;
use crate::stream::origin::DeadLetter;
use crate::stream::part::Part;
use crate::stream::sim::kafka::Taken;
use crate::stream::sim::mutant::Mutant;
use crate::stream::sim::world::World;
use crate::stream::sink::Outcome;
use crate::stream::take_over::begin;

/// Most documents of a request; few, so that a flush needs several.
const REQUEST_ITEMS_MAX: usize = 12;
/// How long a change of the group waits for a flush on its way.
const EXCHANGES_WAITED_FOR: usize = 8;

/// A member. What it knows may be long out of date.
pub struct Member {
    pub number: usize,
    /// The generation in which it was given what it holds.
    generation: u64,
    holding: Holding,
    rereads: Vec<Part>,
    /// The next offset that its consumer hands over, by topic and partition.
    reading: BTreeMap<(usize, i32), i64>,
    refused: BTreeSet<i32>,
    told: BTreeMap<(Group, i32), bool>,
    flight: Option<Flight>,
    /// What is sent when that has landed.
    next: Option<Load>,
    /// The partitions that the flush has not come to yet.
    round: VecDeque<i32>,
}

/// A flush on its way.
struct Flight {
    dead: Vec<DeadLetter>,
    chunks: VecDeque<Chunk<'static>>,
    batch: Batch,
    refused: Vec<Refused<'static>>,
    outcome: Outcome,
    positions: Vec<Acknowledged>,
}

impl Member {
    /// One that has just been started.
    pub fn new(number: usize) -> Self {
        Self {
            number,
            generation: 0,
            holding: Holding::default(),
            rereads: Vec::new(),
            reading: BTreeMap::new(),
            refused: BTreeSet::new(),
            told: BTreeMap::new(),
            flight: None,
            next: None,
            round: VecDeque::new(),
        }
    }

    /// Whether a result was refused for good, so that somebody must mend the mapping and restart it.
    pub fn is_stopped(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Looks whether the group has changed, and follows.
    pub fn poll(&mut self, world: &mut World<'_>) -> Result<(), String> {
        let World { coordinator, log, rng, .. } = world;
        if !coordinator.is_member(self.number) {
            coordinator.join(rng, log, self.number);
        }
        if self.generation == coordinator.generation {
            return Ok(());
        }
        self.generation = coordinator.generation;
        let before = self.lay_aside(world)?;
        self.rereads.clear();
        self.told.clear();
        let World { coordinator, log, rng, reader, mutant, .. } = world;
        let assigned = coordinator.assigned(*reader, log, self.number);
        let is_kept_anyway = *mutant == Some(Mutant::StateKept);
        let (before, kept) =
            if is_kept_anyway { (Holding::default(), before) } else { (before, Holding::default()) };
        let taken = Holding::take_over(*reader, log.door, &assigned, before);
        let (mut holding, behind) = taken.map_err(|error| error.to_string())?;
        self.rereads = behind.into_values().flatten().collect();
        self.rereads.retain(|part| !kept.partitions.contains_key(&part.partition()));
        holding.partitions.extend(kept.partitions);
        self.holding = holding;
        let begins = assigned.iter().map(|one| ((one.topic, one.partition), begin(*reader, one)));
        self.reading = begins.collect();
        // It may not be possible to go ahead: then what was read before is read again.
        if !is_kept_anyway && rng.random_ratio(3, 4) {
            let ahead = self.holding.ways_ahead(*reader).into_iter();
            self.reading.extend(ahead.map(|(topic, partition, at)| ((topic, partition), at)));
        }
        Ok(())
    }

    /// What is held, for the time after the change. What is on its way is waited for, but not always long enough.
    fn lay_aside(&mut self, world: &mut World<'_>) -> Result<Holding, String> {
        if world.mutant == Some(Mutant::FlightForgotten) {
            (self.flight, self.next) = (None, None);
        }
        let mut exchanges = 0..EXCHANGES_WAITED_FOR;
        let has_landed = loop {
            if let Some(mut flight) = self.flight.take() {
                if !exchanges.any(|_| flight.is_done(world)) {
                    break false;
                }
                let landed = Landed::of(flight.positions, flight.outcome);
                self.refused.extend(landed.refused.iter().map(|(partition, _)| *partition));
            }
            if self.next.is_none() {
                break true;
            }
            self.launch(world)?;
        };
        self.next = None;
        self.round.clear();
        Ok(std::mem::take(&mut self.holding).laid_aside(has_landed))
    }

    /// Reads a few records of one topic.
    pub fn read(&mut self, world: &mut World<'_>, count: usize) {
        let Some(((topic, partition), next)) = self.reading.iter_mut().choose(&mut world.rng) else { return };
        if self.refused.contains(partition) {
            return;
        }
        let Some(stream) = world.reader.streams().get(*topic) else { return };
        for record in world.log.records(*stream, *partition).iter().skip(*next as usize).take(count) {
            if let Some(held) = self.holding.partitions.get_mut(partition) {
                held.take(*stream, &record.as_read(*next), &record.found);
            }
            *next += 1;
        }
    }

    /// Rereads a few records of one topic for a group that is behind. When it has everything, or sometimes
    /// before, it is fed with the others.
    pub fn reread(&mut self, world: &mut World<'_>, count: usize) {
        let Some(at) = (0..self.rereads.len()).choose(&mut world.rng) else { return };
        let part = &mut self.rereads[at];
        let span = part.replay().choose(&mut world.rng);
        if let Some((stream, from, to)) = span {
            let topic = part.group().streams().iter().position(|one| *one == stream).unwrap_or_default();
            for offset in (from..to).take(count) {
                let record = &world.log.records(stream, part.partition())[offset as usize];
                part.take(topic, &record.as_read(offset), &record.found);
            }
        }
        if part.has_caught_up() || world.rng.random_ratio(1, 10) {
            self.holding.joining.push(self.rereads.swap_remove(at));
        }
    }

    /// Goes back to where the others have reread to, and feeds them from there.
    pub fn take_back(&mut self, world: &World<'_>) {
        for (topic, partition, offset) in self.holding.ways_back(world.reader) {
            self.reading.insert((topic, partition), offset);
        }
        self.holding.join();
    }

    /// Puts together what has changed, and sends it on its way once nothing else is.
    pub fn flush(&mut self, world: &mut World<'_>) -> Result<(), String> {
        if self.next.is_none() {
            if self.round.is_empty() {
                self.round = self.holding.round(&self.refused);
            }
            let documents_max = if world.storm { world.rng.random_range(1..40) } else { usize::MAX };
            let (partitions, told) = (&mut self.holding.partitions, &mut self.told);
            let load = Load::of(partitions, &mut self.round, documents_max, &LogEnds::default(), told);
            self.next = Some(load).filter(|load| !load.is_empty());
        }
        if self.flight.is_none() { self.launch(world) } else { Ok(()) }
    }

    fn launch(&mut self, world: &mut World<'_>) -> Result<(), String> {
        let Some(mut load) = self.next.take() else { return Ok(()) };
        if world.mutant != Some(Mutant::GoneOnAfterRefusal) {
            load.leave_out(&self.refused);
        }
        let mut positions = load.take_positions();
        if let Some(mutant) = world.mutant {
            positions.iter_mut().for_each(|position| mutant.falsify(position));
        }
        if world.mutant == Some(Mutant::CommitFirst) {
            self.commit(world, std::mem::take(&mut positions))?;
        }
        let (batch, dead) = Batch::of(load.flushes, str::to_owned);
        let operations: Vec<_> = batch.operations(|_| true).map(owned).collect();
        let chunks = operations.chunks(REQUEST_ITEMS_MAX).map(|chunk| Chunk::new(chunk.to_vec())).collect();
        let outcome = Outcome::default();
        self.flight = Some(Flight { dead, chunks, batch, refused: Vec::new(), outcome, positions });
        Ok(())
    }

    /// Carries the flush on by one exchange; commits when all of it is acknowledged. Whether it goes on.
    pub fn carry_on(&mut self, world: &mut World<'_>) -> Result<bool, String> {
        let Some(mut flight) = self.flight.take() else { return Ok(false) };
        if !flight.is_done(world) {
            self.flight = Some(flight);
            return Ok(true);
        }
        let landed = Landed::of(flight.positions, flight.outcome);
        self.refused.extend(landed.refused.iter().map(|(partition, _)| *partition));
        self.commit(world, landed.acknowledged)?;
        self.launch(world)?;
        Ok(false)
    }

    fn commit(&mut self, world: &mut World<'_>, acknowledged: Vec<Acknowledged>) -> Result<(), String> {
        let commits = self.holding.commits.acknowledge(acknowledged);
        if commits.is_empty() {
            return Ok(());
        }
        match world.commit(self.generation, &commits)? {
            Taken::Yes => self.holding.commits.taken(&commits),
            Taken::No => self.holding.parts_mut().for_each(Part::flush_again),
        }
        Ok(())
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self, world: &World<'_>) -> bool {
        let read = |((topic, partition), next): (&(usize, i32), &i64)| {
            let stream = world.reader.streams().get(*topic);
            stream.is_some_and(|stream| *next >= world.log.end(*stream, *partition))
        };
        let is_still = self.rereads.is_empty()
            && self.holding.joining.is_empty()
            && self.flight.is_none()
            && self.next.is_none();
        let is_current = self.generation == world.coordinator.generation;
        is_current && is_still && self.reading.iter().all(read) && self.holding.parts().all(Part::is_flushed)
    }
}

impl Flight {
    /// One exchange. Whether everything has been acknowledged.
    fn is_done(&mut self, world: &mut World<'_>) -> bool {
        if !self.dead.is_empty() {
            if world.bury(&self.dead) {
                self.dead.clear();
            }
            return false;
        }
        let Some(chunk) = self.chunks.front_mut() else { return true };
        if let Some(request) = chunk.next_request() {
            let verdicts = world.bulk(&request);
            chunk.judged(request, verdicts);
        } else if let Some(chunk) = self.chunks.pop_front() {
            self.refused.extend(chunk.into_written().refused);
            if self.chunks.is_empty() {
                let refused = std::mem::take(&mut self.refused);
                self.dead = self.outcome.settle(&refused, &self.batch);
            }
        }
        false
    }
}

/// One that outlives the batch that it is of.
fn owned(Operation { index, id, mode, source, tag }: Operation<'_>) -> Operation<'static> {
    let (index, id) = (index.into_owned().into(), id.into_owned().into());
    Operation { index, id, mode, source: source.into_owned().into(), tag }
}
