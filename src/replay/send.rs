//! Sending dead letters back to where they came from, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::audit::letters::RESENT;
use crate::bus::{Bus, BusError, LogReader, Offer, Producer, Stretch};
use crate::model::event::door::{Door, Place, partition_of};
use crate::model::event::{Record, Reject, Stream, parse};
use crate::model::time::Timestamp;
use crate::replay::dead::{Filter, Letter, each};

/// Longest wait for the acknowledgements.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(300);
/// Wait for room in a full queue.
const QUEUE_FULL_WAIT: Duration = Duration::from_millis(5);

/// What to do with letters that this build would refuse again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// Leave them: they would only become dead letters once more.
    Keep,
    /// Send them all the same, for a processor that can use them.
    Send,
}

/// What became of the letters.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Sent now.
    pub sent: u64,
    /// Sent before.
    pub before: u64,
    /// Not sent, for the letter does not hold all of the record's bytes.
    pub cut: u64,
    /// Not sent, for they would be refused again: by the reason now.
    pub unusable: BTreeMap<&'static str, u64>,
}

/// What should become of one letter.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Send,
    Before,
    Cut,
    Unusable(&'static str),
}

/// Sends the letters back that are meant and were not sent before. Blocks.
///
/// # Errors
/// When Kafka does not answer, or does not take all of them: then the same again sends only the rest.
pub fn send(bus: &Bus, door: &Door, filter: &Filter, unusable: Unusable) -> anyhow::Result<Sent> {
    let reader = LogReader::new(bus)?;
    let mut done = sent_before(&reader, door, filter).context("looking for what was sent before")?;
    let producer = Producer::new(bus)?;
    let mut sent = Sent::default();
    let mut failure = None;
    // The letters are read twice and not kept: they may be many, and long.
    let take = |letter: Letter| {
        let verdict = judge(&letter, door, unusable, &done, Timestamp::now());
        if verdict == Verdict::Send && failure.is_none() {
            failure = hand_over(&producer, &letter).err();
            done.insert(letter.id());
        }
        sent.count(&verdict);
    };
    each(&reader, filter, take).context("reading the dead letters")?;
    failure.map_or(Ok(()), Err).context("sending dead letters back")?;
    producer.flush(FLUSH_TIMEOUT)?;
    let failed = producer.deliveries().failed();
    ensure!(
        failed == 0,
        "Kafka did not take {failed} of {} records: send again, it sends only the rest",
        sent.sent
    );
    Ok(sent)
}

/// The ids of all letters that lie in the topics again. A letter can only lie after the moment when it was
/// written, and in the partition of its key.
fn sent_before(reader: &LogReader, door: &Door, filter: &Filter) -> Result<BTreeSet<String>, BusError> {
    let mut since: BTreeMap<(Stream, i32), Timestamp> = BTreeMap::new();
    each(reader, filter, |letter| {
        let target = (letter.place.0, partition_of(&letter.key, door.partitions));
        let first = since.entry(target).or_insert(letter.written_at);
        *first = letter.written_at.min(*first);
    })?;
    let mut sent = BTreeSet::new();
    for ((stream, partition), since) in since {
        let topic = stream.topic();
        let from = reader.offset_at(topic, partition, since)?;
        let (_, to) = reader.bounds(topic, partition)?;
        reader.read(Stretch { topic, partition, from, to }, |entry| {
            sent.extend(entry.header(RESENT).map(|id| String::from_utf8_lossy(id).into_owned()));
        })?;
    }
    Ok(sent)
}

fn judge(
    letter: &Letter,
    door: &Door,
    unusable: Unusable,
    sent: &BTreeSet<String>,
    now: Timestamp,
) -> Verdict {
    if sent.contains(&letter.id()) {
        return Verdict::Before;
    }
    if letter.cut_from_bytes.is_some() {
        return Verdict::Cut;
    }
    match (examine(letter, door, now), unusable) {
        (Ok(()), _) | (Err(_), Unusable::Send) => Verdict::Send,
        (Err(reject), Unusable::Keep) => Verdict::Unusable(reject.code()),
    }
}

/// Whether this build could use the record if it were stored now.
fn examine(letter: &Letter, door: &Door, now: Timestamp) -> Result<(), Reject> {
    let (stream, key) = (letter.place.0, letter.key.as_slice());
    let place = Place { stream, partition: partition_of(key, door.partitions), key, appended_at: now };
    match parse(&letter.payload)? {
        Record::Event(event) => door.check(&event, place),
        Record::Tick(_) => Ok(()),
    }
}

fn hand_over(producer: &Producer, letter: &Letter) -> Result<(), BusError> {
    let (topic, id) = (letter.place.0.topic(), letter.id());
    let headers = [(RESENT, id.as_bytes())];
    while producer.offer_with_headers(topic, &letter.key, &letter.payload, &headers)? == Offer::Full {
        thread::sleep(QUEUE_FULL_WAIT);
    }
    Ok(())
}

impl Sent {
    fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Send => self.sent += 1,
            Verdict::Before => self.before += 1,
            Verdict::Cut => self.cut += 1,
            Verdict::Unusable(reason) => *self.unusable.entry(reason).or_default() += 1,
        }
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent, {} sent before", self.sent, self.before)?;
        if self.cut > 0 {
            write!(f, "; {} not sent: the letters do not hold all of their bytes", self.cut)?;
        }
        let unusable: u64 = self.unusable.values().sum();
        if unusable > 0 {
            let reasons: Vec<String> =
                self.unusable.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            let reasons = reasons.join(", ");
            write!(
                f,
                "; {unusable} not sent: this build would refuse them again ({reasons}); --force sends them"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{at, view};
    use crate::model::money::Currency;
    use crate::replay::dead::tests::letter;

    const DOOR: Door = Door { partitions: 12, currency: Currency::EUR };

    fn verdict(letter: &Letter, unusable: Unusable, sent: &[&str]) -> Verdict {
        let sent = sent.iter().map(|id| (*id).to_owned()).collect();
        judge(letter, &DOOR, unusable, &sent, at(0))
    }

    #[test]
    fn a_letter_is_sent_when_it_can_be_used_now_and_was_not_sent_before() {
        let event = serde_json::to_vec(&view(at(0))).unwrap();
        let usable = letter(17, "unknown_version", "u1", &event);
        assert_eq!(verdict(&usable, Unusable::Keep, &["product-events-3-18"]), Verdict::Send);
        assert_eq!(verdict(&usable, Unusable::Send, &["product-events-3-17"]), Verdict::Before);
        let cut = Letter { cut_from_bytes: Some("2000000".to_owned()), ..usable };
        assert_eq!(verdict(&cut, Unusable::Send, &[]), Verdict::Cut);
    }

    #[test]
    fn a_letter_that_would_be_refused_again_is_only_sent_when_that_is_wanted() {
        let event = serde_json::to_vec(&view(at(0))).unwrap();
        let misplaced = letter(17, "misplaced", "somebody else", &event);
        assert_eq!(verdict(&misplaced, Unusable::Keep, &[]), Verdict::Unusable("misplaced"));
        assert_eq!(verdict(&misplaced, Unusable::Send, &[]), Verdict::Send);
    }

    #[test]
    fn what_was_not_sent_is_told_with_what_to_do() {
        let told =
            Sent { sent: 2, before: 1, cut: 0, unusable: BTreeMap::from([("unreadable", 3)]) }.to_string();
        let expected = "2 sent, 1 sent before; 3 not sent: this build would refuse them again (3 unreadable); \
                        --force sends them";
        assert_eq!(told, expected);
    }
}
