//! Identifiers as checked text: 1 to 64 characters of `A–Z a–z 0–9 . _ : -`.
//!
//! The narrow alphabet lets an id stand in a document id, an index term, a log line or a URL as it is.
//! Ids of up to 23 characters lie in the value itself, longer ones are shared: a copy never allocates.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use smol_str::{SmolStr, format_smolstr};
use thiserror::Error;

use crate::model::text::{self, Alphabet};

/// Longest identifier that is accepted, in characters.
pub const ID_CHARS_MAX: usize = 64;

/// Why a text is not an identifier.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{what} must be 1 to {ID_CHARS_MAX} characters of A-Z a-z 0-9 . _ : - but is {found:?}")]
pub struct BadId {
    what: &'static str,
    found: String,
}

fn check(what: &'static str, text: &str) -> Result<(), BadId> {
    static LETTERS: Alphabet = Alphabet::new(true, b"._:-");
    // All of them, for most are legal: to stop at the first that is not would cost a branch for each.
    let is_legal = text.bytes().fold(true, |is_legal, byte| is_legal & LETTERS.has(byte));
    if is_legal && (1..=ID_CHARS_MAX).contains(&text.len()) {
        return Ok(());
    }
    Err(BadId { what, found: text.chars().take(ID_CHARS_MAX + 1).collect() })
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl $name {
            /// Checks the text once; whoever holds the value need not check again.
            ///
            /// # Errors
            /// [`BadId`] when the text is empty, too long or has other characters.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                check($what, text)?;
                Ok(Self(text.into()))
            }

            /// The id of this number among those of one run: `s-00c0ffee-17` for a session. Legal by its make.
            pub fn numbered(run: u32, number: u64) -> Self {
                let (kind, _) = $what.split_at(1);
                Self(format_smolstr!("{kind}-{run:08x}-{number}"))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::deserialize(deserializer, $what, Self::parse)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A product of the catalogue.
    ProductId, "product_id");
text_id!(
    /// A shopper who is logged in.
    UserId, "user_id");
text_id!(
    /// A browser or app installation, logged in or not.
    ClientId, "client_id");
text_id!(
    /// One visit: at most two hours, and login starts a new one.
    SessionId, "session_id");
text_id!(
    /// One answered search; travels with every later event that it led to.
    QueryId, "query_id");
text_id!(
    /// One order.
    OrderId, "order_id");

impl ProductId {
    /// The id of the product of this number: `p-00000042`.
    pub fn nth(number: u64) -> Self {
        Self(format_smolstr!("p-{number:08}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_its_text() {
        assert_eq!(ProductId::parse("p-00042").unwrap().as_str(), "p-00042");
    }

    #[test]
    fn a_numbered_id_is_legal_and_tells_its_kind() {
        let id = SessionId::numbered(0x00c0_ffee, u64::MAX);
        assert_eq!(id.as_str(), "s-00c0ffee-18446744073709551615");
        assert_eq!(SessionId::parse(id.as_str()), Ok(id));
    }

    #[test]
    fn empty_long_and_strange_ids_are_refused() {
        for text in ["", "a b", "naïve", "x\n", &"x".repeat(65)] {
            assert!(UserId::parse(text).is_err(), "{text:?}");
            assert!(serde_json::from_value::<UserId>(text.into()).is_err(), "{text:?}");
        }
    }
}
