//! Reads checked texts from JSON without copying them first.

use std::fmt;

use serde::{Deserializer, de};

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
