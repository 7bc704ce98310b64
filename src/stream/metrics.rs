//! What a worker shows of itself to Prometheus.
//!
//! Counters count what this process did since it started, whatever partitions came and went, so that their
//! sum over all processes is what the group did. Gauges carry the partition, which only one process holds.

use std::collections::HashMap;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::model::time::Timestamp;
use crate::stream::condition::State;
use crate::stream::ends::Lag;
use crate::stream::footprint::Footprint;
use crate::stream::groups::{Group, Reader};
use crate::stream::ledger::{Counts, Fate};
use crate::stream::part::{Frontier, Part};
use crate::stream::take_over::Truncated;

const RECORDS: &str = "shoplens_processor_records_total";
const REPLAYED: &str = "shoplens_processor_replayed_records_total";
const LAG: &str = "shoplens_processor_lag_records";
const LAG_SECONDS: &str = "shoplens_processor_lag_seconds";
const WATERMARK: &str = "shoplens_processor_watermark_timestamp_seconds";
const COMPLETE_UNTIL: &str = "shoplens_processor_complete_until_timestamp_seconds";
const OPEN_WINDOWS: &str = "shoplens_processor_open_windows";
const HELD_ENTRIES: &str = "shoplens_processor_held_entries";
const HELD_BYTES: &str = "shoplens_processor_held_bytes";
const BYTES_MAX: &str = "shoplens_processor_held_bytes_max";
const CLOSED_EARLY: &str = "shoplens_processor_windows_closed_early_total";
const DELETED_UNREAD: &str = "shoplens_processor_deleted_unread_records_total";
const TRUNCATED: &str = "shoplens_processor_truncated_logs_total";
const FLUSH: &str = "shoplens_processor_flush_seconds";
const STATE: &str = "shoplens_processor_state";
const COMMIT_FAILURES: &str = "shoplens_processor_commit_failures_total";
const VISIBLE: &str = "shoplens_processor_event_to_visible_seconds";

/// Says what each metric means, for those who read `/metrics`.
pub fn describe() {
    describe_counter!(
        RECORDS,
        "Records read, by what each operator did with them; their sum is what was read"
    );
    describe_counter!(
        REPLAYED,
        "Records read again after a take-over, which the ledger does not count again"
    );
    describe_gauge!(LAG, "Records in the topic's partition that are not read yet");
    describe_gauge!(
        LAG_SECONDS,
        "How far the event time that was read lies behind the clock while there is a lag"
    );
    describe_gauge!(WATERMARK, "Least event time that every topic of the partition has come to");
    describe_gauge!(
        COMPLETE_UNTIL,
        "Results before this time change no more, as far as records are read; they are written with the next flush"
    );
    describe_gauge!(OPEN_WINDOWS, "Windows held in memory");
    describe_gauge!(HELD_ENTRIES, "Sessions, products or users in the open windows");
    describe_gauge!(HELD_BYTES, "Memory that the open windows take, an estimate");
    describe_gauge!(BYTES_MAX, "Memory that the open windows of the worker may take");
    describe_counter!(CLOSED_EARLY, "Windows that were closed before their time, for lack of memory");
    describe_counter!(TRUNCATED, "Logs found to have lost records whose windows were not closed");
    describe_counter!(DELETED_UNREAD, "Records that were deleted before anybody read them");
    describe_histogram!(FLUSH, "From the start of a flush to its acknowledgement");
    describe_gauge!(STATE, "1 for the state that the worker is in, 0 for the others");
    describe_counter!(COMMIT_FAILURES, "Commits that Kafka did not take; the next flush commits again");
    describe_histogram!(
        VISIBLE,
        "From the storing of an event in Kafka to its result being found by a search, one every ten seconds"
    );
}

