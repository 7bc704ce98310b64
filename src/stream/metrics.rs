//! What a member of a group shows of itself to Prometheus.
//!
//! Counters count what this process did since it started, whatever partitions came and went, so that their
//! sum over all processes is what the group did. Gauges carry the partition, which only one process holds.

use std::collections::HashMap;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::model::time::Timestamp;
use crate::stream::ledger::{Counts, Fate};
use crate::stream::part::Frontier;

const RECORDS: &str = "shoplens_processor_records_total";
const REPLAYED: &str = "shoplens_processor_replayed_records_total";
const LAG: &str = "shoplens_processor_lag_records";
const LAG_SECONDS: &str = "shoplens_processor_lag_seconds";
const WATERMARK: &str = "shoplens_processor_watermark_timestamp_seconds";
const COMPLETE_UNTIL: &str = "shoplens_processor_complete_until_timestamp_seconds";
const OPEN_WINDOWS: &str = "shoplens_processor_open_windows";
const FLUSH: &str = "shoplens_processor_flush_seconds";
const REFUSED: &str = "shoplens_processor_refused_partitions";
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
    describe_gauge!(COMPLETE_UNTIL, "Results before this time can no longer change");
    describe_gauge!(OPEN_WINDOWS, "Windows held in memory");
    describe_histogram!(FLUSH, "From the start of a flush to its acknowledgement");
    describe_gauge!(REFUSED, "Partitions that stand still because Elasticsearch refused a result for good");
    describe_counter!(COMMIT_FAILURES, "Commits that Kafka did not take; the next flush commits again");
    describe_histogram!(VISIBLE, "From an event to its result being found by a search, sampled");
}

/// One topic's lag: its name, and the records that are not read yet where the topic's end is known.
pub type Lag = (&'static str, Option<i64>);

/// What one member of a group has shown so far.
#[derive(Debug)]
pub struct Meter {
    group: &'static str,
    shown: HashMap<i32, Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    ledger: Vec<Counts>,
    replayed: u64,
    topics: Vec<&'static str>,
}

impl Meter {
    /// Nothing shown yet.
    pub fn new(group: &'static str) -> Self {
        Self { group, shown: HashMap::new() }
    }

    /// A partition was taken over: what it brings along was counted by others.
    pub fn take_over(&mut self, partition: i32, frontier: &Frontier) {
        let ledger = frontier.ledger.iter().map(|(_, _, counts)| *counts).collect();
        self.shown.insert(partition, Shown { ledger, ..Shown::default() });
    }

    /// The partitions are gone; their gauges no longer say anything.
    pub fn let_go(&mut self) {
        for (partition, shown) in self.shown.drain() {
            let partition = partition.to_string();
            for name in [WATERMARK, COMPLETE_UNTIL, LAG_SECONDS, OPEN_WINDOWS] {
                gauge!(name, "group" => self.group, "partition" => partition.clone()).set(0.0);
            }
            for topic in shown.topics {
                gauge!(LAG, "group" => self.group, "topic" => topic, "partition" => partition.clone())
                    .set(0.0);
            }
        }
    }

    /// Shows how far a partition is.
    pub fn observe(&mut self, partition: i32, frontier: &Frontier, lags: &[Lag], now: Timestamp) {
        let group = self.group;
        let shown = self.shown.entry(partition).or_default();
        shown.ledger.resize(frontier.ledger.len(), Counts::default());
        for ((operator, stream, counts), before) in frontier.ledger.iter().zip(&mut shown.ledger) {
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
        counter!(REPLAYED, "group" => group).increment(frontier.replayed.saturating_sub(shown.replayed));
        shown.replayed = frontier.replayed;
        shown.topics = lags.iter().map(|(topic, _)| *topic).collect();
        let partition = partition.to_string();
        let show = |name: &'static str, value: f64| {
            gauge!(name, "group" => group, "partition" => partition.clone()).set(value);
        };
        for (topic, lag) in lags {
            let Some(lag) = lag else { continue };
            gauge!(LAG, "group" => group, "topic" => *topic, "partition" => partition.clone())
                .set(*lag as f64);
        }
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

    /// A flush was acknowledged after this while.
    pub fn flushed(&self, took: Duration) {
        histogram!(FLUSH, "group" => self.group).record(took);
    }

    /// So many partitions stand still because of a refused result.
    pub fn refused(&self, partitions: usize) {
        gauge!(REFUSED, "group" => self.group).set(partitions as f64);
    }

    /// Kafka did not take a commit.
    pub fn commit_failed(&self) {
        counter!(COMMIT_FAILURES, "group" => self.group).increment(1);
    }
}

/// A result was found by a search so long after its event.
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
    use crate::model::event::tests::at;
    use metrics_exporter_prometheus::PrometheusBuilder;

    fn frontier(folded: u64, late: u64) -> Frontier {
        let counts = Counts { read: folded + late, folded, late, ..Counts::default() };
        Frontier {
            watermark: Some(at(0)),
            complete_until: None,
            topics: Vec::new(),
            ledger: vec![("trends", Stream::Order, counts)],
            open_windows: 4,
            replayed: 0,
        }
    }

    #[test]
    fn a_partition_that_was_taken_over_counts_only_what_is_done_here() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let mut meter = Meter::new("trends");
            meter.take_over(3, &frontier(1_000, 10));
            meter.observe(3, &frontier(1_005, 11), &[("order-events", Some(7))], at(2_500));
            meter.observe(3, &frontier(1_006, 11), &[("order-events", Some(7))], at(2_500));
        });
        let text = recorder.handle().render();
        let line = |fate: &str| {
            format!(r#"{RECORDS}{{group="trends",operator="trends",topic="order-events",fate="{fate}"}}"#)
        };
        assert!(text.contains(&format!("{} 6\n", line("folded"))), "{text}");
        assert!(text.contains(&format!("{} 1\n", line("late"))), "{text}");
        assert!(
            text.contains(r#"lag_records{group="trends",topic="order-events",partition="3"} 7"#),
            "{text}"
        );
        assert!(text.contains(r#"lag_seconds{group="trends",partition="3"} 2.5"#), "{text}");
    }

    #[test]
    fn a_partition_that_is_let_go_shows_no_lag_any_more() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let mut meter = Meter::new("trends");
            meter.observe(3, &frontier(1, 0), &[("order-events", Some(7))], at(0));
            meter.let_go();
        });
        let text = recorder.handle().render();
        assert!(
            text.contains(r#"lag_records{group="trends",topic="order-events",partition="3"} 0"#),
            "{text}"
        );
    }
}
