//! Members of one group, the log, the coordinator and Elasticsearch; what happens to them; and what must hold.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::bus::Commit;
use crate::model::event::Stream;
use crate::store::bulk::{Operation, Verdict};
use crate::stream::groups::{Group, Reader};
use crate::stream::ledger::Counts;
use crate::stream::origin::DeadLetter;
use crate::stream::position;
use crate::stream::sim::elastic::Elastic;
use crate::stream::sim::kafka::{Coordinator, Taken};
use crate::stream::sim::log::Log;
use crate::stream::sim::member::Member;
use crate::stream::sim::mutant::Mutant;
use crate::stream::sim::recount::{Contents, Extent};

/// Rounds after the storm in which everything must have been done.
const CALM_ROUNDS_MAX: usize = 2_000;

/// What a member does, and how often, in a round after the storm: a topic is read by chance.
const ROUND: [(Work, usize); 5] =
    [(Work::Read, 12), (Work::Reread, 6), (Work::TakeBack, 1), (Work::Flush, 1), (Work::CarryOn, 1)];

/// What a member can do next.
#[derive(Clone, Copy)]
enum Work {
    Read,
    Reread,
    TakeBack,
    Flush,
    CarryOn,
}

/// Everything but the members.
pub struct World<'a> {
    pub log: &'a Log,
    pub reader: Reader,
    pub rng: StdRng,
    pub coordinator: Coordinator,
    pub mutant: Option<Mutant>,
    elastic: Elastic,
    /// Whether exchanges fail.
    pub storm: bool,
}

/// Counts by topic and operator.
type Ledger = BTreeMap<(Stream, String), Counts>;

/// Runs the world of this seed to its end.
///
/// # Errors
/// What does not hold.
pub fn run(seed: u64, mutant: Option<Mutant>) -> Result<(), String> {
    let mut rng = StdRng::seed_from_u64(seed);
    let reader = if rng.random_ratio(1, 6) { Reader::Archiver } else { Reader::Processor };
    let log = Log::random(&mut rng, reader);
    let mut world = World {
        log: &log,
        reader,
        rng,
        coordinator: Coordinator::default(),
        mutant,
        elastic: Elastic::default(),
        storm: true,
    };
    let mut members: Vec<Member> = (0..world.rng.random_range(1..4)).map(Member::new).collect();
    let mut started = members.len();
    for _ in 0..world.rng.random_range(50..250) {
        world.happen(&mut members, &mut started)?;
    }
    world.calm_down(&mut members)?;
    world.check_end()
}

