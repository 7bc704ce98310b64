//! Bodies of JSON, and what is wrong with one: which field, and what it must be, as the schema in `/docs` has it.

use poem::error::Error;
use poem::http::StatusCode;
use poem::{FromRequest, IntoResponse, Request, RequestBody};
use poem_openapi::payload::{Json, ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};

use crate::http::problem::Problem;
use crate::model::time::Timestamp;

/// A body of JSON. Takes what [`Json`] takes, and refuses the rest in words of ours.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: ParseFromJSON> Payload for Body<T> {
    const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    fn check_content_type(content_type: &str) -> bool {
        Json::<T>::check_content_type(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ParseFromJSON> ParsePayload for Body<T> {
    const IS_REQUIRED: bool = T::IS_REQUIRED;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        let bytes = <Vec<u8> as FromRequest>::from_request(request, body).await?;
        read(&bytes).map(Self).map_err(|why| refusal(StatusCode::BAD_REQUEST, why))
    }
}

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() };
        Some(MetaRequest { description: None, content: vec![content], required: Self::IS_REQUIRED })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if !request.content_type().is_some_and(Self::check_content_type) {
            let why = "the body must be JSON, and the header Content-Type say so: application/json";
            return Err(refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, why.to_owned()));
        }
        <Self as ParsePayload>::from_request(request, body).await
    }
}

fn refusal(status: StatusCode, why: String) -> Error {
    Error::from_response(Problem::new(status, why).into_response())
}

fn read<T: ParseFromJSON>(bytes: &[u8]) -> Result<T, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("the body is not JSON: it cannot be read from line {line}, column {column} on")
    })?;
    T::parse_from_json(Some(value.clone())).map_err(|_| {
        let mut registry = Registry::new();
        T::register(&mut registry);
        let fault = Schemas(&registry).fault(&value, &T::schema_ref(), "");
        fault.unwrap_or_else(|| "the body is not as /docs describes it".to_owned())
    })
}

/// Schemas by their names.
struct Schemas<'r>(&'r Registry);

impl<'r> Schemas<'r> {
    /// The first thing in a value that is not as its schema says; `at` is the path to it, empty for the body.
    fn fault(&self, value: &Value, schema: &'r MetaSchemaRef, at: &str) -> Option<String> {
        let schema = self.look_up(schema)?;
        let name = if at.is_empty() { "the body" } else { at };
        if !schema.enum_items.is_empty() {
            let choices: Vec<&str> = schema.enum_items.iter().filter_map(Value::as_str).collect();
            let is_one = schema.enum_items.contains(value);
            return (!is_one).then(|| format!("{name} must be one of {}", choices.join(", ")));
        }
        match (schema.ty, value) {
            ("object", Value::Object(fields)) => self.fault_in(fields, schema, at),
            ("array", Value::Array(items)) => {
                let of = schema.items.as_deref()?;
                let faults =
                    items.iter().enumerate().map(|(n, item)| self.fault(item, of, &format!("{name}[{n}]")));
                faults.flatten().next()
            }
            _ => unlike(value, schema).map(|wanted| format!("{name} must {wanted}")),
        }
    }

    /// The first thing in the fields of an object that is not as its schema says.
    fn fault_in(&self, fields: &Map<String, Value>, schema: &'r MetaSchema, at: &str) -> Option<String> {
        let path = |field: &str| if at.is_empty() { field.to_owned() } else { format!("{at}.{field}") };
        for (field, of) in &schema.properties {
            let is_required = schema.required.contains(field);
            match fields.get(*field) {
                None | Some(Value::Null) if is_required => {
                    return Some(format!("{} is missing", path(field)));
                }
                None | Some(Value::Null) => {}
                Some(value) => {
                    if let Some(fault) = self.fault(value, of, &path(field)) {
                        return Some(fault);
                    }
                }
            }
        }
        let known: Vec<&str> = schema.properties.iter().map(|(field, _)| *field).collect();
        let foreign = fields.keys().find(|field| !known.contains(&field.as_str()))?;
        Some(format!("there is no field {}; there are {}", path(foreign), known.join(", ")))
    }

