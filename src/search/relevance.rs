//! The weights of the ranking, read from `mappings/relevance.json`, so that tuning is data.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

const EMBEDDED: &str = include_str!("../../mappings/relevance.json");

/// How much each part of a match counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relevance {
    /// Stemmed words and synonyms, across fields.
    pub text: Text,
    /// How many of the words a product must have, as Elasticsearch's `minimum_should_match`.
    pub most_words: String,
    /// Further weight of a product that has all words of three or more.
    pub all_words_boost: f64,
    /// Words as they are written.
    pub exact: Boosted,
    /// Words next to each other.
    pub phrase: Phrase,
    /// The beginning of a word that no product has.
    pub prefix: Boosted,
    /// The neighbours of a word that no product has.
    pub fuzzy: Fuzzy,
    /// What popular products gain.
    pub popularity: Popularity,
    /// What products in stock gain, as a share of their score.
    pub in_stock_weight: f64,
}

/// Fields with their weights.
pub type Fields = BTreeMap<String, f64>;

/// Weights of the full-text layer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Where to look.
    pub fields: Fields,
    /// What a word's lesser fields add to its best one, 0 to 1.
    pub tie_breaker: f64,
}

/// A layer on some fields.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boosted {
    /// Where to look.
    pub fields: Fields,
    /// Weight of the layer.
    pub boost: f64,
}

/// Weights of the phrase layer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phrase {
    /// Where to look.
    pub field: String,
    /// Words that may stand between.
    pub slop: u32,
    /// Weight of the layer.
    pub boost: f64,
}

/// Weights of the layer of misspelled words.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fuzzy {
    /// Where to look: stemmed fields without edge n-grams, on which fuzziness finds nonsense.
    pub fields: Fields,
    /// Edits that are forgiven, by the length of the word.
    pub fuzziness: String,
    /// Characters at the beginning that must be right.
    pub prefix_length: u32,
    /// Neighbours that are tried at most.
    pub max_expansions: u32,
    /// Weight of the layer.
    pub boost: f64,
}

/// What popular products gain: `weight × log10(1 + factor × popularity)` of their score.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Popularity {
    /// How early the gain saturates.
    pub factor: f64,
    /// How large it is.
    pub weight: f64,
}

/// Why the weights cannot be used.
#[derive(Debug, Error)]
pub enum BadRelevance {
    /// The file is not as expected.
    #[error("mappings/relevance.json cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// A weight is negative, not a number, or larger than makes sense.
    #[error("mappings/relevance.json: {0} must lie between 0 and {WEIGHT_MAX}")]
    BadWeight(String),
}

const WEIGHT_MAX: f64 = 10_000.0;

impl Relevance {
    /// The weights that are compiled in.
    ///
    /// # Errors
    /// [`BadRelevance`] when the file was edited into something unusable.
    pub fn embedded() -> Result<Self, BadRelevance> {
        Self::parse(EMBEDDED)
    }

    /// Reads and checks weights.
    ///
    /// # Errors
    /// [`BadRelevance`], naming the weight.
    pub fn parse(json: &str) -> Result<Self, BadRelevance> {
        let relevance: Self = serde_json::from_str(json)?;
        let bad = relevance.weights().find(|(_, weight)| !(0.0..=WEIGHT_MAX).contains(weight));
        match bad.map(|(name, _)| name.to_owned()) {
            Some(name) => Err(BadRelevance::BadWeight(name)),
            None => Ok(relevance),
        }
    }

    fn weights(&self) -> impl Iterator<Item = (&str, f64)> {
        let fields = [&self.text.fields, &self.exact.fields, &self.prefix.fields, &self.fuzzy.fields];
        let of_fields = fields.into_iter().flatten().map(|(name, weight)| (name.as_str(), *weight));
        of_fields.chain([
            ("text.tie_breaker", self.text.tie_breaker),
            ("all_words_boost", self.all_words_boost),
            ("exact.boost", self.exact.boost),
            ("phrase.boost", self.phrase.boost),
            ("prefix.boost", self.prefix.boost),
            ("fuzzy.boost", self.fuzzy.boost),
            ("popularity.factor", self.popularity.factor),
            ("popularity.weight", self.popularity.weight),
            ("in_stock_weight", self.in_stock_weight),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_weights_can_be_used() {
        let relevance = Relevance::embedded().unwrap();
        assert!(relevance.fuzzy.boost < relevance.text.fields["name"]);
    }

    #[test]
    fn a_negative_weight_is_named() {
        let json = EMBEDDED.replace("\"in_stock_weight\": 0.15", "\"in_stock_weight\": -1");
        let error = Relevance::parse(&json).unwrap_err().to_string();
        assert_eq!(error, "mappings/relevance.json: in_stock_weight must lie between 0 and 10000");
    }
}
