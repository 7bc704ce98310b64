//! What was searched for, as one text for all ways to type it.

/// Most bytes that are kept: the text stands in the ids of documents, which Elasticsearch limits to 512.
const BYTES_MAX: usize = 200;

/// In lower case, one blank between words, none around them: `" Red  Shoes"` and `"red shoes"` are one query.
/// What is longer than 200 bytes is cut.
pub fn normalised(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.extend(word.chars().flat_map(char::to_lowercase));
    }
    normal.truncate(normal.floor_char_boundary(BYTES_MAX));
    normal.truncate(normal.trim_end().len());
    normal
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
        fn what_is_normal_is_short_and_has_no_blanks_around_it(text in "\\PC{0,300}") {
            let normal = normalised(&text);
            prop_assert!(normal.len() <= BYTES_MAX);
            prop_assert_eq!(normal.trim(), normal.as_str());
        }
    }
}
