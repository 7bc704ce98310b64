//! What can be asked of the generations: to list them, to let readers see another, to remove one.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Subcommand;
use serde::Deserialize;
use serde_json::json;

use crate::bus::Bus;
use crate::model::generation::Generation;
use crate::rollup;
use crate::say;
use crate::store::generations::Generations;
use crate::store::schema::Schema;
use crate::store::{Store, StoreError, Stored};
use crate::stream::groups::Reader;
use crate::stream::run::WRITES;

/// How long a promotion waits until the generation has read what the current one has. Both flush and
/// report each second, so one that has caught up needs two or three.
const CATCH_UP_WAIT: Duration = Duration::from_secs(10);
/// Time between two looks at how far a generation is.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Topics' partitions that a refusal names.
const NAMED_MAX: usize = 3;

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Task {
    /// Lists the generations: where they begin, how far they are, which one readers see.
    List,
    /// Lets readers see this generation, when it has read all that the current one has.
    Promote {
        /// Its name.
        name: Generation,
    },
    /// Lets readers see again the generation that they saw before.
    Back,
    /// Removes the indices and consumer groups of a generation that readers do not see.
    Remove {
        /// Its name. Its processors must be stopped.
        name: Generation,
    },
}

/// Carries it out and prints what came of it.
///
/// # Errors
/// When a server does not answer, the generation does not exist, is not as far as it must be, or is needed.
pub async fn administer(task: Task, store: &Store, bus: &Bus) -> anyhow::Result<()> {
    match task {
        Task::List => list(store).await,
        Task::Promote { name } => {
            promote(store, &name).await?;
            say!(
                "readers see the generation {name} now; keep its processors running, and those of the one before \
                      as long as `admin generation back` shall find it up to date"
            );
            Ok(())
        }
        Task::Back => {
            let name = store.change_generations(Generations::back).await?;
            say!("readers see the generation {name} again");
            Ok(())
        }
        Task::Remove { name } => {
            let removed = remove(store, bus, &name).await?;
            say!("removed the generation {name}: {removed} indices and templates, and its consumer groups");
            Ok(())
        }
    }
}

/// Prints a line for each generation; a record that several groups have not read counts for each of them.
async fn list(store: &Store) -> anyhow::Result<()> {
    let generations = store.generations().await?;
    let current = generations.current();
    let needed = places(&store.of_generation(&current)).await?;
    say!("{:<32} {:<24} {:<24} {:>8}", "generation", "from", "begun at", "behind");
    let original = [(Generation::Original, "beginning".to_owned(), String::new())].into_iter();
    let begun = generations.begun().iter();
    let begun = begun.map(|one| (one.generation.clone(), one.start().to_string(), one.begun_at.to_string()));
    for (name, start, begun_at) in original.chain(begun) {
        let reached = places(&store.of_generation(&name)).await?;
        let records: i64 = behind(&needed, &reached).iter().map(Behind::records).sum();
        let role = match generations.served() {
            served if served.last() == Some(&name) => "readers see it",
            served if served.contains(&name) => "readers saw it",
            _ => "",
        };
        say!("{:<32} {start:<24} {begun_at:<24} {records:>8}  {role}", name.to_string());
    }
    Ok(())
}

