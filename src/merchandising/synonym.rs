//! Synonyms of the shop's own, expanded when a query is built: bounded, and of several words too.

use std::collections::HashMap;

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

use crate::merchandising::words::{plain, plain_words, words_of};

/// Most words of one term.
const TERM_WORDS_MAX: usize = 6;
/// Longest term, in characters.
const TERM_CHARS_MAX: usize = 60;
/// Most terms of one synonym.
const TERMS_MAX: usize = 20;
/// Most further texts that a query is searched as: each costs a clause as large as the query.
pub const ALTERNATIVES_MAX: usize = 8;

/// Terms that mean the same to a shopper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
#[oai(example, deny_unknown_fields)]
pub struct Synonym {
    /// A query with one of these is searched as with each other: `["sofa", "settee"]`. At most 20 of up to 6
    /// words.
    pub terms: Vec<String>,
    /// Where given, a query with one of `terms` is searched as with each of these instead of each other, and
    /// not the other way round: `["furniture"]`.
    #[oai(default)]
    #[serde(default)]
    pub also: Vec<String>,
}

impl Example for Synonym {
    fn example() -> Self {
        Self { terms: vec!["settee".to_owned(), "sofa".to_owned()], also: Vec::new() }
    }
}

impl Synonym {
    /// Makes sure that it can be used, both when a query is built and in Elasticsearch's own synonyms.
    ///
    /// # Errors
    /// What is wrong, as a sentence without a full stop.
    pub fn check(&self) -> Result<(), String> {
        let least = if self.also.is_empty() { 2 } else { 1 };
        if self.terms.len() < least || self.terms.len() + self.also.len() > TERMS_MAX {
            return Err(format!(
                "terms must hold at least two terms, or one and another in also, and at most {TERMS_MAX}"
            ));
        }
        let all = self.terms.iter().chain(&self.also);
        all.clone().try_for_each(|term| check_term(term))?;
        let mut seen = std::collections::BTreeSet::new();
        match all.map(|term| plain_words(term)).find(|term| !seen.insert(term.clone())) {
            Some(twice) => Err(format!("the term {:?} is there twice", twice.join(" "))),
            None => Ok(()),
        }
    }

    /// The same in Solr's format, one or more rules, for the mapping.
    pub fn rules(&self) -> Vec<String> {
        if self.also.is_empty() {
            return vec![self.terms.join(", ")];
        }
        let also = self.also.join(", ");
        self.terms.iter().map(|term| format!("{term} => {term}, {also}")).collect()
    }

    /// What a term is searched as besides itself.
    fn others(&self, term: &String) -> Vec<Vec<String>> {
        let others = if self.also.is_empty() { &self.terms } else { &self.also };
        others.iter().filter(|other| *other != term).map(|other| words_of(other)).collect()
    }
}

/// Letters, digits and what stands within words: nothing that means something in Solr's format, and no word
/// of which an analyzer leaves nothing.
fn check_term(term: &str) -> Result<(), String> {
    let legal = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '\'' | '.' | '&' | '+' | '/');
    let words = words_of(term);
    let is_word = |word: &String| word.chars().any(char::is_alphanumeric);
    if term.chars().count() > TERM_CHARS_MAX
        || words.is_empty()
        || words.len() > TERM_WORDS_MAX
        || !words.iter().all(is_word)
        || !term.chars().all(legal)
    {
        return Err(format!(
            "a term must be 1 to {TERM_WORDS_MAX} words of letters, digits and - ' . & + / in at most {TERM_CHARS_MAX} \
             characters but is {term:?}"
        ));
    }
    Ok(())
}

/// All synonyms by the first word of their terms, so that a query looks only at what it may use.
#[derive(Debug, Clone, Default)]
pub struct Thesaurus {
    by_first: HashMap<String, Vec<Entry>>,
}

#[derive(Debug, Clone)]
struct Entry {
    term: Vec<String>,
    others: Vec<Vec<String>>,
}

