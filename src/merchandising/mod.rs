//! What merchandisers change while the shop runs: synonyms, and rules that pin, hide and lift products.
//!
//! All of it is one document ([`state`]), so that a change is one write that nobody sees half of, and who
//! changes what others have changed meanwhile is told. [`store`] keeps it and the record of every change;
//! [`live`] hands it to searches, at most a second old. [`synonym`] and [`rule`] are pure: words and
//! synonyms in, further texts out; a finished body and rules in, another body out.

pub mod live;
pub mod rule;
pub mod state;
pub mod store;
pub mod synonym;
pub mod words;

use serde_json::{Value, json};

use crate::merchandising::rule::Rule;
use crate::merchandising::state::State;
use crate::merchandising::synonym::{Synonym, Thesaurus};
use crate::model::category::CategoryPath;
use crate::model::time::Timestamp;
use crate::store::{Store, StoreError};

/// The state as a search needs it.
#[derive(Debug, Clone, Default)]
pub struct Merchandise {
    /// What words are searched as besides themselves.
    pub thesaurus: Thesaurus,
    /// The same in Solr's format.
    pub synonym_rules: Vec<String>,
    rules: Vec<Rule>,
}

impl Merchandise {
    /// The state, made ready.
    pub fn of(state: &State) -> Self {
        Self {
            thesaurus: Thesaurus::of(state.synonyms.values()),
            synonym_rules: state.synonyms.values().flat_map(Synonym::rules).collect(),
            rules: state.rules.values().cloned().collect(),
        }
    }

    /// The rules that hold for these words, in this category, at this time, in the order of their ids.
    pub fn rules(&self, words: &[String], category: Option<&CategoryPath>, now: Timestamp) -> Vec<&Rule> {
        self.rules.iter().filter(|rule| rule.holds(words, category, now)).collect()
    }
}

/// The body of a search that also finds what the bodies for other words find, each product by its best.
pub fn with_alternatives(mut body: Value, others: Vec<Value>) -> Value {
    if others.is_empty() {
        return body;
    }
    let all_words = |body: &mut Value| body.pointer_mut("/aggs/all_words/filter").map(Value::take);
    let (mut queries, mut filters) = (vec![body["query"].take()], Vec::from_iter(all_words(&mut body)));
    for mut other in others {
        queries.push(other["query"].take());
        filters.extend(all_words(&mut other));
    }
    body["query"] = json!({ "dis_max": { "queries": queries } });
    if let Some(filter) = body.pointer_mut("/aggs/all_words/filter") {
        *filter = json!({ "bool": { "should": filters, "minimum_should_match": 1 } });
    }
    body
}

/// The synonyms of now in Solr's format, to be compiled into the mapping of a catalogue that is loaded.
///
/// # Errors
/// As [`Store::send`].
pub async fn synonym_rules(store: &Store) -> Result<Vec<String>, StoreError> {
    Ok(Merchandise::of(&store::read(store).await?.state).synonym_rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_with_alternatives_has_each_as_a_query_and_counts_all_their_words() {
        let body = |word: &str| json!({ "query": { "match": { "name": word } }, "aggs": { "all_words": { "filter": { "match": { "name": word } } } }, "size": 1 });
        insta::assert_json_snapshot!(with_alternatives(body("sofa"), vec![body("settee")]));
        assert_eq!(with_alternatives(body("sofa"), Vec::new()), body("sofa"));
    }
}
