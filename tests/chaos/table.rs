//! `docs/faults.md` says what the code says.

use std::fs;
use std::path::Path;

const TABLE: &str = include_str!("../../docs/faults.md");

/// All code of a folder, its string literals on one line.
fn code_of(folder: &Path) -> String {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let code = files.map(|path| match path.is_dir() {
        true => code_of(&path),
        false => String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned(),
    });
    let code: String = code.collect();
    code.split("\\\n").map(str::trim_start).collect()
}

/// What stands in `backticks` in the column of this number, of the rows that describe faults.
fn quoted(column: usize) -> Vec<String> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fault |"));
    let cells = rows.map(|row| row.split('|').nth(column).unwrap_or_else(|| panic!("too short: {row}")));
    let quoted = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    quoted.map(|text| text.trim_matches(['…', ' ', ',']).to_owned()).collect()
}

fn assert_said(what: &str, texts: impl IntoIterator<Item = String>) {
    let code = code_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let unsaid: Vec<_> = texts.into_iter().filter(|text| !code.contains(text)).collect();
    assert!(unsaid.is_empty(), "no {what} in src/: {unsaid:?}");
}

#[test]
fn every_log_line_metric_and_state_that_the_table_of_faults_names_is_in_the_code() {
    let [lines, metrics, states] = [3, 4, 5].map(quoted);
    assert!(lines.len() > 20 && metrics.len() > 20 && states.len() > 20, "the table was not read");
    assert_said("log line", lines);
    assert_said("state", states.into_iter().map(|state| format!("\"{state}\"")));
    let name = |metric: String| format!("\"shoplens_{}\"", metric.split('{').next().unwrap());
    assert_said("metric", metrics.into_iter().map(name));
}
