//! The audit from beginning to end.

use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::json;

use crate::audit::archive::Archive;
use crate::audit::compare::{Comparison, Outcome, Standing};
use crate::audit::early::ClosedEarly;
use crate::audit::frontiers::Frontiers;
use crate::audit::held::Held;
use crate::audit::ledger::{self, ARCHIVER};
use crate::audit::letters::Letters;
use crate::audit::logs::Logs;
use crate::audit::partition::{RESULTS, Recounted};
use crate::audit::recount::Expected;
use crate::audit::recount::windows::Word;
use crate::audit::repairs::Repairs;
use crate::audit::report::{Difference, Problem, Report};
use crate::audit::rollups;
use crate::audit::signals::{self, Told};
use crate::bus::{Bus, BusError, LogReader};
use crate::model::event::Stream;
use crate::model::event::door::Door;
use crate::model::money::Currency;
use crate::model::sample::Sample;
use crate::model::time::Timestamp;
use crate::store::schema::Schema;
use crate::store::{Store, StoreError, Stored};

/// How to audit.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Audit")]
pub struct AuditSettings {
    /// Differences that are printed; all are counted.
    #[arg(long, default_value_t = 20)]
    pub show: usize,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
    /// Fail (exit code 2) unless the processor has read everything, so that open windows are compared too.
    #[arg(long)]
    pub require_drained: bool,
    /// The processor's: share of the sessions whose raw events are kept.
    #[arg(long, env = "ARCHIVE_SHARE", default_value = "1")]
    pub archive_share: Sample,
}

/// Groups that report how far they are, whatever the settings of the processor.
const GROUPS: [&str; 3] = ["trends", "sessions", "fraud"];

/// An audit under way.
struct Audit {
    store: Store,
    reader: Arc<LogReader>,
    door: Door,
    frontiers: Frontiers,
    repairs: Repairs,
    early: ClosedEarly,
    held: Held,
    letters: Arc<Letters>,
    told: Told,
    archive: Archive,
    now: Timestamp,
    report: Report,
}

/// Recounts everything that the processor says it has processed, and compares.
///
/// # Errors
/// When a server does not answer, the topics are not there, the processor has not reported anything yet,
/// or not everything where that is asked for.
pub async fn audit(
    settings: &AuditSettings,
    store: Store,
    bus: &Bus,
    currency: Currency,
) -> anyhow::Result<Report> {
    let reader = Arc::new(LogReader::new(bus)?);
    let blocking = reader.clone();
    let partitions = tokio::task::spawn_blocking(move || blocking.event_partitions()).await??;
    // In this order: what the processor says of itself is then true of all that is read after it.
    let frontiers = Frontiers::read(&store).await.context("reading how far the processor is")?;
    ensure!(!frontiers.is_empty(), "the processor has not reported anything yet: run it first");
    for schema in RESULTS.iter().chain([&Schema::LATE_EVENTS, &Schema::EVENTS]) {
        store.refresh(schema.name).await?;
    }
    let repairs = Repairs::read(&store).await?;
    let early = ClosedEarly::read(&store).await?;
    let blocking = reader.clone();
    let letters = tokio::task::spawn_blocking(move || Letters::read(&blocking)).await?;
    let letters = Arc::new(letters.context("reading the dead letters")?);
    let (blocking, generation) = (reader.clone(), store.generation().clone());
    let told = tokio::task::spawn_blocking(move || Told::read(&blocking, generation)).await?;
    let told = told.context("reading the topic of fraud signals")?;
    let now = Timestamp::now();
    let held = Held::read(&store, now).await?;
    let archive = Archive::new(settings.archive_share, held.since([&Schema::EVENTS]));
    let mut audit = Audit {
        store,
        reader,
        door: Door { partitions, currency },
        frontiers,
        repairs,
        early,
        held,
        letters,
        told,
        archive,
        now,
        report: Report::new(settings.show),
    };
    let mut is_whole = true;
    for partition in 0..partitions {
        is_whole &=
            audit.partition(partition).await.with_context(|| format!("auditing partition {partition}"))?;
    }
    audit.strays(partitions, is_whole).await?;
    rollups::compare(&audit.store, &mut audit.report).await.context("comparing what was rolled up")?;
    let Audit { repairs, mut report, .. } = audit;
    report.partitions = u64::from(partitions.unsigned_abs());
    report.repaired_windows = repairs.count() as u64;
    let undrained = report.partitions - report.drained_partitions;
    ensure!(
        !settings.require_drained || undrained == 0,
        "{undrained} partitions are not read to their ends by all groups: let `processor --until-drained` finish first"
    );
    Ok(report)
}

