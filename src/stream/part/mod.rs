//! The state of one partition number in one group, and what is done with each record.
//!
//! Pure: records in, [`Flush`] out. Built at a take-over by reading again from the committed
//! position, which gives what never stopping would have given.

mod memory;
mod rereading;

use std::cmp::Reverse;

use chrono::TimeDelta;

use crate::bus::Received;
use crate::model::event::door::{Door, Place};
use crate::model::event::{self, Event, Record, Reject, Stream};
use crate::model::rules::Rules;
use crate::model::sample::Sample;
use crate::model::time::Timestamp;
use crate::stream::documents::{Documents, Size};
use crate::stream::fold::{Arrival, Clock, Folding};
use crate::stream::groups::Group;
use crate::stream::ledger::{Counts, Fate};
use crate::stream::origin::{DeadLetter, LateEvent, Origin};
use crate::stream::position::{Facts, Position};

pub use rereading::TakeOver;

/// A record as it comes from the log.
#[derive(Debug, Clone, Copy)]
pub struct LogRecord<'a> {
    /// Its offset.
    pub offset: i64,
    /// The broker's time of storing.
    pub appended_at: Timestamp,
    /// Its key.
    pub key: &'a [u8],
    /// Its bytes.
    pub payload: &'a [u8],
}

impl<'a> From<Received<'a>> for LogRecord<'a> {
    fn from(received: Received<'a>) -> Self {
        let Received { offset, appended_at, key, payload, .. } = received;
        Self { offset, appended_at, key, payload }
    }
}

/// When an event happened, and how long after that it was stored: of one time the soonest is the greatest.
pub type Newest = (Timestamp, Reverse<TimeDelta>);

/// One topic of the partition.
struct Topic {
    stream: Stream,
    /// The next offset to read.
    position: i64,
    /// The first offset whose effects were not acknowledged at take-over: earlier ones are replayed.
    fresh_from: i64,
    /// Whether this build would have written what was acknowledged: by the same rules, with the same folds.
    is_ours: bool,
    /// The ledger, in the order of the group's folds.
    ledger: Vec<Counts>,
}

/// The state of one partition number in one group.
pub struct Part {
    group: Group,
    partition: i32,
    door: Door,
    topics: Vec<Topic>,
    /// The topics' event times, in the same order.
    clocks: Vec<Clock>,
    folds: Vec<Box<dyn Folding>>,
    documents: Documents,
    dead: Vec<DeadLetter>,
    /// The sum of the positions at the last flush: nothing new was read while it stands.
    flushed_at: i64,
    /// How much that flush was.
    flushed: Size,
    /// Replayed records since the take-over.
    replayed: u64,
    /// When the event that happened last happened, and how long after that it was stored.
    newest: Option<Newest>,
    /// When the first event since the last flush was stored.
    stored_from: Option<Timestamp>,
    /// What the open windows may take in memory after a flush.
    bytes_max: usize,
    /// Of which sessions raw events are kept.
    archived: Sample,
    /// By which rules results are judged.
    rules: u32,
}

/// What a part wants done: first all effects, then the commit.
#[derive(Debug)]
pub struct Flush {
    /// Whose.
    pub group: Group,
    /// The partition.
    pub partition: i32,
    /// Documents that must be accepted before the commit.
    pub documents: Documents,
    /// Records for `dead-letters`, which must be acknowledged before the commit.
    pub dead: Vec<DeadLetter>,
    /// What to commit, by topic.
    pub positions: Vec<(Stream, Position)>,
    /// When the first event was stored that this flush brings forth.
    pub stored_from: Option<Timestamp>,
    /// Windows that were closed before their time, for lack of memory.
    pub closed_early: usize,
}

/// How far the results of a partition in a group are.
#[derive(Debug, Clone, PartialEq)]
pub struct Frontier {
    /// The least event time that every topic has come to; `None` while one has no event yet.
    pub watermark: Option<Timestamp>,
    /// Results before this time can no longer change.
    pub complete_until: Option<Timestamp>,
    /// By topic: the next offset and the greatest event time.
    pub topics: Vec<(Stream, i64, Option<Timestamp>)>,
    /// By operator and topic.
    pub ledger: Vec<(&'static str, Stream, Counts)>,
    /// Windows that are open.
    pub open_windows: usize,
    /// Records read again since the take-over.
    pub replayed: u64,
}

impl Part {
    /// A partition's state at its take-over: empty, to be filled by reading from the given positions.
    /// There is one position for each topic of the group, in the group's order.
    pub fn new(group: Group, partition: i32, door: Door, starts: Vec<TakeOver>) -> Self {
        let folds = group.folds(partition);
        let rules = Rules::fingerprint();
        let starts = group.streams().iter().copied().enumerate().zip(starts);
        let (topics, clocks) = starts.map(|(topic, start)| start.topic(topic, &folds, rules)).unzip();
        Self {
            group,
            partition,
            door,
            topics,
            clocks,
            folds,
            documents: Documents::default(),
            dead: Vec::new(),
            flushed_at: -1,
            flushed: Size::default(),
            replayed: 0,
            newest: None,
            stored_from: None,
            bytes_max: usize::MAX,
            archived: Sample::ALL,
            rules,
        }
    }

