//! Mistakes put into the processor on purpose, to see that the simulation finds them.

use crate::stream::flight::Acknowledged;
use crate::stream::position::{Facts, Position};

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Documents are written whatever version is there.
    NoVersion,
    /// A successor goes on where the predecessor stopped, without the events of the open windows.
    NoReplay,
    /// Offsets are committed before the effects are acknowledged.
    CommitFirst,
    /// A replay decides lateness by the event time at its end instead of that at its beginning.
    WatermarkOfTheEnd,
    /// The state of lost partitions is kept until they come back, whoever had them meanwhile.
    StateKept,
    /// A flush that was on its way when the partitions were lost is taken for written.
    FlightForgotten,
    /// What was put together before a result was refused for good is committed all the same.
    GoneOnAfterRefusal,
    /// Items that Elasticsearch refused for now are taken for written, as the request as a whole succeeded.
    RefusedTakenAsSuccess,
    /// What was processed already is counted again after a take-over.
    CountedAgain,
}

impl Mutant {
    /// What this mistake makes of a position that is acknowledged.
    pub fn falsify(self, acknowledged: &mut Acknowledged) {
        let Position { replay_from, facts } = &mut acknowledged.position;
        let Facts { max_ts_before_replay, next, max_ts, .. } = facts;
        match self {
            Self::NoReplay => (*replay_from, *max_ts_before_replay) = (*next, *max_ts),
            Self::WatermarkOfTheEnd => *max_ts_before_replay = *max_ts,
            Self::CountedAgain => *next = *replay_from,
            Self::NoVersion
            | Self::CommitFirst
            | Self::StateKept
            | Self::FlightForgotten
            | Self::GoneOnAfterRefusal
            | Self::RefusedTakenAsSuccess => {}
        }
    }
}
