//! How good the signals are, by the script that measures it, on the real servers.

use std::path::Path;
use std::process::Command;

use shoplens::model::rules::EMBEDDED;

use crate::live::shop::with_shop;

/// An hour of a small shop, measured with the programs of this build: the exit code and what was printed.
fn evaluate(rules: Option<&Path>, bounds: &[&str]) -> (Option<i32>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut script = Command::new(root.join("scripts/evaluate"));
    script.args(["--seeds", "7", "--hours", "1", "--rate", "1"]).args(bounds);
    script.env("SHOPLENS_PROGRAMS", Path::new(env!("CARGO_BIN_EXE_evaluate")).parent().unwrap());
    script.env("KAFKA_PARTITIONS", "2").env("METRICS_PORT", "0");
    script.envs(rules.map(|file| ("FRAUD_RULES_FILE", file)));
    let output = script.output().unwrap();
    let [out, errors] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    (output.status.code(), out + &errors)
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_that_are_good_enough_are_told_by_exit_code_0() {
    // For what it says where the servers are not there.
    with_shop(async |_| ()).await;
    let (code, told) = evaluate(None, &["--min-precision", "0.5", "--min-recall", "0.5"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("bots   precision"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_that_are_not_good_enough_are_told_by_exit_code_1() {
    with_shop(async |_| ()).await;
    // By these rules whoever looks at one thing is a bot, which few are.
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("strict.toml");
    std::fs::write(&rules, EMBEDDED.replacen("per_minute = 30", "per_minute = 1", 1)).unwrap();
    let (code, told) = evaluate(Some(&rules), &["--min-precision", "0.9", "--min-recall", "0"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("seed 7 is below a bound"), "{told}");
}
