//! From a checked request to the body of Elasticsearch's search: pure, and the only place that knows how
//! products are matched and ranked.
//!
//! The layers of a match, by falling weight: words as written, stemmed words and synonyms across fields, and
//! for a word that no product has at all the words that begin with it or are spelled like it. So a typo can
//! never outrank what was really typed, and `table` never brings `tablet`. What scores stands in `query`,
//! what only narrows in `post_filter`, so that each facet can count without its own filter. Text goes into
//! values alone.

use serde_json::{Value, json};

use crate::search::relevance::{Fields, Relevance};
use crate::search::request::{SearchRequest, Words};
use crate::search::{facets, filter};

/// How strictly a product must match. Each stage is tried when the one before has found nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Most of the words, as typed.
    AsTyped,
    /// Most of the words; the ones at these positions occur nowhere and stand for similar ones.
    SimilarWords(Vec<usize>),
    /// Any of the words; again with those that occur nowhere.
    AnyWord(Vec<usize>),
}

/// The search for a page of products with its facets.
pub fn products(request: &SearchRequest, stage: &Stage, relevance: &Relevance) -> Value {
    let mut aggregations = facets::aggregations(&request.filters);
    if !request.words.as_slice().is_empty() {
        aggregations["all_words"] = json!({ "filter": all_words(&request.words, relevance) });
    }
    let query = matching(request, stage, relevance);
    let mut body = json!({
        "query": ranked(&query, relevance),
        "post_filter": { "bool": { "filter": filter::clauses(&request.filters, None) } },
        "aggs": aggregations,
        "size": request.page.size,
        "sort": request.sort.keys(),
        "track_total_hits": true,
        "_source": { "excludes": ["categories", "attribute_pairs", "attribute_text"] },
    });
    match &request.after {
        Some(cursor) => body["search_after"] = json!(cursor.values),
        None => body["from"] = json!(request.page.offset()),
    }
    body
}

/// The question which of the words occur in no product at all.
pub fn occurrences(words: &Words, relevance: &Relevance) -> Value {
    let filters: Vec<Value> =
        words.as_slice().iter().map(|word| across_fields(word, "100%", relevance)).collect();
    json!({
        "size": 0,
        "track_total_hits": false,
        "aggs": { "words": { "filters": { "filters": filters } } },
    })
}

/// Whether the word at this position may stand for similar ones: the last one may be unfinished, others
/// misspelled.
pub fn may_be_another(request: &SearchRequest, at: usize) -> bool {
    let words = request.words.as_slice();
    at + 1 == words.len() || request.fuzzy && words.get(at).is_some_and(|word| is_forgiving(word))
}

/// Whether a word may be misspelled: identifiers and sizes may not.
fn is_forgiving(word: &str) -> bool {
    word.chars().count() >= FUZZY_CHARS_MIN && !word.chars().any(char::is_numeric)
}

/// Shortest word that may be misspelled, in characters; `AUTO:4,8` allows no edit below.
const FUZZY_CHARS_MIN: usize = 4;

/// Multiplies a match's score by a little more than one for popular products and those in stock.
pub fn ranked(query: &Value, relevance: &Relevance) -> Value {
    let popularity = &relevance.popularity;
    json!({ "function_score": {
        "query": query,
        "functions": [
            { "weight": 1.0 },
            {
                "field_value_factor": {
                    "field": "popularity", "factor": popularity.factor, "modifier": "log1p", "missing": 0.0
                },
                "weight": popularity.weight,
            },
            { "filter": { "term": { "in_stock": true } }, "weight": relevance.in_stock_weight },
        ],
        "score_mode": "sum",
        "boost_mode": "multiply",
    }})
}

fn matching(request: &SearchRequest, stage: &Stage, relevance: &Relevance) -> Value {
    let words = request.words.as_slice();
    if words.is_empty() {
        return json!({ "match_all": {} });
    }
    let most = relevance.most_words.as_str();
    let must = match stage {
        Stage::AsTyped => across_fields(&request.words.text(), most, relevance),
        Stage::SimilarWords(unknown) => word_by_word(request, unknown, most, relevance),
        Stage::AnyWord(unknown) => word_by_word(request, unknown, "1", relevance),
    };
    json!({ "bool": { "must": [must], "should": bonuses(&request.words, relevance) } })
}

/// The whole text at once, so that synonyms of several words work, with terms that may lie in different
/// fields.
fn across_fields(text: &str, minimum: &str, relevance: &Relevance) -> Value {
    json!({ "multi_match": {
        "query": text,
        "type": "cross_fields",
        "fields": weighted(&relevance.text.fields),
        "minimum_should_match": minimum,
        "tie_breaker": relevance.text.tie_breaker,
    }})
}

fn all_words(words: &Words, relevance: &Relevance) -> Value {
    across_fields(&words.text(), "100%", relevance)
}

/// Each word by itself, the unknown ones as what they may have been meant to be.
fn word_by_word(request: &SearchRequest, unknown: &[usize], minimum: &str, relevance: &Relevance) -> Value {
    let words = request.words.as_slice();
    let clause = |(at, word): (usize, &String)| {
        if !unknown.contains(&at) || !may_be_another(request, at) {
            return across_fields(word, "100%", relevance);
        }
        let mut similar = Vec::new();
        if at + 1 == words.len() {
            similar.push(begins_with(word, relevance));
        }
        if request.fuzzy && is_forgiving(word) {
            similar.push(spelled_like(word, relevance));
        }
        json!({ "dis_max": { "queries": similar } })
    };
    let clauses: Vec<Value> = words.iter().enumerate().map(clause).collect();
    json!({ "bool": { "should": clauses, "minimum_should_match": minimum } })
}

fn begins_with(word: &str, relevance: &Relevance) -> Value {
    json!({ "multi_match": {
        "query": word,
        "operator": "and",
        "fields": weighted(&relevance.prefix.fields),
        "boost": relevance.prefix.boost,
    }})
}

fn spelled_like(word: &str, relevance: &Relevance) -> Value {
    let fuzzy = &relevance.fuzzy;
    json!({ "multi_match": {
        "query": word,
        "fields": weighted(&fuzzy.fields),
        "fuzziness": fuzzy.fuzziness,
        "prefix_length": fuzzy.prefix_length,
        "max_expansions": fuzzy.max_expansions,
        "boost": fuzzy.boost,
    }})
}

/// What lifts the better of two matches: the words as written, all of them, next to each other.
fn bonuses(words: &Words, relevance: &Relevance) -> Vec<Value> {
    let text = words.text();
    let mut bonuses = vec![json!({ "multi_match": {
        "query": text,
        "type": "cross_fields",
        "fields": weighted(&relevance.exact.fields),
        "boost": relevance.exact.boost,
    }})];
    if words.as_slice().len() > 1 {
        let phrase = &relevance.phrase;
        bonuses.push(json!({ "match_phrase": {
            (phrase.field.as_str()): { "query": text, "slop": phrase.slop, "boost": phrase.boost }
        }}));
    }
    if words.as_slice().len() > 2 {
        let mut all = all_words(words, relevance);
        all["multi_match"]["boost"] = json!(relevance.all_words_boost);
        bonuses.push(all);
    }
    bonuses
}

fn weighted(fields: &Fields) -> Vec<String> {
    fields.iter().map(|(field, weight)| format!("{field}^{weight}")).collect()
}

#[cfg(test)]
mod tests;
