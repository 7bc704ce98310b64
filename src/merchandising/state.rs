//! All synonyms and rules at one moment, and how one change makes the next state of them. Pure.

use std::collections::BTreeMap;

use poem_openapi::Enum;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::merchandising::rule::Rule;
use crate::merchandising::synonym::Synonym;
use crate::model::time::Timestamp;

/// Most synonyms, and most rules: every search looks at them.
pub const ENTRIES_MAX: usize = 1_000;
/// Longest id of a synonym or rule, in characters.
const ID_CHARS_MAX: usize = 64;

/// All synonyms and rules at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Counts the changes; a state is known by it.
    pub revision: u64,
    /// The synonyms by their ids.
    pub synonyms: BTreeMap<String, Synonym>,
    /// The rules by their ids.
    pub rules: BTreeMap<String, Rule>,
    /// The change that made this state: kept with it, so that no change goes unrecorded.
    pub last: Option<Change>,
}

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A synonym.
    Synonym,
    /// A rule.
    Rule,
}

/// A synonym or a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A synonym.
    Synonym(Synonym),
    /// A rule.
    Rule(Rule),
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The revision that it made.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
    /// Who says to have made it.
    pub by: String,
    /// What was changed.
    pub kind: Subject,
    /// Its id.
    pub id: String,
    /// What it was; `None` for something new.
    pub before: Option<Entry>,
    /// What it became; `None` for something deleted.
    pub after: Option<Entry>,
    /// The revision that it takes back.
    pub undoes: Option<u64>,
}

/// A wish for a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// What is changed.
    pub kind: Subject,
    /// Its id.
    pub id: String,
    /// What it shall be; `None` to delete it.
    pub to: Option<Entry>,
    /// The change that it takes back.
    pub undoes: Option<u64>,
}

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// The entry, or its id, cannot be used.
    #[error("{0}")]
    Bad(String),
    /// There is no such entry.
    #[error("there is no {kind} {id:?}")]
    Unknown {
        /// The kind: `synonym` or `rule`.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// Somebody else was faster.
    #[error(
        "this was made for revision {asked}, but revision {now} is there: read it again, and decide again"
    )]
    OtherRevision {
        /// The revision that the caller knows.
        asked: u64,
        /// The present one.
        now: u64,
    },
    /// What shall be taken back is not what is there.
    #[error("{id:?} was changed again after revision {revision}: take the later changes back first")]
    ChangedSince {
        /// The entry.
        id: String,
        /// The change that was to be taken back.
        revision: u64,
    },
}

impl Subject {
    /// The kind in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Synonym => "synonym",
            Self::Rule => "rule",
        }
    }
}

impl Entry {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Synonym(synonym) => synonym.check(),
            Self::Rule(rule) => rule.check(),
        }
    }
}

impl Change {
    /// What takes it back.
    pub fn undo(&self) -> Edit {
        Edit { kind: self.kind, id: self.id.clone(), to: self.before.clone(), undoes: Some(self.revision) }
    }
}

impl State {
    /// The state after a change. `known` is the revision that the caller has decided by, where it says so. A
    /// change to what is there already gives the same state.
    ///
    /// # Errors
    /// [`EditError`]
    pub fn after(&self, edit: &Edit, known: Option<u64>, by: &str, at: Timestamp) -> Result<Self, EditError> {
        if let Some(asked) = known.filter(|known| *known != self.revision) {
            return Err(EditError::OtherRevision { asked, now: self.revision });
        }
        check_id(&edit.id)?;
        edit.to.as_ref().map_or(Ok(()), Entry::check).map_err(EditError::Bad)?;
        let before = self.entry(edit.kind, &edit.id);
        if before.is_none() && edit.to.is_none() {
            return Err(EditError::Unknown { kind: edit.kind.name(), id: edit.id.clone() });
        }
        if before == edit.to {
            return Ok(self.clone());
        }
        let mut next = self.clone();
        next.set(edit)?;
        next.revision = self.revision.saturating_add(1);
        next.last = Some(Change {
            revision: next.revision,
            at,
            by: by.to_owned(),
            kind: edit.kind,
            id: edit.id.clone(),
            before,
            after: edit.to.clone(),
            undoes: edit.undoes,
        });
        Ok(next)
    }

