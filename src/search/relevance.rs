//! The weights of the ranking, read from `mappings/relevance.json`, so that tuning is data.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::catalog::index;

const EMBEDDED: &str = include_str!("../../mappings/relevance.json");

/// How much each part of a match counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relevance {
    /// Stemmed words and synonyms, across fields.
    pub text: Text,
    /// How many of the words a product must have, as Elasticsearch's `minimum_should_match`.
    pub most_words: String,
    /// Products that must have most of the words; when fewer do, those with any word follow them.
    pub enough_products: u64,
    /// Further weight of a product that has all words of several.
    pub all_words_boost: f64,
    /// Words as they are written.
    pub exact: Boosted,
    /// Two words next to each other, as in the query.
    pub pairs: Boosted,
    /// Identifiers and sizes, of which the parts must follow each other.
    pub code: Boosted,
    /// The beginning of a word that no product has.
    pub prefix: Boosted,
    /// The words that a misspelled one is taken for.
    pub spelling: Spelling,
    /// What popular products gain.
    pub popularity: Popularity,
    /// What products in stock gain, as a share of their score.
    pub in_stock_weight: f64,
    /// The words of the shop's synonyms: neither misspelled nor identifiers, whatever they look like.
    #[serde(skip, default = "synonym_words")]
    pub synonym_words: BTreeSet<String>,
}

/// Fields with their weights.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "BTreeMap<String, f64>")]
pub struct Fields {
    weights: BTreeMap<String, f64>,
    in_queries: Value,
}

impl From<BTreeMap<String, f64>> for Fields {
    fn from(weights: BTreeMap<String, f64>) -> Self {
        let in_queries = weights.iter().map(|(field, weight)| format!("{field}^{weight}")).collect();
        Self { weights, in_queries }
    }
}

impl Fields {
    /// What a field counts; `None` where it is not looked at.
    pub fn weight(&self, field: &str) -> Option<f64> {
        self.weights.get(field).copied()
    }

    /// As a query names them.
    pub fn in_queries(&self) -> &Value {
        &self.in_queries
    }
}

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

/// How misspelled words are taken for others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spelling {
    /// Weight of a similar word, relative to the word as it was typed.
    pub boost: f64,
    /// How many similar words one may stand for.
    pub similar_words: usize,
    /// A word in so many products or fewer may be misspelled in them too.
    pub rare_products: u64,
    /// Such a rare word is taken for others only if these are in so many products.
    pub frequent_products: u64,
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
        let fields = [
            &self.text.fields.weights,
            &self.exact.fields.weights,
            &self.pairs.fields.weights,
            &self.code.fields.weights,
            &self.prefix.fields.weights,
        ];
        let of_fields = fields.into_iter().flatten().map(|(name, weight)| (name.as_str(), *weight));
        of_fields.chain([
            ("text.tie_breaker", self.text.tie_breaker),
            ("all_words_boost", self.all_words_boost),
            ("exact.boost", self.exact.boost),
            ("pairs.boost", self.pairs.boost),
            ("code.boost", self.code.boost),
            ("prefix.boost", self.prefix.boost),
            ("spelling.boost", self.spelling.boost),
            ("popularity.factor", self.popularity.factor),
            ("popularity.weight", self.popularity.weight),
            ("in_stock_weight", self.in_stock_weight),
        ])
    }
}

/// Words as the rules have them: singular and plural of one that stands alone are both found by its stem.
fn synonym_words() -> BTreeSet<String> {
    let terms = index::synonym_rules().flat_map(|rule| rule.split([',', '>', '=', ' ']));
    terms.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_weights_can_be_used() {
        let relevance = Relevance::embedded().unwrap();
        assert!(relevance.spelling.boost < 1.0, "a similar word must count less than the word itself");
        assert!(["hoover", "4k"].iter().all(|word| relevance.synonym_words.contains(*word)));
    }

    #[test]
    fn a_negative_weight_is_named() {
        let json = EMBEDDED.replace("\"in_stock_weight\": 0.15", "\"in_stock_weight\": -1");
        let error = Relevance::parse(&json).unwrap_err().to_string();
        assert_eq!(error, "mappings/relevance.json: in_stock_weight must lie between 0 and 10000");
    }
}
