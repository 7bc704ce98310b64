//! What the topic `fraud-signals` tells, held against the cases that the recount finds.
//!
//! A case is told at least once in each state that was written, after Elasticsearch has it and before the offsets are
//! committed. So of all that is told of a case, the record with the greatest `support` is the case, and of several with
//! the same support the last one is; what comes in between, how often, and whether something lesser comes after it, says
//! nothing. Just that is checked.
//!
//! A record names the generation that tells it. One that was filled beside another tells only what it finds after its
//! promotion: what is missing then, or older, is no difference.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use crate::audit::compare::{Comparison, Outcome, Standing};
use crate::audit::recount::Expected;
use crate::audit::report::{Difference, Problem};
use crate::bus::{BusError, Entry, FRAUD_SIGNALS, LogReader, Stretch};
use crate::model::event::door::CLOCK_SKEW_MAX;
use crate::model::generation::Generation;
use crate::model::time::Timestamp;
use crate::store::Stored;

/// What the comparison is called in the report: the index of that name is another thing.
pub const WHAT: &str = "fraud-signals topic";
/// The header that names the generation; the original before there was one.
const GENERATION: &str = "generation";

/// The last that is told of every case of one generation.
#[derive(Debug)]
pub struct Told {
    generation: Generation,
    /// By partition and case: its support and the document.
    cases: BTreeMap<i32, HashMap<String, (u64, Value)>>,
    /// Records that are no case.
    strange: Vec<String>,
    /// Everything that happened after it is told, as far as the topic goes.
    whole_since: Timestamp,
}

/// What of a case matters here.
#[derive(Deserialize)]
struct Case {
    partition: i32,
    support: u64,
}

impl Told {
    /// Nothing is told yet of a generation.
    pub fn new(generation: Generation) -> Self {
        let whole_since = Timestamp::MIN;
        Self { generation, cases: BTreeMap::new(), strange: Vec::new(), whole_since }
    }

    /// Reads the topic. Blocks.
    ///
    /// # Errors
    /// [`BusError`] when Kafka does not give it.
    pub fn read(reader: &LogReader, generation: Generation) -> Result<Self, BusError> {
        let mut told = Self::new(generation);
        for partition in 0..reader.partitions(FRAUD_SIGNALS)? {
            let (from, to) = reader.bounds(FRAUD_SIGNALS, partition)?;
            let mut is_truncated = from > 0;
            if is_truncated && from >= to {
                told.whole_since = Timestamp::from_millis(i64::MAX);
            }
            reader.read(Stretch { topic: FRAUD_SIGNALS, partition, from, to }, |entry| {
                if std::mem::take(&mut is_truncated) {
                    // An event is stored at most so long before it happens, and told after that.
                    told.whole_since = told.whole_since.max(entry.appended_at + CLOCK_SKEW_MAX);
                }
                told.take(&entry);
            })?;
        }
        Ok(told)
    }

    fn take(&mut self, entry: &Entry<'_>) {
        let generation = entry.header(GENERATION).map(String::from_utf8_lossy);
        let generation = generation.map_or(Ok(Generation::Original), |name| name.parse());
        if generation.is_ok_and(|generation| generation != self.generation) {
            return;
        }
        let document: Result<Value, _> = serde_json::from_slice(entry.payload);
        let case = document.and_then(|document| Ok((Case::deserialize(&document)?, document)));
        let Ok((Case { partition, support }, document)) = case else {
            self.strange.push(format!("{FRAUD_SIGNALS} at offset {}", entry.offset));
            return;
        };
        let id = String::from_utf8_lossy(entry.key).into_owned();
        let known = self.cases.entry(partition).or_default().entry(id).or_default();
        if support >= known.0 {
            *known = (support, document);
        }
    }

    /// Holds what is told of a partition's cases against those that must be. `standing` tells by its id whether a case
    /// can be compared.
    pub fn compare(
        &self,
        partition: i32,
        expected: impl Iterator<Item = Expected>,
        standing: impl Fn(&str) -> Standing,
    ) -> Outcome {
        let none = HashMap::new();
        let told = self.cases.get(&partition).unwrap_or(&none);
        let mut untold = HashSet::new();
        let mut due = Vec::new();
        for case in expected {
            let support = told.get(&case.id).map_or(0, |(support, _)| *support);
            if case.version.is_some_and(|version| support < version) && !self.must_tell(&case) {
                untold.insert(case.id);
            } else {
                due.push(Expected { index: WHAT.to_owned(), ..case });
            }
        }
        let mut comparison = Comparison::new(due, String::new(), standing);
        for (id, (support, document)) in told.iter().filter(|(id, _)| !untold.contains(*id)) {
            comparison.take(Stored::of(WHAT, id.clone(), *support, document.clone()));
        }
        let outcome = comparison.conclude();
        Outcome { skipped: outcome.skipped + untold.len() as u64, ..outcome }
    }

