//! One kind of documents that is followed: which indices may hold them, and how far these have been read.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::analytics::memory::kind::Kind;
use crate::analytics::memory::rounds::OLD_MINUTES_REACH;
use crate::analytics::memory::shelf::{Half, Shelf};
use crate::model::time::Timestamp;
use crate::rollup;
use crate::store::changes::Marks;
use crate::store::found::Found;
use crate::store::schema::Schema;
use crate::store::{Missing, Store, StoreError};

/// What is not in reach may have an index with what is.
const A_DAY: TimeDelta = TimeDelta::days(1);

/// Documents of one kind that stand on one shelf.
#[derive(Debug)]
pub struct Source {
    schema: &'static Schema,
    /// Where their panes stand; of signals, which are no panes, any of the half.
    pub shelf: Shelf,
    /// The field with the time of a document.
    time: &'static str,
    /// How far back they are read.
    pub reach: TimeDelta,
    /// The memory that a document takes at least.
    row: usize,
    /// How far they have been read.
    pub marks: Marks,
}

impl Source {
    /// The signals of rules on bots, as far back as this.
    pub fn signals(half: Half, reach: TimeDelta) -> Self {
        let shelf = if half == Half::Recent { Shelf::Minutes } else { Shelf::Days };
        let (schema, time) = (&Schema::FRAUD_SIGNALS, "last_seen");
        Self { schema, shelf, time, reach, row: 0, marks: Marks::default() }
    }

    /// The panes of one half of a kind, as far back as this; each takes at least a row of so many bytes.
    pub fn panes(kind: Kind, half: Half, reach: TimeDelta, row: usize) -> Vec<Self> {
        let of_level = |level| match level {
            None => Some(kind.minutes()),
            Some(level) => {
                rollup::levels(kind.minutes()).find(|(of, _)| *of == level).map(|(_, schema)| schema)
            }
        };
        let source = |shelf: &Shelf| {
            let schema = of_level(shelf.level()).filter(|_| kind.stands_on(*shelf))?;
            let reach = if *shelf == Shelf::OldMinutes { OLD_MINUTES_REACH } else { reach };
            Some(Self { schema, shelf: *shelf, time: "minute", reach, row, marks: Marks::default() })
        };
        Shelf::of(half).iter().filter_map(source).collect()
    }

    /// What the indices that may hold something are called, without prefix.
    pub fn patterns(&self, now: Timestamp) -> BTreeSet<String> {
        match self.shelf {
            Shelf::Minutes | Shelf::Quarters => {
                let days = self.reach.num_days() + 2;
                // The first and the last one counted.
                (-1..=days).map(|day| self.schema.index_at(now - TimeDelta::days(day))).collect()
            }
            Shelf::Days | Shelf::Hours | Shelf::OldMinutes => [format!("{}-*", self.schema.name)].into(),
        }
    }

    /// The memory that its documents take at least, in bytes.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub async fn bytes(&self, store: &Store, now: Timestamp) -> Result<usize, StoreError> {
        let all = self.filter(&json!({ "match_all": {} }), now);
        let body = json!({ "size": 0, "track_total_hits": true, "query": all });
        let what = "count results that may be held in memory";
        let found: Found<Value> = store.search(what, self.schema.name, Missing::IsEmpty, &body).await?;
        Ok(usize::try_from(found.total()).unwrap_or(usize::MAX).saturating_mul(self.row))
    }

    /// Of these indices, by their full names in this store with their ids, those that may hold something.
    pub fn among(
        &self,
        existing: &BTreeMap<String, String>,
        store: &Store,
        now: Timestamp,
    ) -> BTreeMap<String, String> {
        let index = |at| store.name(&self.schema.index_at(at));
        // In the order of their names they are in that of their days or months.
        let found = existing.range(index(now - self.reach - A_DAY)..=index(now + A_DAY));
        found.map(|(name, id)| (name.clone(), id.clone())).collect()
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
    use crate::config::ElasticsearchSettings;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        elasticsearch: ElasticsearchSettings,
    }

    #[test]
    fn each_half_reads_the_panes_of_its_shelves_from_the_indices_that_may_hold_them() {
        let now = Timestamp::parse("2026-11-21T00:30:00Z").unwrap();
        let shelves = |kind, half| {
            let sources = Source::panes(kind, half, TimeDelta::hours(8), 24);
            sources.iter().map(|source| source.shelf).collect::<Vec<_>>()
        };
        assert_eq!(shelves(Kind::Products, Half::Recent), [Shelf::Minutes, Shelf::Quarters]);
        assert_eq!(shelves(Kind::Products, Half::Past), [Shelf::Days, Shelf::Hours, Shelf::OldMinutes]);
        assert_eq!(shelves(Kind::Searches, Half::Recent), [Shelf::Minutes]);
        assert_eq!(shelves(Kind::Searches, Half::Past), [Shelf::Days, Shelf::Hours]);

        let [minutes] = &*Source::panes(Kind::Searches, Half::Recent, TimeDelta::hours(8), 24) else {
            panic!("minutes alone")
        };
        let patterns = minutes.patterns(now);
        let days = ["query-stats-2026-11-20", "query-stats-2026-11-21", "query-stats-2026-11-22"];
        assert!(days.iter().all(|day| patterns.contains(*day)), "{patterns:?}");
        assert!(!patterns.contains("query-stats-2026-11-17"));
        let [_, hours] = &*Source::panes(Kind::Searches, Half::Past, TimeDelta::days(90), 24) else {
            panic!("days and hours")
        };
        assert_eq!(hours.patterns(now), ["query-stats-hours-*".to_owned()].into());
    }

    #[test]
    fn of_the_indices_that_there_are_those_are_read_whose_days_are_in_reach() {
        let store = Store::new(&Flags::parse_from(["t"]).elasticsearch, "t-").unwrap();
        let now = Timestamp::parse("2026-11-21T00:30:00Z").unwrap();
        let names = [
            "product-trends-2026-11-18",
            "product-trends-2026-11-19",
            "product-trends-2026-11-22",
            "product-trends-2026-11-23",
            "product-trends-hours-2026-11",
            "query-stats-2026-11-21",
        ];
        let existing = names.map(|name| (store.name(name), "id".to_owned())).into();
        let [minutes, _] = &*Source::panes(Kind::Products, Half::Recent, TimeDelta::hours(8), 24) else {
            panic!("minutes and quarters")
        };
        let among: Vec<String> = minutes.among(&existing, &store, now).into_keys().collect();
        assert_eq!(among, ["t-product-trends-2026-11-19", "t-product-trends-2026-11-22"]);
    }
}
