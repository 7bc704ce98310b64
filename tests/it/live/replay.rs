//! Mending on the real servers: dead letters sent back, closed windows repaired.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};
use shoplens::audit::report::Early;
use shoplens::bus::DEAD_LETTERS;
use shoplens::model::event::Stream;
use shoplens::model::money::Currency;
use shoplens::store::Missing;

use crate::closed_pipe::closed_pipe;
use crate::live::audit::report;
use crate::live::shop::Shop;
use crate::live::small_log::{drain, drain_with, minute, with_small_log};

/// What `replay` prints.
pub fn replay(shop: &Shop, currency: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_replay"));
    command.args(arguments).env("SHOPLENS_PREFIX", &shop.prefix).env("SHOP_CURRENCY", currency);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn dollars() -> Currency {
    "USD".parse().unwrap()
}

/// Pieces viewed in the first minute.
async fn viewed(shop: &Shop) -> f64 {
    shop.store.refresh("product-trends").await.unwrap();
    let minute = json!({ "term": { "minute": minute(0) } });
    let body =
        json!({ "size": 0, "query": minute, "aggs": { "n": { "sum": { "field": "view.quantity" } } } });
    let found: Value = shop.store.search("sum", "product-trends", Missing::IsEmpty, &body).await.unwrap();
    found["aggregations"]["n"]["value"].as_f64().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn late_events_are_put_into_their_closed_windows_and_the_audit_agrees() {
    with_small_log(async |shop, log| {
        log.event("view", minute(0));
        log.close(minute(180));
        log.event("view", minute(0));
        drain(shop, Currency::EUR).await;
        assert_eq!(viewed(shop).await, 1.0);
        let told = replay(shop, "EUR", &["late", "repair"]);
        // Trends and visits; one document of trends and three of funnels: all, home, home.chairs.
        assert_eq!(told, "2 windows repaired: 2 late events are in them now; 4 of 4 documents changed\n");
        assert_eq!(viewed(shop).await, 2.0);
        let audited = report(shop, Currency::EUR).await;
        assert_eq!((audited.differences.as_slice(), audited.repaired_windows), (&[][..], 2));

        log.event("view", minute(0));
        drain(shop, Currency::EUR).await;
        assert_eq!(report(shop, Currency::EUR).await.differences, [], "an event that came after the repair");
        assert!(
            replay(shop, "EUR", &["late", "list"])
                .ends_with("4 late events in 2 windows, 2 of them repaired\n")
        );
        replay(shop, "EUR", &["late", "repair", "--operator", "trends"]);
        assert_eq!(viewed(shop).await, 3.0);
        assert_eq!(report(shop, Currency::EUR).await.differences, []);
        let again = replay(shop, "EUR", &["late", "repair", "--operator", "trends"]);
        assert_eq!(again, "0 windows repaired: 0 late events are in them now; 0 of 0 documents changed\n");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_that_were_closed_early_are_told_apart_and_are_whole_when_they_are_repaired() {
    with_small_log(async |shop, log| {
        // More open visits than fit into the least memory, and flushes that come after a look at what they take.
        let settings = ["--memory-mb", "1", "--flush-interval-ms", "1500"];
        log.events("view", (0..12_000).map(|number| minute(number / 200)));
        drain_with(shop, Currency::EUR, &settings).await;
        log.event("view", minute(0));
        log.close(minute(300));
        drain_with(shop, Currency::EUR, &settings).await;
        let audited = report(shop, Currency::EUR).await;
        assert_eq!(audited.differences, []);
        assert_eq!(audited.closed_early, BTreeMap::from([("visits", Early { windows: 1, events: 1 })]));
        assert!(audited.to_string().contains("1 windows of visits were closed early and lack 1 events"));
        replay(shop, "EUR", &["late", "repair", "--operator", "visits"]);
        let audited = report(shop, Currency::EUR).await;
        assert_eq!((audited.differences.as_slice(), audited.closed_early), (&[][..], BTreeMap::new()));
        assert_eq!(audited.repaired_windows, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_a_topic_still_holds_open_is_left_to_the_processor() {
    with_small_log(async |shop, log| {
        log.event("view", minute(180));
        log.event("view", minute(0));
        drain(shop, Currency::EUR).await;
        let told = replay(shop, "EUR", &["late", "repair"]);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 2, "{told}");
        assert!(lines[0].starts_with("1 windows repaired: 1 late events"), "trends: {told}");
        assert!(lines[1].starts_with("left visits"), "{told}");
        assert_eq!(report(shop, Currency::EUR).await.differences, []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_sent_back_once_after_the_fix_and_counted_once() {
    with_small_log(async |shop, log| {
        log.event_in("view", minute(0), "USD");
        log.record(Stream::Product, b"never an event");
        drain(shop, Currency::EUR).await;
        assert_eq!(viewed(shop).await, 0.0);
        let list = replay(shop, "EUR", &["dead", "list"]);
        assert!(list.contains("product-events-0-0") && list.ends_with("       2 in all\n"), "{list}");
        let shown = replay(shop, "EUR", &["dead", "show", "--letter", "product-events-0-1"]);
        assert!(shown.contains("reason: unreadable\n") && shown.contains("\n\nnever an event\n"), "{shown}");

        // The fix: the shop's currency had been set wrongly.
        let unusable = "1 not sent: this build would refuse them again (1 unreadable); --force sends them\n";
        assert_eq!(replay(shop, "USD", &["dead", "send"]), format!("1 sent, 0 sent before; {unusable}"));
        assert_eq!(replay(shop, "USD", &["dead", "send"]), format!("0 sent, 1 sent before; {unusable}"));
        drain(shop, dollars()).await;
        assert_eq!(viewed(shop).await, 1.0);
        assert_eq!(report(shop, dollars()).await.differences, []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_among_the_dead_letters_that_is_none_is_counted_and_left_alone() {
    with_small_log(async |shop, log| {
        log.record(Stream::Product, b"never an event");
        log.close(minute(0));
        drain(shop, Currency::EUR).await;
        let strange: [&[(&str, &[u8])]; 2] =
            [&[], &[("topic", b"coffee-events"), ("partition", b"0"), ("offset", b"0")]];
        strange.iter().for_each(|headers| log.record_with_headers(DEAD_LETTERS, b"what is this", headers));
        let list = replay(shop, "EUR", &["dead", "list"]);
        let expected = "       1 in all\n       2 records that name no origin: somebody else wrote them\n";
        assert!(list.ends_with(expected), "{list}");
        assert!(!replay(shop, "EUR", &["dead", "show"]).contains("what is this"));
        assert_eq!(replay(shop, "EUR", &["dead", "send", "--force"]), "1 sent, 0 sent before\n");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_read_enough_is_no_failure_of_the_programs_that_print() {
    with_small_log(async |shop, log| {
        log.record(Stream::Product, b"never an event");
        log.close(minute(0));
        drain(shop, Currency::EUR).await;
        let programs: [(&str, &[&str]); 6] = [
            (env!("CARGO_BIN_EXE_replay"), &["dead", "list"]),
            (env!("CARGO_BIN_EXE_replay"), &["dead", "show"]),
            (env!("CARGO_BIN_EXE_replay"), &["late", "list"]),
            (env!("CARGO_BIN_EXE_audit"), &["--json"]),
            (env!("CARGO_BIN_EXE_admin"), &["topics"]),
            (env!("CARGO_BIN_EXE_admin"), &["rollup"]),
        ];
        for (program, arguments) in programs {
            let mut command = Command::new(program);
            let output = command.args(arguments).env("SHOPLENS_PREFIX", &shop.prefix).stdout(closed_pipe());
            let output = output.output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && !told.contains("panicked"), "{program} {arguments:?}: {told}");
        }
    })
    .await;
}
