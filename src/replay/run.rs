//! What can be asked of `replay`.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Subcommand;

use crate::audit::repairs::Repairs;
use crate::bus::{Bus, LogReader, Producer};
use crate::model::event::door::Door;
use crate::model::money::Currency;
use crate::replay::dead::{self, Letter};
use crate::replay::late;
use crate::replay::repair::{Edges, Repaired, repair};
use crate::replay::send::{Unusable, send};
use crate::say;
use crate::store::Store;

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Task {
    /// Records that could not be used.
    #[command(subcommand)]
    Dead(Dead),
    /// Events that came after their window was closed.
    #[command(subcommand)]
    Late(Late),
}

/// What to do with dead letters.
#[derive(Debug, Clone, Subcommand)]
pub enum Dead {
    /// Lists them, and counts them by reason and topic.
    List(dead::Filter),
    /// Shows their headers and the original bytes.
    Show(dead::Filter),
    /// Sends the original bytes back to the topic they came from. What was sent before is not sent again.
    Send {
        #[command(flatten)]
        filter: dead::Filter,
        /// Send also what this build would refuse again.
        #[arg(long)]
        force: bool,
    },
}

/// What to do with late events.
#[derive(Debug, Clone, Subcommand)]
pub enum Late {
    /// Counts them by window.
    List(late::Filter),
    /// Computes their windows again with them.
    Repair(late::Filter),
}

/// Carries it out and prints what came of it.
///
/// # Errors
/// When a server does not answer or refuses; what was done by then can be done again without harm.
pub async fn replay(task: Task, store: Store, bus: Bus, currency: Currency) -> anyhow::Result<()> {
    let reader = Arc::new(LogReader::new(&bus)?);
    let blocking = reader.clone();
    let partitions = tokio::task::spawn_blocking(move || blocking.event_partitions()).await??;
    let door = Door { partitions, currency };
    match task {
        Task::Dead(dead) => {
            let work = move || on_dead_letters(dead, &reader, &bus, &door);
            tokio::task::spawn_blocking(work).await?
        }
        Task::Late(Late::List(filter)) => list_late(&store, &filter).await,
        Task::Late(Late::Repair(filter)) => {
            // As the processor: only what readers see, or can go back to, is told of.
            let tells = store.generations().await?.served().contains(store.generation());
            let producer = tells.then(|| Producer::new(&bus)).transpose()?;
            let repaired = repair(&Edges { store, producer }, reader, door, &filter)
                .await
                .context("repairing windows")?;
            print_repaired(&repaired);
            Ok(())
        }
    }
}

fn on_dead_letters(task: Dead, reader: &LogReader, bus: &Bus, door: &Door) -> anyhow::Result<()> {
    match task {
        Dead::List(filter) => list(reader, &filter),
        Dead::Show(filter) => show(reader, &filter),
        Dead::Send { filter, force } => {
            let unusable = if force { Unusable::Send } else { Unusable::Keep };
            say!("{}", send(bus, door, &filter, unusable)?);
            Ok(())
        }
    }
}

fn list(reader: &LogReader, filter: &dead::Filter) -> anyhow::Result<()> {
    let mut counts: BTreeMap<(String, &str), u64> = BTreeMap::new();
    let strange = dead::each(reader, filter, |letter| {
        say!(
            "{:<28} {:<16} {} {:>8} bytes  {}",
            letter.id(),
            letter.reason,
            letter.written_at,
            letter.payload.len(),
            letter.detail.escape_debug()
        );
        *counts.entry((letter.reason, letter.place.0.topic())).or_default() += 1;
    })?;
    for ((reason, topic), count) in &counts {
        say!("{count:>8} {reason} in {topic}");
    }
    say!("{:>8} in all", counts.values().sum::<u64>());
    if strange > 0 {
        say!("{strange:>8} records that name no origin: somebody else wrote them");
    }
    Ok(())
}

fn show(reader: &LogReader, filter: &dead::Filter) -> anyhow::Result<()> {
    let (mut failure, mut shown) = (None, 0);
    dead::each(reader, filter, |letter| {
        shown += 1;
        failure = print(&letter).err().or(failure.take());
    })?;
    ensure!(shown > 0, "no dead letter is like that; `replay dead list` shows those that there are");
    // A reader that has read enough is no failure.
    failure.filter(|error| error.kind() != ErrorKind::BrokenPipe).map_or(Ok(()), Err).context("printing")
}

/// Headers, an empty line, and the bytes as they are.
fn print(letter: &Letter) -> std::io::Result<()> {
    let (stream, partition, offset) = letter.place;
    let mut out = std::io::stdout().lock();
    writeln!(out, "letter: {}", letter.id())?;
    writeln!(out, "origin: {} partition {partition} offset {offset}", stream.topic())?;
    writeln!(out, "reason: {}", letter.reason)?;
    writeln!(out, "detail: {}", letter.detail.escape_debug())?;
    writeln!(out, "written_at: {}", letter.written_at)?;
    writeln!(out, "key: {}", letter.key.escape_ascii())?;
    if let Some(bytes) = &letter.cut_from_bytes {
        writeln!(out, "cut_from_bytes: {bytes}")?;
    }
    writeln!(out)?;
    out.write_all(&letter.payload)?;
    writeln!(out, "\n")
}

async fn list_late(store: &Store, filter: &late::Filter) -> anyhow::Result<()> {
    let windows = late::windows(store, filter, &Repairs::read(store).await?).await?;
    for (window, lateness) in &windows {
        let late::Window { operator, pane } = window;
        let topic = pane.stream.map_or("", |stream| stream.topic());
        let late::Lateness { events, repaired } = lateness;
        say!(
            "{:<9} {} partition {:>3} {topic:<15} {events:>8} late, {repaired:>8} of them repaired",
            operator.name(),
            pane.window,
            pane.partition
        );
    }
    let events: u64 = windows.values().map(|lateness| lateness.events).sum();
    let repaired: u64 = windows.values().map(|lateness| lateness.repaired).sum();
    say!("{events} late events in {} windows, {repaired} of them repaired", windows.len());
    Ok(())
}

fn print_repaired(repaired: &Repaired) {
    let Repaired { windows, late_events, documents, changed, left } = repaired;
    say!(
        "{windows} windows repaired: {late_events} late events are in them now; {changed} of {documents} documents \
         changed"
    );
    left.iter().for_each(|why| say!("left {why}"));
}
