//! Kafka in memory: a group's coordinator with its generations, and the topic of dead letters.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::bus::{Assigned, Commit};
use crate::model::event::Stream;
use crate::stream::groups::Reader;
use crate::stream::origin::DeadLetter;
use crate::stream::sim::log::Log;

/// Whether Kafka says that it has taken something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Yes,
    /// It has not, or a part of it, or all and the answer is lost.
    No,
}

/// A consumer group and its coordinator.
#[derive(Default)]
pub struct Coordinator {
    /// Grows with every change of the members.
    pub generation: u64,
    members: BTreeSet<usize>,
    owners: BTreeMap<i32, usize>,
    /// Offset and metadata by topic and partition.
    pub committed: BTreeMap<(Stream, i32), (i64, String)>,
    /// By id: reason and payload of each dead letter.
    pub dead: BTreeMap<String, (&'static str, Vec<u8>)>,
}

impl Coordinator {
    pub fn is_member(&self, member: usize) -> bool {
        self.members.contains(&member)
    }

    pub fn join(&mut self, rng: &mut StdRng, log: &Log, member: usize) {
        self.members.insert(member);
        self.rebalance(rng, log);
    }

    /// A member that left, or that was silent for longer than the session timeout.
    pub fn remove(&mut self, rng: &mut StdRng, log: &Log, member: usize) {
        self.members.remove(&member);
        self.rebalance(rng, log);
    }

    /// Gives every partition to somebody, all of its topics together.
    pub fn rebalance(&mut self, rng: &mut StdRng, log: &Log) {
        self.generation += 1;
        let members: Vec<usize> = self.members.iter().copied().collect();
        let owner = |partition| Some((partition, *members.choose(rng)?));
        self.owners = (0..log.door.partitions).filter_map(owner).collect();
    }

    /// What this member is given.
    pub fn assigned(&self, reader: Reader, log: &Log, member: usize) -> Vec<Assigned> {
        let own = self.owners.iter().filter(|(_, owner)| **owner == member);
        let topics = own.flat_map(|(partition, _)| {
            reader.streams().iter().enumerate().map(move |topic| (*partition, topic))
        });
        let assigned = |(partition, (topic, stream)): (i32, (usize, &Stream))| {
            let committed = self.committed.get(&(*stream, partition)).cloned();
            Assigned { topic, partition, committed, first: 0, end: log.end(*stream, partition) }
        };
        topics.map(assigned).collect()
    }

    /// Takes a commit, unless the member belongs to an older generation. In a storm a part of it, or the
    /// answer to it, may be lost.
    pub fn commit(&mut self, rng: &mut StdRng, storm: bool, generation: u64, commits: &[Commit]) -> Taken {
        if generation != self.generation {
            return Taken::No;
        }
        let lossy = storm && rng.random_ratio(1, 6);
        for Commit { stream, partition, offset, metadata } in commits {
            if !lossy || rng.random_ratio(1, 2) {
                self.committed.insert((*stream, *partition), (*offset, metadata.clone()));
            }
        }
        if lossy { Taken::No } else { Taken::Yes }
    }

    /// Takes dead letters; in a storm only the first of them, and then the sender must try all again.
    pub fn bury(&mut self, rng: &mut StdRng, storm: bool, letters: &[DeadLetter]) -> Taken {
        let refused = storm && rng.random_ratio(1, 5);
        let taken = if refused { rng.random_range(0..=letters.len()) } else { letters.len() };
        for letter in letters.iter().take(taken) {
            self.dead.insert(letter.id(), (letter.reason, letter.origin.payload.clone()));
        }
        if refused { Taken::No } else { Taken::Yes }
    }
}