    /// What takes a change back, if what it made is still there.
    ///
    /// # Errors
    /// [`EditError::ChangedSince`]
    pub fn undo(&self, change: &Change) -> Result<Edit, EditError> {
        if self.entry(change.kind, &change.id) == change.after {
            return Ok(change.undo());
        }
        Err(EditError::ChangedSince { id: change.id.clone(), revision: change.revision })
    }

    /// The synonym or rule of this id.
    pub fn entry(&self, kind: Subject, id: &str) -> Option<Entry> {
        match kind {
            Subject::Synonym => self.synonyms.get(id).cloned().map(Entry::Synonym),
            Subject::Rule => self.rules.get(id).cloned().map(Entry::Rule),
        }
    }

    fn set(&mut self, edit: &Edit) -> Result<(), EditError> {
        match (edit.kind, edit.to.clone()) {
            (_, Some(Entry::Synonym(synonym))) => {
                self.synonyms.insert(edit.id.clone(), synonym);
            }
            (_, Some(Entry::Rule(rule))) => {
                self.rules.insert(edit.id.clone(), rule);
            }
            (Subject::Synonym, None) => {
                self.synonyms.remove(&edit.id);
            }
            (Subject::Rule, None) => {
                self.rules.remove(&edit.id);
            }
        }
        if self.synonyms.len().max(self.rules.len()) > ENTRIES_MAX {
            return Err(EditError::Bad(format!(
                "there may be at most {ENTRIES_MAX} synonyms and as many rules"
            )));
        }
        Ok(())
    }
}

fn check_id(id: &str) -> Result<(), EditError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(legal) {
        return Ok(());
    }
    let id: String = id.chars().take(ID_CHARS_MAX).collect();
    Err(EditError::Bad(format!(
        "an id must be 1 to {ID_CHARS_MAX} characters of A-Z a-z 0-9 - _ but is {id:?}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        Timestamp::from_millis(1)
    }

    fn synonym(other: &str) -> Option<Entry> {
        Some(Entry::Synonym(Synonym { terms: vec!["sofa".to_owned(), other.to_owned()], also: Vec::new() }))
    }

    fn edit(id: &str, to: Option<Entry>) -> Edit {
        Edit { kind: Subject::Synonym, id: id.to_owned(), to, undoes: None }
    }

    fn after(state: &State, edit: &Edit) -> State {
        state.after(edit, None, "me", now()).unwrap()
    }

    #[test]
    fn who_has_decided_by_an_older_revision_is_told() {
        let state = after(&State::default(), &edit("a", synonym("settee")));
        let late = state.after(&edit("a", synonym("divan")), Some(0), "you", now());
        assert_eq!(late, Err(EditError::OtherRevision { asked: 0, now: 1 }));
        assert_eq!(state.after(&edit("a", synonym("divan")), Some(1), "you", now()).unwrap().revision, 2);
    }

    #[test]
    fn a_change_to_what_is_there_is_no_change() {
        let state = after(&State::default(), &edit("a", synonym("settee")));
        assert_eq!(after(&state, &edit("a", synonym("settee"))), state);
    }

    #[test]
    fn what_cannot_be_used_changes_nothing() {
        let state = State::default();
        for bad in [edit("a b", synonym("settee")), edit("a", synonym("a, b")), edit("a", None)] {
            assert!(state.after(&bad, None, "me", now()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_change_that_was_changed_again_is_not_taken_back() {
        let first = after(&State::default(), &edit("a", synonym("settee")));
        let second = after(&first, &edit("a", synonym("divan")));
        let undone = second.undo(first.last.as_ref().unwrap());
        assert_eq!(undone, Err(EditError::ChangedSince { id: "a".to_owned(), revision: 1 }));
    }

    proptest! {
        #[test]
        fn every_change_taken_back_leaves_what_was_there(steps in prop::collection::vec(("[a-c]", 0..3_usize), 1..10)) {
            let wishes = [None, synonym("settee"), synonym("divan")];
            let mut state = State::default();
            for (id, wish) in steps {
                // Deleting what is not there is refused, which changes nothing.
                let Ok(next) = state.after(&edit(&id, wishes[wish].clone()), None, "me", now()) else { continue };
                if next != state {
                    let back = after(&next, &next.undo(next.last.as_ref().unwrap()).unwrap());
                    prop_assert_eq!(&back.synonyms, &state.synonyms);
                    prop_assert_eq!(back.revision, next.revision + 1);
                }
                state = next;
            }
        }
    }
}
