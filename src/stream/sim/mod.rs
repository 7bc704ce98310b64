//! Simulation: the real core of the processor behind a log and a store in memory. From a seed come the log
//! and all that happens: members are killed between any two steps of a flush, paused and woken up, partitions
//! change hands, commits are lost, bulk requests are refused in part, answered by nobody, carried out twice or
//! much later. Whatever happens, what is stored in the end is what a naive recount of the log gives, no
//! document ever becomes less, no commit passes an effect that is not there, and every record is accounted for.
//!
//! `SIM_SEED=7 cargo test --lib stream::sim` runs one seed alone.

mod elastic;
mod kafka;
mod log;
mod member;
mod mutant;
mod naive;
mod recount;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::stream::groups::{Group, Reader};
use crate::stream::sim::log::Log;
use crate::stream::sim::mutant::Mutant;
use crate::stream::sim::recount::{Contents, Extent};
use crate::stream::sim::world::run;

/// Worlds that every run of the tests goes through.
const SEEDS: u64 = 2_000;
/// Worlds within which each mistake must show.
const SEEDS_PER_MUTANT: u64 = 2_000;

/// The first of these seeds with which something does not hold, and what.
fn first_failure(seeds: u64, mutant: Option<Mutant>) -> Option<(u64, String)> {
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return None;
            }
            let result = catch_unwind(AssertUnwindSafe(|| run(seed, mutant)));
            if let Err(what) = result.unwrap_or_else(|_| Err("it panicked".to_owned())) {
                next.store(seeds, Ordering::Relaxed);
                return Some((seed, what));
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).min()
    })
}

#[test]
fn whatever_happens_the_end_is_what_a_recount_gives() {
    let asked_for = std::env::var("SIM_SEED").ok().map(|seed| seed.parse().expect("SIM_SEED is a number"));
    let failure = match asked_for {
        Some(seed) => run(seed, None).err().map(|what| (seed, what)),
        None => first_failure(SEEDS, None),
    };
    if let Some((seed, what)) = failure {
        panic!("SIM_SEED={seed} cargo test --lib stream::sim\n{what}");
    }
}

fn assert_found(mutant: Mutant) {
    let found = first_failure(SEEDS_PER_MUTANT, Some(mutant));
    assert!(found.is_some(), "{mutant:?} shows in none of {SEEDS_PER_MUTANT} worlds");
}

#[test]
fn writing_without_versions_is_found() {
    assert_found(Mutant::NoVersion);
}

#[test]
fn going_on_without_a_replay_is_found() {
    assert_found(Mutant::NoReplay);
}

#[test]
fn committing_before_the_acknowledgement_is_found() {
    assert_found(Mutant::CommitFirst);
}

#[test]
fn deciding_lateness_by_another_time_in_a_replay_is_found() {
    assert_found(Mutant::WatermarkOfTheEnd);
}

#[test]
fn keeping_the_state_of_lost_partitions_is_found() {
    assert_found(Mutant::StateKept);
}

#[test]
fn taking_a_flush_for_written_that_was_on_its_way_at_a_change_is_found() {
    assert_found(Mutant::FlightForgotten);
}

#[test]
fn committing_what_was_put_together_before_a_refusal_is_found() {
    assert_found(Mutant::GoneOnAfterRefusal);
}

#[test]
fn taking_refused_documents_for_written_is_found() {
    assert_found(Mutant::RefusedTakenAsSuccess);
}

#[test]
fn counting_replayed_records_again_is_found() {
    assert_found(Mutant::CountedAgain);
}

/// The contents of all partitions of some random logs, as far as the group of sessions makes them.
fn contents() -> impl Iterator<Item = Contents> {
    let logs = (0..40).map(|seed| Log::random(&mut StdRng::seed_from_u64(seed), Reader::Processor));
    logs.flat_map(|log| {
        let parts = (0..log.door.partitions).map(|partition| Extent::whole(&log, Group::Sessions, partition));
        parts.map(|part| part.contents()).collect::<Vec<_>>()
    })
}

#[test]
fn the_simulated_shoppers_search_with_every_outcome_and_some_are_suspect() {
    let mut outcomes: BTreeMap<String, i64> = BTreeMap::new();
    for ((index, id), (_, body)) in contents().flat_map(|contents| contents.documents) {
        let counts = ["query-stats", "suspect-queries"].iter().any(|name| index.starts_with(name));
        let fields = body.as_object().unwrap().iter().filter(|_| counts);
        for (name, count) in fields.filter(|(name, _)| *name != "partition") {
            *outcomes.entry(name.clone()).or_default() += count.as_i64().unwrap_or_default();
        }
        *outcomes.entry(id.split('|').next().unwrap().to_owned()).or_default() += 1;
    }
    let kinds =
        ["funnels", "queries", "suspect", "suspect-queries", "zero_results", "clicked", "refunded_units"];
    let seen = kinds.map(|kind| outcomes.get(kind).copied().unwrap_or_default());
    assert!(seen.iter().all(|count| *count > 10), "{kinds:?}: {seen:?}");
}

#[test]
fn the_simulated_logs_hold_every_kind_of_trouble() {
    let mut fates = [0; 5];
    for counts in contents().flat_map(|contents| contents.ledger.into_values()) {
        let seen = [counts.folded, counts.duplicate, counts.late, counts.dead, counts.ticks];
        fates.iter_mut().zip(seen).for_each(|(sum, count)| *sum += count);
    }
    assert!(fates.iter().all(|count| *count > 10), "folded, duplicate, late, dead, ticks: {fates:?}");
}