    /// Takes in one record of a topic. A record that was read before is ignored.
    pub fn fold(&mut self, topic: usize, record: LogRecord<'_>) {
        if self.wants(topic, record.offset)
            && let Some(state) = self.topics.get(topic)
        {
            let found = examine(&self.door, state.stream, self.partition, &record);
            self.take(topic, &record, &found);
        }
    }

    /// Whether the record of this offset was not read before.
    pub fn wants(&self, topic: usize, offset: i64) -> bool {
        self.topics.get(topic).is_some_and(|state| offset >= state.position)
    }

    /// Sets of which sessions raw events are kept.
    pub fn archive(&mut self, archived: Sample) {
        self.archived = archived;
    }

    /// As [`Part::fold`], for a record that was examined already.
    pub fn take(&mut self, topic: usize, record: &LogRecord<'_>, found: &Result<Record, Reject>) {
        let Some(state) = self.topics.get_mut(topic).filter(|state| record.offset >= state.position) else {
            return;
        };
        if record.offset > state.position {
            // Legal only for what a transactional producer of somebody else leaves in the log.
            let (topic, partition) = (state.stream.topic(), self.partition);
            tracing::error!(
                topic,
                partition,
                expected = state.position,
                found = record.offset,
                "offsets are missing"
            );
        }
        state.position = record.offset + 1;
        let fresh = record.offset >= state.fresh_from;
        self.replayed += u64::from(!fresh);
        let stream = state.stream;
        match found {
            Ok(Record::Event(event)) => self.fold_event(topic, fresh, record, event),
            Ok(Record::Tick(at)) => {
                self.count_all(topic, fresh, Fate::Tick);
                self.advance(topic, (*at).min(record.appended_at));
            }
            Err(reject) => {
                self.count_all(topic, fresh, Fate::Dead);
                if fresh && self.group.writes_dead_letters() {
                    let origin = origin_of(stream, self.partition, record);
                    self.dead.push(DeadLetter::rejected(origin, reject));
                }
            }
        }
        if !fresh {
            self.count_as_written(topic);
        }
    }

    fn fold_event(&mut self, topic: usize, fresh: bool, record: &LogRecord<'_>, event: &Event) {
        let arrival = Arrival { topic, offset: record.offset, event };
        let origin = || origin_of(event.event_type().stream(), self.partition, record);
        let mut ledger = self.topics.get_mut(topic).map(|topic| topic.ledger.iter_mut());
        for fold in &mut self.folds {
            let counts = ledger.as_mut().and_then(Iterator::next);
            if !fold.folds(topic) {
                continue;
            }
            let offered = fold.offer(&arrival, &self.clocks);
            if let Some(counts) = counts.filter(|_| fresh) {
                counts.count(offered.fate);
            }
            if let Some((window, reason)) = offered.late.filter(|_| fresh) {
                let late =
                    LateEvent { group: self.group.name(), operator: fold.name(), window, reason, event };
                late.write(&origin(), &mut self.documents);
            }
        }
        if fresh && self.group.archives() && self.archived.holds(&event.session_id) {
            self.documents.push_raw(event, origin());
        }
        if fresh {
            self.stored_from.get_or_insert(record.appended_at);
        }
        // Of two records of one time the one that came sooner: an event may be sent again much later.
        let newest = (event.timestamp, Reverse(record.appended_at - event.timestamp));
        self.newest = self.newest.max(Some(newest));
        self.advance(topic, event.timestamp.min(record.appended_at));
    }

    /// Moves a topic's event time; never back, and windows are never shifted with it.
    fn advance(&mut self, topic: usize, to: Timestamp) {
        if let Some(clock) = self.clocks.get_mut(topic) {
            clock.max_ts = clock.max_ts.max(to);
        }
    }

    fn count_all(&mut self, topic: usize, fresh: bool, fate: Fate) {
        let Some(state) = self.topics.get_mut(topic).filter(|_| fresh) else { return };
        for (fold, counts) in self.folds.iter().zip(&mut state.ledger) {
            if fold.folds(topic) {
                counts.count(fate);
            }
        }
    }

    /// Whose results these are.
    pub fn group(&self) -> Group {
        self.group
    }

    /// The partition's number.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// Gives what has changed since the last flush, and forgets what is closed; `None` when nothing new
    /// was read or the replay is not over.
    pub fn flush(&mut self) -> Option<Flush> {
        let read_to = self.read_to();
        if !self.has_caught_up() || read_to == self.flushed_at {
            return None;
        }
        self.flushed_at = read_to;
        let mut documents = std::mem::take(&mut self.documents);
        // Mostly as much comes as the last time; what lies there for a moment need not grow and be copied again and again.
        documents.reserve(self.flushed);
        for fold in &mut self.folds {
            fold.render(&mut documents);
            fold.forget(&self.clocks);
        }
        self.flushed = documents.size();
        let closed_early = self.close_early();
        let positions = (0..self.topics.len()).filter_map(|topic| self.position(topic)).collect();
        let dead = std::mem::take(&mut self.dead);
        let stored_from = self.stored_from.take();
        let (group, partition) = (self.group, self.partition);
        Some(Flush { group, partition, documents, dead, positions, stored_from, closed_early })
    }