    /// What belongs to no partition that there is, or is no case.
    pub fn strays(&self, partitions: i32) -> Vec<Difference> {
        let outside = self.cases.iter().filter(|(partition, _)| !(0..partitions).contains(*partition));
        let outside = outside.flat_map(|(_, cases)| cases).map(|(id, (_, document))| (id, document.clone()));
        let strange = self.strange.iter().map(|place| (place, "it is no case".into()));
        let difference = |(id, found): (&String, Value)| Difference {
            index: WHAT.to_owned(),
            id: id.clone(),
            problem: Problem::Unexpected { found },
        };
        outside.chain(strange).map(difference).collect()
    }

    /// Whether the topic must hold the case as it is: told by a generation that always told, of a time that it has.
    fn must_tell(&self, case: &Expected) -> bool {
        let last_seen = case.body["last_seen"].as_str().and_then(Timestamp::parse);
        self.generation == Generation::Original && last_seen.is_some_and(|at| at > self.whole_since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::at;
    use crate::store::schema::Schema;
    use serde_json::json;

    fn body(support: u64, score: f64) -> Value {
        json!({ "partition": 0, "support": support, "score": score, "last_seen": at(1_000) })
    }

    fn expected(id: &str, support: u64) -> Expected {
        let (schema, index, id) = (&Schema::FRAUD_SIGNALS, "fraud-signals-2026-11".to_owned(), id.to_owned());
        Expected { schema, index, id, version: Some(support), body: body(support, 2.0) }
    }

    fn told(generation: &str, records: &[(&str, Value, &str)]) -> Told {
        let mut told = Told::new(generation.parse().unwrap());
        for (id, body, teller) in records {
            let payload = body.to_string();
            let headers = vec![(GENERATION, teller.as_bytes())];
            let (key, payload) = (id.as_bytes(), payload.as_bytes());
            told.take(&Entry { offset: 7, appended_at: at(2_000), key, payload, headers });
        }
        told
    }

    fn problems(told: &Told) -> Vec<String> {
        let cases = [expected("a", 3), expected("b", 2)];
        let outcome = told.compare(0, cases.into_iter(), |_| Standing::Final);
        let told = outcome.differences.into_iter().map(|(_, difference)| difference);
        told.map(|Difference { id, problem, .. }| format!("{id} {problem:?}").chars().take(9).collect())
            .collect()
    }

    #[test]
    fn what_is_told_twice_in_between_or_of_less_afterwards_is_no_difference() {
        let right = told(
            "original",
            &[
                ("a", body(1, 1.0), "original"),
                ("a", body(3, 9.0), "original"),
                ("a", body(3, 2.0), "original"),
                ("b", body(2, 2.0), "original"),
                ("a", body(3, 2.0), "original"),
                ("a", body(2, 1.0), "original"),
                ("a", body(9, 9.0), "v2"),
            ],
        );
        assert_eq!(problems(&right), [""; 0]);
    }

    #[test]
    fn a_case_that_is_not_told_as_it_is_at_last_is_a_difference() {
        let wrong = told("original", &[("a", body(2, 2.0), "original"), ("c", body(1, 1.0), "original")]);
        let mut problems = problems(&wrong);
        problems.sort();
        assert_eq!(problems, ["a Differe", "b Missing", "c Unexpec"]);
        assert_eq!(wrong.strays(0).len(), 2);
        assert_eq!(told("original", &[("x", json!("no case"), "original")]).strays(1).len(), 1);
    }

    #[test]
    fn what_a_generation_did_not_tell_before_its_promotion_or_the_topic_has_lost_is_not_missed() {
        let promoted = told("v2", &[("a", body(2, 2.0), "v2"), ("b", body(2, 7.0), "v2")]);
        assert_eq!(problems(&promoted), ["b Differe"]);
        let mut truncated = told("original", &[("b", body(2, 2.0), "original")]);
        truncated.whole_since = at(1_000);
        assert_eq!(problems(&truncated), [""; 0]);
        truncated.whole_since = at(999);
        assert_eq!(problems(&truncated), ["a Missing"]);
    }
}
