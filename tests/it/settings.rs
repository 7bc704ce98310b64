//! The settings as a program reads them: from the environment and `.env`.
#![expect(clippy::unwrap_used, reason = "tests may, their helper functions too")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What the generator says when it is started in a folder with this `.env` and nothing in the environment.
fn refusal(folder: &str, dotenv: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(".env"), dotenv).unwrap();
    let mut generator = Command::new(env!("CARGO_BIN_EXE_generator"));
    let output = generator.env_clear().current_dir(folder).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_empty_setting_counts_as_not_set() {
    // The rate would not be a number, and the user would go with the password.
    let dotenv = "EVENTS_PER_SECOND=\nELASTICSEARCH_USER=\nELASTICSEARCH_PASSWORD=hush\n";
    let told = "error: ELASTICSEARCH_PASSWORD cannot be used: it needs ELASTICSEARCH_USER\n";
    assert_eq!(refusal("empty", dotenv), told);
}

#[test]
fn a_dotenv_that_cannot_be_read_is_told_without_its_secrets() {
    let told = refusal("unreadable", "KAFKA_SASL_PASSWORD=hush hush\n");
    assert!(told.contains("reading .env: a line"), "{told}");
    assert!(!told.contains("hush"), "{told}");
}
