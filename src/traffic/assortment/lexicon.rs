//! What typed words mean to the shop's search: a word of a product, what people call the same thing, the
//! beginning of a word that is still being typed, or a word with a slip of the finger.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;

use crate::catalog::index::synonym_rules;
use crate::traffic::assortment::words::{are_a_slip_apart, words};

/// A word's number.
pub type Word = u32;
/// Words that must all be there.
pub type Phrase = Vec<Word>;
/// Phrases any of which will do: what one typed word, or a few in a row, can mean.
pub type Meaning<'a> = Cow<'a, [Phrase]>;

/// Shortest beginning of a word that is searched for.
const PREFIX_CHARS_MIN: usize = 3;
/// Most words that one beginning can stand for.
const COMPLETIONS_MAX: usize = 64;
/// Shortest word that may have a slip in it.
const SLIP_CHARS_MIN: usize = 4;

/// Every word of every product, and the synonyms among them.
#[derive(Default)]
pub struct Lexicon {
    numbers: HashMap<String, Word>,
    /// What means other things too, by its first word; the longest phrase first.
    synonyms: HashMap<String, Vec<Synonym>>,
    /// Words by their letters.
    sorted: Vec<(String, Word)>,
}

struct Synonym {
    /// The words that follow the first one.
    rest: Vec<String>,
    meaning: Vec<Phrase>,
}

impl Lexicon {
    /// The number of a word; a new one for a new word.
    pub fn number(&mut self, word: String) -> Word {
        let next = self.numbers.len() as Word;
        *self.numbers.entry(word).or_insert(next)
    }

    /// Arranges what is known once every product's words have their numbers.
    pub fn arrange(&mut self) {
        self.sorted = self.numbers.iter().map(|(word, number)| (word.clone(), *number)).collect();
        self.sorted.sort_unstable();
        for (typed, meant) in synonym_rules().flat_map(meanings) {
            let known = |phrase: &&str| words(phrase).map(|word| self.numbers.get(&word).copied()).collect();
            let meaning: Vec<Phrase> = meant.iter().filter_map(known).collect();
            let mut typed = words(typed);
            if let Some(first) = typed.next().filter(|_| !meaning.is_empty()) {
                self.synonyms.entry(first).or_default().push(Synonym { rest: typed.collect(), meaning });
            }
        }
        for synonyms in self.synonyms.values_mut() {
            synonyms.sort_by_key(|synonym| Reverse(synonym.rest.len()));
        }
    }

    /// What a text asks for: every one of the meanings. `None` when one of its words means nothing here.
    /// Of words that are a slip away the one with the greatest weight is meant.
    pub fn read(&self, text: &str, weight: impl Fn(Word) -> usize) -> Option<Vec<Meaning<'_>>> {
        let typed: Vec<String> = words(text).collect();
        let mut rest = typed.as_slice();
        let mut meanings = Vec::new();
        while let [first, behind @ ..] = rest {
            if let Some(synonym) = self.synonym(first, behind) {
                meanings.push(Cow::Borrowed(synonym.meaning.as_slice()));
                rest = behind.get(synonym.rest.len()..).unwrap_or_default();
                continue;
            }
            let is_last = behind.is_empty();
            let exact = self.numbers.get(first).map(|word| vec![vec![*word]]);
            let completed = || self.completions(first).filter(|_| is_last);
            let meant = || self.without_slip(first, &weight).map(|word| vec![vec![word]]);
            meanings.push(Cow::Owned(exact.or_else(completed).or_else(meant)?));
            rest = behind;
        }
        (!meanings.is_empty()).then_some(meanings)
    }

    /// The longest phrase that the words begin with.
    fn synonym(&self, first: &str, behind: &[String]) -> Option<&Synonym> {
        self.synonyms.get(first)?.iter().find(|synonym| behind.starts_with(&synonym.rest))
    }

    fn completions(&self, typed: &str) -> Option<Vec<Phrase>> {
        if typed.chars().count() < PREFIX_CHARS_MIN {
            return None;
        }
        let from = self.sorted.partition_point(|(word, _)| word.as_str() < typed);
        let fitting = self.sorted.iter().skip(from).take_while(|(word, _)| word.starts_with(typed));
        let meaning: Vec<Phrase> = fitting.take(COMPLETIONS_MAX).map(|(_, number)| vec![*number]).collect();
        (!meaning.is_empty()).then_some(meaning)
    }

    /// The word that was meant; its first letter is right.
    fn without_slip(&self, typed: &str, weight: impl Fn(Word) -> usize) -> Option<Word> {
        let first = typed.get(..1)?;
        if typed.len() < SLIP_CHARS_MIN || typed.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let from = self.sorted.partition_point(|(word, _)| word.as_str() < first);
        let candidates = self.sorted.iter().skip(from).take_while(|(word, _)| word.starts_with(first));
        let near = candidates.filter(|(word, _)| word.len() >= SLIP_CHARS_MIN && are_a_slip_apart(word, typed));
        near.map(|(_, number)| *number).max_by_key(|number| weight(*number))
    }
}

/// A phrase as it is looked up.
pub fn joined(phrase: &str) -> String {
    words(phrase).collect::<Vec<_>>().join(" ")
}

/// What each phrase of a rule means: in `a, b` each means both; in `a => b` the left ones mean the right ones.
pub fn meanings(rule: &str) -> Vec<(&str, Vec<&str>)> {
    let (typed, meant) = rule.split_once("=>").unwrap_or((rule, rule));
    let meant: Vec<&str> = meant.split(',').map(str::trim).collect();
    typed.split(',').map(|phrase| (phrase.trim(), meant.clone())).collect()
}
