//! What the worker does when the group changes: it lets go of its partitions, takes over what it is given, and goes on
//! with what comes back as it was left.

use std::time::{Duration, Instant};

use crate::bus::{Assigned, Change};
use crate::stream::flight::Flight;
use crate::stream::holding::Holding;
use crate::stream::reread::Reread;
use crate::stream::worker::Worker;

/// Longest wait for a flush on its way when the group changes; the partitions are rebuilt if it takes longer.
const LAY_ASIDE_WAIT: Duration = Duration::from_secs(2);

impl Worker {
    /// Takes over and lets go of partitions.
    pub(super) fn take_changes(&mut self) -> anyhow::Result<()> {
        while let Some(change) = self.consumer.next_change() {
            if std::mem::take(&mut self.assigned) {
                self.lay_aside()?;
            }
            match change {
                Change::Revoked => {}
                Change::Failed(error) => {
                    tracing::warn!(reader = self.reader.name(), %error, "taking over partitions failed; joining again");
                    self.consumer.rejoin()?;
                }
                Change::Assigned(assigned) => self.take_over(&assigned)?,
            }
        }
        Ok(())
    }

    /// Lets go of the partitions. What is held of them is laid aside, as most come back, unless it cannot be told what
    /// of it is written. What is on its way is not ours to commit any more: the next flush does.
    fn lay_aside(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + LAY_ASIDE_WAIT;
        let has_landed = loop {
            if !self.has_landed_by(deadline) {
                break false;
            }
            if let Some(flight) = self.in_flight.take() {
                self.land(flight)?;
            }
            // What was put together counts as written with those that hold it.
            if self.next_load.is_none() {
                break true;
            }
            self.launch();
        };
        // Whatever of it is still written does no harm.
        self.in_flight.take().into_iter().for_each(Flight::abort);
        self.next_load = None;
        self.round.clear();
        (self.paused, self.still_since) = (false, None);
        self.laid_aside = std::mem::take(&mut self.holding).laid_aside(has_landed);
        self.ahead.clear();
        self.rereads.clear();
        self.watch.meter.let_go();
        self.held_back.clear();
        self.told_drained.clear();
        self.ends.clear();
        Ok(())
    }

    fn take_over(&mut self, assigned: &[Assigned]) -> anyhow::Result<()> {
        let before = std::mem::take(&mut self.laid_aside);
        let (mut holding, behind) = Holding::take_over(self.reader, self.door, assigned, before)?;
        holding.parts_mut().for_each(|part| part.archive(self.pace.archived));
        self.watch.took_over(&holding, behind.values().flatten());
        self.ahead = holding.ways_ahead(self.reader);
        self.holding = holding;
        for (group, parts) in behind {
            self.rereads.push(Reread::start(&self.bus, group, parts)?);
        }
        self.assigned = true;
        // The time until then was not one to read in.
        (self.flushed_at, self.read_since_flush, self.has_written) = (Instant::now(), 0, false);
        let (reader, partitions, kept) =
            (self.reader.name(), self.holding.partitions.len(), self.holding.kept.len());
        tracing::info!(reader, partitions, kept, rereading = self.rereads.len(), "partitions taken over");
        Ok(())
    }

    /// Goes on reading where what is held ends. Until that is possible, what was read before is read and ignored.
    pub(super) fn go_ahead(&mut self) {
        let consumer = &self.consumer;
        self.ahead.retain(|spot| match consumer.seek(std::slice::from_ref(spot)) {
            Ok(()) => false,
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::debug!(?spot, error, "going on where a partition was left is not possible now");
                true
            }
        });
    }

    /// Feeds the groups that have reread, from where they have come.
    pub(super) fn take_back(&mut self) -> anyhow::Result<()> {
        while let Some(at) = self.rereads.iter().position(Reread::is_finished) {
            self.holding.joining.extend(self.rereads.swap_remove(at).finish()?);
        }
        // While the partitions are paused for a flush, nothing can be read anyway.
        if self.holding.joining.is_empty() || self.paused {
            return Ok(());
        }
        if let Err(error) = self.consumer.seek(&self.holding.ways_back(self.reader)) {
            // What was gone back to already is read twice and ignored; the same again next time.
            tracing::debug!(
                error = format!("{:#}", anyhow::Error::from(error)),
                "going back to where the others have reread to is not possible now"
            );
            return Ok(());
        }
        self.holding.join();
        Ok(())
    }
}
