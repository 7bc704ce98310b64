//! A category as a path: `electronics.computers.laptops`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;
use thiserror::Error;

use crate::model::text::{self, Alphabet};

/// Deepest path that is accepted, in levels.
pub const LEVELS_MAX: usize = 6;
/// Longest path that is accepted, in characters.
pub const PATH_CHARS_MAX: usize = 200;

/// A checked path of 1 to 6 levels, each of `a–z 0–9 - _`, joined by dots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CategoryPath(SmolStr);

/// Why a text is not a category path.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("category must be 1 to {LEVELS_MAX} names of a-z 0-9 - _ joined by dots but is {0:?}")]
pub struct BadCategory(String);

impl CategoryPath {
    /// Checks the text once.
    ///
    /// # Errors
    /// [`BadCategory`] for an empty, too long or too deep path, or one with other characters.
    pub fn parse(text: &str) -> Result<Self, BadCategory> {
        static LETTERS: Alphabet = Alphabet::new(false, b"-_.");
        let (mut is_legal, mut levels, mut before) = (true, 1, b'.');
        for byte in text.bytes() {
            is_legal &= LETTERS.has(byte) & !(byte == b'.' && before == b'.');
            levels += usize::from(byte == b'.');
            before = byte;
        }
        if is_legal && before != b'.' && levels <= LEVELS_MAX && text.len() <= PATH_CHARS_MAX {
            return Ok(Self(text.into()));
        }
        Err(BadCategory(text.chars().take(PATH_CHARS_MAX + 1).collect()))
    }

    /// The category of products of which none is known.
    pub fn fallback() -> Self {
        Self(SmolStr::new_static("uncategorised"))
    }

    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every prefix from the department down to the path itself: `a`, `a.b`, `a.b.c`.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        let dots = self.0.bytes().enumerate().filter(|(_, byte)| *byte == b'.').map(|(at, _)| at);
        dots.chain([self.0.len()]).filter_map(|end| self.0.get(..end))
    }

    /// Writes every prefix, as a list.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize_prefixes<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.prefixes())
    }

    /// The department, which is the first level.
    pub fn department(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for CategoryPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer, "a category path", Self::parse)
    }
}

impl From<CategoryPath> for String {
    fn from(path: CategoryPath) -> Self {
        path.0.into()
    }
}

impl fmt::Display for CategoryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Depth of a path, in levels: 1 for a department.
pub fn level(path: &str) -> usize {
    path.split('.').count()
}

/// Words that are written in capitals.
const ABBREVIATIONS: [&str; 5] = ["diy", "led", "pc", "tv", "usb"];

/// The last level's name for people: `electronics.tv-video` becomes `TV video`.
pub fn label(path: &str) -> String {
    let words = path.rsplit('.').next().unwrap_or_default().split(['-', '_']);
    let spelled = |(number, word): (usize, &str)| match word.chars().next() {
        _ if ABBREVIATIONS.contains(&word) => word.to_uppercase(),
        Some(first) if number == 0 => first.to_uppercase().chain(word.chars().skip(1)).collect(),
        _ => word.to_owned(),
    };
    words.enumerate().map(spelled).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_of_a_path_is_named() {
        let path = CategoryPath::parse("electronics.computers.laptops").unwrap();
        let prefixes: Vec<_> = path.prefixes().collect();
        assert_eq!(prefixes, ["electronics", "electronics.computers", "electronics.computers.laptops"]);
        assert_eq!(path.department(), "electronics");
    }

    #[test]
    fn a_department_is_the_first_level() {
        assert_eq!(["garden", "garden.tools", "garden.tools.saws"].map(level), [1, 2, 3]);
    }

    #[test]
    fn crooked_paths_are_refused() {
        for text in ["", ".", "a.", ".a", "a..b", "A.b", "a b", "a.b.c.d.e.f.g", &"x".repeat(201)] {
            assert!(CategoryPath::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_label_reads_like_words() {
        assert_eq!(label("electronics.audio.in-ear-headphones"), "In ear headphones");
        assert_eq!(label("electronics.tv-video"), "TV video");
    }
}
