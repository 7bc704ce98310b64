//! Computing closed windows again with the events that came too late for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, anyhow};

use crate::audit::frontiers::{Frontier, Frontiers};
use crate::audit::held::Held;
use crate::audit::recount::KINDS;
use crate::audit::repairs::{RepairedWindow, Repairs, Through};
use crate::bus::{Entry, LogReader, Producer, Stretch};
use crate::model::event::door::{CLOCK_SKEW_MAX, Door};
use crate::model::event::{Event, Record, Stream};
use crate::model::time::Timestamp;
use crate::replay::late::{self, Filter, Window};
use crate::store::bulk::{Mode, Operation};
use crate::store::schema::Schema;
use crate::store::{Store, json};
use crate::stream::documents::{Document, Documents};
use crate::stream::fold::{Arrival, Clock, Folding};
use crate::stream::groups::Group;
use crate::stream::herald::{self, News};
use crate::stream::part::{LogRecord, examine};

/// Bulk requests under way at once.
const CONNECTIONS: usize = 2;
/// A topic that closes nothing: no event is too late for a repair.
const EVER: Clock = Clock { max_ts: Timestamp::MIN, committed_max_ts: Timestamp::MIN, floor: None };

/// What a repair did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Windows that were computed again.
    pub windows: u64,
    /// Late events that are in them now and were not before.
    pub late_events: u64,
    /// Documents that were computed for them.
    pub documents: u64,
    /// Of these, the ones that were replaced or are new.
    pub changed: u64,
    /// Windows that cannot be repaired now, and why.
    pub left: Vec<String>,
}

/// The windows of one operator in one partition that are made of the same topics: they are read together.
struct Batch {
    window: Window,
    starts: BTreeSet<Timestamp>,
    spans: Vec<Span>,
}

/// Where what was computed again goes.
pub struct Edges {
    /// The results.
    pub store: Store,
    /// Tells of fraud signals; `None` for a generation that tells nothing.
    pub producer: Option<Producer>,
}

/// What is read of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    stream: Stream,
    from: i64,
    to: i64,
}

/// Repairs every closed window for which an event came too late that is not in it yet.
///
/// The window's documents rest on the log up to where its group has come, so the audit can recount them;
/// events that come even later need another repair.
///
/// # Errors
/// When a server does not answer, or Elasticsearch refuses a document.
pub async fn repair(
    edges: &Edges,
    reader: Arc<LogReader>,
    door: Door,
    filter: &Filter,
) -> anyhow::Result<Repaired> {
    let store = &edges.store;
    store.ensure(&Schema::REPAIRED_WINDOWS).await.context("making sure of the index repaired-windows")?;
    // First: a late event is written before its group reports that it has come so far.
    let windows = late::windows(store, filter, &Repairs::read(store).await?).await?;
    let frontiers = Frontiers::read(store).await?;
    let mut repaired = Repaired::default();
    let mut batches: BTreeMap<Window, BTreeSet<Timestamp>> = BTreeMap::new();
    let held = Held::read(store, Timestamp::now()).await?;
    for (window, _) in windows.iter().filter(|(_, lateness)| lateness.repaired < lateness.events) {
        match frontier_that_closed(&frontiers, window) {
            _ if window.pane.window < held_since(&held, window) => {
                repaired.left.push(format!("{}: its results were dropped for their age", name(window)));
            }
            Some(_) => drop(batches.entry(same_batch(window)).or_default().insert(window.pane.window)),
            None => repaired.left.push(format!("{}: not closed in all of its topics yet", name(window))),
        }
    }
    for (window, starts) in batches {
        let Some(frontier) = frontiers.of(window.operator.group(), window.pane.partition) else { continue };
        match spans(&reader, frontier, &window, &starts).await? {
            Ok(spans) => write(edges, &reader, door, Batch { window, starts, spans }, &mut repaired).await?,
            Err(why) => repaired.left.push(format!("{}: {why}", name(&window))),
        }
    }
    let before: u64 = windows.values().map(|lateness| lateness.repaired).sum();
    let after = late::windows(store, filter, &Repairs::read(store).await?).await?;
    repaired.late_events = after.values().map(|lateness| lateness.repaired).sum::<u64>() - before;
    Ok(repaired)
}

