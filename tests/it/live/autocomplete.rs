//! Suggestions on the real Elasticsearch.

use serde_json::{Value, json};
use shoplens::store::Method;
use shoplens::store::schema::Schema;

use crate::live::shop::{Shop, with_shop};
use crate::live::small_shop::{seed, service};

fn texts(answer: &Value) -> Vec<&str> {
    let suggestions = answer["suggestions"].as_array().unwrap();
    suggestions.iter().map(|suggestion| suggestion["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_few_letters_suggest_categories_brands_and_products() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        let answer = service.get("/autocomplete?q=hea").await;
        assert_eq!(texts(&answer)[..3], ["Headphones", "Headsets", "Heating"]);
        assert_eq!(answer["suggestions"][0]["value"], "electronics.audio.headphones");
        assert_eq!(texts(&answer).len(), 8);
        let answer = service.get("/autocomplete?q=head+wire").await;
        assert_eq!(texts(&answer), ["Voltara Pulse wireless headphones"]);
        let answer = service.get("/autocomplete?q=stri").await;
        let parts = json!([{ "text": "Stri", "matched": true }, { "text": "der", "matched": false }]);
        let brand =
            json!({ "text": "Strider", "kind": "brand", "value": "Strider", "count": 3, "parts": parts });
        assert_eq!(answer["suggestions"][0], brand);
        // The most popular product first.
        assert_eq!(texts(&answer)[1], "Strider running jacket");
    })
    .await;
}

#[tokio::test]
async fn a_slip_of_the_finger_and_another_name_still_suggest_what_is_meant() {
    with_shop(async |shop| {
        seed(shop).await;
        let service = service(shop, &[]);
        for (typed, expected) in [
            ("hda", "Headphones"),
            ("haedpho", "Headphones"),
            ("tell", "Televisions"),
            ("cell ph", "Smartphones"),
        ] {
            let answer = service.get(&format!("/autocomplete?q={}", typed.replace(' ', "+"))).await;
            assert!(texts(&answer).contains(&expected), "{typed}: {:?}", texts(&answer));
        }
        let answer = service.get("/autocomplete?q=wirless+haedph").await;
        assert_eq!(texts(&answer), ["Voltara Pulse wireless headphones"]);
        let answer = service.get("/autocomplete?q=phones+wire").await;
        assert_eq!(answer["suggestions"], json!([]));
    })
    .await;
}

/// Stores searches as the archiver does: query, visitor, session, results.
async fn store_searches(shop: &Shop, searches: &[(&str, &str, &str, u32)]) {
    let index = Schema::EVENTS.name;
    shop.store.create_index(index, &Schema::EVENTS.body()).await.unwrap();
    for (query, client, session, results) in searches {
        let event = json!({
            "event_type": "search", "timestamp": chrono::Utc::now().to_rfc3339(), "query": query,
            "client_id": client, "session_id": session, "result_count": results,
        });
        let path = format!("/{}/_doc", shop.store.name(index));
        shop.store.send::<Value>("store a search", Method::Post, &path, Some(&event)).await.unwrap();
    }
    shop.store.refresh(index).await.unwrap();
}

#[tokio::test]
async fn what_many_visitors_search_for_is_suggested_and_what_bots_search_for_is_not() {
    with_shop(async |shop| {
        seed(shop).await;
        store_searches(
            shop,
            &[
                ("headphones red", "c-1", "s-1", 5),
                ("Headphones red", "c-2", "s-2", 5),
                ("headphones red", "c-3", "s-3", 5),
                ("headphones for cats", "c-1", "s-1", 0),
                ("headphones for cats", "c-2", "s-2", 0),
                ("headphones for cats", "c-3", "s-3", 0),
                ("headphones cheap", "c-4", "bot", 5),
                ("headphones cheap", "c-5", "bot", 5),
                ("headphones cheap", "c-6", "bot", 5),
                ("headphones secret", "c-1", "s-1", 5),
                ("headphones secret", "c-1", "s-4", 5),
            ],
        )
        .await;
        let signals = Schema::FRAUD_SIGNALS.name;
        shop.store.create_index(signals, &Schema::FRAUD_SIGNALS.body()).await.unwrap();
        let now = chrono::Utc::now().to_rfc3339();
        let signal = json!({ "rule": "bot_velocity", "active": true, "session_id": "bot", "last_seen": now });
        let path = format!("/{}/_doc", shop.store.name(signals));
        shop.store.send::<Value>("store a signal", Method::Post, &path, Some(&signal)).await.unwrap();
        shop.store.refresh(signals).await.unwrap();

        let answer = service(shop, &[]).get("/autocomplete?q=headp").await;
        let suggestions = answer["suggestions"].as_array().unwrap();
        let queries: Vec<_> = suggestions.iter().filter(|one| one["kind"] == "query").collect();
        assert_eq!(queries.len(), 1, "{answer}");
        assert_eq!((&queries[0]["text"], &queries[0]["count"]), (&json!("headphones red"), &json!(3)));
    })
    .await;
}