/// What one worker has shown so far.
#[derive(Debug)]
pub struct Meter {
    reader: &'static str,
    worker: String,
    shown: HashMap<(Group, i32), Shown>,
    /// What was shown of the partitions when they were let go.
    left: HashMap<(Group, i32), Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    ledger: Vec<Counts>,
    replayed: u64,
    topics: Vec<&'static str>,
    operators: Vec<&'static str>,
}

impl Meter {
    /// Nothing shown yet. `worker` is its number in this process.
    pub fn new(reader: Reader, worker: u16) -> Self {
        for stream in reader.streams() {
            // An alarm on what has never happened must find a 0 and not nothing.
            for rare in [TRUNCATED, DELETED_UNREAD] {
                counter!(rare, "reader" => reader.name(), "topic" => stream.topic()).increment(0);
            }
        }
        for rare in [CLOSED_EARLY, COMMIT_FAILURES] {
            counter!(rare, "reader" => reader.name()).increment(0);
        }
        Self {
            reader: reader.name(),
            worker: worker.to_string(),
            shown: HashMap::new(),
            left: HashMap::new(),
        }
    }

    /// A part was taken over: what it brings along was counted by others. One that is gone on with is counted on.
    pub fn take_over(&mut self, part: &Part, is_kept: bool) {
        let key = (part.group(), part.partition());
        let left = self.left.remove(&key).filter(|_| is_kept);
        let shown = left.unwrap_or_else(|| Shown {
            ledger: part.frontier().ledger.iter().map(|(_, _, counts)| *counts).collect(),
            ..Shown::default()
        });
        self.shown.insert(key, shown);
    }

    /// The partitions are gone: whoever is given them shows them from now on, and these times are not known here.
    pub fn let_go(&mut self) {
        self.left = std::mem::take(&mut self.shown);
        for ((group, partition), shown) in &self.left {
            let (group, partition) = (group.name(), partition.to_string());
            for name in [LAG_SECONDS, OPEN_WINDOWS] {
                gauge!(name, "group" => group, "partition" => partition.clone()).set(0.0);
            }
            for name in [WATERMARK, COMPLETE_UNTIL] {
                gauge!(name, "group" => group, "partition" => partition.clone()).set(f64::NAN);
            }
            for operator in &shown.operators {
                for name in [HELD_ENTRIES, HELD_BYTES] {
                    gauge!(name, "group" => group, "operator" => *operator, "partition" => partition.clone())
                        .set(0.0);
                }
            }
            for topic in &shown.topics {
                gauge!(LAG, "group" => group, "topic" => *topic, "partition" => partition.clone()).set(0.0);
            }
        }
    }

