//! Words that were written apart and that the catalogue writes as one (`head phones`), and the other way round
//! (`gardenhose`). Which words there are is asked of the catalogue: no list of them is kept. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::search::query::{across_fields, in_a_row};
use crate::search::relevance::{Boosted, Relevance};
use crate::search::request::Words;
use crate::store::found::{Aggregated, Buckets, Passed};

/// Words of one query that are looked at.
const WORDS_MAX: usize = 6;
/// Shortest word that may be made of two, in characters.
const JOINED_CHARS_MIN: usize = 4;
/// Shortest part that a word may be split into, in characters.
const PART_CHARS_MIN: usize = 3;
/// Longest word that is split, in characters.
const SPLIT_CHARS_MAX: usize = 24;
/// Least products that must have what was not typed: a slip of the pen in a catalogue is not a word.
const PRODUCTS_MIN: u64 = 3;
/// What was typed must be so many times rarer than what it is taken for.
const TIMES_RARER: u64 = 10;
/// Where words that belong together follow each other.
const NAMES: [&str; 4] = ["name", "category_label", "categories_above", "attribute_text"];

/// Another way to write a part of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Respelling {
    /// The positions of the words that it stands for: of the first, and behind the last.
    at: (usize, usize),
    typed: String,
    meant: String,
}

/// The pairs of neighbours, of which each may be one word.
pub fn joins(words: &Words) -> Vec<Respelling> {
    let words = words.as_slice();
    let pairs = words.iter().zip(words.iter().skip(1)).take(WORDS_MAX).enumerate();
    let pairs = pairs.filter(|(_, (first, second))| is_word(first) && is_word(second));
    pairs
        .map(|(at, (first, second))| Respelling {
            at: (at, at + 2),
            typed: format!("{first} {second}"),
            meant: format!("{first}{second}"),
        })
        .filter(|pair| pair.meant.chars().count() >= JOINED_CHARS_MIN)
        .collect()
}

/// The ways to split the words in two.
pub fn splits(words: &Words) -> Vec<Respelling> {
    let words = words.as_slice().iter().enumerate().take(WORDS_MAX);
    words.filter(|(_, word)| is_word(word)).flat_map(|(at, word)| splits_of(at, word)).collect()
}

fn splits_of(at: usize, word: &str) -> impl Iterator<Item = Respelling> {
    let length = word.chars().count();
    let ends = word.char_indices().map(|(end, _)| end).enumerate();
    let is_between = move |place: usize| {
        length <= SPLIT_CHARS_MAX && place >= PART_CHARS_MIN && place + PART_CHARS_MIN <= length
    };
    let parts =
        ends.filter(move |(place, _)| is_between(*place)).filter_map(|(_, end)| word.split_at_checked(end));
    parts.map(move |(first, second)| Respelling {
        at: (at, at + 1),
        typed: word.to_owned(),
        meant: format!("{first} {second}"),
    })
}

fn is_word(word: &str) -> bool {
    word.chars().all(char::is_alphabetic)
}

/// The question how many products have what was typed, and how many what it may be meant for.
pub fn question(respellings: &[Respelling], relevance: &Relevance) -> Value {
    let fields: BTreeMap<String, f64> = NAMES.iter().map(|name| ((*name).to_owned(), 1.0)).collect();
    let names = Boosted { fields: fields.into(), boost: 1.0 };
    let has = |text: &str| match text.contains(' ') {
        true => in_a_row(text, &names),
        false => across_fields(text, "100%", relevance),
    };
    let filters: Vec<Value> = respellings.iter().flat_map(|one| [has(&one.typed), has(&one.meant)]).collect();
    json!({
        "size": 0,
        "track_total_hits": false,
        "aggs": { "have": { "filters": { "filters": filters } } },
    })
}

/// Elasticsearch's answer to [`question`].
#[derive(Debug, Deserialize)]
pub struct RawCounts(Aggregated<Counts>);

#[derive(Debug, Deserialize)]
struct Counts {
    have: Buckets<Passed>,
}

impl RawCounts {
    /// The query as the catalogue writes it; `None` where that is as it was typed.
    pub fn respelled(&self, words: &Words, respellings: &[Respelling]) -> Option<Words> {
        let counts: Vec<u64> =
            self.0.aggregations.have.buckets.iter().map(|passed| passed.doc_count).collect();
        let pairs = counts.chunks_exact(2).map(|pair| (pair.first().copied(), pair.last().copied()));
        let counted = pairs.map(|(typed, meant)| (typed.unwrap_or_default(), meant.unwrap_or_default()));
        respelled(words, respellings.iter().zip(counted))
    }
}

