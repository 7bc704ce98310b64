//! Drops what is older than it must be kept: whole indices, and minutes only when their sums are kept elsewhere.
//!
//! What is to go is stated first and dropped by a later pass, so that no reader counts on it any more. Old is only what
//! is old by the clock and by event time, for a clock may jump.

use std::ops::Range;

use chrono::TimeDelta;

use crate::model::time::Timestamp;
use crate::rollup::kind::{KINDS, Kind};
use crate::rollup::level::Level;
use crate::rollup::settings::{Age, Present, Retention};
use crate::rollup::state::{State, state_held};
use crate::rollup::totals;
use crate::store::schema::Schema;
use crate::store::{Store, StoreError};

/// How long after the statement an index is dropped: longer than a reader takes from reading it to the answer.
const NOTICE: TimeDelta = TimeDelta::seconds(10);

/// Results whose sums must be kept in longer spans before they go.
struct Summed<'a> {
    kind: &'a Kind,
    /// Those levels.
    longer: &'a [(Level, Schema)],
}

/// What became of what is old.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Indices that were dropped.
    pub dropped: Vec<String>,
    /// Indices that are old by the clock alone, and kept.
    pub kept: Vec<String>,
}

/// Drops what was stated to go, and states what goes next.
///
/// # Errors
/// When Elasticsearch does not answer.
pub async fn retain(store: &Store, retention: &Retention, present: Present) -> anyhow::Result<Retained> {
    let (state, indices) = (State::read(store).await?, store.indices().await?);
    let mut shelves = Shelves { store, state, indices, present, retained: Retained::default() };
    for kind in &KINDS {
        let of_minutes = Summed { kind, longer: kind.levels };
        shelves.retain(&kind.minutes, Some(retention.keep_minutes_days), Some(of_minutes)).await?;
        for (number, (level, schema)) in kind.levels.iter().enumerate() {
            let days = match level {
                Level::Quarter => Some(retention.keep_quarters_days),
                Level::Hour => retention.keep_hours_days,
                Level::Day => retention.keep_days_days,
            };
            let longer = kind.levels.get(number + 1..).filter(|longer| !longer.is_empty());
            let summed = longer.map(|longer| Summed { kind, longer });
            shelves.retain(schema, days, summed).await?;
        }
    }
    let others = [
        (Schema::EVENTS, retention.keep_events_days),
        (Schema::LATE_EVENTS, retention.keep_late_events_days),
        (Schema::FRAUD_FACTS, retention.keep_fraud_days),
        (Schema::FRAUD_SIGNALS, retention.keep_fraud_days),
    ];
    for (schema, days) in &others {
        shelves.retain(schema, *days, None).await?;
    }
    Ok(shelves.retained)
}

/// What there is, what is stated of it, and what became of it.
struct Shelves<'a> {
    store: &'a Store,
    state: State,
    indices: Vec<String>,
    present: Present,
    retained: Retained,
}

impl Shelves<'_> {
    /// Drops and states what is older than so many days of one kind of index.
    async fn retain(
        &mut self,
        schema: &Schema,
        days: Option<u16>,
        summed: Option<Summed<'_>>,
    ) -> anyhow::Result<()> {
        let dated = self.indices.iter().filter_map(|index| Some((index.clone(), schema.period(index)?)));
        let mut aged = Vec::new();
        for (index, period) in dated {
            match self.present.age(&period, days) {
                Age::Kept => {}
                Age::OldByTheClockAlone => self.retained.kept.push(index),
                Age::Old => aged.push((index, period)),
            }
        }
        aged.sort_unstable_by_key(|(_, period)| period.start);
        let stated = self.state.held_from(schema);
        let mut held_from = stated.map(|(from, _)| from).unwrap_or_default();
        for (index, period) in aged {
            if period.end > held_from {
                if !self.is_kept_elsewhere(schema, summed.as_ref(), &period).await? {
                    break;
                }
                held_from = period.end;
            } else if stated.is_some_and(|(_, stated_at)| stated_at + NOTICE < self.present.clock) {
                self.store.remove_index(&index).await?;
                tracing::info!(index, "dropped an index for its age");
                self.retained.dropped.push(index);
            }
        }
        if stated.is_none_or(|(from, _)| from < held_from) && held_from > Timestamp::default() {
            state_held(self.store, schema, held_from).await?;
        }
        Ok(())
    }

    /// Whether all that an index holds is in the sums of every longer span that is held of this time. One that is
    /// not held any more was dropped by its own setting, and is not waited for.
    async fn is_kept_elsewhere(
        &self,
        schema: &Schema,
        summed: Option<&Summed<'_>>,
        period: &Range<Timestamp>,
    ) -> Result<bool, StoreError> {
        let Some(Summed { kind, longer }) = summed else { return Ok(true) };
        for (_, level) in *longer {
            if self.state.held_from(level).is_some_and(|(from, _)| period.start < from) {
                continue;
            }
            if self.state.rolled_until(level).is_none_or(|until| until < period.end) {
                return Ok(false);
            }
            let mismatches = totals::mismatches(self.store, kind, level, schema, period.clone()).await?;
            if let Some(first) = mismatches.first() {
                let count = mismatches.len();
                tracing::warn!(%first, count, "kept although it is old: what was rolled up is not its sum; see admin rollup --check");
                return Ok(false);
            }
        }
        Ok(true)
    }
}
