//! A run: the simulator driven by the clock, its events spoilt where that is asked for, handed to a sink and
//! counted.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::bus::Bus;
use crate::catalog::shelf::ShelfProduct;
use crate::generator::faults::Spoiler;
use crate::generator::labels::Labels;
use crate::generator::pace::Pace;
use crate::generator::progress::Progress;
use crate::generator::report::Report;
use crate::generator::settings::GeneratorSettings;
use crate::generator::sink::{HttpSink, KafkaSink, LinesSink, Offered, Record, Sink, SinkAddress};
use crate::model::money::Currency;
use crate::model::time::Timestamp;
use crate::traffic::{Assortment, Simulated, Simulator, Tally};

/// Longest wait before the stop is looked at again.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// Events after which a run that does not wait looks whether it shall tell how it goes.
const LOOK_EVERY: u64 = 256;
/// Wait for room in a full queue.
const QUEUE_FULL_WAIT: Duration = Duration::from_millis(5);
/// How long a run that was stopped waits for acknowledgements.
const PATIENCE_STOPPED: Duration = Duration::from_secs(30);
/// How long a run that is over waits for them: longer than the producer tries a record.
const PATIENCE_DONE: Duration = Duration::from_secs(330);

/// Simulates visitors of this shelf (not empty) until the settings' bounds or `shutdown`, then waits for the
/// sink's acknowledgements and sums up. Dropping the future stops the run without a report.
///
/// # Errors
/// When the settings contradict each other, the shelf is empty, or the sink cannot go on. Records that the
/// sink does not take are no error, but counted.
pub async fn run(
    bus: &Bus,
    shelf: Vec<ShelfProduct>,
    currency: Currency,
    settings: &GeneratorSettings,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<Report> {
    let scenario = settings.scenario()?;
    let assortment = Assortment::new(shelf).context("the shelf is empty")?;
    let sink = open(settings, bus).await?;
    let labels = Labels::open(settings.labels(), bus).await?;
    let seed = settings.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let pace = settings.pace(&scenario, Timestamp::now())?;
    let stop = Stop::default();
    tracing::info!(seed, start = %pace.start, rate = scenario.events_per_second, "sending events");
    let driver = Driver {
        simulator: Simulator::new(assortment, currency, scenario.world, seed, pace.start),
        spoiler: Spoiler::new(scenario.faults, sink.partitions(), seed),
        now: Timestamp::MIN,
        record: Record::empty(),
        brake: settings.max_rate().map(brake),
        progress: Progress::begin(settings.events_max(), settings.report_every()),
        tally: Tally::default(),
        stop: stop.clone(),
        events_max: settings.events_max(),
        pace,
        sink,
        labels,
    };
    let _stop_when_dropped = StopOnDrop(stop.clone());
    let mut driving = tokio::task::spawn_blocking(move || driver.drive(seed));
    tokio::select! {
        report = &mut driving => report?,
        () = shutdown => {
            stop.0.store(true, Ordering::Relaxed);
            driving.await?
        }
    }
}

async fn open(settings: &GeneratorSettings, bus: &Bus) -> anyhow::Result<Sink> {
    Ok(match settings.sink() {
        SinkAddress::Kafka => Sink::Kafka(KafkaSink::open(bus, settings.compression()).await?),
        SinkAddress::Lines(path) => Sink::Lines(LinesSink::create(path)?),
        SinkAddress::Http(url) => Sink::Http(HttpSink::new(url.clone())?),
        SinkAddress::Null => Sink::Null(0),
    })
}

/// Lets so many records a second pass, and a tenth of a second's at once.
fn brake(per_second: NonZeroU32) -> DefaultDirectRateLimiter {
    let burst = NonZeroU32::new(per_second.get() / 10).unwrap_or(NonZeroU32::MIN);
    RateLimiter::direct(Quota::per_second(per_second).allow_burst(burst))
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
    pace: Pace,
    spoiler: Spoiler,
    /// The clock when it was last looked at: what is due by it needs no other look.
    now: Timestamp,
    /// The record under way, kept for its memory.
    record: Record,
    brake: Option<DefaultDirectRateLimiter>,
    sink: Sink,
    labels: Labels,
    tally: Tally,
    progress: Progress,
    stop: Stop,
    events_max: u64,
}

impl Driver {
    /// Blocks its thread until the run is over. A sink that cannot go on ends the run, but not the report.
    fn drive(mut self, seed: u64) -> anyhow::Result<Report> {
        let began = Instant::now();
        let sent = self.send_all();
        let flushed = self.flush();
        self.progress.finish();
        let start = self.pace.start;
        let counts = self.spoiler.counts().clone();
        let report = Report::new((seed, start), self.tally, counts, self.sink.standing(), began.elapsed());
        if let Err(error) = sent.and(flushed) {
            eprintln!("{report}");
            return Err(error.context("the run ended early"));
        }
        Ok(report)
    }

    fn send_all(&mut self) -> anyhow::Result<()> {
        for number in 0..self.events_max {
            let at = self.next_time();
            if at >= self.pace.end || !self.release(at)? || !self.wait_until(at) {
                break;
            }
            let simulated = self.simulator.act(at);
            if !self.hand_over(&simulated)? {
                break;
            }
            if number.is_multiple_of(LOOK_EVERY) {
                self.tell();
            }
        }
        // What is still under way arrives now: the report counts it already.
        while let Some((_, record)) = self.spoiler.release(Timestamp::MAX) {
            if !self.send(&record)? {
                break;
            }
        }
        Ok(())
    }

    fn next_time(&mut self) -> Timestamp {
        let schedule = &mut self.pace.schedule;
        if self.pace.follows_clock { schedule.next_by(Timestamp::now()) } else { schedule.next_time() }
    }

    /// Waits until something of this time may happen; `false` when the run was stopped meanwhile.
    fn wait_until(&mut self, at: Timestamp) -> bool {
        let due = self.pace.due(at);
        while due > self.now && !self.stop.is_asked_for() {
            self.now = Timestamp::now();
            if let Ok(wait) = (due - self.now).to_std() {
                std::thread::sleep(wait.min(WAIT_MAX));
                self.tell();
            }
        }
        !self.stop.is_asked_for()
    }

    /// Sends the records that arrive until then; `false` when the run is over.
    fn release(&mut self, until: Timestamp) -> anyhow::Result<bool> {
        while let Some((at, record)) = self.spoiler.release(until) {
            self.wait_until(at);
            if !self.send(&record)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Hands an event over and counts it; `false` when the run is over.
    fn hand_over(&mut self, simulated: &Simulated) -> anyhow::Result<bool> {
        let event = &simulated.event;
        self.labels.write(event, simulated.label.as_deref())?;
        let record = &mut self.record;
        record.stream = event.event_type().stream();
        record.key.clear();
        record.key.extend_from_slice(event.visitor().as_bytes());
        record.payload.clear();
        serde_json::to_writer(&mut record.payload, event).context("cannot write an event as JSON")?;
        self.tally.count(simulated, record.payload.len());
        if self.spoiler.is_idle() {
            let record = std::mem::replace(&mut self.record, Record::empty());
            let goes_on = self.send(&record)?;
            self.record = record;
            return Ok(goes_on);
        }
        self.spoiler.take(event, self.record.clone());
        Ok(true)
    }

    /// Offers a record until the sink takes it; `false` when the run is over.
    fn send(&mut self, record: &Record) -> anyhow::Result<bool> {
        while let Some(Err(until)) = self.brake.as_ref().map(RateLimiter::check) {
            std::thread::sleep(until.wait_time_from(DefaultClock::default().now()).min(WAIT_MAX));
            self.tell();
        }
        loop {
            match self.sink.offer(record)? {
                Offered::Taken => return Ok(true),
                Offered::Closed => return Ok(false),
                Offered::Full if self.stop.is_asked_for() => return Ok(false),
                Offered::Full => {
                    std::thread::sleep(QUEUE_FULL_WAIT);
                    self.tell();
                }
            }
        }
    }

    /// Waits until everything is acknowledged or has failed, or it takes too long.
    fn flush(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        while !self.sink.flush(WAIT_MAX)? {
            let patience = if self.stop.is_asked_for() { PATIENCE_STOPPED } else { PATIENCE_DONE };
            if began.elapsed() > patience {
                let queue = self.sink.standing().queue;
                tracing::error!(queue, "the last records were not acknowledged in time");
                break;
            }
            self.tell();
        }
        self.labels.finish(PATIENCE_STOPPED)
    }

    fn tell(&mut self) {
        if self.progress.is_due() {
            self.progress.show(&self.tally, self.sink.standing(), self.simulator.sessions_open());
        }
    }
}
