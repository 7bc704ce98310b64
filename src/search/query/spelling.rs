//! Which words may be misspelled, and what they may have been meant to be. Pure.
//!
//! Elasticsearch's term suggester proposes words of the catalogue for those that it has never or hardly
//! seen; what is kept of that is decided here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use strsim::osa_distance;

use crate::search::relevance::Relevance;
use crate::search::request::Words;

/// Shortest word that may be misspelled, in characters: below, every word has too many neighbours.
const WORD_CHARS_MIN: usize = 4;
/// Longest word that may be misspelled: looking for the neighbours of long ones is slow, and none is a word.
const WORD_CHARS_MAX: usize = 24;
/// Words of one query that are looked at: each costs Elasticsearch about a millisecond if it is unknown.
const WORDS_MAX: usize = 6;
/// From this length on, a word may have two errors instead of one.
const TWO_EDITS_CHARS_MIN: usize = 8;
/// Proposals that are asked for, of which the best are kept.
const PROPOSALS: u32 = 8;

/// How far from what was typed a similar word may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// One edit, two in long words; the first letter is right.
    Near,
    /// Two edits, the first letter included.
    Far,
}

/// A word that may have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Similar {
    /// The word, as products have it.
    pub word: String,
    /// Letters that were added, left out, replaced or swapped with the next.
    pub edits: usize,
    /// Products that have it; 0 for a word that only the synonyms have.
    pub products: u64,
}

/// The words that may stand for a typed one, best first, by its position in the query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Corrections(BTreeMap<usize, Vec<Similar>>);

/// Whether a word may be misspelled: identifiers, sizes and words of the synonyms may not.
pub fn is_forgiving(word: &str, relevance: &Relevance) -> bool {
    (WORD_CHARS_MIN..=WORD_CHARS_MAX).contains(&word.chars().count())
        && word.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '’'))
        && !relevance.synonym_words.contains(&word.to_lowercase())
}

/// The question for similar words, to be added to a search; `None` if no word may be misspelled.
pub fn question(words: &Words, reach: Reach, relevance: &Relevance) -> Option<Value> {
    let asked: Vec<&str> = asked(words, relevance).map(|(_, word)| word).collect();
    if asked.is_empty() {
        return None;
    }
    let first_letters = match reach {
        Reach::Near => 1,
        Reach::Far => 0,
    };
    let words = json!({ "term": {
        "field": "spelling",
        "suggest_mode": "popular",
        "max_term_freq": relevance.spelling.rare_products,
        "min_word_length": WORD_CHARS_MIN,
        "prefix_length": first_letters,
        "size": PROPOSALS,
    }});
    Some(json!({ "text": asked.join(" "), "words": words }))
}

/// The words that are asked for, with their positions in the query.
fn asked<'w>(words: &'w Words, relevance: &Relevance) -> impl Iterator<Item = (usize, &'w str)> {
    let all = words.as_slice().iter().map(String::as_str).enumerate();
    all.filter(|(_, word)| is_forgiving(word, relevance)).take(WORDS_MAX)
}

/// Elasticsearch's answer to [`question`].
#[derive(Debug, Deserialize)]
pub struct RawSpelling {
    words: Vec<Entry>,
}

/// One word of the question. Its place is counted in UTF-16 units.
#[derive(Debug, Deserialize)]
struct Entry {
    offset: usize,
    length: usize,
    options: Vec<Proposal>,
}

#[derive(Debug, Deserialize)]
struct Proposal {
    text: String,
    freq: u64,
}

impl RawSpelling {
    /// The similar words within reach of each word that seems misspelled.
    pub fn corrections(self, words: &Words, reach: Reach, relevance: &Relevance) -> Corrections {
        let mut entries = self.words;
        let mut offset = 0;
        let mut corrections = BTreeMap::new();
        for (at, word) in asked(words, relevance) {
            let (begin, length) = (offset, word.encode_utf16().count());
            offset += length + 1;
            let is_this = |entry: &&mut Entry| entry.offset == begin && entry.length == length;
            let Some(entry) = entries.iter_mut().find(is_this) else { continue };
            let similar = similar(word, std::mem::take(&mut entry.options), reach);
            if !similar.is_empty() {
                let few = similar.into_iter().take(relevance.spelling.similar_words);
                corrections.insert(at, few.collect());
            }
        }
        Corrections(corrections)
    }
}

/// The proposals within reach, the nearest and then the most frequent first.
fn similar(typed: &str, proposals: Vec<Proposal>, reach: Reach) -> Vec<Similar> {
    let typed = typed.to_lowercase();
    let edits_max = match (reach, typed.chars().count()) {
        (Reach::Near, ..TWO_EDITS_CHARS_MIN) => 1,
        (Reach::Near | Reach::Far, _) => 2,
    };
    let mut similar: Vec<Similar> = proposals
        .into_iter()
        .map(|Proposal { text, freq }| Similar {
            edits: osa_distance(&typed, &text),
            word: text,
            products: freq,
        })
        .filter(|similar| similar.edits <= edits_max)
        .collect();
    similar.sort_by_key(|similar| (similar.edits, std::cmp::Reverse(similar.products)));
    similar
}

impl Corrections {
    /// Whether nothing seems misspelled.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the word at this position may stand for.
    pub fn at(&self, position: usize) -> &[Similar] {
        self.0.get(&position).map(Vec::as_slice).unwrap_or_default()
    }

    /// Only those of the words at these positions.
    pub fn only(mut self, positions: &[usize]) -> Self {
        self.0.retain(|at, _| positions.contains(at));
        self
    }

    /// Without those of the words at these positions.
    pub fn without(mut self, positions: &[usize]) -> Self {
        self.0.retain(|at, _| !positions.contains(at));
        self
    }