fn frontier_that_closed<'a>(frontiers: &'a Frontiers, window: &Window) -> Option<&'a Frontier> {
    let frontier = frontiers.of(window.operator.group(), window.pane.partition);
    frontier.filter(|frontier| window.is_closed(frontier))
}

/// Since when all results of the window's operator are held.
fn held_since(held: &Held, window: &Window) -> Timestamp {
    let own = KINDS.iter().filter(|kind| kind.operator == window.operator);
    held.since(own.map(|kind| &kind.schema))
}

/// The same for all windows that are read together.
fn same_batch(window: &Window) -> Window {
    let mut window = *window;
    window.pane.window = Timestamp::MIN;
    window
}

fn name(window: &Window) -> String {
    let Window { operator, pane } = window;
    let topic = pane.stream.map(|stream| format!(" of {}", stream.topic())).unwrap_or_default();
    let start = if pane.window == Timestamp::MIN { String::new() } else { format!(" {}", pane.window) };
    format!("{}{start} in partition {}{topic}", operator.name(), pane.partition)
}

/// What must be read of each topic: an event lies behind its window's start, but for the clocks' skew. Says
/// why not where the topic does not hold all of that any more.
async fn spans(
    reader: &Arc<LogReader>,
    frontier: &Frontier,
    window: &Window,
    starts: &BTreeSet<Timestamp>,
) -> anyhow::Result<Result<Vec<Span>, String>> {
    let (reader, partition) = (reader.clone(), window.pane.partition);
    let since = starts.first().copied().unwrap_or_default() - CLOCK_SKEW_MAX;
    let to: Vec<(Stream, i64)> = window.streams().map(|stream| (stream, frontier.next_in(stream))).collect();
    let look = move || {
        let mut spans = Vec::new();
        for (stream, to) in to {
            let (first, _) = reader.bounds(stream.topic(), partition)?;
            let from = reader.offset_at(stream.topic(), partition, since)?;
            if first > 0 && from <= first {
                return Ok(Err(format!(
                    "{} begins at offset {first} only: records of it may be gone",
                    stream.topic()
                )));
            }
            spans.push(Span { stream, from, to });
        }
        Ok(Ok(spans))
    };
    tokio::task::spawn_blocking(look).await?
}

/// Computes the windows and writes them, tells of their fraud signals, then records that.
async fn write(
    edges: &Edges,
    reader: &Arc<LogReader>,
    door: Door,
    batch: Batch,
    repaired: &mut Repaired,
) -> anyhow::Result<()> {
    let (Edges { store, producer }, reader) = (edges, reader.clone());
    let compute = move || Ok::<_, anyhow::Error>((documents(&reader, &door, &batch)?, batch));
    let (documents, batch) =
        tokio::task::spawn_blocking(compute).await?.context("reading the windows again")?;
    let mut counts = Vec::new();
    for start in &batch.starts {
        let of_window = documents.iter().filter(|document| is_of(document, *start)).count() as u64;
        counts.push((*start, of_window));
        repaired.windows += 1;
        repaired.documents += of_window;
    }
    let signals = documents.iter().filter(Document::is_signal);
    let news: Vec<News> = signals.map(|signal| News::of(&signal, store.generation())).collect();
    let operations = documents.iter().map(|document| Operation {
        index: store.name(&document.about.index()).into(),
        id: document.id.into(),
        mode: document.about.mode,
        source: document.source.into(),
        tag: 0,
    });
    repaired.changed += store.write_making_indices(operations.collect(), CONNECTIONS).await?;
    if let Some(producer) = producer {
        herald::tell(producer, &news).await;
    }
    let index = store.name(Schema::REPAIRED_WINDOWS.name);
    // Recorded with the time of now: whoever sums windows up looks at what was repaired since its last look.
    let records = counts.into_iter().map(|(start, documents)| record(&batch, start, documents));
    let operations = records.map(|record| Operation {
        index: index.as_str().into(),
        id: id(&record).into(),
        mode: Mode::IfNotOlder(version(&record)),
        source: json(&record).into(),
        tag: 0,
    });
    store.write_making_indices(operations.collect(), CONNECTIONS).await?;
    Ok(())
}

