//! The processor's verdicts on users and visits, read page by page.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use poem_openapi::Object;
use poem_openapi::types::{Any, Example};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::http::EXAMPLE_NOW;
use crate::http::parameter::BadParameter;
use crate::model::rules::Rule;
use crate::model::severity::Severity;
use crate::review::{Decision, Status, Told, Verdicts};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Only cases that bad.
    pub severity: Option<Severity>,
    /// Only cases of this rule.
    pub rule: Option<Rule>,
    /// Only cases that stand there; without it all but the dismissed ones.
    pub status: Option<Status>,
    /// Most items of the answer.
    pub size: usize,
    /// Behind which case to go on.
    pub after: Option<Cursor>,
}

impl Question {
    /// Whether cases that stand there are asked for.
    pub fn admits(&self, status: Status) -> bool {
        self.status.map_or(status != Status::Dismissed, |wanted| wanted == status)
    }
}

/// One case: a rule that one user or visit broke, with the evidence.
#[derive(Debug, Clone, PartialEq, Object, Deserialize)]
#[oai(example)]
pub struct Signal {
    /// Stable id of the case; it stays while the case grows.
    #[serde(default)]
    pub id: String,
    /// The rule.
    pub rule: Rule,
    /// Its version: which thresholds it had.
    #[serde(default)]
    pub rule_version: u16,
    /// How bad it is.
    pub severity: Severity,
    /// Strength of the evidence; greater is stronger.
    pub score: f64,
    /// The user's id, or the browser's for a visitor who is not logged in.
    pub visitor: String,
    /// The user; null for a visitor who is not logged in.
    pub user_id: Option<String>,
    /// The visit; null for a case that is about more than one.
    pub session_id: Option<String>,
    /// Day of the case in UTC, such as `2026-11-21`.
    #[serde(deserialize_with = "day")]
    pub day: String,
    /// How often the rule was broken.
    pub count: u64,
    /// First event of the case.
    pub first_seen: DateTime<Utc>,
    /// Last event of the case so far.
    pub last_seen: DateTime<Utc>,
    /// What happened, in a sentence.
    pub summary: String,
    /// The numbers that the rule looked at.
    #[serde(deserialize_with = "any")]
    pub figures: Any<Map<String, Value>>,
    /// The numbers that it compared them with.
    #[serde(deserialize_with = "any")]
    pub thresholds: Any<Map<String, Value>>,
    /// Events that prove it.
    #[serde(default)]
    pub event_ids: Vec<String>,
    /// Whether somebody has confirmed or dismissed it, or dismissed the same of this visitor not long ago.
    #[serde(default)]
    pub status: Status,
    /// What was decided of it; null where nobody has decided on this very case.
    #[serde(skip)]
    pub decision: Option<Decision>,
}

impl Signal {
    /// Adds what was decided.
    pub fn join(self, verdicts: &Verdicts) -> Self {
        let Self { id, rule, visitor, first_seen, .. } = &self;
        let status = verdicts.status(Told { id, rule: *rule, visitor, first_seen: *first_seen });
        let decision = verdicts.decision(id).cloned();
        Self { status, decision, ..self }
    }
}

/// One page of cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Cases on all pages.
    pub total: u64,
    /// The last seen first.
    pub items: Vec<Signal>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

/// Keeps the date of a date or of an instant.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|text| text.chars().take("2026-11-21".len()).collect())
}

fn any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Any<Map<String, Value>>, D::Error> {
    Map::deserialize(deserializer).map(Any)
}

/// Where a page ended: the values that its last case was sorted by, in the order of
/// [`crate::analytics::query::signals`].
///
/// A case that grows between two pages moves to the front of the list, where the next reading from the
/// start finds it; no page shows a case twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    last_seen_ms: i64,
    rule: String,
    visitor: String,
    day_ms: i64,
    session_id: Option<String>,
}

/// Longest cursor that is read, in characters: four times what its parts need.
const CURSOR_CHARS_MAX: usize = 1_000;

