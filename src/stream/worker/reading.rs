//! Reading, and when it waits for what is on its way.

use std::time::{Duration, Instant};

use crate::bus::Received;
use crate::stream::flight::Flight;
use crate::stream::part::{LogRecord, Part};
use crate::stream::partition::Partition;
use crate::stream::worker::{WAITING_MAX, Worker};

/// Longest wait for a record: how soon a due flush or a stop is seen when nothing comes.
const POLL_WAIT: Duration = Duration::from_millis(20);
/// Records between two looks at the clock.
const RECORDS_AT_ONCE: usize = 1_000;
/// How long what is on its way may take before reading stands still, and how long a flush that is due may be put off
/// behind a backlog.
const READ_ON_MAX: Duration = Duration::from_secs(5);
/// How many records may be read since the flush began before reading stands still, or the next one begins: the slower
/// Elasticsearch is, the more events a flush is of, and the fewer documents are written for each. By partition, for its
/// documents lie in memory together, about one for each record, of some 450 bytes.
const READ_ON_PER_PARTITION: usize = 150_000;
/// As above, for a member of few partitions.
const READ_ON_LEAST: usize = 250_000;
/// What is left to read is a backlog from this part on of what was read since the last flush: in live traffic, flushed each
/// second, what comes within an eighth of one.
const BACKLOG_PART: usize = 8;
/// How long reading may stand still for a flush before the partitions are paused and only polled for
/// the group's sake. Far below `max.poll.interval.ms`; pausing throws away what was fetched ahead.
const STAND_STILL_MAX: Duration = Duration::from_secs(5);

/// What there is to read for a flush that is due.
#[derive(Debug, Clone, Copy)]
struct Backlog {
    /// Whether anything was written since partitions were taken over.
    has_written: bool,
    /// Records read since the last flush.
    read: usize,
    /// Records left to read.
    left: usize,
    /// Whether as much was read as may be.
    is_full: bool,
}

impl Backlog {
    /// While there is something left that is worth the name, the next flush is better of more events: fewer documents are
    /// written for each. But for the first one, for Elasticsearch would have nothing to do meanwhile.
    fn is_worth_waiting_for(self) -> bool {
        self.has_written && !self.is_full && self.left > self.read / BACKLOG_PART
    }
}

impl Worker {
    /// Reads and folds for a moment.
    pub(super) fn read(&mut self) -> anyhow::Result<()> {
        if self.has_read_enough() {
            return self.wait_for_flush();
        }
        self.still_since = None;
        if std::mem::take(&mut self.paused) {
            let all = self.all_topics();
            let wanted: Vec<_> = all.into_iter().filter(|topic| !self.held_back.contains(topic)).collect();
            self.consumer.resume(&wanted)?;
        }
        for _ in 0..RECORDS_AT_ONCE {
            // Nothing came, or the group changed: which must be seen before the next record.
            if !self.read_one()? {
                break;
            }
            self.read_since_flush += 1;
        }
        Ok(())
    }

    fn read_one(&mut self) -> anyhow::Result<bool> {
        let (partitions, refused, streams) =
            (&mut self.holding.partitions, &self.refused, self.reader.streams());
        let fold = |record: Received<'_>| {
            // A record of a partition that was just lost is of no use to us.
            let Some(partition) = partitions.get_mut(&record.partition) else { return };
            let stream = streams.get(record.topic).filter(|_| !refused.contains(&record.partition));
            if let Some(stream) = stream {
                partition.fold(*stream, &LogRecord::from(record));
            }
        };
        Ok(self.consumer.poll(POLL_WAIT, fold)?.is_some())
    }

    /// Whether reading waits for what is on its way.
    fn has_read_enough(&self) -> bool {
        let is_enough = |flight: &Flight| flight.age() >= self.read_on_max() || self.is_full();
        self.in_flight.as_ref().is_some_and(is_enough)
    }

    /// Whether a flush that is due is put off.
    pub(super) fn puts_flush_off(&self) -> bool {
        let backlog = Backlog {
            has_written: self.has_written,
            read: self.read_since_flush,
            left: self.left_to_read(),
            is_full: self.is_full(),
        };
        self.flushed_at.elapsed() < self.read_on_max() && backlog.is_worth_waiting_for()
    }

    /// Whether as much was read for the next flush as may be.
    fn is_full(&self) -> bool {
        let records_max = READ_ON_LEAST.max(READ_ON_PER_PARTITION * self.holding.partitions.len());
        self.read_since_flush >= records_max || self.is_over_cap || self.waiting() >= WAITING_MAX
    }

    fn read_on_max(&self) -> Duration {
        READ_ON_MAX.max(self.pace.flush_every)
    }

    /// Records that are not read yet, as far as is known, and may be: not those of a refused partition or a topic that is
    /// held back, nor what a part reads again, of which nothing is written before it has caught up.
    fn left_to_read(&self) -> usize {
        let streams = || self.reader.streams().iter().enumerate();
        let number = |topic: &str| streams().find(|(_, one)| one.topic() == topic).map(|(number, _)| number);
        let of = |part: &Part| -> i64 {
            let is_held =
                |topic| number(topic).is_some_and(|n| self.held_back.contains(&(n, part.partition())));
            let lags = self.ends.lags(part).into_iter().filter(|(topic, _)| !is_held(topic));
            lags.filter_map(|(_, lag)| lag).sum()
        };
        let read = self.holding.partitions.iter().filter(|(number, _)| !self.refused.contains(number));
        let caught_up = |partition: &Partition| {
            partition.parts().iter().filter(|part| part.has_caught_up()).map(of).max()
        };
        let left: i64 = read.filter_map(|(_, partition)| caught_up(partition)).sum();
        usize::try_from(left).unwrap_or_default()
    }

    fn wait_for_flush(&mut self) -> anyhow::Result<()> {
        let still_since = *self.still_since.get_or_insert_with(Instant::now);
        if self.paused {
            self.read_one()?;
        } else if still_since.elapsed() > STAND_STILL_MAX {
            self.consumer.pause(&self.all_topics())?;
            self.paused = true;
        } else {
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn all_topics(&self) -> Vec<(usize, i32)> {
        let topics = 0..self.reader.streams().len();
        self.holding
            .partitions
            .keys()
            .flat_map(|partition| topics.clone().map(|topic| (topic, *partition)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_is_put_off_only_behind_a_backlog() {
        let behind = Backlog { has_written: true, read: 200_000, left: 25_001, is_full: false };
        assert!(behind.is_worth_waiting_for());
        for at_once in [
            Backlog { has_written: false, ..behind },
            Backlog { left: 25_000, ..behind },
            Backlog { left: 0, ..behind },
            Backlog { is_full: true, ..behind },
        ] {
            assert!(!at_once.is_worth_waiting_for(), "{at_once:?}");
        }
    }
}
