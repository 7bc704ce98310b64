//! The kinds of results that are rolled up: by what they are added up, and what of them.

use chrono::TimeDelta;

use crate::model::event::SESSION_MAX;
use crate::rollup::level::Level;
use crate::store::schema::Schema;

/// One kind of result.
#[derive(Debug)]
pub struct Kind {
    /// Its documents of a minute.
    pub minutes: Schema,
    /// Its levels, the shortest spans first.
    pub levels: &'static [(Level, Schema)],
    /// The consumer group whose frontier says which minutes can change no more.
    pub group: &'static str,
    /// The operator that computes it.
    pub operator: &'static str,
    /// How far behind the start of one of the operator's windows a document's minute may lie.
    pub reach: TimeDelta,
    /// What the documents of a span are told apart by; what differs in anything else is added up.
    pub keys: &'static [&'static str],
    /// What is added up: fields within an object, which is `""` for the document itself.
    sums: &'static [(&'static str, &'static [&'static str])],
}

const TALLY: &[&str] = &["sessions", "quantity", "revenue_cents"];
const TALLIES: &[(&str, &[&str])] =
    &[("view", TALLY), ("add_to_cart", TALLY), ("purchase", TALLY), ("refund", TALLY)];
const STAGES: &[&str] = &["entered", "viewed", "carted", "purchased"];
const TIMES: &[&str] =
    &["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9", "b10", "b11", "b12", "b13"];
const FUNNEL: &[(&str, &[&str])] = &[
    ("", STAGES),
    ("", &["searched", "refunded", "revenue_cents", "carted_cents", "refunded_cents"]),
    ("by_search", STAGES),
    ("by_browse", STAGES),
    ("times.view", TIMES),
    ("times.cart", TIMES),
    ("times.purchase", TIMES),
];
const SEARCHES: &[(&str, &[&str])] = &[(
    "",
    &[
        "sessions",
        "searches",
        "intents",
        "zero_results",
        "clicked",
        "clicks",
        "position_sum",
        "reciprocal_rank_millionths",
        "carted",
        "purchased",
        "units",
        "revenue_cents",
        "refunded_units",
        "refunded_cents",
    ],
)];

/// Every kind.
pub const KINDS: [Kind; 5] = [
    Kind {
        minutes: Schema::PRODUCT_TRENDS,
        levels: &[
            (Level::Quarter, Schema::PRODUCT_TRENDS_QUARTERS),
            (Level::Hour, Schema::PRODUCT_TRENDS_HOURS),
            (Level::Day, Schema::PRODUCT_TRENDS_DAYS),
        ],
        group: "trends",
        operator: "trends",
        reach: TimeDelta::zero(),
        keys: &["product_id", "category", "brand"],
        sums: TALLIES,
    },
    Kind {
        minutes: Schema::CATEGORY_FUNNELS,
        levels: &[(Level::Hour, Schema::CATEGORY_FUNNELS_HOURS), (Level::Day, Schema::CATEGORY_FUNNELS_DAYS)],
        group: "sessions",
        operator: "visits",
        reach: TimeDelta::zero(),
        keys: &["category", "level"],
        sums: FUNNEL,
    },
    Kind {
        minutes: Schema::QUERY_STATS,
        levels: &[(Level::Hour, Schema::QUERY_STATS_HOURS), (Level::Day, Schema::QUERY_STATS_DAYS)],
        group: "sessions",
        operator: "visits",
        reach: TimeDelta::zero(),
        keys: &["scope", "key"],
        sums: SEARCHES,
    },
    Kind {
        minutes: Schema::SUSPECT_PRODUCTS,
        levels: &[(Level::Hour, Schema::SUSPECT_PRODUCTS_HOURS), (Level::Day, Schema::SUSPECT_PRODUCTS_DAYS)],
        group: "sessions",
        operator: "visits",
        reach: SESSION_MAX,
        keys: &["session_id", "product_id", "category"],
        sums: TALLIES,
    },
    Kind {
        minutes: Schema::SUSPECT_QUERIES,
        levels: &[(Level::Hour, Schema::SUSPECT_QUERIES_HOURS), (Level::Day, Schema::SUSPECT_QUERIES_DAYS)],
        group: "sessions",
        operator: "visits",
        reach: TimeDelta::zero(),
        keys: &["session_id", "scope", "key"],
        sums: SEARCHES,
    },
];

impl Kind {
    /// The paths of the fields that are added up.
    pub fn sums(&self) -> impl Iterator<Item = String> {
        self.sums.iter().flat_map(|(object, fields)| {
            let path = |field: &&str| match *object {
                "" => (*field).to_owned(),
                object => format!("{object}.{field}"),
            };
            fields.iter().map(path)
        })
    }

    /// Where the spans of a level are made from: days from hours, all others from minutes.
    pub fn source(&self, level: Level) -> &Schema {
        let hours = self.levels.iter().find(|(one, _)| (*one, level) == (Level::Hour, Level::Day));
        hours.map_or(&self.minutes, |(_, schema)| schema)
    }

    /// Whether its documents also bear every level of their category.
    pub fn has_categories(&self) -> bool {
        self.keys.contains(&"product_id")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// The paths of all fields of a mapping.
    fn fields(properties: &Value, prefix: &str, found: &mut BTreeSet<String>) {
        for (name, field) in properties.as_object().unwrap() {
            match field.get("properties") {
                Some(inner) => fields(inner, &format!("{prefix}{name}."), found),
                None => drop(found.insert(format!("{prefix}{name}"))),
            }
        }
    }

    #[test]
    fn every_field_is_a_key_or_added_up_or_known_to_be_left_out() {
        for kind in &KINDS {
            let mut mapped = BTreeSet::new();
            fields(&kind.minutes.body()["mappings"]["properties"], "", &mut mapped);
            let own = ["minute", "partition", "support"].map(str::to_owned);
            let mut known: BTreeSet<String> = own.into_iter().chain(kind.sums()).collect();
            known.extend(kind.keys.iter().map(|key| (*key).to_owned()));
            let left: Vec<&String> = mapped.difference(&known).collect();
            let expected: &[&str] = match kind.minutes.name {
                "product-trends" => &["categories", "stream"],
                "suspect-products" => &["categories", "session_minute", "stream"],
                _ => &[],
            };
            assert_eq!(left, expected, "{}", kind.minutes.name);
            assert!(known.is_subset(&mapped), "{}", kind.minutes.name);
        }
    }

    #[test]
    fn days_are_made_from_hours_and_hours_from_minutes() {
        let [trends, ..] = &KINDS;
        let source = |level| trends.source(level).name;
        let expected = ["product-trends", "product-trends", "product-trends-hours"];
        assert_eq!(Level::ALL.map(source), expected);
    }
}
