//! Schemas and bulk writes on the real Elasticsearch.

use serde_json::{Value, json};
use shoplens::model::time::Timestamp;
use shoplens::store::bulk::{Mode, Operation};
use shoplens::store::schema::Schema;
use shoplens::store::{Missing, StoreError};

use crate::live::shop::{Shop, with_shop};

fn frontier(shop: &Shop, mode: Mode, partition: i32) -> Operation<'static> {
    let source = json!({ "group": "trends", "partition": partition }).to_string().into_bytes().into();
    Operation { index: shop.store.name("processor-frontiers").into(), id: "a".into(), mode, source, tag: 0 }
}

#[tokio::test]
async fn elasticsearch_takes_every_schema() {
    with_shop(async |shop| {
        for schema in Schema::ALL {
            shop.store.ensure(schema).await.unwrap();
            let index = schema.index_at(Timestamp::now());
            shop.store.create_index(&index, &json!({})).await.unwrap();
        }
        let found: Value = shop
            .store
            .search("count events", Schema::EVENTS.name, Missing::IsError, &json!({ "size": 0 }))
            .await
            .unwrap();
        assert_eq!(found["hits"]["total"]["value"], 0);
    })
    .await;
}

#[tokio::test]
async fn a_lesser_version_never_replaces_a_fuller_document() {
    with_shop(async |shop| {
        shop.store.ensure(&Schema::PROCESSOR_FRONTIERS).await.unwrap();
        let newer = shop.store.write_all(vec![frontier(shop, Mode::IfNewer(5), 5)], 1).await;
        let older = shop.store.write_all(vec![frontier(shop, Mode::IfNewer(4), 4)], 1).await;
        assert_eq!((newer.done, older.done, older.superseded), (1, 0, 1));
        shop.store.refresh("processor-frontiers").await.unwrap();
        let body = json!({ "query": { "match_all": {} } });
        let found: Value =
            shop.store.search("read it", "processor-frontiers", Missing::IsError, &body).await.unwrap();
        assert_eq!(found["hits"]["hits"][0]["_source"]["partition"], 5);
    })
    .await;
}

#[tokio::test]
async fn a_write_to_an_index_that_was_dropped_does_not_revive_it() {
    with_shop(async |shop| {
        shop.store.ensure(&Schema::EVENTS).await.unwrap();
        let index = shop.store.name("events-2020-01-01");
        let operation = Operation {
            index: index.into(),
            id: "a".into(),
            mode: Mode::Create,
            source: b"{}".into(),
            tag: 0,
        };
        let written = shop.store.write_all(vec![operation], 1).await;
        assert_eq!((written.done, written.missing.len()), (0, 1));
    })
    .await;
}

#[tokio::test]
async fn a_missing_catalogue_is_told_with_what_to_do() {
    with_shop(async |shop| {
        let found: Result<Value, StoreError> =
            shop.store.search("search products", "products", Missing::IsError, &json!({})).await;
        let message = found.unwrap_err().to_string();
        let index = shop.store.name("products");
        assert_eq!(
            message,
            format!("cannot search products: the index {index} does not exist; run the seeder")
        );
    })
    .await;
}