    /// The schema itself where only its name stands, or the name with a description.
    fn look_up(&self, schema: &'r MetaSchemaRef) -> Option<&'r MetaSchema> {
        match schema {
            MetaSchemaRef::Reference(name) => self.0.schemas.get(name),
            MetaSchemaRef::Inline(schema) => match schema.all_of.first() {
                Some(named) => self.look_up(named),
                None => Some(schema),
            },
        }
    }
}

/// What a single value would have to be, as the end of a sentence; `None` if it is that.
fn unlike(value: &Value, schema: &MetaSchema) -> Option<String> {
    let is_time = || value.as_str().is_some_and(|text| Timestamp::parse(text).is_some());
    let (is_kind, kind) = match (schema.ty, schema.format) {
        ("object", _) => (value.is_object(), "be an object with fields"),
        ("array", _) => (value.is_array(), "be a list"),
        ("string", Some("date-time")) => (is_time(), "be a time such as 2026-11-22T08:00:00Z"),
        // A number or a truth value is taken as its text.
        ("string", _) => (!(value.is_array() || value.is_object()), "be a text"),
        ("boolean", _) => (value.is_boolean(), "be true or false"),
        ("integer", Some(format)) if format.starts_with('u') => (value.is_u64(), "be a whole number from 0"),
        ("integer", _) => (value.is_i64() || value.is_u64(), "be a whole number"),
        ("number", _) => (value.is_number(), "be a number"),
        _ => return None,
    };
    if !is_kind {
        return Some(kind.to_owned());
    }
    let (number, characters) = (value.as_f64(), value.as_str().map(|text| text.chars().count()));
    let above = schema.maximum.filter(|most| number.is_some_and(|number| number > *most));
    let below = schema.minimum.filter(|least| number.is_some_and(|number| number < *least));
    let longer = schema.max_length.filter(|most| characters.is_some_and(|characters| characters > *most));
    above
        .map(|most| format!("be at most {most}"))
        .or(below.map(|least| format!("be at least {least}")))
        .or(longer.map(|most| format!("have at most {most} characters")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use poem_openapi::{Enum, Object};

    #[derive(Debug, Object)]
    #[oai(deny_unknown_fields)]
    struct Sale {
        /// Its name.
        #[oai(validator(max_length = 4))]
        name: String,
        /// How it looks.
        shade: Option<Shade>,
        /// What is sold.
        #[oai(default)]
        lots: Vec<Lot>,
        /// When it ends.
        until: Option<DateTime<Utc>>,
    }

    #[derive(Debug, Object)]
    #[oai(deny_unknown_fields)]
    struct Lot {
        #[oai(validator(minimum(value = "0"), maximum(value = "100")))]
        percent: f64,
        #[oai(default)]
        pieces: u32,
        #[oai(default)]
        last: bool,
    }

    #[derive(Debug, Enum)]
    #[oai(rename_all = "snake_case")]
    enum Shade {
        Light,
        VeryDark,
    }

    #[test]
    fn what_is_wrong_is_said_of_the_field_that_is_wrong() {
        for (body, expected) in [
            ("", "the body is not JSON: it cannot be read from line 1, column 0 on"),
            ("{\"name\": ", "the body is not JSON: it cannot be read from line 1, column 9 on"),
            ("[]", "the body must be an object with fields"),
            ("{}", "name is missing"),
            (r#"{"name": null}"#, "name is missing"),
            (r#"{"name": ["a"]}"#, "name must be a text"),
            (r#"{"name": "abcde"}"#, "name must have at most 4 characters"),
            (r#"{"name": "a", "shade": "grey"}"#, "shade must be one of light, very_dark"),
            (r#"{"name": "a", "until": "tomorrow"}"#, "until must be a time such as 2026-11-22T08:00:00Z"),
            (r#"{"name": "a", "lots": {}}"#, "lots must be a list"),
            (
                r#"{"name": "a", "lots": [{"percent": 1}, {"percent": "1"}]}"#,
                "lots[1].percent must be a number",
            ),
            (r#"{"name": "a", "lots": [{"percent": 101}]}"#, "lots[0].percent must be at most 100"),
            (r#"{"name": "a", "lots": [{}]}"#, "lots[0].percent is missing"),
            (
                r#"{"name": "a", "lots": [{"percent": 1, "pieces": -1}]}"#,
                "lots[0].pieces must be a whole number from 0",
            ),
            (
                r#"{"name": "a", "lots": [{"percent": 1, "last": "no"}]}"#,
                "lots[0].last must be true or false",
            ),
            (
                r#"{"name": "a", "lots": [{"percent": 1, "x": 1}]}"#,
                "there is no field lots[0].x; there are percent, pieces, last",
            ),
            (r#"{"name": "a", "colour": 1}"#, "there is no field colour; there are name, shade, lots, until"),
        ] {
            assert_eq!(read::<Sale>(body.as_bytes()).unwrap_err(), expected, "{body}");
        }
        let good =
            r#"{"name": "a", "shade": "light", "lots": [{"percent": 1}], "until": "2026-11-22T08:00:00Z"}"#;
        assert!(read::<Sale>(good.as_bytes()).is_ok());
    }
}
