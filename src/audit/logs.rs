//! What the three logs of one partition number hold, and what the logs alone say about each record.

use crate::audit::letters::GivenUp;
use crate::bus::{BusError, Entry, LogReader, Stretch};
use crate::model::event::door::{CLOCK_SKEW_MAX, Door, Place};
use crate::model::event::{Event, Record, Stream, parse};
use crate::model::time::Timestamp;

/// An event in a log.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// The topic.
    pub stream: Stream,
    /// The offset.
    pub offset: i64,
    /// The broker's time of storing.
    pub appended_at: Timestamp,
    /// The greatest event time of the topic before it: by this alone it is late or not.
    pub max_ts_before: Timestamp,
    /// It.
    pub event: Event,
}

/// A record that cannot be used.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The topic.
    pub stream: Stream,
    /// The offset.
    pub offset: i64,
    /// The broker's time of storing.
    pub appended_at: Timestamp,
    /// Why, as [`crate::model::event::Reject::code`] says it.
    pub reason: String,
    /// The record's bytes.
    pub payload: Vec<u8>,
}

/// One topic of the partition.
#[derive(Debug, Clone)]
pub struct Log {
    /// The topic.
    pub stream: Stream,
    /// The first offset that it still has.
    pub first: i64,
    /// The offset after its last, when it was measured.
    pub end: i64,
    /// When its first record was stored; the lost ones were stored before.
    first_appended_at: Option<Timestamp>,
    /// By record that moved the topic's event time: the offset, and where it came to.
    clock: Vec<(i64, Timestamp)>,
    /// Offsets of ticks.
    ticks: Vec<i64>,
}

/// The three logs of one partition number.
#[derive(Debug, Clone)]
pub struct Logs {
    /// The partition.
    pub partition: i32,
    /// In the order of [`Stream::ALL`].
    pub topics: Vec<Log>,
    /// Every event, topic by topic in the order of the log.
    pub sightings: Vec<Sighting>,
    /// Every record that cannot be used, likewise.
    pub refused: Vec<Refused>,
    /// Records that could not be used when the processor read them.
    given_up: GivenUp,
}

impl Log {
    /// A log that has nothing read yet.
    pub fn new(stream: Stream, first: i64, end: i64) -> Self {
        Self { stream, first, end, first_appended_at: None, clock: Vec::new(), ticks: Vec::new() }
    }

    /// The greatest event time before this offset, [`Timestamp::MIN`] when there is none.
    pub fn max_ts_at(&self, next: i64) -> Timestamp {
        let before = self.clock.partition_point(|(offset, _)| *offset < next);
        before.checked_sub(1).and_then(|last| self.clock.get(last)).map_or(Timestamp::MIN, |(_, at)| *at)
    }

    /// The ticks before this offset.
    pub fn ticks_before(&self, next: i64) -> u64 {
        self.ticks.partition_point(|offset| *offset < next) as u64
    }

    /// Whether the beginning was deleted by retention.
    pub fn is_truncated(&self) -> bool {
        self.first > 0
    }

    /// Windows from here on hold no event that was deleted from the log: an event is stored at most
    /// [`CLOCK_SKEW_MAX`] before it happens, and belongs to no window after its own time.
    pub fn known_from(&self) -> Timestamp {
        match self.first_appended_at {
            _ if !self.is_truncated() => Timestamp::MIN,
            Some(at) => at + CLOCK_SKEW_MAX,
            None => Timestamp::from_millis(i64::MAX),
        }
    }

    fn advance(&mut self, offset: i64, to: Timestamp) {
        if to > self.max_ts_at(i64::MAX) {
            self.clock.push((offset, to));
        }
    }
}

impl Logs {
    /// Measures the logs of a partition. Blocks.
    ///
    /// # Errors
    /// [`BusError`] when no broker answers in time.
    pub fn measure(reader: &LogReader, partition: i32) -> Result<Self, BusError> {
        let log = |stream: Stream| {
            let (first, end) = reader.bounds(stream.topic(), partition)?;
            Ok(Log::new(stream, first, end))
        };
        let topics = Stream::ALL.into_iter().map(log).collect::<Result<_, BusError>>()?;
        Ok(Self::of_topics(partition, topics))
    }

