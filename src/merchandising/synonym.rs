//! Synonyms of the shop's own, expanded when a query is built: bounded, and of several words too.

use std::collections::{HashMap, HashSet};

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
    /// Each word of each term.
    words: HashSet<String>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// The synonym's id.
    id: String,
    term: Vec<String>,
    others: Vec<Vec<String>>,
}

/// What a query is searched as besides itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alternative {
    /// Its words; what was put in for a term is one of them, although it may be several words.
    pub words: Vec<String>,
    /// Where it differs from the query, in its order; never empty.
    pub swaps: Vec<Swap>,
}

impl Alternative {
    /// Where it has the query's word of this position; `None` for one that is replaced.
    pub fn place(&self, position: usize) -> Option<usize> {
        let before = self.swaps.iter().take_while(|swap| swap.at <= position);
        let mut place = position;
        for Swap { at, typed, .. } in before {
            if position < at + typed.len() {
                return None;
            }
            place = (place + 1).saturating_sub(typed.len());
        }
        Some(place)
    }

    /// The position in the query that its words have come to so far.
    fn position(&self) -> usize {
        self.swaps.iter().fold(self.words.len(), |at, swap| (at + swap.typed.len()).saturating_sub(1))
    }
}

/// A term of a query with another in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// The id of the synonym that says so.
    pub synonym: String,
    /// The position of the term's first word in the query.
    pub at: usize,
    /// The term's words, as they were typed.
    pub typed: Vec<String>,
    /// The other's words.
    pub other: Vec<String>,
}

impl Thesaurus {
    /// The thesaurus of these synonyms with their ids.
    pub fn of<'s>(synonyms: impl Iterator<Item = (&'s String, &'s Synonym)>) -> Self {
        let mut thesaurus = Self::default();
        for (id, synonym) in synonyms {
            let all = synonym.terms.iter().chain(&synonym.also);
            thesaurus.words.extend(all.flat_map(|term| plain_words(term)));
            for term in &synonym.terms {
                let entry = Entry { id: id.clone(), term: plain_words(term), others: synonym.others(term) };
                let Some(first) = entry.term.first().cloned() else { continue };
                thesaurus.by_first.entry(first).or_default().push(entry);
            }
        }
        thesaurus
    }

    /// Whether a word stands in any term: then it is meant as it is, though no product may have it.
    pub fn knows(&self, word: &str) -> bool {
        !self.words.is_empty() && self.words.contains(&plain(word))
    }

    /// What the words are searched as besides themselves, at most [`ALTERNATIVES_MAX`]: each term replaced
    /// by each of its others, in all combinations, and what was put in never replaced again.
    pub fn alternatives(&self, words: &[String]) -> Vec<Alternative> {
        if self.by_first.is_empty() {
            return Vec::new();
        }
        let plain_words: Vec<String> = words.iter().map(|word| plain(word)).collect();
        let mut found = Vec::new();
        self.expand(words, &plain_words, &mut Alternative::default(), &mut found);
        // The first is what was typed.
        found.into_iter().skip(1).collect()
    }

    fn expand(
        &self,
        words: &[String],
        plain: &[String],
        begun: &mut Alternative,
        found: &mut Vec<Alternative>,
    ) {
        if found.len() > ALTERNATIVES_MAX {
            return;
        }
        let (Some((word, later)), Some((first, plain_later))) = (words.split_first(), plain.split_first())
        else {
            if found.iter().all(|other| other.words != begun.words) {
                found.push(begun.clone());
            }
            return;
        };
        let length = begun.words.len();
        let at = begun.position();
        begun.words.push(word.clone());
        self.expand(later, plain_later, begun, found);
        begun.words.truncate(length);
        for entry in
            self.by_first.get(first).into_iter().flatten().filter(|entry| plain.starts_with(&entry.term))
        {
            let after = entry.term.len();
            let (typed, later) = words.split_at_checked(after).unwrap_or_default();
            let plain_later = plain.get(after..).unwrap_or_default();
            for other in &entry.others {
                begun.words.push(other.join(" "));
                let (typed, other) = (typed.to_vec(), other.clone());
                begun.swaps.push(Swap { synonym: entry.id.clone(), at, typed, other });
                self.expand(later, plain_later, begun, found);
                begun.swaps.pop();
                begun.words.truncate(length);
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
        alternatives(synonyms, &words_of(typed)).iter().map(|one| one.words.join(" ")).collect()
    }

    /// The alternatives with the synonyms numbered from 0.
    fn alternatives(synonyms: &[Synonym], words: &[String]) -> Vec<Alternative> {
        let ids: Vec<String> = (0..synonyms.len()).map(|n| n.to_string()).collect();
        Thesaurus::of(ids.iter().zip(synonyms)).alternatives(words)
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
    fn an_alternative_says_which_synonym_put_what_in_for_what_was_typed() {
        let synonyms = [synonym(&["sofa", "love seat"], &[]), synonym(&["red"], &["crimson"])];
        let found = alternatives(&synonyms, &words_of("Red Love Seats"));
        let swap = |synonym: &str, at, typed: &str, other: &str| Swap {
            synonym: synonym.to_owned(),
            at,
            typed: words_of(typed),
            other: words_of(other),
        };
        let (sofa, crimson) = (swap("0", 1, "Love Seats", "sofa"), swap("1", 0, "Red", "crimson"));
        let swaps: Vec<Vec<Swap>> = found.into_iter().map(|one| one.swaps).collect();
        assert_eq!(swaps, [vec![sofa.clone()], vec![crimson.clone()], vec![crimson, sofa]]);
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
            let found = alternatives(&synonyms, &words);
            prop_assert!(found.len() <= ALTERNATIVES_MAX);
            prop_assert!(found.iter().all(|one| one.words != words && !one.swaps.is_empty()));
            for one in &found {
                let swapped: usize = one.swaps.iter().map(|swap| swap.typed.len()).sum();
                prop_assert_eq!(one.words.len(), words.len() - swapped + one.swaps.len());
                let placed = words.iter().enumerate().filter_map(|(at, word)| Some((one.place(at)?, word)));
                prop_assert_eq!(placed.clone().count(), words.len() - swapped);
                for (place, word) in placed {
                    prop_assert_eq!(&one.words[place], word);
                }
            }
        }
    }
}
