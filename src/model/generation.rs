//! Generations of results: what one logic made of the event topics, beside what another made of them.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::time::Timestamp;

/// Most characters of a name: it becomes part of the names of indices and consumer groups.
const NAME_CHARS_MAX: usize = 32;
/// How the generation is called that every shop begins with.
const ORIGINAL: &str = "original";
/// How the first records are called where a generation begins.
const BEGINNING: &str = "beginning";

/// A set of results with indices and consumer groups of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Generation {
    /// The one that every shop begins with; its indices and groups bear no generation's name.
    #[default]
    Original,
    /// One that was filled beside it.
    Named(Name),
}

/// The name of a generation: small letters, digits and `_`. No `-`, which separates the parts of an
/// index's name, so that no generation's names begin with those of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

/// A text that cannot name a generation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} cannot name a generation: use a letter and then up to 31 of a-z 0-9 _, such as v2")]
pub struct BadName(String);

/// Where a generation begins in the topics, the earliest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// With the first records that they still have.
    Beginning,
    /// With the first records that were stored at this time or later.
    At(Timestamp),
}

impl Generation {
    /// What the names of its indices begin with, after the shop's prefix.
    pub fn prefix(&self) -> String {
        match self {
            Self::Original => String::new(),
            Self::Named(Name(name)) => format!("gen-{name}-"),
        }
    }

    /// The name of one of its consumer groups, given the name that it has in the original generation.
    pub fn group(&self, base: &str) -> String {
        match self {
            Self::Original => base.to_owned(),
            Self::Named(Name(name)) => format!("{base}-{name}"),
        }
    }
}

impl FromStr for Generation {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let legal = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        let begins_well = text.bytes().next().is_some_and(|c| c.is_ascii_lowercase());
        if text == ORIGINAL {
            return Ok(Self::Original);
        }
        if begins_well && text.len() <= NAME_CHARS_MAX && text.bytes().all(legal) {
            return Ok(Self::Named(Name(text.into())));
        }
        Err(BadName(text.chars().take(2 * NAME_CHARS_MAX).collect()))
    }
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            BEGINNING => Ok(Self::Beginning),
            _ => Timestamp::parse(text).map(Self::At).ok_or_else(|| {
                format!("must be {BEGINNING} or a time of storing such as 2026-11-21T00:00:00Z")
            }),
        }
    }
}

impl Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beginning => f.write_str(BEGINNING),
            Self::At(time) => write!(f, "{time}"),
        }
    }
}

impl TryFrom<String> for Generation {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Generation> for String {
    fn from(generation: Generation) -> Self {
        generation.to_string()
    }
}

impl Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Original => ORIGINAL,
            Self::Named(Name(name)) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn generation(name: &str) -> Generation {
        name.parse().unwrap()
    }

    #[test]
    fn the_original_generation_has_the_names_that_a_shop_without_generations_has() {
        let original = generation("original");
        assert_eq!(original, Generation::default());
        assert_eq!((original.prefix(), original.group("processor")), (String::new(), "processor".to_owned()));
        let second = generation("v2");
        assert_eq!((second.prefix(), second.group("processor")), ("gen-v2-".into(), "processor-v2".into()));
    }

    #[test]
    fn the_longest_name_is_as_long_as_the_refusal_says() {
        assert!("a".repeat(1 + 31).parse::<Generation>().is_ok());
        assert!("a".repeat(2 + 31).parse::<Generation>().is_err());
    }

    #[test]
    fn a_name_that_elasticsearch_or_kafka_would_refuse_or_mistake_is_refused() {
        for text in ["", "V2", "2", "a-b", "a b", "*", "ä", "_a", "a/b"] {
            let error = text.parse::<Generation>().unwrap_err().to_string();
            assert!(error.contains("cannot name a generation: use a letter"), "{error}");
        }
    }

    #[test]
    fn a_generation_begins_with_the_first_records_or_at_a_time() {
        let start = |text: &str| text.parse::<Start>().map(|start| start.to_string());
        assert_eq!(start("beginning"), Ok("beginning".to_owned()));
        assert_eq!(start("2026-11-21T00:00:00Z"), Ok("2026-11-21T00:00:00.000Z".to_owned()));
        assert!(start("yesterday").unwrap_err().contains("must be beginning or a time"));
    }

    proptest! {
        #[test]
        fn a_generation_survives_being_written_and_no_others_names_begin_with_its_own(
            one in "[a-z][a-z0-9_]{0,31}", other in "[a-z][a-z0-9_]{0,31}"
        ) {
            let (one, other) = (generation(&one), generation(&other));
            prop_assert_eq!(&serde_json::from_str::<Generation>(&serde_json::to_string(&one)?)?, &one);
            let named = one != Generation::Original && other != Generation::Original;
            prop_assert!(!named || one == other || !other.prefix().starts_with(&one.prefix()));
        }
    }
}
