//! The versions of the catalogue: `products` is an alias of one of the indices `products-v<N>`.

use serde_json::{Map, Value, json};

/// The versions that there are.
#[derive(Debug, PartialEq, Eq)]
pub struct Versions {
    /// The alias's full name.
    alias: String,
    /// All numbers, ascending.
    all: Vec<u64>,
    /// Those that the alias points to: one, or none before the first load.
    serving: Vec<u64>,
    /// Whether an index (not an alias) bears the alias's name.
    pub is_blocked: bool,
}

impl Versions {
    /// Reads the answer to `GET /<alias>*/_alias`: each index with its aliases.
    pub fn read(alias: &str, answer: &Map<String, Value>) -> Self {
        let numbered = |name: &String| name.strip_prefix(alias)?.strip_prefix("-v")?.parse::<u64>().ok();
        let is_serving = |index: &Value| index["aliases"].get(alias).is_some();
        let mut all: Vec<u64> = answer.keys().filter_map(numbered).collect();
        let serving = answer.iter().filter(|(_, index)| is_serving(index));
        let mut serving: Vec<u64> = serving.filter_map(|(name, _)| numbered(name)).collect();
        all.sort_unstable();
        serving.sort_unstable();
        Self { alias: alias.to_owned(), all, serving, is_blocked: answer.contains_key(alias) }
    }

    /// The number that nobody has used, not even an interrupted load that may still be running somewhere.
    pub fn next(&self) -> u64 {
        self.all.last().map_or(1, |last| last.saturating_add(1))
    }

    /// The index of a version.
    pub fn index(&self, version: u64) -> String {
        format!("{}-v{version}", self.alias)
    }

    /// The indices that interrupted loads have left behind: newer than what is served.
    pub fn leftovers(&self) -> Vec<String> {
        let newest_served = self.serving.last().copied().unwrap_or(0);
        self.all
            .iter()
            .filter(|version| **version > newest_served)
            .map(|version| self.index(*version))
            .collect()
    }

    /// The indices that nobody needs once the next version is served: all older ones but the `kept` newest.
    pub fn outdated(&self, kept: usize) -> Vec<String> {
        let newest_served = self.serving.last().copied().unwrap_or(0);
        let older = self.all.iter().rev().filter(|version| **version <= newest_served);
        older.skip(kept).map(|version| self.index(*version)).collect()
    }

    /// The index that is served now.
    pub fn served(&self) -> Option<String> {
        self.serving.last().map(|version| self.index(*version))
    }

    /// The version to go back to: the newest that is older than the one that is served.
    pub fn before(&self) -> Option<u64> {
        let served = self.serving.last()?;
        self.all.iter().rev().find(|version| *version < served).copied()
    }

    /// The alias actions that let searches see `version` instead of what they see now, in one step.
    pub fn switch_to(&self, version: u64) -> Value {
        let add = json!({ "add": { "index": self.index(version), "alias": self.alias } });
        let remove = |old: &u64| json!({ "remove": { "index": self.index(*old), "alias": self.alias } });
        let actions: Vec<Value> = self.serving.iter().map(remove).chain([add]).collect();
        json!({ "actions": actions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(answer: Value) -> Versions {
        Versions::read("s-products", answer.as_object().unwrap())
    }

    #[test]
    fn the_first_version_follows_nothing() {
        let none = versions(json!({}));
        assert_eq!((none.next(), none.leftovers(), none.outdated(1)), (1, vec![], vec![]));
        let add = json!({ "actions": [{ "add": { "index": "s-products-v1", "alias": "s-products" } }] });
        assert_eq!(none.switch_to(1), add);
    }

    #[test]
    fn what_was_served_before_is_kept_and_what_is_older_or_half_filled_goes() {
        let versions = versions(json!({
            "s-products-v2": { "aliases": {} },
            "s-products-v9": { "aliases": { "s-products": {} } },
            "s-products-v10": { "aliases": {} },
            "s-products-vault": { "aliases": {} },
        }));
        assert_eq!(versions.next(), 11);
        assert_eq!(versions.leftovers(), ["s-products-v10"]);
        assert_eq!(versions.outdated(1), ["s-products-v2"]);
        assert!(versions.outdated(2).is_empty());
        assert_eq!(versions.before(), Some(2));
        let actions = json!({ "actions": [
            { "remove": { "index": "s-products-v9", "alias": "s-products" } },
            { "add": { "index": "s-products-v11", "alias": "s-products" } },
        ]});
        assert_eq!(versions.switch_to(11), actions);
    }

    #[test]
    fn an_index_with_the_alias_s_name_is_noticed() {
        assert!(versions(json!({ "s-products": { "aliases": {} } })).is_blocked);
        assert!(!versions(json!({ "s-products-v1": { "aliases": { "s-products": {} } } })).is_blocked);
    }
}
