//! The end of a run, as text and as JSON.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use crate::generator::faults::FaultCounts;
use crate::generator::sink::Standing;
use crate::model::time::Timestamp;
use crate::say;
use crate::traffic::{Presence, Tally};

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The seed, to run the same again.
    pub seed: u64,
    /// The start, to run the same again.
    pub start: Timestamp,
    /// Events of shoppers, each counted once.
    pub total: u64,
    /// What they were.
    #[serde(flatten)]
    pub tally: Tally,
    /// What was done to their records.
    pub faults: FaultCounts,
    /// Records handed over: the events, the duplicates and the broken ones.
    pub records: u64,
    /// Records that the sink has acknowledged.
    pub acknowledged: u64,
    /// Records that the sink has refused, or not acknowledged before the end; none where the reader has left.
    pub failed: u64,
    /// How long the run took, in seconds.
    pub seconds: f64,
    /// Events per second over the whole run.
    pub rate: f64,
}

impl Report {
    /// Sums a run up.
    pub fn new(
        (seed, start): (u64, Timestamp),
        tally: Tally,
        faults: FaultCounts,
        standing: Standing,
        took: Duration,
    ) -> Self {
        let (total, seconds) = (tally.total(), took.as_secs_f64());
        let records = total + faults.duplicates + faults.corrupt_total();
        let acknowledged = standing.acknowledged;
        Self {
            seed,
            start,
            total,
            tally,
            faults,
            records,
            acknowledged,
            failed: if standing.closed { 0 } else { records.saturating_sub(acknowledged) },
            seconds,
            rate: if seconds > 0.0 { total as f64 / seconds } else { 0.0 },
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, total, tally, faults, records, acknowledged, failed, seconds, rate, .. } = self;
        let units = &tally.units;
        let bytes = tally.bytes;
        writeln!(f, "{total} events in {seconds:.1} s, {rate:.0} a second, {bytes} bytes (seed {seed})")?;
        for (event_type, count) in &tally.events {
            writeln!(f, "  {:<12} {count:>10}", event_type.as_str())?;
        }
        if let (Some(first), Some(last)) = (tally.first, tally.last) {
            writeln!(f, "  from {first} to {last}")?;
        }
        writeln!(f, "sink:     {records} records, {acknowledged} acknowledged, {failed} failed")?;
        if *faults != FaultCounts::default() {
            let FaultCounts { duplicates, disordered, late, .. } = faults;
            let broken = faults.corrupt_total();
            writeln!(
                f,
                "faults:   {duplicates} duplicates, {disordered} disordered, {late} late, {broken} broken"
            )?;
        }
        writeln!(f, "sessions: {}, of which {} searched or viewed", tally.sessions, tally.entrants)?;
        writeln!(
            f,
            "units:    {} viewed, {} carted, {} purchased, {} refunded",
            units.viewed, units.carted, units.purchased, units.refunded
        )?;
        write!(f, "visitors: {}, of which {} with an account", tally.visitors, tally.users)?;
        for (persona, Presence { visitors, events }) in &tally.personas {
            write!(f, "\n  {:<18} {visitors:>8} with {events:>9} events", persona.name())?;
        }
        Ok(())
    }
}

/// Gives the final report as text, and as JSON where it was asked for. Standard output holds only one thing:
/// where it has the events or the JSON, the text goes to standard error.
///
/// # Errors
/// When the file cannot be written.
pub fn publish(report: &Report, json: Option<&Path>, stdout_is_taken: bool) -> anyhow::Result<()> {
    let stdout = Path::new("-");
    if stdout_is_taken || json == Some(stdout) {
        eprintln!("{report}");
    } else {
        say!("{report}");
    }
    let Some(path) = json else { return Ok(()) };
    let json = serde_json::to_string_pretty(report)?;
    if path == stdout {
        say!("{json}");
        return Ok(());
    }
    fs::write(path, json + "\n").with_context(|| format!("writing the report to {}", path.display()))
}
