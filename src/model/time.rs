//! Instants in UTC with millisecond precision, and the windows that they fall into.

use std::fmt;
use std::ops::{Add, Sub};

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds in one minute.
pub const MINUTE_MS: i64 = 60_000;
/// Milliseconds in one hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds in one day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// Days from 1970 to the year 10000.
const DAYS_TO_10000: u32 = 2_932_897;

/// Milliseconds since 1970-01-01T00:00:00Z; in JSON an RFC 3339 text such as `2026-11-21T09:30:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Earlier than every instant that can be written down: the watermark before the first event.
    pub const MIN: Self = Self(i64::MIN);
    /// Later than any event.
    pub const MAX: Self = Self(i64::MAX);

    /// The instant that lies so many milliseconds after 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The clock of this machine. For `bin/` and the edges only: pure code is given the time.
    pub fn now() -> Self {
        Self(Utc::now().timestamp_millis())
    }

    /// Reads an RFC 3339 text in any offset; finer digits than milliseconds are cut off.
    pub fn parse(text: &str) -> Option<Self> {
        let general = || Some(Self(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis()));
        Self::parse_canonical(text.as_bytes()).or_else(general)
    }

    /// Reads the form that [`fmt::Display`] writes, several times faster than the general one: an event has
    /// two or three times, and its decoding is half of the processor's work.
    fn parse_canonical(text: &[u8]) -> Option<Self> {
        let [
            y0,
            y1,
            y2,
            y3,
            b'-',
            o0,
            o1,
            b'-',
            d0,
            d1,
            b'T',
            h0,
            h1,
            b':',
            m0,
            m1,
            b':',
            s0,
            s1,
            b'.',
            f0,
            f1,
            f2,
            b'Z',
        ] = text
        else {
            return None;
        };
        let number = |digits: &[&u8]| {
            let digit =
                |sum: u32, digit: &&u8| digit.is_ascii_digit().then(|| sum * 10 + u32::from(**digit - b'0'));
            digits.iter().try_fold(0, digit)
        };
        let year = i32::try_from(number(&[y0, y1, y2, y3])?).ok()?;
        let day = NaiveDate::from_ymd_opt(year, number(&[o0, o1])?, number(&[d0, d1])?)?;
        let (hour, minute, second) = (number(&[h0, h1])?, number(&[m0, m1])?, number(&[s0, s1])?);
        let at = day.and_hms_milli_opt(hour, minute, second, number(&[f0, f1, f2])?)?;
        Some(Self(at.and_utc().timestamp_millis()))
    }

    /// The start of the tumbling window of this length that the instant lies in, counted from 1970.
    pub fn floor_to(self, window_ms: i64) -> Self {
        Self(self.0.div_euclid(window_ms).saturating_mul(window_ms))
    }

    /// The hour of the day in UTC, 0 to 23.
    pub fn hour_of_day(self) -> u8 {
        (self.0.rem_euclid(DAY_MS) / HOUR_MS) as u8
    }

    /// The day in UTC as `2026-11-21`: the end of the names of daily indices.
    pub fn day(self) -> String {
        self.to_chrono().format("%Y-%m-%d").to_string()
    }

    /// The month in UTC as `2026-11`: the end of the names of monthly indices.
    pub fn month(self) -> String {
        self.to_chrono().format("%Y-%m").to_string()
    }

    /// The year in UTC as `2026`: the end of the names of yearly indices.
    pub fn year(self) -> String {
        self.to_chrono().format("%Y").to_string()
    }

    /// The first instant of a day in UTC.
    pub fn start_of(day: NaiveDate) -> Self {
        Self(day.and_time(NaiveTime::MIN).and_utc().timestamp_millis())
    }

    /// The text of an instant of the years 1970 to 9999, written without detours: there are two of them in
    /// every event. The date is computed as in Howard Hinnant's `civil_from_days`.
    fn written(self) -> Option<[u8; 24]> {
        let days = u32::try_from(self.0.div_euclid(DAY_MS)).ok().filter(|days| *days < DAYS_TO_10000)?;
        let of_day = self.0.rem_euclid(DAY_MS) as u32;
        let shifted = days + 719_468;
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + 400 * era + u32::from(month <= 2);
        let (seconds, millis) = (of_day / 1_000, of_day % 1_000);
        let digit = |number: u32, unit: u32| b'0' + (number / unit % 10) as u8;
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        Some([
            digit(year, 1_000),
            digit(year, 100),
            digit(year, 10),
            digit(year, 1),
            b'-',
            digit(month, 10),
            digit(month, 1),
            b'-',
            digit(day, 10),
            digit(day, 1),
            b'T',
            digit(hour, 10),
            digit(hour, 1),
            b':',
            digit(minute, 10),
            digit(minute, 1),
            b':',
            digit(second, 10),
            digit(second, 1),
            b'.',
            digit(millis, 100),
            digit(millis, 10),
            digit(millis, 1),
            b'Z',
        ])
    }

    /// The same instant as chrono's type; one outside its range becomes the nearest that fits.
    pub fn to_chrono(self) -> DateTime<Utc> {
        let nearest = if self.0 < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        DateTime::from_timestamp_millis(self.0).unwrap_or(nearest)
    }
}