impl Thesaurus {
    /// The thesaurus of these synonyms.
    pub fn of<'s>(synonyms: impl Iterator<Item = &'s Synonym>) -> Self {
        let mut thesaurus = Self::default();
        for synonym in synonyms {
            for term in &synonym.terms {
                let entry = Entry { term: plain_words(term), others: synonym.others(term) };
                let Some(first) = entry.term.first().cloned() else { continue };
                thesaurus.by_first.entry(first).or_default().push(entry);
            }
        }
        thesaurus
    }

    /// What the words are searched as besides themselves, at most [`ALTERNATIVES_MAX`]: each term replaced
    /// by each of its others, in all combinations, and what was put in never replaced again.
    pub fn alternatives(&self, words: &[String]) -> Vec<Vec<String>> {
        if self.by_first.is_empty() {
            return Vec::new();
        }
        let plain_words: Vec<String> = words.iter().map(|word| plain(word)).collect();
        let mut found = Vec::new();
        self.expand(words, &plain_words, &mut Vec::new(), &mut found);
        // The first is what was typed.
        found.into_iter().skip(1).collect()
    }

    fn expand(
        &self,
        words: &[String],
        plain: &[String],
        begun: &mut Vec<String>,
        found: &mut Vec<Vec<String>>,
    ) {
        if found.len() > ALTERNATIVES_MAX {
            return;
        }
        let (Some((word, later)), Some((first, plain_later))) = (words.split_first(), plain.split_first())
        else {
            if !found.contains(begun) {
                found.push(begun.clone());
            }
            return;
        };
        let length = begun.len();
        begun.push(word.clone());
        self.expand(later, plain_later, begun, found);
        begun.truncate(length);
        for entry in
            self.by_first.get(first).into_iter().flatten().filter(|entry| plain.starts_with(&entry.term))
        {
            let after = entry.term.len();
            let (later, plain_later) = (words.get(after..), plain.get(after..));
            for other in &entry.others {
                begun.extend(other.iter().cloned());
                self.expand(later.unwrap_or_default(), plain_later.unwrap_or_default(), begun, found);
                begun.truncate(length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn synonym(terms: &[&str], also: &[&str]) -> Synonym {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Synonym { terms: owned(terms), also: owned(also) }
    }

    fn searched_as(synonyms: &[Synonym], typed: &str) -> Vec<String> {
        let thesaurus = Thesaurus::of(synonyms.iter());
        thesaurus.alternatives(&words_of(typed)).iter().map(|words| words.join(" ")).collect()
    }

    #[test]
    fn a_term_of_several_words_is_found_anywhere_in_a_query_and_in_any_number() {
        let synonyms = [synonym(&["sofa", "settee", "love seat"], &[])];
        assert_eq!(searched_as(&synonyms, "red Settees cheap"), ["red sofa cheap", "red love seat cheap"]);
        assert_eq!(searched_as(&synonyms, "love seats"), ["sofa", "settee"]);
        assert!(searched_as(&synonyms, "seat").is_empty());
    }

    #[test]
    fn one_way_stays_one_way_and_nothing_put_in_is_replaced_again() {
        let synonyms = [synonym(&["anorak"], &["jacket"]), synonym(&["jacket", "coat"], &[])];
        assert_eq!(searched_as(&synonyms, "anorak"), ["jacket"]);
        assert_eq!(searched_as(&synonyms, "jacket"), ["coat"]);
    }

    #[test]
    fn what_solr_or_an_analyzer_would_trip_over_is_refused() {
        for terms in [
            &["sofa"][..],
            &["sofa", "a, b"],
            &["sofa", "a => b"],
            &["sofa", "#x"],
            &["sofa", "-"],
            &["sofa", ""],
            &["sofa", "Sofas"],
        ] {
            assert!(synonym(terms, &[]).check().is_err(), "{terms:?}");
        }
        assert_eq!(synonym(&["sofa", "love seat", "divan"], &[]).check(), Ok(()));
        assert_eq!(synonym(&["tv"], &["television set"]).check(), Ok(()));
    }

    #[test]
    fn the_mapping_gets_the_same_rules() {
        assert_eq!(synonym(&["a", "b c"], &[]).rules(), ["a, b c"]);
        assert_eq!(synonym(&["a", "b"], &["c"]).rules(), ["a => a, c", "b => b, c"]);
    }

    proptest! {
        #[test]
        fn a_query_never_becomes_more_than_a_few(words in prop::collection::vec("[a-c]", 0..20)) {
            let synonyms = [synonym(&["a", "b", "c"], &[]), synonym(&["a b", "c a"], &[])];
            let found = Thesaurus::of(synonyms.iter()).alternatives(&words);
            prop_assert!(found.len() <= ALTERNATIVES_MAX);
            prop_assert!(!found.contains(&words));
        }
    }
}
