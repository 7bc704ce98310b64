//! Visits that were taken for bots' until somebody looked at them.

use std::collections::BTreeSet;

use poem::http::Method;
use serde_json::{Value, json};
use shoplens::model::money::Currency;
use shoplens::model::time::Timestamp;

use crate::live::analytics::ADMIN_TOKEN;
use crate::live::searches::{Key, hold, log_of_an_hour, make_searchable, recount, text};
use crate::live::shop::Shop;
use crate::live::small_log::{drain, minute, with_small_log};
use crate::live::small_shop::service;

/// What a service that has just been started says of searches and of trends: nothing is kept from before.
async fn ask(shop: &Shop, path: &str) -> Value {
    service(shop, &[]).get(&format!("{path}?from={}&to={}", minute(0), minute(30))).await
}

/// The cases on bots that are listed, by the visit's id.
async fn cases(shop: &Shop) -> Vec<(String, String)> {
    let page = service(shop, &[]).get("/fraud?size=100").await;
    let items = page["items"].as_array().unwrap().iter();
    let items = items.filter(|item| text(item, "session_id").starts_with("bot"));
    items.map(|item| (text(item, "session_id").to_owned(), text(item, "id").to_owned())).collect()
}

async fn decide(shop: &Shop, id: &str, status: &str) {
    let service = service(shop, &["--admin-token", ADMIN_TOKEN]);
    let path = format!("/fraud/{}", id.replace('|', "%7C"));
    let change = json!({ "status": status, "quiet_days": 0 });
    assert_eq!(service.send(Method::PATCH, &path, ADMIN_TOKEN, &change).await.0, 200);
}

#[tokio::test]
async fn a_visit_of_which_every_case_was_dismissed_counts_as_a_persons_until_one_is_opened_again() {
    with_small_log(async |shop, log| {
        let events = log_of_an_hour(log);
        drain(shop, Currency::EUR).await;
        make_searchable(shop).await;
        let began = |event: &Value| Timestamp::parse(text(event, "session_started_at")).unwrap();
        let everybody: Vec<Value> = events.into_iter().filter(|event| began(event) >= minute(0)).collect();
        let is_a_bots = |event: &Value| text(event, "session_id").starts_with("bot");
        let people: Vec<Value> = everybody.iter().filter(|event| !is_a_bots(event)).cloned().collect();
        let before = ask(shop, "/analytics/overview").await;
        hold(&before["now"], &recount(&people, Key::All), "before");

        // The log's visits are one visitor's: what is dismissed of one is quiet for all others by the same rule.
        let rules = |cases: &[(String, String)]| -> BTreeSet<String> {
            cases.iter().map(|(_, id)| id.split('|').next().unwrap().to_owned()).collect()
        };
        let mut dismissed = Vec::new();
        loop {
            let left = cases(shop).await;
            let Some((_, id)) = left.first() else { break };
            let overview = ask(shop, "/analytics/overview").await;
            assert_eq!(overview["bots"]["sessions"], json!(2), "they are bots' by {:?}", rules(&left));
            decide(shop, id, "dismissed").await;
            dismissed.push(id.clone());
        }
        assert!(!dismissed.is_empty());
        let after = ask(shop, "/analytics/overview").await;
        hold(&after["now"], &recount(&everybody, Key::All), "after");
        assert_eq!((&after["bots"]["sessions"], &after["bots"]["told_apart"]), (&json!(0), &json!(true)));

        decide(shop, &dismissed[0], "open").await;
        let opened = ask(shop, "/analytics/overview").await;
        assert_eq!(opened["bots"]["sessions"], json!(2));
    })
    .await;
}
