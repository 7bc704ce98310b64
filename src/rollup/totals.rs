//! Whether what was rolled up is the sum of what it was made from.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;

use crate::model::time::Timestamp;
use crate::rollup::kind::{KINDS, Kind};
use crate::rollup::span;
use crate::rollup::state::State;
use crate::store::found::{Aggregated, Buckets, Metric};
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

/// The sum of each field of a kind, by day; the last is that of the supports.
type Totals = BTreeMap<i64, BTreeMap<String, u64>>;

#[derive(Deserialize)]
struct Days {
    days: Buckets<Day>,
}

#[derive(Deserialize)]
struct Day {
    key: i64,
    #[serde(rename = "doc_count")]
    _documents: u64,
    #[serde(rename = "key_as_string")]
    _day: String,
    #[serde(flatten)]
    sums: BTreeMap<String, Metric<f64>>,
}

/// A day of which two levels do not say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Whose sums they are.
    pub level: &'static str,
    /// What they were made from.
    pub source: &'static str,
    /// The day's start.
    pub day: Timestamp,
    /// The field's name.
    pub field: String,
    /// Its sum in the level.
    pub found: u64,
    /// Its sum in what the level was made from.
    pub expected: u64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, source, day, field, found, expected } = self;
        write!(f, "{level} {}: {field} is {found}, but {expected} in {source}", day.day())
    }
}

/// Where a level differs from another kind of index in this time, of which both must hold everything.
///
/// # Errors
/// As [`Store::search`].
pub async fn mismatches(
    store: &Store,
    kind: &Kind,
    level: &Schema,
    source: &Schema,
    time: Range<Timestamp>,
) -> Result<Vec<Mismatch>, StoreError> {
    let found = totals(store, kind, level, &time).await?;
    let expected = totals(store, kind, source, &time).await?;
    let days = found.keys().chain(expected.keys().filter(|day| !found.contains_key(day)));
    let sum = |totals: &Totals, day: i64, field: &String| {
        totals.get(&day).and_then(|sums| sums.get(field)).copied().unwrap_or_default()
    };
    let fields: Vec<String> = kind.sums().chain(["support".to_owned()]).collect();
    let pairs = days.flat_map(|day| fields.iter().map(|field| (*day, field)));
    let compared = pairs.map(|(day, field)| Mismatch {
        level: level.name,
        source: source.name,
        day: Timestamp::from_millis(day),
        field: field.clone(),
        found: sum(&found, day, field),
        expected: sum(&expected, day, field),
    });
    Ok(compared.filter(|one| one.found != one.expected).collect())
}

async fn totals(
    store: &Store,
    kind: &Kind,
    schema: &Schema,
    time: &Range<Timestamp>,
) -> Result<Totals, StoreError> {
    store.refresh(schema.name).await?;
    let body = span::sums_by_day(kind, time);
    let what = "add up what was rolled up";
    let found: Aggregated<Option<Days>> = store.search(what, schema.name, Missing::IsEmpty, &body).await?;
    let fields: Vec<String> = kind.sums().collect();
    let name = |number: String| match number.parse::<usize>().ok().and_then(|number| fields.get(number)) {
        Some(field) => field.clone(),
        None => number,
    };
    let of_day = |sums: BTreeMap<String, Metric<f64>>| {
        sums.into_iter().map(|(number, sum)| (name(number), sum.count())).collect()
    };
    let days = found.aggregations.map(|found| found.days.buckets).unwrap_or_default();
    Ok(days.into_iter().map(|day| (day.key, of_day(day.sums))).collect())
}

/// Compares every level with what it was made from, as far as both are held.
///
/// # Errors
/// As [`Store::search`].
pub async fn check(store: &Store) -> Result<Vec<Mismatch>, StoreError> {
    let state = State::read(store).await?;
    let mut all = Vec::new();
    for kind in &KINDS {
        for (level, schema) in kind.levels {
            let source = kind.source(*level);
            let from = |schema: &Schema| state.held_from(schema).map(|(from, _)| from).unwrap_or_default();
            let from = from(schema).max(from(source));
            let until = state.rolled_until(schema).unwrap_or_default();
            if from < until {
                all.extend(mismatches(store, kind, schema, source, from..until).await?);
            }
        }
    }
    Ok(all)
}
