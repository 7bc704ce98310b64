//! What merchandisers change while the shop runs: synonyms, and rules that pin, hide and lift products.
//!
//! All of it is one document ([`state`]), so that a change is one write that nobody sees half of, and who
//! changes what others have changed meanwhile is told. [`store`] keeps it and the record of every change;
//! [`live`] hands it to searches, at most a second old. [`synonym`] and [`rule`] are pure: words and
//! synonyms in, further texts out; a query and rules in, another query out.

pub mod live;
pub mod rule;
pub mod state;
pub mod store;
pub mod synonym;
pub mod words;

use crate::merchandising::rule::{Named, Rule};
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
    rules: Vec<(String, Rule)>,
}

impl Merchandise {
    /// The state, made ready.
    pub fn of(state: &State) -> Self {
        Self {
            thesaurus: Thesaurus::of(state.synonyms.iter()),
            synonym_rules: state.synonyms.values().flat_map(Synonym::rules).collect(),
            rules: state.rules.clone().into_iter().collect(),
        }
    }

    /// The rules that hold for these words, in this category, at this time, in the order of their ids.
    pub fn rules(&self, words: &[String], category: Option<&CategoryPath>, now: Timestamp) -> Vec<Named<'_>> {
        let named = self.rules.iter().map(|(id, rule)| Named { id, rule });
        named.filter(|named| named.rule.holds(words, category, now)).collect()
    }

    /// The products that are hidden from a search for these words at this time, or for what they may become.
    pub fn hidden(&self, begun: &[String], now: Timestamp) -> Vec<&str> {
        let rules = self.rules.iter().map(|(_, rule)| rule).filter(|rule| !rule.hide.is_empty());
        let rules = rules.filter(|rule| rule.may_hold(begun, now));
        rules.flat_map(|rule| &rule.hide).map(String::as_str).collect()
    }
}

/// The synonyms of now in Solr's format, to be compiled into the mapping of a catalogue that is loaded.
///
/// # Errors
/// As [`Store::send`].
pub async fn synonym_rules(store: &Store) -> Result<Vec<String>, StoreError> {
    Ok(Merchandise::of(&store::read(store).await?.state).synonym_rules)
}
