//! The windows of one operator in one partition.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::model::event::Event;
use crate::model::time::Timestamp;
use crate::stream::documents::Documents;
use crate::stream::footprint::{Footprint, Weighed, hash_table};
use crate::stream::ledger::Fate;
use crate::stream::tables::Set;

/// Most topics that one partition's state is made of.
pub const TOPICS_MAX: usize = 3;

/// One thing that is computed: pure and small. Knows neither Kafka nor Elasticsearch.
pub trait Operator: Send + 'static {
    /// What one window adds up to.
    type State: Default + Send + Weighed;

    /// Whether the state knows by itself which events it holds; else their ids are kept besides.
    const KEEPS_EVENTS: bool = false;

    /// Its name, in ids, the ledger and the log.
    fn name(&self) -> &'static str;

    /// Length of its tumbling windows, in milliseconds.
    fn window_ms(&self) -> i64;

    /// How much later than a window's end its events may come, in event time.
    fn lateness(&self) -> TimeDelta;

    /// The time that says which window an event belongs to; `None` when the operator has no use for it.
    fn time(&self, event: &Event) -> Option<Timestamp>;

    /// Adds an event, and remembers every result that it can change. `false` for one that the state keeps and holds
    /// already, which changes nothing.
    fn fold(&self, state: &mut Self::State, event: &Event) -> bool;

    /// Writes each result that has changed since the last call, whole.
    fn render(&self, state: &mut Self::State, pane: &Pane, out: &mut Documents);
}

/// Which window a result is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pane {
    /// The window's start.
    pub start: Timestamp,
    /// The same as its results state it: written once for all of them.
    pub start_text: String,
    /// The partition.
    pub partition: i32,
    /// The topic's number in the partition, where each topic is folded apart.
    pub topic: Option<usize>,
}

impl Pane {
    /// The pane of the window that begins then.
    pub fn new(start: Timestamp, partition: i32, topic: Option<usize>) -> Self {
        Self { start, start_text: start.to_string(), partition, topic }
    }

    /// How the ids of a kind of its results begin: written once for all of them.
    pub fn ids_begin(&self, kind: &str) -> String {
        format!("{kind}|{}|{}|", self.start.millis(), self.partition)
    }
}

/// An event on its way into the folds.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The topic's number in the partition.
    pub topic: usize,
    /// The record's offset.
    pub offset: i64,
    /// What happened.
    pub event: &'a Event,
}

/// A topic's event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Greatest event time read so far, [`Timestamp::MIN`] before the first.
    pub max_ts: Timestamp,
    /// The same at the committed `next`: what it closed has been written and forgotten.
    pub committed_max_ts: Timestamp,
    /// Up to where windows are closed before their time.
    pub floor: Option<Floor>,
}

/// Windows that are closed before their time. It is committed, so that no successor opens them again: from
/// a part of their events it would make a lesser result that in time looks like a fuller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Floor {
    /// Those that begin before this.
    pub before: Timestamp,
    /// Why.
    pub reason: LateReason,
}

/// Why an event was too late for its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateReason {
    /// The window's time was over.
    Late,
    /// The window was closed early for lack of memory.
    Cap,
    /// Events of the window were deleted before it was closed.
    Truncated,
}

impl LateReason {
    /// The word for it in `late-events`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Cap => "cap",
            Self::Truncated => "truncated",
        }
    }
}

/// The first event of a window in one topic: from here a rebuild must reread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstEvent {
    /// Its offset.
    pub offset: i64,
    /// Greatest event time before it.
    pub max_ts_before: Timestamp,
}

/// What a fold did with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// What became of it.
    pub fate: Fate,
    /// The start of its window and why that is closed, for an event that is late.
    pub late: Option<(Timestamp, LateReason)>,
}

impl From<Fate> for Offered {
    fn from(fate: Fate) -> Self {
        Self { fate, late: None }
    }
}

struct Window<S> {
    /// The ids of its events, unless its state tells whether it holds one.
    ids: Set<u128>,
    first: [Option<FirstEvent>; TOPICS_MAX],
    state: S,
    /// What it takes in memory; `None` when it has changed since that was last asked for.
    footprint: Option<Footprint>,
}

/// The windows of one operator in one partition, over the topics that it folds together.
pub struct Fold<O: Operator> {
    operator: O,
    partition: i32,
    topics: Vec<usize>,
    windows: BTreeMap<Timestamp, Window<O::State>>,
}

impl<O: Operator> Fold<O> {
    /// No windows yet. `topics` are the numbers of the topics that share a window.
    pub fn new(operator: O, partition: i32, topics: Vec<usize>) -> Self {
        Self { operator, partition, topics, windows: BTreeMap::new() }
    }

    fn floor(&self, clocks: &[Clock]) -> Option<Floor> {
        self.topics.iter().filter_map(|topic| clocks.get(*topic)?.floor).max()
    }

    /// Writes the results that have changed, and says so after each window: not all need be in memory at once.
    fn render_each(&mut self, out: &mut Documents, written: impl Fn(&mut Documents)) {
        let topic = if let [only] = self.topics.as_slice() { Some(*only) } else { None };
        for (start, window) in &mut self.windows {
            let pane = Pane::new(*start, self.partition, topic);
            let before = out.len();
            self.operator.render(&mut window.state, &pane, out);
            if out.len() > before {
                window.footprint = None;
                written(out);
            }
        }
    }

    fn closes_at(&self, start: Timestamp) -> Timestamp {
        start + TimeDelta::milliseconds(self.operator.window_ms()) + self.operator.lateness()
    }
}

/// A [`Fold`] of whatever operator.
pub trait Folding: Send {
    /// The operator's name.
    fn name(&self) -> &'static str;

