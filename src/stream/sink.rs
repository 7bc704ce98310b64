//! Carries flushes out: dead letters to Kafka, documents to Elasticsearch, and the word when all of it
//! is acknowledged.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::bus::{DEAD_LETTERS, Producer};
use crate::model::event::door::AGE_MAX;
use crate::model::time::{DAY_MS, Timestamp};
use crate::store::Store;
use crate::store::bulk::{Mode, Operation, Refused};
use crate::store::schema::Schema;
use crate::stream::document::{DeadLetter, Document, Origin};
use crate::stream::ledger::Counts;
use crate::stream::part::{Flush, Frontier};

/// Bulk requests under way at once for one group.
const CONNECTIONS: usize = 2;
/// Wait between two attempts to get dead letters acknowledged.
const PRODUCE_WAIT: Duration = Duration::from_secs(1);
/// Longest wait for the acknowledgement of dead letters before it is told and tried again.
const ACKNOWLEDGE_WAIT: Duration = Duration::from_secs(30);

/// Where one group's effects go. Cheap to clone.
#[derive(Clone)]
pub struct Sink {
    /// The group's name.
    pub group: &'static str,
    /// Elasticsearch.
    pub store: Store,
    /// Kafka.
    pub producer: Arc<Producer>,
}

/// How far a partition's results are, to be told when they are acknowledged.
pub struct FrontierReport {
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
    /// Documents written.
    pub written: u64,
    /// Documents that a fuller one had replaced before.
    pub superseded: u64,
}

impl Sink {
    /// Carries out everything, and returns when all of it is acknowledged: for ever, if need be.
    pub async fn carry_out(self, flushes: Vec<Flush>, frontiers: Vec<FrontierReport>) -> Outcome {
        let mut outcome = Outcome::default();
        let mut dead = Vec::new();
        let mut documents = Vec::new();
        for flush in flushes {
            dead.extend(flush.dead);
            documents.extend(flush.documents.into_iter().map(|document| (flush.partition, document)));
        }
        self.bury(dead).await;
        let refused = self.write(&mut documents, &mut outcome).await;
        let mut dead = Vec::new();
        for refused in refused {
            let Some((partition, document)) = documents.get_mut(refused.operation.tag) else { continue };
            match document.origin.take() {
                Some(origin) => dead.push(unwanted(*origin, &refused)),
                None => outcome.refused.push((*partition, format!("{} {}", document.id, refused.reason))),
            }
        }
        self.bury(dead).await;
        self.tell(frontiers, &outcome).await;
        outcome
    }

    /// Writes the documents, making the indices that are missing. Gives the ones that are refused, with
    /// their number in `documents` as tag.
    async fn write(&self, documents: &mut [(i32, Document)], outcome: &mut Outcome) -> Vec<Refused> {
        let mut names = IndexNames { store: &self.store, known: HashMap::new() };
        let numbered = documents.iter_mut().enumerate();
        let operations = numbered.map(|(tag, (_, document))| Operation {
            index: names.of(document),
            id: document.id.clone(),
            mode: document.mode,
            source: std::mem::take(&mut document.source),
            tag,
        });
        let mut operations: Vec<Operation> = operations.collect();
        let mut refused = Vec::new();
        loop {
            let written = self.store.write_all(operations, CONNECTIONS).await;
            outcome.written += written.done;
            outcome.superseded += written.superseded;
            refused.extend(written.refused);
            operations = self.make_room(written.missing, documents).await;
            if operations.is_empty() {
                return refused;
            }
        }
    }

    /// Makes the indices of documents that found none. Documents of a time whose index was dropped for
    /// its age are done with.
    async fn make_room(&self, missing: Vec<Operation>, documents: &[(i32, Document)]) -> Vec<Operation> {
        let oldest = Timestamp::now() - AGE_MAX;
        let mut made = Vec::new();
        let mut again = Vec::new();
        for operation in missing {
            let Some((_, document)) = documents.get(operation.tag).filter(|(_, one)| one.at >= oldest) else {
                continue;
            };
            let index = document.schema.index_at(document.at);
            if !made.contains(&index) {
                if let Err(error) = self.store.create_index(&index, &json!({})).await {
                    tracing::warn!(group = self.group, index, %error, "an index could not be made; trying again");
                    tokio::time::sleep(PRODUCE_WAIT).await;
                }
                made.push(index);
            }
            again.push(operation);
        }
        again
    }

