//! How much goes on at which hour of the week, in UTC.

use std::f64::consts::TAU;

use chrono::{Datelike, Weekday};
use serde::{Deserialize, Serialize};

use crate::config::SettingError;
use crate::model::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};

/// The curve of a day and of a week, and rushes on top of it. The default is even.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rhythm {
    /// Rate at the quietest hour divided by the rate at the busiest: 1.0 is an even day.
    pub night_to_peak: f64,
    /// The busiest hour, 0.0 to 24.0; the quietest lies twelve hours away.
    pub peak_hour: f64,
    /// Rate of a Saturday or Sunday divided by that of a weekday.
    pub weekend: f64,
    /// Times of a multiple of the usual rate.
    pub rushes: Vec<Rush>,
}

/// A time of a multiple of the usual rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rush {
    /// Minutes after the start of the run.
    pub after_minutes: f64,
    /// How long it lasts, in minutes.
    pub minutes: f64,
    /// What the rate is multiplied by.
    pub factor: f64,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { night_to_peak: 1.0, peak_hour: 20.0, weekend: 1.0, rushes: Vec::new() }
    }
}

impl Rhythm {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError::Unusable`] that names the first value outside its range.
    pub fn check(&self) -> Result<(), SettingError> {
        let unusable = |why: &str| Err(SettingError::Unusable { setting: "rhythm", why: why.to_owned() });
        if !(0.01..=1.0).contains(&self.night_to_peak) {
            return unusable("night_to_peak must be 0.01 to 1");
        }
        if !(0.0..=24.0).contains(&self.peak_hour) {
            return unusable("peak_hour must be 0 to 24");
        }
        if !(0.01..=100.0).contains(&self.weekend) {
            return unusable("weekend must be 0.01 to 100");
        }
        let fits = |rush: &Rush| {
            (0.0..=1e6).contains(&rush.after_minutes)
                && (0.0..=1e6).contains(&rush.minutes)
                && (0.01..=1_000.0).contains(&rush.factor)
        };
        if !self.rushes.iter().all(fits) {
            return unusable("rushes need times of 0 to 1,000,000 minutes and a factor of 0.01 to 1,000");
        }
        Ok(())
    }

    /// What the rate of an average weekday is multiplied by at this time of a run that began at `start`. Over
    /// a weekday without rushes it averages 1.
    pub fn factor(&self, at: Timestamp, start: Timestamp) -> f64 {
        let swing = (1.0 - self.night_to_peak) / (1.0 + self.night_to_peak);
        let hour = at.millis().rem_euclid(DAY_MS) as f64 / HOUR_MS as f64;
        let day = 1.0 + swing * (TAU * (hour - self.peak_hour) / 24.0).cos();
        let is_weekend = matches!(at.to_chrono().weekday(), Weekday::Sat | Weekday::Sun);
        let week = if is_weekend { self.weekend } else { 1.0 };
        let minutes = (at - start).num_milliseconds() as f64 / MINUTE_MS as f64;
        let is_under_way =
            |rush: &&Rush| (rush.after_minutes..rush.after_minutes + rush.minutes).contains(&minutes);
        let rush: f64 = self.rushes.iter().filter(is_under_way).map(|rush| rush.factor).product();
        day * week * rush
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    /// A Wednesday's midnight.
    const WEDNESDAY: Timestamp = Timestamp::from_millis(1_794_960_000_000);

    fn factor(rhythm: &Rhythm, hours: i64) -> f64 {
        rhythm.factor(WEDNESDAY + TimeDelta::hours(hours), WEDNESDAY)
    }

    #[test]
    fn the_night_is_as_quiet_as_was_asked_for() {
        let rhythm = Rhythm { night_to_peak: 0.2, ..Rhythm::default() };
        assert!((factor(&rhythm, 8) / factor(&rhythm, 20) - 0.2).abs() < 1e-9);
    }

    #[test]
    fn saturday_is_as_busy_as_was_asked_for() {
        let rhythm = Rhythm { weekend: 1.5, ..Rhythm::default() };
        let days: Vec<f64> = (0..7).map(|day| factor(&rhythm, 24 * day)).collect();
        assert_eq!(days, [1.0, 1.0, 1.0, 1.5, 1.5, 1.0, 1.0]);
    }

    #[test]
    fn a_rush_comes_at_its_time() {
        let rush = Rush { after_minutes: 60.0, minutes: 120.0, factor: 8.0 };
        let rhythm = Rhythm { rushes: vec![rush], ..Rhythm::default() };
        assert_eq!([0, 1, 2, 3].map(|hour| factor(&rhythm, hour)), [1.0, 8.0, 8.0, 1.0]);
    }

    #[test]
    fn a_value_outside_its_range_is_named() {
        let error = Rhythm { night_to_peak: 0.0, ..Rhythm::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "rhythm cannot be used: night_to_peak must be 0.01 to 1");
    }

    proptest! {
        #[test]
        fn a_day_averages_one(night_to_peak in 0.01f64..=1.0, peak_hour in 0.0f64..24.0) {
            let rhythm = Rhythm { night_to_peak, peak_hour, ..Rhythm::default() };
            let mean = (0..24).map(|hour| factor(&rhythm, hour)).sum::<f64>() / 24.0;
            prop_assert!((mean - 1.0).abs() < 1e-9, "{mean}");
        }
    }
}