impl Audit {
    /// Audits one partition number. Gives whether all of its raw events are known.
    async fn partition(&mut self, partition: i32) -> anyhow::Result<bool> {
        let logs = self.read(partition).await?;
        self.report.records += logs.sightings.len() as u64 + logs.refused.len() as u64;
        self.note(&logs);
        let word = Word { repairs: &self.repairs, early: &self.early };
        let recounted = Recounted::new(&logs, &self.frontiers, &word, &self.held);
        for (operator, windows, events) in recounted.closed_early() {
            self.report.add_early(operator.name(), windows, events);
        }
        for schema in &RESULTS {
            let expected = recounted.results(schema);
            let outcome = self.compare(schema, partition, expected, |id| recounted.standing(id)).await?;
            self.add(schema.name, outcome, partition).await?;
        }
        let cases = recounted.results(&Schema::FRAUD_SIGNALS);
        let outcome = self.told.compare(partition, cases, |id| recounted.standing(id));
        self.add(signals::WHAT, outcome, partition).await?;
        let late = recounted.late_events();
        let schema = &Schema::LATE_EVENTS;
        let outcome = self.compare(schema, partition, late, |id| recounted.standing_of_late(id)).await?;
        self.add(schema.name, outcome, partition).await?;
        self.books(&logs, &recounted);
        self.raw_events(&logs).await
    }

    async fn read(&self, partition: i32) -> anyhow::Result<Logs> {
        let (reader, door, letters) = (self.reader.clone(), self.door, self.letters.clone());
        let furthest = |stream| {
            self.frontiers.of_partition(partition).map(|one| one.next_in(stream)).max().unwrap_or_default()
        };
        let up_to = Stream::ALL.map(furthest);
        let read = tokio::task::spawn_blocking(move || {
            let mut logs = Logs::measure(&reader, partition)?;
            let given_up = letters.sent_back(&reader, partition, up_to)?;
            logs.read(&reader, &door, given_up, up_to)?;
            Ok::<_, BusError>(logs)
        });
        read.await?.context("reading the event topics")
    }

    /// Tells what of this partition cannot be compared.
    fn note(&mut self, logs: &Logs) {
        let partition = logs.partition;
        let mut drained = true;
        for group in GROUPS {
            match self.frontiers.of(group, partition) {
                Some(frontier) => drained &= frontier.scope(logs).drained,
                None if logs.topics.iter().all(|log| log.first == log.end) => {}
                None => {
                    drained = false;
                    let note = format!("group {group} has not reported partition {partition}: not compared");
                    self.report.notes.push(note);
                }
            }
        }
        self.report.drained_partitions += u64::from(drained);
        for log in logs.topics.iter().filter(|log| log.is_truncated()) {
            self.report.notes.push(format!(
                "{} partition {partition} begins at offset {}: what rests on older records is not compared, and of \
                 its ledger only whether it balances",
                log.stream.topic(),
                log.first
            ));
        }
    }

    async fn compare(
        &self,
        schema: &Schema,
        partition: i32,
        expected: impl Iterator<Item = Expected>,
        standing: impl Fn(&str) -> Standing,
    ) -> Result<Outcome, StoreError> {
        let mut comparison = Comparison::new(expected, self.store.name(""), standing);
        let query = json!({ "term": { "partition": partition } });
        self.store.each_document(schema.name, &query, |found| comparison.take(found)).await?;
        Ok(comparison.conclude())
    }

