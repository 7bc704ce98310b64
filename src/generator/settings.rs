//! How much traffic, of what kind, for how long, to where.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;
use chrono::TimeDelta;
use clap::Args;

use crate::bus::Compression;
use crate::config::SettingError;
use crate::generator::faults::Faults;
use crate::generator::pace::{Pace, Start, Timing, span_of};
use crate::generator::scenario::Scenario;
use crate::generator::sink::{LabelsAddress, SinkAddress};
use crate::model::event::door::AGE_MAX;
use crate::model::time::Timestamp;
use crate::traffic::{Rhythm, World};

/// Simulated events a second of a run with `EVENTS_PER_SECOND=0`.
const UNPACED_PER_SECOND: u32 = 1_000;

/// How much traffic, of what kind, for how long, to where. What is not given is as the scenario says.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Traffic")]
pub struct GeneratorSettings {
    /// What kind of day it is: one that --list names, or a file like those in scenarios/.
    #[arg(long, env = "SCENARIO", value_name = "NAME|FILE")]
    pub scenario: Option<String>,
    /// Describe the built-in scenarios, and end.
    #[arg(long)]
    pub list: bool,
    /// Events a second, on an average weekday of the scenario (100 without one). 0 is short for an even
    /// thousand a second of the past, as fast as can be, that end now; it needs --events.
    #[arg(long, env = "EVENTS_PER_SECOND", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub events_per_second: Option<u32>,
    /// Share of events that bots cause, 0 to 1 (0.1 without a scenario).
    #[arg(long, env = "BOT_TRAFFIC_RATIO", value_parser = parse_ratio)]
    pub bot_traffic_ratio: Option<f64>,
    /// Share of accounts that are fraudulent, 0 to 1 (0.02 without a scenario).
    #[arg(long, env = "FRAUD_RATIO", value_parser = parse_ratio)]
    pub fraud_ratio: Option<f64>,
    /// Seed: the same one with the same catalogue, settings and --start gives the same bytes. Drawn by lot
    /// when not given.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Sell so many products of the built-in catalogue instead of those in Elasticsearch, which is then not
    /// needed.
    #[arg(long, value_name = "PRODUCTS", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub built_in_catalogue: Option<u64>,
    #[command(flatten)]
    time: TimeSettings,
    #[command(flatten)]
    faults: FaultSettings,
    #[command(flatten)]
    output: OutputSettings,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Time")]
struct TimeSettings {
    /// Time of the first event: 2026-11-01T00:00:00Z or '30d ago'; now, when not given. After a start in the
    /// past the events go on live, once they have caught up.
    #[arg(long, value_name = "TIME")]
    start: Option<Start>,
    /// Seconds of the events' time in a second: 1 is real time, 0 as fast as can be. No event is sent before
    /// its time has come.
    #[arg(long, default_value_t = 1.0, value_parser = parse_speed)]
    speed: f64,
    /// Stop after so much of the events' time, such as 30d or 90m.
    #[arg(long, value_name = "SPAN", value_parser = span_of)]
    duration: Option<TimeDelta>,
    /// Stop after exactly so many events; without it and --duration, run until Ctrl-C.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    events: Option<u64>,
    /// Send no more records a second than this, whatever the speed.
    #[arg(long, value_name = "RECORDS")]
    max_rate: Option<std::num::NonZeroU32>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Faults")]
struct FaultSettings {
    /// Share of events that are sent twice, 0 to 1.
    #[arg(long, value_name = "SHARE", value_parser = parse_ratio)]
    duplicates: Option<f64>,
    /// Delay every event by up to so much, such as 3s.
    #[arg(long, value_name = "SPAN", value_parser = span_of)]
    disorder: Option<TimeDelta>,
    /// Share of events that are delayed by 15 minutes to 4 hours, 0 to 1. What is under way when the run
    /// ends is sent then.
    #[arg(long, value_name = "SHARE", value_parser = parse_ratio)]
    late: Option<f64>,
    /// Broken records on top of the events, as a share of them, 0 to 1.
    #[arg(long, value_name = "SHARE", value_parser = parse_ratio)]
    corrupt: Option<f64>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
struct OutputSettings {
    /// Where the events go: kafka, ndjson:FILE (ndjson:- is standard output), http://HOST/PATH, or null.
    #[arg(long, default_value = "kafka")]
    sink: SinkAddress,
    /// How Kafka's batches are packed.
    #[arg(long, value_enum, default_value_t)]
    compression: Compression,
    /// Where the ground truth goes (who is a bot or a fraudster, since when and why): FILE or kafka:TOPIC.
    #[arg(long, value_name = "FILE|kafka:TOPIC")]
    labels: Option<LabelsAddress>,
    /// Seconds between two reports.
    #[arg(long = "report-every", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    report_every_s: u64,
    /// File to write the final report to as JSON; `-` is standard output.
    #[arg(long)]
    report_json: Option<PathBuf>,
}

impl GeneratorSettings {
    /// The scenario with what the other settings change in it.
    ///
    /// # Errors
    /// When the scenario cannot be read, or a value lies outside its range.
    pub fn scenario(&self) -> anyhow::Result<Scenario> {
        let named = self.scenario.as_deref().map(Scenario::load).transpose()?;
        let Scenario { events_per_second, rhythm, world, faults, description } = named.unwrap_or_default();
        let disorder_s = self.faults.disorder.map(|span| span.num_milliseconds() as f64 / 1_000.0);
        let unpaced = self.is_unpaced();
        let scenario = Scenario {
            description,
            events_per_second: match self.events_per_second {
                Some(0) => UNPACED_PER_SECOND,
                given => given.unwrap_or(events_per_second),
            },
            rhythm: if unpaced { Rhythm::default() } else { rhythm },
            world: World {
                bot_ratio: self.bot_traffic_ratio.unwrap_or(world.bot_ratio),
                fraud_ratio: self.fraud_ratio.unwrap_or(world.fraud_ratio),
                ..world
            },
            faults: Faults {
                duplicates: self.faults.duplicates.unwrap_or(faults.duplicates),
                disorder_s: disorder_s.unwrap_or(faults.disorder_s),
                late: self.faults.late.unwrap_or(faults.late),
                corrupt: self.faults.corrupt.unwrap_or(faults.corrupt),
            },
        };
        scenario.check()?;
        Ok(scenario)
    }

