//! Texts that are only handed on, from Elasticsearch's answer to ours.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

/// A text as it stands in JSON, quoted and escaped: to hand it on costs neither reading nor writing each of its
/// characters, of which a page of products has ten thousand.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Verbatim(Box<RawValue>);

impl Verbatim {
    /// The text.
    pub fn read(&self) -> String {
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }

    /// The same text without every occurrence of a part that JSON has nothing to escape in.
    pub fn without(self, part: &str) -> Self {
        if !self.0.get().contains(part) {
            return self;
        }
        // What is left of a text in quotes is one, unless its escapes have been cut through.
        RawValue::from_string(self.0.get().replace(part, "")).map_or(self, Self)
    }
}

impl<'de> Deserialize<'de> for Verbatim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Box::<RawValue>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// What stands in JSON where a text should.
#[derive(Debug, Error)]
#[error("not a text")]
pub struct NoText;

impl TryFrom<Box<RawValue>> for Verbatim {
    type Error = NoText;

    fn try_from(raw: Box<RawValue>) -> Result<Self, NoText> {
        if raw.get().starts_with('"') { Ok(Self(raw)) } else { Err(NoText) }
    }
}

impl From<&str> for Verbatim {
    fn from(text: &str) -> Self {
        Self(serde_json::value::to_raw_value(text).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl PartialEq for Verbatim {
    fn eq(&self, other: &Self) -> bool {
        // The same text may be escaped in several ways.
        self.0.get() == other.0.get() || self.read() == other.read()
    }
}

impl Eq for Verbatim {}

impl Type for Verbatim {
    const IS_REQUIRED: bool = String::IS_REQUIRED;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        String::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        String::schema_ref()
    }

    fn register(registry: &mut Registry) {
        String::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for Verbatim {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        String::parse_from_json(value).map(|text| Self::from(&*text)).map_err(ParseError::propagate)
    }
}

impl ToJSON for Verbatim {
    fn to_json(&self) -> Option<Value> {
        Some(self.read().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::written::tests::expect_written_as_described;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_text_is_refused() {
        for json in ["1", "null", "{}", "[\"a\"]", "\"a"] {
            assert!(serde_json::from_str::<Verbatim>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_part_is_left_out_wherever_it_stands() {
        let text = Verbatim::from("<mark>256</mark><mark>gb</mark> \"<mark>red</mark>\"");
        let joined = text.without("</mark><mark>");
        assert_eq!(joined.read(), "<mark>256gb</mark> \"<mark>red</mark>\"");
    }

    proptest! {
        #[test]
        fn every_text_comes_out_as_it_went_in(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let verbatim: Verbatim = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(verbatim.read(), text.clone());
            prop_assert_eq!(serde_json::to_string(&verbatim).unwrap(), json);
            prop_assert_eq!(&verbatim, &Verbatim::from(text.as_str()));
            expect_written_as_described(&verbatim);
        }
    }
}
