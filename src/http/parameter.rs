//! What the query parameters of all slices have in common: an empty one counts as not given, and a bad one
//! is refused by name.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult, Type};
use thiserror::Error;

use crate::model::category::{BadCategory, CategoryPath};

/// A parameter that cannot be used, and why in a whole sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{detail}")]
pub struct BadParameter {
    /// Its name.
    pub parameter: &'static str,
    /// Why, beginning with the name.
    pub detail: String,
}

/// A parameter that may be left out or empty, which is what a form sends for a field that was left alone.
///
/// A value that is none of an enum's is refused with all that are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given<T>(pub Option<T>);

impl<T: Type> Type for Given<T> {
    const IS_REQUIRED: bool = false;

    type RawValueType = T::RawValueType;

    type RawElementValueType = T::RawElementValueType;

    fn name() -> Cow<'static, str> {
        Option::<T>::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        self.0.as_ref().and_then(T::as_raw_value)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        Box::new(self.0.iter().flat_map(T::raw_element_iter))
    }
}

impl<T: ParseFromParameter> ParseFromParameter for Given<T> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        if value.is_empty() {
            return Ok(Self(None));
        }
        let refused = |error: ParseError<T>| match choices::<T>() {
            choices if choices.is_empty() => error.propagate(),
            choices => ParseError::custom(format!("must be one of {}", choices.join(", "))),
        };
        T::parse_from_parameter(value).map(|value| Self(Some(value))).map_err(refused)
    }

    fn parse_from_parameters<I: IntoIterator<Item = A>, A: AsRef<str>>(values: I) -> ParseResult<Self> {
        values.into_iter().next().map_or(Ok(Self(None)), |value| Self::parse_from_parameter(value.as_ref()))
    }
}

/// The values of an enum; none for another type.
fn choices<T: Type>() -> Vec<String> {
    let mut registry = Registry::new();
    T::register(&mut registry);
    let schema = registry.schemas.remove(T::name().as_ref());
    let items = schema.into_iter().flat_map(|schema| schema.enum_items);
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The category that was given as `category`.
///
/// # Errors
/// [`BadParameter`] for a text that is not a path.
pub fn category(given: Option<&str>) -> Result<Option<CategoryPath>, BadParameter> {
    let bad = |error: BadCategory| BadParameter { parameter: "category", detail: error.to_string() };
    given.map(CategoryPath::parse).transpose().map_err(bad)
}
