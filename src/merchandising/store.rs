//! Keeps the state as one document, and a record of each change in an index of its own.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use crate::merchandising::state::{Change, Edit, EditError, State};
use crate::model::time::Timestamp;
use crate::store::found::Found;
use crate::store::schema::Schema;
use crate::store::{Method, Missing, Store, StoreError};

/// Attempts at a change while others change the same.
const ATTEMPTS_MAX: usize = 20;
/// Waits between them, at first and at most: each different, or those who collided would collide again.
const WAITS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Why a change is not made.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// It cannot be made to this state.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// There is no record of it.
    #[error("there is no change {0}")]
    UnknownChange(u64),
    /// Others have changed the same each time that it was tried.
    #[error("others change synonyms and rules all the time: nothing was changed; try again in a moment")]
    Crowded,
    /// The exchange with Elasticsearch failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The state, and what a write must say to be the next after it.
#[derive(Debug, Default)]
pub struct Kept {
    /// The state.
    pub state: State,
    place: Option<(u64, u64)>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "_source")]
    source: Source,
    #[serde(rename = "_seq_no")]
    number: u64,
    #[serde(rename = "_primary_term")]
    term: u64,
}

#[derive(Serialize, Deserialize)]
struct Source {
    revision: u64,
    state: State,
}

/// The state of now: a read by id sees every write that was acknowledged.
///
/// # Errors
/// As [`Store::send`]; a shop without any has the empty state.
pub async fn read(store: &Store) -> Result<Kept, StoreError> {
    let path = format!("/{}/_doc/all", store.name(Schema::MERCHANDISING.name));
    match store.send::<Document>("read synonyms and rules", Method::Get, &path, None).await {
        Ok(document) => {
            Ok(Kept { state: document.source.state, place: Some((document.number, document.term)) })
        }
        Err(StoreError::MissingIndex { .. } | StoreError::Refused { status: 404, .. }) => Ok(Kept::default()),
        Err(error) => Err(error),
    }
}

/// Makes a change, one after the other with all who make one at the same time. `known` is the revision that
/// the caller has decided by, where it says so. Gives the state after it.
///
/// # Errors
/// [`ChangeError`]
pub async fn change(
    store: &Store,
    known: Option<u64>,
    by: &str,
    edit: impl Fn(&State) -> Result<Edit, EditError>,
) -> Result<State, ChangeError> {
    let mut waits = waits();
    loop {
        let before = read(store).await?;
        let after = before.state.after(&edit(&before.state)?, known, by, Timestamp::now())?;
        if after == before.state {
            return Ok(after);
        }
        // The record of the change before may be missing, if whoever made it was cut off; it stands only here.
        record(store, before.state.last.as_ref()).await?;
        match keep(store, &after, before.place).await {
            Err(StoreError::Refused { status: 409, .. }) => {
                tokio::time::sleep(waits.next().ok_or(ChangeError::Crowded)?).await;
            }
            kept => {
                kept?;
                if let Err(error) = record(store, after.last.as_ref()).await {
                    tracing::warn!(%error, revision = after.revision, "a change is recorded with the next one");
                }
                return Ok(after);
            }
        }
    }
}

fn waits() -> impl Iterator<Item = Duration> {
    let (first, longest) = WAITS;
    let waits = ExponentialBuilder::default().with_min_delay(first).with_max_delay(longest).with_jitter();
    waits.with_max_times(ATTEMPTS_MAX - 1).build()
}

/// The change that made a revision.
///
/// # Errors
/// [`ChangeError::UnknownChange`], [`ChangeError::Store`]
pub async fn changed(store: &Store, revision: u64) -> Result<Change, ChangeError> {
    let query = json!({ "term": { "revision": revision } });
    changes(store, &query, 1).await?.into_iter().next().ok_or(ChangeError::UnknownChange(revision))
}

/// The last changes, the latest first.
///
/// # Errors
/// As [`Store::search`].
pub async fn last_changes(store: &Store, size: u32) -> Result<Vec<Change>, StoreError> {
    changes(store, &json!({ "match_all": {} }), size).await
}

async fn changes(store: &Store, query: &Value, size: u32) -> Result<Vec<Change>, StoreError> {
    record(store, read(store).await?.state.last.as_ref()).await?;
    let body = json!({ "query": query, "size": size, "sort": [{ "revision": "desc" }] });
    let index = Schema::MERCHANDISING_CHANGES.name;
    let found: Found<Change> = store.search("read changes", index, Missing::IsEmpty, &body).await?;
    Ok(found.hits.sources().collect())
}

/// Writes the state if nobody has changed it since it was read.
async fn keep(store: &Store, state: &State, place: Option<(u64, u64)>) -> Result<(), StoreError> {
    store.ensure(&Schema::MERCHANDISING).await?;
    let condition = match place {
        Some((number, term)) => format!("if_seq_no={number}&if_primary_term={term}"),
        None => "op_type=create".to_owned(),
    };
    let path = format!("/{}/_doc/all?{condition}", store.name(Schema::MERCHANDISING.name));
    let body = json!(Source { revision: state.revision, state: state.clone() });
    store.send::<Value>("change synonyms and rules", Method::Put, &path, Some(&body)).await.map(drop)
}

/// Records a change; the same change is recorded once.
async fn record(store: &Store, change: Option<&Change>) -> Result<(), StoreError> {
    let Some(change) = change else { return Ok(()) };
    store.ensure(&Schema::MERCHANDISING_CHANGES).await?;
    let index = store.name(Schema::MERCHANDISING_CHANGES.name);
    let path = format!("/{index}/_create/{}?refresh=true", change.revision);
    match store.send::<Value>("record a change", Method::Put, &path, Some(&json!(change))).await {
        Err(StoreError::Refused { status: 409, .. }) => Ok(()),
        answer => answer.map(drop),
    }
}
