//! One kind of documents that is followed: which indices may hold them, and how far these have been read.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::analytics::memory::Half;
use crate::model::time::{DAY_MS, Timestamp};
use crate::rollup::{self, Level};
use crate::store::Store;
use crate::store::changes::Marks;
use crate::store::schema::Schema;

/// Documents of one kind and level.
#[derive(Debug)]
pub struct Source {
    schema: &'static Schema,
    /// `None` for minutes, and for what are no panes.
    pub level: Option<Level>,
    /// The field with the time of a document.
    time: &'static str,
    /// How far back they are read.
    pub reach: TimeDelta,
    /// How far they have been read.
    pub marks: Marks,
}

impl Source {
    /// Documents whose time stands in this field.
    pub fn new(schema: &'static Schema, time: &'static str, reach: TimeDelta) -> Self {
        Self { schema, level: None, time, reach, marks: Marks::default() }
    }

    /// The panes of one half of a kind, named by its minutes.
    pub fn panes(minutes: &'static Schema, half: Half, reach: TimeDelta) -> Vec<Self> {
        let longer = rollup::levels(minutes).map(|(level, schema)| (Some(level), schema));
        let all = [(None, minutes)].into_iter().chain(longer).filter(|(level, _)| Half::of(*level) == half);
        all.map(|(level, schema)| Self { level, ..Self::new(schema, "minute", reach) }).collect()
    }

    /// What the indices that may hold something are called, without prefix.
    pub fn patterns(&self, now: Timestamp) -> BTreeSet<String> {
        match self.level {
            Some(Level::Hour | Level::Day) => [format!("{}-*", self.schema.name)].into(),
            None | Some(Level::Quarter) => self.names(now),
        }
    }

    /// Of these indices, by their full names in this store with their ids, those that may hold something.
    pub fn among(
        &self,
        existing: &BTreeMap<String, String>,
        store: &Store,
        now: Timestamp,
    ) -> BTreeMap<String, String> {
        let names: BTreeSet<String> = self.names(now).iter().map(|name| store.name(name)).collect();
        let found = existing.iter().filter(|(name, _)| names.contains(*name));
        found.map(|(name, id)| (name.clone(), id.clone())).collect()
    }

    fn names(&self, now: Timestamp) -> BTreeSet<String> {
        let days = self.reach.num_days() + 2;
        // The first and the last one counted.
        let times = (-1..=days).map(|day| Timestamp::from_millis(now.millis() - day * DAY_MS));
        times.map(|at| self.schema.index_at(at)).collect()
    }

    /// The filter that those pass which are in reach, and this filter besides.
    pub fn filter(&self, filter: &Value, now: Timestamp) -> Value {
        let in_reach = json!({ "range": { (self.time): { "gte": now - self.reach } } });
        json!({ "bool": { "filter": [filter, in_reach] } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_half_reads_the_panes_of_its_levels_from_the_indices_that_may_hold_them() {
        let now = Timestamp::parse("2026-11-21T00:30:00Z").unwrap();
        let levels = |half| {
            let sources = Source::panes(&Schema::PRODUCT_TRENDS, half, TimeDelta::hours(8));
            sources.iter().map(|source| source.level).collect::<Vec<_>>()
        };
        assert_eq!(levels(Half::Recent), [None, Some(Level::Quarter)]);
        assert_eq!(levels(Half::Past), [Some(Level::Hour), Some(Level::Day)]);

        let [minutes, ..] = &*Source::panes(&Schema::QUERY_STATS, Half::Recent, TimeDelta::hours(8)) else {
            panic!("minutes come first")
        };
        let patterns = minutes.patterns(now);
        let days = ["query-stats-2026-11-20", "query-stats-2026-11-21", "query-stats-2026-11-22"];
        assert!(days.iter().all(|day| patterns.contains(*day)), "{patterns:?}");
        assert!(!patterns.contains("query-stats-2026-11-17"));
        let [hours, _] = &*Source::panes(&Schema::QUERY_STATS, Half::Past, TimeDelta::days(90)) else {
            panic!("hours and days")
        };
        assert_eq!(hours.patterns(now), ["query-stats-hours-*".to_owned()].into());
    }
}
