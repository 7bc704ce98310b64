//! The audit of what was rolled up, on the real servers.

use std::process::Command;

use serde_json::{Value, json};
use shoplens::model::money::Currency;
use shoplens::model::time::{DAY_MS, HOUR_MS, Timestamp};
use shoplens::store::Method;

use crate::live::audit::{compared, in_path, program, report, summary};
use crate::live::replay::replay;
use crate::live::shop::Shop;
use crate::live::small_log::{Log, drain, minute, with_small_log};

/// A minute two days before all others, so that its day is over and rolled up.
fn long_ago() -> Timestamp {
    minute(-2 * 24 * 60)
}

async fn rolled_up_shop(shop: &Shop, log: &Log) {
    ["search", "view", "add_to_cart", "purchase"].iter().for_each(|kind| drop(log.event(kind, long_ago())));
    log.close(minute(300));
    drain(shop, Currency::EUR).await;
    // The roll-up goes by how far the processor says that it is.
    shop.store.refresh("processor-frontiers").await.unwrap();
    roll_up(shop);
}

fn roll_up(shop: &Shop) {
    let mut admin = Command::new(env!("CARGO_BIN_EXE_admin"));
    let output = admin.arg("rollup").env("SHOPLENS_PREFIX", &shop.prefix).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn send(shop: &Shop, method: Method, path: String, body: Option<Value>) {
    let path = format!("/{}{path}", shop.prefix);
    shop.store.send::<Value>("tamper", method, &path, body.as_ref()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_adds_up_what_was_rolled_up_and_names_what_somebody_changed_of_it() {
    with_small_log(async |shop, log| {
        rolled_up_shop(shop, log).await;
        let right = report(shop, Currency::EUR).await;
        assert_eq!(right.differences, []);
        let trends = ["product-trends-quarters", "product-trends-hours", "product-trends-days"];
        assert_eq!(trends.map(|level| compared(&right, level)), [1; 3]);
        // All, home and home.chairs; the text, its search, and all of them.
        assert_eq!(compared(&right, "category-funnels-days"), 3);
        assert!(compared(&right, "query-stats-hours") > 0);

        let (at, hour, day) = (long_ago(), long_ago().floor_to(HOUR_MS), long_ago().floor_to(DAY_MS));
        let trend = format!("hour|{}|p-1|home.chairs|Arbor", hour.millis());
        let path = format!("product-trends-hours-{}/_update/{}", at.month(), in_path(&trend));
        send(shop, Method::Post, path, Some(json!({ "doc": { "view": { "sessions": 9 } } }))).await;
        let funnel = format!("day|{}|home|1", day.millis());
        let path = format!("category-funnels-days-{}/_doc/{}", at.year(), in_path(&funnel));
        send(shop, Method::Delete, path, None).await;
        // A quarter that is not stated to be there: as one that is being rolled up.
        let now = minute(330);
        let stray = json!({ "minute": now, "span": "quarter", "support": 1, "product_id": "p-2" });
        let index = format!("product-trends-quarters-{}", now.day());
        shop.store.create_index(&index, &json!({})).await.unwrap();
        let path = format!("{index}/_doc/stray");
        send(shop, Method::Put, path, Some(stray)).await;

        let wrong = report(shop, Currency::EUR).await;
        let mut told: Vec<_> = wrong.differences.iter().map(summary).collect();
        told.sort();
        let total = format!("day|{}|p-1|home.chairs|Arbor", day.millis());
        let expected = [
            ("category-funnels-days", funnel.as_str(), "missing"),
            ("product-trends-days", total.as_str(), "different"),
            ("product-trends-hours", trend.as_str(), "different"),
        ];
        assert_eq!(told, expected.map(|(index, id, problem)| (index.to_owned(), id.to_owned(), problem)));
        assert!(wrong.notes.iter().any(|note| note.contains("admin rollup")), "{:?}", wrong.notes);
        assert_eq!(program(shop, &[]).0, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_repaired_this_moment_is_no_difference_before_it_is_rolled_up_again() {
    with_small_log(async |shop, log| {
        rolled_up_shop(shop, log).await;
        log.event("view", long_ago());
        drain(shop, Currency::EUR).await;
        replay(shop, "EUR", &["late", "repair"]);
        let repaired = report(shop, Currency::EUR).await;
        assert_eq!((repaired.differences.as_slice(), repaired.repaired_windows), (&[][..], 2));
        let skipped = |level: &str| repaired.checks[level].skipped;
        assert_eq!(["product-trends-hours", "product-trends-days"].map(skipped), [1, 0]);
        assert!(repaired.notes.iter().any(|note| note.contains("look again then")), "{:?}", repaired.notes);
        roll_up(shop);
        let settled = report(shop, Currency::EUR).await;
        assert_eq!((settled.differences.as_slice(), settled.notes.as_slice()), (&[][..], &[][..]));
        assert_eq!(settled.checks["product-trends-hours"].skipped, 0);
    })
    .await;
}
