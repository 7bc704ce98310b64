//! The roll-up from beginning to end: once, and again and again beside the processor.

use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

use crate::bus::{Bus, LogReader};
use crate::model::time::Timestamp;
use crate::rollup::kind::{KINDS, Kind};
use crate::rollup::level::Level;
use crate::rollup::repairs::{self, LookedAt, Repaired};
use crate::rollup::retain::{Retained, retain};
use crate::rollup::roll::{advance, roll};
use crate::rollup::sealed::{newest, sealed};
use crate::rollup::settings::{Present, Retention};
use crate::rollup::span::Stretch;
use crate::rollup::state::State;
use crate::rollup::totals;
use crate::say;
use crate::store::Store;
use crate::store::schema::Schema;

/// Time between two passes.
const EVERY: Duration = Duration::from_secs(60);

/// How to roll up by hand.
#[derive(Debug, Clone, Args)]
pub struct RollupTask {
    /// Compare what was rolled up with what it was made from; changes nothing. Fails where they differ.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    retention: Retention,
}

/// What a pass did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Documents that were written or replaced.
    pub documents: u64,
    /// What became of what is old.
    pub retained: Retained,
}

/// The indices that the roll-up writes.
pub fn writes() -> impl Iterator<Item = &'static Schema> {
    let levels = KINDS.iter().flat_map(|kind| kind.levels.iter().map(|(_, schema)| schema));
    levels.chain([&Schema::ROLLUPS])
}

/// One pass: rolls up what is sealed, rolls up again what was repaired and not looked at yet, drops what is old by
/// `clock` and by event time. Any number of passes may be under way at once: each writes the same.
///
/// # Errors
/// When Elasticsearch does not answer, or refuses a document.
pub async fn pass(
    store: &Store,
    partitions: i32,
    retention: &Retention,
    looked_at: &mut LookedAt,
    clock: Timestamp,
) -> anyhow::Result<Passed> {
    let mut passed = Passed::default();
    // Before the levels: what is repaired from now on, the next pass looks at.
    let repaired = looked_at.others(store).await?;
    for kind in &KINDS {
        let context = || format!("rolling up {}", kind.minutes.name);
        passed.documents += roll_kind(store, kind, partitions).await.with_context(context)?;
        passed.documents += roll_again(store, kind, &repaired).await.with_context(context)?;
    }
    looked_at.add(repaired);
    let present = Present { clock, newest: newest(store).await? };
    passed.retained = retain(store, retention, present).await.context("dropping what is old")?;
    Ok(passed)
}

async fn roll_kind(store: &Store, kind: &'static Kind, partitions: i32) -> anyhow::Result<u64> {
    let Some(sealed) = sealed(store, kind.group, partitions).await? else { return Ok(0) };
    let mut documents = 0;
    for (level, schema) in kind.levels {
        let source = kind.source(*level);
        let sealed = match level {
            Level::Quarter | Level::Hour => sealed,
            Level::Day => State::read(store).await?.rolled_until(source).unwrap_or(Timestamp::MIN),
        };
        documents += advance(store, kind, (*level, schema), sealed).await?;
    }
    Ok(documents)
}

/// Rolls up again the spans in which windows were repaired. Those that are not rolled up yet, and those whose source
/// is gone, stay as they are.
async fn roll_again(store: &Store, kind: &Kind, repaired: &[Repaired]) -> anyhow::Result<u64> {
    let hours = repairs::hours(kind, repaired);
    if hours.is_empty() {
        return Ok(0);
    }
    let state = State::read(store).await?;
    let mut documents = 0;
    for (level, schema) in kind.levels {
        let source = kind.source(*level);
        let held_from = state.held_from(source).map(|(from, _)| from).unwrap_or_default();
        let until = state.rolled_until(schema).unwrap_or_default();
        let mut spans: Vec<Timestamp> = hours.iter().map(|hour| level.floor(*hour)).collect();
        spans.dedup();
        store.refresh(source.name).await?;
        for from in spans {
            let length = level.span_ms().max(Level::Hour.span_ms());
            let end = Timestamp::from_millis(from.millis() + length).min(until);
            if held_from <= from && from < end {
                documents += roll(store, kind, schema, Stretch { level: *level, from, until: end }).await?;
            }
        }
        store.refresh(schema.name).await?;
    }
    Ok(documents)
}

/// Passes again and again, for ever. A pass that fails is told, and the next one makes it good.
pub async fn keep_rolling(store: Store, partitions: i32, retention: Retention) {
    let (mut looked_at, mut is_ensured, mut kept) = (LookedAt::default(), false, 0);
    loop {
        tokio::time::sleep(EVERY).await;
        let passed = async {
            // The first time, and after a failure, which may have been that something was not there.
            if !is_ensured {
                ensure_indices(&store).await?;
            }
            pass(&store, partitions, &retention, &mut looked_at, Timestamp::now()).await
        };
        let passed = passed.await;
        is_ensured = passed.is_ok();
        match passed {
            Ok(Passed { documents, retained }) => {
                let before = std::mem::replace(&mut kept, retained.kept.len());
                tell_of_kept(before, kept);
                tracing::debug!(documents, dropped = retained.dropped.len(), "rolled up");
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "results were not rolled up; trying again in a minute");
            }
        }
    }
}

/// Tells once when indices begin to be kept that are old by the clock alone, and when there are none any more.
fn tell_of_kept(before: usize, indices: usize) {
    if before == 0 && indices > 0 {
        tracing::warn!(indices, "kept indices that are old by the clock: event time has not come so far");
    } else if before > 0 && indices == 0 {
        tracing::info!("clock and event time agree again on what is old");
    }
}

async fn ensure_indices(store: &Store) -> anyhow::Result<()> {
    for schema in writes() {
        store.ensure(schema).await.context("making sure of the indices")?;
    }
    Ok(())
}

/// Carries out `admin rollup` and prints what came of it.
///
/// # Errors
/// As [`pass`]; where the check finds a difference.
pub async fn administer(task: &RollupTask, store: &Store, bus: &Bus) -> anyhow::Result<()> {
    let store = &store.current_results().await?;
    if task.check {
        let mismatches = totals::check(store).await?;
        mismatches.iter().for_each(|one| say!("{one}"));
        ensure!(
            mismatches.is_empty(),
            "{} sums differ: `admin rollup` makes good what a repair left behind; if they still differ, somebody else \
             has changed the documents",
            mismatches.len()
        );
        say!("what was rolled up is the sum of what it was made from");
        return Ok(());
    }
    let reader = LogReader::new(bus)?;
    let partitions = tokio::task::spawn_blocking(move || reader.event_partitions()).await??;
    ensure_indices(store).await?;
    let (mut looked_at, now) = (LookedAt::default(), Timestamp::now());
    let Passed { documents, retained } =
        pass(store, partitions, &task.retention, &mut looked_at, now).await?;
    say!("rolled up: {documents} documents written; dropped {} indices", retained.dropped.len());
    if !retained.kept.is_empty() {
        say!(
            "kept {} indices that are old by the clock: event time has not come so far",
            retained.kept.len()
        );
    }
    for schema in KINDS.iter().flat_map(|kind| kind.levels).map(|(_, schema)| schema) {
        let until = State::read(store).await?.rolled_until(schema);
        say!("{:<26} {}", schema.name, until.map_or("not begun".to_owned(), |until| until.to_string()));
    }
    Ok(())
}
