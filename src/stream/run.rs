//! Starts the workers of all groups, and ends them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::bus::{Bus, Producer};
use crate::model::event::door::Door;
use crate::model::generation::{Generation, Start};
use crate::model::money::Currency;
use crate::model::sample::Sample;
use crate::model::time::Timestamp;
use crate::rollup::{self, Retention};
use crate::store::schema::Schema;
use crate::store::{Store, StoreError};
use crate::stream::condition::Conditions;
use crate::stream::groups::Reader;
use crate::stream::heartbeat;
use crate::stream::serving::Serving;
use crate::stream::sink::Sink;
use crate::stream::watch::Watch;
use crate::stream::worker::{Member, Pace, Worker};

/// Longest wait for the workers when stopping. A little more than each of them takes: one may be waiting for an answer
/// that Kafka does not give, and nothing breaks that off. The producer's end takes half a second more then.
const STOP_WAIT: Duration = Duration::from_millis(9_200);

/// How the processor works.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Processor")]
pub struct ProcessorSettings {
    /// Members that this process adds to each consumer group: the partitions are shared among all members
    /// of all processes.
    #[arg(long, env = "PROCESSOR_WORKERS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// A name of this process unlike all the others'. With it a process that is restarted within ten seconds
    /// finds its partitions again and nobody else takes them over; without it they are shared out at once.
    #[arg(long, env = "PROCESSOR_INSTANCE_ID", value_parser = parse_instance_id)]
    pub instance_id: Option<String>,
    /// Time between two flushes, in milliseconds: how soon a result is visible, at the least.
    #[arg(long, env = "FLUSH_INTERVAL_MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    pub flush_interval_ms: u64,
    /// Memory in MiB that the open windows of this process may take, an estimate; its workers share it evenly.
    /// Above it the oldest windows are closed before their time.
    #[arg(long, env = "PROCESSOR_MEMORY_MB", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub memory_mb: u32,
    /// Whether raw events are kept in `events-<date>`.
    #[arg(long, env = "ARCHIVE_EVENTS", default_value_t = true, action = clap::ArgAction::Set)]
    pub archive_events: bool,
    /// Share of the sessions whose raw events are kept, from 0 to 1; the results count all of them.
    #[arg(long, env = "ARCHIVE_SHARE", default_value = "1")]
    pub archive_share: Sample,
    /// Whether results are rolled up into longer spans, and what is old is dropped.
    #[arg(long, env = "ROLL_UP", default_value_t = true, action = clap::ArgAction::Set)]
    pub roll_up: bool,
    /// End when the topics are read to their ends and everything is acknowledged.
    #[arg(long)]
    pub until_drained: bool,
    /// Whose results to compute: a name other than `original` fills indices of its own beside what readers
    /// see, until `admin generation promote` lets them see it.
    #[arg(long, env = "PROCESSOR_GENERATION", default_value_t)]
    pub generation: Generation,
    /// Where a new generation begins in the topics: `beginning`, or a time; what was stored then or later is
    /// processed. A generation that has begun goes on where it is. [default: beginning]
    #[arg(long)]
    pub from: Option<Start>,
    /// How long results are kept.
    #[command(flatten)]
    pub retention: Retention,
}

/// The indices that the processor writes.
pub const WRITES: [Schema; 10] = [
    Schema::EVENTS,
    Schema::PRODUCT_TRENDS,
    Schema::CATEGORY_FUNNELS,
    Schema::QUERY_STATS,
    Schema::SUSPECT_PRODUCTS,
    Schema::SUSPECT_QUERIES,
    Schema::FRAUD_FACTS,
    Schema::FRAUD_SIGNALS,
    Schema::LATE_EVENTS,
    Schema::PROCESSOR_FRONTIERS,
];

/// Attempts to make sure of an index before the program gives up; whatever supervises it starts it again.
const ENSURE_ATTEMPTS_MAX: usize = 4;

/// What the processor stands on, and where it says how it is doing.
pub struct Edges {
    /// Elasticsearch.
    pub store: Store,
    /// Kafka.
    pub bus: Bus,
    /// How its workers are doing.
    pub conditions: Conditions,
}

/// Processes events until `shutdown` comes or, where asked for, everything is drained.
///
/// # Errors
/// When topics or indices cannot be made sure of, or a worker meets what does not pass by itself; the
/// other workers are stopped then.
pub async fn run(
    settings: &ProcessorSettings,
    edges: Edges,
    currency: Currency,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let (common, _background) = open(settings, &edges, currency).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let (ended, mut endings) = mpsc::unbounded_channel();
    let threads = start(settings, &edges, &common, Ending { stop: stop.clone(), ended })?;
    let result = until_ended(&mut endings, shutdown).await;
    stop.store(true, Ordering::Relaxed);
    // Every worker says how it ended, also those that were only told to stop.
    let mut rest = Vec::new();
    let all_ended = async {
        while let Some(ending) = endings.recv().await {
            rest.push(ending);
        }
    };
    if timeout(STOP_WAIT, all_ended).await.is_ok() {
        for thread in threads {
            thread.join().map_err(|_| anyhow!("a worker panicked; this is a bug"))?;
        }
    } else {
        let at_work = threads.iter().filter(|one| !one.is_finished()).filter_map(|one| one.thread().name());
        tracing::warn!(
            workers = at_work.collect::<Vec<_>>().join(", "),
            "stopped without an answer of Kafka; what was not committed will be read again"
        );
    }
    rest.into_iter().fold(result, |all, one| all.and(one))
}

