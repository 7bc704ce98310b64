//! When two words are the same to a merchandiser: whatever their case, accents and number.

/// The words of a text.
pub fn words_of(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A word in lower case, without accents, in the singular as far as English shows it by its end.
pub fn plain(word: &str) -> String {
    let mut plain = deunicode::deunicode(word).to_lowercase();
    let is_plural =
        plain.len() > 3 && plain.ends_with('s') && !plain.ends_with("ss") && !plain.ends_with("us");
    if is_plural {
        plain.pop();
        if ["che", "she", "xe", "sse", "zze"].iter().any(|end| plain.ends_with(end)) {
            plain.pop();
        }
    }
    plain
}

/// The words of a text, each [`plain`].
pub fn plain_words(text: &str) -> Vec<String> {
    text.split_whitespace().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_number_do_not_part_words() {
        for (one, other) in [("Sofas", "sofa"), ("couches", "couch"), ("Café", "cafe"), ("boxes", "box")] {
            assert_eq!(plain(one), plain(other));
        }
        for word in ["dress", "bus", "gas", "tv"] {
            assert_eq!(plain(word), word);
        }
    }
}
