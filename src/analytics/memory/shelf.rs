//! Where panes stand in memory: by how long they are, and by when they are read.

use std::time::Duration;

use chrono::TimeDelta;

use crate::analytics::memory::rounds::{PAST_REACH, REACH};
use crate::model::time::Timestamp;
use crate::rollup::Level;

/// What is read apart, so that the last hours are soon at hand and always new, however much there was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Minutes and quarters of the last hours.
    Recent,
    /// Days, hours, and the minutes of weeks.
    Past,
}

impl Half {
    /// How long the service rests between two rounds of reading. What is past changes seldom.
    pub fn pause(self) -> Duration {
        match self {
            Self::Recent => Duration::from_secs(1),
            Self::Past => Duration::from_secs(10),
        }
    }

    /// How far back it reaches.
    pub fn reach(self) -> TimeDelta {
        match self {
            Self::Recent => REACH,
            Self::Past => PAST_REACH,
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recent => "last hours",
            Self::Past => "days before",
        }
    }
}

/// Panes of one length that are read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shelf {
    /// The last hours' minutes.
    Minutes,
    /// The last hours' quarters of an hour.
    Quarters,
    /// Days.
    Days,
    /// Hours.
    Hours,
    /// The minutes of weeks, the last ones too: ranges of days begin and end with some. Of products alone, for
    /// which Elasticsearch takes longest.
    OldMinutes,
}

impl Shelf {
    /// All that stand for a half; what is dispensed with first comes last.
    pub fn of(half: Half) -> &'static [Self] {
        match half {
            Half::Recent => &[Self::Minutes, Self::Quarters],
            Half::Past => &[Self::Days, Self::Hours, Self::OldMinutes],
        }
    }

    /// The half that it belongs to.
    pub fn half(self) -> Half {
        match self {
            Self::Minutes | Self::Quarters => Half::Recent,
            Self::Days | Self::Hours | Self::OldMinutes => Half::Past,
        }
    }

    /// The level of its panes; `None` for minutes.
    pub fn level(self) -> Option<Level> {
        match self {
            Self::Minutes | Self::OldMinutes => None,
            Self::Quarters => Some(Level::Quarter),
            Self::Hours => Some(Level::Hour),
            Self::Days => Some(Level::Day),
        }
    }
}

/// A part of a range that is read from one shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub shelf: Shelf,
    /// Start of its first pane.
    pub from: Timestamp,
    /// End of its last pane.
    pub until: Timestamp,
}
