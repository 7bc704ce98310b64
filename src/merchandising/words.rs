//! When two words are the same to a merchandiser: whatever their case, accents and number.

use crate::model::words;

/// The words of a text.
pub fn words_of(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A word in lower case, without accents and what is written around it, and in the form that it shares with its plural.
pub fn plain(word: &str) -> String {
    words::plain(bare(word))
}

/// A word without what is written around it, unless it is nothing else.
fn bare(word: &str) -> &str {
    // `c++` and `c#` are not `c`.
    let is_around = |c: char| !c.is_alphanumeric() && !matches!(c, '+' | '#');
    Some(word.trim_matches(is_around)).filter(|bare| !bare.is_empty()).unwrap_or(word)
}

/// The words of a text, each [`plain`].
pub fn plain_words(text: &str) -> Vec<String> {
    text.split_whitespace().map(plain).collect()
}

/// Whether a text has a term's words next to each other, both as [`plain_words`]; a term without words is nowhere.
pub fn has_term(text: &[String], term: &[String]) -> bool {
    !term.is_empty() && text.windows(term.len()).any(|part| part == term)
}

/// Whether words of which the last may go on begin with a term or become it.
pub fn may_become(begun: &[String], term: &[String]) -> bool {
    let is_last = |at: usize| at + 1 == begun.len();
    let begins =
        |typed: &str, wanted: &str| words::folded(bare(wanted)).starts_with(&words::folded(bare(typed)));
    let fits = |(at, (typed, wanted)): (usize, (&String, &String))| {
        plain(typed) == plain(wanted) || is_last(at) && begins(typed, wanted)
    };
    !begun.is_empty() && !term.is_empty() && begun.iter().zip(term).enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_number_do_not_part_words() {
        for (one, other) in [
            ("Sofas", "sofa"),
            ("couches", "couch"),
            ("Café", "cafe"),
            ("boxes", "box"),
            ("Batteries", "battery"),
            ("“laptop!”", "laptop"),
        ] {
            assert_eq!(plain(one), plain(other));
        }
        for word in ["dress", "bus", "gas", "tv", "c++", "c#", "&"] {
            assert_eq!(plain(word), word);
        }
    }
}