    fn is_unpaced(&self) -> bool {
        self.events_per_second == Some(0)
    }

    /// How a run of this scenario that begins now is spread over time.
    ///
    /// # Errors
    /// When the settings contradict each other, or the run would get ahead of the clock.
    pub fn pace(&self, scenario: &Scenario, now: Timestamp) -> anyhow::Result<Pace> {
        let time = &self.time;
        let timing = Timing {
            start: time.start,
            speed: time.speed,
            duration: time.duration,
            events: time.events,
            per_second: scenario.events_per_second,
            rhythm: scenario.rhythm.clone(),
        };
        let timing = if self.is_unpaced() { unpaced(timing)? } else { timing };
        let pace = Pace::new(&timing, now)?;
        ensure!(
            *self.sink() != SinkAddress::Kafka || now - pace.start <= AGE_MAX,
            "--start cannot be used: events of {} would be refused as too old; the topics take those of the last {} \
             days",
            pace.start,
            AGE_MAX.num_days()
        );
        Ok(pace)
    }

    /// Most events.
    pub fn events_max(&self) -> u64 {
        self.time.events.unwrap_or(u64::MAX)
    }

    /// Most records a second.
    pub fn max_rate(&self) -> Option<std::num::NonZeroU32> {
        self.time.max_rate
    }

    /// Where the events go.
    pub fn sink(&self) -> &SinkAddress {
        &self.output.sink
    }

    /// How Kafka's batches are packed.
    pub fn compression(&self) -> Compression {
        self.output.compression
    }

    /// Where the ground truth goes.
    pub fn labels(&self) -> Option<&LabelsAddress> {
        self.output.labels.as_ref()
    }

    /// Time between two reports.
    pub fn report_every(&self) -> Duration {
        Duration::from_secs(self.output.report_every_s)
    }

    /// Where the final report goes as JSON.
    pub fn report_json(&self) -> Option<&Path> {
        self.output.report_json.as_deref()
    }

    /// Whether the events are written to standard output.
    pub fn writes_to_stdout(&self) -> bool {
        matches!(self.sink(), SinkAddress::Lines(path) if path == Path::new("-"))
    }

