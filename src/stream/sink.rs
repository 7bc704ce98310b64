//! Carries flushes out: dead letters to Kafka, documents to Elasticsearch, fraud signals to Kafka, and the word
//! when all of it is acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::bus::Producer;
use crate::model::event::door::AGE_MAX;
use crate::model::time::Timestamp;
use crate::store::bulk::{Mode, Operation, Refused};
use crate::store::schema::Schema;
use crate::store::{Store, json};
use crate::stream::batch::Batch;
use crate::stream::burial::bury;
use crate::stream::documents::Document;
use crate::stream::groups::Group;
use crate::stream::heartbeat::Beat;
use crate::stream::herald::{self, News};
use crate::stream::ledger::Counts;
use crate::stream::origin::{DeadLetter, Origin};
use crate::stream::part::{Flush, Frontier};
use crate::stream::serving::Serving;

/// Bulk requests under way at once for the documents of one worker. Its signals and reports go beside them.
const CONNECTIONS: usize = 2;
/// Wait before documents that found no index are sent again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Longest time that a report of how far results are may take: the next one tells more.
const REPORT_WAIT: Duration = Duration::from_secs(5);

/// Where one worker's effects go. Cheap to clone.
#[derive(Clone)]
pub struct Sink {
    /// Elasticsearch.
    pub store: Store,
    /// Kafka.
    pub producer: Arc<Producer>,
    /// Where results go whose way to visibility is measured.
    pub beats: mpsc::Sender<Beat>,
    /// Whether its generation writes to Kafka.
    pub serving: Serving,
}

/// How far a partition's results are, to be told when they are acknowledged.
#[derive(Debug)]
pub struct FrontierReport {
    /// Whose.
    pub group: Group,
    /// The partition.
    pub partition: i32,
    /// How far.
    pub frontier: Frontier,
    /// Whether everything that the topics hold has been read.
    pub drained: bool,
}

/// What became of the flushes.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Partitions with a result that Elasticsearch will never take, and why. They must not be committed.
    pub refused: Vec<(i32, String)>,
    /// How far the results of the others are now.
    pub reports: Vec<FrontierReport>,
}

impl Outcome {
    /// Settles what Elasticsearch will never take: a raw event is refused for itself and becomes a dead
    /// letter, a result stops its partition.
    pub fn settle(&mut self, refused: &[Refused<'_>], batch: &Batch) -> Vec<DeadLetter> {
        let mut dead = Vec::new();
        for refused in refused {
            let Some((partition, document)) = batch.get(refused.operation.tag) else { continue };
            match document.origin {
                Some(origin) => dead.push(unwanted(origin.clone(), refused)),
                None => self.refused.push((partition, format!("{} {}", document.id, refused.reason))),
            }
        }
        dead
    }
}

impl Sink {
    /// Carries out everything, and returns when all of it is acknowledged: for ever, if need be. How far the results
    /// are is told after that, with [`Sink::tell`].
    pub async fn carry_out(self, flushes: Vec<Flush>, frontiers: Vec<FrontierReport>) -> Outcome {
        let mut outcome = Outcome::default();
        let beat = flushes.iter().find_map(|flush| self.beat_of(flush));
        let oldest = oldest_taken(Timestamp::now(), &frontiers);
        let (batch, dead) = Batch::of(flushes, |index| self.store.name(index));
        self.bury(&dead).await;
        // Somebody waits for the signals: few documents, which the many must not hold up, nor wait for.
        let (signals, refused) = futures_util::join!(
            self.signal(&batch, oldest),
            self.write(&batch, |one| !one.is_signal(), oldest)
        );
        // Nobody listens while one is measured, or at the end.
        let _ = beat.map(|beat| self.beats.try_send(beat));
        // A refused result stops its partition; the dead letters that there can be are of raw events.
        let dead = [outcome.settle(&signals, &batch), outcome.settle(&refused, &batch)].concat();
        self.bury(&dead).await;
        let accepted = |report: &FrontierReport| !outcome.refused.iter().any(|(p, _)| *p == report.partition);
        outcome.reports = frontiers.into_iter().filter(accepted).collect();
        outcome
    }

