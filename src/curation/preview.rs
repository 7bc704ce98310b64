//! What a change does to searches, before it is made.

use std::collections::BTreeSet;

use poem_openapi::Object;

use crate::merchandising::Merchandise;
use crate::merchandising::state::{Edit, Entry, State};
use crate::search::{Search, SearchError};

/// Most searches that are tried.
pub const SEARCHES_MAX: usize = 10;
/// Results that are compared.
const RESULTS: u32 = 10;

/// A product among the first results.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Shown {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// What a change does to one search.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Effect {
    /// What is searched for.
    pub query: String,
    /// In which category.
    pub category: Option<String>,
    /// Whether the first ten results differ.
    pub changes: bool,
    /// The first ten results without the change.
    pub before: Vec<Shown>,
    /// The first ten results with it.
    pub after: Vec<Shown>,
}

/// A search to be tried: its text and its category.
type Trial = (String, Option<String>);

/// What the step from one state to another does to some searches: those that were asked for, else those that
/// the edit itself is about.
///
/// # Errors
/// As [`Search::search`].
pub async fn effects(
    search: &Search,
    edit: &Edit,
    (before, after): (&State, &State),
    queries: &[String],
) -> Result<Vec<Effect>, SearchError> {
    let old = search.curated_by(Merchandise::of(before));
    let new = search.curated_by(Merchandise::of(after));
    let mut effects = Vec::new();
    for (query, category) in trials(edit, before, queries) {
        let first = async |search: &Search| {
            let found = search.first(&query, category.as_deref(), RESULTS).await?;
            Ok::<_, SearchError>(found.into_iter().map(|(id, name)| Shown { id, name }).collect::<Vec<_>>())
        };
        let (before, after) = tokio::try_join!(first(&old), first(&new))?;
        effects.push(Effect { changes: before != after, query, category, before, after });
    }
    Ok(effects)
}

/// The terms of a synonym, the query and category of a rule, as they are and as they shall be.
fn trials(edit: &Edit, before: &State, queries: &[String]) -> Vec<Trial> {
    let category = |entry: &Entry| match entry {
        Entry::Rule(rule) => rule.category.clone(),
        Entry::Synonym(_) => None,
    };
    let old = before.entry(edit.kind, &edit.id);
    let entries: Vec<&Entry> = edit.to.iter().chain(&old).collect();
    let mut trials: BTreeSet<Trial> = BTreeSet::new();
    for query in queries {
        trials.insert((query.clone(), entries.first().and_then(|entry| category(entry))));
    }
    for entry in entries.iter().filter(|_| queries.is_empty()) {
        match entry {
            Entry::Synonym(synonym) => trials.extend(synonym.terms.iter().map(|term| (term.clone(), None))),
            Entry::Rule(rule) => {
                trials.insert((rule.query.clone().unwrap_or_default(), rule.category.clone()));
            }
        }
    }
    trials.into_iter().take(SEARCHES_MAX).collect()
}
