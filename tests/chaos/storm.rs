//! Many processors, and everything at once.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use serde_json::Value;
use shoplens::model::event::door::Door;
use shoplens::model::money::Currency;

use crate::checks::{Table, check};
use crate::faults::Plan;
use crate::programs::{ANSWER_WAIT, GENERATOR, PROCESSOR, Program, SEEDER, Stage};
use crate::proxy::Proxy;
use crate::records::add_late_events;
use crate::shop::{Shop, with_shop};

/// Longer than the session timeout of the consumer groups, 10 s: the group gives the partitions of a
/// processor that stands still for so long to others, and it wakes up as a zombie.
pub const STANDSTILL: Duration = Duration::from_secs(13);
/// Share of the bulk requests that something happens to.
pub const FAULTY: f64 = 0.15;

const SIGTERM: i32 = 15;
/// Processors that share the partitions while blows fall.
const PROCESSORS: usize = 3;

/// How bad it gets.
pub struct Weather {
    pub seed: u64,
    pub events: u64,
    pub rate: u64,
    /// Wait between two blows, at least and at most.
    pub lull: (Duration, Duration),
}

/// The processors of a storm, and what was done to them.
pub struct Crew<'a> {
    stage: &'a Stage<'a>,
    members: Vec<Program>,
    started: usize,
    pub killed: u64,
    pub paused: u64,
    pub left: u64,
    pub slow_to_leave: u64,
    pub ended_by_themselves: u64,
}

impl<'a> Crew<'a> {
    pub fn muster(stage: &'a Stage<'a>, size: usize) -> Self {
        let mut crew = Self {
            stage,
            members: Vec::new(),
            started: 0,
            killed: 0,
            paused: 0,
            left: 0,
            slow_to_leave: 0,
            ended_by_themselves: 0,
        };
        (0..size).for_each(|_| crew.join());
        crew
    }

    /// One more.
    pub fn join(&mut self) {
        self.started += 1;
        let log = log_of(self.started);
        self.members.push(self.stage.start(PROCESSOR, &["--flush-interval-ms", "200"], &log));
    }

    fn take(&mut self, rng: &mut ChaCha8Rng) -> Program {
        let one = rng.random_range(0..self.members.len());
        self.members.swap_remove(one)
    }

    /// SIGKILL, and another in its place.
    pub fn kill_one(&mut self, rng: &mut ChaCha8Rng) {
        self.take(rng).kill();
        self.killed += 1;
        self.join();
    }

    /// SIGSTOP beyond the session timeout, then SIGCONT: it goes on as if nothing had been.
    pub async fn pause_one(&mut self, rng: &mut ChaCha8Rng) {
        let one = self.take(rng);
        one.signal("STOP");
        tokio::time::sleep(STANDSTILL).await;
        one.signal("CONT");
        self.members.push(one);
        self.paused += 1;
    }

    /// SIGTERM, and another in its place.
    pub fn leave_one(&mut self, rng: &mut ChaCha8Rng) {
        self.leave(rng);
        self.join();
    }

    /// SIGTERM.
    pub fn leave(&mut self, rng: &mut ChaCha8Rng) {
        let one = self.take(rng);
        self.end(one);
    }

    /// SIGTERM to the one that runs longest, and another in its place.
    pub fn replace_oldest(&mut self) {
        let oldest = self.members.remove(0);
        self.end(oldest);
        self.join();
    }

    fn end(&mut self, one: Program) {
        let (status, took) = one.terminate();
        // One that has only just started ends by the signal itself.
        let is_sound = status.success() || status.signal() == Some(SIGTERM);
        assert!(is_sound, "a processor that was asked to leave ended with {status}");
        self.left += 1;
        self.slow_to_leave += u64::from(took > Duration::from_secs(10));
    }

    /// Starts another for each that ended by itself, as whatever supervises it would.
    pub fn replace_the_fallen(&mut self) {
        let before = self.members.len();
        self.members.retain_mut(|member| member.ended().is_none());
        for _ in self.members.len()..before {
            self.ended_by_themselves += 1;
            self.join();
        }
    }

    /// All leave.
    pub fn dismiss(&mut self, rng: &mut ChaCha8Rng) {
        self.replace_the_fallen();
        while !self.members.is_empty() {
            self.leave(rng);
        }
    }

    /// Lines of the longest log that one of them has written.
    pub fn longest_log(&self) -> usize {
        let log = |number| std::fs::read_to_string(self.stage.file(&log_of(number))).unwrap();
        (1..=self.started).map(|number| log(number).lines().count()).max().unwrap_or_default()
    }