    /// Shows how far a part is.
    pub fn observe(&mut self, part: &Part, lags: &[Lag], now: Timestamp) {
        let (group, partition, frontier) = (part.group().name(), part.partition(), part.frontier());
        let shown = self.shown.entry((part.group(), partition)).or_default();
        shown.count(group, &frontier);
        shown.topics = lags.iter().map(|(topic, _)| *topic).collect();
        let partition = partition.to_string();
        for (topic, lag) in lags {
            let Some(lag) = lag else { continue };
            gauge!(LAG, "group" => group, "topic" => *topic, "partition" => partition.clone())
                .set(*lag as f64);
        }
        let show = |name: &'static str, value: f64| {
            gauge!(name, "group" => group, "partition" => partition.clone()).set(value);
        };
        if let Some(watermark) = frontier.watermark {
            let behind = lags.iter().any(|(_, lag)| lag.is_none_or(|lag| lag > 0));
            let seconds = if behind { (now - watermark).num_milliseconds() as f64 / 1_000.0 } else { 0.0 };
            show(LAG_SECONDS, seconds.max(0.0));
            show(WATERMARK, unix_seconds(watermark));
        }
        if let Some(complete_until) = frontier.complete_until {
            show(COMPLETE_UNTIL, unix_seconds(complete_until));
        }
        show(OPEN_WINDOWS, frontier.open_windows as f64);
    }

    /// Shows what the open windows of a part take in memory.
    pub fn weigh(&mut self, part: &mut Part) {
        let footprints = part.footprints();
        let (group, partition) = (part.group(), part.partition());
        let shown = self.shown.entry((group, partition)).or_default();
        shown.operators = footprints.keys().copied().collect();
        let (group, partition) = (group.name(), partition.to_string());
        for (operator, Footprint { entries, bytes }) in footprints {
            for (name, value) in [(HELD_ENTRIES, entries), (HELD_BYTES, bytes)] {
                gauge!(name, "group" => group, "operator" => operator, "partition" => partition.clone())
                    .set(value as f64);
            }
        }
    }

    /// The open windows of the worker may take so much.
    pub fn may_hold(&self, bytes_max: usize) {
        gauge!(BYTES_MAX, "reader" => self.reader, "worker" => self.worker.clone()).set(bytes_max as f64);
    }

    /// So many windows were closed before their time.
    pub fn closed_early(&self, windows: usize) {
        counter!(CLOSED_EARLY, "reader" => self.reader).increment(windows as u64);
    }

    /// A log had lost records that were needed.
    pub fn truncated(&self, log: &Truncated) {
        let topic = log.stream.topic();
        counter!(TRUNCATED, "reader" => self.reader, "topic" => topic).increment(1);
        counter!(DELETED_UNREAD, "reader" => self.reader, "topic" => topic)
            .increment(log.unread.unsigned_abs());
    }

    /// A flush was acknowledged after this while.
    pub fn flushed(&self, took: Duration) {
        histogram!(FLUSH, "reader" => self.reader).record(took);
    }

    /// Kafka did not take a commit.
    pub fn commit_failed(&self) {
        counter!(COMMIT_FAILURES, "reader" => self.reader).increment(1);
    }

    /// The worker is in this state.
    pub fn in_state(&self, state: State) {
        for one in State::ALL {
            let labels = [
                ("reader", self.reader.to_owned()),
                ("worker", self.worker.clone()),
                ("state", one.name().to_owned()),
            ];
            gauge!(STATE, &labels).set(if one == state { 1.0 } else { 0.0 });
        }
    }
}

impl Shown {
    /// Counts what was done with records since the last time.
    fn count(&mut self, group: &'static str, frontier: &Frontier) {
        self.ledger.resize(frontier.ledger.len(), Counts::default());
        for ((operator, stream, counts), before) in frontier.ledger.iter().zip(&mut self.ledger) {
            for fate in Fate::ALL {
                let new = counts.of(fate).saturating_sub(before.of(fate));
                let labels = [
                    ("group", group),
                    ("operator", *operator),
                    ("topic", stream.topic()),
                    ("fate", fate.name()),
                ];
                counter!(RECORDS, &labels).increment(new);
            }
            *before = *counts;
        }
        counter!(REPLAYED, "group" => group).increment(frontier.replayed.saturating_sub(self.replayed));
        self.replayed = frontier.replayed;
    }
}

/// A result was found by a search so long after its event was stored.
pub fn visible_after(delay: Duration) {
    histogram!(VISIBLE).record(delay);
}

