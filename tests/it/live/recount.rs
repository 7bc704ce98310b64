//! What the indices say, held against what the generator says. Also used by the chaos tests.

use std::path::Path;

use serde_json::{Value, json};
use shoplens::model::event::EventType;
use shoplens::store::Missing;

use super::shop::Shop;

async fn search(shop: &Shop, index: &str, body: Value) -> Value {
    shop.store.search("recount", index, Missing::IsError, &body).await.unwrap()
}

/// What the indices say, in the shape of the generator's report.
pub async fn recount(shop: &Shop) -> Value {
    for index in ["events", "product-trends", "category-funnels"] {
        shop.store.refresh(index).await.unwrap();
    }
    let types = json!({ "size": 0, "track_total_hits": true, "aggs": { "types": { "terms": { "field": "event_type" } } } });
    let events = search(shop, "events", types).await;
    let buckets = events["aggregations"]["types"]["buckets"].as_array().unwrap().iter();
    let by_type: serde_json::Map<String, Value> = buckets
        .map(|bucket| (bucket["key"].as_str().unwrap().to_owned(), bucket["doc_count"].clone()))
        .collect();
    let roots = json!({ "size": 0, "query": { "term": { "category": "all" } },
        "aggs": { "entered": { "sum": { "field": "entered" } } } });
    let funnels = search(shop, "category-funnels", roots).await;
    let sum = |kind: EventType| json!({ "sum": { "field": format!("{kind}.quantity") } });
    let sums = json!({ "size": 0, "aggs": {
        "viewed": sum(EventType::View), "carted": sum(EventType::AddToCart),
        "purchased": sum(EventType::Purchase), "refunded": sum(EventType::Refund) } });
    let trends = search(shop, "product-trends", sums).await;
    let whole = |answer: &Value, name: &str| answer["aggregations"][name]["value"].as_f64().unwrap() as u64;
    json!({
        "total": events["hits"]["total"]["value"],
        "events": by_type,
        "entrants": whole(&funnels, "entered"),
        "units": {
            "viewed": whole(&trends, "viewed"), "carted": whole(&trends, "carted"),
            "purchased": whole(&trends, "purchased"), "refunded": whole(&trends, "refunded"),
        },
    })
}

/// The generator's own counts, without what the indices do not say.
pub fn said(report: &Path) -> Value {
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let fields = ["total", "events", "entrants", "units"];
    fields
        .into_iter()
        .map(|field| (field.to_owned(), report[field].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