/// Lets readers see a generation once it has read all that the current one has read by now.
///
/// # Errors
/// When it does not exist, is current already, or does not catch up within ten seconds.
pub async fn promote(store: &Store, name: &Generation) -> anyhow::Result<()> {
    let generations = store.generations().await?;
    generations.clone().promote(name)?;
    let needed = places(&store.of_generation(&generations.current())).await?;
    let deadline = Instant::now() + CATCH_UP_WAIT;
    loop {
        let reached = places(&store.of_generation(name)).await?;
        let behind = behind(&needed, &reached);
        if behind.is_empty() && !reached.is_empty() {
            break;
        }
        if Instant::now() > deadline {
            let some: Vec<String> = behind.iter().take(NAMED_MAX).map(Behind::to_string).collect();
            bail!(
                "the generation {name} has not caught up with {}: {} places are behind, such as [{}]. Let `processor \
                 --generation {name}` run until `admin generation list` shows that it has",
                generations.current(),
                behind.len(),
                some.join("; ")
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(store.change_generations(|all| all.promote(name)).await?)
}

/// Removes a generation that readers do not see. Gives how many indices and templates it had.
///
/// # Errors
/// When it does not exist, readers see it, or its processors still run; nothing is removed then.
pub async fn remove(store: &Store, bus: &Bus, name: &Generation) -> anyhow::Result<usize> {
    store.generations().await?.forget(name)?;
    // Groups first: one with members tells that a processor still writes.
    bus.remove_groups(&Reader::ALL.map(|reader| name.group(reader.name()))).await?;
    let results = store.of_generation(name);
    let mut removed = 0;
    for schema in WRITES.iter().chain([&Schema::REPAIRED_WINDOWS]).chain(rollup::writes()) {
        removed += results.remove(schema).await?;
    }
    // Last, so that a removal that was broken off can be taken up again.
    store.change_generations(|all| all.forget(name)).await?;
    Ok(removed)
}

/// The next offset by group, topic and partition.
type Places = BTreeMap<(String, String, i32), i64>;

#[derive(Deserialize)]
struct Frontier {
    group: String,
    partition: i32,
    topics: Vec<Topic>,
}

#[derive(Deserialize)]
struct Topic {
    topic: String,
    next: i64,
}

/// How far the processors of a generation have reported that they are.
async fn places(store: &Store) -> Result<Places, StoreError> {
    let index = Schema::PROCESSOR_FRONTIERS.name;
    store.refresh(index).await?;
    let mut places = Places::new();
    let mut unreadable = None;
    let take = |stored: Stored| match serde_json::from_value(stored.source) {
        Ok(Frontier { group, partition, topics }) => {
            places.extend(topics.into_iter().map(|one| ((group.clone(), one.topic, partition), one.next)));
        }
        Err(source) => unreadable = Some(source),
    };
    store.each_document(index, &json!({ "match_all": {} }), take).await?;
    let what = "read how far a generation is";
    unreadable.map_or(Ok(places), |source| Err(StoreError::Unexpected { what, source }))
}

/// A topic's partition of which a group has not read what it must.
#[derive(Debug, PartialEq, Eq)]
struct Behind {
    group: String,
    topic: String,
    partition: i32,
    reached: i64,
    needed: i64,
}

impl Behind {
    fn records(&self) -> i64 {
        self.needed - self.reached
    }
}

impl Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, topic, partition, reached, needed } = self;
        write!(f, "{group} is at {reached} of {needed} in {topic} partition {partition}")
    }
}

/// Where a generation has not read what another has. A place that it has not reported counts from 0.
fn behind(needed: &Places, reached: &Places) -> Vec<Behind> {
    let behind = needed.iter().filter_map(|(place, needed)| {
        let reached = reached.get(place).copied().unwrap_or_default();
        let (group, topic, partition) = place.clone();
        (reached < *needed).then_some(Behind { group, topic, partition, reached, needed: *needed })
    });
    behind.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(group: &str, partition: i32) -> (String, String, i32) {
        (group.to_owned(), "order-events".to_owned(), partition)
    }

    #[test]
    fn a_generation_is_behind_where_it_has_read_less_or_has_not_said_anything() {
        let needed = Places::from([(place("fraud", 0), 10), (place("fraud", 1), 7), (place("trends", 0), 5)]);
        let reached = Places::from([(place("fraud", 0), 12), (place("fraud", 1), 4)]);
        let told: Vec<String> = behind(&needed, &reached).iter().map(Behind::to_string).collect();
        let expected = [
            "fraud is at 4 of 7 in order-events partition 1",
            "trends is at 0 of 5 in order-events partition 0",
        ];
        assert_eq!(told, expected);
    }

    proptest! {
        #[test]
        fn one_that_reads_on_is_behind_nobody_who_stood_where_it_stands(
            offsets in prop::collection::vec((0..1_000_i64, 0..1_000_i64), 0..6)
        ) {
            let at = |add: fn(&(i64, i64)) -> i64| -> Places {
                (0..).zip(&offsets).map(|(number, offset)| (place("trends", number), add(offset))).collect()
            };
            prop_assert_eq!(behind(&at(|(one, _)| *one), &at(|(one, more)| one + more)), vec![]);
        }
    }
}