impl Cursor {
    /// Reads the sort values that Elasticsearch gives with a hit.
    pub fn from_sort_values(values: Vec<Value>) -> Result<Self, serde_json::Error> {
        let (last_seen_ms, rule, visitor, day_ms, session_id) = serde_json::from_value(values.into())?;
        Ok(Self { last_seen_ms, rule, visitor, day_ms, session_id })
    }

    /// The values to search after.
    pub fn sort_values(&self) -> Value {
        serde_json::json!([self.last_seen_ms, self.rule, self.visitor, self.day_ms, self.session_id])
    }

    /// The text that callers carry to the next page. It means nothing to them.
    pub fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.sort_values().to_string())
    }

    /// Reads such a text.
    ///
    /// # Errors
    /// [`BadParameter`] naming `cursor` for anything that [`Cursor::encode`] did not give.
    pub fn decode(text: &str) -> Result<Self, BadParameter> {
        let decoded = (text.len() <= CURSOR_CHARS_MAX)
            .then(|| BASE64_URL_SAFE_NO_PAD.decode(text).ok())
            .flatten()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .and_then(|values| Self::from_sort_values(values).ok());
        decoded.ok_or_else(|| BadParameter {
            parameter: "cursor",
            detail: "cursor must be the next_cursor of an answer, unchanged".to_owned(),
        })
    }
}

impl Example for Signal {
    fn example() -> Self {
        let numbers = |numbers: &[(&str, u64)]| {
            Any(numbers.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect())
        };
        Self {
            id: "fast_refund|1795219200000|3|u-42".to_owned(),
            rule: Rule::FastRefund,
            rule_version: 1,
            severity: Severity::Medium,
            score: 1.5,
            visitor: "u-42".to_owned(),
            user_id: Some("u-42".to_owned()),
            session_id: None,
            day: "2026-11-21".to_owned(),
            count: 3,
            first_seen: (EXAMPLE_NOW - TimeDelta::minutes(40)).to_chrono(),
            last_seen: EXAMPLE_NOW.to_chrono(),
            summary: "3 orders of one day came back within 60 minutes".to_owned(),
            figures: numbers(&[("refunded_orders", 3)]),
            thresholds: numbers(&[("refunded_orders", 2), ("minutes", 60)]),
            event_ids: vec!["019aa5e2-7b1c-7d20-9d7e-0f4c2b6a1e55".to_owned()],
            status: Status::Open,
            decision: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_damaged_cursor_is_refused_by_name() {
        let numbers = BASE64_URL_SAFE_NO_PAD.encode("[1,2]");
        for text in ["", "x", "!!", numbers.as_str(), "a".repeat(2_000).as_str()] {
            let error = Cursor::decode(text).unwrap_err();
            assert_eq!(error.parameter, "cursor", "{text:?}: {error}");
        }
    }

    #[test]
    fn a_case_is_read_as_the_processor_writes_it() {
        let source = json!({
            "rule": "bot_velocity", "severity": "high", "score": 3.5, "visitor": "c1", "session_id": "s1",
            "day": "2026-11-21T00:00:00.000Z", "count": 240, "first_seen": "2026-11-21T09:00:00.000Z",
            "last_seen": "2026-11-21T09:01:00.000Z", "summary": "240 events in a minute",
            "figures": { "per_minute": 240 }, "thresholds": { "per_minute": 60 },
        });
        let signal: Signal = serde_json::from_value(source).unwrap();
        assert_eq!((signal.day.as_str(), signal.user_id, signal.event_ids), ("2026-11-21", None, vec![]));
        assert_eq!(signal.figures.0["per_minute"], 240);
    }

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(
            last_seen_ms: i64, rule in ".{0,40}", visitor in ".{0,64}", day_ms: i64,
            session_id in proptest::option::of(".{0,64}"),
        ) {
            let cursor = Cursor { last_seen_ms, rule, visitor, day_ms, session_id };
            prop_assume!(cursor.encode().len() <= CURSOR_CHARS_MAX);
            prop_assert_eq!(Cursor::decode(&cursor.encode()).unwrap(), cursor);
        }

        #[test]
        fn no_text_makes_a_cursor_panic(text in ".{0,80}") {
            let _ = Cursor::decode(&text);
        }
    }
}
