//! How much traffic, of what mix, for how long.

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use clap::Args;

use crate::config::SettingError;
use crate::model::time::Timestamp;
use crate::traffic::world::World;

/// Simulated events a second of a run that goes as fast as it can.
const UNPACED_PER_SECOND: u32 = 1_000;
/// Most events of such a run: 30 days of them, which is what the topics keep.
const UNPACED_EVENTS_MAX: u64 = 30 * 86_400 * UNPACED_PER_SECOND as u64;

/// How much traffic, of what mix, for how long.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Traffic")]
pub struct TrafficSettings {
    /// Events a second. 0 sends as fast as Kafka takes them: it needs `--events`, and dates them as a
    /// thousand a second that end now; do not mix such a run with live traffic.
    #[arg(long, env = "EVENTS_PER_SECOND", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub events_per_second: u32,
    /// Share of events that bots cause, 0 to 1.
    #[arg(long, env = "BOT_TRAFFIC_RATIO", default_value_t = 0.1, value_parser = parse_ratio)]
    pub bot_traffic_ratio: f64,
    /// Share of accounts that are fraudulent, 0 to 1.
    #[arg(long, env = "FRAUD_RATIO", default_value_t = 0.02, value_parser = parse_ratio)]
    pub fraud_ratio: f64,
    /// Stop after exactly so many events; without it, run until Ctrl-C.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: Option<u64>,
    /// Seed: the same one with the same catalogue and settings gives the same behaviour again. Drawn by
    /// lot when not given.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Seconds between two reports.
    #[arg(long = "report-every", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub report_every_s: u64,
    /// File to write the final report to as JSON; `-` is standard output.
    #[arg(long)]
    pub report_json: Option<PathBuf>,
}

/// How the events are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The first event's time.
    pub start: Timestamp,
    /// Events a second of their own time.
    pub per_second: u32,
    /// Whether they are sent by the clock, and not as fast as can be.
    pub by_the_clock: bool,
}

impl TrafficSettings {
    /// Who comes to the shop.
    pub fn world(&self) -> World {
        World { bot_ratio: self.bot_traffic_ratio, fraud_ratio: self.fraud_ratio, ..World::default() }
    }

    /// Time between two reports.
    pub fn report_every(&self) -> Duration {
        Duration::from_secs(self.report_every_s)
    }

    /// How a run that begins now is spread over time.
    ///
    /// # Errors
    /// [`SettingError::Unusable`] when events shall be sent as fast as can be, but not how many, or more
    /// than the topics keep.
    pub fn pace(&self, now: Timestamp) -> Result<Pace, SettingError> {
        if self.events_per_second > 0 {
            return Ok(Pace { start: now, per_second: self.events_per_second, by_the_clock: true });
        }
        let unusable = |why: String| SettingError::Unusable { setting: "EVENTS_PER_SECOND", why };
        match self.events {
            None => {
                Err(unusable("0 (as fast as can be) needs --events, or the run would never end".to_owned()))
            }
            Some(events) if events > UNPACED_EVENTS_MAX => {
                Err(unusable(format!("0 (as fast as can be) takes at most {UNPACED_EVENTS_MAX} --events")))
            }
            Some(events) => {
                let span_ms = events.saturating_mul(1_000).div_ceil(u64::from(UNPACED_PER_SECOND));
                let span = TimeDelta::milliseconds(i64::try_from(span_ms).unwrap_or_default());
                Ok(Pace { start: now - span, per_second: UNPACED_PER_SECOND, by_the_clock: false })
            }
        }
    }
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("must be a number from 0 to 1, such as 0.1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::at;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        traffic: TrafficSettings,
    }

    fn settings(arguments: &[&str]) -> Result<TrafficSettings, String> {
        let line = Line::try_parse_from([&["generator"], arguments].concat());
        line.map(|line| line.traffic).map_err(|error| error.to_string())
    }

    #[test]
    fn a_ratio_outside_zero_to_one_is_refused_with_what_is_allowed() {
        for text in ["1.5", "-0.1", "NaN", "ten"] {
            let error = settings(&[&format!("--bot-traffic-ratio={text}")]).unwrap_err();
            assert!(error.contains(text) && error.contains("number from 0 to 1"), "{error}");
        }
        assert_eq!(settings(&["--fraud-ratio=1"]).unwrap().world().fraud_ratio, 1.0);
    }

    #[test]
    fn a_run_by_the_clock_begins_now() {
        let pace = settings(&["--events-per-second=500"]).unwrap().pace(at(0)).unwrap();
        assert_eq!(pace, Pace { start: at(0), per_second: 500, by_the_clock: true });
    }

    #[test]
    fn a_run_as_fast_as_can_be_must_end_and_ends_now() {
        let endless = settings(&["--events-per-second=0"]).unwrap().pace(at(0)).unwrap_err();
        assert_eq!(
            endless.to_string(),
            "EVENTS_PER_SECOND cannot be used: 0 (as fast as can be) needs --events, or the run would never end"
        );
        let pace = settings(&["--events-per-second=0", "--events=5000"]).unwrap().pace(at(0)).unwrap();
        assert_eq!(pace, Pace { start: at(-5_000), per_second: 1_000, by_the_clock: false });
    }
}
