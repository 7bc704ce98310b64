//! Rules of the code that no compiler checks: who may use whom, and how long a file may get.

#![expect(clippy::unwrap_used, reason = "tests may, their helper functions too")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Modules from the bottom up; each may use those before it. The slices share one layer.
const LAYERS: [&[&str]; 6] = [
    &["model"],
    &["config", "shutdown", "stdout"],
    &["store", "bus"],
    &["http"],
    &[
        "analytics",
        "audit",
        "catalog",
        "curation",
        "evaluate",
        "generator",
        "merchandising",
        "relevance",
        "replay",
        "review",
        "rollup",
        "search",
        "stream",
        "traffic",
    ],
    &["app"],
];
/// Slices that use another, through what its `mod.rs` shows.
/// `audit` uses none: it must not share a fault with what it checks.
const SLICES_THAT_MEET: [(&str, &str); 18] = [
    ("analytics", "catalog"),
    ("analytics", "review"),
    ("analytics", "rollup"),
    ("evaluate", "stream"),
    ("evaluate", "traffic"),
    ("curation", "merchandising"),
    ("curation", "search"),
    ("generator", "catalog"),
    ("generator", "traffic"),
    ("relevance", "catalog"),
    ("relevance", "search"),
    ("replay", "audit"),
    ("replay", "stream"),
    ("search", "analytics"),
    ("search", "catalog"),
    ("search", "merchandising"),
    ("stream", "rollup"),
    ("traffic", "catalog"),
];
const FILE_LINES_MAX: usize = 500;
const BINARY_LINES_MAX: usize = 60;

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The first name of a path below `src/`: `stream` for `src/stream/fold.rs`.
fn module_of(file: &Path) -> String {
    let below = file.strip_prefix(root().join("src")).unwrap();
    below.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

fn modules_used(text: &str) -> BTreeSet<&str> {
    let after = text.split("crate::").skip(1);
    let name = |rest: &'_ str| rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    after
        .map(|rest| rest.get(..name(rest)).unwrap_or_default())
        .filter(|module| layer(module).is_some())
        .collect()
}

#[test]
fn modules_look_down_only() {
    for file in rust_files(&root().join("src")) {
        let (module, text) = (module_of(&file), std::fs::read_to_string(&file).unwrap());
        if module == "lib" {
            continue;
        }
        let own =
            layer(&module).unwrap_or_else(|| panic!("{module} is in no layer: add it to tests/it/tidy.rs"));
        for used in modules_used(&text).into_iter().filter(|used| *used != module) {
            let meets = SLICES_THAT_MEET.contains(&(module.as_str(), used));
            let below = layer(used).is_some_and(|layer| layer < own);
            assert!(below || meets, "{} may not use crate::{used}", file.display());
        }
    }
}

#[test]
fn files_stay_short() {
    let folders = ["src", "bin", "tests"].map(|folder| root().join(folder));
    for file in folders.iter().flat_map(|folder| rust_files(folder)) {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        let most = if file.starts_with(root().join("bin")) { BINARY_LINES_MAX } else { FILE_LINES_MAX };
        assert!(lines <= most, "{} has {lines} lines; find the seam", file.display());
    }
}

#[test]
fn nothing_is_switched_off_or_left_for_later() {
    let marks = [
        concat!("#[", "ignore"),
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("#[al", "low("),
    ];
    let folders = ["src", "bin", "tests"].map(|folder| root().join(folder));
    for file in folders.iter().flat_map(|folder| rust_files(folder)) {
        let text = std::fs::read_to_string(&file).unwrap();
        for mark in marks {
            assert!(!text.contains(mark), "{} contains {mark}", file.display());
        }
    }
}
