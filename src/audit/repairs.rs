//! Windows that were repaired after they had been closed, as `replay` records them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit::recount::windows::Pane;
use crate::audit::rules::Operator;
use crate::model::event::Stream;
use crate::model::time::Timestamp;
use crate::store::schema::Schema;
use crate::store::{Store, StoreError};

/// A document of `repaired-windows`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairedWindow {
    /// The operator whose window it is.
    pub operator: String,
    /// The window's start.
    pub window: Timestamp,
    /// The partition.
    pub partition: i32,
    /// How much of each topic went into it: the only one, where topics are folded apart.
    pub topics: Vec<Through>,
    /// Documents that were computed for it.
    pub documents: u64,
    /// When.
    pub repaired_at: Timestamp,
}

/// How much of a topic went into a repaired window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Through {
    /// The topic.
    pub topic: String,
    /// The offset after the last that was read: events before it are in the window, late or not.
    pub through: i64,
}

/// All repaired windows.
#[derive(Debug, Clone, Default)]
pub struct Repairs(BTreeMap<(Operator, Pane), BTreeMap<String, i64>>);

impl Repairs {
    /// Reads the record of repairs.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        store.refresh(Schema::REPAIRED_WINDOWS.name).await?;
        let mut repairs = Self::default();
        let mut unreadable = None;
        let take = |stored: crate::store::Stored| match serde_json::from_value(stored.source) {
            Ok(repaired) => repairs.add(&repaired),
            Err(source) => unreadable = Some(source),
        };
        store.each_document(Schema::REPAIRED_WINDOWS.name, &json!({ "match_all": {} }), take).await?;
        let what = "tell the repaired windows";
        unreadable.map_or(Ok(repairs), |source| Err(StoreError::Unexpected { what, source }))
    }

    /// Adds a repaired window.
    pub fn add(&mut self, repaired: &RepairedWindow) {
        let Some(operator) = Operator::named(&repaired.operator) else { return };
        let only = |topic: &Through| Stream::ALL.into_iter().find(|one| one.topic() == topic.topic);
        let stream = repaired.topics.first().and_then(only).filter(|_| operator.folds_topics_apart());
        let pane = Pane { window: repaired.window, partition: repaired.partition, stream };
        let topics = repaired.topics.iter().map(|topic| (topic.topic.clone(), topic.through));
        self.0.insert((operator, pane), topics.collect());
    }

    /// The offset up to which late events of a topic are in a window; 0 for one that was not repaired.
    pub fn through(&self, operator: Operator, pane: &Pane, stream: Stream) -> i64 {
        let topics = self.0.get(&(operator, *pane));
        topics.and_then(|topics| topics.get(stream.topic())).copied().unwrap_or_default()
    }

    /// How many windows were repaired.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}
