//! What the open windows of a part take in memory, and closing the oldest ones before their time.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::stream::fold::{Floor, Folding, LateReason};
use crate::stream::footprint::Footprint;
use crate::stream::part::Part;

impl Part {
    /// Sets what the open windows may take in memory: the next flush writes and closes the oldest of those
    /// that are too many.
    pub fn keep_within(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// Closes the oldest windows, whose results were just rendered or are written, until the others fit. Gives how many.
    /// Their further events are late, and the committed floor keeps every successor from opening them again.
    pub(super) fn close_early(&mut self) -> usize {
        let open = |folds: &[Box<dyn Folding>]| folds.iter().map(|fold| fold.open_windows()).sum::<usize>();
        let before = open(&self.folds);
        while self.bytes() > self.bytes_max {
            let Some(oldest) = self.folds.iter().filter_map(|fold| fold.oldest_window()).min() else { break };
            let floor = Floor { before: oldest + TimeDelta::milliseconds(1), reason: LateReason::Cap };
            self.clocks.iter_mut().for_each(|clock| clock.floor = clock.floor.max(Some(floor)));
            self.folds.iter_mut().for_each(|fold| fold.forget(&self.clocks));
        }
        before - open(&self.folds)
    }

    /// What the open windows take in memory.
    pub fn bytes(&mut self) -> usize {
        self.folds.iter_mut().map(|fold| fold.footprint().bytes).sum()
    }

    /// What the open windows of each operator take in memory.
    pub fn footprints(&mut self) -> BTreeMap<&'static str, Footprint> {
        let mut footprints: BTreeMap<&'static str, Footprint> = BTreeMap::new();
        for fold in &mut self.folds {
            let sum = footprints.entry(fold.name()).or_default();
            *sum = *sum + fold.footprint();
        }
        footprints
    }
}