    /// Whether Kafka is needed.
    pub fn needs_kafka(&self) -> bool {
        *self.sink() == SinkAddress::Kafka || matches!(self.labels(), Some(LabelsAddress::Topic(_)))
    }
}

/// `EVENTS_PER_SECOND=0`: so many events of the past that end now, as fast as can be.
fn unpaced(timing: Timing) -> Result<Timing, SettingError> {
    let setting = "EVENTS_PER_SECOND";
    let Some(events) = timing.events else {
        let why = "0 (as fast as can be) needs --events, or the run would never end".to_owned();
        return Err(SettingError::Unusable { setting, why });
    };
    if timing.start.is_some() || timing.duration.is_some() {
        let why = "0 has a start of its own; for --start or --duration give a rate and --speed 0".to_owned();
        return Err(SettingError::Unusable { setting, why });
    }
    let span_ms = events.saturating_mul(1_000).div_ceil(u64::from(UNPACED_PER_SECOND));
    let start = Start::Ago(TimeDelta::milliseconds(i64::try_from(span_ms).unwrap_or(i64::MAX / 2)));
    Ok(Timing { start: Some(start), speed: 0.0, ..timing })
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("must be a number from 0 to 1, such as 0.1".to_owned()),
    }
}

fn parse_speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if speed == 0.0 || (0.001..=1e9).contains(&speed) => Ok(speed),
        _ => Err("must be 0 (as fast as can be) or a number from 0.001, such as 1 or 60".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::at;
    use crate::model::time::DAY_MS;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        traffic: GeneratorSettings,
    }

    fn settings(arguments: &[&str]) -> Result<GeneratorSettings, String> {
        let line = Line::try_parse_from([&["generator"], arguments].concat());
        line.map(|line| line.traffic).map_err(|error| error.to_string())
    }

    fn pace(arguments: &[&str]) -> Result<Pace, String> {
        let settings = settings(arguments)?;
        let scenario = settings.scenario().map_err(|error| format!("{error:#}"))?;
        settings.pace(&scenario, at(0)).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_ratio_outside_zero_to_one_is_refused_with_what_is_allowed() {
        for text in ["1.5", "-0.1", "NaN", "ten"] {
            let error = settings(&[&format!("--bot-traffic-ratio={text}")]).unwrap_err();
            assert!(error.contains(text) && error.contains("number from 0 to 1"), "{error}");
        }
        assert_eq!(settings(&["--fraud-ratio=1"]).unwrap().scenario().unwrap().world.fraud_ratio, 1.0);
    }

    #[test]
    fn a_setting_wins_over_the_scenario_and_the_scenario_over_the_defaults() {
        let plain = settings(&["--scenario=bot-attack"]).unwrap().scenario().unwrap();
        assert_ne!(plain.world.bot_ratio, World::default().bot_ratio);
        let changed =
            ["--scenario=bot-attack", "--bot-traffic-ratio=0.3", "--disorder=3s", "--events-per-second=7"];
        let changed = settings(&changed).unwrap().scenario().unwrap();
        assert_eq!(
            (changed.world.bot_ratio, changed.faults.disorder_s, changed.events_per_second),
            (0.3, 3.0, 7)
        );
        assert_eq!(changed.world.bots, plain.world.bots);
    }

    #[test]
    fn a_run_as_fast_as_can_be_must_end_and_ends_now() {
        let endless = pace(&["--events-per-second=0"]).unwrap_err();
        assert_eq!(
            endless,
            "EVENTS_PER_SECOND cannot be used: 0 (as fast as can be) needs --events, or the run would never end"
        );
        let pace = pace(&["--events-per-second=0", "--events=5000"]).unwrap();
        assert_eq!((pace.start, pace.follows_clock), (at(-5_000), false));
    }

    #[test]
    fn a_backfill_may_be_as_old_as_the_topics_take() {
        assert_eq!(pace(&["--start=30d ago", "--speed=0"]).unwrap().start, at(-30 * DAY_MS));
        let error = pace(&["--start=91d ago", "--speed=0"]).unwrap_err();
        assert!(error.contains("too old") && error.contains("90 days"), "{error}");
        assert!(pace(&["--start=91d ago", "--speed=0", "--sink=null"]).is_ok());
    }
}
