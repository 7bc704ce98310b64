//! What the endpoints answer.

use poem::http::StatusCode;
use poem_openapi::Object;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;

use crate::curation::preview::{Effect, Shown};
use crate::http::admin::Refusal;
use crate::http::problem::Problem;
use crate::merchandising::rule::Rule;
use crate::merchandising::state::{Change, EditError, Entry, Subject};
use crate::merchandising::store::ChangeError;
use crate::merchandising::synonym::Synonym;
use crate::search::SearchError;

/// All synonyms.
#[derive(Debug, Object)]
#[oai(example)]
pub struct Synonyms {
    /// The revision that they are of; a change may name it, and is refused if another was faster.
    pub revision: u64,
    /// The synonyms, by id.
    pub synonyms: Vec<NamedSynonym>,
}

/// A synonym with its id.
#[derive(Debug, Object)]
pub struct NamedSynonym {
    /// Its id.
    pub id: String,
    /// What it says.
    pub synonym: Synonym,
}

/// All rules.
#[derive(Debug, Object)]
#[oai(example)]
pub struct Rules {
    /// The revision that they are of; a change may name it, and is refused if another was faster.
    pub revision: u64,
    /// The rules, by id.
    pub rules: Vec<NamedRule>,
}

/// A rule with its id.
#[derive(Debug, Object)]
pub struct NamedRule {
    /// Its id.
    pub id: String,
    /// What it says.
    pub rule: Rule,
}

/// What a change has done, or would do.
#[derive(Debug, Object)]
#[oai(example)]
pub struct Changed {
    /// The revision after it; searches go by it within two seconds.
    pub revision: u64,
    /// Whether it was only tried.
    pub dry_run: bool,
    /// What it does to searches; of a dry run alone.
    pub effects: Vec<Effect>,
}

/// The record of changes.
#[derive(Debug, Object)]
#[oai(example)]
pub struct Changes {
    /// The latest first.
    pub changes: Vec<Recorded>,
}

/// One change.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Recorded {
    /// The revision that it made; by it, it is taken back.
    pub revision: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Who says to have made it (`X-Admin-Name`).
    pub by: String,
    /// What was changed.
    pub kind: Subject,
    /// Its id.
    pub id: String,
    /// The synonym before.
    pub synonym_before: Option<Synonym>,
    /// The synonym after.
    pub synonym_after: Option<Synonym>,
    /// The rule before.
    pub rule_before: Option<Rule>,
    /// The rule after.
    pub rule_after: Option<Rule>,
    /// The revision that it takes back.
    pub undoes: Option<u64>,
}

impl From<Change> for Recorded {
    fn from(change: Change) -> Self {
        let (synonym_before, rule_before) = parts(change.before);
        let (synonym_after, rule_after) = parts(change.after);
        Self {
            revision: change.revision,
            at: change.at.to_string(),
            by: change.by,
            kind: change.kind,
            id: change.id,
            synonym_before,
            synonym_after,
            rule_before,
            rule_after,
            undoes: change.undoes,
        }
    }
}

fn parts(entry: Option<Entry>) -> (Option<Synonym>, Option<Rule>) {
    match entry {
        Some(Entry::Synonym(synonym)) => (Some(synonym), None),
        Some(Entry::Rule(rule)) => (None, Some(rule)),
        None => (None, None),
    }
}

impl From<EditError> for Refusal {
    fn from(error: EditError) -> Self {
        let detail = error.to_string();
        match error {
            EditError::Bad(_) => Self::bad(detail),
            EditError::Unknown { .. } => Self::NotFound(Json(Problem::new(StatusCode::NOT_FOUND, detail))),
            EditError::OtherRevision { .. } | EditError::ChangedSince { .. } => {
                Self::Conflict(Json(Problem::new(StatusCode::CONFLICT, detail)))
            }
        }
    }
}

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Edit(error) => error.into(),
            ChangeError::UnknownChange(_) => {
                Self::NotFound(Json(Problem::new(StatusCode::NOT_FOUND, error.to_string())))
            }
            ChangeError::Crowded => {
                Self::Conflict(Json(Problem::new(StatusCode::CONFLICT, error.to_string())))
            }
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<SearchError> for Refusal {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::BadParameter(bad) => Self::bad(bad.detail),
            SearchError::Store(error) => error.into(),
        }
    }
}

impl Example for Synonyms {
    fn example() -> Self {
        Self {
            revision: 7,
            synonyms: vec![NamedSynonym { id: "settee".to_owned(), synonym: Synonym::example() }],
        }
    }
}

impl Example for Rules {
    fn example() -> Self {
        Self { revision: 7, rules: vec![NamedRule { id: "black-week".to_owned(), rule: Rule::example() }] }
    }
}

impl Example for Changes {
    fn example() -> Self {
        let change = Recorded {
            revision: 7,
            at: "2026-11-21T10:07:30.000Z".to_owned(),
            by: "ann".to_owned(),
            kind: Subject::Synonym,
            id: "settee".to_owned(),
            synonym_before: None,
            synonym_after: Some(Synonym::example()),
            rule_before: None,
            rule_after: None,
            undoes: None,
        };
        Self { changes: vec![change] }
    }
}

impl Example for Changed {
    fn example() -> Self {
        let shown = |id: &str, name: &str| Shown { id: id.to_owned(), name: name.to_owned() };
        let (bag, laptop) =
            (shown("p-00000007", "Caselot laptop bag"), shown("p-00000042", "Voltara Aero 14 laptop"));
        let effect = Effect {
            query: "laptop".to_owned(),
            category: None,
            changes: true,
            before: vec![bag.clone(), laptop.clone()],
            after: vec![laptop, bag],
        };
        Self { revision: 8, dry_run: true, effects: vec![effect] }
    }
}