    /// Writes dead letters, unless another generation has written them: the ledger counts them all the same.
    async fn bury(&self, dead: &[DeadLetter]) {
        if self.serving.is_on() {
            bury(&self.producer, dead).await;
        }
    }

    /// Writes signals and tells of them, unless another generation tells of its own. Gives the ones that are refused.
    async fn signal<'a>(&self, batch: &'a Batch, oldest: Timestamp) -> Vec<Refused<'a>> {
        let generation = self.store.generation();
        let signals = batch.iter().map(|(_, document)| document).filter(Document::is_signal);
        let news: Vec<News> = signals.map(|signal| News::of(&signal, generation)).collect();
        let refused = self.write(batch, |one| one.is_signal(), oldest).await;
        if self.serving.is_on() {
            herald::tell(&self.producer, &news).await;
        }
        refused
    }

    /// One of a flush's results, to see when it is found.
    fn beat_of(&self, flush: &Flush) -> Option<Beat> {
        let stored_at = flush.stored_from?;
        flush.documents.iter().find_map(|document| {
            let index = self.store.name(&document.about.index());
            Beat::of(index, document.id.to_owned(), document.about.mode, stored_at)
        })
    }

    /// Writes the documents that are meant, making the indices that are missing unless they are of before `oldest`. Gives
    /// the ones that are refused, with their number as tag.
    async fn write<'a>(
        &self,
        batch: &'a Batch,
        is_meant: fn(&Document<'_>) -> bool,
        oldest: Timestamp,
    ) -> Vec<Refused<'a>> {
        let mut written = self.store.write_all(batch.operations(is_meant), CONNECTIONS).await;
        let (mut refused, mut made) = (written.refused, BTreeSet::new());
        while !written.missing.is_empty() {
            let again = self.make_room(written.missing, batch, oldest, &mut made).await;
            written = self.store.write_all(again, CONNECTIONS).await;
            refused.append(&mut written.refused);
        }
        refused
    }

    /// Makes the indices of documents that found none, and gives these back to be sent again. Documents of
    /// before `oldest`, whose index was dropped for its age, are done with.
    async fn make_room<'a>(
        &self,
        missing: Vec<Operation<'a>>,
        batch: &Batch,
        oldest: Timestamp,
        made: &mut BTreeSet<String>,
    ) -> Vec<Operation<'a>> {
        let about = |operation: &Operation<'_>| batch.get(operation.tag).map(|(_, document)| document.about);
        let is_taken = |one: &Operation<'_>| about(one).is_some_and(|about| about.at >= oldest);
        let again: Vec<Operation<'_>> = missing.into_iter().filter(is_taken).collect();
        let wanted: BTreeSet<String> = again.iter().filter_map(about).map(|about| about.index()).collect();
        // One that was made and is missing again is on its way, or somebody removes it: no hurry then.
        if wanted.iter().any(|index| made.contains(index)) {
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        for index in wanted {
            let result = self.store.create_index(&index, &serde_json::json!({})).await;
            let first_time = made.insert(index.clone());
            if let Some(error) = result.err().filter(|_| first_time) {
                tracing::warn!(index, %error, "an index could not be made; trying until it can");
            }
        }
        again
    }

    /// Writes how far the results are, after what was told before. It is a report: a failure is told and the next one
    /// makes it good.
    pub async fn tell(self, frontiers: Vec<FrontierReport>, before: Option<JoinHandle<()>>) {
        let now = Timestamp::now();
        let operations = frontiers.iter().map(|report| Operation {
            index: self.store.name(Schema::PROCESSOR_FRONTIERS.name).into(),
            id: format!("{}|{}", report.group.name(), report.partition).into(),
            mode: Mode::IfNotOlder(report.read_to()),
            source: json(&report.body(now)).into(),
            tag: 0,
        });
        let operations: Vec<_> = operations.collect();
        let writing = async {
            // Of two that have read equally far, the later one says whether that is all.
            if let Some(before) = before
                && let Err(error) = before.await
            {
                tracing::error!(%error, "a report of how far results are ended early; this is a bug");
            }
            self.store.write_all(operations, 1).await
        };
        match tokio::time::timeout(REPORT_WAIT, writing).await {
            Ok(written) if written.refused.is_empty() && written.missing.is_empty() => {}
            Ok(_) => {
                tracing::warn!("Elasticsearch refused a report of how far results are")
            }
            Err(_) => tracing::debug!("a report of how far results are was given up"),
        }
    }
}

