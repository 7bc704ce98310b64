//! What the index of the catalogue looks like: the mapping of `mappings/products.json` with the rules of
//! `mappings/synonyms.txt` in its synonym filter.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::model::words;
use crate::store::schema::Schema;

const SYNONYMS: &str = include_str!("../../mappings/synonyms.txt");

/// Settings and mappings of a version of the catalogue that is being filled: without replicas, and not
/// searchable before [`serving_settings`] are put back. `more` are rules besides the built-in ones.
pub fn loading_body(more: &[String]) -> Value {
    let mut body = Schema::PRODUCTS.body();
    let built_in = synonyms(SYNONYMS).map(str::to_owned);
    body["settings"]["analysis"]["filter"]["shop_synonyms"]["synonyms"] =
        built_in.chain(beside(more)).collect();
    body["settings"]["refresh_interval"] = json!("-1");
    body["settings"]["number_of_replicas"] = json!(0);
    body
}

/// The rules by which a search takes one word for another, in Solr's format: `tv, television` or `telly => tv`.
pub fn synonym_rules() -> impl Iterator<Item = &'static str> {
    synonyms(SYNONYMS)
}

/// Rules as they are compiled beside the built-in ones. `a, b` keeps what was typed and puts the other in, `a => a, b` puts
/// both in: a term that one rule has so and another so would be there twice, and count twice. So each of its terms is
/// put in by itself, unless a built-in rule keeps it.
fn beside(more: &[String]) -> impl Iterator<Item = String> {
    let kept: BTreeSet<String> =
        synonyms(SYNONYMS).filter(|rule| !rule.contains("=>")).flat_map(terms).map(plain).collect();
    more.iter().flat_map(move |rule| {
        let (from, to) = rule.split_once("=>").unwrap_or((rule, rule));
        let to: Vec<&str> = terms(to).collect();
        let of = |term: &str| {
            let others = to.iter().filter(|other| **other != term).copied();
            let itself = Some(term).filter(|_| to.contains(&term) && !kept.contains(&plain(term)));
            let put_in: Vec<&str> = itself.into_iter().chain(others).collect();
            format!("{term} => {}", put_in.join(", "))
        };
        terms(from).map(of).collect::<Vec<_>>()
    })
}

/// The terms of one side of a rule.
fn terms(side: &str) -> impl Iterator<Item = &str> {
    side.split(',').map(str::trim)
}

/// A term as the index has it, as far as number, case and accents go.
fn plain(term: &str) -> String {
    term.split(' ').map(words::plain).collect::<Vec<_>>().join(" ")
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
    fn no_term_of_a_further_rule_is_put_in_twice() {
        // The built-in rules keep trainers, and put a desk in for a desk.
        let more = ["kickers, Trainer", "desk, high table", "kickers => kickers, boots"].map(str::to_owned);
        let compiled: Vec<String> = beside(&more).collect();
        let expected = [
            "kickers => kickers, Trainer",
            "Trainer => kickers",
            "desk => desk, high table",
            "high table => high table, desk",
            "kickers => kickers, boots",
        ];
        assert_eq!(compiled, expected);
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