/// What all workers have in common.
struct Common {
    door: Door,
    start: Start,
    sink: Sink,
}

/// Makes sure of topics and indices, and says what the workers need. The tasks beside them end when they
/// are dropped.
async fn open(
    settings: &ProcessorSettings,
    edges: &Edges,
    currency: Currency,
) -> anyhow::Result<(Common, JoinSet<()>)> {
    let partitions = edges.bus.ensure_topics().await.context("making sure of the topics")?;
    let generation = &settings.generation;
    let begun = edges.store.change_generations(|all| all.begin(generation, settings.from, Timestamp::now()));
    let start = begun.await.with_context(|| format!("beginning the generation {generation}"))?;
    if *generation != Generation::Original {
        tracing::info!(%generation, from = %start, "computing the results of a generation of their own");
    }
    let store = edges.store.of_generation(generation);
    for schema in &WRITES {
        let ensured = ensure(&store, schema).await;
        ensured.with_context(|| format!("making sure of the index {}", store.name(schema.name)))?;
    }
    let serving = Serving::of(generation, &store.generations().await?);
    let (beats, measured) = mpsc::channel(1);
    let producer = Arc::new(Producer::new(&edges.bus)?);
    let sink = Sink { store: store.clone(), producer, beats, serving: serving.clone() };
    let mut background = JoinSet::new();
    background.spawn(heartbeat::measure(store.clone(), measured));
    if settings.roll_up {
        background.spawn(rollup::keep_rolling(store.clone(), partitions, settings.retention.clone()));
    }
    background.spawn(serving.keep_looking(store, generation.clone()));
    Ok((Common { door: Door { partitions, currency }, start, sink }, background))
}

/// How workers are told to end, and how they say that they have.
#[derive(Clone)]
struct Ending {
    stop: Arc<AtomicBool>,
    ended: mpsc::UnboundedSender<anyhow::Result<()>>,
}

/// Starts each worker on a thread of its own.
fn start(
    settings: &ProcessorSettings,
    edges: &Edges,
    common: &Common,
    ending: Ending,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let pace = Pace {
        flush_every: Duration::from_millis(settings.flush_interval_ms),
        until_drained: settings.until_drained,
        bytes_max: (settings.memory_mb as usize).saturating_mul(1 << 20) / usize::from(settings.workers),
        archived: settings.archive_share,
    };
    let readers = Reader::ALL.into_iter();
    let readers = readers.filter(|reader| settings.archive_events || *reader != Reader::Archiver);
    let members = readers.flat_map(|reader| (0..settings.workers).map(move |number| (reader, number)));
    let start_one = |(reader, number): (Reader, u16)| {
        let instance = settings.instance_id.as_ref().map(|id| format!("{id}-{number}"));
        let watch = Watch::new(reader, number, &edges.conditions);
        watch.meter.may_hold(pace.bytes_max);
        let (generation, start) = (settings.generation.clone(), common.start);
        let member = Member { reader, instance, generation, start, watch };
        let worker = Worker::join(member, common.door, pace, &edges.bus, common.sink.clone())?;
        let Ending { stop, ended } = ending.clone();
        let work = move || {
            let panicked = |_| Err(anyhow!("a worker panicked; this is a bug"));
            let result = catch_unwind(AssertUnwindSafe(|| worker.run(&stop))).unwrap_or_else(panicked);
            let result = result.with_context(|| format!("the consumer group {}", reader.name()));
            // Nobody listens any more only when the process is ending anyway.
            let _ = ended.send(result);
        };
        Ok(thread::Builder::new().name(format!("{}-worker", reader.name())).spawn(work)?)
    };
    members.map(start_one).collect()
}

/// Makes sure of an index, asking again where no answer came: a cluster that has much to do may take longer over a
/// template than it is waited for.
async fn ensure(store: &Store, schema: &Schema) -> Result<(), StoreError> {
    for _ in 1..ENSURE_ATTEMPTS_MAX {
        match store.ensure(schema).await {
            Err(error) if error.is_passing() => {
                tracing::warn!(index = schema.name, %error, "an index could not be made sure of; trying again");
            }
            ensured => return ensured,
        }
    }
    store.ensure(schema).await
}

/// Waits for the shutdown, the end of all workers, or the first failure.
async fn until_ended(
    endings: &mut mpsc::UnboundedReceiver<anyhow::Result<()>>,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => {
                tracing::info!("stopping: flushing, committing and leaving the groups");
                return Ok(());
            }
            ending = endings.recv() => match ending {
                Some(Ok(())) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
        }
    }
}

/// Kafka takes up to 249 of these characters; the number of the member is added.
fn parse_instance_id(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=200).contains(&text.len()) && text.chars().all(legal) {
        return Ok(text.to_owned());
    }
    Err("must be 1 to 200 characters of A-Z a-z 0-9 . _ -".to_owned())
}
