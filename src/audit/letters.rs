//! The dead letters, held against the records that the recount refuses.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::audit::logs::{Logs, Refused};
use crate::audit::report::{Difference, Problem};
use crate::bus::{BusError, DEAD_LETTERS, Entry, LogReader, Stretch};
use crate::model::event::Stream;
use crate::model::time::Timestamp;

/// How long topics are kept: of older records the letter may be gone.
const KEPT: TimeDelta = TimeDelta::days(30);
/// Bytes of a record that its letter keeps at most.
const PAYLOAD_BYTES_MAX: usize = 900_000;
/// The reason of a letter whose record is usable, but not for Elasticsearch.
const REFUSED_BY_ELASTICSEARCH: &str = "refused_by_elasticsearch";

/// The header of a record that was sent back after a fix: the topic, partition and offset where it had been.
pub const RESENT: &str = "resent";

/// Where a record lies.
pub type Place = (Stream, i32, i64);

/// What a letter says; a digest stands for the record's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Letter {
    reason: String,
    digest: u64,
    written_at: Timestamp,
}

/// Records that the processor could not use once, by topic and offset, and why.
pub type GivenUp = BTreeMap<(Stream, i64), String>;

/// All dead letters, by the record that they are about.
#[derive(Debug, Default)]
pub struct Letters {
    /// A letter is written at least once: the same again is no other letter.
    letters: BTreeMap<Place, Vec<Letter>>,
    /// Letters about no record of the event topics.
    strange: Vec<String>,
    is_truncated: bool,
}

impl Letters {
    /// Reads all dead letters. Blocks.
    ///
    /// # Errors
    /// [`BusError`] when Kafka does not give them.
    pub fn read(reader: &LogReader) -> Result<Self, BusError> {
        let mut letters = Self::default();
        for partition in 0..reader.partitions(DEAD_LETTERS)? {
            let (from, to) = reader.bounds(DEAD_LETTERS, partition)?;
            letters.is_truncated |= from > 0;
            let stretch = Stretch { topic: DEAD_LETTERS, partition, from, to };
            reader.read(stretch, |entry| letters.take(partition, &entry))?;
        }
        Ok(letters)
    }

    /// The records of a partition before the given offsets that were given up and sent back after a fix, with
    /// the reason of then. By the rules of now they are usable where they lie, but the processor has counted
    /// them where they were sent to. Blocks.
    ///
    /// # Errors
    /// [`BusError`] when Kafka does not give the records.
    pub fn sent_back(
        &self,
        reader: &LogReader,
        partition: i32,
        up_to: [i64; 3],
    ) -> Result<GivenUp, BusError> {
        let mut given_up = GivenUp::new();
        for (stream, to) in Stream::ALL.into_iter().zip(up_to) {
            let of_topic = self.letters.range((stream, partition, 0)..(stream, partition, i64::MAX));
            let reasons: BTreeMap<String, (i64, &Letter)> = of_topic
                .filter_map(|(place, letters)| Some((name(*place), (place.2, letters.first()?))))
                .collect();
            let Some(since) = reasons.values().map(|(_, letter)| letter.written_at).min() else { continue };
            let from = reader.offset_at(stream.topic(), partition, since)?;
            reader.read(Stretch { topic: stream.topic(), partition, from, to }, |entry| {
                let original = text(&entry, RESENT).and_then(|id| reasons.get(&id));
                let original = original.map(|(offset, letter)| ((stream, *offset), letter.reason.clone()));
                given_up.extend(original);
            })?;
        }
        given_up.retain(|_, reason| reason != REFUSED_BY_ELASTICSEARCH);
        Ok(given_up)
    }

    fn take(&mut self, partition: i32, entry: &Entry<'_>) {
        let Some(place) = origin(entry) else {
            self.strange.push(format!("{DEAD_LETTERS}-{partition}-{}", entry.offset));
            return;
        };
        let reason = text(entry, "reason").unwrap_or_default();
        let letter = Letter { reason, digest: digest(entry.payload), written_at: entry.appended_at };
        let same = self.letters.entry(place).or_default();
        if !same.iter().any(|one| one.says(&letter.reason, letter.digest)) {
            same.push(letter);
        }
    }

    /// Whether Elasticsearch refused the event of this place for itself.
    pub fn is_refused_by_elasticsearch(&self, place: Place) -> bool {
        let letters = self.letters.get(&place);
        letters.is_some_and(|letters| letters.iter().any(|one| one.reason == REFUSED_BY_ELASTICSEARCH))
    }

