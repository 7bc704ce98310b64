//! The raw events, held against the events in the topics.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::compare::{Outcome, Standing, different};
use crate::audit::frontiers::Frontier;
use crate::audit::letters::Letters;
use crate::audit::logs::{Logs, Sighting};
use crate::audit::recount::events::document;
use crate::audit::report::{Difference, Problem};
use crate::model::sample::Sample;
use crate::model::time::Timestamp;
use crate::store::schema::Schema;
use crate::store::{Method, Store, StoreError, Stored};

/// Events that are asked for at once.
const ASKED_AT_ONCE: usize = 2_000;
const WHAT: &str = Schema::EVENTS.name;

/// Every event that was found in the topics so far, so that one too many is found out.
pub struct Archive {
    ids: HashSet<Uuid>,
    /// The sessions whose events are kept; those of others are no difference, should they be there.
    archived: Sample,
    /// Indices of events before it may have been dropped.
    oldest: Timestamp,
}

impl Archive {
    /// No event yet. Those from before `oldest`, and of sessions that are not kept, are not compared.
    pub fn new(archived: Sample, oldest: Timestamp) -> Self {
        Self { ids: HashSet::new(), archived, oldest }
    }

    /// Compares the raw events that the archiver has written of a partition. An event that was sent more
    /// than once is one document, of whichever record came first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn compare(
        &mut self,
        store: &Store,
        logs: &Logs,
        archiver: &Frontier,
        letters: &Letters,
    ) -> Result<Outcome, StoreError> {
        let mut events: BTreeMap<Uuid, Vec<&Sighting>> = BTreeMap::new();
        for sighting in logs.sightings.iter().filter(|one| one.offset < archiver.next_in(one.stream)) {
            events.entry(sighting.event.event_id).or_default().push(sighting);
        }
        self.ids.extend(events.keys());
        let is_kept = |one: &&Sighting| {
            one.event.timestamp >= self.oldest && self.archived.holds(&one.event.session_id)
        };
        let is_refused =
            |one: &&Sighting| letters.is_refused_by_elasticsearch((one.stream, logs.partition, one.offset));
        let is_due = |all: &[&Sighting]| all.iter().any(is_kept) && !all.iter().any(is_refused);
        let (kept, others): (Vec<_>, Vec<_>) = events.into_iter().partition(|(_, all)| is_due(all));
        let (compared, skipped) = (kept.len() as u64, others.len() as u64);
        let mut differing = Vec::new();
        for chunk in kept.chunks(ASKED_AT_ONCE) {
            differing.extend(differences(store, chunk).await?);
        }
        let differences = differing.into_iter().map(|difference| (Standing::Final, difference)).collect();
        Ok(Outcome { compared, skipped, differences })
    }

    /// The raw events that are in no topic.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn strays(&self, store: &Store) -> Result<Vec<Difference>, StoreError> {
        #[derive(Deserialize)]
        struct Count {
            count: u64,
        }
        let path = format!("/{}/_count?ignore_unavailable=true", store.name(WHAT));
        let Count { count } = store.send("count the raw events", Method::Get, &path, None).await?;
        let mut strays = Vec::new();
        if count <= self.ids.len() as u64 {
            return Ok(strays);
        }
        let is_known = |id: &str| Uuid::parse_str(id).is_ok_and(|id| self.ids.contains(&id));
        let take = |found: Stored| {
            if !is_known(&found.id) {
                let problem = Problem::Unexpected { found: found.source };
                strays.push(Difference { index: WHAT.to_owned(), id: found.id, problem });
            }
        };
        store.each_document(WHAT, &json!({ "match_all": {} }), take).await?;
        Ok(strays)
    }
}

async fn differences(
    store: &Store,
    events: &[(Uuid, Vec<&Sighting>)],
) -> Result<Vec<Difference>, StoreError> {
    let mut found: BTreeMap<String, Stored> = BTreeMap::new();
    let ids: Vec<String> = events.iter().map(|(id, _)| id.to_string()).collect();
    let query = json!({ "ids": { "values": ids } });
    store.each_document(WHAT, &query, |one| drop(found.insert(one.id.clone(), one))).await?;
    let difference = |(id, sightings): &(Uuid, Vec<&Sighting>)| {
        let stored = found.get(&id.to_string()).map(|stored| &stored.source);
        let problem = problem(sightings, stored)?;
        Some(Difference { index: WHAT.to_owned(), id: id.to_string(), problem })
    };
    Ok(events.iter().filter_map(difference).collect())
}

fn problem(sightings: &[&Sighting], stored: Option<&Value>) -> Option<Problem> {
    let mut problems = Vec::new();
    for sighting in sightings {
        let expected = document(&sighting.event);
        let Some(stored) = stored else { return Some(Problem::Missing { expected: expected.body }) };
        problems.push(different(&expected, 0, stored)?);
    }
    problems.into_iter().next()
}