/// The earliest time of which an index is made: no event is accepted of an earlier one. Counted from the earlier of the
/// clock, which may jump ahead, and the newest event that the results rest on: what they were made of just now is
/// never thrown away.
fn oldest_taken(clock: Timestamp, frontiers: &[FrontierReport]) -> Timestamp {
    let topics = frontiers.iter().flat_map(|report| &report.frontier.topics);
    let newest = topics.filter_map(|(_, _, max_ts)| *max_ts).max();
    newest.map_or(clock, |newest| newest.min(clock)) - AGE_MAX
}

fn unwanted(origin: Origin, refused: &Refused<'_>) -> DeadLetter {
    let detail = format!("Elasticsearch refused it with {}: {}", refused.status, refused.reason);
    DeadLetter { origin, reason: "refused_by_elasticsearch", detail }
}

#[derive(Serialize)]
struct FrontierBody<'a> {
    group: &'a str,
    partition: i32,
    updated_at: Timestamp,
    watermark: Option<Timestamp>,
    complete_until: Option<Timestamp>,
    drained: bool,
    topics: Vec<TopicBody<'a>>,
    ledger: Vec<LedgerBody<'a>>,
}

#[derive(Serialize)]
struct TopicBody<'a> {
    topic: &'a str,
    next: i64,
    max_ts: Option<Timestamp>,
}

#[derive(Serialize)]
struct LedgerBody<'a> {
    operator: &'a str,
    topic: &'a str,
    #[serde(flatten)]
    counts: Counts,
}

impl FrontierReport {
    /// Grows with every record read: an older report never replaces a newer one.
    fn read_to(&self) -> u64 {
        let sum: i64 = self.frontier.topics.iter().map(|(_, next, _)| next).sum();
        u64::try_from(sum).unwrap_or_default()
    }

    fn body(&self, updated_at: Timestamp) -> FrontierBody<'_> {
        let topics = self.frontier.topics.iter();
        let ledger = self.frontier.ledger.iter();
        FrontierBody {
            group: self.group.name(),
            partition: self.partition,
            updated_at,
            watermark: self.frontier.watermark,
            complete_until: self.frontier.complete_until,
            drained: self.drained,
            topics: topics
                .map(|(stream, next, max_ts)| TopicBody {
                    topic: stream.topic(),
                    next: *next,
                    max_ts: *max_ts,
                })
                .collect(),
            ledger: ledger
                .map(|(operator, stream, counts)| LedgerBody {
                    operator,
                    topic: stream.topic(),
                    counts: *counts,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Stream;
    use chrono::TimeDelta;

    #[test]
    fn a_clock_that_jumps_ahead_throws_no_result_away_and_one_that_jumps_back_makes_older_indices_at_most() {
        let now = Timestamp::from_millis(1_795_255_200_000);
        let topics =
            vec![(Stream::Search, 7, Some(now - TimeDelta::hours(1))), (Stream::Product, 9, Some(now))];
        let (watermark, complete_until, ledger) = (None, None, Vec::new());
        let frontier = Frontier { watermark, complete_until, topics, ledger, open_windows: 0, replayed: 0 };
        let reports = [FrontierReport { group: Group::Trends, partition: 3, frontier, drained: true }];
        let days = TimeDelta::days;
        assert_eq!(oldest_taken(now, &reports), now - AGE_MAX);
        assert_eq!(oldest_taken(now + days(400), &reports), now - AGE_MAX);
        assert_eq!(oldest_taken(now - days(400), &reports), now - days(400) - AGE_MAX);
        assert_eq!(oldest_taken(now, &[]), now - AGE_MAX, "nothing is known but the clock");
    }
}
