//! Where a search goes on, as an opaque text that is of use to the same search only. Pure.
//!
//! A cursor leads as deep as one likes at the cost of one page, because it names the last result instead of
//! counting those before. It keeps no snapshot: a product that changes its place meanwhile may be seen twice or
//! not at all.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::parameter::BadParameter;
use crate::search::sort::Sort;

/// Longest cursor that is read, in bytes: ids have at most 64 characters.
const BYTES_MAX: usize = 500;

/// The last result of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    /// Its place among all results, from 1; also how many are before the next page.
    pub position: u32,
    /// The values that it was sorted by.
    pub values: Vec<Value>,
}

/// The text before its encoding: seal, position, values.
#[derive(Serialize, Deserialize)]
struct Text(u64, u32, Vec<Value>);

impl Cursor {
    /// The text for this cursor of a search with this fingerprint.
    pub fn text(self, search: u64) -> String {
        let seal = self.seal(search);
        let text = Text(seal, self.position, self.values);
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&text).unwrap_or_default())
    }

    /// Reads a cursor of a search with this fingerprint and order.
    ///
    /// # Errors
    /// [`BadParameter`] for a text that is no cursor, or one of another search.
    pub fn parse(text: &str, search: u64, sort: Sort) -> Result<Self, BadParameter> {
        let detail = "cursor must be the next_cursor of an answer to this very search, with the same words, filters \
                      and order; leave it out to begin anew";
        let bad = || BadParameter { parameter: "cursor", detail: detail.to_owned() };
        let bytes = Some(text).filter(|text| text.len() <= BYTES_MAX);
        let bytes = bytes.and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok()).ok_or_else(bad)?;
        let Text(seal, position, values) = serde_json::from_slice(&bytes).map_err(|_| bad())?;
        let cursor = Self { position, values };
        let is_ours = sort.may_bring(&cursor.values) && seal == cursor.seal(search);
        is_ours.then_some(cursor).ok_or_else(bad)
    }

    /// Guards against mistakes, not against forgers, who would only reach results that are public anyway.
    fn seal(&self, search: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (search, self.position).hash(&mut hasher);
        self.values.iter().for_each(|value| value.to_string().hash(&mut hasher));
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn cursor(score: f32) -> Cursor {
        Cursor { position: 24, values: vec![json!(score), json!("p-00000042")] }
    }

    proptest! {
        #[test]
        fn a_cursor_leads_its_own_search_on_and_no_other(score in 0f32..1e6, search: u64, other: u64) {
            prop_assume!(search != other);
            let text = cursor(score).text(search);
            prop_assert_eq!(Cursor::parse(&text, search, Sort::Relevance).unwrap(), cursor(score));
            prop_assert!(Cursor::parse(&text, other, Sort::Relevance).is_err());
            prop_assert!(Cursor::parse(&text, search, Sort::Price).is_err());
        }

        #[test]
        fn no_text_upsets_it(text in any::<String>()) {
            prop_assert!(Cursor::parse(&text, 0, Sort::Relevance).is_err());
        }
    }
}