    pub fn tell(&self, table: &mut Table) {
        table.did("processors started", self.started);
        table.did("SIGKILLs", self.killed);
        table.did("SIGSTOPs beyond the session timeout", self.paused);
        table.did("SIGTERMs, joins of another", self.left);
        table.check("  that took longer than 10 s", 0, self.slow_to_leave, u64::to_string);
    }
}

/// Faults of the generator's own: shares of the events, and how long they may be under way.
const GENERATOR_FAULTS: [&str; 3] = ["--duplicates=0.05", "--disorder=3s", "--corrupt=0.02"];

fn log_of(number: usize) -> String {
    format!("processor-{number}.log")
}

/// What was sent.
pub struct Sent {
    /// The generator's report.
    pub report: PathBuf,
    /// The ids of the late events that were added.
    pub late: BTreeSet<String>,
}

impl Sent {
    /// What the generator did to its records.
    pub fn faults(&self) -> Faults {
        let report: Value = serde_json::from_slice(&std::fs::read(&self.report).unwrap()).unwrap();
        serde_json::from_value(report["faults"].clone()).unwrap()
    }
}

/// What the generator says that it did to its records.
#[derive(Deserialize)]
pub struct Faults {
    pub duplicates: u64,
    pub disordered: u64,
    pub corrupt: BTreeMap<String, u64>,
}

/// Traffic of a generator that spoils it, with late events in it, while `blows` fall.
pub async fn under_traffic(
    stage: &Stage<'_>,
    weather: &Weather,
    blows: impl AsyncFnOnce(&mut Program),
) -> Sent {
    let partitions = stage.shop.bus.ensure_topics().await.unwrap();
    let door = Door { partitions, currency: Currency::EUR };
    let report = stage.file("report.json");
    let (events, rate, seed) =
        (weather.events.to_string(), weather.rate.to_string(), weather.seed.to_string());
    let path = report.to_str().unwrap();
    let arguments =
        ["--events", &events, "--events-per-second", &rate, "--seed", &seed, "--report-json", path];
    let arguments = [&arguments[..], &GENERATOR_FAULTS].concat();
    let mut generator = stage.start(GENERATOR, &arguments, "generator.log");
    let stop = AtomicBool::new(false);
    let late = std::thread::scope(|threads| {
        let adding = threads.spawn(|| add_late_events(stage.shop, door, &stop));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(blows(&mut generator));
        });
        let patience = Duration::from_secs(300 + weather.events / weather.rate);
        let status = generator.wait(patience);
        stop.store(true, Ordering::Relaxed);
        assert!(status.success(), "the generator failed: {}", generator.log());
        adding.join().unwrap()
    });
    Sent { report, late }
}

/// Kills, pauses and replaces processors, one blow after the other, while the generator runs.
pub async fn blow(crew: &mut Crew<'_>, weather: &Weather, rng: &mut ChaCha8Rng, generator: &mut Program) {
    let mut number = 0;
    while generator.ended().is_none() {
        tokio::time::sleep(rng.random_range(weather.lull.0..weather.lull.1)).await;
        crew.replace_the_fallen();
        match number % 5 {
            1 => crew.pause_one(rng).await,
            3 => crew.leave_one(rng),
            _ => crew.kill_one(rng),
        }
        number += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processors_that_are_killed_paused_and_replaced_behind_a_bad_network_count_everything_exactly_once() {
    let weather = Weather {
        seed: 1,
        events: 12_000,
        rate: 400,
        lull: (Duration::from_millis(500), Duration::from_millis(1_500)),
    };
    with_shop(async |shop| storm(shop, &weather).await).await;
}

async fn storm(shop: &Shop, weather: &Weather) {
    let proxy = Proxy::before(&shop.servers, Plan::by_lot(weather.seed, FAULTY, ANSWER_WAIT)).await;
    let stage = Stage::new(shop, proxy.address());
    stage.run(SEEDER, &["--count", "300"]);
    let mut rng = ChaCha8Rng::seed_from_u64(weather.seed);
    let mut crew = Crew::muster(&stage, PROCESSORS);
    let begun = Instant::now();
    let sent = under_traffic(&stage, weather, async |generator| {
        blow(&mut crew, weather, &mut rng, generator).await;
    })
    .await;
    crew.dismiss(&mut rng);
    tokio::task::block_in_place(|| stage.drain());
    let mut table = Table::default();
    table.did("seed", weather.seed);
    table.did("seconds", begun.elapsed().as_secs());
    crew.tell(&mut table);
    table.check("processors that ended by themselves", 0, crew.ended_by_themselves, u64::to_string);
    table.check(
        "longest log of a processor is below 200 lines",
        true,
        crew.longest_log() < 200,
        bool::to_string,
    );
    proxy.done().iter().for_each(|(fault, count)| table.did(&format!("bulks {fault}"), count));
    check(shop, &sent, &mut table).await;
    table.conclude();
    stage.remove_files();
}
