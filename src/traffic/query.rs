//! What fingers make of a text: now and then a slip, and now and then something that no shop has on its
//! shelves.

use rand::RngExt;
use smol_str::SmolStr;

use crate::model::event::QUERY_CHARS_MAX;
use crate::traffic::chance::Chance;

/// What people type into a shop's search box although it finds no product.
const UNFINDABLE: [&str; 10] = [
    "opening hours",
    "discount code",
    "return label",
    "track my order",
    "gift voucher balance",
    "careers",
    "warranty claim form",
    "store near me",
    "newsletter unsubscribe",
    "where is my parcel",
];
/// The rows of a keyboard: fingers land beside a letter, hardly ever above it.
const ROWS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];
/// Fewest letters that a search is sent with while they are typed.
const BEGINNING_CHARS_MIN: usize = 3;

/// A text that finds nothing.
pub fn unfindable(chance: &mut Chance) -> &'static str {
    chance.one_of(&UNFINDABLE).copied().unwrap_or_default()
}

/// The text as it is typed, at most [`QUERY_CHARS_MAX`] characters of it, with a slip in a share of `slips`.
pub fn typed(text: SmolStr, slips: f64, chance: &mut Chance) -> SmolStr {
    if text.len() > QUERY_CHARS_MAX && text.chars().count() > QUERY_CHARS_MAX {
        return text.chars().take(QUERY_CHARS_MAX).collect();
    }
    if chance.random::<f64>() < slips { slipped(&text, chance) } else { text }
}

/// The first letters of a text, as a search that answers while one types gets them; `None` for a short text.
pub fn beginning(text: &str, chance: &mut Chance) -> Option<SmolStr> {
    let letters = text.chars().count();
    let kept = (letters > BEGINNING_CHARS_MIN).then(|| chance.random_range(BEGINNING_CHARS_MIN..letters))?;
    Some(text.chars().take(kept).collect::<String>().trim_end().into())
}

/// Drops a letter, doubles it, swaps it with the next one or takes its neighbour on the keyboard; never the
/// first, which people get right, and never beyond the longest text.
fn slipped(text: &str, chance: &mut Chance) -> SmolStr {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 4 {
        return text.into();
    }
    let at = chance.random_range(1..letters.len() - 1);
    match chance.random_range(0..4) {
        0 => {
            letters.remove(at);
        }
        1 if letters.len() < QUERY_CHARS_MAX => {
            if let Some(letter) = letters.get(at).copied() {
                letters.insert(at, letter);
            }
        }
        1 | 2 => letters.swap(at, at + 1),
        _ => {
            if let Some(letter) = letters.get_mut(at) {
                *letter = neighbour(*letter, chance);
            }
        }
    }
    letters.into_iter().collect()
}

/// The letter to the left or to the right of this one; itself where there is none.
fn neighbour(letter: char, chance: &mut Chance) -> char {
    let row = ROWS.iter().find_map(|row| row.find(letter).map(|at| (row, at)));
    let beside = if chance.random_bool(0.5) { 1 } else { usize::MAX };
    let found = row.and_then(|(row, at)| row.as_bytes().get(at.wrapping_add(beside)));
    found.map_or(letter, |byte| char::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slips_come_as_often_as_said_and_in_every_kind() {
        let mut chance = Chance::new(3);
        let typed: Vec<SmolStr> =
            (0..10_000).map(|_| typed("headphones".into(), 0.08, &mut chance)).collect();
        let slips: Vec<&SmolStr> = typed.iter().filter(|text| *text != "headphones").collect();
        assert!((650..850).contains(&slips.len()), "{}", slips.len());
        for (slip, kind) in [
            ("hedphones", "dropped"),
            ("headdphones", "doubled"),
            ("haedphones", "swapped"),
            ("hradphones", "beside"),
        ] {
            assert!(slips.iter().any(|text| *text == slip), "{kind}");
        }
    }

    #[test]
    fn a_letter_is_taken_for_one_beside_it() {
        let mut chance = Chance::new(1);
        let beside: std::collections::BTreeSet<char> = (0..50).map(|_| neighbour('d', &mut chance)).collect();
        assert_eq!(beside.into_iter().collect::<String>(), "fs");
        assert_eq!(neighbour('5', &mut chance), '5');
    }

    proptest! {
        #[test]
        fn a_typed_text_is_never_too_long_and_keeps_its_first_letter(text in "\\PC{1,300}", seed: u64) {
            let typed = typed(text.as_str().into(), 0.5, &mut Chance::new(seed));
            prop_assert!(typed.chars().count() <= QUERY_CHARS_MAX);
            prop_assert_eq!(typed.chars().next(), text.chars().next());
        }

        #[test]
        fn a_beginning_begins_the_text(text in "[a-z ]{1,40}", seed: u64) {
            match beginning(&text, &mut Chance::new(seed)) {
                Some(beginning) => prop_assert!(text.starts_with(beginning.as_str()) && beginning.len() < text.len()),
                None => prop_assert!(text.len() <= BEGINNING_CHARS_MIN),
            }
        }
    }
}
