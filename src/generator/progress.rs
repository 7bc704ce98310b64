//! Shows how a run goes: a line that changes on a terminal, else a line of the log every few seconds.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::generator::sink::Standing;
use crate::traffic::{Class, Tally};

/// Time between two looks at a terminal's line.
const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// How a run goes.
pub struct Progress {
    bar: Option<ProgressBar>,
    every: Duration,
    last: Instant,
    events: u64,
}

impl Progress {
    /// Begins to show a run of at most so many events on standard error.
    pub fn begin(events_max: u64, every: Duration) -> Self {
        let bar = stderr().is_terminal().then(|| bar(events_max));
        let every = if bar.is_some() { REDRAW_EVERY } else { every };
        Self { bar, every, last: Instant::now(), events: 0 }
    }

    /// Whether it is time to show something.
    pub fn is_due(&self) -> bool {
        self.last.elapsed() >= self.every
    }

    /// Shows where the run is.
    pub fn show(&mut self, tally: &Tally, standing: Standing, sessions: usize) {
        let (total, since) = (tally.total(), self.last.elapsed().as_secs_f64());
        let per_second = (total.saturating_sub(self.events) as f64 / since).round() as u64;
        (self.last, self.events) = (Instant::now(), total);
        let [bots, fraudsters] = [Class::Bot, Class::Fraud].map(|class| tally.class(class).visitors);
        let Some(bar) = &self.bar else {
            tracing::info!(
                events = total,
                per_second,
                acknowledged = standing.acknowledged,
                failed = standing.failed,
                sessions,
                users = tally.users,
                bots,
                fraudsters,
                bytes = tally.bytes,
                queue = standing.queue,
                "sent"
            );
            return;
        };
        bar.set_position(total);
        bar.set_message(format!(
            "{}/s, {sessions} sessions, {} users, {bots} bots, {fraudsters} fraudsters, {}, {} queued{}",
            HumanCount(per_second),
            HumanCount(tally.users),
            HumanBytes(tally.bytes),
            standing.queue,
            if standing.failed > 0 { format!(", {} FAILED", standing.failed) } else { String::new() },
        ));
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}

fn bar(events_max: u64) -> ProgressBar {
    let (bar, template) = if events_max == u64::MAX {
        (ProgressBar::new_spinner(), "{human_pos} events, {msg}")
    } else {
        (ProgressBar::new(events_max), "{bar:20} {human_pos}/{human_len}, {msg}, {eta} left")
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
