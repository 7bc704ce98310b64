//! What was searched for, as one text for all ways to type it.

use crate::model::event::QUERY_CHARS_MAX;

/// In lower case, one blank between words, none around them: `" Red  Shoes"` and `"red shoes"` are one query.
/// At most [`QUERY_CHARS_MAX`] characters, for some letters are longer in lower case.
pub fn normalised(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.extend(word.chars().flat_map(char::to_lowercase));
    }
    match normal.char_indices().nth(QUERY_CHARS_MAX) {
        Some((end, _)) => normal.get(..end).unwrap_or_default().trim_end().to_owned(),
        None => normal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn capitals_and_blanks_make_no_other_query() {
        assert_eq!(normalised("  Red\t SHOES "), "red shoes");
        assert_eq!(normalised(" \u{a0}"), "");
    }

    proptest! {
        #[test]
        fn what_is_normal_stays_so_and_is_short(text in "\\PC{0,300}") {
            let normal = normalised(&text);
            prop_assert!(normal.chars().count() <= QUERY_CHARS_MAX);
            prop_assert_eq!(normal.trim(), normal.as_str());
        }
    }
}
