//! Reading again for a group with a long horizon, beside the reading for the others.
//!
//! After a take-over a group must rebuild its open windows before it may flush. The windows of the longest
//! horizons reach days back, and the others shall not wait for that. So the worker's consumer begins where
//! the group with the shortest horizon must, and each other group rereads up to its committed `next` on a
//! thread of its own, with a consumer that belongs to no consumer group and commits nothing. Then it joins
//! the worker's reading, which goes back to where the group has come. However early or late that is, nothing
//! is lost or counted twice, for a part takes only the records that it has not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::bus::{Bus, Received, Span, SpanConsumer};
use crate::stream::groups::Group;
use crate::stream::part::{LogRecord, Part};

/// Longest wait for a record: how soon a stop is seen.
const POLL_WAIT: Duration = Duration::from_millis(100);
/// When nothing has come for so long, the worker's consumer goes on from here: the rest of the span may be
/// offsets without records, and an outage is the worker's to tell.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// A group's rereading under way.
pub struct Reread {
    group: Group,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<Vec<Part>>>>,
}

impl Reread {
    /// Begins to reread for the parts of one group.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(bus: &Bus, group: Group, parts: Vec<Part>) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (bus, asked_to_stop) = (bus.clone(), stop.clone());
        let reread = move || reread(&bus, group, parts, &asked_to_stop);
        let thread = thread::Builder::new().name(format!("{}-reread", group.name())).spawn(reread)?;
        Ok(Self { group, stop, thread: Some(thread) })
    }

    /// Whose.
    pub fn group(&self) -> Group {
        self.group
    }

    /// Whether everything is read again.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// The parts, at the end.
    ///
    /// # Errors
    /// What does not pass by itself, as records that were deleted before they were read.
    pub fn finish(mut self) -> anyhow::Result<Vec<Part>> {
        let ended = self.thread.take().map(JoinHandle::join);
        ended
            .unwrap_or_else(|| Ok(Ok(Vec::new())))
            .map_err(|_| anyhow!("rereading panicked; this is a bug"))?
    }
}

impl Drop for Reread {
    /// The partitions are others now, or the program ends: waits until the thread has seen it.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!(group = self.group.name(), "rereading panicked; this is a bug");
        }
    }
}

fn reread(bus: &Bus, group: Group, mut parts: Vec<Part>, stop: &AtomicBool) -> anyhow::Result<Vec<Part>> {
    let began = Instant::now();
    let span = |part: &Part| {
        let partition = part.partition();
        let spans = part.replay().map(move |(stream, from, to)| Span { stream, partition, from, to });
        spans.collect::<Vec<_>>()
    };
    let mut consumer = SpanConsumer::open(bus, parts.iter().flat_map(span).collect())?;
    let mut records: u64 = 0;
    let mut last = Instant::now();
    while !consumer.is_done() && !stop.load(Ordering::Relaxed) && last.elapsed() < IDLE_MAX {
        let fold = |stream, received: Received<'_>| {
            let topic = group.streams().iter().position(|one| *one == stream);
            let part = parts.iter_mut().find(|part| part.partition() == received.partition);
            if let (Some(topic), Some(part)) = (topic, part) {
                part.fold(topic, LogRecord::from(received));
            }
        };
        if consumer.poll(POLL_WAIT, fold)?.is_some() {
            records += 1;
            last = Instant::now();
        }
    }
    let (group, seconds) = (group.name(), began.elapsed().as_secs_f64());
    tracing::info!(group, records, seconds, "read again");
    Ok(parts)
}
