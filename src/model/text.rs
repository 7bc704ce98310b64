//! Checks texts, and reads them from JSON without copying them first.

use std::fmt;

use serde::{Deserializer, de};

/// The letters that a text may have: one look for each, as an event has some hundred.
pub struct Alphabet([bool; 256]);

impl Alphabet {
    /// ASCII letters of either case where `capitals`, lower case otherwise, digits and these.
    pub const fn new(capitals: bool, others: &[u8]) -> Self {
        let (mut letters, mut byte) = ([false; 256], 0);
        while byte < letters.len() {
            let letter = byte as u8;
            let is_letter = letter.is_ascii_lowercase() || capitals && letter.is_ascii_uppercase();
            letters[byte] = is_letter || letter.is_ascii_digit();
            byte += 1;
        }
        let mut other = 0;
        while other < others.len() {
            letters[others[other] as usize] = true;
            other += 1;
        }
        Self(letters)
    }

    /// Whether this is one of them.
    pub fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }
}

/// Hands the text, where it lies in the input, to `parse`. `what` is what was expected, for the message
/// when there is no text.
///
/// # Errors
/// The deserializer's, and what `parse` says of the text.
pub fn deserialize<'de, D: Deserializer<'de>, T, E: fmt::Display>(
    deserializer: D,
    what: &'static str,
    parse: fn(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(Parsing { what, parse })
}

struct Parsing<T, E> {
    what: &'static str,
    parse: fn(&str) -> Result<T, E>,
}

impl<T, E: fmt::Display> de::Visitor<'_> for Parsing<T, E> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<Error: de::Error>(self, text: &str) -> Result<T, Error> {
        (self.parse)(text).map_err(Error::custom)
    }
}