impl Add<TimeDelta> for Timestamp {
    type Output = Self;
    fn add(self, delta: TimeDelta) -> Self {
        Self(self.0.saturating_add(delta.num_milliseconds()))
    }
}

impl Sub<TimeDelta> for Timestamp {
    type Output = Self;
    fn sub(self, delta: TimeDelta) -> Self {
        Self(self.0.saturating_sub(delta.num_milliseconds()))
    }
}

impl Sub for Timestamp {
    type Output = TimeDelta;
    fn sub(self, earlier: Self) -> TimeDelta {
        let millis = self.0.saturating_sub(earlier.0);
        TimeDelta::try_milliseconds(millis).unwrap_or(if millis < 0 {
            TimeDelta::MIN
        } else {
            TimeDelta::MAX
        })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.written().as_ref().map(|bytes| str::from_utf8(bytes)) {
            Some(Ok(text)) => serializer.serialize_str(text),
            Some(Err(_)) | None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time such as 2026-11-21T09:30:00.000Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_written_in_utc_with_milliseconds() {
        let at = Timestamp::parse("2026-11-21T10:30:00.5+01:00").unwrap();
        assert_eq!(at.to_string(), "2026-11-21T09:30:00.500Z");
        assert_eq!((at.day().as_str(), at.month().as_str(), at.hour_of_day()), ("2026-11-21", "2026-11", 9));
    }

    proptest! {
        #[test]
        fn an_instant_lies_in_its_window(millis in -DAY_MS * 100_000..DAY_MS * 100_000) {
            let at = Timestamp::from_millis(millis);
            let start = at.floor_to(MINUTE_MS);
            prop_assert!(start <= at && at < start + TimeDelta::minutes(1));
            prop_assert_eq!(start.millis() % MINUTE_MS, 0);
        }

        #[test]
        fn writing_and_reading_a_time_gives_it_back(millis in 0..DAY_MS * 100_000) {
            let at = Timestamp::from_millis(millis);
            prop_assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        }

        #[test]
        fn a_time_is_written_as_chrono_writes_it(millis in -DAY_MS * 800_000..DAY_MS * 3_000_000) {
            let at = Timestamp::from_millis(millis);
            prop_assert_eq!(serde_json::to_string(&at).unwrap(), format!("\"{at}\""));
        }

        #[test]
        fn the_fast_way_reads_what_the_general_one_reads(
            text in "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9:]{3}Z"
        ) {
            let general = DateTime::parse_from_rfc3339(&text).ok();
            let general = general.map(|at| Timestamp::from_millis(at.timestamp_millis()));
            prop_assert_eq!(Timestamp::parse(&text), general);
            let fast = Timestamp::parse_canonical(text.as_bytes());
            prop_assert!(fast.is_none() || fast == general);
        }

        #[test]
        fn no_number_makes_time_arithmetic_panic(a: i64, b: i64) {
            let (a, b) = (Timestamp::from_millis(a), Timestamp::from_millis(b));
            let _ = (a - b, a + TimeDelta::MAX, a.floor_to(DAY_MS), a.to_string(), a.month());
        }
    }
}
