//! Disorder on demand: what becomes of the records between the shopper and the topic. Everything that is
//! done to them is counted, so that a consumer can be checked against it.

mod broken;
mod held;

use std::collections::BTreeMap;
use std::ops::AddAssign;

use chrono::TimeDelta;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::config::SettingError;
use crate::generator::faults::held::Held;
use crate::generator::sink::Record;
use crate::model::event::Event;
use crate::model::time::Timestamp;
use crate::traffic::Chance;

pub use crate::generator::faults::broken::Broken;

/// A late record is late by at least so much beyond the disorder: more than trends wait, though sessions wait longer.
const LATE_MIN_S: i64 = 15 * 60;
/// And by at most so much in all.
const LATE_MAX_S: i64 = 4 * 3_600;
/// Without disorder, a duplicate follows within so many seconds.
const DUPLICATE_WITHIN_S: f64 = 1.0;
/// Tells the faults' chance from the shoppers': with other faults, the same people do the same things.
const SALT: u64 = 0xfa_17_5a_17;

/// What goes wrong on the way, each with its share of the events.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Share of events that are sent twice, 0.0 to 1.0.
    pub duplicates: f64,
    /// Every event is delayed by up to so many seconds, each delay as likely.
    pub disorder_s: f64,
    /// Share of events that are delayed by a quarter of an hour beyond that to four hours instead, 0.0 to 1.0.
    pub late: f64,
    /// Broken records as a share of the events, 0.0 to 1.0; they come on top of the events.
    pub corrupt: f64,
}

impl Faults {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError::Unusable`] that names the first value outside its range.
    pub fn check(&self) -> Result<(), SettingError> {
        let unusable = |why: String| Err(SettingError::Unusable { setting: "faults", why });
        let shares = [("duplicates", self.duplicates), ("late", self.late), ("corrupt", self.corrupt)];
        if let Some((name, share)) = shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            return unusable(format!("{name} is {share}, not 0 to 1"));
        }
        if !(0.0..=3_600.0).contains(&self.disorder_s) {
            return unusable(format!("disorder_s is {}, not 0 to 3,600", self.disorder_s));
        }
        Ok(())
    }
}

/// What was done to the records, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FaultCounts {
    /// Events that were sent a second time.
    pub duplicates: u64,
    /// Events that were delayed within the bound.
    pub disordered: u64,
    /// Events that were delayed far beyond it.
    pub late: u64,
    /// Broken records, by what is wrong with them.
    pub corrupt: BTreeMap<Broken, u64>,
}

impl FaultCounts {
    /// Broken records of all kinds.
    pub fn corrupt_total(&self) -> u64 {
        self.corrupt.values().sum()
    }

    /// Broken records by the code with which `dead-letters` shall name them.
    pub fn rejects(&self) -> BTreeMap<&'static str, u64> {
        let mut codes: BTreeMap<_, u64> = BTreeMap::new();
        for (kind, count) in &self.corrupt {
            codes.entry(kind.code()).or_default().add_assign(count);
        }
        codes
    }
}

/// Spoils records, and keeps those that are delayed.
pub struct Spoiler {
    faults: Faults,
    partitions: i32,
    kinds: Vec<Broken>,
    chance: Chance,
    held: Held,
    counts: FaultCounts,
}

impl Spoiler {
    /// A spoiler for a sink with so many partitions; none for one without, which a record cannot be misplaced in.
    pub fn new(faults: Faults, partitions: Option<i32>, seed: u64) -> Self {
        let fits = |kind: &Broken| partitions.is_some_and(|count| count > 1) || !kind.needs_partitions();
        Self {
            faults,
            partitions: partitions.unwrap_or(1),
            kinds: Broken::ALL.into_iter().filter(fits).collect(),
            chance: Chance::new(seed ^ SALT),
            held: Held::default(),
            counts: FaultCounts::default(),
        }
    }

    /// Whether records pass as they are.
    pub fn is_idle(&self) -> bool {
        self.faults == Faults::default()
    }

    /// Takes an event's record in; what becomes of it comes out of [`Spoiler::release`].
    pub fn take(&mut self, event: &Event, record: Record) {
        let at = event.timestamp;
        if self.happens(self.faults.corrupt) {
            self.break_one(event, &record);
        }
        if self.happens(self.faults.duplicates) {
            self.counts.duplicates += 1;
            let within_s = self.faults.disorder_s.max(DUPLICATE_WITHIN_S);
            let release = at + self.delay(within_s);
            self.held.add(release, record.clone());
        }
        let release = at + self.detour();
        self.held.add(release, record);
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.chance.random_bool(share)
    }

    fn delay(&mut self, within_s: f64) -> TimeDelta {
        TimeDelta::milliseconds((self.chance.random::<f64>() * within_s * 1_000.0) as i64)
    }

    /// How long an event is under way.
    fn detour(&mut self) -> TimeDelta {
        if self.happens(self.faults.late) {
            self.counts.late += 1;
            let least_s = LATE_MIN_S + self.faults.disorder_s.ceil() as i64;
            return self.chance.between_s(least_s, LATE_MAX_S);
        }
        let delay = self.delay(self.faults.disorder_s);
        self.counts.disordered += u64::from(delay > TimeDelta::zero());
        delay
    }

    /// Adds a broken copy, of the next kind in turn, so that each comes as often.
    fn break_one(&mut self, event: &Event, record: &Record) {
        let turn = self.counts.corrupt_total() as usize % self.kinds.len().max(1);
        let Some(kind) = self.kinds.get(turn).copied() else { return };
        if let Some(broken) = kind.broken(event, record, self.partitions, &mut self.chance) {
            *self.counts.corrupt.entry(kind).or_default() += 1;
            self.held.add(event.timestamp, broken);
        }
    }

    /// The next record whose time has come, with that time.
    pub fn release(&mut self, until: Timestamp) -> Option<(Timestamp, Record)> {
        self.held.take(until)
    }

    /// What was done so far.
    pub fn counts(&self) -> &FaultCounts {
        &self.counts
    }
}

#[cfg(test)]
mod tests;
