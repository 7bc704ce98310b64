//! Measures now and then how long an event takes until a search finds its result.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::model::time::Timestamp;
use crate::store::bulk::Mode;
use crate::store::{Method, Store};
use crate::stream::metrics::visible_after;

/// Time between two measurements.
const EVERY: Duration = Duration::from_secs(10);
/// Time between two looks whether a search finds the result.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// After so long a measurement is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A result that was written and is not yet found by searches.
#[derive(Debug)]
pub struct Beat {
    /// The full name of its index.
    pub index: String,
    /// Its id.
    pub id: String,
    /// Its version, or that of a fuller one.
    pub version: u64,
    /// When the first event was stored that the flush made visible.
    pub stored_at: Timestamp,
}

impl Beat {
    /// The beat of a written result; `None` for what is no result.
    pub fn of(index: String, id: String, mode: Mode, stored_at: Timestamp) -> Option<Self> {
        match mode {
            Mode::IfNewer(version) => Some(Self { index, id, version, stored_at }),
            Mode::Create | Mode::Replace | Mode::IfNotOlder(_) => None,
        }
    }
}

/// Measures a beat every ten seconds, until the last sender is gone.
pub async fn measure(store: Store, mut beats: mpsc::Receiver<Beat>) {
    loop {
        // One that has waited while nobody looked would be measured too long.
        while beats.try_recv().is_ok() {}
        let Some(beat) = beats.recv().await else { return };
        match tokio::time::timeout(PATIENCE, wait_until_found(&store, &beat)).await {
            Ok(()) => {
                let delay = (Timestamp::now() - beat.stored_at).to_std().unwrap_or_default();
                visible_after(delay);
            }
            Err(_) => tracing::debug!(index = beat.index, "a result was not found in time by a search"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn wait_until_found(store: &Store, beat: &Beat) {
    let path = format!("/{}/_search?filter_path=hits.hits._version", beat.index);
    let body = json!({ "version": true, "_source": false, "query": { "ids": { "values": [beat.id] } } });
    let mut looked_at = Instant::now();
    loop {
        let found: Result<Value, _> = store.send("look for a result", Method::Post, &path, Some(&body)).await;
        let version = found.ok().and_then(|found| found["hits"]["hits"][0]["_version"].as_u64());
        if version.is_some_and(|version| version >= beat.version) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY.saturating_sub(looked_at.elapsed())).await;
        looked_at = Instant::now();
    }
}
