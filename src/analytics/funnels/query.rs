//! What is asked of Elasticsearch about funnels: sums of panes, as pure functions.

use serde_json::{Value, json};

use crate::analytics::funnels::times::BUCKETS;
use crate::analytics::funnels::{ROOT, level};
use crate::analytics::panes::panes;
use crate::analytics::query::sum;
use crate::analytics::range::Range;

/// Most categories of one level: a real shop's department has tens.
const CATEGORIES_MAX: usize = 1_000;

/// The fields that are added up.
pub fn fields() -> impl Iterator<Item = String> {
    let steps = ["entered", "viewed", "carted", "purchased"];
    let ways = ["by_search", "by_browse"];
    let of_ways = ways.into_iter().flat_map(move |way| steps.map(|step| format!("{way}.{step}")));
    let of_times = ["view", "cart", "purchase"].into_iter();
    let of_times =
        of_times.flat_map(|step| (0..BUCKETS).map(move |bucket| format!("times.{step}.b{bucket}")));
    let others = ["searched", "carted_cents", "revenue_cents", "refunded", "refunded_cents"];
    steps.into_iter().chain(others).map(str::to_owned).chain(of_ways).chain(of_times)
}

/// The name of a field's sum: a dot in it would be read as a path.
pub fn name(field: &str) -> String {
    field.replace('.', "_")
}

/// The funnels of a category and of the categories right below it.
pub fn funnels(range: Range, category: &str) -> Value {
    let below = if category == ROOT {
        json!({ "term": { "level": 1 } })
    } else {
        json!({ "bool": { "filter": [
            { "term": { "level": level(category) + 1 } },
            { "prefix": { "category": format!("{category}.") } },
        ] } })
    };
    let sums: serde_json::Map<String, Value> = fields().map(|field| (name(&field), sum(&field))).collect();
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": { "bool": {
            "filter": [panes(range)],
            "should": [{ "term": { "category": category } }, below],
            "minimum_should_match": 1,
        } },
        "aggs": { "categories": { "terms": { "field": "category", "size": CATEGORIES_MAX }, "aggs": sums } },
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::model::time::Timestamp;
    use crate::store::schema::Schema;

    fn range() -> Range {
        Range::last(5, Timestamp::parse("2026-11-21T10:07:30Z").unwrap())
    }

    #[test]
    fn a_category_is_asked_for_with_its_children() {
        let body = funnels(range(), "electronics.audio");
        assert_snapshot!(body["query"], @r#"{"bool":{"filter":[{"range":{"minute":{"gte":"2026-11-21T10:02:00.000Z","lte":"2026-11-21T10:07:30.000Z"}}}],"minimum_should_match":1,"should":[{"term":{"category":"electronics.audio"}},{"bool":{"filter":[{"term":{"level":3}},{"prefix":{"category":"electronics.audio."}}]}}]}}"#);
    }

    #[test]
    fn the_whole_shop_is_asked_for_with_its_departments() {
        let should = &funnels(range(), ROOT)["query"]["bool"]["should"];
        assert_eq!(should, &json!([{ "term": { "category": "all" } }, { "term": { "level": 1 } }]));
    }

    #[test]
    fn every_field_that_is_added_up_is_a_number_of_the_panes() {
        let mapping = Schema::CATEGORY_FUNNELS.body();
        for field in fields() {
            let path = format!("/mappings/properties/{}", field.replace('.', "/properties/"));
            let kind = mapping.pointer(&path).map(|found| found["type"].clone());
            assert!(
                matches!(kind, Some(Value::String(kind)) if kind == "integer" || kind == "long"),
                "{field}"
            );
        }
    }
}
