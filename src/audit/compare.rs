//! Documents that must be there, held against those that are.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::audit::recount::Expected;
use crate::audit::report::{Difference, Problem};
use crate::store::Stored;
use crate::store::schema::Schema;

/// Relative difference that two computations of one ratio may have.
const RATIO_TOLERANCE: f64 = 1e-9;
/// Kinds of documents that leave out figures that are 0.
const LEAVING_OUT_ZEROS: [Schema; 3] =
    [Schema::QUERY_STATS, Schema::CATEGORY_FUNNELS, Schema::SUSPECT_QUERIES];
/// Numbers that are no figures: they are written whatever they are.
const NEVER_LEFT_OUT: [&str; 3] = ["partition", "level", "support"];

/// Whether a document can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can change no more.
    Final,
    /// Its window is open, but everything that was there had been read.
    Tentative,
    /// Its window was closed before its time and waits for a repair. It may be fuller than it is said to be: a processor
    /// that wrote it was killed, and the next closed the window sooner.
    Early,
    /// It may still change, or the logs do not hold everything any more that it rests on.
    Unknown,
}

/// What a comparison of one kind of document in one partition gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Documents that were compared.
    pub compared: u64,
    /// Documents that could not be.
    pub skipped: u64,
    /// Where they differ, and whether that could be because something was written meanwhile.
    pub differences: Vec<(Standing, Difference)>,
}

/// A comparison under way: documents are taken as they are found.
pub struct Comparison<F> {
    prefix: String,
    expected: HashMap<String, Expected>,
    standing: F,
    outcome: Outcome,
}

impl<F: Fn(&str) -> Standing> Comparison<F> {
    /// Expects these documents. `standing` tells by a document's id whether it can be compared; `prefix`
    /// stands before the names of the indices.
    pub fn new(expected: impl IntoIterator<Item = Expected>, prefix: String, standing: F) -> Self {
        let mut outcome = Outcome::default();
        let mut certain = HashMap::new();
        for one in expected {
            if standing(&one.id) == Standing::Unknown {
                outcome.skipped += 1;
            } else {
                certain.insert(one.id.clone(), one);
            }
        }
        Self { prefix, expected: certain, standing, outcome }
    }

    /// Compares a document that was found.
    pub fn take(&mut self, found: Stored) {
        let standing = (self.standing)(&found.id);
        if standing == Standing::Unknown {
            return;
        }
        let is_said_to_be_less =
            |expected: &Expected| expected.version.is_some_and(|version| version < found.version);
        if standing == Standing::Early && self.expected.get(&found.id).is_none_or(is_said_to_be_less) {
            self.outcome.skipped += 1;
            self.expected.remove(&found.id);
            return;
        }
        self.outcome.compared += 1;
        // In another index the same id is another document.
        let index = found.index.strip_prefix(&self.prefix).unwrap_or(&found.index).to_owned();
        let expected = match self.expected.remove(&found.id) {
            Some(expected) if expected.index == index => expected,
            elsewhere => {
                self.expected.extend(elsewhere.map(|expected| (expected.id.clone(), expected)));
                let problem = Problem::Unexpected { found: found.source };
                self.outcome.differences.push((standing, Difference { index, id: found.id, problem }));
                return;
            }
        };
        let problem = different(&expected, found.version, &found.source);
        let difference = problem.map(|problem| (standing, Difference { index, id: found.id, problem }));
        self.outcome.differences.extend(difference);
    }

    /// What is left was not found.
    pub fn conclude(mut self) -> Outcome {
        let mut missing: Vec<Expected> = self.expected.into_values().collect();
        missing.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        for Expected { index, id, body, .. } in missing {
            self.outcome.compared += 1;
            let standing = (self.standing)(&id);
            let problem = Problem::Missing { expected: body };
            self.outcome.differences.push((standing, Difference { index, id, problem }));
        }
        self.outcome
    }
}

/// What is different: only the fields that are, and the version where it is.
pub fn different(expected: &Expected, version: u64, found: &Value) -> Option<Problem> {
    let mut differing = (Map::new(), Map::new());
    let mut note = |name: &str, expected: Option<&Value>, found: Option<&Value>| {
        differing.0.insert(name.to_owned(), expected.cloned().unwrap_or_default());
        differing.1.insert(name.to_owned(), found.cloned().unwrap_or_default());
    };
    if let Some(right) = expected.version.filter(|right| *right != version) {
        note("_version", Some(&right.into()), Some(&version.into()));
    }
    let right = without_zeros(expected.schema, &expected.body);
    let found = without_zeros(expected.schema, found);
    match (right.as_ref(), found.as_ref()) {
        (Value::Object(right), Value::Object(found)) => {
            let names = right.keys().chain(found.keys().filter(|name| !right.contains_key(*name)));
            for name in names {
                let (right, found) = (right.get(name), found.get(name));
                if !right.zip(found).is_some_and(|(right, found)| is_same(right, found)) {
                    note(name, right, found);
                }
            }
        }
        (right, found) if is_same(right, found) => {}
        (right, found) => note("_source", Some(right), Some(found)),
    }
    let (expected, found) = differing;
    (!expected.is_empty()).then(|| Problem::Different { expected: expected.into(), found: found.into() })
}

