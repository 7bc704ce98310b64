//! What can go wrong in an exchange with Elasticsearch.

use serde_json::Value;
use thiserror::Error;

/// Why an exchange with Elasticsearch gave no usable answer.
#[derive(Debug, Error)]
pub enum StoreError {
    /// No answer in time, or no connection.
    #[error("no answer from Elasticsearch at {address} (ELASTICSEARCH_HOST) when asked to {what}")]
    Unreachable {
        /// What was being done.
        what: &'static str,
        /// The cluster's address.
        address: String,
        /// The transport's error.
        #[source]
        source: elasticsearch::Error,
    },
    /// The index or alias is not there.
    #[error("cannot {what}: the index {index} does not exist; run the seeder")]
    MissingIndex {
        /// What was being done.
        what: &'static str,
        /// Its full name.
        index: String,
    },
    /// It refused.
    #[error("Elasticsearch refused to {what} with {status}: {reason}")]
    Refused {
        /// What was being done.
        what: &'static str,
        /// HTTP status.
        status: u16,
        /// Its own words.
        reason: String,
    },
    /// It answered something that this build does not understand.
    #[error("Elasticsearch gave an unexpected answer when asked to {what}")]
    Unexpected {
        /// What was being done.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Most characters of a refusal that are kept.
const REASON_CHARS_MAX: usize = 500;

impl StoreError {
    /// Reads the refusal of an answer that is not 2xx.
    pub(crate) fn from_answer(what: &'static str, status: u16, body: &[u8]) -> Self {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = answer.get("error").unwrap_or(&Value::Null);
        let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        if text(error, "type").as_deref() == Some("index_not_found_exception") {
            return Self::MissingIndex { what, index: text(error, "index").unwrap_or_default() };
        }
        let cause = error.get("root_cause").and_then(|causes| causes.get(0)).unwrap_or(error);
        let reason = text(cause, "reason").or_else(|| error.as_str().map(str::to_owned));
        let reason = reason.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
        Self::Refused { what, status, reason: reason.chars().take(REASON_CHARS_MAX).collect() }
    }

    /// Whether the same request may succeed later without anybody changing it.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Self::MissingIndex { .. } | Self::Unexpected { .. } => false,
        }
    }

    /// Whether it was refused because the thing to be made exists.
    pub fn is_already_there(&self) -> bool {
        matches!(self, Self::Refused { reason, .. } if reason.contains("already exists"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_index_is_told_apart_from_other_refusals() {
        let body = br#"{"error":{"type":"index_not_found_exception","index":"products"},"status":404}"#;
        let error = StoreError::from_answer("search products", 404, body);
        assert_eq!(
            error.to_string(),
            "cannot search products: the index products does not exist; run the seeder"
        );
    }

    #[test]
    fn the_first_cause_of_a_refusal_is_told() {
        let body =
            br#"{"error":{"root_cause":[{"reason":"unknown field [x]"}],"reason":"all shards failed"}}"#;
        let error = StoreError::from_answer("search products", 400, body);
        assert_eq!(error.to_string(), "Elasticsearch refused to search products with 400: unknown field [x]");
        assert!(!error.is_passing());
    }

    #[test]
    fn a_refusal_that_is_not_json_is_told_as_it_is() {
        let error = StoreError::from_answer("search products", 502, b"Bad Gateway");
        assert!(error.to_string().ends_with("502: Bad Gateway"));
        assert!(error.is_passing());
    }
}
