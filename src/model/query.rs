//! What was searched for, as one text for all ways to type it.

use crate::model::event::QUERY_CHARS_MAX;

/// Longest text that results are kept by, in bytes: Elasticsearch takes ids of up to 512, and a text is only a part of one.
pub const KEY_BYTES_MAX: usize = 300;

/// In lower case, one blank between words, none around them: `" Red  Shoes"` and `"red shoes"` are one query.
/// At most [`QUERY_CHARS_MAX`] characters, for some letters are longer in lower case, and [`KEY_BYTES_MAX`] bytes.
pub fn normalised(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.extend(word.chars().flat_map(char::to_lowercase));
    }
    let end = normal.char_indices().nth(QUERY_CHARS_MAX).map_or(normal.len(), |(end, _)| end);
    let kept = bounded(normal.get(..end).unwrap_or_default()).trim_end().len();
    normal.truncate(kept);
    normal
}

/// The text, or as many of its first characters as [`KEY_BYTES_MAX`] bytes hold.
pub fn bounded(text: &str) -> &str {
    text.get(..text.floor_char_boundary(KEY_BYTES_MAX)).unwrap_or_default()
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

    #[test]
    fn long_letters_make_no_key_that_is_too_long_for_an_id() {
        assert_eq!(normalised(&"電".repeat(200)), "電".repeat(100));
        assert_eq!(bounded(&"é".repeat(151)), "é".repeat(150));
        assert_eq!(bounded("brand"), "brand");
    }

    proptest! {
        #[test]
        fn what_is_normal_stays_so_and_is_short(text in "\\PC{0,300}") {
            let normal = normalised(&text);
            prop_assert!(normal.chars().count() <= QUERY_CHARS_MAX && normal.len() <= KEY_BYTES_MAX);
            prop_assert_eq!(normal.trim(), normal.as_str());
        }
    }
}