fn unix_seconds(at: Timestamp) -> f64 {
    at.millis() as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Stream;
    use crate::model::event::door::Door;
    use crate::model::event::tests::{at, purchase};
    use crate::model::money::Currency;
    use crate::stream::part::{LogRecord, TakeOver};
    use metrics_exporter_prometheus::PrometheusBuilder;

    const TOPIC: &str = "order-events";

    /// Partition 0 of the fraud group after so many orders, of which the last is sent again.
    fn part_after(orders: i64) -> Part {
        let door = Door { partitions: 1, currency: Currency::EUR };
        let mut part = Part::new(Group::Fraud, 0, door, vec![TakeOver::Fresh { from: 0 }]);
        (0..orders).for_each(|offset| order(&mut part, offset, offset));
        part
    }

    fn order(part: &mut Part, offset: i64, minute: i64) {
        let event = purchase(at(minute * 60_000));
        let payload = serde_json::to_vec(&event).unwrap();
        let key = event.visitor().as_bytes();
        part.fold(0, LogRecord { offset, appended_at: event.timestamp, key, payload: &payload });
    }

    fn shown(see: impl FnOnce(&mut Meter)) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || see(&mut Meter::new(Reader::Processor, 0)));
        recorder.handle().render()
    }

    #[test]
    fn what_has_never_happened_is_shown_as_0_from_the_beginning() {
        let text = shown(|_| ());
        for rare in [CLOSED_EARLY, COMMIT_FAILURES] {
            assert!(text.contains(&format!("{rare}{{reader=\"processor\"}} 0\n")), "{text}");
        }
        for rare in [TRUNCATED, DELETED_UNREAD] {
            for topic in Stream::ALL.map(Stream::topic) {
                let labels = format!("reader=\"processor\",topic=\"{topic}\"");
                assert!(text.contains(&format!("{rare}{{{labels}}} 0\n")), "{text}");
            }
        }
    }

    #[test]
    fn a_partition_that_was_taken_over_counts_only_what_is_done_here() {
        let text = shown(|meter| {
            let mut part = part_after(10);
            meter.take_over(&part, false);
            order(&mut part, 10, 10);
            order(&mut part, 11, 11);
            meter.observe(&part, &[(TOPIC, Some(7))], at(11 * 60_000 + 2_500));
            order(&mut part, 12, 11);
            meter.observe(&part, &[(TOPIC, Some(7))], at(11 * 60_000 + 2_500));
        });
        let line = |fate: &str| {
            let stream = Stream::Order.topic();
            format!(r#"{RECORDS}{{group="fraud",operator="fraud",topic="{stream}",fate="{fate}"}}"#)
        };
        assert!(text.contains(&format!("{} 2\n", line("folded"))), "{text}");
        assert!(text.contains(&format!("{} 1\n", line("duplicate"))), "{text}");
        assert!(
            text.contains(r#"lag_records{group="fraud",topic="order-events",partition="0"} 7"#),
            "{text}"
        );
        assert!(text.contains(r#"lag_seconds{group="fraud",partition="0"} 2.5"#), "{text}");
    }

    #[test]
    fn a_partition_that_is_gone_on_with_is_counted_on_whenever_it_was_last_looked_at() {
        let text = shown(|meter| {
            let mut part = part_after(10);
            meter.take_over(&part, false);
            order(&mut part, 10, 10);
            meter.observe(&part, &[(TOPIC, Some(7))], at(0));
            order(&mut part, 11, 12);
            meter.let_go();
            meter.take_over(&part, true);
            meter.observe(&part, &[(TOPIC, Some(7))], at(0));
        });
        let stream = Stream::Order.topic();
        let line = format!(r#"{RECORDS}{{group="fraud",operator="fraud",topic="{stream}",fate="folded"}} 2"#);
        assert!(text.contains(&line), "{text}");
    }

    #[test]
    fn a_partition_that_is_let_go_shows_no_lag_any_more() {
        let text = shown(|meter| {
            meter.observe(&part_after(1), &[(TOPIC, Some(7))], at(0));
            meter.let_go();
        });
        assert!(
            text.contains(r#"lag_records{group="fraud",topic="order-events",partition="0"} 0"#),
            "{text}"
        );
    }

    #[test]
    fn one_state_of_a_worker_is_1_and_the_others_are_0() {
        let text = shown(|meter| meter.in_state(State::KafkaUnreachable));
        let states: Vec<_> = text.lines().filter(|line| line.starts_with(STATE)).collect();
        assert_eq!(states.len(), State::ALL.len(), "{text}");
        let ones: Vec<_> = states.iter().filter(|line| line.ends_with(" 1")).collect();
        assert!(ones.len() == 1 && ones[0].contains(r#"state="kafka_unreachable""#), "{text}");
    }
}
