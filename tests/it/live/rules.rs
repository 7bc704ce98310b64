//! What changed rules would have said, by the program and on the real Kafka.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use shoplens::model::rules::EMBEDDED;

use crate::live::shop::Shop;
use crate::live::small_log::{minute, with_small_log};

fn rules(shop: &Shop, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rules"));
    let output = command.args(arguments).env("SHOPLENS_PREFIX", &shop.prefix).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A file with the rules that are compiled in, this in place of that.
fn file(folder: &Path, that: &str, this: &str) -> String {
    assert!(EMBEDDED.contains(that));
    let path = folder.join(format!("{this}.toml"));
    std::fs::write(&path, EMBEDDED.replacen(that, this, 1)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_shows_what_a_changed_threshold_would_change_and_nothing_where_none_is() {
    with_small_log(async |shop, log| {
        // A case of purchase_velocity, and a little else; more than one piece of a topic is read at once.
        log.events("purchase", std::iter::repeat_n(minute(0), 15));
        log.events("view", (0..10_100).map(|number| minute(number % 90)));
        let folder = tempfile::tempdir().unwrap();
        let same = file(folder.path(), "orders = 15", "orders = 15");
        let told = rules(shop, &["--backtest", &same]);
        let expected = "10115 events; 1 visitors flagged now, 1 by the other rules\n\
                        purchase_velocity        1 cases now, 0 more, 0 fewer, 0 of another severity\n";
        assert_eq!(told, expected);

        let lax = file(folder.path(), "orders = 15", "orders = 16");
        let told = rules(shop, &["--backtest", &lax]);
        assert!(told.contains("1 visitors flagged now, 0 by the other rules"), "{told}");
        assert!(told.contains("1 cases now, 0 more, 1 fewer") && told.contains("\n    - c1 ("), "{told}");

        // With rules of one's own in force it is the other way round.
        let told = rules(shop, &["--fraud-rules-file", &lax, "--backtest", &same, "--json"]);
        let comparison: Value = serde_json::from_str(&told).unwrap();
        let change = &comparison["rules"]["purchase_velocity"];
        assert_eq!((&change["now"], &change["more"], &change["fewer"]), (&0.into(), &1.into(), &0.into()));
        assert_eq!(rules(shop, &["--fraud-rules-file", &lax]), std::fs::read_to_string(&lax).unwrap());
    })
    .await;
}
