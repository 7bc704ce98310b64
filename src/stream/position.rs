//! What is committed to Kafka for one topic of a partition: facts, enough to rebuild the state.
//!
//! The committed offset is where rereading must begin: the first event of the oldest open window. The
//! rest travels as the offset's metadata, in JSON with a format version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::time::Timestamp;
use crate::stream::ledger::Counts;

/// The metadata format that this build writes.
const FORMAT: u8 = 1;

/// A topic's committed position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Where to begin rereading.
    pub replay_from: i64,
    /// What goes with it.
    pub facts: Facts,
}

/// What is known besides the offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Greatest event time before `replay_from`; lateness is decided with it as it was the first time.
    pub max_ts_before_replay: Timestamp,
    /// The first record whose effects are not acknowledged yet.
    pub next: i64,
    /// Greatest event time before `next`; a window closed by it is not opened again by a replay.
    pub max_ts: Timestamp,
    /// The ledger up to `next`, by operator.
    pub ledger: BTreeMap<String, Counts>,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    v: u8,
    replay_ts: i64,
    next: i64,
    ts: i64,
    ledger: BTreeMap<String, Counts>,
}

#[derive(Deserialize)]
struct Version {
    v: u8,
}

/// Metadata that this build must not guess about.
#[derive(Debug, Error)]
pub enum BadMetadata {
    /// An offset that something else committed.
    #[error(
        "the committed offset has no readable metadata ({0:?}): something else committed it. \
         Use another SHOPLENS_PREFIX, or delete the consumer group to begin anew"
    )]
    Foreign(String),
    /// An offset of another build.
    #[error(
        "the committed offset has metadata of format {0}, but this build reads {FORMAT}: use the build that wrote it"
    )]
    UnknownFormat(u8),
}

impl Facts {
    /// The metadata to commit.
    pub fn encode(&self) -> String {
        let metadata = Metadata {
            v: FORMAT,
            replay_ts: self.max_ts_before_replay.millis(),
            next: self.next,
            ts: self.max_ts.millis(),
            ledger: self.ledger.clone(),
        };
        serde_json::to_string(&metadata).unwrap_or_default()
    }

    /// Reads committed metadata.
    ///
    /// # Errors
    /// [`BadMetadata`] for anything that this format version did not write.
    pub fn decode(text: &str) -> Result<Self, BadMetadata> {
        let foreign = |_| BadMetadata::Foreign(text.chars().take(80).collect());
        let Version { v } = serde_json::from_str(text).map_err(foreign)?;
        if v != FORMAT {
            return Err(BadMetadata::UnknownFormat(v));
        }
        let metadata: Metadata = serde_json::from_str(text).map_err(foreign)?;
        Ok(Self {
            max_ts_before_replay: Timestamp::from_millis(metadata.replay_ts),
            next: metadata.next,
            max_ts: Timestamp::from_millis(metadata.ts),
            ledger: metadata.ledger,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn facts_survive_a_commit(replay_ts: i64, next in 0..i64::MAX, ts: i64, read: u64) {
            let facts = Facts {
                max_ts_before_replay: Timestamp::from_millis(replay_ts),
                next,
                max_ts: Timestamp::from_millis(ts),
                ledger: [("trends".to_owned(), Counts { read, ..Counts::default() })].into(),
            };
            prop_assert_eq!(Facts::decode(&facts.encode()).unwrap(), facts);
        }

        #[test]
        fn no_text_makes_decoding_panic(text: String) {
            prop_assert!(Facts::decode(&text).is_err());
        }
    }

    #[test]
    fn metadata_that_others_wrote_is_refused_and_never_guessed() {
        let message = |text: &str| Facts::decode(text).unwrap_err().to_string();
        assert!(message("").contains("something else committed it"));
        assert!(message(r#"{"v":2,"next":5}"#).contains("format 2"));
    }
}
