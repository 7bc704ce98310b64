//! How long results are kept.

use chrono::TimeDelta;
use clap::{Args, value_parser};

use crate::model::time::Timestamp;

/// How long results are kept. Whole indices are dropped, so what is dropped may be a day, a month or a year older.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Retention")]
pub struct Retention {
    /// Days that results of single minutes are kept; older ones are told from hours and days.
    #[arg(long, env = "KEEP_MINUTES_DAYS", default_value_t = 30, value_parser = value_parser!(u16).range(2..=3_650))]
    pub keep_minutes_days: u16,
    /// Days that trends of quarters of an hour are kept.
    #[arg(long, env = "KEEP_QUARTERS_DAYS", default_value_t = 3, value_parser = value_parser!(u16).range(2..=3_650))]
    pub keep_quarters_days: u16,
    /// Days that results of hours are kept. [default: for ever]
    #[arg(long, env = "KEEP_HOURS_DAYS", value_parser = value_parser!(u16).range(2..=3_650))]
    pub keep_hours_days: Option<u16>,
    /// Days that results of days are kept. [default: for ever]
    #[arg(long, env = "KEEP_DAYS_DAYS", value_parser = value_parser!(u16).range(2..=36_500))]
    pub keep_days_days: Option<u16>,
    /// Days that raw events are kept. [default: for ever]
    #[arg(long, env = "KEEP_EVENTS_DAYS", value_parser = value_parser!(u16).range(1..=36_500))]
    pub keep_events_days: Option<u16>,
    /// Days that events are kept that came too late for their window. [default: for ever]
    #[arg(long, env = "KEEP_LATE_EVENTS_DAYS", value_parser = value_parser!(u16).range(1..=36_500))]
    pub keep_late_events_days: Option<u16>,
    /// Days that facts and signals on fraud are kept; no fewer than results are asked for with what was before
    /// them, for signals say who was cleared of being a bot. [default: for ever]
    #[arg(long, env = "KEEP_FRAUD_DAYS", value_parser = value_parser!(u16).range(200..=36_500))]
    pub keep_fraud_days: Option<u16>,
}

/// What lies before it may be dropped, as of `now`; `None` where everything is kept.
pub fn oldest(days: Option<u16>, now: Timestamp) -> Option<Timestamp> {
    days.map(|days| now - TimeDelta::days(i64::from(days)))
}
