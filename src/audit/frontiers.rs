//! How far the processor says that it is: the documents of `processor-frontiers`.

use serde::Deserialize;
use serde_json::json;

use crate::audit::logs::Logs;
use crate::audit::recount::windows::{Counts, Scope};
use crate::model::event::Stream;
use crate::model::time::Timestamp;
use crate::store::schema::Schema;
use crate::store::{Store, StoreError, Stored};

/// What one group has done of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Frontier {
    /// The group.
    pub group: String,
    /// The partition.
    pub partition: i32,
    /// By topic.
    pub topics: Vec<TopicFrontier>,
    /// By operator and topic.
    #[serde(default)]
    pub ledger: Vec<LedgerLine>,
}

/// How far a group has read a topic.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TopicFrontier {
    /// The topic.
    pub topic: String,
    /// The next offset: everything before it is written and acknowledged.
    pub next: i64,
    /// The greatest event time before it.
    pub max_ts: Option<Timestamp>,
}

/// What became of the records of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LedgerLine {
    /// By whose count.
    pub operator: String,
    /// The topic.
    pub topic: String,
    /// How many.
    #[serde(flatten)]
    pub counts: Counts,
}

impl Frontier {
    /// The next offset of a topic; 0 for one that the group does not read.
    pub fn next_in(&self, stream: Stream) -> i64 {
        let topic = self.topics.iter().find(|topic| topic.topic == stream.topic());
        topic.map_or(0, |topic| topic.next)
    }

    /// How much of these logs the group has processed.
    pub fn scope(&self, logs: &Logs) -> Scope {
        let read_to_its_end = |topic: &TopicFrontier| {
            let log = logs.topics.iter().find(|log| log.stream.topic() == topic.topic);
            log.is_none_or(|log| topic.next >= log.end)
        };
        let next = Stream::ALL.map(|stream| self.next_in(stream));
        Scope { next, drained: self.topics.iter().all(read_to_its_end) }
    }
}

/// The frontiers of all groups and partitions.
#[derive(Debug, Clone, Default)]
pub struct Frontiers(Vec<Frontier>);

impl Frontiers {
    /// Reads what the processor said last.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        store.refresh(Schema::PROCESSOR_FRONTIERS.name).await?;
        let mut frontiers = Vec::new();
        let mut unreadable = None;
        let take = |stored: Stored| match serde_json::from_value(stored.source) {
            Ok(frontier) => frontiers.push(frontier),
            Err(source) => unreadable = Some(source),
        };
        store.each_document(Schema::PROCESSOR_FRONTIERS.name, &json!({ "match_all": {} }), take).await?;
        let what = "tell how far the processor is";
        unreadable.map_or(Ok(Self(frontiers)), |source| Err(StoreError::Unexpected { what, source }))
    }

    /// What a group has done of a partition; `None` when it has not reported yet.
    pub fn of(&self, group: &str, partition: i32) -> Option<&Frontier> {
        self.0.iter().find(|one| one.group == group && one.partition == partition)
    }

    /// What all groups have done of a partition.
    pub fn of_partition(&self, partition: i32) -> impl Iterator<Item = &Frontier> {
        self.0.iter().filter(move |one| one.partition == partition)
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
