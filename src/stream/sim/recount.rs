//! What must be there after the records up to some offsets, recounted in batch: each topic is read once, in
//! order, and grouped by window. No versions, no state, no replay.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::model::event::enrich::enrich;
use crate::model::event::{Event, Record, Stream};
use crate::model::time::Timestamp;
use crate::stream::groups::Group;
use crate::stream::ledger::Counts;
use crate::stream::sim::elastic::{Key, is_unwanted};
use crate::stream::sim::log::{Log, Stored};
use crate::stream::sim::naive::{DEFINITIONS, Definition, Expected, Place};

/// What must be there.
#[derive(Debug, Default, PartialEq)]
pub struct Contents {
    /// Version and body by index and id.
    pub documents: BTreeMap<Key, (u64, Value)>,
    /// Reason and payload by id.
    pub dead: BTreeMap<String, (&'static str, Vec<u8>)>,
    /// By topic and operator.
    pub ledger: BTreeMap<(Stream, &'static str), Counts>,
}

/// One partition of one group, read up to the given offsets.
pub struct Extent<'a> {
    pub log: &'a Log,
    pub group: Group,
    pub partition: i32,
    /// By topic of the group.
    pub ends: Vec<i64>,
}

impl<'a> Extent<'a> {
    /// A partition read to its end.
    pub fn whole(log: &'a Log, group: Group, partition: i32) -> Self {
        let ends = group.streams().iter().map(|stream| log.end(*stream, partition)).collect();
        Self { log, group, partition, ends }
    }

    /// Recounts.
    pub fn contents(&self) -> Contents {
        let mut contents = Contents::default();
        for definition in DEFINITIONS.iter().filter(|one| one.group == self.group) {
            self.recount(definition, &mut contents);
        }
        if self.group == Group::Archiver {
            self.archive(&mut contents);
        }
        if self.group == Group::Sessions {
            self.bury(&mut contents);
        }
        contents
    }

    /// The records by topic, each with its offset.
    fn records(&self) -> impl Iterator<Item = (Stream, i64, &'a Stored)> {
        let (log, partition) = (self.log, self.partition);
        self.group.streams().iter().zip(self.ends.clone()).flat_map(move |(stream, end)| {
            let records = log.records(*stream, partition).iter().take(end as usize);
            records.enumerate().map(move |(offset, record)| (*stream, offset as i64, record))
        })
    }

    fn recount(&self, definition: &Definition, contents: &mut Contents) {
        let mut windows: BTreeMap<Place, Vec<&Event>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut clocks: BTreeMap<Stream, Timestamp> = BTreeMap::new();
        self.open_ledger(definition.operator, contents);
        for (stream, offset, record) in self.records() {
            let clock = clocks.entry(stream).or_insert(Timestamp::MIN);
            let counts = contents.ledger.entry((stream, definition.operator)).or_default();
            counts.read += 1;
            let event = match &record.found {
                Err(_) => {
                    counts.dead += 1;
                    continue;
                }
                Ok(Record::Tick(at)) => {
                    counts.ticks += 1;
                    *clock = (*clock).max((*at).min(record.appended_at));
                    continue;
                }
                Ok(Record::Event(event)) => event,
            };
            if let Some(time) = (definition.time)(event) {
                let start = time.floor_to(definition.window_ms);
                let open_until =
                    start + TimeDelta::milliseconds(definition.window_ms + definition.lateness_ms);
                if open_until <= *clock {
                    counts.late += 1;
                    let late = late_event(self, definition, start, (stream, offset, record, event));
                    contents.add(late);
                } else if seen.insert((stream, start, event.event_id)) {
                    counts.folded += 1;
                    let topic = (!definition.together).then_some(stream.topic());
                    windows.entry(Place { start, partition: self.partition, topic }).or_default().push(event);
                } else {
                    counts.duplicate += 1;
                }
            } else {
                counts.ignored += 1;
            }
            *clock = (*clock).max(event.timestamp.min(record.appended_at));
        }
        for (place, events) in windows {
            (definition.documents)(&events, place).into_iter().for_each(|document| contents.add(document));
        }
    }

    fn open_ledger(&self, operator: &'static str, contents: &mut Contents) {
        let topics = self.group.streams().iter();
        contents.ledger.extend(topics.map(|stream| ((*stream, operator), Counts::default())));
    }

    fn archive(&self, contents: &mut Contents) {
        self.open_ledger("archive", contents);
        for (stream, offset, record) in self.records() {
            let counts = contents.ledger.entry((stream, "archive")).or_default();
            counts.read += 1;
            match &record.found {
                Err(_) => counts.dead += 1,
                Ok(Record::Tick(_)) => counts.ticks += 1,
                Ok(Record::Event(event)) => {
                    counts.folded += 1;
                    let id = event.event_id.to_string();
                    if is_unwanted(&id) {
                        contents.add_dead(
                            "refused_by_elasticsearch",
                            (stream, self.partition, offset),
                            record,
                        );
                        continue;
                    }
                    let body = serde_json::to_value(enrich(event)).unwrap();
                    let index = format!("events-{}", event.timestamp.day());
                    contents.add(Expected { index, id, version: 0, body });
                }
            }
        }
    }

    fn bury(&self, contents: &mut Contents) {
        for (stream, offset, record) in self.records() {
            if let Err(reject) = &record.found {
                contents.add_dead(reject.code(), (stream, self.partition, offset), record);
            }
        }
    }
}

impl Contents {
    fn add(&mut self, document: Expected) {
        let Expected { index, id, version, body } = document;
        self.documents.insert((index, id), (version, body));
    }

    fn add_dead(&mut self, reason: &'static str, origin: (Stream, i32, i64), record: &Stored) {
        let (stream, partition, offset) = origin;
        self.dead
            .insert(format!("{}-{partition}-{offset}", stream.topic()), (reason, record.payload.clone()));
    }

    /// Adds the contents of another partition or group, but for the ledger.
    pub fn extend(&mut self, other: Self) {
        self.documents.extend(other.documents);
        self.dead.extend(other.dead);
    }
}

fn late_event(
    extent: &Extent<'_>,
    definition: &Definition,
    start: Timestamp,
    (stream, offset, record, event): (Stream, i64, &Stored, &Event),
) -> Expected {
    let (operator, topic, partition) = (definition.operator, stream.topic(), extent.partition);
    Expected {
        index: format!("late-events-{}", event.timestamp.month()),
        id: format!("{operator}|{}|{topic}-{partition}-{offset}", start.millis()),
        version: 0,
        body: json!({
            "group": extent.group.name(),
            "operator": operator,
            "window": start,
            "reason": "late",
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "timestamp": event.timestamp,
            "appended_at": record.appended_at,
            "event_type": event.event_type(),
            "visitor": event.visitor(),
            "event": event,
        }),
    }
}
