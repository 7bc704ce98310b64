//! The generator as a program, without any server.

#![expect(clippy::unwrap_used, reason = "tests may, their helper functions too")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn generator(arguments: &[&str]) -> Output {
    let mut generator = Command::new(env!("CARGO_BIN_EXE_generator"));
    generator.env_clear().current_dir(env!("CARGO_TARGET_TMPDIR"));
    generator.args(["--built-in-catalogue=500"]).args(arguments).output().unwrap()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The events, labels and report of a run at this speed: half an hour at ten a second, with every fault.
fn run_at(speed: &str) -> (String, String, Value) {
    let [events, labels, report] = ["events", "labels", "report"].map(|what| format!("at-{speed}-{what}"));
    let output = generator(&[
        "--start=2026-11-01T18:00:00Z",
        "--duration=30m",
        "--events-per-second=10",
        "--seed=7",
        "--speed",
        speed,
        "--duplicates=0.05",
        "--disorder=3s",
        "--late=0.01",
        "--corrupt=0.01",
        &format!("--sink=ndjson:{events}"),
        "--labels",
        &labels,
        "--report-json",
        &report,
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = |name: &str| fs::read(file(name)).unwrap();
    let lossy = |name: &str| String::from_utf8_lossy(&text(name)).into_owned();
    (lossy(&events), lossy(&labels), serde_json::from_slice(&text(&report)).unwrap())
}

#[test]
fn the_same_settings_give_the_same_bytes_whatever_the_speed() {
    let (fast, slow) = (run_at("0"), run_at("900"));
    assert!(fast.0 == slow.0 && fast.1 == slow.1);
    for same in ["total", "events", "faults", "records", "bytes", "first", "last"] {
        assert_eq!(fast.2[same], slow.2[same], "{same}");
    }
    assert!(slow.2["seconds"].as_f64() > Some(1.9) && fast.2["seconds"].as_f64() < Some(1.9));
}

#[test]
fn the_lines_are_as_many_as_the_report_says() {
    let (events, labels, report) = run_at("0.0");
    assert_eq!(events.split('\n').count() as u64 - 1, report["records"].as_u64().unwrap());
    assert!(report["faults"]["duplicates"].as_u64() > Some(500), "{report}");
    let labels: Vec<Value> = labels.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(labels.len() > 5, "{labels:?}");
    assert!(labels.iter().all(|label| label["kind"] != "shopper" && label["why"].is_string()));
}

#[test]
fn a_reader_that_has_read_enough_ends_the_run_without_an_error() {
    let mut generator = Command::new(env!("CARGO_BIN_EXE_generator"));
    generator.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    let endless =
        ["--built-in-catalogue=500", "--sink=ndjson:-", "--start=2026-01-01T00:00:00Z", "--speed=0"];
    let mut run = generator.args(endless).args(["--events=1000000"]).spawn().unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert!(first["event_id"].is_string());
    drop(lines);
    let output = run.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("0 failed"), "{told}");
}

#[test]
fn the_scenarios_are_listed_with_what_they_are_like() {
    let output = generator(&["--list"]);
    let listed = String::from_utf8(output.stdout).unwrap();
    for name in ["normal-day", "black-friday", "bot-attack", "refund-ring", "quiet-night"] {
        assert!(listed.contains(name), "{listed}");
    }
}

#[test]
fn a_run_ahead_of_the_clock_is_refused_before_any_server_is_asked() {
    let output = generator(&["--speed=60", "--start=1h ago", "--duration=2h"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(told.starts_with("error: --speed cannot be used: 60 would get ahead of the clock"), "{told}");
}

#[test]
fn a_scenario_of_ones_own_is_a_file_and_a_slip_in_it_is_told() {
    fs::write(file("mine.toml"), "events_per_second = 5\n[world]\nbot_ratoi = 0.5\n").unwrap();
    let output = generator(&["--scenario=mine.toml", "--events=10", "--sink=null"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("scenario mine.toml") && told.contains("bot_ratoi"), "{told}");
}
