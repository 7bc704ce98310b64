//! Records that are under way, by the time at which they arrive.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::generator::sink::Record;
use crate::model::time::Timestamp;

/// Records that are under way. Of two that arrive at the same time the one that set out first comes first.
#[derive(Default)]
pub struct Held {
    arrivals: BinaryHeap<Reverse<Arrival>>,
    departed: u64,
}

struct Arrival {
    at: Timestamp,
    number: u64,
    record: Record,
}

impl Arrival {
    fn rank(&self) -> (Timestamp, u64) {
        (self.at, self.number)
    }
}

impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Arrival {}

impl Held {
    /// Lets a record set out.
    pub fn add(&mut self, at: Timestamp, record: Record) {
        self.departed += 1;
        self.arrivals.push(Reverse(Arrival { at, number: self.departed, record }));
    }

    /// The next one that arrives until then, with its time.
    pub fn take(&mut self, until: Timestamp) -> Option<(Timestamp, Record)> {
        self.arrivals.peek().filter(|Reverse(next)| next.at <= until)?;
        self.arrivals.pop().map(|Reverse(arrival)| (arrival.at, arrival.record))
    }
}
