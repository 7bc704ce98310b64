//! Which events belong to which window, which come late, and the ledger: from the logs alone.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit::early::{ClosedEarly, Reason};
use crate::audit::logs::{Log, Logs, Refused, Sighting};
use crate::audit::repairs::Repairs;
use crate::audit::rules::Operator;
use crate::model::event::{Event, Stream};
use crate::model::time::Timestamp;

/// How much of the logs a group has processed, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The next offset in each topic, in the order of [`Stream::ALL`]; 0 where the group does not read it.
    pub next: [i64; 3],
    /// Whether nothing else lay in the topics, so that open windows can be compared too.
    pub drained: bool,
}

impl Scope {
    /// The next offset in a topic.
    pub fn next_in(&self, stream: Stream) -> i64 {
        let [search, product, order] = self.next;
        match stream {
            Stream::Search => search,
            Stream::Product => product,
            Stream::Order => order,
        }
    }
}

/// One window in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pane {
    /// Its start.
    pub window: Timestamp,
    /// The partition.
    pub partition: i32,
    /// The topic, where windows are made of one topic alone.
    pub stream: Option<Stream>,
}

/// What became of the records of one topic, as the ledger counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Records read.
    pub read: u64,
    /// Events that entered a result.
    pub folded: u64,
    /// Events that had entered it before.
    pub duplicate: u64,
    /// Events whose window was closed.
    pub late: u64,
    /// Records that cannot be used.
    pub dead: u64,
    /// Events that do not concern the operator.
    pub ignored: u64,
    /// Statements of time.
    pub ticks: u64,
}

impl Counts {
    /// Whether every record is accounted for.
    pub fn balances(&self) -> bool {
        self.read == self.folded + self.duplicate + self.late + self.dead + self.ignored + self.ticks
    }
}

/// An event whose window was closed.
#[derive(Debug, Clone, Copy)]
pub struct Late<'a> {
    /// It, in its log.
    pub sighting: &'a Sighting,
    /// Its window's start.
    pub window: Timestamp,
    /// Why that was closed.
    pub reason: Reason,
}

/// What no log says, and is believed.
#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    /// Which windows were repaired.
    pub repairs: &'a Repairs,
    /// Which events came after their window was closed before its time.
    pub early: &'a ClosedEarly,
}

/// Everything that one operator makes of a partition's logs.
#[derive(Debug, Default)]
pub struct Windows<'a> {
    /// The distinct events of each window.
    pub events: BTreeMap<Pane, Vec<&'a Event>>,
    /// The events that came too late.
    pub late: Vec<Late<'a>>,
    /// By window that was closed before its time: how many events are missing in it for that.
    pub closed_early: BTreeMap<Pane, u64>,
    /// What became of every record.
    pub ledger: BTreeMap<Stream, Counts>,
}

impl<'a> Windows<'a> {
    /// Sorts the events within the scope into the operator's windows. A late event is in its window only
    /// if that was repaired after the event had come.
    pub fn sort(operator: Operator, logs: &'a Logs, scope: &Scope, word: &Word<'_>) -> Self {
        let mut sorted = Self { ledger: other_records(operator, logs, scope), ..Self::default() };
        let mut seen: HashSet<(Pane, Stream, Uuid)> = HashSet::new();
        for sighting in &logs.sightings {
            let stream = sighting.stream;
            if sighting.offset >= scope.next_in(stream) {
                continue;
            }
            let Some(counts) = sorted.ledger.get_mut(&stream) else { continue };
            counts.read += 1;
            let Some(window) = operator.window(&sighting.event) else {
                counts.ignored += 1;
                continue;
            };
            let pane = Pane {
                window,
                partition: logs.partition,
                stream: operator.folds_topics_apart().then_some(stream),
            };
            let is_over = operator.closes_at(window) <= sighting.max_ts_before;
            let early = || word.early.reason(operator, stream, logs.partition, sighting.offset);
            let late = if is_over { Some(Reason::Late) } else { early() };
            let is_repaired = sighting.offset < word.repairs.through(operator, &pane, stream);
            let is_in_it = late.is_none() || is_repaired;
            // An id counts within its topic.
            let is_new = is_in_it && seen.insert((pane, stream, sighting.event.event_id));
            match (late, is_new) {
                (Some(reason), _) => {
                    counts.late += 1;
                    sorted.late.push(Late { sighting, window, reason });
                    if reason != Reason::Late && !is_repaired {
                        *sorted.closed_early.entry(pane).or_default() += 1;
                    }
                }
                (None, true) => counts.folded += 1,
                (None, false) => counts.duplicate += 1,
            }
            if is_new {
                sorted.events.entry(pane).or_default().push(&sighting.event);
            }
        }
        sorted
    }
}

/// The ledger's part that the records make up that are no events.
fn other_records(operator: Operator, logs: &Logs, scope: &Scope) -> BTreeMap<Stream, Counts> {
    let counts = |stream: &Stream| {
        let next = scope.next_in(*stream);
        let ticks = logs.of(*stream).map_or(0, |log| log.ticks_before(next));
        let is_here = |one: &&Refused| one.stream == *stream && one.offset < next;
        let dead = logs.refused.iter().filter(is_here).count() as u64;
        (*stream, Counts { read: ticks + dead, ticks, dead, ..Counts::default() })
    };
    operator.streams().iter().map(counts).collect()
}

