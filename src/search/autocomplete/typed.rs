//! What was typed, held against texts: which words begin with it, and what part of them it is. Pure.

use std::ops::Range;

use poem_openapi::Object;
use serde::Serialize;

use crate::search::request::Words;

/// Shortest word that may be misspelled, in characters.
const TYPO_CHARS_MIN: usize = 3;
/// Shortest word in which a second mistake is forgiven, in characters.
const TWO_TYPOS_CHARS_MIN: usize = 8;

/// How alike a word must be to what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// It begins with it.
    Begins,
    /// It begins with something spelled like it: one mistake from the third letter on, two from the eighth.
    /// The first letter must be right, and words with digits are never taken for others.
    Similar,
}

/// The words so far, without capitals and accents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed(Vec<String>);

/// A stretch of a suggestion's text.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct Part {
    /// The text; all parts together are the whole.
    pub text: String,
    /// Whether it is what was typed.
    pub matched: bool,
}

impl Typed {
    /// Reads what a shopper typed.
    pub fn read(words: &Words) -> Self {
        Self(folded_words(&words.text()))
    }

    /// The words, in their order.
    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// Whether each of the words so far begins one of these, in any order; never without words.
    pub fn fits(&self, words: &[String], likeness: Likeness) -> bool {
        let begins_one =
            |typed: &String| words.iter().any(|word| common_prefix(typed, word, likeness).is_some());
        !self.0.is_empty() && self.0.iter().all(begins_one)
    }

    /// The text in parts, those marked that were typed.
    pub fn mark(&self, text: &str, likeness: Likeness) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let mut push = |text: &str, matched: bool| match parts.last_mut() {
            _ if text.is_empty() => {}
            Some(part) if part.matched == matched => part.text.push_str(text),
            _ => parts.push(Part { text: text.to_owned(), matched }),
        };
        let mut done = 0;
        for word in spans(text) {
            let length = self.marked_length(text.get(word.clone()).unwrap_or_default(), likeness);
            let end = word.start + length;
            push(text.get(done..word.start).unwrap_or_default(), false);
            push(text.get(word.start..end).unwrap_or_default(), true);
            done = end;
        }
        push(text.get(done..).unwrap_or_default(), false);
        parts
    }

    /// How many bytes of the word were typed; 0 when it was not.
    fn marked_length(&self, word: &str, likeness: Likeness) -> usize {
        let folded = fold(word);
        let prefixes = self.0.iter().filter_map(|typed| common_prefix(typed, &folded, likeness));
        let Some(typed) = prefixes.max() else { return 0 };
        // A character may fold to several (`æ`), so the word is folded one by one until all is covered.
        let mut covered = 0;
        let mut ends = word.char_indices().map(|(at, character)| {
            covered += fold_character(character).chars().count();
            (at + character.len_utf8(), covered)
        });
        ends.find(|(_, covered)| *covered >= typed).map_or(word.len(), |(end, _)| end)
    }
}

/// How many characters of the word are what was typed.
fn common_prefix(typed: &str, word: &str, likeness: Likeness) -> Option<usize> {
    if word.starts_with(typed) {
        return Some(typed.chars().count());
    }
    match likeness {
        Likeness::Begins => None,
        Likeness::Similar => similar_prefix(typed, word),
    }
}

fn similar_prefix(typed: &str, word: &str) -> Option<usize> {
    let length = typed.chars().count();
    let mistakes = match length {
        _ if !may_be_misspelled(typed) => return None,
        TWO_TYPOS_CHARS_MIN.. => 2,
        _ => 1,
    };
    if typed.chars().next() != word.chars().next() {
        return None;
    }
    let lengths = length.saturating_sub(mistakes)..=length + mistakes;
    let distance = |length: usize| {
        let prefix: String = word.chars().take(length).collect();
        (strsim::osa_distance(typed, &prefix), prefix.chars().count())
    };
    let (least, length) = lengths.map(distance).min()?;
    (least <= mistakes).then_some(length)
}

/// Whether a word may be taken for one that is spelled like it.
pub fn may_be_misspelled(word: &str) -> bool {
    word.chars().count() >= TYPO_CHARS_MIN && !word.chars().any(char::is_numeric)
}

/// The words of a text, without capitals and accents.
pub fn folded_words(text: &str) -> Vec<String> {
    spans(text).filter_map(|span| text.get(span)).map(fold).collect()
}

/// Where the words of a text stand, in bytes.
fn spans(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut begun: Option<usize> = None;
    let ends = text.char_indices().map(|(at, character)| (at, character.is_alphanumeric()));
    ends.chain([(text.len(), false)]).filter_map(move |(at, in_word)| match (begun, in_word) {
        (None, true) => {
            begun = Some(at);
            None
        }
        (Some(start), false) => {
            begun = None;
            Some(start..at)
        }
        _ => None,
    })
}

fn fold(word: &str) -> String {
    word.chars().map(fold_character).collect()
}

/// As Elasticsearch's `lowercase` and `asciifolding` do, for the Latin letters that shops write.
fn fold_character(character: char) -> String {
    let is_accented = ('\u{c0}'..='\u{24f}').contains(&character);
    let plain = if is_accented { deunicode::deunicode_char(character) } else { None };
    match plain {
        Some(plain) => plain.to_lowercase(),
        None => character.to_lowercase().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(text: &str) -> Typed {
        Typed::read(&Words::read(text))
    }

    fn marked(text: &str, name: &str) -> String {
        let parts = typed(text).mark(name, Likeness::Similar);
        parts
            .iter()
            .map(|part| if part.matched { format!("[{}]", part.text) } else { part.text.clone() })
            .collect()
    }

    fn fits(text: &str, name: &str, likeness: Likeness) -> bool {
        typed(text).fits(&folded_words(name), likeness)
    }

    #[test]
    fn what_was_typed_is_marked_in_any_order_and_without_regard_to_accents() {
        assert_eq!(marked("phones wire", "Wireless head-phones"), "[Wire]less head-[phones]");
        assert_eq!(marked("elan", "Élan summer dress"), "[Élan] summer dress");
        assert_eq!(marked("straße", "Strasse"), "[Strasse]");
        assert_eq!(marked("hedph", "Headphones"), "[Headph]ones");
        assert_eq!(marked("", "Headphones"), "Headphones");
    }

    #[test]
    fn mistakes_are_forgiven_from_the_third_letter_and_never_in_numbers() {
        for (text, name) in [("hda", "Headphones"), ("jakc", "Jackets"), ("haedphons", "Headphones")] {
            assert!(fits(text, name, Likeness::Similar), "{text}");
            assert!(!fits(text, name, Likeness::Begins), "{text}");
        }
        for (text, name) in
            [("hx", "Headphones"), ("256gb", "128gb"), ("zeadphones", "Headphones"), ("jxyk", "Jackets")]
        {
            assert!(!fits(text, name, Likeness::Similar), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_of_any_text_are_the_text(text in any::<String>(), name in any::<String>()) {
            let parts = typed(&text).mark(&name, Likeness::Similar);
            prop_assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<String>(), name);
            prop_assert!(parts.windows(2).all(|pair| pair[0].matched != pair[1].matched));
        }

        #[test]
        fn what_begins_a_word_is_similar_to_it_too(name in "[a-zé]{1,12}", cut in 1usize..12) {
            let text: String = name.chars().take(cut).collect();
            prop_assert!(fits(&text, &name, Likeness::Begins) && fits(&text, &name, Likeness::Similar));
        }
    }
}