    /// Writes dead letters to Kafka, at least once. The record is as it was; the reason is in its headers.
    async fn bury(&self, dead: Vec<DeadLetter>) {
        if dead.is_empty() {
            return;
        }
        let (producer, group) = (self.producer.clone(), self.group);
        let buried = tokio::task::spawn_blocking(move || {
            while let Err(error) = bury_once(&producer, &dead) {
                tracing::warn!(group, error, "dead letters are not acknowledged; trying again");
                std::thread::sleep(PRODUCE_WAIT);
            }
        });
        if let Err(error) = buried.await {
            tracing::error!(%error, "the writer of dead letters ended early");
        }
    }

    /// Writes how far the results are. It is a report: a failure is told and the next one makes it good.
    async fn tell(&self, frontiers: Vec<FrontierReport>, outcome: &Outcome) {
        let now = Timestamp::now();
        let accepted = |report: &FrontierReport| !outcome.refused.iter().any(|(p, _)| *p == report.partition);
        let operations = frontiers.iter().filter(|report| accepted(report)).map(|report| Operation {
            index: self.store.name(Schema::PROCESSOR_FRONTIERS.name),
            id: format!("{}|{}", self.group, report.partition),
            mode: Mode::IfNotOlder(report.read_to()),
            source: super::document::json(&report.body(self.group, now)),
            tag: 0,
        });
        let written = self.store.write_all(operations.collect(), 1).await;
        for refused in &written.refused {
            tracing::warn!(group = self.group, reason = refused.reason, "a frontier was refused");
        }
    }
}

/// The names of the indices; dates are only written out once a day and kind.
struct IndexNames<'a> {
    store: &'a Store,
    known: HashMap<(&'static str, i64), String>,
}

impl IndexNames<'_> {
    fn of(&mut self, document: &Document) -> String {
        let day = document.at.floor_to(DAY_MS).millis();
        let name = self.known.entry((document.schema.name, day));
        name.or_insert_with(|| self.store.name(&document.schema.index_at(document.at))).clone()
    }
}

fn unwanted(origin: Origin, refused: &Refused) -> DeadLetter {
    let detail = format!("Elasticsearch refused it with {}: {}", refused.status, refused.reason);
    DeadLetter { origin, reason: "refused_by_elasticsearch", detail }
}

fn bury_once(producer: &Producer, dead: &[DeadLetter]) -> Result<(), String> {
    let failed_before = producer.deliveries().failed();
    for letter in dead {
        let origin = &letter.origin;
        let headers = [
            ("reason", letter.reason.to_owned()),
            ("detail", letter.detail.clone()),
            ("topic", origin.stream.topic().to_owned()),
            ("partition", origin.partition.to_string()),
            ("offset", origin.offset.to_string()),
            ("appended_at", origin.appended_at.to_string()),
        ];
        let mut headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
        headers.push(("key", &origin.key));
        let sent =
            producer.send_with_headers(DEAD_LETTERS, letter.id().as_bytes(), &origin.payload, &headers);
        sent.map_err(|error| error.to_string())?;
    }
    producer.flush(ACKNOWLEDGE_WAIT).map_err(|error| error.to_string())?;
    if producer.deliveries().failed() > failed_before {
        return Err("Kafka refused some of them".to_owned());
    }
    Ok(())
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

    fn body<'a>(&'a self, group: &'a str, updated_at: Timestamp) -> FrontierBody<'a> {
        let topics = self.frontier.topics.iter();
        let ledger = self.frontier.ledger.iter();
        FrontierBody {
            group,
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