/// Which windows of a partition can be compared.
#[derive(Debug, Clone, Copy)]
pub struct Horizon<'a> {
    /// Whose windows.
    pub operator: Operator,
    /// The logs.
    pub logs: &'a Logs,
    /// How much of them is processed.
    pub scope: Scope,
}

impl Horizon<'_> {
    /// Whether the logs still hold everything that belongs to the window.
    pub fn is_known(&self, window: Timestamp, stream: Option<Stream>) -> bool {
        self.logs_of(stream).all(|log| window >= log.known_from())
    }

    /// Whether the window can take no more events.
    pub fn is_closed(&self, window: Timestamp, stream: Option<Stream>) -> bool {
        let closes_at = self.operator.closes_at(window);
        self.logs_of(stream).all(|log| closes_at <= log.max_ts_at(self.scope.next_in(log.stream)))
    }

    fn logs_of(&self, stream: Option<Stream>) -> impl Iterator<Item = &Log> {
        let concerned = move |one: &Stream| stream.is_none_or(|only| only == *one);
        let streams = self.operator.streams().iter().filter(move |one| concerned(one));
        streams.filter_map(|stream| self.logs.of(*stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::early::tests::closed_early;
    use crate::audit::logs::tests::{Place, logs};
    use crate::audit::repairs::{RepairedWindow, Through};
    use crate::model::event::tests::{at, view};
    use crate::model::time::MINUTE_MS;

    fn all() -> Scope {
        Scope { next: [i64::MAX; 3], drained: true }
    }

    /// Sorted where nothing was repaired or closed early.
    fn sort<'a>(operator: Operator, logs: &'a Logs, scope: &Scope) -> Windows<'a> {
        let (repairs, early) = (Repairs::default(), ClosedEarly::default());
        Windows::sort(operator, logs, scope, &Word { repairs: &repairs, early: &early })
    }

    #[test]
    fn an_event_that_comes_after_its_window_was_closed_by_its_own_log_is_late() {
        let minutes = |minutes: i64| Place::event(view(at(minutes * MINUTE_MS)));
        let logs = logs(&[minutes(0), minutes(5), minutes(20), minutes(1)]);
        let sorted = sort(Operator::Trends, &logs, &all());
        let late: Vec<i64> = sorted.late.iter().map(|late| late.sighting.offset).collect();
        assert_eq!(late, [3]);
        assert_eq!(
            sorted.ledger[&Stream::Product],
            Counts { read: 4, folded: 3, late: 1, ..Counts::default() }
        );
    }

    #[test]
    fn every_record_is_accounted_for_by_every_operator() {
        let event = view(at(0));
        let places = [
            Place::event(event.clone()),
            Place::event(event),
            Place::Bytes(b"{".to_vec()),
            Place::Bytes(crate::model::event::tick(at(5))),
        ];
        let logs = logs(&places);
        for operator in Operator::ALL {
            let sorted = sort(operator, &logs, &all());
            assert!(sorted.ledger.values().all(Counts::balances), "{operator:?}");
        }
        let sorted = sort(Operator::Visits, &logs, &all());
        let expected = Counts { read: 4, folded: 1, duplicate: 1, dead: 1, ticks: 1, ..Counts::default() };
        assert_eq!(sorted.ledger[&Stream::Product], expected);
    }

    #[test]
    fn an_event_is_missing_in_a_window_that_was_closed_early_until_that_is_repaired() {
        let logs = logs(&[Place::event(view(at(0))), Place::event(view(at(1)))]);
        let early = closed_early(Operator::Visits, &[1]);
        let mut repairs = Repairs::default();
        let unrepaired =
            Windows::sort(Operator::Visits, &logs, &all(), &Word { repairs: &repairs, early: &early });
        let pane = Pane { window: at(0).floor_to(MINUTE_MS), partition: 0, stream: None };
        assert_eq!(
            (unrepaired.events[&pane].len(), &unrepaired.closed_early),
            (1, &BTreeMap::from([(pane, 1)]))
        );
        let counts = Counts { read: 2, folded: 1, late: 1, ..Counts::default() };
        assert_eq!((unrepaired.late[0].reason, unrepaired.ledger[&Stream::Product]), (Reason::Cap, counts));
        let topic = Stream::Product.topic().to_owned();
        repairs.add(&RepairedWindow {
            operator: Operator::Visits.name().to_owned(),
            window: pane.window,
            partition: 0,
            topics: vec![Through { topic, through: 2 }],
            documents: 1,
            repaired_at: at(2),
        });
        let repaired =
            Windows::sort(Operator::Visits, &logs, &all(), &Word { repairs: &repairs, early: &early });
        assert_eq!((repaired.events[&pane].len(), repaired.closed_early.len()), (2, 0));
        assert_eq!(repaired.ledger, unrepaired.ledger);
    }

    #[test]
    fn what_the_group_has_not_processed_yet_is_not_counted() {
        let logs = logs(&[Place::event(view(at(0))), Place::event(view(at(1)))]);
        let scope = Scope { next: [0, 1, 0], drained: false };
        let sorted = sort(Operator::Visits, &logs, &scope);
        assert_eq!(sorted.ledger[&Stream::Product].read, 1);
        let horizon = Horizon { operator: Operator::Visits, logs: &logs, scope };
        assert!(horizon.is_known(at(0), None) && !horizon.is_closed(at(0), None));
    }
}
