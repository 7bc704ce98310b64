//! Elasticsearch in memory: versioned documents, and every way in which a bulk request can go wrong.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::json;

use crate::store::bulk::{Mode, Operation, Verdict, verdicts};
use crate::stream::sim::mutant::Mutant;

/// Index and id.
pub type Key = (String, String);

/// A document as it is stored. One without version has version 0.
#[derive(Debug, Clone)]
pub struct Kept {
    pub version: u64,
    pub source: Vec<u8>,
}

/// The cluster.
#[derive(Default)]
pub struct Elastic {
    pub documents: BTreeMap<Key, Kept>,
    /// The greatest version of each document that somebody believes to be there.
    acknowledged: BTreeMap<Key, u64>,
    /// Requests that are still on their way though nobody waits for them any more.
    delayed: Vec<Vec<Operation<'static>>>,
    /// Whether some results do not fit the mapping now.
    pub mapping_is_broken: bool,
    /// A document that a lesser one has replaced.
    shrunk: Option<String>,
}

/// Raw events that fit no mapping ever.
pub fn is_unwanted(id: &str) -> bool {
    one_in(13, id)
}

fn one_in(many: u32, id: &str) -> bool {
    id.bytes().map(u32::from).sum::<u32>().is_multiple_of(many)
}

impl Elastic {
    /// Answers a request; in a storm anything may go wrong. Gives the verdicts that the real code finds.
    pub fn bulk(
        &mut self,
        rng: &mut StdRng,
        storm: bool,
        request: &[Operation<'static>],
        mutant: Option<Mutant>,
    ) -> Vec<Verdict> {
        let nobody_answers = || vec![Verdict::Retry("no answer".to_owned()); request.len()];
        let fate = if storm { rng.random_range(0..20) } else { 20 };
        let (status, body) = match fate {
            0 => return nobody_answers(),
            1 => {
                self.delayed.push(request.to_vec());
                return nobody_answers();
            }
            2 => {
                self.carry_out(request, |_| false, mutant);
                return nobody_answers();
            }
            3 => (503, "unavailable".to_owned()),
            4 => (429, "too many requests".to_owned()),
            5 if request.len() > 1 => (413, String::new()),
            6 => {
                self.carry_out(request, |_| false, mutant);
                (200, r#"{"errors":fal"#.to_owned())
            }
            7 | 8 => (200, self.carry_out(request, |_| rng.random_ratio(1, 3), mutant)),
            9 => {
                self.delayed.push(request.to_vec());
                (200, self.carry_out(request, |_| false, mutant))
            }
            _ => (200, self.carry_out(request, |_| false, mutant)),
        };
        let judged = if status == 200 && mutant == Some(Mutant::RefusedTakenAsSuccess) {
            vec![Verdict::Done; request.len()]
        } else {
            verdicts(status, body.as_bytes(), request.len())
        };
        let there = |(_, verdict): &(&Operation<'_>, &Verdict)| {
            matches!(verdict, Verdict::Done | Verdict::Superseded)
        };
        for (operation, _) in request.iter().zip(&judged).filter(there) {
            let version = self.acknowledged.entry(key(operation)).or_default();
            *version = version_of(operation).max(*version);
        }
        judged
    }

    /// Carries a request out but for the items that are rejected; gives the answer's body.
    fn carry_out(
        &mut self,
        request: &[Operation<'static>],
        mut rejects: impl FnMut(&Operation<'_>) -> bool,
        mutant: Option<Mutant>,
    ) -> String {
        let mut errors = false;
        let items: Vec<_> = request
            .iter()
            .map(|operation| {
                let (status, kind) = if rejects(operation) {
                    (429, "es_rejected_execution_exception")
                } else {
                    self.write(operation, mutant)
                };
                errors |= status > 299;
                json!({ "index": { "status": status, "error": { "type": kind, "reason": kind } } })
            })
            .collect();
        json!({ "errors": errors, "items": items }).to_string()
    }

    fn write(&mut self, operation: &Operation<'_>, mutant: Option<Mutant>) -> (u16, &'static str) {
        let (key, version) = (key(operation), version_of(operation));
        let unwanted = operation.mode == Mode::Create && is_unwanted(&operation.id);
        if unwanted || (version > 0 && self.mapping_is_broken && one_in(3, &operation.id)) {
            return (400, "document_parsing_exception");
        }
        let there = self.documents.get(&key);
        let conflict = match operation.mode {
            Mode::Create => there.is_some(),
            Mode::IfNewer(version) => there.is_some_and(|there| there.version >= version),
            Mode::IfNotOlder(version) => there.is_some_and(|there| there.version > version),
            Mode::Replace => false,
        };
        if conflict && mutant != Some(Mutant::NoVersion) {
            return (409, "version_conflict_engine_exception");
        }
        if there.is_some_and(|there| there.version > version) {
            self.shrunk = Some(operation.id.to_string());
        }
        self.documents.insert(key, Kept { version, source: operation.source.to_vec() });
        (201, "")
    }

    /// Carries out a request that was long under way.
    pub fn let_one_arrive(&mut self, rng: &mut StdRng, mutant: Option<Mutant>) {
        self.delayed.shuffle(rng);
        if let Some(request) = self.delayed.pop() {
            self.carry_out(&request, |_| false, mutant);
        }
    }

    /// Carries out all that is still under way.
    pub fn let_all_arrive(&mut self, rng: &mut StdRng, mutant: Option<Mutant>) {
        while !self.delayed.is_empty() {
            self.let_one_arrive(rng, mutant);
        }
    }

    /// Whether no document ever became less, and all that was acknowledged is there.
    pub fn check(&self) -> Result<(), String> {
        if let Some(id) = &self.shrunk {
            return Err(format!("{id} was replaced by a lesser document"));
        }
        let lost = |(key, version): &(&Key, &u64)| {
            self.documents.get(key).is_none_or(|kept| kept.version < **version)
        };
        match self.acknowledged.iter().find(lost) {
            Some((key, _)) => Err(format!("{key:?} was acknowledged and is lost")),
            None => Ok(()),
        }
    }
}

fn key(operation: &Operation<'_>) -> Key {
    (operation.index.to_string(), operation.id.to_string())
}

fn version_of(operation: &Operation<'_>) -> u64 {
    match operation.mode {
        Mode::IfNewer(version) | Mode::IfNotOlder(version) => version,
        Mode::Create | Mode::Replace => 0,
    }
}
