//! The audit of what the topic `fraud-signals` tells, on the real servers.

use serde_json::json;
use shoplens::audit::report::Report;
use shoplens::bus::{FRAUD_SIGNALS, LogReader};
use shoplens::model::money::Currency;

use crate::live::audit::{compared, delete_records, program, report, summary};
use crate::live::replay::replay;
use crate::live::small_log::{KEY, drain, minute, with_small_log};

const TOPIC: &str = "fraud-signals topic";

fn told(report: &Report) -> Vec<(String, &'static str)> {
    let mut told: Vec<_> =
        report.differences.iter().map(summary).map(|(_, id, problem)| (id, problem)).collect();
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_holds_what_is_told_of_a_case_at_last_against_the_case() {
    with_small_log(async |shop, log| {
        // An order that a rule on a user's orders speaks of, and one more later.
        log.events("purchase", std::iter::repeat_n(minute(0), 15));
        drain(shop, Currency::EUR).await;
        log.event("purchase", minute(1));
        drain(shop, Currency::EUR).await;
        let right = report(shop, Currency::EUR).await;
        assert_eq!((right.differences.as_slice(), compared(&right, TOPIC)), (&[][..], 1));

        let record = |support: u64| {
            json!({ "partition": 0, "support": support, "last_seen": minute(1) }).to_string().into_bytes()
        };
        // The log's key stands for a case that there is none of; what another generation tells is not looked at.
        log.record_with_headers(FRAUD_SIGNALS, &record(1), &[("generation", b"original")]);
        log.record_with_headers(FRAUD_SIGNALS, &record(9), &[("generation", b"v2")]);
        log.record_with_headers(FRAUD_SIGNALS, b"no case", &[]);
        let reader = LogReader::new(&shop.bus).unwrap();
        let (_, end) = reader.bounds(FRAUD_SIGNALS, 0).unwrap();
        let strange = format!("{FRAUD_SIGNALS} at offset {}", end - 1);
        let wrong = report(shop, Currency::EUR).await;
        assert_eq!(told(&wrong), [(KEY.to_owned(), "unexpected"), (strange, "unexpected")]);
        assert_eq!(program(shop, &[]).0, 1);

        delete_records(shop, FRAUD_SIGNALS, end).await;
        let truncated = report(shop, Currency::EUR).await;
        assert_eq!((told(&truncated), truncated.checks[TOPIC].skipped), (Vec::new(), 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_that_a_repair_finds_is_told_too() {
    with_small_log(async |shop, log| {
        let long_ago = minute(-6 * 24 * 60);
        log.events("purchase", std::iter::repeat_n(long_ago, 14));
        log.close(minute(0));
        log.event("purchase", long_ago);
        drain(shop, Currency::EUR).await;
        let before = report(shop, Currency::EUR).await;
        assert_eq!((before.differences.as_slice(), compared(&before, TOPIC)), (&[][..], 0));
        replay(shop, "EUR", &["late", "repair"]);
        let repaired = report(shop, Currency::EUR).await;
        assert_eq!((repaired.differences.as_slice(), compared(&repaired, TOPIC)), (&[][..], 1));
    })
    .await;
}
