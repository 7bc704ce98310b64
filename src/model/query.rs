//! What was searched for, as one text for all ways to type it.

use std::borrow::Cow;

/// Most bytes that are kept: the text stands in the ids of documents, which Elasticsearch limits to 512.
const BYTES_MAX: usize = 200;

/// In lower case, one blank between words, none around them: `" Red  Shoes"` and `"red shoes"` are one query.
/// What is longer than 200 bytes is cut.
pub fn normalised(text: &str) -> Cow<'_, str> {
    if is_normal(text) { Cow::Borrowed(text) } else { Cow::Owned(normalise(text)) }
}

/// Whether a text is seen to be normal at a glance, as most are; a normal text may be missed, never another taken.
fn is_normal(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase() && !(9..=13).contains(&byte);
    text.len() <= BYTES_MAX && text.split(' ').all(|word| !word.is_empty() && word.bytes().all(is_plain))
}

fn normalise(text: &str) -> String {
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
            prop_assert_eq!(normal.trim(), &*normal);
            prop_assert_eq!(normalised(&normal), &*normal);
        }

        #[test]
        fn what_is_taken_as_normal_is_left_as_it_is(text in "([ -~]{0,12}|[a-c \t\u{b}A\u{a0}é]{0,6}|[a-z ]{180,220})") {
            prop_assert_eq!(normalised(&text), normalise(&text));
        }
    }
}
