//! What each part of a query text is taken for. Pure.

use crate::merchandising::synonym::Alternative;
use crate::search::query::spelling::{Corrections, Similar};
use crate::search::relevance::Relevance;
use crate::search::request::Words;

/// A part of a query, which a product may have or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Words as they are, one or several: synonyms of several words need their neighbours.
    Words(String),
    /// An identifier or a size: its parts must follow each other, however they are written.
    Code(String),
    /// A word that may stand for others.
    Unsure(Unsure),
    /// Several words that a synonym has put in, which a product must have all.
    Term(String),
}

/// A word that may stand for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsure {
    /// The word.
    pub typed: String,
    /// What it may have been meant to be.
    pub similar: Vec<Similar>,
    /// Whether it may be the beginning of a word.
    pub may_be_unfinished: bool,
}

/// Words that no product has, and what they are taken for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doubts {
    /// What misspelled words may have been meant to be.
    pub corrections: Corrections,
    /// Whether the last word may be the beginning of one.
    pub last_is_unfinished: bool,
}

impl Doubts {
    /// Whether every word is taken as it is.
    pub fn is_empty(&self) -> bool {
        self.corrections.is_empty() && !self.last_is_unfinished
    }

    /// The same doubts in an alternative of the query: what stands for other words is not in doubt.
    pub fn moved(&self, words: &Words, alternative: &Alternative) -> Self {
        let place = |position| alternative.place(position);
        let last = words.as_slice().len().checked_sub(1).and_then(place);
        Self {
            corrections: self.corrections.moved(place),
            last_is_unfinished: self.last_is_unfinished && last.is_some(),
        }
    }

    /// The query as it was probably meant.
    pub fn meant(&self, words: &Words) -> Words {
        Words::of(&self.corrections.meant(words))
    }
}

/// The parts of a query, in its order; together they have all its words.
pub fn pieces(words: &Words, doubts: &Doubts, relevance: &Relevance) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let words = words.as_slice();
    for (at, word) in words.iter().enumerate() {
        let similar = doubts.corrections.at(at);
        // A number that goes on is another number.
        let may_be_unfinished = doubts.last_is_unfinished && at + 1 == words.len() && !has_digits(word);
        if word.contains(' ') {
            pieces.push(Piece::Term(word.clone()));
        } else if may_be_unfinished || !similar.is_empty() {
            let similar = similar.to_vec();
            pieces.push(Piece::Unsure(Unsure { typed: word.clone(), similar, may_be_unfinished }));
        } else if is_code(word, relevance) {
            pieces.push(Piece::Code(word.clone()));
        } else if let Some(Piece::Words(run)) = pieces.last_mut() {
            run.push(' ');
            run.push_str(word);
        } else {
            pieces.push(Piece::Words(word.clone()));
        }
    }
    pieces
}

/// The same parts with words that are neighbours now as one.
pub fn runs_joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Words(run)), Piece::Words(text)) => {
                run.push(' ');
                run.push_str(&text);
            }
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

/// Whether a word is an identifier or a size (`WH-1000XM5`, `256gb`): it has digits and something else.
fn is_code(word: &str, relevance: &Relevance) -> bool {
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
    has_digits(inner)
        && inner.contains(|c: char| !c.is_numeric())
        && !relevance.synonym_words.contains(&inner.to_lowercase())
}

fn has_digits(word: &str) -> bool {
    word.contains(char::is_numeric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn relevance() -> Relevance {
        Relevance::embedded().unwrap()
    }

    #[test]
    fn words_stay_together_and_codes_stand_alone() {
        let words = Words::read("sony noise cancelling WH-1000XM5 (256gb) 4k tv 55");
        let pieces = pieces(&words, &Doubts::default(), &relevance());
        let expected = [
            Piece::Words("sony noise cancelling".to_owned()),
            Piece::Code("WH-1000XM5".to_owned()),
            Piece::Code("(256gb)".to_owned()),
            Piece::Words("4k tv 55".to_owned()),
        ];
        assert_eq!(pieces, expected);
    }

    proptest! {
        #[test]
        fn no_word_is_lost(text in any::<String>(), last_is_unfinished: bool, at in 0usize..5) {
            let words = Words::read(&text);
            let similar = Similar { word: "other".to_owned(), edits: 1, products: 1 };
            let corrections = [(at, vec![similar])].into_iter().collect();
            let pieces = pieces(&words, &Doubts { corrections, last_is_unfinished }, &relevance());
            let texts: Vec<String> = pieces.into_iter().map(|piece| match piece {
                Piece::Words(text) | Piece::Code(text) | Piece::Term(text) => text,
                Piece::Unsure(unsure) => unsure.typed,
            }).collect();
            prop_assert_eq!(texts.join(" "), words.text());
        }
    }
}
