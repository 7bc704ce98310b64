//! The catalogue's loading, its index and its synonyms on the real Elasticsearch.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use serde_json::{Value, json};
use shoplens::catalog::load::{LoadError, Plan, Report, load};
use shoplens::catalog::source::Source;
use shoplens::catalog::synthesis::Catalogue;
use shoplens::catalog::taxonomy::Taxonomy;
use shoplens::model::money::Currency;
use shoplens::store::{Method, Missing};

use crate::live::shop::{Shop, with_shop};

async fn seed(shop: &Shop, products: u64) -> Result<Report, LoadError> {
    let taxonomy = Arc::new(Taxonomy::built_in().unwrap());
    let catalogue = Catalogue { taxonomy, seed: 42, currency: Currency::EUR };
    fill(shop, Source::MadeUp(Arc::new(catalogue), products)).await
}

async fn fill(shop: &Shop, source: Source) -> Result<Report, LoadError> {
    let connections = NonZeroUsize::new(2).unwrap();
    load(&shop.store, &Plan { source, connections, synonyms: Vec::new(), kept: 1 }, |_| ()).await
}

async fn search(shop: &Shop, body: Value) -> Value {
    shop.store.search("search products", "products", Missing::IsError, &body).await.unwrap()
}

async fn put(shop: &Shop, path: &str, body: Value) {
    shop.store.send::<Value>("prepare a test", Method::Put, path, Some(&body)).await.unwrap();
}

/// The versions that there are, without the prefix.
async fn versions(shop: &Shop) -> Vec<String> {
    let path = format!("/{}-v*/_alias", shop.store.name("products"));
    let answer: Value = shop.store.send("list versions", Method::Get, &path, None).await.unwrap();
    answer.as_object().unwrap().keys().map(|name| name.replace(&shop.prefix, "")).collect()
}

/// The whole catalogue as it is served, by id.
async fn served(shop: &Shop) -> Vec<Value> {
    let found = search(shop, json!({ "size": 10_000, "sort": ["id"] })).await;
    found["hits"]["hits"].as_array().unwrap().iter().map(|hit| hit["_source"].clone()).collect()
}

/// The names of the first hits for a text in a field.
async fn found(shop: &Shop, field: &str, text: &str) -> Vec<(String, String)> {
    let body = json!({ "size": 5, "query": { "match": { field: { "query": text, "operator": "and" } } } });
    let answer = search(shop, body).await;
    let text = |hit: &Value, field: &str| hit["_source"][field].as_str().unwrap().to_owned();
    let hits = answer["hits"]["hits"].as_array().unwrap();
    hits.iter().map(|hit| (text(hit, "category"), text(hit, "name"))).collect()
}

#[tokio::test]
async fn a_seeded_shop_is_whole_and_every_level_of_a_category_finds_its_products() {
    with_shop(async |shop| {
        let report = seed(shop, 2_000).await.unwrap();
        let leaves = Taxonomy::built_in().unwrap().leaves.iter().count() as u64;
        assert_eq!((report.products, report.categories, report.retries), (2_000, leaves, 0));
        let path = format!("/{}/_count", shop.store.name("products"));
        let count: Value = shop.store.send("count", Method::Get, &path, None).await.unwrap();
        assert_eq!(count["count"], 2_000);

        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for product in served(shop).await {
            let levels: Vec<&str> = product["category"].as_str().unwrap().split('.').collect();
            for depth in 1..=levels.len() {
                *expected.entry(levels[..depth].join(".")).or_default() += 1;
            }
        }
        let levels = json!({ "terms": { "field": "categories", "size": 1_000 } });
        let answer = search(shop, json!({ "size": 0, "aggs": { "levels": levels } })).await;
        let buckets = answer["aggregations"]["levels"]["buckets"].as_array().unwrap();
        let counted: BTreeMap<String, u64> = buckets
            .iter()
            .map(|bucket| (bucket["key"].as_str().unwrap().to_owned(), bucket["doc_count"].as_u64().unwrap()))
            .collect();
        assert_eq!(counted, expected);
    })
    .await;
}

#[tokio::test]
async fn a_second_load_serves_the_same_products_from_a_new_version() {
    with_shop(async |shop| {
        seed(shop, 300).await.unwrap();
        let first = served(shop).await;
        let report = seed(shop, 300).await.unwrap();
        assert_eq!(report.index, shop.store.name("products-v2"));
        assert_eq!(served(shop).await, first);
        assert_eq!(versions(shop).await, ["products-v1", "products-v2"]);
        seed(shop, 200).await.unwrap();
        assert_eq!(served(shop).await, first[..200], "a smaller catalogue is a part of a larger one");
        assert_eq!(versions(shop).await, ["products-v2", "products-v3"]);
    })
    .await;
}

