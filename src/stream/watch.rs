//! What a worker lets be seen of itself: metrics, its part of the health, and a line in the log now and then.

use std::time::{Duration, Instant};

use crate::model::time::Timestamp;
use crate::stream::condition::{Condition, Conditions};
use crate::stream::ends::LogEnds;
use crate::stream::groups::{Group, Reader};
use crate::stream::holding::Holding;
use crate::stream::metrics::Meter;
use crate::stream::part::Part;
use crate::stream::take_over::Truncated;

/// Time between two lines in the log.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// How long after windows were last closed early memory counts as short, so that it is told once.
const CAP_LASTS: Duration = Duration::from_secs(60);

/// Watches one worker.
pub struct Watch {
    reader: Reader,
    worker: String,
    /// The counters.
    pub meter: Meter,
    conditions: Conditions,
    /// When windows were last closed before their time; `None` when that is over.
    capped_at: Option<Instant>,
    reported_at: Instant,
}

impl Watch {
    /// Watches the worker of this number, which is starting.
    pub fn new(reader: Reader, number: u16, conditions: &Conditions) -> Self {
        let mut watch = Self {
            reader,
            worker: format!("{}-{number}", reader.name()),
            meter: Meter::new(reader, number),
            conditions: conditions.clone(),
            capped_at: None,
            reported_at: Instant::now(),
        };
        watch.note(Condition::default());
        watch
    }

    /// Notes how the worker is doing.
    pub fn note(&mut self, condition: Condition) {
        self.meter.in_state(condition.state());
        self.conditions.set(&self.worker, condition);
    }

    /// Partitions were taken over; `behind` are parts that reread apart.
    pub fn took_over<'a>(&mut self, holding: &'a Holding, behind: impl Iterator<Item = &'a Part>) {
        let is_kept = |partition: i32| holding.kept.contains(&partition);
        for part in holding.parts().chain(behind) {
            self.meter.take_over(part, is_kept(part.partition()));
        }
        let all = holding.truncated.iter().copied();
        let truncated: Vec<Truncated> = all.filter(|log| !is_kept(log.partition)).collect();
        truncated.iter().for_each(|log| self.meter.truncated(log));
        if !truncated.is_empty() {
            tracing::error!(
                reader = self.reader.name(),
                logs = names(&truncated).join(", "),
                deleted_unread = truncated.iter().map(|log| log.unread).sum::<i64>(),
                "records were deleted before their windows were closed: these windows stay as they are, their further \
                 events go to late-events (reason truncated); keep records longer (retention.ms), or start more processors"
            );
        }
    }

    /// A flush closed so many windows before their time.
    pub fn closed_early(&mut self, windows: usize) {
        if windows == 0 {
            return;
        }
        self.meter.closed_early(windows);
        if self.capped_at.replace(Instant::now()).is_none() {
            tracing::error!(
                reader = self.reader.name(),
                windows,
                "the open windows take more memory than they may: the oldest are closed early, their further events go to \
                 late-events (reason cap); give PROCESSOR_MEMORY_MB more, or start more processors"
            );
        }
    }

    fn is_at_memory_cap(&mut self) -> bool {
        if self.capped_at.take_if(|at| at.elapsed() > CAP_LASTS).is_some() {
            tracing::info!(reader = self.reader.name(), "the open windows fit into memory again");
        }
        self.capped_at.is_some()
    }

    /// Looks how far the parts are and what they take in memory.
    pub fn look(&mut self, holding: &mut Holding, ends: &LogEnds, mut condition: Condition) {
        let now = Timestamp::now();
        for part in holding.parts_mut() {
            self.meter.observe(part, &ends.lags(part), now);
            self.meter.weigh(part);
        }
        condition.at_memory_cap = self.is_at_memory_cap();
        condition.truncated = names(&holding.truncated);
        if self.reported_at.elapsed() >= REPORT_EVERY {
            self.reported_at = Instant::now();
            self.report(holding, ends, &condition);
        }
        self.note(condition);
    }

    /// Says in the log how far each group is.
    pub fn report(&self, holding: &Holding, ends: &LogEnds, condition: &Condition) {
        for group in self.reader.groups() {
            let parts: Vec<&Part> = holding.parts().filter(|part| part.group() == *group).collect();
            report(*group, &parts, ends, condition.rereading.contains(&group.name()));
        }
    }
}

/// `product-events 3` for each.
fn names(logs: &[Truncated]) -> Vec<String> {
    logs.iter().map(|log| format!("{} {}", log.stream.topic(), log.partition)).collect()
}

fn report(group: Group, parts: &[&Part], ends: &LogEnds, rereading: bool) {
    let frontiers: Vec<_> = parts.iter().map(|part| part.frontier()).collect();
    // Each operator accounts for every record by itself; one of them says it all but what is late.
    let operator =
        frontiers.iter().flat_map(|frontier| frontier.ledger.last()).map(|(name, _, _)| *name).next();
    let all = || frontiers.iter().flat_map(|frontier| &frontier.ledger);
    let of_one = || all().filter(|(name, _, _)| Some(*name) == operator).map(|(_, _, counts)| counts);
    tracing::info!(
        group = group.name(),
        partitions = frontiers.len(),
        rereading,
        read = of_one().map(|counts| counts.read).sum::<u64>(),
        lag = parts.iter().map(|part| ends.lag(part)).sum::<i64>(),
        duplicate = of_one().map(|counts| counts.duplicate).sum::<u64>(),
        dead = of_one().map(|counts| counts.dead).sum::<u64>(),
        late = all().map(|(_, _, counts)| counts.late).sum::<u64>(),
        open_windows = frontiers.iter().map(|frontier| frontier.open_windows).sum::<usize>(),
        replayed = frontiers.iter().map(|frontier| frontier.replayed).sum::<u64>(),
        "progress"
    );
}
