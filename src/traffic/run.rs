//! A run: the simulator driven by the clock, its events handed to Kafka and counted.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::bus::{Bus, Offer, Producer};
use crate::catalog::shelf::ShelfProduct;
use crate::model::money::Currency;
use crate::model::time::Timestamp;
use crate::traffic::assortment::Assortment;
use crate::traffic::schedule::Schedule;
use crate::traffic::session::Simulated;
use crate::traffic::settings::TrafficSettings;
use crate::traffic::simulator::Simulator;
use crate::traffic::tally::{Report, Tally};

/// Longest wait before the stop is looked at again.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// Wait for room in a full queue.
const QUEUE_FULL_WAIT: Duration = Duration::from_millis(5);
/// How long a run that was stopped waits for acknowledgements.
const PATIENCE_STOPPED: Duration = Duration::from_secs(30);
/// How long a run that is over waits for them: longer than the producer tries a record.
const PATIENCE_DONE: Duration = Duration::from_secs(330);

/// Simulates visitors of this shelf (not empty) until `--events` are sent or `shutdown` comes, then waits
/// for Kafka's acknowledgements and sums up. Dropping the future stops the run without a report.
///
/// # Errors
/// When the settings contradict each other, the shelf is empty, or the producer cannot go on. Records
/// that Kafka does not take are no error, but counted.
pub async fn run(
    bus: &Bus,
    shelf: Vec<ShelfProduct>,
    currency: Currency,
    settings: &TrafficSettings,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<Report> {
    let pace = settings.pace(Timestamp::now())?;
    let seed = settings.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let assortment = Assortment::new(shelf).context("the shelf is empty")?;
    let stop = Stop::default();
    let driver = Driver {
        simulator: Simulator::new(assortment, currency, settings.world(), seed, pace.start),
        schedule: Schedule::new(pace.start, pace.per_second),
        by_the_clock: pace.by_the_clock,
        producer: Producer::new(bus)?,
        tally: Tally::default(),
        reports: Reports::new(settings.report_every()),
        stop: stop.clone(),
    };
    tracing::info!(seed, rate = settings.events_per_second, events = settings.events, "sending events");
    let events_max = settings.events.unwrap_or(u64::MAX);
    let _stop_when_dropped = StopOnDrop(stop.clone());
    let mut driving = tokio::task::spawn_blocking(move || driver.drive(seed, events_max));
    tokio::select! {
        report = &mut driving => report?,
        () = shutdown => {
            stop.0.store(true, Ordering::Relaxed);
            driving.await?
        }
    }
}

#[derive(Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn is_asked_for(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Ends the driving thread when the future of the run is dropped.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

struct Driver {
    simulator: Simulator,
    schedule: Schedule,
    /// Whether events wait for their times, or are sent as fast as can be.
    by_the_clock: bool,
    producer: Producer,
    tally: Tally,
    reports: Reports,
    stop: Stop,
}

impl Driver {
    /// Blocks its thread until the run is over.
    fn drive(mut self, seed: u64, events_max: u64) -> anyhow::Result<Report> {
        let began = Instant::now();
        for _ in 0..events_max {
            let at = self.next_time();
            if self.stop.is_asked_for() {
                break;
            }
            let simulated = self.simulator.act(at);
            if !self.hand_over(&simulated)? {
                break;
            }
            self.tell();
        }
        self.flush();
        let acknowledged = self.producer.deliveries().acknowledged();
        Ok(Report::new(seed, self.tally, acknowledged, began.elapsed()))
    }

    /// The next event's time, once it has come or the run is stopped.
    fn next_time(&mut self) -> Timestamp {
        if !self.by_the_clock {
            return self.schedule.next();
        }
        let at = self.schedule.next_by(Timestamp::now());
        while let Ok(wait) = (at - Timestamp::now()).to_std()
            && !wait.is_zero()
            && !self.stop.is_asked_for()
        {
            std::thread::sleep(wait.min(WAIT_MAX));
            self.tell();
        }
        at
    }

    /// Hands an event over and counts it; `false` when the run was stopped while the queue was full.
    fn hand_over(&mut self, simulated: &Simulated) -> anyhow::Result<bool> {
        let event = &simulated.event;
        let payload = serde_json::to_vec(event).context("cannot write an event as JSON")?;
        let topic = event.event_type().stream().topic();
        while self.producer.offer(topic, event.visitor().as_bytes(), &payload)? == Offer::Full {
            if self.stop.is_asked_for() {
                return Ok(false);
            }
            std::thread::sleep(QUEUE_FULL_WAIT);
            self.tell();
        }
        self.tally.count(simulated, payload.len());
        Ok(true)
    }

    /// Waits until everything is acknowledged or has failed, or it takes too long.
    fn flush(&mut self) {
        let began = Instant::now();
        while self.producer.flush(WAIT_MAX).is_err() {
            let patience = if self.stop.is_asked_for() { PATIENCE_STOPPED } else { PATIENCE_DONE };
            if began.elapsed() > patience {
                let queue = self.producer.in_flight();
                tracing::error!(queue, "Kafka did not acknowledge the last records in time");
                return;
            }
            self.tell();
        }
    }

    fn tell(&mut self) {
        let Some(rate) = self.reports.due(self.tally.total()) else { return };
        let deliveries = self.producer.deliveries();
        tracing::info!(
            events = self.tally.total(),
            per_second = rate,
            acknowledged = deliveries.acknowledged(),
            failed = deliveries.failed(),
            sessions = self.simulator.sessions_open(),
            users = self.tally.users,
            queue = self.producer.in_flight(),
            "sent"
        );
    }
}

/// When the next report is due, and the rate since the last one.
struct Reports {
    every: Duration,
    last: Instant,
    events: u64,
}

impl Reports {
    fn new(every: Duration) -> Self {
        Self { every, last: Instant::now(), events: 0 }
    }

    /// Events a second since the last report, when the next one is due.
    fn due(&mut self, events: u64) -> Option<u64> {
        let since = self.last.elapsed();
        if since < self.every {
            return None;
        }
        let rate = (events.saturating_sub(self.events) as f64 / since.as_secs_f64()).round() as u64;
        (self.last, self.events) = (Instant::now(), events);
        Some(rate)
    }
}

/// Gives the final report as text, and as JSON where it was asked for; standard output holds only one of them.
///
/// # Errors
/// When the file cannot be written.
pub fn publish(report: &Report, json: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = json else {
        println!("{report}");
        return Ok(());
    };
    let json = serde_json::to_string_pretty(report)?;
    if path == Path::new("-") {
        eprintln!("{report}");
        println!("{json}");
        return Ok(());
    }
    println!("{report}");
    fs::write(path, json + "\n").with_context(|| format!("writing the report to {}", path.display()))
}
