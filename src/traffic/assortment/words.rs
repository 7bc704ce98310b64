//! Words as a search compares them: small letters, without their plural's ending, a slip of the finger apart.

use smol_str::SmolStr;

/// The words of a text as the index keeps them.
pub fn words(text: &str) -> impl Iterator<Item = SmolStr> {
    let pieces = text.split(|letter: char| !letter.is_alphanumeric()).filter(|piece| !piece.is_empty());
    pieces.map(|piece| {
        let mut word = piece.to_lowercase();
        singular(&mut word);
        SmolStr::from(word)
    })
}

/// Takes a plural's ending off, as light stemmers do (Harman's S, with the endings that would leave an e
/// too many). Not `model::words`, which knows more words: the same seed gives the same events as ever.
fn singular(word: &mut String) {
    let cut = match word.as_str() {
        short if short.len() <= 3 => 0,
        ies if ies.ends_with("ies") => {
            word.truncate(word.len() - 3);
            word.push('y');
            return;
        }
        es if ["sses", "shes", "ches", "xes", "zes"].iter().any(|ending| es.ends_with(ending)) => 2,
        kept if kept.ends_with("ss") || kept.ends_with("us") => 0,
        s if s.ends_with('s') => 1,
        _ => 0,
    };
    word.truncate(word.len() - cut);
}

/// Whether one letter that was dropped, added or replaced, or two neighbours that were swapped, turn one
/// word into the other; equal words are not a slip apart.
pub fn are_a_slip_apart(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short, long) = (short.get(same..).unwrap_or_default(), long.get(same..).unwrap_or_default());
    match (short, long) {
        ([], rest) => rest.len() == 1,
        ([a, b, short @ ..], [c, d, long @ ..]) if (a, b) == (d, c) && short == long => true,
        ([_, short_rest @ ..], [_, long_rest @ ..]) => short_rest == long_rest || short == long_rest,
        (_, []) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plural_is_the_same_word() {
        let forms = ["Headphones", "dresses", "batteries", "glass", "boxes", "bus", "Toothbrushes", "tvs"];
        let found: Vec<SmolStr> = words(&forms.join("-")).collect();
        assert_eq!(found, ["headphone", "dress", "battery", "glass", "box", "bus", "toothbrush", "tvs"]);
    }

    #[test]
    fn a_slip_is_one_letter_or_two_swapped() {
        for slip in ["kttle", "ketttle", "kettel", "kettlr", "settle"] {
            assert!(are_a_slip_apart(slip, "kettle") && are_a_slip_apart("kettle", slip), "{slip}");
        }
        for other in ["kettle", "ktle", "kettling", "tekttle"] {
            assert!(!are_a_slip_apart(other, "kettle"), "{other}");
        }
    }

    proptest! {
        #[test]
        fn one_slip_is_always_seen_as_one(word in "[a-z]{4,12}", at in 0usize..12, letter in "[a-z]") {
            let at = at % word.len();
            let mut slipped = word.clone();
            slipped.insert_str(at, &letter);
            prop_assert!(are_a_slip_apart(&slipped, &word));
            let mut dropped = word.clone();
            dropped.remove(at);
            prop_assert!(are_a_slip_apart(&word, &dropped));
        }
    }
}