    /// Until when its results can no longer change, once every topic has come to `watermark`.
    fn complete_until(&self, watermark: Timestamp) -> Timestamp;

    /// Whether the events of this topic concern it.
    fn folds(&self, topic: usize) -> bool;

    /// The start of the window that an event belongs to; `None` for an event that does not concern it.
    fn window(&self, event: &Event) -> Option<Timestamp>;

    /// Adds an event, unless its window is closed or holds it.
    fn offer(&mut self, arrival: &Arrival<'_>, clocks: &[Clock]) -> Offered;

    /// Writes each result that has changed since the last call.
    fn render(&mut self, out: &mut Documents);

    /// Counts every result as written, as [`Folding::render`] does, without writing it.
    fn count_as_written(&mut self);

    /// Drops the windows that are closed in every topic they are made of.
    fn forget(&mut self, clocks: &[Clock]);

    /// The least first event of all open windows in this topic.
    fn oldest_first_event(&self, topic: usize) -> Option<FirstEvent>;

    /// How many windows are open.
    fn open_windows(&self) -> usize;

    /// The start of the oldest open window.
    fn oldest_window(&self) -> Option<Timestamp>;

    /// What all open windows take in memory.
    fn footprint(&mut self) -> Footprint;
}

impl<O: Operator> Folding for Fold<O> {
    fn name(&self) -> &'static str {
        self.operator.name()
    }

    fn complete_until(&self, watermark: Timestamp) -> Timestamp {
        (watermark - self.operator.lateness()).floor_to(self.operator.window_ms())
    }

    fn folds(&self, topic: usize) -> bool {
        self.topics.contains(&topic)
    }

    fn window(&self, event: &Event) -> Option<Timestamp> {
        self.operator.time(event).map(|time| time.floor_to(self.operator.window_ms()))
    }

    fn offer(&mut self, arrival: &Arrival<'_>, clocks: &[Clock]) -> Offered {
        let Some(start) = self.window(arrival.event) else { return Fate::Ignored.into() };
        let late = |reason| Offered { fate: Fate::Late, late: Some((start, reason)) };
        let closes_at = self.closes_at(start);
        let Some(clock) = clocks.get(arrival.topic) else { return Fate::Ignored.into() };
        // Closed by its own topic's log alone, so that the decision is the same for every reader.
        if closes_at <= clock.max_ts {
            return late(LateReason::Late);
        }
        if let Some(floor) = self.floor(clocks).filter(|floor| start < floor.before) {
            return late(floor.reason);
        }
        // A replay does not open again what was written and forgotten.
        if closes_at <= least(&self.topics, clocks, |clock| clock.committed_max_ts) {
            return Fate::Duplicate.into();
        }
        let window = self.windows.entry(start).or_insert_with(|| Window {
            ids: Set::default(),
            first: [None; TOPICS_MAX],
            state: O::State::default(),
            footprint: None,
        });
        if let Some(first @ None) = window.first.get_mut(arrival.topic) {
            *first = Some(FirstEvent { offset: arrival.offset, max_ts_before: clock.max_ts });
        }
        let is_new = O::KEEPS_EVENTS || window.ids.insert(id_in_topic(arrival));
        if !is_new || !self.operator.fold(&mut window.state, arrival.event) {
            return Fate::Duplicate.into();
        }
        window.footprint = None;
        Fate::Folded.into()
    }

    fn render(&mut self, out: &mut Documents) {
        self.render_each(out, |_| {});
    }

    fn count_as_written(&mut self) {
        self.render_each(&mut Documents::default(), Documents::clear);
    }

    fn forget(&mut self, clocks: &[Clock]) {
        let closed_to = least(&self.topics, clocks, |clock| clock.max_ts);
        let floor = self.floor(clocks).map_or(Timestamp::MIN, |floor| floor.before);
        // Windows are in order of time and close in that order.
        while let Some((start, _)) = self.windows.first_key_value() {
            if self.closes_at(*start) > closed_to && *start >= floor {
                break;
            }
            self.windows.pop_first();
        }
    }

    fn oldest_first_event(&self, topic: usize) -> Option<FirstEvent> {
        let first = |window: &Window<O::State>| window.first.get(topic).copied().flatten();
        self.windows.values().filter_map(first).min_by_key(|first| first.offset)
    }

    fn open_windows(&self) -> usize {
        self.windows.len()
    }

    fn oldest_window(&self) -> Option<Timestamp> {
        self.windows.first_key_value().map(|(start, _)| *start)
    }

    fn footprint(&mut self) -> Footprint {
        let of = |window: &mut Window<O::State>| {
            let ids = hash_table::<u128>(window.ids.capacity());
            *window.footprint.get_or_insert_with(|| {
                let Footprint { entries, bytes } = window.state.footprint();
                Footprint { entries, bytes: bytes + ids }
            })
        };
        self.windows.values_mut().map(of).sum()
    }
}

/// The event's id, told apart by topic: should a foreign producer give a search and a click one id, both
/// count, whichever is read first. The version digit of a UUIDv7 is always 7, so it can carry the topic.
fn id_in_topic(arrival: &Arrival<'_>) -> u128 {
    const VERSION_DIGIT: u32 = 76;
    arrival.event.event_id.as_u128() ^ ((arrival.topic as u128) << VERSION_DIGIT)
}

fn least(topics: &[usize], clocks: &[Clock], time: impl Fn(&Clock) -> Timestamp) -> Timestamp {
    topics.iter().filter_map(|topic| clocks.get(*topic)).map(time).min().unwrap_or(Timestamp::MIN)
}
