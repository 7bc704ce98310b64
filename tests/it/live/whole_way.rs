//! The whole way with the real programs: seeder, generator, processor, and a recount of what they wrote.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use shoplens::store::Missing;

use crate::live::recount::{recount, said};
use crate::live::shop::{Shop, eventually, with_shop};

/// Events to send; `RECOUNT_EVENTS` and `RECOUNT_RATE` make a longer run of it.
fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn program(shop: &Shop, path: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(path);
    command.args(arguments).env("SHOPLENS_PREFIX", &shop.prefix).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn run(shop: &Shop, path: &str, arguments: &[&str]) {
    let output = program(shop, path, arguments).stderr(Stdio::piped()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{path} {arguments:?} failed: {errors}");
}

fn generate(shop: &Shop, events: u64, rate: u64, report: &Path) -> Child {
    let (events, rate) = (events.to_string(), rate.to_string());
    let report = report.to_str().unwrap();
    let arguments =
        ["--events", &events, "--events-per-second", &rate, "--seed", "11", "--report-json", report];
    program(shop, env!("CARGO_BIN_EXE_generator"), &arguments).spawn().unwrap()
}

fn process(shop: &Shop, arguments: &[&str]) -> Child {
    program(shop, env!("CARGO_BIN_EXE_processor"), arguments).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_that_is_killed_again_and_again_counts_everything_exactly_once() {
    with_shop(async |shop| {
        run(shop, env!("CARGO_BIN_EXE_seeder"), &["--count", "500"]);
        let report = std::env::temp_dir().join(format!("{}report.json", shop.prefix));
        let events = from_environment("RECOUNT_EVENTS", 6_000);
        let mut generator = generate(shop, events, from_environment("RECOUNT_RATE", 600), &report);
        for kill in 1..=3 {
            let mut processor = process(shop, &["--flush-interval-ms", "200"]);
            let enough = kill * 800;
            eventually("documents are written", async || {
                shop.store.refresh("events").await.ok()?;
                let body = json!({ "size": 0, "track_total_hits": true });
                let found: Value =
                    shop.store.search("count", "events", Missing::IsEmpty, &body).await.ok()?;
                (found["hits"]["total"]["value"].as_u64()? >= enough).then_some(())
            })
            .await;
            processor.kill().unwrap();
            processor.wait().unwrap();
        }
        assert!(generator.wait().unwrap().success());
        run(shop, env!("CARGO_BIN_EXE_processor"), &["--until-drained"]);
        assert_eq!(recount(shop).await, said(&report));
        std::fs::remove_file(&report).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_workers_share_a_backlog_and_leave_nothing_of_it() {
    with_shop(async |shop| {
        run(shop, env!("CARGO_BIN_EXE_seeder"), &["--count", "300"]);
        let report = std::env::temp_dir().join(format!("{}report.json", shop.prefix));
        assert!(generate(shop, 20_000, 0, &report).wait().unwrap().success());
        let arguments = ["--until-drained", "--workers", "3", "--flush-interval-ms", "100"];
        run(shop, env!("CARGO_BIN_EXE_processor"), &arguments);
        assert_eq!(recount(shop).await, said(&report));
        std::fs::remove_file(&report).unwrap();
    })
    .await;
}