/// The query with the parts replaced that are meant to be others, those first that most products have.
fn respelled<'r>(
    words: &Words,
    counted: impl Iterator<Item = (&'r Respelling, (u64, u64))>,
) -> Option<Words> {
    let is_meant =
        |typed: u64, meant: u64| meant >= PRODUCTS_MIN && typed.saturating_mul(TIMES_RARER) <= meant;
    let mut meant: Vec<(u64, &Respelling)> = counted
        .filter(|(_, (typed, meant))| is_meant(*typed, *meant))
        .map(|(one, (_, meant))| (meant, one))
        .collect();
    meant.sort_by_key(|(products, _)| std::cmp::Reverse(*products));
    let mut texts: Vec<Option<&str>> = words.as_slice().iter().map(|word| Some(word.as_str())).collect();
    let mut taken = vec![false; texts.len()];
    for (_, Respelling { at: (first, behind), meant, .. }) in meant {
        let (Some(places), Some(parts)) = (taken.get_mut(*first..*behind), texts.get_mut(*first..*behind))
        else {
            continue;
        };
        if places.iter().any(|taken| *taken) {
            continue;
        }
        places.fill(true);
        parts.fill(None);
        if let Some(place) = parts.first_mut() {
            *place = Some(meant);
        }
    }
    let is_other = taken.iter().any(|taken| *taken);
    is_other.then(|| Words::read(&texts.into_iter().flatten().collect::<Vec<_>>().join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the query is taken for where so many products have what was typed, and what it may be meant for.
    fn taken(
        text: &str,
        respellings: &[Respelling],
        count: impl Fn(&Respelling) -> (u64, u64),
    ) -> Option<String> {
        let words = Words::read(text);
        respelled(&words, respellings.iter().map(|one| (one, count(one)))).map(|words| words.text())
    }

    fn meant(respellings: &[Respelling]) -> Vec<&str> {
        respellings.iter().map(|one| one.meant.as_str()).collect()
    }

    #[test]
    fn neighbours_are_joined_where_products_have_them_as_one_word() {
        let words = Words::read("black lap top 16 gb");
        let joins = joins(&words);
        assert_eq!(meant(&joins), ["blacklap", "laptop"]);
        let known = |one: &Respelling| (0, if one.meant == "laptop" { 900 } else { 0 });
        assert_eq!(taken("black lap top 16 gb", &joins, known).unwrap(), "black laptop 16 gb");
        assert_eq!(taken("black lap top 16 gb", &joins, |_| (0, 2)), None);
    }

    #[test]
    fn words_that_products_have_side_by_side_stay_apart() {
        let joins = joins(&Words::read("hair dryer"));
        assert_eq!(taken("hair dryer", &joins, |_| (350, 400)), None);
        assert_eq!(taken("hair dryer", &joins, |_| (2, 400)).unwrap(), "hairdryer");
    }

    #[test]
    fn a_word_is_split_where_products_have_its_parts_side_by_side() {
        let splits = splits(&Words::read("long gardenhose"));
        assert_eq!(meant(&splits)[..2], ["gar denhose", "gard enhose"]);
        let known = |one: &Respelling| (0, if one.meant == "garden hose" { 9 } else { 0 });
        assert_eq!(taken("long gardenhose", &splits, known).unwrap(), "long garden hose");
    }

    #[test]
    fn no_word_is_used_twice() {
        let joins = joins(&Words::read("note book bag"));
        assert_eq!(taken("note book bag", &joins, |_| (0, 9)).unwrap(), "notebook bag");
    }

    proptest! {
        #[test]
        fn no_letter_is_lost(text in "[a-zéß]{0,9}( [a-zéß0-9]{1,9}){0,7}", counts in prop::collection::vec(0u64..99, 99)) {
            let words = Words::read(&text);
            let bare = |text: &str| text.replace(' ', "");
            for respellings in [joins(&words), splits(&words)] {
                let counted = respellings.iter().zip(counts.iter().map(|count| (count / 50, *count)));
                if let Some(other) = respelled(&words, counted) {
                    prop_assert_eq!(bare(&other.text()), bare(&text));
                    prop_assert_ne!(&other, &words);
                }
            }
        }
    }
}
