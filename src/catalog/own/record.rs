//! One product of a file, before anybody knows what its columns mean.

use serde_json::{Map, Value};

/// Most characters of a refused product that are kept, to find it by.
const EXCERPT_CHARS_MAX: usize = 200;

/// One product of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The line it begins on, or its place in a JSON array; from 1.
    pub number: u64,
    /// Its fields by name; else why they cannot be read.
    pub fields: Result<Map<String, Value>, String>,
    /// The beginning of its text.
    pub excerpt: String,
}

impl Record {
    /// A record of this text.
    pub fn new(number: u64, fields: Result<Map<String, Value>, String>, text: &[u8]) -> Self {
        let text = text.get(..text.len().min(4 * EXCERPT_CHARS_MAX)).unwrap_or_default();
        let excerpt = String::from_utf8_lossy(text).chars().take(EXCERPT_CHARS_MAX).collect();
        Self { number, fields, excerpt }
    }

    /// A record that cannot be read.
    pub fn refused(number: u64, reason: String, text: &[u8]) -> Self {
        Self::new(number, Err(reason), text)
    }

    /// A record of a JSON object.
    pub fn of_json(number: u64, text: &[u8]) -> Self {
        let fields = match serde_json::from_slice(text) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err("a product must be a JSON object".to_owned()),
            Err(error) => Err(format!("cannot be read as JSON: {error}")),
        };
        Self::new(number, fields, text)
    }
}
