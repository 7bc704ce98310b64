//! What goes wrong, and when: a list, or a lot drawn from a seed. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

/// What becomes of one bulk request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is passed on.
    None,
    /// It is answered with this status and not passed on.
    Refuse(u16),
    /// Every third item is answered 429, the rest is passed on.
    RefusePart,
    /// It is passed on, and the connection closed instead of answered.
    LoseAnswer,
    /// It is passed on after a while.
    Delay(Duration),
    /// It is passed on twice.
    Twice,
    /// It is passed on after so long that the caller has given up.
    TooLate(Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "passed on"),
            Self::Refuse(status) => write!(f, "answered {status}"),
            Self::RefusePart => write!(f, "a part of the items answered 429"),
            Self::LoseAnswer => write!(f, "applied, answer lost"),
            Self::Delay(_) => write!(f, "delayed"),
            Self::Twice => write!(f, "applied twice"),
            Self::TooLate(_) => write!(f, "applied after the caller gave up"),
        }
    }
}

/// Says for one request after the other what goes wrong with it.
pub struct Plan {
    scripted: VecDeque<Fault>,
    rng: ChaCha8Rng,
    /// Share of the requests with a fault once the list is at its end.
    share: f64,
    caller_waits: Duration,
    done: BTreeMap<String, u64>,
}

impl Plan {
    /// These faults, one for each request, and none afterwards.
    pub fn these(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { scripted: faults.into_iter().collect(), ..Self::by_lot(0, 0.0, Duration::ZERO) }
    }

    /// Any fault for this share of the requests. The caller is known to wait so long for an answer.
    pub fn by_lot(seed: u64, share: f64, caller_waits: Duration) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { scripted: VecDeque::new(), rng, share, caller_waits, done: BTreeMap::new() }
    }

    /// The next request's fate, which is counted.
    pub fn draw(&mut self) -> Fault {
        let fault = self.scripted.pop_front().unwrap_or_else(|| self.lot());
        *self.done.entry(fault.to_string()).or_default() += 1;
        fault
    }

    fn lot(&mut self) -> Fault {
        if !self.rng.random_bool(self.share) {
            return Fault::None;
        }
        match self.rng.random_range(0..8) {
            0 => Fault::Refuse(503),
            1 => Fault::Refuse(429),
            2 | 3 => Fault::RefusePart,
            4 => Fault::LoseAnswer,
            5 => Fault::Delay(self.caller_waits / 3),
            6 => Fault::Twice,
            _ => Fault::TooLate(self.caller_waits + self.caller_waits / 2),
        }
    }

    /// How often each of them was drawn.
    pub fn done(&self) -> BTreeMap<String, u64> {
        self.done.clone()
    }
}

/// Every third item of a bulk is refused.
fn is_refused(item: usize) -> bool {
    item.is_multiple_of(3)
}

/// What is passed on of a bulk's body of which a part is refused. An item is two lines.
pub fn without_refused(body: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = body.split_inclusive(|byte| *byte == b'\n').collect();
    let items = lines.chunks(2).enumerate().filter(|(item, _)| !is_refused(*item));
    items.flat_map(|(_, lines)| lines.concat()).collect()
}

/// How many items a bulk's body has.
pub fn items(body: &[u8]) -> usize {
    body.iter().filter(|byte| **byte == b'\n').count() / 2
}

/// The answer to a bulk of `count` items: Elasticsearch's to those passed on, 429 to the others.
pub fn with_refused(count: usize, answer: &Value) -> Value {
    let mut passed_on = answer["items"].as_array().cloned().unwrap_or_default().into_iter();
    let error = json!({ "type": "es_rejected_execution_exception", "reason": "refused by the chaos proxy" });
    let refused = json!({ "index": { "status": 429, "error": error } });
    let item = |item| if is_refused(item) { refused.clone() } else { passed_on.next().unwrap_or_default() };
    json!({ "errors": true, "items": (0..count).map(item).collect::<Vec<_>>() })
}

#[test]
fn a_bulk_of_which_a_part_is_refused_is_answered_item_by_item() {
    let body = b"{\"index\":0}\n{}\n{\"index\":1}\n{}\n{\"index\":2}\n{}\n{\"index\":3}\n{}\n";
    assert_eq!(without_refused(body), b"{\"index\":1}\n{}\n{\"index\":2}\n{}\n");
    let passed_on = json!({ "items": [{ "index": { "status": 201 } }, { "index": { "status": 409 } }] });
    let answer = with_refused(items(body), &passed_on);
    let statuses = answer["items"].as_array().unwrap().iter().map(|item| item["index"]["status"].as_u64());
    assert_eq!(statuses.collect::<Vec<_>>(), [Some(429), Some(201), Some(409), Some(429)]);
}
