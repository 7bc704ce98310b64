//! What a worker lets be seen of itself: metrics, its part of the health, and a line in the log now and then.

use std::time::{Duration, Instant};

use crate::model::time::Timestamp;
use crate::stream::condition::{Condition, Conditions};
use crate::stream::ends::LogEnds;
use crate::stream::groups::{Group, Reader};
use crate::stream::holding::Holding;
use crate::stream::metrics::Meter;
use crate::stream::part::Part;

/// Time between two lines in the log.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// Watches one worker.
pub struct Watch {
    reader: Reader,
    worker: String,
    /// The counters.
    pub meter: Meter,
    conditions: Conditions,
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

    /// Looks how far the parts are.
    pub fn look(&mut self, holding: &Holding, ends: &LogEnds, condition: Condition) {
        let now = Timestamp::now();
        holding.parts().for_each(|part| self.meter.observe(part, &ends.lags(part), now));
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
