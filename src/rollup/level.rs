//! The spans that minutes are rolled up into.

use serde::{Deserialize, Serialize};

use crate::model::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};

/// The length of the spans, from the shortest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A quarter of an hour.
    Quarter,
    /// An hour.
    Hour,
    /// A day in UTC.
    Day,
}

impl Level {
    /// All levels, the shortest spans first.
    pub const ALL: [Self; 3] = [Self::Quarter, Self::Hour, Self::Day];

    /// As it stands in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quarter => "quarter",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// How long a span is, in milliseconds.
    pub fn span_ms(self) -> i64 {
        match self {
            Self::Quarter => 15 * MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }

    /// The start of the span that an instant lies in.
    pub fn floor(self, at: Timestamp) -> Timestamp {
        at.floor_to(self.span_ms())
    }

    /// The first start of a span that is not before an instant.
    pub fn ceil(self, at: Timestamp) -> Timestamp {
        let start = self.floor(at);
        if start == at { at } else { Timestamp::from_millis(start.millis().saturating_add(self.span_ms())) }
    }
}
