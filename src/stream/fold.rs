//! The windows of one operator in one partition.

use std::collections::{BTreeMap, HashSet};

use chrono::TimeDelta;

use crate::model::event::Event;
use crate::model::time::Timestamp;
use crate::stream::document::Document;
use crate::stream::ledger::Fate;

/// Most topics that one partition's state is made of.
pub const TOPICS_MAX: usize = 3;

/// One thing that is computed: pure and small. Knows neither Kafka nor Elasticsearch.
pub trait Operator: Send + 'static {
    /// What one window adds up to.
    type State: Default + Send;

    /// Its name, in ids, the ledger and the log.
    fn name(&self) -> &'static str;

    /// Length of its tumbling windows, in milliseconds.
    fn window_ms(&self) -> i64;

    /// How much later than a window's end its events may come, in event time.
    fn lateness(&self) -> TimeDelta;

    /// The time that says which window an event belongs to; `None` when the operator has no use for it.
    fn time(&self, event: &Event) -> Option<Timestamp>;

    /// Adds an event that the window does not hold yet, and remembers every result that it can change.
    fn fold(&self, state: &mut Self::State, event: &Event);

    /// Writes each result that has changed since the last call, whole.
    fn render(&self, state: &mut Self::State, pane: &Pane, out: &mut Vec<Document>);
}

/// Which window a result is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pane {
    /// The window's start.
    pub start: Timestamp,
    /// The partition.
    pub partition: i32,
    /// The topic's number in the partition, where each topic is folded apart.
    pub topic: Option<usize>,
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
    /// The start of its window; `None` when ignored.
    pub window: Option<Timestamp>,
}

struct Window<S> {
    ids: HashSet<u128>,
    first: [Option<FirstEvent>; TOPICS_MAX],
    state: S,
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
    fn render(&mut self, out: &mut Vec<Document>);

    /// Drops the windows that are closed in every topic they are made of.
    fn forget(&mut self, clocks: &[Clock]);

    /// The least first event of all open windows in this topic.
    fn oldest_first_event(&self, topic: usize) -> Option<FirstEvent>;

    /// How many windows are open.
    fn open_windows(&self) -> usize;
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
        let Some(start) = self.window(arrival.event) else {
            return Offered { fate: Fate::Ignored, window: None };
        };
        let offered = |fate| Offered { fate, window: Some(start) };
        let closes_at = self.closes_at(start);
        let Some(clock) = clocks.get(arrival.topic) else { return offered(Fate::Ignored) };
        // Closed by its own topic's log alone, so that the decision is the same for every reader.
        if closes_at <= clock.max_ts {
            return offered(Fate::Late);
        }
        // A replay does not open again what was written and forgotten.
        if closes_at <= least(&self.topics, clocks, |clock| clock.committed_max_ts) {
            return offered(Fate::Duplicate);
        }
        let window = self.windows.entry(start).or_insert_with(|| Window {
            ids: HashSet::new(),
            first: [None; TOPICS_MAX],
            state: O::State::default(),
        });
        if let Some(first @ None) = window.first.get_mut(arrival.topic) {
            *first = Some(FirstEvent { offset: arrival.offset, max_ts_before: clock.max_ts });
        }
        if !window.ids.insert(id_in_topic(arrival)) {
            return offered(Fate::Duplicate);
        }
        self.operator.fold(&mut window.state, arrival.event);
        offered(Fate::Folded)
    }

    fn render(&mut self, out: &mut Vec<Document>) {
        let topic = if let [only] = self.topics.as_slice() { Some(*only) } else { None };
        for (start, window) in &mut self.windows {
            let pane = Pane { start: *start, partition: self.partition, topic };
            self.operator.render(&mut window.state, &pane, out);
        }
    }

    fn forget(&mut self, clocks: &[Clock]) {
        let closed_to = least(&self.topics, clocks, |clock| clock.max_ts);
        let (window_ms, lateness) = (self.operator.window_ms(), self.operator.lateness());
        // Windows are in order of time and close in that order.
        while let Some(oldest) = self.windows.first_entry() {
            if *oldest.key() + TimeDelta::milliseconds(window_ms) + lateness > closed_to {
                break;
            }
            oldest.remove();
        }
    }

    fn oldest_first_event(&self, topic: usize) -> Option<FirstEvent> {
        let first = |window: &Window<O::State>| window.first.get(topic).copied().flatten();
        self.windows.values().filter_map(first).min_by_key(|first| first.offset)
    }

    fn open_windows(&self) -> usize {
        self.windows.len()
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