    /// Those of the words that have a place in another query, at these places.
    pub fn moved(&self, place: impl Fn(usize) -> Option<usize>) -> Self {
        let moved = self.0.iter().filter_map(|(at, similar)| Some((place(*at)?, similar.clone())));
        moved.collect()
    }

    /// Only similar words that outweigh one that a few products have: others than its own plural or singular,
    /// and in so many products.
    pub fn outweighing(mut self, words: &Words, products: u64) -> Self {
        for (at, similar) in &mut self.0 {
            let typed = words.as_slice().get(*at).map(|word| word.to_lowercase()).unwrap_or_default();
            let is_form_of_it = |word: &str| word.starts_with(&typed) || typed.starts_with(word);
            similar.retain(|similar| similar.products >= products && !is_form_of_it(&similar.word));
        }
        self.0.retain(|_, similar| !similar.is_empty());
        self
    }

    /// Looks among the synonyms' words for those at these positions that nothing in the catalogue is like:
    /// `ihpone` may mean a word that no product has, but that stands for some.
    pub fn or_synonyms(mut self, words: &Words, positions: &[usize], relevance: &Relevance) -> Self {
        for (at, word) in words.as_slice().iter().enumerate() {
            if positions.contains(&at) && !self.0.contains_key(&at) && is_forgiving(word, relevance) {
                let synonyms = relevance.synonym_words.iter();
                let proposals = synonyms.map(|text| Proposal { text: text.clone(), freq: 0 }).collect();
                let mut similar = similar(word, proposals, Reach::Near);
                similar.truncate(relevance.spelling.similar_words);
                if !similar.is_empty() {
                    self.0.insert(at, similar);
                }
            }
        }
        self
    }

    /// The query with the best similar words in place; `None` if nothing seems misspelled.
    pub fn did_you_mean(&self, words: &Words) -> Option<String> {
        (!self.is_empty()).then(|| self.meant(words).join(" "))
    }

    /// The words, with the best similar ones in place.
    pub fn meant(&self, words: &Words) -> Vec<String> {
        let best = |(at, word): (usize, &String)| {
            self.at(at).first().map_or_else(|| word.clone(), |similar| similar.word.clone())
        };
        words.as_slice().iter().enumerate().map(best).collect()
    }
}

impl FromIterator<(usize, Vec<Similar>)> for Corrections {
    fn from_iter<I: IntoIterator<Item = (usize, Vec<Similar>)>>(corrections: I) -> Self {
        Self(corrections.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn relevance() -> Relevance {
        Relevance::embedded().unwrap()
    }

    /// The suggester's answer that proposes this word for the one at this place.
    fn answer(offset: usize, length: usize, proposals: &[(&str, u64)]) -> RawSpelling {
        let options: Vec<Value> = proposals
            .iter()
            .map(|(text, freq)| json!({ "text": text, "freq": freq, "score": 0.8 }))
            .collect();
        let entry = json!([{ "text": "x", "offset": offset, "length": length, "options": options }]);
        serde_json::from_value(json!({ "words": entry })).unwrap()
    }

    #[test]
    fn identifiers_sizes_short_words_and_synonyms_are_never_misspelled() {
        for word in ["WH-1000XM5", "256gb", "tv", "usb", "hoover", "耳机", &"x".repeat(30)] {
            assert!(!is_forgiving(word, &relevance()), "{word}");
        }
        assert!(is_forgiving("headphons", &relevance()));
        assert!(question(&Words::read("256gb usb"), Reach::Near, &relevance()).is_none());
    }

    #[test]
    fn the_nearest_word_is_proposed_and_the_others_stay_as_typed() {
        let words = Words::read("55 oaken headphons");
        let raw = answer(6, 9, &[("headphone", 900), ("headphones", 500), ("telephones", 700)]);
        let corrections = raw.corrections(&words, Reach::Near, &relevance());
        assert_eq!(corrections.did_you_mean(&words).unwrap(), "55 oaken headphone");
        let words_and_edits: Vec<_> = corrections.at(2).iter().map(|s| (s.word.as_str(), s.edits)).collect();
        assert_eq!(words_and_edits, [("headphone", 1), ("headphones", 1)]);
    }

    #[test]
    fn a_word_that_only_the_synonyms_have_is_proposed_where_the_catalogue_has_none() {
        let words = Words::read("ihpone hover");
        let corrections = Corrections::default().or_synonyms(&words, &[0], &relevance());
        assert_eq!(corrections.did_you_mean(&words).unwrap(), "iphone hover");
    }

    #[test]
    fn a_rare_word_stands_for_a_frequent_one_but_not_for_its_own_plural() {
        let words = Words::read("kholer");
        let raw = answer(0, 6, &[("kohler", 900), ("kholers", 900), ("koller", 3)]);
        let corrections = raw.corrections(&words, Reach::Far, &relevance()).outweighing(&words, 40);
        assert_eq!(corrections.at(0), [Similar { word: "kohler".to_owned(), edits: 1, products: 900 }]);
    }

    proptest! {
        #[test]
        fn corrections_stand_at_words_of_the_query_and_within_reach(
            text in "[a-zA-Zéß ]{0,60}", offset in 0usize..60, length in 0usize..20, proposal in "[a-z]{1,12}"
        ) {
            let words = Words::read(&text);
            let corrections = answer(offset, length, &[(&proposal, 1)]).corrections(&words, Reach::Far, &relevance());
            for (at, similar) in &corrections.0 {
                prop_assert!(is_forgiving(&words.as_slice()[*at], &relevance()));
                prop_assert!(similar.iter().all(|similar| similar.edits <= 2));
            }
        }
    }
}
