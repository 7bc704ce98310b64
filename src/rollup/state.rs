//! How far the roll-up is and what is still held: the index `rollups`, which the roll-up alone writes.
//!
//! Each statement is a document of its own that only ever moves on in time: that time is its version, so of any
//! number of writers the furthest wins.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::time::Timestamp;
use crate::rollup::cover::{Held, Rolled};
use crate::rollup::kind::KINDS;
use crate::store::bulk::{Mode, Operation};
use crate::store::found::Found;
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

/// Most statements: two for each kind of index.
const STATEMENTS_MAX: usize = 200;

/// What is stated of one kind of index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Its name.
    pub index: String,
    /// All its spans that end by then are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_until: Option<Timestamp>,
    /// What is older is gone or about to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_from: Option<Timestamp>,
    /// When it was stated.
    pub stated_at: Timestamp,
}

/// All statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State(BTreeMap<String, Statement>);

impl State {
    /// Reads what is stated.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        let body = json!({ "size": STATEMENTS_MAX, "track_total_hits": false });
        let what = "read how far results are rolled up";
        let found: Found<Statement> =
            store.search(what, Schema::ROLLUPS.name, Missing::IsEmpty, &body).await?;
        Ok(found.hits.sources().fold(Self::default(), State::with))
    }

    /// Adds a statement to what else is stated of its index.
    fn with(mut self, statement: Statement) -> Self {
        let known = self.0.entry(statement.index.clone()).or_default();
        let Statement { index, rolled_until, held_from, stated_at } = statement;
        *known = Statement {
            index,
            rolled_until: known.rolled_until.max(rolled_until),
            // When the oldest document that is there was last decided.
            stated_at: if held_from.is_some() { stated_at } else { known.stated_at },
            held_from: known.held_from.max(held_from),
        };
        self
    }

    /// That a level is rolled up until then besides.
    #[cfg(test)]
    pub fn and_rolled_up(self, schema: &Schema, until: Timestamp) -> Self {
        self.with(Statement { rolled_until: Some(until), ..of(schema) })
    }

    /// That documents are dropped until then besides.
    #[cfg(test)]
    pub fn and_dropped(self, schema: &Schema, until: Timestamp) -> Self {
        self.with(Statement { held_from: Some(until), ..of(schema) })
    }

    /// Until when a level is rolled up; `None` before it has begun.
    pub fn rolled_until(&self, schema: &Schema) -> Option<Timestamp> {
        self.0.get(schema.name)?.rolled_until
    }

    /// Since when the documents of a kind are held, and when that was stated; `None` where none was dropped.
    pub fn held_from(&self, schema: &Schema) -> Option<(Timestamp, Timestamp)> {
        let statement = self.0.get(schema.name)?;
        Some((statement.held_from?, statement.stated_at))
    }

    /// What can be read of the results whose minutes are these.
    pub fn rolled(&self, minutes: &Schema) -> Rolled {
        let from = |schema: &Schema| self.held_from(schema).map_or(Timestamp::MIN, |(from, _)| from);
        let mut rolled = Rolled { minutes_from: from(minutes), ..Rolled::default() };
        let levels =
            KINDS.iter().filter(|kind| kind.minutes.name == minutes.name).flat_map(|kind| kind.levels);
        for (level, schema) in levels {
            let until = self.rolled_until(schema).unwrap_or(Timestamp::MIN);
            *rolled.held_mut(*level) = Held { from: from(schema), until };
        }
        rolled
    }
}

/// States until when a level is rolled up. Its documents must be visible to searches by now.
///
/// # Errors
/// When Elasticsearch does not take it.
pub async fn state_rolled(store: &Store, schema: &Schema, until: Timestamp) -> anyhow::Result<()> {
    let statement = Statement { rolled_until: Some(until), ..of(schema) };
    write(store, format!("rolled|{}", schema.name), until, &statement).await
}

/// States since when the documents of a kind are held.
///
/// # Errors
/// When Elasticsearch does not take it.
pub async fn state_held(store: &Store, schema: &Schema, from: Timestamp) -> anyhow::Result<()> {
    let statement = Statement { held_from: Some(from), ..of(schema) };
    write(store, format!("held|{}", schema.name), from, &statement).await
}

fn of(schema: &Schema) -> Statement {
    Statement { index: schema.name.to_owned(), stated_at: Timestamp::now(), ..Statement::default() }
}

async fn write(store: &Store, id: String, moves: Timestamp, statement: &Statement) -> anyhow::Result<()> {
    let version = u64::try_from(moves.millis()).context("a time before 1970")?;
    let index = store.name(Schema::ROLLUPS.name);
    let source = serde_json::to_vec(statement)?;
    let operation = Operation {
        index: index.into(),
        id: id.into(),
        mode: Mode::IfNewer(version),
        source: source.into(),
        tag: 0,
    };
    let written = store.write_all(vec![operation], 1).await;
    ensure!(
        written.done + written.superseded == 1,
        "Elasticsearch does not take how far {} is rolled up: {written:?}",
        statement.index
    );
    Ok(store.refresh(Schema::ROLLUPS.name).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<Timestamp> {
        Timestamp::parse(text)
    }

    fn statement(
        schema: &Schema,
        rolled_until: Option<Timestamp>,
        held_from: Option<Timestamp>,
    ) -> Statement {
        Statement { index: schema.name.to_owned(), rolled_until, held_from, ..Statement::default() }
    }

    #[test]
    fn what_can_be_read_of_a_kind_is_put_together_from_its_statements() {
        let (dropped, hours) = (at("2026-11-01T00:00:00Z"), at("2026-11-21T10:00:00Z"));
        let statements = [
            statement(&Schema::CATEGORY_FUNNELS, None, dropped),
            statement(&Schema::CATEGORY_FUNNELS_HOURS, hours, None),
            statement(&Schema::CATEGORY_FUNNELS_HOURS, None, dropped),
            statement(&Schema::PRODUCT_TRENDS_HOURS, at("2026-11-21T11:00:00Z"), None),
        ];
        let state = statements.into_iter().fold(State::default(), State::with);
        let held = Held { from: dropped.unwrap(), until: hours.unwrap() };
        let expected = Rolled { minutes_from: dropped.unwrap(), hours: held, ..Rolled::default() };
        assert_eq!(state.rolled(&Schema::CATEGORY_FUNNELS), expected);
        assert_eq!(state.rolled(&Schema::EVENTS), Rolled::default());
    }
}