impl World<'_> {
    /// One step of the storm.
    fn happen(&mut self, members: &mut Vec<Member>, started: &mut usize) -> Result<(), String> {
        let at = self.rng.random_range(0..members.len());
        let number = members[at].number;
        match self.rng.random_range(0..60) {
            // Killed: another is started in its place.
            0 => {
                self.coordinator.remove(&mut self.rng, self.log, number);
                members[at] = Member::new(*started);
                *started += 1;
            }
            // Paused for longer than the session timeout: it knows nothing of it until it polls.
            1 | 2 => self.coordinator.remove(&mut self.rng, self.log, number),
            3 => self.coordinator.rebalance(&mut self.rng, self.log),
            4 if members.len() < 4 => {
                members.push(Member::new(*started));
                *started += 1;
            }
            5 if members.len() > 1 => {
                self.coordinator.remove(&mut self.rng, self.log, number);
                members.swap_remove(at);
            }
            6 => self.elastic.mapping_is_broken = self.rng.random_ratio(1, 2),
            7..10 => self.elastic.let_one_arrive(&mut self.rng, self.mutant),
            10..16 => members[at].poll(self)?,
            16..28 => self.work(&mut members[at], Work::Read)?,
            28..34 => self.work(&mut members[at], Work::Reread)?,
            34..36 => self.work(&mut members[at], Work::TakeBack)?,
            36..42 => self.work(&mut members[at], Work::Flush)?,
            _ => self.work(&mut members[at], Work::CarryOn)?,
        }
        Ok(())
    }

    /// One step of a member's work; in calm as much of it as there is.
    fn work(&mut self, member: &mut Member, work: Work) -> Result<(), String> {
        let count = if self.storm { self.rng.random_range(1..12) } else { usize::MAX };
        match work {
            Work::Read => member.read(self, count),
            Work::Reread => member.reread(self, count.saturating_mul(3)),
            Work::TakeBack => member.take_back(self),
            Work::Flush => member.flush(self)?,
            Work::CarryOn => {
                for _ in 0..count {
                    if !member.carry_on(self)? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets everything come to its end without any more trouble.
    fn calm_down(&mut self, members: &mut [Member]) -> Result<(), String> {
        (self.storm, self.elastic.mapping_is_broken) = (false, false);
        for _ in 0..CALM_ROUNDS_MAX {
            for member in members.iter_mut() {
                // The mapping is mended; what it refused may only be known now.
                if member.is_stopped() {
                    *member = Member::new(member.number);
                    self.coordinator.remove(&mut self.rng, self.log, member.number);
                }
                member.poll(self)?;
                for (work, times) in ROUND {
                    for _ in 0..times {
                        self.work(member, work)?;
                    }
                }
            }
            if members.iter().all(|member| member.is_done(self)) {
                self.elastic.let_all_arrive(&mut self.rng, self.mutant);
                return Ok(());
            }
        }
        Err("it does not come to an end".to_owned())
    }

    /// What Elasticsearch answers to a request.
    pub fn bulk(&mut self, request: &[Operation<'static>]) -> Vec<Verdict> {
        self.elastic.bulk(&mut self.rng, self.storm, request, self.mutant)
    }

    /// Whether Kafka has taken all these dead letters.
    pub fn bury(&mut self, letters: &[DeadLetter]) -> bool {
        self.coordinator.bury(&mut self.rng, self.storm, letters) == Taken::Yes
    }

    /// What becomes of a commit.
    ///
    /// # Errors
    /// When it passes an effect that is not there.
    pub fn commit(&mut self, generation: u64, commits: &[Commit]) -> Result<Taken, String> {
        let taken = self.coordinator.commit(&mut self.rng, self.storm, generation, commits);
        self.elastic.check()?;
        // Each check recounts everything; some of the commits are enough to find what is wrong.
        if self.rng.random_ratio(1, 8)
            && let Some(commit) = commits.first()
        {
            self.check_commit(commit.partition)?;
        }
        Ok(taken)
    }

    /// Whether all that the committed positions of a partition stand for is there.
    fn check_commit(&self, partition: i32) -> Result<(), String> {
        for group in self.reader.groups() {
            if let Some((contents, committed)) = self.committed(*group, partition)? {
                self.check_contents(&contents, "committed")?;
                check_ledger(&contents, &committed)?;
            }
        }
        Ok(())
    }

    /// What must be there after the committed positions of a group, and what its ledger says.
    fn committed(&self, group: Group, partition: i32) -> Result<Option<(Contents, Ledger)>, String> {
        let mut ends = Vec::new();
        let mut ledger = Ledger::new();
        for stream in group.streams() {
            let Some((offset, metadata)) = self.coordinator.committed.get(&(*stream, partition)) else {
                return Ok(None);
            };
            let mut positions = position::decode(metadata).map_err(|error| error.to_string())?;
            let Some(position) = positions.remove(&group) else { return Ok(None) };
            if *offset > position.replay_from || position.replay_from > position.facts.next {
                return Err(format!("{} is committed at {offset} beyond {position:?}", stream.topic()));
            }
            ends.push(position.facts.next);
            ledger.extend(position.facts.ledger.into_iter().map(|(name, counts)| ((*stream, name), counts)));
        }
        let extent = Extent { log: self.log, group, partition, ends };
        Ok(Some((extent.contents(), ledger)))
    }

    /// Whether everything of this, or more, is there.
    fn check_contents(&self, contents: &Contents, what: &str) -> Result<(), String> {
        for (key, (version, _)) in &contents.documents {
            let there = self.elastic.documents.get(key).map(|kept| kept.version);
            if there.is_none_or(|there| there < *version) {
                return Err(format!("{what}: {key:?} must have version {version}, but has {there:?}"));
            }
        }
        for (id, letter) in &contents.dead {
            if self.coordinator.dead.get(id) != Some(letter) {
                return Err(format!("{what}: the dead letter {id} must be there"));
            }
        }
        Ok(())
    }

    /// Whether exactly that is there which a recount of the whole log gives.
    fn check_end(&self) -> Result<(), String> {
        self.elastic.check()?;
        let mut expected = Contents::default();
        for (group, partition) in self
            .reader
            .groups()
            .iter()
            .flat_map(|group| (0..self.log.door.partitions).map(move |p| (*group, p)))
        {
            let contents = Extent::whole(self.log, group, partition).contents();
            if let Some((_, committed)) = self.committed(group, partition)? {
                check_ledger(&contents, &committed)?;
            }
            expected.extend(contents);
        }
        self.check_contents(&expected, "at the end")?;
        for (key, kept) in &self.elastic.documents {
            let found = parse(&kept.source)?;
            let right = expected.documents.get(key);
            if !right.is_some_and(|(version, body)| *version == kept.version && agree(body, &found)) {
                return Err(format!("{key:?} must be\n{right:?}\nbut is\n{}, {found}", kept.version));
            }
        }
        match self.coordinator.dead.keys().find(|id| !expected.dead.contains_key(*id)) {
            Some(id) => Err(format!("the record {id} was no dead letter")),
            None => Ok(()),
        }
    }
}

/// Whether two bodies are the same. Reading a fraction is not exact to the last bit, so where they differ the
/// first is read as the other was.
fn agree(right: &Value, found: &Value) -> bool {
    right == found || parse(right.to_string().as_bytes()).as_ref() == Ok(found)
}

fn parse(json: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

fn check_ledger(contents: &Contents, committed: &Ledger) -> Result<(), String> {
    let named =
        |((stream, name), counts): (&(Stream, &str), &Counts)| ((*stream, (*name).to_owned()), *counts);
    let expected: Ledger = contents.ledger.iter().map(named).collect();
    if expected != *committed {
        return Err(format!("the ledger must be\n{expected:?}\nbut is\n{committed:?}"));
    }
    match committed.iter().find(|(_, counts)| !counts.balances()) {
        Some(unbalanced) => Err(format!("the ledger does not balance: {unbalanced:?}")),
        None => Ok(()),
    }
}