#[tokio::test]
async fn a_load_clears_away_what_an_interrupted_one_has_left() {
    with_shop(async |shop| {
        seed(shop, 100).await.unwrap();
        let half_filled = shop.store.name("products-v2");
        put(shop, &format!("/{half_filled}"), json!({ "settings": { "number_of_replicas": 0 } })).await;
        put(shop, &format!("/{half_filled}/_doc/p-00000001"), json!({ "id": "p-00000001" })).await;
        assert_eq!(served(shop).await.len(), 100, "the half-filled version is not served");
        seed(shop, 100).await.unwrap();
        assert_eq!(versions(shop).await, ["products-v1", "products-v3"]);
        assert_eq!(served(shop).await.len(), 100);
    })
    .await;
}

#[tokio::test]
async fn refused_products_are_told_and_leave_the_old_catalogue_served() {
    with_shop(async |shop| {
        seed(shop, 100).await.unwrap();
        let template = json!({
            "index_patterns": [format!("{}*", shop.store.name("products-v"))],
            "priority": 600,
            "template": { "mappings": { "_routing": { "required": true } } },
        });
        put(shop, &format!("/_index_template/{}", shop.store.name("spoiler")), template).await;
        let message = seed(shop, 200).await.unwrap_err().to_string();
        let expected = "200 products were refused";
        assert!(message.starts_with(expected) && message.contains("routing is required"), "{message}");
        assert_eq!(served(shop).await.len(), 100);
    })
    .await;
}

#[tokio::test]
async fn a_mapping_that_a_foreign_template_has_spoiled_is_told_and_never_served() {
    with_shop(async |shop| {
        seed(shop, 100).await.unwrap();
        let before = served(shop).await;
        let spoiler = async |priority: u32, mappings: Value| {
            let patterns = [format!("{}*", shop.store.name("products-v"))];
            let template =
                json!({ "index_patterns": patterns, "priority": priority, "template": { "mappings": mappings } });
            put(shop, &format!("/_index_template/{}", shop.store.name("spoiler")), template).await;
        };
        let shadow = json!({ "runtime": { "price_cents": { "type": "keyword" } } });
        let further = json!({ "properties": { "more": { "type": "keyword" } } });
        for (mappings, what) in [(&shadow, "runtime is {"), (&further, "there is a further field more")] {
            spoiler(600, mappings.clone()).await;
            let error = fill(shop, Source::Served).await.unwrap_err();
            let message = error.to_string();
            assert!(matches!(error, LoadError::Unsound { .. }) && message.contains(what), "{message}");
            assert!(message.ends_with("so the alias was left as it was"), "{message}");
            assert_eq!(served(shop).await, before);
        }
        spoiler(400, shadow).await;
        fill(shop, Source::Served).await.unwrap();
        assert_eq!(served(shop).await, before, "a template of less priority changes nothing");
    })
    .await;
}

#[tokio::test]
async fn an_index_in_the_place_of_the_alias_is_told() {
    with_shop(async |shop| {
        put(shop, &format!("/{}", shop.store.name("products")), json!({})).await;
        let error = seed(shop, 10).await.unwrap_err();
        assert!(matches!(error, LoadError::NameTaken { .. }), "{error}");
    })
    .await;
}

#[tokio::test]
async fn the_served_index_refreshes_and_has_the_synonyms_of_a_shop() {
    with_shop(async |shop| {
        let report = seed(shop, 2_000).await.unwrap();
        let path = format!("/{}/_settings", report.index);
        let settings: Value = shop.store.send("read settings", Method::Get, &path, None).await.unwrap();
        assert_eq!(settings[&report.index]["settings"]["index"]["refresh_interval"], "1s");

        let ways = [
            ("name", "earbuds", "electronics.audio.in-ear-headphones"),
            ("name", "earbud", "electronics.audio.in-ear-headphones"),
            ("name", "telly", "electronics.tv-video.televisions"),
            ("name", "television", "electronics.tv-video.televisions"),
            ("name", "mobile phones", "electronics.phones.smartphones"),
            ("name", "couch", "home.furniture.sofas"),
            ("name", "sneakers", "fashion.shoes.trainers"),
            ("name", "skillet", "kitchen.cookware.frying-pans"),
            ("category_label", "refrigerators", "kitchen.appliances.refrigerators"),
            ("category_label", "fridge", "kitchen.appliances.refrigerators"),
        ];
        for (field, text, category) in ways {
            let hits = found(shop, field, text).await;
            let are_right = hits.iter().all(|hit| hit.0 == category);
            assert!(!hits.is_empty() && are_right, "{text}: {hits:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_beginning_of_a_word_finds_what_it_may_become() {
    with_shop(async |shop| {
        seed(shop, 2_000).await.unwrap();
        let body = json!({
            "size": 0,
            "query": { "match": { "category_label.prefix": "hea" } },
            "aggs": { "labels": { "terms": { "field": "category", "size": 10, "order": { "_key": "asc" } } } },
        });
        let answer = search(shop, body).await;
        let buckets = answer["aggregations"]["labels"]["buckets"].as_array().unwrap();
        let categories: Vec<&str> = buckets.iter().map(|bucket| bucket["key"].as_str().unwrap()).collect();
        let expected = [
            "electronics.audio.headphones",
            "electronics.audio.headsets",
            "electronics.audio.in-ear-headphones",
        ];
        assert_eq!(categories, expected);
        assert!(!found(shop, "name.prefix", "smartph").await.is_empty());
    })
    .await;
}