    /// The position to commit for a topic: the least first event of all open windows, else the next record.
    fn position(&self, number: usize) -> Option<(Stream, Position)> {
        let (topic, clock) = (self.topics.get(number)?, self.clocks.get(number)?);
        let first =
            self.folds.iter().filter_map(|fold| fold.oldest_first_event(number)).min_by_key(|f| f.offset);
        let (replay_from, max_ts_before_replay) =
            first.map_or((topic.position, clock.max_ts), |first| (first.offset, first.max_ts_before));
        let facts = Facts {
            max_ts_before_replay,
            next: topic.position,
            max_ts: clock.max_ts,
            floor: clock.floor,
            partitions: Some(self.door.partitions),
            rules: Some(self.rules),
            ledger: self.ledger(number).map(|(name, counts)| (name.to_owned(), counts)).collect(),
        };
        Some((topic.stream, Position { replay_from, facts }))
    }

    fn ledger(&self, topic: usize) -> impl Iterator<Item = (&'static str, Counts)> {
        let counts = self.topics.get(topic).map(|topic| topic.ledger.as_slice()).unwrap_or_default();
        let concerned = self.folds.iter().zip(counts).filter(move |(fold, _)| fold.folds(topic));
        concerned.map(|(fold, counts)| (fold.name(), *counts))
    }

    /// How far the results are.
    pub fn frontier(&self) -> Frontier {
        let known = |at: Timestamp| (at != Timestamp::MIN).then_some(at);
        let watermark = known(self.clocks.iter().map(|clock| clock.max_ts).min().unwrap_or(Timestamp::MIN));
        let complete =
            |at: Timestamp| self.folds.iter().map(|fold| fold.complete_until(at)).min().unwrap_or(at);
        let ledger = (0..self.topics.len()).flat_map(|number| {
            let stream = self.topics.get(number).map(|topic| topic.stream);
            self.ledger(number).filter_map(move |(name, counts)| Some((name, stream?, counts)))
        });
        let topics = self.topics.iter().zip(&self.clocks);
        Frontier {
            watermark,
            complete_until: watermark.map(complete),
            topics: topics
                .map(|(topic, clock)| (topic.stream, topic.position, known(clock.max_ts)))
                .collect(),
            ledger: ledger.collect(),
            open_windows: self.folds.iter().map(|fold| fold.open_windows()).sum(),
            replayed: self.replayed,
        }
    }

    /// Has the next flush commit again, after a commit that was not taken.
    pub fn flush_again(&mut self) {
        self.flushed_at = -1;
    }

    /// Whether nothing was read since the last flush.
    pub fn is_flushed(&self) -> bool {
        self.read_to() == self.flushed_at
    }

    /// The next offset to read in this topic; `None` for one that the group does not read.
    pub fn position_in(&self, stream: Stream) -> Option<i64> {
        self.topics.iter().find(|topic| topic.stream == stream).map(|topic| topic.position)
    }

    /// The next offset to read in each topic, in the group's order.
    pub fn positions(&self) -> Vec<i64> {
        self.topics.iter().map(|topic| topic.position).collect()
    }

    /// When the event that happened last happened, and how long after that it was stored: little in live traffic,
    /// much while history is filled in. What comes late in live traffic does not count.
    pub fn newest(&self) -> Option<Newest> {
        self.newest
    }

    /// Documents and dead letters that wait for the next flush, besides changed results.
    pub fn waiting(&self) -> usize {
        self.documents.len() + self.dead.len()
    }

    /// Greatest event time of each topic, [`Timestamp::MIN`] before the first event.
    pub fn event_times(&self) -> Vec<Timestamp> {
        self.clocks.iter().map(|clock| clock.max_ts).collect()
    }

    fn read_to(&self) -> i64 {
        self.topics.iter().map(|topic| topic.position).sum()
    }
}

/// Decodes a record and checks whether it lies where it belongs.
///
/// # Errors
/// The [`Reject`] with which it becomes a dead letter.
pub fn examine(
    door: &Door,
    stream: Stream,
    partition: i32,
    record: &LogRecord<'_>,
) -> Result<Record, Reject> {
    let parsed = event::parse(record.payload)?;
    if let Record::Event(event) = &parsed {
        door.check(event, Place { stream, partition, key: record.key, appended_at: record.appended_at })?;
    }
    Ok(parsed)
}

fn origin_of(stream: Stream, partition: i32, record: &LogRecord<'_>) -> Origin {
    Origin {
        stream,
        partition,
        offset: record.offset,
        appended_at: record.appended_at,
        key: record.key.to_vec(),
        payload: record.payload.to_vec(),
    }
}

#[cfg(test)]
mod tests;
