//! The tree of categories, level by level.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use poem_openapi::Object;
use serde::Serialize;
use serde_json::{Value, json};

use crate::model::category::{self, CategoryPath};
use crate::search::labels::Labels;
use crate::store::found::{Buckets, Counted};

/// Categories that are counted: those chosen with the levels above them, and the level below.
const CATEGORIES_MAX: u32 = 300;

/// A category and how many results are in it.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct CategoryCount {
    /// The path, to be given as `category`.
    pub value: String,
    /// Its last level in words, as the catalogue spells it.
    pub label: String,
    /// 1 for a department.
    pub level: usize,
    /// Results in it and below.
    pub count: u64,
}

static DEPARTMENTS: LazyLock<Value> = LazyLock::new(|| counts_of("[^.]+"));

/// The counts of the categories around those chosen; the departments' when none is chosen.
pub fn question(chosen: &[CategoryPath]) -> Cow<'static, Value> {
    if chosen.is_empty() {
        return Cow::Borrowed(&DEPARTMENTS);
    }
    // A path has no character but the dot that means something in a regular expression.
    let literally = |path: &str| path.replace('.', "\\.");
    let mut wanted: BTreeSet<String> =
        chosen.iter().flat_map(CategoryPath::prefixes).map(literally).collect();
    let below = |path: &CategoryPath| format!("{}\\.[^.]+", literally(path.as_str()));
    wanted.extend(chosen.iter().map(below));
    let wanted: Vec<String> = wanted.into_iter().collect();
    Cow::Owned(counts_of(&wanted.join("|")))
}

/// The counts of the categories whose paths are like this regular expression.
fn counts_of(wanted: &str) -> Value {
    json!({ "counts": { "terms": { "field": "categories", "size": CATEGORIES_MAX, "include": wanted } } })
}

/// The lines of the chosen categories from their departments down, then their children by count.
pub fn levels_around(
    chosen: &[CategoryPath],
    counts: &Buckets<Counted<String>>,
    labels: &Labels,
) -> Vec<CategoryCount> {
    let by_path: BTreeMap<&str, u64> =
        counts.buckets.iter().map(|term| (term.key.as_str(), term.doc_count)).collect();
    let counted = |path: &str, count: u64| CategoryCount {
        value: path.to_owned(),
        label: labels.of(path),
        level: category::level(path),
        count,
    };
    let lines: BTreeSet<&str> = chosen.iter().flat_map(CategoryPath::prefixes).collect();
    let line = lines.iter().map(|path| counted(path, by_path.get(path).copied().unwrap_or_default()));
    let children = counts.buckets.iter().filter(|term| !lines.contains(term.key.as_str()));
    line.chain(children.map(|term| counted(&term.key, term.doc_count))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(counts: &[(&str, u64)]) -> Buckets<Counted<String>> {
        let term = |(key, doc_count): &(&str, u64)| Counted { key: (*key).to_owned(), doc_count: *doc_count };
        Buckets { buckets: counts.iter().map(term).collect() }
    }

    fn around(paths: &[&str], counts: &Buckets<Counted<String>>) -> Vec<CategoryCount> {
        levels_around(&chosen(paths), counts, &Labels::default())
    }

    fn paths(facet: &[CategoryCount]) -> Vec<(&str, usize, u64)> {
        facet.iter().map(|entry| (entry.value.as_str(), entry.level, entry.count)).collect()
    }

    fn chosen(paths: &[&str]) -> Vec<CategoryPath> {
        paths.iter().map(|path| CategoryPath::parse(path).unwrap()).collect()
    }

    #[test]
    fn the_level_below_the_chosen_category_follows_its_line() {
        let departments = terms(&[("a", 9), ("ab", 1)]);
        assert_eq!(paths(&around(&[], &departments)), [("a", 1, 9), ("ab", 1, 1)]);
        let near = terms(&[("a", 9), ("a.b", 6), ("a.b.c", 4), ("a.b.d", 2)]);
        assert_eq!(
            paths(&around(&["a.b"], &near)),
            [("a", 1, 9), ("a.b", 2, 6), ("a.b.c", 3, 4), ("a.b.d", 3, 2)]
        );
    }

    #[test]
    fn every_level_is_called_what_the_catalogue_says() {
        let labels = Labels::read(["kuche\u{1f}Küche", "kuche.topfe\u{1f}Töpfe & Pfannen"].into_iter());
        let counts = terms(&[("kuche", 3), ("kuche.topfe", 2), ("kuche.besteck", 1)]);
        let shown = levels_around(&chosen(&["kuche"]), &counts, &labels);
        let shown: Vec<&str> = shown.iter().map(|one| one.label.as_str()).collect();
        assert_eq!(shown, ["Küche", "Töpfe & Pfannen", "Besteck"]);
    }

    #[test]
    fn only_what_is_shown_is_counted() {
        let wanted = |paths: &[&str]| {
            question(&chosen(paths))["counts"]["terms"]["include"].as_str().unwrap().to_owned()
        };
        assert_eq!(wanted(&[]), "[^.]+");
        assert_eq!(wanted(&["a.b-1"]), r"a|a\.b-1|a\.b-1\.[^.]+");
        assert_eq!(wanted(&["a.b", "a.c"]), r"a|a\.b|a\.b\.[^.]+|a\.c|a\.c\.[^.]+");
    }

    #[test]
    fn several_chosen_categories_share_the_levels_above_them() {
        let near = terms(&[("a", 9), ("a.b", 6), ("a.c", 3), ("a.b.x", 1)]);
        let expected = [("a", 1, 9), ("a.b", 2, 6), ("a.c", 2, 3), ("a.b.x", 3, 1)];
        assert_eq!(paths(&around(&["a.b", "a.c"], &near)), expected);
    }
}
