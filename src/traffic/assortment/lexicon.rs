//! What typed words mean to the shop's search: a word of a product, what people call the same thing, the
//! beginning of a word that is still being typed, or a word with a slip of the finger.

use std::cmp::Reverse;
use std::collections::HashMap;

use smol_str::SmolStr;

use crate::catalog::index::synonym_rules;
use crate::traffic::assortment::words::{are_a_slip_apart, words};

/// The number of a word, or of what several words mean together.
pub type Term = u32;
/// Words that must all be there.
pub type Phrase = Vec<Term>;

/// Shortest beginning of a word that is searched for.
const PREFIX_CHARS_MIN: usize = 3;
/// Most words that one beginning can stand for.
const COMPLETIONS_MAX: usize = 64;
/// Shortest word that may have a slip in it.
const SLIP_CHARS_MIN: usize = 4;

/// What one typed word, or a few in a row, can mean.
pub enum Meaning {
    /// This one.
    Term(Term),
    /// Any of the words that begin so.
    Beginning(Vec<Term>),
}

/// Every word of every product, and the synonyms among them.
#[derive(Default)]
pub struct Lexicon {
    numbers: HashMap<SmolStr, Term>,
    /// What means other things too, by its first word; the longest phrase first.
    synonyms: HashMap<SmolStr, Vec<Synonym>>,
    /// Words by their letters.
    sorted: Vec<(SmolStr, Term)>,
}

struct Synonym {
    /// The words that follow the first one.
    rest: Vec<SmolStr>,
    term: Term,
}

impl Lexicon {
    /// The number of a word; a new one for a new word.
    pub fn number(&mut self, word: SmolStr) -> Term {
        let next = self.numbers.len() as Term;
        *self.numbers.entry(word).or_insert(next)
    }

    /// Arranges what is known once every product's words have their numbers. Gives the phrases of which any
    /// will do, of each term whose number follows those of the words.
    pub fn arrange(&mut self) -> Vec<Vec<Phrase>> {
        self.sorted = self.numbers.iter().map(|(word, number)| (word.clone(), *number)).collect();
        self.sorted.sort_unstable();
        let mut terms = Vec::new();
        for (typed, meant) in synonym_rules().map(meanings) {
            let known = |phrase: &&str| words(phrase).map(|word| self.numbers.get(&word).copied()).collect();
            let phrases: Vec<Phrase> = meant.iter().filter_map(known).collect();
            if phrases.is_empty() {
                continue;
            }
            let term = (self.numbers.len() + terms.len()) as Term;
            terms.push(phrases);
            for phrase in typed {
                let mut typed = words(phrase);
                if let Some(first) = typed.next() {
                    self.synonyms.entry(first).or_default().push(Synonym { rest: typed.collect(), term });
                }
            }
        }
        for synonyms in self.synonyms.values_mut() {
            synonyms.sort_by_key(|synonym| Reverse(synonym.rest.len()));
        }
        terms
    }

    /// What a text asks for: every one of the meanings. `None` when one of its words means nothing here.
    /// Of words that are a slip away the one with the greatest weight is meant.
    pub fn read(&self, text: &str, weight: impl Fn(Term) -> usize) -> Option<Vec<Meaning>> {
        let typed: Vec<SmolStr> = words(text).collect();
        let mut rest = typed.as_slice();
        let mut meanings = Vec::new();
        while let [first, behind @ ..] = rest {
            if let Some(synonym) = self.synonym(first, behind) {
                meanings.push(Meaning::Term(synonym.term));
                rest = behind.get(synonym.rest.len()..).unwrap_or_default();
                continue;
            }
            let is_last = behind.is_empty();
            let exact = self.numbers.get(first).copied().map(Meaning::Term);
            let completed = || self.completions(first).filter(|_| is_last);
            let meant = || self.without_slip(first, &weight).map(Meaning::Term);
            meanings.push(exact.or_else(completed).or_else(meant)?);
            rest = behind;
        }
        (!meanings.is_empty()).then_some(meanings)
    }

    /// The longest phrase that the words begin with.
    fn synonym(&self, first: &str, behind: &[SmolStr]) -> Option<&Synonym> {
        self.synonyms.get(first)?.iter().find(|synonym| behind.starts_with(&synonym.rest))
    }

    fn completions(&self, typed: &str) -> Option<Meaning> {
        if typed.chars().count() < PREFIX_CHARS_MIN {
            return None;
        }
        let fitting = self.from(typed).take_while(|(word, _)| word.starts_with(typed));
        let completions: Vec<Term> = fitting.take(COMPLETIONS_MAX).map(|(_, number)| *number).collect();
        (!completions.is_empty()).then_some(Meaning::Beginning(completions))
    }

    /// The word that was meant; its first letter is right.
    fn without_slip(&self, typed: &str, weight: impl Fn(Term) -> usize) -> Option<Term> {
        let first = typed.get(..1)?;
        if typed.len() < SLIP_CHARS_MIN || typed.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let candidates = self.from(first).take_while(|(word, _)| word.starts_with(first));
        let near =
            candidates.filter(|(word, _)| word.len() >= SLIP_CHARS_MIN && are_a_slip_apart(word, typed));
        near.map(|(_, number)| *number).max_by_key(|number| weight(*number))
    }

    /// The words from this one on.
    fn from(&self, first: &str) -> impl Iterator<Item = &(SmolStr, Term)> {
        let at = self.sorted.partition_point(|(word, _)| word.as_str() < first);
        self.sorted.iter().skip(at)
    }
}

/// A phrase as it is looked up.
pub fn joined(phrase: &str) -> String {
    words(phrase).collect::<Vec<_>>().join(" ")
}

/// The phrases of a rule that mean something else too, and what each of them means: in `a, b` each means both;
/// in `a => b` the left ones mean the right ones.
pub fn meanings(rule: &str) -> (Vec<&str>, Vec<&str>) {
    let (typed, meant) = rule.split_once("=>").unwrap_or((rule, rule));
    (typed.split(',').map(str::trim).collect(), meant.split(',').map(str::trim).collect())
}
