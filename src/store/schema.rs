//! The indices: their settings and mappings are the files of `mappings/`, compiled in.
//!
//! An index that is cut by time is made from an index template, one per day or month of *event* time,
//! behind an alias of the schema's name. Writing never creates an index by itself
//! (`allow_auto_create: false`), so that a replay cannot revive one that was dropped.

use std::ops::Range;

use chrono::{Months, NaiveDate};
use elasticsearch::http::Method;
use serde_json::{Map, Value, json};

use crate::model::time::Timestamp;
use crate::store::{Store, StoreError};

/// How an index is cut by event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// One index.
    None,
    /// One per year, `name-2026`.
    Yearly,
    /// One per month, `name-2026-11`.
    Monthly,
    /// One per day, `name-2026-11-21`.
    Daily,
}

/// One kind of index.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// Its name, which is also the alias that readers use.
    pub name: &'static str,
    /// How it is cut.
    pub rotation: Rotation,
    /// Settings and mappings as JSON, from `mappings/`.
    json: &'static str,
    /// Whether its documents are sums of documents with this mapping, over the span that they name besides.
    rolls_up: bool,
}

macro_rules! schemas {
    (
        $($(#[$doc:meta])* $constant:ident = $name:literal, $rotation:ident;)*
        [$($rolled:ident = $rolled_name:literal of $of:ident, $rolled_rotation:ident;)*]
    ) => {
        impl Schema {
            $($(#[$doc])*
            pub const $constant: Self = Self {
                name: $name,
                rotation: Rotation::$rotation,
                json: include_str!(concat!("../../mappings/", $name, ".json")),
                rolls_up: false,
            };)*

            $(#[doc = concat!("Sums of [`Schema::", stringify!($of), "`] over the span that the name says.")]
            pub const $rolled: Self = Self {
                name: $rolled_name,
                rotation: Rotation::$rolled_rotation,
                json: Self::$of.json,
                rolls_up: true,
            };)*

            /// Every kind of index.
            pub const ALL: &[Self] = &[$(Self::$constant,)* $(Self::$rolled,)*];
        }
    };
}

schemas! {
    /// The catalogue. The alias `products` points to one of `products-v<N>`.
    PRODUCTS = "products", None;
    /// Raw events with their context.
    EVENTS = "events", Daily;
    /// What was done with a product in a minute.
    PRODUCT_TRENDS = "product-trends", Daily;
    /// How far the sessions that began in a minute came, by category.
    CATEGORY_FUNNELS = "category-funnels", Daily;
    /// What was searched for and what came of it, by the minute in which the sessions began.
    QUERY_STATS = "query-stats", Daily;
    /// What visits that a rule on bots speaks of did with each product in a minute.
    SUSPECT_PRODUCTS = "suspect-products", Daily;
    /// What such visits searched for, and what came of it.
    SUSPECT_QUERIES = "suspect-queries", Daily;
    /// What a user ordered and gave back, by day of the order.
    FRAUD_FACTS = "fraud-facts", Monthly;
    /// Verdicts on users and visits.
    FRAUD_SIGNALS = "fraud-signals", Monthly;
    /// What people decided of verdicts.
    FRAUD_DECISIONS = "fraud-decisions", None;
    /// Events that came after their window was closed.
    LATE_EVENTS = "late-events", Monthly;
    /// How far each partition has been processed, and the ledger.
    PROCESSOR_FRONTIERS = "processor-frontiers", None;
    /// Closed windows that were computed again with the events that came too late for them.
    REPAIRED_WINDOWS = "repaired-windows", None;
    /// Which generations of results there are, and which one readers see.
    GENERATIONS = "generations", None;
    /// The synonyms and rules that merchandisers change while the shop runs.
    MERCHANDISING = "merchandising", None;
    /// The record of what they have changed.
    MERCHANDISING_CHANGES = "merchandising-changes", None;
    /// How far results are rolled up, and what of them is still held.
    ROLLUPS = "rollups", None;
    [
        PRODUCT_TRENDS_QUARTERS = "product-trends-quarters" of PRODUCT_TRENDS, Daily;
        PRODUCT_TRENDS_HOURS = "product-trends-hours" of PRODUCT_TRENDS, Monthly;
        PRODUCT_TRENDS_DAYS = "product-trends-days" of PRODUCT_TRENDS, Yearly;
        CATEGORY_FUNNELS_HOURS = "category-funnels-hours" of CATEGORY_FUNNELS, Monthly;
        CATEGORY_FUNNELS_DAYS = "category-funnels-days" of CATEGORY_FUNNELS, Yearly;
        QUERY_STATS_HOURS = "query-stats-hours" of QUERY_STATS, Monthly;
        QUERY_STATS_DAYS = "query-stats-days" of QUERY_STATS, Yearly;
        SUSPECT_PRODUCTS_HOURS = "suspect-products-hours" of SUSPECT_PRODUCTS, Monthly;
        SUSPECT_PRODUCTS_DAYS = "suspect-products-days" of SUSPECT_PRODUCTS, Yearly;
        SUSPECT_QUERIES_HOURS = "suspect-queries-hours" of SUSPECT_QUERIES, Monthly;
        SUSPECT_QUERIES_DAYS = "suspect-queries-days" of SUSPECT_QUERIES, Yearly;
    ]
}

impl Schema {
    /// The name, without prefix, of the index that holds the documents of this time.
    pub fn index_at(&self, at: Timestamp) -> String {
        match self.rotation {
            Rotation::None => self.name.to_owned(),
            Rotation::Yearly => format!("{}-{}", self.name, at.year()),
            Rotation::Monthly => format!("{}-{}", self.name, at.month()),
            Rotation::Daily => format!("{}-{}", self.name, at.day()),
        }
    }

    /// The times that the documents of an index (named without the prefix) have; `None` where it is none of
    /// this kind, or not cut by time.
    pub fn period(&self, index: &str) -> Option<Range<Timestamp>> {
        let date = index.strip_prefix(self.name)?.strip_prefix('-')?;
        let (rest, months) = match self.rotation {
            Rotation::None => return None,
            Rotation::Yearly => ("-01-01", 12),
            Rotation::Monthly => ("-01", 1),
            Rotation::Daily => ("", 0),
        };
        let first: NaiveDate = format!("{date}{rest}").parse().ok()?;
        let after =
            if months == 0 { first.succ_opt()? } else { first.checked_add_months(Months::new(months))? };
        Some(Timestamp::start_of(first)..Timestamp::start_of(after))
    }

    /// Settings and mappings, as Elasticsearch's create-index request wants them.
    pub fn body(&self) -> Value {
        // A unit test reads every file, so what cannot be read never gets here.
        let mut body = serde_json::from_str(self.json).unwrap_or_else(|_| Value::Object(Map::new()));
        if self.rolls_up {
            body["mappings"]["properties"]["span"] = json!({ "type": "keyword" });
        }
        body
    }
}

impl Store {
    /// Makes sure of what the programs need of an index before they write: its template and alias where
    /// it is cut by time, else the index itself. Changes nothing that is there already but the template.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub async fn ensure(&self, schema: &Schema) -> Result<(), StoreError> {
        let name = self.name(schema.name);
        if schema.rotation == Rotation::None {
            return self.create_index(schema.name, &schema.body()).await;
        }
        let mut template = schema.body();
        template["aliases"] = json!({ name.as_str(): {} });
        let body = json!({
            "index_patterns": [format!("{name}-2*")],
            "priority": 500,
            "allow_auto_create": false,
            "template": template,
        });
        let path = format!("/_index_template/{name}");
        self.send::<Value>("put an index template", Method::Put, &path, Some(&body)).await.map(drop)
    }

    /// Creates an index (named without the prefix) unless it exists.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub async fn create_index(&self, index: &str, body: &Value) -> Result<(), StoreError> {
        let path = format!("/{}", self.name(index));
        match self.send::<Value>("create an index", Method::Put, &path, Some(body)).await {
            Err(error) if !error.is_already_there() => Err(error),
            _ => Ok(()),
        }
    }
}

/// A row of the lists that name indices and templates.
#[derive(serde::Deserialize)]
struct Named {
    #[serde(alias = "index")]
    name: String,
}

impl Store {
    /// Removes every index and template whose name begins with the prefix; nothing where there is no
    /// prefix. Gives how many there were.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub async fn remove_all(&self) -> Result<usize, StoreError> {
        let prefix = self.name("");
        if prefix.is_empty() {
            return Ok(0);
        }
        self.remove_named(&format!("{prefix}*")).await
    }

    /// Removes the indices and the template of one kind. Gives how many there were.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub async fn remove(&self, schema: &Schema) -> Result<usize, StoreError> {
        let name = self.name(schema.name);
        match schema.rotation {
            Rotation::None => self.remove_named(&name).await,
            // The template bears the name alone, the indices what `ensure` gives them.
            Rotation::Yearly | Rotation::Monthly | Rotation::Daily => {
                Ok(self.remove_named(&name).await? + self.remove_named(&format!("{name}-2*")).await?)
            }
        }
    }

    /// The names, without prefix, of all indices of the shop; [`Schema::period`] tells those of a kind.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub async fn indices(&self) -> Result<Vec<String>, StoreError> {
        let list = format!("/_cat/indices/{}*?format=json&h=index", self.name(""));
        let named: Vec<Named> = self.send("list indices", Method::Get, &list, None).await?;
        let base = |one: Named| one.name.strip_prefix(&self.name("")).map(str::to_owned);
        Ok(named.into_iter().filter_map(base).collect())
    }

    /// Removes one index, named without the prefix; one that is gone already is no failure.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub async fn remove_index(&self, index: &str) -> Result<(), StoreError> {
        let path = format!("/{}", self.name(index));
        match self.send::<Value>("remove an index", Method::Delete, &path, None).await {
            Err(StoreError::MissingIndex { .. }) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Removes the indices and templates that a pattern of full names describes. A name that is no pattern
    /// may be an alias: the indices behind it are removed then.
    async fn remove_named(&self, pattern: &str) -> Result<usize, StoreError> {
        let lists = [
            (format!("/_cat/indices/{pattern}?format=json&h=index"), "/"),
            (format!("/_cat/templates/{pattern}?format=json&h=name"), "/_index_template/"),
        ];
        let mut removed = 0;
        for (list, path) in lists {
            let named = match self.send("list what to remove", Method::Get, &list, None).await {
                Err(StoreError::MissingIndex { .. }) => Vec::new(),
                named => named?,
            };
            for Named { name } in &named {
                let path = format!("{path}{name}");
                self.send::<Value>("remove an index or template", Method::Delete, &path, None).await?;
            }
            removed += named.len();
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::time::DAY_MS;

    #[test]
    fn every_mapping_can_be_read_and_is_strict() {
        for schema in Schema::ALL {
            let body: Value = serde_json::from_str(schema.json).expect(schema.name);
            assert_eq!(body["mappings"]["dynamic"], "strict", "{}", schema.name);
            assert_eq!(body["settings"]["number_of_replicas"], 0, "{}", schema.name);
        }
    }

    #[test]
    fn an_index_is_named_after_the_time_of_its_documents() {
        let at = Timestamp::parse("2026-11-21T23:59:59.999Z").unwrap();
        assert_eq!(Schema::EVENTS.index_at(at), "events-2026-11-21");
        assert_eq!(Schema::FRAUD_SIGNALS.index_at(at), "fraud-signals-2026-11");
        assert_eq!(Schema::CATEGORY_FUNNELS_DAYS.index_at(at), "category-funnels-days-2026");
        assert_eq!(Schema::PROCESSOR_FRONTIERS.index_at(at), "processor-frontiers");
    }

    #[test]
    fn an_index_of_a_level_is_told_from_those_of_the_minutes() {
        assert_eq!(Schema::PRODUCT_TRENDS.period("product-trends-hours-2026-11"), None);
        assert_eq!(Schema::PROCESSOR_FRONTIERS.period("processor-frontiers"), None);
    }

    proptest! {
        #[test]
        fn a_time_lies_in_the_period_of_its_index(millis in 0..DAY_MS * 100_000) {
            let at = Timestamp::from_millis(millis);
            for schema in Schema::ALL.iter().filter(|schema| schema.rotation != Rotation::None) {
                let period = schema.period(&schema.index_at(at)).unwrap();
                prop_assert!(period.contains(&at));
                prop_assert_ne!(schema.index_at(period.end), schema.index_at(at));
            }
        }
    }
}