/// Whether a document is of this window: every id tells it. Its own time may be another.
fn is_of(document: &Document<'_>, window: Timestamp) -> bool {
    document.id.split('|').nth(1).is_some_and(|millis| millis == window.millis().to_string())
}

/// The documents of the windows, from all of their events.
fn documents(reader: &LogReader, door: &Door, batch: &Batch) -> anyhow::Result<Documents> {
    let (window, partition) = (batch.window, batch.window.pane.partition);
    let group =
        Group::named(window.operator.group()).ok_or_else(|| anyhow!("no such group; this is a bug"))?;
    let number = |stream: Stream| group.streams().iter().position(|one| *one == stream);
    let is_mine = |fold: &dyn Folding| {
        let folds = |stream: Stream| number(stream).is_some_and(|topic| fold.folds(topic));
        fold.name() == window.operator.name() && window.streams().all(folds)
    };
    let fold = group.folds(partition).into_iter().find(|fold| is_mine(fold.as_ref()));
    let mut refill = Refill {
        fold: fold.ok_or_else(|| anyhow!("no such operator; this is a bug"))?,
        clocks: vec![EVER; group.streams().len()],
        starts: &batch.starts,
    };
    for span in &batch.spans {
        let (Some(topic), Span { stream, from, to }) = (number(span.stream), *span) else { continue };
        let stretch = Stretch { topic: stream.topic(), partition, from, to };
        reader.read(stretch, |entry| {
            let Entry { offset, appended_at, key, payload, .. } = entry;
            let record = LogRecord { offset, appended_at, key, payload };
            if let Ok(Record::Event(event)) = examine(door, stream, partition, &record) {
                refill.take(topic, offset, &event);
            }
        })?;
    }
    Ok(refill.documents())
}

/// Windows that are filled again.
struct Refill<'a> {
    fold: Box<dyn Folding>,
    clocks: Vec<Clock>,
    starts: &'a BTreeSet<Timestamp>,
}

impl Refill<'_> {
    fn take(&mut self, topic: usize, offset: i64, event: &Event) {
        if self.fold.window(event).is_some_and(|start| self.starts.contains(&start)) {
            self.fold.offer(&Arrival { topic, offset, event }, &self.clocks);
        }
    }

    fn documents(mut self) -> Documents {
        let mut documents = Documents::default();
        self.fold.render(&mut documents);
        documents
    }
}

fn record(batch: &Batch, start: Timestamp, documents: u64) -> RepairedWindow {
    let through = |span: &Span| Through { topic: span.stream.topic().to_owned(), through: span.to };
    RepairedWindow {
        operator: batch.window.operator.name().to_owned(),
        window: start,
        partition: batch.window.pane.partition,
        topics: batch.spans.iter().map(through).collect(),
        documents,
        repaired_at: Timestamp::now(),
    }
}

/// A window has one record, which tells of its last repair.
fn id(record: &RepairedWindow) -> String {
    let RepairedWindow { operator, window, partition, topics, .. } = record;
    let only = if let [only] = topics.as_slice() { format!("|{}", only.topic) } else { String::new() };
    format!("{operator}|{}|{partition}{only}", window.millis())
}

/// Grows with how much was read, so that an older repair never hides a newer one.
fn version(record: &RepairedWindow) -> u64 {
    record.topics.iter().map(|topic| u64::try_from(topic.through).unwrap_or_default()).sum()
}
