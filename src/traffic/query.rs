//! What shoppers type: the words of their need, now and then with a slip of the finger, and now and then
//! something that no shop has on its shelves.

use rand::RngExt;

use crate::model::event::QUERY_CHARS_MAX;
use crate::traffic::chance::Chance;

/// Share of texts with a slip: what logs of shop searches show is 10 to 15 % on phones, less on keyboards.
const TYPO_SHARE: f64 = 0.08;
/// What people type into a shop's search box although it finds no product.
const UNFINDABLE: [&str; 8] = [
    "opening hours",
    "discount code",
    "return label",
    "track my order",
    "gift voucher balance",
    "careers",
    "warranty claim form",
    "store near me",
];

/// A text that finds nothing.
pub fn unfindable(chance: &mut Chance) -> String {
    chance.one_of(&UNFINDABLE).copied().unwrap_or_default().to_owned()
}

/// The text as it is typed, at most [`QUERY_CHARS_MAX`] characters of it.
pub fn typed(text: &str, chance: &mut Chance) -> String {
    if text.chars().count() > QUERY_CHARS_MAX {
        return text.chars().take(QUERY_CHARS_MAX).collect();
    }
    if !chance.random_bool(TYPO_SHARE) {
        return text.to_owned();
    }
    slipped(text, chance)
}

/// Drops a letter or swaps it with the next one; never the first, which people get right.
fn slipped(text: &str, chance: &mut Chance) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 4 {
        return text.to_owned();
    }
    let at = chance.random_range(1..letters.len() - 1);
    if chance.random_bool(0.5) {
        letters.remove(at);
    } else {
        letters.swap(at, at + 1);
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_text_in_twelve_has_a_slip() {
        let mut chance = Chance::new(3);
        let slips = (0..10_000).filter(|_| typed("headphones", &mut chance) != "headphones").count();
        assert!((700..900).contains(&slips), "{slips}");
    }

    proptest! {
        #[test]
        fn a_typed_text_is_never_too_long_and_keeps_its_first_letter(text in "\\PC{1,300}", seed: u64) {
            let typed = typed(&text, &mut Chance::new(seed));
            prop_assert!(typed.chars().count() <= QUERY_CHARS_MAX);
            prop_assert_eq!(typed.chars().next(), text.chars().next());
        }
    }
}
