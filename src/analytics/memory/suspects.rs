//! Which of the suspect sessions are no bots', as [`crate::analytics::bots`] defines it.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use smol_str::SmolStr;

use crate::model::time::Timestamp;

/// A signal of a rule on bots, as far as it is read.
#[derive(Debug, Clone, Deserialize)]
pub struct Signal {
    /// The visit that it is about.
    pub session_id: SmolStr,
    active: bool,
    last_seen: Timestamp,
}

#[derive(Debug)]
struct Verdict {
    session: u64,
    is_bot: bool,
    last_seen: Timestamp,
}

/// What the rules on bots say of sessions.
#[derive(Debug, Default)]
pub struct Verdicts(BTreeMap<String, HashMap<u64, Verdict>>);

impl Verdicts {
    /// Puts a signal in, instead of what it was before; `document` and `session` stand for their ids.
    pub fn put(&mut self, index: &str, document: u64, session: u64, signal: &Signal) {
        let Signal { active: is_bot, last_seen, .. } = *signal;
        let of_index = self.0.entry(index.to_owned()).or_default();
        of_index.insert(document, Verdict { session, is_bot, last_seen });
    }

    /// Forgets the signals of an index that is gone.
    pub fn forget_index(&mut self, index: &str) {
        self.0.remove(index);
    }

    /// Forgets the signals that were last seen before an instant.
    pub fn forget_before(&mut self, instant: Timestamp) {
        self.0.values_mut().for_each(|of_index| of_index.retain(|_, verdict| verdict.last_seen >= instant));
    }

    /// The memory that is set aside for them, in bytes.
    pub fn bytes(&self) -> usize {
        let signals: usize = self.0.values().map(HashMap::capacity).sum();
        signals * 8 / 7 * (size_of::<(u64, Verdict)>() + 1)
    }

    fn has(&self, document: u64) -> bool {
        self.0.values().any(|of_index| of_index.contains_key(&document))
    }

    fn all(&self) -> impl Iterator<Item = (u64, &Verdict)> {
        self.0.values().flatten().map(|(document, verdict)| (*document, verdict))
    }
}

/// The sessions of which some rule was looked at and none holds, but by a case that is among the dismissed. What was
/// read lately says what the same signals of `past` are now.
pub fn cleared(recent: &Verdicts, past: &Verdicts, dismissed: &HashSet<u64>) -> HashSet<u64> {
    let all = || recent.all().chain(past.all().filter(|(document, _)| !recent.has(*document)));
    let of = |is_bot| {
        let holds = move |document, verdict: &Verdict| verdict.is_bot && !dismissed.contains(&document);
        let all = all().filter(move |(document, verdict)| holds(*document, verdict) == is_bot);
        all.map(|(_, verdict)| verdict.session)
    };
    let bots: HashSet<u64> = of(true).collect();
    of(false).filter(|session| !bots.contains(session)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(active: bool, minute: i64) -> Signal {
        let last_seen = Timestamp::from_millis(minute * 60_000);
        Signal { session_id: SmolStr::default(), active, last_seen }
    }

    #[test]
    fn a_session_is_cleared_while_every_rule_that_was_looked_at_says_so() {
        let (mut verdicts, none) = (Verdicts::default(), Verdicts::default());
        verdicts.put("a", 1, 10, &signal(false, 5));
        verdicts.put("a", 2, 20, &signal(false, 5));
        verdicts.put("b", 3, 20, &signal(true, 6));
        verdicts.put("b", 4, 30, &signal(true, 6));
        assert_eq!(cleared(&verdicts, &none, &HashSet::new()), HashSet::from([10]));
        assert_eq!(cleared(&verdicts, &none, &HashSet::from([4])), HashSet::from([10, 30]));
        verdicts.put("b", 3, 20, &signal(false, 7));
        assert_eq!(cleared(&verdicts, &none, &HashSet::new()), HashSet::from([10, 20]));
        verdicts.forget_before(Timestamp::from_millis(6 * 60_000));
        assert_eq!(cleared(&verdicts, &none, &HashSet::new()), HashSet::from([20]));
        verdicts.forget_index("b");
        assert!(cleared(&verdicts, &none, &HashSet::new()).is_empty());
    }

    #[test]
    fn what_was_read_lately_counts_instead_of_what_was_read_of_the_past() {
        let (mut recent, mut past) = (Verdicts::default(), Verdicts::default());
        past.put("a", 1, 10, &signal(true, 5));
        past.put("a", 2, 20, &signal(false, 1));
        recent.put("a", 1, 10, &signal(false, 6));
        assert_eq!(cleared(&recent, &past, &HashSet::new()), HashSet::from([10, 20]));
    }
}
