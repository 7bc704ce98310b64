//! Which of the suspect sessions are no bots', as [`crate::analytics::bots`] defines it.

use std::collections::{BTreeMap, HashMap, HashSet};

use foldhash::fast::RandomState;
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
pub struct Verdicts {
    by_index: BTreeMap<String, HashMap<u64, Verdict, RandomState>>,
    dismissed: HashSet<u64, RandomState>,
}

impl Verdicts {
    /// Puts a signal in, instead of what it was before; `document` and `session` stand for their ids.
    pub fn put(&mut self, index: &str, document: u64, session: u64, signal: &Signal) {
        let Signal { active: is_bot, last_seen, .. } = *signal;
        let of_index = self.by_index.entry(index.to_owned()).or_default();
        of_index.insert(document, Verdict { session, is_bot, last_seen });
    }

    /// Forgets the signals of an index that is gone.
    pub fn forget_index(&mut self, index: &str) {
        self.by_index.remove(index);
    }

    /// Forgets the signals that were last seen before an instant.
    pub fn forget_before(&mut self, instant: Timestamp) {
        self.by_index
            .values_mut()
            .for_each(|of_index| of_index.retain(|_, verdict| verdict.last_seen >= instant));
    }

    /// The memory that is set aside for them, in bytes.
    pub fn bytes(&self) -> usize {
        let signals: usize = self.by_index.values().map(HashMap::capacity).sum();
        signals * 8 / 7 * (size_of::<(u64, Verdict)>() + 1)
    }

    /// Which of the cases stand dismissed now.
    pub fn set_dismissed(&mut self, cases: HashSet<u64, RandomState>) {
        self.dismissed = cases;
    }

    fn has(&self, document: u64) -> bool {
        self.by_index.values().any(|of_index| of_index.contains_key(&document))
    }

    /// The documents with their sessions, and whether these are bots' by them.
    fn all(&self) -> impl Iterator<Item = (u64, u64, bool)> {
        self.by_index.values().flatten().map(|(document, verdict)| {
            (*document, verdict.session, verdict.is_bot && !self.dismissed.contains(document))
        })
    }
}

/// The sessions of which some rule was looked at and none holds, but by a case that was dismissed. What was read lately
/// says what the same signals of `past` are now.
pub fn cleared(recent: &Verdicts, past: &Verdicts) -> HashSet<u64, RandomState> {
    let mut bots: HashSet<u64, RandomState> = HashSet::default();
    let mut others = bots.clone();
    for (_, session, is_bot) in recent.all().chain(past.all().filter(|(document, ..)| !recent.has(*document)))
    {
        if is_bot { &mut bots } else { &mut others }.insert(session);
    }
    others.retain(|session| !bots.contains(session));
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(active: bool, minute: i64) -> Signal {
        let last_seen = Timestamp::from_millis(minute * 60_000);
        Signal { session_id: SmolStr::default(), active, last_seen }
    }

    fn sessions(numbers: &[u64]) -> HashSet<u64, RandomState> {
        numbers.iter().copied().collect()
    }

    #[test]
    fn a_session_is_cleared_while_every_rule_that_was_looked_at_says_so() {
        let (mut verdicts, none) = (Verdicts::default(), Verdicts::default());
        verdicts.put("a", 1, 10, &signal(false, 5));
        verdicts.put("a", 2, 20, &signal(false, 5));
        verdicts.put("b", 3, 20, &signal(true, 6));
        verdicts.put("b", 4, 30, &signal(true, 6));
        assert_eq!(cleared(&verdicts, &none), sessions(&[10]));
        assert_eq!(cleared(&verdicts, &none), sessions(&[10]));
        verdicts.set_dismissed(sessions(&[4]));
        assert_eq!(cleared(&verdicts, &none), sessions(&[10, 30]));
        verdicts.set_dismissed(sessions(&[]));
        verdicts.put("b", 3, 20, &signal(false, 7));
        assert_eq!(cleared(&verdicts, &none), sessions(&[10, 20]));
        verdicts.forget_before(Timestamp::from_millis(6 * 60_000));
        assert_eq!(cleared(&verdicts, &none), sessions(&[20]));
        verdicts.forget_index("b");
        assert!(cleared(&verdicts, &none).is_empty());
    }

    #[test]
    fn what_was_read_lately_counts_instead_of_what_was_read_of_the_past() {
        let (mut recent, mut past) = (Verdicts::default(), Verdicts::default());
        past.put("a", 1, 10, &signal(true, 5));
        past.put("a", 2, 20, &signal(false, 1));
        recent.put("a", 1, 10, &signal(false, 6));
        assert_eq!(cleared(&recent, &past), sessions(&[10, 20]));
    }
}
