//! A share of the sessions, whole: whoever draws the same share keeps the same ones.

use std::str::FromStr;

use thiserror::Error;

use crate::model::event::door::murmur2;
use crate::model::ids::SessionId;

/// A share of the sessions, from 0 for none to 1 for all, chosen by a hash of their ids: so all events of a
/// session are in it or none, and a larger share holds every smaller one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample(f64);

/// Not a share.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("must be a number from 0 to 1")]
pub struct BadSample;

impl Sample {
    /// All sessions.
    pub const ALL: Self = Self(1.0);

    /// Whether it holds this session.
    pub fn holds(self, session_id: &SessionId) -> bool {
        f64::from(murmur2(session_id.as_str().as_bytes())) < self.0 * (f64::from(u32::MAX) + 1.0)
    }
}

impl Default for Sample {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromStr for Sample {
    type Err = BadSample;

    fn from_str(text: &str) -> Result<Self, BadSample> {
        let share: f64 = text.parse().map_err(|_| BadSample)?;
        (0.0..=1.0).contains(&share).then_some(Self(share)).ok_or(BadSample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(share: &str) -> Vec<u64> {
        let sample: Sample = share.parse().unwrap();
        (0..10_000).filter(|number| sample.holds(&SessionId::numbered(7, *number))).collect()
    }

    #[test]
    fn a_share_of_the_sessions_is_kept_and_a_larger_one_keeps_those_too() {
        let (tenth, half) = (held("0.1"), held("0.5"));
        assert!((900..1_100).contains(&tenth.len()) && (4_800..5_200).contains(&half.len()));
        assert!(tenth.iter().all(|number| half.contains(number)));
        assert_eq!((held("0").len(), held("1").len()), (0, 10_000));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in ["", "-0.1", "1.1", "NaN", "half"] {
            assert_eq!(text.parse::<Sample>(), Err(BadSample), "{text}");
        }
    }
}
