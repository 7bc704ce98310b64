//! What is committed to Kafka for one topic of a partition: facts, enough to rebuild the state.
//!
//! The committed offset is where rereading must begin: the first event of the oldest open window of any
//! group. The rest, and where each group's rereading begins, travels as the offset's metadata, in JSON
//! with a format version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::time::Timestamp;
use crate::stream::fold::{Floor, LateReason};
use crate::stream::groups::Group;
use crate::stream::ledger::Counts;

/// The metadata format that this build writes.
const FORMAT: u8 = 3;
/// The oldest format that it reads: 2 knew neither floors nor how many partitions there were.
const OLDEST_FORMAT: u8 = 2;

/// A group's committed position in a topic.
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
    /// Up to where windows were closed before their time.
    pub floor: Option<Floor>,
    /// How many partitions the topic had. With another number a visitor's records would lie in two.
    pub partitions: Option<i32>,
    /// By which rules the results were judged: [`crate::model::rules::Rules::fingerprint`]. `None` in what older builds committed.
    pub rules: Option<u32>,
    /// The ledger up to `next`, by operator.
    pub ledger: BTreeMap<String, Counts>,
}

/// The positions of all groups that read a topic. One that is missing has not committed anything yet.
pub type Positions = BTreeMap<Group, Position>;

#[derive(Serialize, Deserialize)]
struct Metadata {
    v: u8,
    groups: BTreeMap<String, GroupMetadata>,
}

#[derive(Serialize, Deserialize)]
struct GroupMetadata {
    replay_from: i64,
    replay_ts: i64,
    next: i64,
    ts: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    floor: Option<(i64, LateReason)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partitions: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<u32>,
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
        "the committed offset has metadata of format {0}, but this build reads {OLDEST_FORMAT} to {FORMAT}: use the build that wrote it"
    )]
    UnknownFormat(u8),
    /// A group of operators that this build does not have.
    #[error(
        "the committed offset tells of a group {0:?} that this build does not have: use the build that wrote it"
    )]
    UnknownGroup(String),
}

/// The metadata to commit with the least `replay_from` of these positions.
pub fn encode(positions: &Positions) -> String {
    let group = |(group, position): (&Group, &Position)| {
        let Position { replay_from, facts } = position;
        let metadata = GroupMetadata {
            replay_from: *replay_from,
            replay_ts: facts.max_ts_before_replay.millis(),
            next: facts.next,
            ts: facts.max_ts.millis(),
            floor: facts.floor.map(|floor| (floor.before.millis(), floor.reason)),
            partitions: facts.partitions,
            rules: facts.rules,
            ledger: facts.ledger.clone(),
        };
        (group.name().to_owned(), metadata)
    };
    let metadata = Metadata { v: FORMAT, groups: positions.iter().map(group).collect() };
    serde_json::to_string(&metadata).unwrap_or_default()
}

/// Reads committed metadata.
///
/// # Errors
/// [`BadMetadata`] for anything that this format version did not write.
pub fn decode(text: &str) -> Result<Positions, BadMetadata> {
    let foreign = |_| BadMetadata::Foreign(text.chars().take(80).collect());
    let Version { v } = serde_json::from_str(text).map_err(foreign)?;
    if !(OLDEST_FORMAT..=FORMAT).contains(&v) {
        return Err(BadMetadata::UnknownFormat(v));
    }
    let metadata: Metadata = serde_json::from_str(text).map_err(foreign)?;
    let floor = |(before, reason)| Floor { before: Timestamp::from_millis(before), reason };
    let position = |(name, group): (String, GroupMetadata)| {
        let facts = Facts {
            max_ts_before_replay: Timestamp::from_millis(group.replay_ts),
            next: group.next,
            max_ts: Timestamp::from_millis(group.ts),
            floor: group.floor.map(floor),
            partitions: group.partitions,
            rules: group.rules,
            ledger: group.ledger,
        };
        let known = Group::named(&name).ok_or(BadMetadata::UnknownGroup(name))?;
        Ok((known, Position { replay_from: group.replay_from, facts }))
    };
    metadata.groups.into_iter().map(position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::groups::Reader;
    use proptest::prelude::*;

    fn positions(replay_from: i64, ts: i64, count: u64) -> Positions {
        let counts = Counts {
            read: count,
            folded: count,
            duplicate: count,
            late: count,
            dead: count,
            ignored: count,
            ticks: count,
        };
        let facts = |group: Group| Facts {
            max_ts_before_replay: Timestamp::from_millis(ts),
            next: replay_from,
            max_ts: Timestamp::from_millis(ts),
            floor: Some(Floor { before: Timestamp::from_millis(ts), reason: LateReason::Truncated }),
            partitions: Some(1_000),
            rules: Some(u32::MAX),
            ledger: group.folds(0).iter().map(|fold| (fold.name().to_owned(), counts)).collect(),
        };
        let groups = Reader::Processor.groups().iter();
        groups.map(|group| (*group, Position { replay_from, facts: facts(*group) })).collect()
    }

    proptest! {
        #[test]
        fn positions_survive_a_commit(replay_from in 0..i64::MAX, ts: i64, read: u64) {
            let positions = positions(replay_from, ts, read);
            prop_assert_eq!(decode(&encode(&positions)).unwrap(), positions);
        }

        #[test]
        fn no_text_makes_decoding_panic(text: String) {
            prop_assert!(decode(&text).is_err());
        }
    }

    #[test]
    fn the_metadata_fits_into_what_kafka_takes_whatever_is_counted() {
        // offset.metadata.max.bytes
        assert!(encode(&positions(i64::MAX, i64::MIN, u64::MAX)).len() <= 4096);
    }

    #[test]
    fn metadata_that_others_wrote_is_refused_and_never_guessed() {
        let message = |text: &str| decode(text).unwrap_err().to_string();
        assert!(message("").contains("something else committed it"));
        assert!(message(r#"{"v":1,"next":5}"#).contains("format 1"));
        let before_floors =
            r#"{"v":2,"groups":{"fraud":{"replay_from":1,"replay_ts":0,"next":5,"ts":0,"ledger":{}}}}"#;
        let facts = &decode(before_floors).unwrap()[&Group::Fraud].facts;
        assert_eq!((facts.next, facts.floor, facts.partitions), (5, None, None));
        let other = r#"{"v":2,"groups":{"x":{"replay_from":0,"replay_ts":0,"next":0,"ts":0,"ledger":{}}}}"#;
        assert!(message(other).contains("group \"x\""));
    }
}