    /// Nothing read yet.
    pub fn of_topics(partition: i32, topics: Vec<Log>) -> Self {
        let (sightings, refused) = (Vec::new(), Vec::new());
        Self { partition, topics, sightings, refused, given_up: GivenUp::new() }
    }

    /// Reads each log up to the given offset, in the order of [`Stream::ALL`]. Records that were given up and
    /// sent back count as refused, whatever the rules say now. Blocks.
    ///
    /// # Errors
    /// [`BusError`] when Kafka does not give the records.
    pub fn read(
        &mut self,
        reader: &LogReader,
        door: &Door,
        given_up: GivenUp,
        up_to: [i64; 3],
    ) -> Result<(), BusError> {
        self.given_up = given_up;
        for (number, to) in up_to.into_iter().enumerate() {
            let Some(log) = self.topics.get(number) else { continue };
            let (topic, partition) = (log.stream.topic(), self.partition);
            let stretch = Stretch { topic, partition, from: log.first, to };
            reader.read(stretch, |entry| self.take(number, door, &entry))?;
        }
        Ok(())
    }

    /// Takes in the next record of a topic, given by its number.
    pub fn take(&mut self, topic: usize, door: &Door, entry: &Entry<'_>) {
        let Some(log) = self.topics.get_mut(topic) else { return };
        let (stream, offset, appended_at) = (log.stream, entry.offset, entry.appended_at);
        log.first_appended_at = log.first_appended_at.or(Some(appended_at));
        let place = Place { stream, partition: self.partition, key: entry.key, appended_at };
        let given_up = self.given_up.get(&(stream, offset)).cloned();
        let found = given_up.map_or_else(|| examine(door, place, entry.payload), Err);
        match found {
            Ok(Record::Tick(at)) => {
                log.ticks.push(offset);
                log.advance(offset, at.min(appended_at));
            }
            Ok(Record::Event(event)) => {
                let max_ts_before = log.max_ts_at(i64::MAX);
                log.advance(offset, event.timestamp.min(appended_at));
                self.sightings.push(Sighting { stream, offset, appended_at, max_ts_before, event: *event });
            }
            Err(reason) => {
                let payload = entry.payload.to_vec();
                self.refused.push(Refused { stream, offset, appended_at, reason, payload });
            }
        }
    }

    /// The log of a topic.
    pub fn of(&self, stream: Stream) -> Option<&Log> {
        self.topics.iter().find(|log| log.stream == stream)
    }
}

/// The record, or why it cannot be used.
fn examine(door: &Door, place: Place<'_>, payload: &[u8]) -> Result<Record, String> {
    let check = |record: Record| match &record {
        Record::Event(event) => door.check(event, place).map(|()| record),
        Record::Tick(_) => Ok(record),
    };
    parse(payload).and_then(check).map_err(|reject| reject.code().to_owned())
}

#[cfg(test)]
pub(in crate::audit) mod tests {
    use super::*;
    use crate::model::event::door::partition_of;
    use crate::model::event::tests::at;
    use crate::model::money::Currency;

    /// A record to put into a log.
    pub enum Place {
        /// An event, in its own topic.
        Event(Box<Event>),
        /// Any bytes, in `product-events`.
        Bytes(Vec<u8>),
    }

    impl Place {
        pub fn event(event: Event) -> Self {
            Self::Event(Box::new(event))
        }
    }

    /// The logs of the one partition after these records, all stored a day later than the tests' time.
    pub fn logs(records: &[Place]) -> Logs {
        let door = Door { partitions: 1, currency: Currency::EUR };
        assert_eq!(partition_of(b"u1", 1), 0);
        let topics = Stream::ALL.map(|stream| Log::new(stream, 0, 0)).to_vec();
        let mut logs = Logs::of_topics(0, topics);
        for record in records {
            let (stream, payload) = match record {
                Place::Event(event) => (event.event_type().stream(), serde_json::to_vec(event).unwrap()),
                Place::Bytes(bytes) => (Stream::Product, bytes.clone()),
            };
            let number = Stream::ALL.iter().position(|one| *one == stream).unwrap();
            let offset = logs.topics[number].end;
            logs.topics[number].end += 1;
            let (key, payload, headers) = (&b"u1"[..], payload.as_slice(), Vec::new());
            let appended_at = at(86_400_000);
            logs.take(number, &door, &Entry { offset, appended_at, key, payload, headers });
        }
        logs
    }
}
