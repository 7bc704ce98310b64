//! Money as integer minor units, and the three-letter code of its currency.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::model::text;

/// An amount in minor units (cents). Never a float; decimals exist only at the API's edge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cents(pub i64);

impl Cents {
    /// The amount times a quantity, stopping at the largest amount instead of wrapping.
    pub fn times(self, quantity: u32) -> Self {
        Self(self.0.saturating_mul(i64::from(quantity)))
    }

    /// What is left of the amount, at least 0.
    pub fn less(self, part: Self) -> Self {
        Self(self.0.saturating_sub(part.0).max(0))
    }

    /// The amount in major units, for people and charts only.
    pub fn to_major(self) -> f64 {
        self.0 as f64 / 100.0
    }

    /// The nearest amount to a number of major units; `None` for a number that is not finite, is
    /// negative or is over a thousand million.
    pub fn from_major(major: f64) -> Option<Self> {
        (major.is_finite() && (0.0..=1e9).contains(&major)).then(|| Self((major * 100.0).round() as i64))
    }
}

impl Add for Cents {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Cents {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self(0), Add::add)
    }
}

/// An ISO 4217 code such as `EUR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

/// A text that is not three capital letters.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("currency must be three capital letters such as EUR but is {0:?}")]
pub struct BadCurrency(String);

impl Currency {
    /// Euro, the default of the simulated shop.
    pub const EUR: Self = Self(*b"EUR");

    /// The code as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::str::FromStr for Currency {
    type Err = BadCurrency;
    fn from_str(text: &str) -> Result<Self, BadCurrency> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(BadCurrency(text.chars().take(16).collect())),
        }
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer, "a currency such as EUR", str::parse)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_never_wrap() {
        assert_eq!(Cents(i64::MAX) + Cents(1), Cents(i64::MAX));
        assert_eq!(Cents(i64::MAX).times(3), Cents(i64::MAX));
    }

    #[test]
    fn major_units_are_rounded_to_the_nearest_cent() {
        assert_eq!(Cents::from_major(19.99), Some(Cents(1999)));
        assert_eq!(Cents::from_major(f64::NAN), None);
        assert_eq!(Cents::from_major(-1.0), None);
    }

    #[test]
    fn only_three_capital_letters_are_a_currency() {
        assert_eq!("EUR".parse(), Ok(Currency::EUR));
        assert!("eur".parse::<Currency>().is_err());
        assert!("EURO".parse::<Currency>().is_err());
    }
}
