//! What a change does to searches, before it is made.

use poem_openapi::Object;

use crate::merchandising::Merchandise;
use crate::merchandising::state::{Edit, Entry, State};
use crate::merchandising::words::{has_term, plain_words};
use crate::search::{Search, SearchError};

/// Most searches that are tried of those that were asked for, of an entry's own, and of the popular ones.
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
/// the edit itself is about and the most popular ones that contain a term of it.
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
    let about = About::of(edit, before);
    let trials = if queries.is_empty() {
        let popular = search.popular(|query| about.concerns(query), SEARCHES_MAX).await?;
        about.trials(popular)
    } else {
        about.asked(queries)
    };
    let mut effects = Vec::new();
    for (query, category) in trials {
        let first = async |search: &Search| {
            let found = search.first(&query, category.as_deref(), RESULTS).await?;
            Ok::<_, SearchError>(found.into_iter().map(|(id, name)| Shown { id, name }).collect::<Vec<_>>())
        };
        let (before, after) = tokio::try_join!(first(&old), first(&new))?;
        effects.push(Effect { changes: before != after, query, category, before, after });
    }
    Ok(effects)
}

/// What an edit is about: the terms of a synonym, the query and category of a rule, as they shall be and as they
/// are.
struct About {
    own: Vec<Trial>,
    category: Option<String>,
    /// As [`plain_words`].
    terms: Vec<Vec<String>>,
}

impl About {
    fn of(edit: &Edit, before: &State) -> Self {
        let old = before.entry(edit.kind, &edit.id);
        let mut own: Vec<Trial> = Vec::new();
        for entry in edit.to.iter().chain(&old) {
            match entry {
                Entry::Synonym(synonym) => own.extend(synonym.terms.iter().map(|term| (term.clone(), None))),
                Entry::Rule(rule) => {
                    own.push((rule.query.clone().unwrap_or_default(), rule.category.clone()))
                }
            }
        }
        let category = own.first().and_then(|(_, category)| category.clone());
        let terms = own.iter().map(|(query, _)| plain_words(query)).collect();
        Self { own, category, terms }
    }

    fn concerns(&self, query: &str) -> bool {
        let words = plain_words(query);
        self.terms.iter().any(|term| has_term(&words, term))
    }

    /// Its own searches and then the popular ones.
    fn trials(self, popular: Vec<String>) -> Vec<Trial> {
        let mut trials = first_of(self.own);
        for query in popular.into_iter().take(SEARCHES_MAX) {
            let trial = (query, self.category.clone());
            if !trials.contains(&trial) {
                trials.push(trial);
            }
        }
        trials
    }

    fn asked(&self, queries: &[String]) -> Vec<Trial> {
        first_of(queries.iter().map(|query| (query.clone(), self.category.clone())))
    }
}

/// The first of some searches, each once.
fn first_of(all: impl IntoIterator<Item = Trial>) -> Vec<Trial> {
    let mut first: Vec<Trial> = Vec::new();
    for trial in all {
        if first.len() < SEARCHES_MAX && !first.contains(&trial) {
            first.push(trial);
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merchandising::rule::Rule;
    use crate::merchandising::state::Subject;
    use crate::merchandising::synonym::Synonym;

    fn about(kind: Subject, to: Entry) -> About {
        About::of(&Edit { kind, id: "x".to_owned(), to: Some(to), undoes: None }, &State::default())
    }

    #[test]
    fn popular_searches_with_a_term_are_tried_after_the_entry_s_own_and_each_once() {
        let terms = ["battery", "power pack"].map(str::to_owned).to_vec();
        let about = about(Subject::Synonym, Entry::Synonym(Synonym { terms, also: Vec::new() }));
        assert!(["AA Batteries", "cheap power packs"].iter().all(|query| about.concerns(query)));
        assert!(["power", "pack power", ""].iter().all(|query| !about.concerns(query)));
        let tried = about.trials(["aa batteries", "battery"].map(str::to_owned).to_vec());
        let tried: Vec<&str> = tried.iter().map(|(query, _)| query.as_str()).collect();
        assert_eq!(tried, ["battery", "power pack", "aa batteries"]);
    }

    #[test]
    fn searches_for_a_rule_are_tried_in_its_category_and_one_without_a_query_concerns_no_popular_one() {
        let rule = |query: Option<&str>| Rule {
            query: query.map(str::to_owned),
            category: Some("a.b".to_owned()),
            ..Rule::default()
        };
        let of_both = about(Subject::Rule, Entry::Rule(rule(Some("lamp"))));
        let in_category = |query: &str| (query.to_owned(), Some("a.b".to_owned()));
        assert_eq!(of_both.asked(&["desk lamp".to_owned()]), [in_category("desk lamp")]);
        assert_eq!(
            of_both.trials(vec!["desk lamp".to_owned()]),
            [in_category("lamp"), in_category("desk lamp")]
        );
        let of_category = about(Subject::Rule, Entry::Rule(rule(None)));
        assert!(!of_category.concerns("lamp"));
        assert_eq!(of_category.trials(Vec::new()), [in_category("")]);
    }
}
