//! What the index of the catalogue looks like: the mapping of `mappings/products.json` with the rules of
//! `mappings/synonyms.txt` in its synonym filter.

use serde_json::{Value, json};

use crate::store::schema::Schema;

const SYNONYMS: &str = include_str!("../../mappings/synonyms.txt");

/// Settings and mappings of a version of the catalogue that is being filled: without replicas, and not
/// searchable before [`serving_settings`] are put back. `more` are rules besides the built-in ones.
pub fn loading_body(more: &[String]) -> Value {
    let mut body = Schema::PRODUCTS.body();
    let rules = synonyms(SYNONYMS).chain(more.iter().map(String::as_str));
    body["settings"]["analysis"]["filter"]["shop_synonyms"]["synonyms"] = rules.collect();
    body["settings"]["refresh_interval"] = json!("-1");
    body["settings"]["number_of_replicas"] = json!(0);
    body
}

/// The rules by which a search takes one word for another, in Solr's format: `tv, television` or `telly => tv`.
pub fn synonym_rules() -> impl Iterator<Item = &'static str> {
    synonyms(SYNONYMS)
}

/// The settings that loading has changed, as the mapping's file has them.
pub fn serving_settings() -> Value {
    let settings = &Schema::PRODUCTS.body()["settings"];
    json!({ "index": {
        "refresh_interval": settings["refresh_interval"],
        "number_of_replicas": settings["number_of_replicas"],
    }})
}

/// The rules of a file in Solr's format: one a line, `#` begins a comment.
fn synonyms(file: &str) -> impl Iterator<Item = &str> {
    file.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|rule| !rule.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_at_least_150_rules_of_several_terms() {
        let rules: Vec<&str> = synonyms(SYNONYMS).collect();
        assert!(rules.len() >= 150, "{} rules", rules.len());
        for rule in rules {
            let terms: Vec<&str> = rule.split("=>").flat_map(|side| side.split(',')).map(str::trim).collect();
            assert!(terms.len() >= 2 && terms.iter().all(|term| !term.is_empty()), "{rule}");
        }
    }

    #[test]
    fn no_term_begins_two_rules() {
        let mut seen = BTreeSet::new();
        for rule in synonyms(SYNONYMS) {
            let inputs = rule.split("=>").next().unwrap_or_default();
            for term in inputs.split(',').map(str::trim) {
                assert!(seen.insert(term), "{term} is in two rules, which joins their meanings");
                assert_eq!(term, term.to_lowercase());
            }
        }
    }

    #[test]
    fn comments_and_empty_lines_are_no_rules() {
        let rules: Vec<&str> = synonyms("# things\n\ntv, television # both\n  sofa, couch  \n").collect();
        assert_eq!(rules, ["tv, television", "sofa, couch"]);
    }

    #[test]
    fn loading_changes_nothing_but_synonyms_refresh_and_replicas() {
        let mut body = loading_body(&["a, b".to_owned()]);
        let schema = Schema::PRODUCTS.body();
        assert_eq!(body["settings"]["refresh_interval"], "-1");
        body["settings"]["analysis"]["filter"]["shop_synonyms"]["synonyms"] = json!([]);
        for name in ["refresh_interval", "number_of_replicas"] {
            body["settings"][name] = serving_settings()["index"][name].clone();
        }
        assert_eq!(body, schema);
    }
}
