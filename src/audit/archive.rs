//! The raw events, held against the events in the topics.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::compare::different;
use crate::audit::letters::Letters;
use crate::audit::logs::{Logs, Sighting};
use crate::audit::recount::events::document;
use crate::audit::report::{Difference, Problem, Report};
use crate::model::event::Stream;
use crate::model::time::Timestamp;
use crate::store::schema::Schema;
use crate::store::{Method, Store, StoreError, Stored};

/// Events that are asked for at once.
const ASKED_AT_ONCE: usize = 2_000;
const WHAT: &str = Schema::EVENTS.name;

/// Every event that was found in the topics so far, so that one too many is found out.
#[derive(Default)]
pub struct Archive {
    ids: HashSet<Uuid>,
}

impl Archive {
    /// Compares the raw events of a partition before the given offsets. An event that was sent more than
    /// once is one document, of whichever record came first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn compare(
        &mut self,
        store: &Store,
        logs: &Logs,
        next: impl Fn(Stream) -> i64,
        oldest: Timestamp,
        letters: &Letters,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let mut events: BTreeMap<Uuid, Vec<&Sighting>> = BTreeMap::new();
        for sighting in logs.sightings.iter().filter(|one| one.offset < next(one.stream)) {
            events.entry(sighting.event.event_id).or_default().push(sighting);
        }
        self.ids.extend(events.keys());
        let is_refused =
            |one: &&Sighting| letters.is_refused_by_elasticsearch((one.stream, logs.partition, one.offset));
        let is_kept = |sightings: &[&Sighting]| {
            sightings.iter().any(|one| one.event.timestamp >= oldest) && !sightings.iter().any(is_refused)
        };
        let (kept, others): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|(_, sightings)| is_kept(sightings));
        report.add(WHAT, 0, others.len() as u64, []);
        for chunk in kept.chunks(ASKED_AT_ONCE) {
            let differences = differences(store, chunk).await?;
            report.add(WHAT, chunk.len() as u64, 0, differences);
        }
        Ok(())
    }

    /// Finds the raw events that are in no topic.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn strays(&self, store: &Store, report: &mut Report) -> Result<(), StoreError> {
        #[derive(Deserialize)]
        struct Count {
            count: u64,
        }
        let path = format!("/{}/_count?ignore_unavailable=true", store.name(WHAT));
        let Count { count } = store.send("count the raw events", Method::Get, &path, None).await?;
        if count <= self.ids.len() as u64 {
            return Ok(());
        }
        let mut strays = Vec::new();
        let is_stray = |found: &Stored| Uuid::parse_str(&found.id).map_or(true, |id| !self.ids.contains(&id));
        let take = |found: Stored| {
            if is_stray(&found) {
                let problem = Problem::Unexpected { found: found.source };
                strays.push(Difference { index: WHAT.to_owned(), id: found.id, problem });
            }
        };
        store.each_document(WHAT, &json!({ "match_all": {} }), take).await?;
        report.add(WHAT, strays.len() as u64, 0, strays);
        Ok(())
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