    /// What is different about a partition's records before the given offsets; and how many were compared.
    pub fn compare(
        &self,
        logs: &Logs,
        next: impl Fn(Stream) -> i64,
        now: Timestamp,
    ) -> (u64, Vec<Difference>) {
        let refused = logs.refused.iter().filter(|one| one.offset < next(one.stream));
        let refused: BTreeMap<Place, &Refused> =
            refused.map(|one| ((one.stream, logs.partition, one.offset), one)).collect();
        let mut differences = Vec::new();
        for (place, record) in &refused {
            let digest = digest(&record.payload);
            let expected = told(&record.reason, digest);
            match self.letters.get(place) {
                Some(letters) if letters.iter().all(|one| one.says(&record.reason, digest)) => {}
                Some(letters) => {
                    let found = letters.iter().map(Letter::told).collect();
                    differences.push(difference(*place, Problem::Different { expected, found }));
                }
                None if self.is_truncated && record.appended_at < now - KEPT => {}
                None => differences.push(difference(*place, Problem::Missing { expected })),
            }
        }
        for log in &logs.topics {
            let in_log =
                (log.stream, logs.partition, log.first)..(log.stream, logs.partition, next(log.stream));
            if in_log.is_empty() {
                continue;
            }
            for (place, letters) in
                self.letters.range(in_log).filter(|(place, _)| !refused.contains_key(place))
            {
                let wrong = letters.iter().filter(|one| one.reason != REFUSED_BY_ELASTICSEARCH);
                let problem = |letter: &Letter| Problem::Unexpected { found: letter.told() };
                differences.extend(wrong.map(|letter| difference(*place, problem(letter))));
            }
        }
        (refused.len() as u64, differences)
    }

    /// Letters about no record of the event topics: of an unknown topic, or of a partition that is not there.
    pub fn strays(&self, partitions: i32) -> Vec<Difference> {
        let outside =
            self.letters.iter().filter(|((_, partition, _), _)| !(0..partitions).contains(partition));
        let outside = outside.flat_map(|(place, letters)| letters.iter().map(|letter| (*place, letter)));
        let outside =
            outside.map(|(place, letter)| difference(place, Problem::Unexpected { found: letter.told() }));
        let strange = self.strange.iter().map(|place| Difference {
            index: DEAD_LETTERS.to_owned(),
            id: place.clone(),
            problem: Problem::Unexpected { found: "its headers name no record".into() },
        });
        outside.chain(strange).collect()
    }
}

impl Letter {
    fn says(&self, reason: &str, digest: u64) -> bool {
        self.reason == reason && self.digest == digest
    }

    fn told(&self) -> Value {
        told(&self.reason, self.digest)
    }
}

fn told(reason: &str, digest: u64) -> Value {
    json!({ "reason": reason, "digest_of_bytes": format!("{digest:016x}") })
}

fn name((stream, partition, offset): Place) -> String {
    format!("{}-{partition}-{offset}", stream.topic())
}

/// The record that a dead letter is about; `None` where its headers do not say.
pub fn origin(entry: &Entry<'_>) -> Option<Place> {
    let topic = text(entry, "topic")?;
    let stream = Stream::ALL.into_iter().find(|stream| stream.topic() == topic)?;
    Some((stream, text(entry, "partition")?.parse().ok()?, text(entry, "offset")?.parse().ok()?))
}

fn text(entry: &Entry<'_>, header: &str) -> Option<String> {
    entry.header(header).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn digest(payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    payload.get(..PAYLOAD_BYTES_MAX).unwrap_or(payload).hash(&mut hasher);
    hasher.finish()
}

fn difference(place: Place, problem: Problem) -> Difference {
    Difference { index: DEAD_LETTERS.to_owned(), id: name(place), problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::logs::tests::{Place as Record, logs};
    use crate::model::event::tests::{at, view};

    fn letter(letters: &mut Letters, offset: &str, reason: &str, payload: &[u8]) {
        let headers = vec![
            ("reason", reason.as_bytes()),
            ("topic", b"product-events"),
            ("partition", b"0"),
            ("offset", offset.as_bytes()),
        ];
        letters.take(0, &Entry { offset: 0, appended_at: at(0), key: b"", payload, headers });
    }

    fn told(letters: &Letters) -> Vec<String> {
        let logs =
            logs(&[Record::event(view(at(0))), Record::Bytes(b"{".to_vec()), Record::Bytes(b"[".to_vec())]);
        let (compared, differences) = letters.compare(&logs, |_| 3, at(0));
        assert_eq!(compared, 2);
        differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn letters_of_exactly_the_refused_records_are_no_difference_however_often_written() {
        let mut letters = Letters::default();
        for _ in 0..2 {
            letter(&mut letters, "1", "unreadable", b"{");
            letter(&mut letters, "2", "unreadable", b"[");
        }
        letter(&mut letters, "0", REFUSED_BY_ELASTICSEARCH, b"");
        assert_eq!(told(&letters), [""; 0]);
        assert!(letters.is_refused_by_elasticsearch((Stream::Product, 0, 0)));
    }

    #[test]
    fn a_letter_that_is_missing_wrong_or_too_many_is_told_by_its_place() {
        let mut letters = Letters::default();
        letter(&mut letters, "0", "unreadable", b"");
        letter(&mut letters, "2", "unreadable", b"other bytes");
        let places =
            ["product-events-0-1: missing", "product-events-0-2: different", "product-events-0-0: unexp"];
        let told = told(&letters);
        assert_eq!(told.len(), 3);
        places.iter().zip(&told).for_each(|(place, told)| assert!(told.contains(place), "{told}"));
    }

    #[test]
    fn a_letter_of_no_record_is_told() {
        let mut letters = Letters::default();
        letters
            .take(0, &Entry { offset: 4, appended_at: at(0), key: b"", payload: b"", headers: Vec::new() });
        assert_eq!(letters.strays(12)[0].id, "dead-letters-0-4");
    }
}
