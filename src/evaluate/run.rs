//! Reads the ground truth and the signals, and says how good they are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Deserialize;
use serde_json::json;

use crate::bus::{Bus, BusError, FRAUD_SIGNALS, LogReader, Stretch};
use crate::evaluate::judge::{Evaluation, Flag, judge};
use crate::evaluate::telling::{Telling, Told};
use crate::model::rules::Rule;
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::schema::Schema;
use crate::traffic::Label;

/// What to hold the signals against.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Evaluation")]
pub struct EvaluateSettings {
    /// The ground truth, as `generator --labels` wrote it: a file, or `kafka:TOPIC`.
    #[arg(long, value_name = "FILE|kafka:TOPIC")]
    pub labels: String,
    /// Print the evaluation as JSON.
    #[arg(long)]
    pub json: bool,
    /// Fail (exit code 1) when the precision of the rules on fraud or of those on bots is less, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = a_share)]
    pub min_precision: f64,
    /// Fail (exit code 1) when the recall of either is less, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = a_share)]
    pub min_recall: f64,
}

impl EvaluateSettings {
    /// Whether the signals are as good as is asked for.
    pub fn accept(&self, evaluation: &Evaluation) -> bool {
        [evaluation.fraud, evaluation.bots]
            .iter()
            .all(|score| score.precision.reaches(self.min_precision) && score.recall.reaches(self.min_recall))
    }
}

fn a_share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("must lie between 0 and 1".to_owned()) }
}

/// What is evaluated.
#[derive(Debug, serde::Serialize)]
pub struct Report {
    /// How good the signals are.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// How soon they were told.
    pub telling: Telling,
}

/// Holds every active signal of the shown generation against the labels.
///
/// # Errors
/// When a server does not answer, or the labels cannot be read.
pub async fn evaluate(settings: &EvaluateSettings, store: &Store, bus: &Bus) -> anyhow::Result<Report> {
    store.refresh(Schema::FRAUD_SIGNALS.name).await?;
    let reader = bus.clone();
    let told = tokio::task::spawn_blocking(move || read_told(&LogReader::new(&reader)?)).await?;
    let told = told.context("reading the topic of fraud signals")?;
    let mut flags = Vec::new();
    let mut unreadable = 0_u64;
    let active = json!({ "term": { "active": true } });
    let take = |found: crate::store::Stored| match serde_json::from_value::<Case>(found.source) {
        Ok(Case { visitor, rule }) => {
            flags.push(Flag { visitor, rule, decided_at: told.get(&found.id).map(|told| told.decided_at) });
        }
        Err(_) => unreadable += 1,
    };
    store.each_document(Schema::FRAUD_SIGNALS.name, &active, take).await?;
    anyhow::ensure!(
        unreadable == 0,
        "{unreadable} signals have a rule that this build does not know: use the build that wrote them"
    );
    let labels = read_labels(&settings.labels, bus).await?;
    Ok(Report { evaluation: judge(labels, &flags), telling: Telling::of(told.values()) })
}

/// What of a signal matters here.
#[derive(Deserialize)]
struct Case {
    visitor: String,
    rule: Rule,
}

/// What of a record of a signal matters here.
#[derive(Deserialize)]
struct Record {
    active: bool,
    last_seen: Timestamp,
}

/// When each case was first told to hold, by its id.
fn read_told(reader: &LogReader) -> Result<BTreeMap<String, Told>, BusError> {
    let mut told = BTreeMap::new();
    each_record(reader, FRAUD_SIGNALS, |key, payload, appended_at| {
        if let Ok(Record { active: true, last_seen }) = serde_json::from_slice(payload) {
            let id = String::from_utf8_lossy(key).into_owned();
            told.entry(id).or_insert(Told { decided_at: last_seen, appended_at });
        }
    })?;
    Ok(told)
}

/// Hands out every record of a topic, which may not exist.
fn each_record(
    reader: &LogReader,
    topic: &str,
    mut take: impl FnMut(&[u8], &[u8], Timestamp),
) -> Result<(), BusError> {
    for partition in 0..reader.partitions(topic)? {
        let (from, to) = reader.bounds(topic, partition)?;
        let stretch = Stretch { topic, partition, from, to };
        reader.read(stretch, |entry| take(entry.key, entry.payload, entry.appended_at))?;
    }
    Ok(())
}

async fn read_labels(address: &str, bus: &Bus) -> anyhow::Result<Vec<Label>> {
    let (address, bus) = (address.to_owned(), bus.clone());
    let reading = tokio::task::spawn_blocking(move || match address.strip_prefix("kafka:") {
        Some(topic) => labels_of_topic(&LogReader::new(&bus)?, topic),
        None => labels_of_file(&PathBuf::from(&address)),
    });
    reading.await?
}

fn labels_of_file(path: &Path) -> anyhow::Result<Vec<Label>> {
    let file = File::open(path).with_context(|| format!("opening the labels {}", path.display()))?;
    let read = |(number, line): (usize, std::io::Result<String>)| {
        let place = || format!("reading line {} of {}", number + 1, path.display());
        serde_json::from_str(&line.with_context(place)?).with_context(place)
    };
    BufReader::new(file).lines().enumerate().map(read).collect()
}

fn labels_of_topic(reader: &LogReader, topic: &str) -> anyhow::Result<Vec<Label>> {
    let mut labels = Vec::new();
    each_record(reader, topic, |_, payload, _| labels.push(serde_json::from_slice(payload)))?;
    anyhow::ensure!(!labels.is_empty(), "the topic {topic} holds no labels");
    let labels: Result<_, _> = labels.into_iter().collect();
    labels.with_context(|| format!("reading the labels in the topic {topic}"))
}
