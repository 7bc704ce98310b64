//! Drops what is older than it must be kept: whole indices, and minutes only when their sums are kept elsewhere.
//!
//! What is to go is stated first and dropped by a later pass, so that no reader counts on it any more.

use std::ops::Range;

use chrono::TimeDelta;

use crate::model::time::Timestamp;
use crate::rollup::kind::{KINDS, Kind};
use crate::rollup::level::Level;
use crate::rollup::settings::{Retention, oldest};
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

/// Drops what was stated to go, and states what goes next. Gives the names of the indices that were dropped.
///
/// # Errors
/// When Elasticsearch does not answer.
pub async fn retain(store: &Store, retention: &Retention, now: Timestamp) -> anyhow::Result<Vec<String>> {
    let shelves = Shelves { store, state: State::read(store).await?, indices: store.indices().await? };
    let mut dropped = Vec::new();
    for kind in &KINDS {
        let of_minutes = Summed { kind, longer: kind.levels };
        let before = oldest(Some(retention.keep_minutes_days), now);
        dropped.extend(shelves.retain(&kind.minutes, before, Some(of_minutes)).await?);
        for (number, (level, schema)) in kind.levels.iter().enumerate() {
            let days = match level {
                Level::Quarter => Some(retention.keep_quarters_days),
                Level::Hour => retention.keep_hours_days,
                Level::Day => retention.keep_days_days,
            };
            let longer = kind.levels.get(number + 1..).filter(|longer| !longer.is_empty());
            let summed = longer.map(|longer| Summed { kind, longer });
            dropped.extend(shelves.retain(schema, oldest(days, now), summed).await?);
        }
    }
    let others = [
        (Schema::EVENTS, retention.keep_events_days),
        (Schema::LATE_EVENTS, retention.keep_late_events_days),
        (Schema::FRAUD_FACTS, retention.keep_fraud_days),
        (Schema::FRAUD_SIGNALS, retention.keep_fraud_days),
    ];
    for (schema, days) in &others {
        dropped.extend(shelves.retain(schema, oldest(*days, now), None).await?);
    }
    Ok(dropped)
}

/// What there is, and what is stated of it.
struct Shelves<'a> {
    store: &'a Store,
    state: State,
    indices: Vec<String>,
}

impl Shelves<'_> {
    /// Drops and states what lies before `oldest` of one kind of index.
    async fn retain(
        &self,
        schema: &Schema,
        oldest: Option<Timestamp>,
        summed: Option<Summed<'_>>,
    ) -> anyhow::Result<Vec<String>> {
        let Some(oldest) = oldest else { return Ok(Vec::new()) };
        let dated = self.indices.iter().filter_map(|index| Some((index, schema.period(index)?)));
        let mut aged: Vec<(&String, Range<Timestamp>)> =
            dated.filter(|(_, period)| period.end <= oldest).collect();
        aged.sort_unstable_by_key(|(_, period)| period.start);
        let stated = self.state.held_from(schema);
        let mut held_from = stated.map(|(from, _)| from).unwrap_or_default();
        let mut dropped = Vec::new();
        for (index, period) in aged {
            if period.end > held_from {
                if !self.is_kept_elsewhere(schema, summed.as_ref(), &period).await? {
                    break;
                }
                held_from = period.end;
            } else if stated.is_some_and(|(_, stated_at)| stated_at + NOTICE < Timestamp::now()) {
                self.store.remove_index(index).await?;
                tracing::info!(index, "dropped an index for its age");
                dropped.push(index.clone());
            }
        }
        if stated.is_none_or(|(from, _)| from < held_from) && held_from > Timestamp::default() {
            state_held(self.store, schema, held_from).await?;
        }
        Ok(dropped)
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
