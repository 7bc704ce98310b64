//! Adds minutes up, stretch by stretch.

use serde::Deserialize;

use crate::model::time::{DAY_MS, HOUR_MS, Timestamp};
use crate::rollup::kind::Kind;
use crate::rollup::level::Level;
use crate::rollup::span::{self, Spans, Stretch};
use crate::rollup::state::{State, state_rolled};
use crate::store::found::{Aggregated, Found};
use crate::store::schema::Schema;
use crate::store::{Missing, Store};

/// Bulk requests under way at once: the processor's own writes go first.
const CONNECTIONS: usize = 1;
/// Stretches after which it is stated how far a level is: so much is done again after a crash.
const STRETCHES_PER_STATEMENT: usize = 24;
/// Most documents that are added up in one stretch if it is longer than an hour: some tens of ms for each page.
const STRETCH_DOCUMENTS_MAX: u64 = 500_000;

/// Rolls one level of one kind up to the last whole span before `sealed`, where results can change no more. Gives
/// how many documents were written or replaced.
///
/// # Errors
/// When Elasticsearch does not answer, or refuses a document.
pub async fn advance(
    store: &Store,
    kind: &Kind,
    (level, schema): (Level, &Schema),
    sealed: Timestamp,
) -> anyhow::Result<u64> {
    let (source, end) = (kind.source(level), level.floor(sealed));
    let stated = State::read(store).await?.rolled_until(schema);
    let mut reached = stated.unwrap_or(Timestamp::MIN);
    let mut written = 0;
    if reached < end {
        // What was acknowledged before the frontier was written must be found.
        store.refresh(source.name).await?;
    }
    while reached < end {
        for _ in 0..STRETCHES_PER_STATEMENT {
            let first = first_since(store, source, reached.max(Timestamp::default())).await?;
            let Some(first) = first.filter(|first| *first < end) else {
                reached = end;
                break;
            };
            let from = level.floor(first);
            let until = end_of_stretch(store, source, level, from).await?.min(end);
            written += roll(store, kind, schema, Stretch { level, from, until }).await?;
            reached = until;
        }
        // Readers count on it from the statement on.
        store.refresh(schema.name).await?;
        state_rolled(store, schema, reached).await?;
    }
    Ok(written)
}

/// A day at once, or an hour where a day has too many documents: each page of the answer reads all of a stretch.
async fn end_of_stretch(
    store: &Store,
    source: &Schema,
    level: Level,
    from: Timestamp,
) -> anyhow::Result<Timestamp> {
    let end = |length| Timestamp::from_millis(from.floor_to(length).millis() + length);
    let body = span::count(from, end(DAY_MS), STRETCH_DOCUMENTS_MAX + 1);
    let found: Found = store.search("count what to roll up", source.name, Missing::IsEmpty, &body).await?;
    let is_small = found.total() <= STRETCH_DOCUMENTS_MAX;
    Ok(if is_small || level == Level::Day { end(DAY_MS) } else { end(HOUR_MS) })
}

#[derive(Deserialize)]
struct Minute {
    minute: Timestamp,
}

async fn first_since(store: &Store, source: &Schema, at: Timestamp) -> anyhow::Result<Option<Timestamp>> {
    let what = "find the next minute to roll up";
    let found: Found<Minute> =
        store.search(what, source.name, Missing::IsEmpty, &span::first_since(at)).await?;
    Ok(found.hits.sources().next().map(|first| first.minute))
}

/// Adds up a stretch and writes its documents, but states nothing: to do it again changes nothing, or replaces what
/// was less. Gives how many documents were written or replaced.
///
/// # Errors
/// As [`advance`].
pub async fn roll(store: &Store, kind: &Kind, schema: &Schema, stretch: Stretch) -> anyhow::Result<u64> {
    let (level, source) = (stretch.level, kind.source(stretch.level));
    let mut after = None;
    let mut done = 0;
    loop {
        let body = span::page(kind, stretch, after.as_ref());
        let what = "add results up";
        let found: Aggregated<Option<Spans>> =
            store.search(what, source.name, Missing::IsEmpty, &body).await?;
        let Some(page) = found.aggregations.map(|found| found.spans) else { return Ok(done) };
        let name = |index: &str| store.name(index);
        let operations =
            page.buckets.into_iter().filter_map(|bucket| bucket.operation(kind, level, schema, name));
        done += store.write_making_indices(operations.collect(), CONNECTIONS).await?;
        after = page.after_key;
        if after.is_none() {
            return Ok(done);
        }
    }
}
