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

/// Stores what was searched for as the processor does: whose, query, sessions, searches, those that found nothing.
pub async fn store_searches(shop: &Shop, schema: &Schema, searches: &[(Option<&str>, &str, u64, u64, u64)]) {
    shop.store.create_index(schema.name, &schema.body()).await.unwrap();
    for (session, query, sessions, searches, zero_results) in searches {
        let mut document = json!({
            "minute": chrono::Utc::now().to_rfc3339(), "scope": "query", "key": query, "sessions": sessions,
            "searches": searches, "zero_results": zero_results,
        });
        if let Some(session) = session {
            document["session_id"] = json!(session);
        }
        let path = format!("/{}/_doc", shop.store.name(schema.name));
        shop.store.send::<Value>("store searches", Method::Post, &path, Some(&document)).await.unwrap();
    }
    shop.store.refresh(schema.name).await.unwrap();
}

#[tokio::test]
async fn what_many_search_for_is_suggested_and_what_bots_search_for_is_not() {
    with_shop(async |shop| {
        seed(shop).await;
        let all = [
            (None, "headphones red", 3, 5, 1),
            (None, "headphones red", 2, 2, 0),
            (None, "headphones for cats", 3, 3, 3),
            (None, "headphones cheap", 4, 40, 0),
            (None, "headphones secret", 2, 9, 0),
        ];
        store_searches(shop, &Schema::QUERY_STATS, &all).await;
        let of_bots = [
            (Some("bot"), "headphones cheap", 1, 20, 0),
            (Some("bot-2"), "headphones cheap", 1, 18, 0),
            (Some("bot"), "headphones red", 1, 1, 0),
            (Some("suspect"), "headphones red", 1, 1, 0),
        ];
        store_searches(shop, &Schema::SUSPECT_QUERIES, &of_bots).await;
        let signals = Schema::FRAUD_SIGNALS.name;
        shop.store.create_index(signals, &Schema::FRAUD_SIGNALS.body()).await.unwrap();
        let now = chrono::Utc::now().to_rfc3339();
        for (session, active) in [("bot", true), ("bot-2", true), ("suspect", false)] {
            let signal = json!({
                "rule": "search_flood", "active": active, "session_id": session, "first_seen": now, "last_seen": now,
            });
            let path = format!("/{}/_doc", shop.store.name(signals));
            shop.store.send::<Value>("store a signal", Method::Post, &path, Some(&signal)).await.unwrap();
        }
        shop.store.refresh(signals).await.unwrap();

        let answer = service(shop, &[]).get("/autocomplete?q=headp").await;
        let suggestions = answer["suggestions"].as_array().unwrap();
        let queries: Vec<_> = suggestions.iter().filter(|one| one["kind"] == "query").collect();
        assert_eq!(queries.len(), 1, "{answer}");
        assert_eq!((&queries[0]["text"], &queries[0]["count"]), (&json!("headphones red"), &json!(4)));
    })
    .await;
}
