//! What only the place and time of storing can tell: whether an event lies where it belongs.
//!
//! The processor asks before it folds a record, the generator and a collector before they send one.

use chrono::TimeDelta;

use crate::model::event::{Event, Reject, Stream};
use crate::model::money::Currency;
use crate::model::time::Timestamp;

/// How far a shopper's clock may run ahead of the broker's.
pub const CLOCK_SKEW_MAX: TimeDelta = TimeDelta::seconds(60);
/// How old an event may be when it is stored.
pub const AGE_MAX: TimeDelta = TimeDelta::days(90);

/// Where and when a record was stored.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The topic.
    pub stream: Stream,
    /// The partition's number.
    pub partition: i32,
    /// The record's key, empty when it has none.
    pub key: &'a [u8],
    /// The broker's time of storing.
    pub appended_at: Timestamp,
}

/// What a shop's events must keep to.
#[derive(Debug, Clone, Copy)]
pub struct Door {
    /// How many partitions each event topic has.
    pub partitions: i32,
    /// The one currency of the shop: amounts in another would be added up wrongly.
    pub currency: Currency,
}

impl Door {
    /// Checks topic, key, partition, currency and age.
    ///
    /// # Errors
    /// The [`Reject`] that goes with the record to `dead-letters`.
    pub fn check(&self, event: &Event, place: Place<'_>) -> Result<(), Reject> {
        let kind = event.event_type();
        if kind.stream() != place.stream {
            let (right, here) = (kind.stream().topic(), place.stream.topic());
            return Err(Reject::Misplaced(format!("a {kind} belongs in {right}, not in {here}")));
        }
        if event.visitor().as_bytes() != place.key {
            return Err(Reject::Misplaced("the record's key is not the visitor's id".to_owned()));
        }
        let right = partition_of(place.key, self.partitions);
        if right != place.partition {
            return Err(Reject::Misplaced(format!(
                "its key belongs in partition {right} (murmur2 of {}), not in {}",
                self.partitions, place.partition
            )));
        }
        if event.currency().is_some_and(|currency| currency != self.currency) {
            return Err(Reject::Implausible(format!("the shop's currency is {}", self.currency)));
        }
        check_age(event.timestamp, place.appended_at)
    }
}

fn check_age(at: Timestamp, appended_at: Timestamp) -> Result<(), Reject> {
    let age = appended_at - at;
    if age < -CLOCK_SKEW_MAX {
        return Err(Reject::WrongTime(format!("dated {} s after it was stored", -age.num_seconds())));
    }
    if age > AGE_MAX {
        return Err(Reject::WrongTime(format!("{} days old when it was stored", age.num_days())));
    }
    Ok(())
}

/// The partition of a key: Kafka's default for Java producers, `(murmur2(key) & 0x7fffffff) % partitions`,
/// which librdkafka calls `murmur2_random`.
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & 0x7fff_ffff) as i32 % partitions.max(1)
}

/// MurmurHash2 with Kafka's seed (`org.apache.kafka.common.utils.Utils.murmur2`).
pub fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    let mut hash = SEED ^ data.len() as u32;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    if !tail.is_empty() {
        let last = tail.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{at, search};

    const DOOR: Door = Door { partitions: 12, currency: Currency::EUR };

    fn place(event: &Event) -> Place<'_> {
        let key = event.visitor().as_bytes();
        let partition = partition_of(key, DOOR.partitions);
        Place { stream: event.event_type().stream(), partition, key, appended_at: event.timestamp }
    }

    /// Values that Kafka's own UtilsTest publishes.
    #[test]
    fn the_hash_is_kafkas() {
        assert_eq!(murmur2(b"21") as i32, -973_932_308);
        assert_eq!(murmur2(b"foobar") as i32, -790_332_482);
        assert_eq!(murmur2(b"a-little-bit-long-string") as i32, -985_981_536);
        assert_eq!(murmur2(b"abc") as i32, 479_470_107);
    }

    #[test]
    fn an_event_in_its_place_passes() {
        let event = search(at(0));
        assert_eq!(DOOR.check(&event, place(&event)), Ok(()));
    }

    #[test]
    fn an_event_in_the_wrong_place_is_refused_as_misplaced() {
        let event = search(at(0));
        let right = place(&event);
        let wrong = [
            Place { stream: Stream::Order, ..right },
            Place { key: b"somebody-else", ..right },
            Place { partition: (right.partition + 1) % 12, ..right },
        ];
        for place in wrong {
            assert_eq!(DOOR.check(&event, place).unwrap_err().code(), "misplaced", "{place:?}");
        }
    }

    #[test]
    fn an_event_from_the_future_or_the_far_past_is_refused() {
        let event = search(at(0));
        for appended_at in [at(0) - TimeDelta::minutes(2), at(0) + TimeDelta::days(91)] {
            let place = Place { appended_at, ..place(&event) };
            assert_eq!(DOOR.check(&event, place).unwrap_err().code(), "wrong_time", "{appended_at}");
        }
    }
}