/// A document without the figures that are 0, where they may be left out: whoever wrote it may have written them.
fn without_zeros<'a>(schema: &Schema, document: &'a Value) -> Cow<'a, Value> {
    let leaves_out = LEAVING_OUT_ZEROS.iter().any(|one| one.name == schema.name);
    if leaves_out { Cow::Owned(pruned(document)) } else { Cow::Borrowed(document) }
}

fn pruned(value: &Value) -> Value {
    let Value::Object(fields) = value else { return value.clone() };
    let is_zero = |value: &Value| match value {
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    let fields = fields.iter().map(|(name, value)| (name.clone(), pruned(value)));
    fields.filter(|(name, value)| NEVER_LEFT_OUT.contains(&name.as_str()) || !is_zero(value)).collect()
}

fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap_or_default(), b.as_f64().unwrap_or_default());
            (a - b).abs() <= RATIO_TOLERANCE * a.abs().max(b.abs())
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| is_same(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expected(id: &str, body: Value) -> Expected {
        let (schema, index) = (&Schema::FRAUD_FACTS, "fraud-facts-2026-11".to_owned());
        Expected { schema, index, id: id.to_owned(), version: Some(2), body }
    }

    fn stored(id: &str, version: u64, source: Value) -> Stored {
        let index = "x-fraud-facts-2026-11";
        serde_json::from_value(json!({ "_index": index, "_id": id, "_version": version, "_source": source }))
            .unwrap()
    }

    fn compare(found: Vec<Stored>) -> Vec<Problem> {
        let right = [expected("a", json!({ "n": 1, "score": 0.1 })), expected("open", json!({}))];
        let standing = |id: &str| if id == "open" { Standing::Unknown } else { Standing::Final };
        let mut comparison = Comparison::new(right, "x-".to_owned(), standing);
        found.into_iter().for_each(|one| comparison.take(one));
        let outcome = comparison.conclude();
        assert_eq!(outcome.skipped, 1);
        outcome.differences.into_iter().map(|(_, difference)| difference.problem).collect()
    }

    #[test]
    fn documents_that_are_as_expected_are_no_difference_whatever_the_open_ones_say() {
        let same = stored("a", 2, json!({ "score": 0.1 + 1e-15, "n": 1 }));
        assert_eq!(compare(vec![same, stored("open", 9, json!({ "n": 9 }))]), []);
    }

    #[test]
    fn a_document_of_a_window_that_was_closed_early_may_only_be_fuller_than_expected() {
        let right = || expected("early", json!({ "n": 1 }));
        let compare = |right: Option<Expected>, found: Option<Stored>| {
            let mut comparison = Comparison::new(right, "x-".to_owned(), |_| Standing::Early);
            found.into_iter().for_each(|one| comparison.take(one));
            let outcome = comparison.conclude();
            (outcome.skipped, outcome.differences.len())
        };
        let found = |version| Some(stored("early", version, json!({ "n": 2 })));
        assert_eq!((compare(Some(right()), found(3)), compare(None, found(3))), ((1, 0), (1, 0)));
        assert_eq!(compare(Some(right()), found(2)), (0, 1), "as full and not the same");
        assert_eq!((compare(Some(right()), found(1)), compare(Some(right()), None)), ((0, 1), (0, 1)));
    }

    #[test]
    fn what_such_a_document_leaves_out_is_nothing_and_is_told_where_it_should_be_something() {
        let body = json!({ "n": 0, "by": { "search": 0, "browse": {} }, "level": 0, "key": "a" });
        let differs = |schema: &'static Schema, found: Value| {
            different(&Expected { schema, ..expected("a", body.clone()) }, 2, &found).is_some()
        };
        let funnels = |found: Value| differs(&Schema::CATEGORY_FUNNELS, found);
        assert!(!funnels(json!({ "level": 0, "key": "a" })));
        assert!(!funnels(json!({ "level": 0, "key": "a", "m": 0, "by": { "search": 0 } })));
        assert!(funnels(json!({ "level": 0, "key": "a", "by": { "search": 1 } })));
        assert!(funnels(json!({ "level": 0, "key": "a", "n": 1 })));
        assert!(funnels(json!({ "key": "a" })), "a level is no figure");
        assert!(funnels(json!({ "level": 0 })));
        assert!(differs(&Schema::EVENTS, json!({ "level": 0, "key": "a" })));
        assert!(!differs(&Schema::EVENTS, body.clone()));
    }

    #[test]
    fn only_the_fields_that_differ_are_told() {
        let changed = stored("a", 3, json!({ "n": 2, "score": 0.1 }));
        let expected = json!({ "_version": 2, "n": 1 });
        let found = json!({ "_version": 3, "n": 2 });
        assert_eq!(compare(vec![changed]), [Problem::Different { expected, found }]);
    }

    #[test]
    fn documents_too_few_and_too_many_are_told() {
        let strange = stored("b", 1, json!({ "n": 7 }));
        let missing = Problem::Missing { expected: json!({ "n": 1, "score": 0.1 }) };
        assert_eq!(compare(vec![strange]), [Problem::Unexpected { found: json!({ "n": 7 }) }, missing]);
    }
}