    /// Reports a comparison. A difference in an open window only counts if the processor has read nothing
    /// since, for it would have written then.
    async fn add(&mut self, what: &'static str, outcome: Outcome, partition: i32) -> Result<(), StoreError> {
        let Outcome { compared, mut skipped, mut differences } = outcome;
        let is_tentative = |(standing, _): &(Standing, _)| *standing == Standing::Tentative;
        if differences.iter().any(is_tentative) && self.has_moved(partition).await? {
            let before = differences.len();
            differences.retain(|difference| !is_tentative(difference));
            skipped += (before - differences.len()) as u64;
        }
        let differences = differences.into_iter().map(|(_, difference)| difference);
        self.report.add(what, compared, skipped, differences);
        Ok(())
    }

    async fn has_moved(&self, partition: i32) -> Result<bool, StoreError> {
        let now = Frontiers::read(&self.store).await?;
        let moved = self
            .frontiers
            .of_partition(partition)
            .any(|then| now.of(&then.group, partition).is_none_or(|now| now.topics != then.topics));
        Ok(moved)
    }

    /// The ledger and the dead letters.
    fn books(&mut self, logs: &Logs, recounted: &Recounted<'_>) {
        let partition = logs.partition;
        for frontier in self.frontiers.of_partition(partition) {
            let lines = match frontier.group.as_str() {
                ARCHIVER => ledger::archive(logs, frontier),
                group => ledger::lines(recounted.of_group(group)),
            };
            let differences = ledger::compare(frontier, logs, &lines);
            self.report.add("ledger", lines.len() as u64, 0, differences);
        }
        if let Some(frontier) = self.frontiers.of("sessions", partition) {
            let (compared, differences) =
                self.letters.compare(logs, |stream| frontier.next_in(stream), self.now);
            self.report.add("dead-letters", compared, 0, differences);
        }
    }

    async fn raw_events(&mut self, logs: &Logs) -> anyhow::Result<bool> {
        let Some(frontier) = self.frontiers.of(ARCHIVER, logs.partition) else {
            return Ok(logs.topics.iter().all(|log| log.first == log.end));
        };
        let whole = frontier.scope(logs).drained && !logs.topics.iter().any(|log| log.is_truncated());
        let outcome = self.archive.compare(&self.store, logs, frontier, &self.letters).await?;
        self.add(Schema::EVENTS.name, outcome, logs.partition).await?;
        Ok(whole)
    }

    /// What belongs to no record or no partition that there is.
    async fn strays(&mut self, partitions: i32, all_events_known: bool) -> Result<(), StoreError> {
        let letters = self.letters.strays(partitions);
        self.report.add("dead-letters", letters.len() as u64, 0, letters);
        let told = self.told.strays(partitions);
        self.report.add(signals::WHAT, told.len() as u64, 0, told);
        let outside =
            json!({ "bool": { "must_not": { "range": { "partition": { "gte": 0, "lt": partitions } } } } });
        for schema in RESULTS.iter().chain([&Schema::LATE_EVENTS]) {
            let mut strays = Vec::new();
            let take = |found: Stored| {
                let (index, problem) = (schema.name.to_owned(), Problem::Unexpected { found: found.source });
                strays.push(Difference { index, id: found.id, problem });
            };
            self.store.each_document(schema.name, &outside, take).await?;
            self.report.add(schema.name, strays.len() as u64, 0, strays);
        }
        if !all_events_known {
            self.report.notes.push(
                "raw events that are in no topic were not looked for: the archiver is off, not drained, or a topic \
                 has lost its beginning"
                    .to_owned(),
            );
            return Ok(());
        }
        let strays = self.archive.strays(&self.store).await?;
        self.report.add(Schema::EVENTS.name, strays.len() as u64, 0, strays);
        Ok(())
    }
}
