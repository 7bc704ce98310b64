//! Settings of a scenario with their defaults and ranges in one place.

use chrono::TimeDelta;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::traffic::chance::Chance;

/// A least and a most value, both included: `[3, 7]` in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span(pub u32, pub u32);

impl Span {
    /// A value between the two, each as likely.
    pub fn draw(self, chance: &mut Chance) -> u32 {
        chance.random_range(self.0..=self.1.max(self.0))
    }

    /// So many seconds, drawn to the millisecond.
    pub fn seconds(self, chance: &mut Chance) -> TimeDelta {
        chance.between_s(i64::from(self.0), i64::from(self.1.max(self.0)))
    }

    /// So many hours, drawn to the millisecond.
    pub fn hours(self, chance: &mut Chance) -> TimeDelta {
        Self(self.0.saturating_mul(3_600), self.1.saturating_mul(3_600)).seconds(chance)
    }
}

/// What can be held against a range.
pub trait Ranged: Copy {
    /// What is wrong with it, if it does not lie between the two.
    fn outside(self, least: f64, most: f64) -> Option<String>;
}

impl Ranged for f64 {
    fn outside(self, least: f64, most: f64) -> Option<String> {
        (!(least..=most).contains(&self)).then(|| format!("is {self}, not {least} to {most}"))
    }
}

impl Ranged for u32 {
    fn outside(self, least: f64, most: f64) -> Option<String> {
        f64::from(self).outside(least, most)
    }
}

impl Ranged for Span {
    fn outside(self, least: f64, most: f64) -> Option<String> {
        let Self(from, to) = self;
        let is_within =
            from <= to && from.outside(least, most).is_none() && to.outside(least, most).is_none();
        (!is_within).then(|| format!("is [{from}, {to}], not two rising numbers from {least} to {most}"))
    }
}

/// Holds the value of a path against its range.
///
/// # Errors
/// The path, the value and the range.
pub fn within(path: &str, value: impl Ranged, least: f64, most: f64) -> Result<(), String> {
    value.outside(least, most).map_or(Ok(()), |why| Err(format!("{path} {why}")))
}

/// Declares a struct of settings: each field with its meaning, type, default and range. `check` names the
/// first field that lies outside, by the path that it has in a scenario.
macro_rules! knobs {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr, $least:literal to $most:literal;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            /// Holds every value against its range.
            ///
            /// # Errors
            /// The path of the first one that lies outside, its value, and the range.
            pub fn check(&self, path: &str) -> Result<(), String> {
                $(
                    let field = format!("{path}.{}", stringify!($field));
                    $crate::traffic::knobs::within(&field, self.$field, f64::from($least), f64::from($most))?;
                )*
                Ok(())
            }
        }
    };
}
pub(crate) use knobs;
