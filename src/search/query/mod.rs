//! From a checked request to the body of Elasticsearch's search: pure, and the only place that knows how
//! products are matched and ranked.
//!
//! The layers of a match, by falling weight: words as written, stemmed words and synonyms across fields, and
//! for a word that no product has, or hardly any, the words that begin with it or are spelled like it. So a
//! typo can never outrank what was really typed, and `table` never brings `tablet`. What scores stands in
//! `query`, what only narrows in `post_filter`, so that each facet can count without its own filter. Text
//! goes into values alone.

pub mod body;
pub mod compounds;
pub mod plan;
pub mod spelling;

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::model::ids::ProductId;
use crate::search::facets::Passing;
use crate::search::query::body::Body;
use crate::search::query::plan::{Doubts, Piece, Unsure};
use crate::search::query::spelling::Reach;
use crate::search::relevance::{Boosted, Relevance};
use crate::search::request::{Filters, SearchRequest, Words};
use crate::search::{facets, filter};
use crate::store::query::query;

/// How often the points of an identifier that is a product's own count: they come before those of any words.
const IDENTIFIER_BOOST: f64 = 10_000.0;
/// How many of the words beside a term that a synonym has put in: so many that with the term, which is one more, they are
/// `most_words` as it is shipped.
const MOST_BESIDE_A_TERM: &str = "1<67%";

/// How strictly a product must match. Each stage is tried when the ones before have found too little.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Most of the words, as typed.
    AsTyped,
    /// Most of the words; those that are in doubt may stand for similar ones.
    SimilarWords(Doubts),
    /// Any of the words, or of the similar ones.
    AnyWord(Doubts),
    /// Any of the words, or of those that are less similar.
    Fuzzier(Doubts),
    /// The most popular products of a department within the other filters, whatever was typed.
    BestSellers,
}

impl Stage {
    /// The words that are taken for others at this stage.
    pub fn doubts(&self) -> Option<&Doubts> {
        match self {
            Self::AsTyped | Self::BestSellers => None,
            Self::SimilarWords(doubts) | Self::AnyWord(doubts) | Self::Fuzzier(doubts) => Some(doubts),
        }
    }
}

/// The filters that a stage asks with: those that were chosen, for best sellers in the whole departments.
pub fn filters<'r>(request: &'r SearchRequest, stage: &Stage) -> Cow<'r, Filters> {
    let departments = (*stage == Stage::BestSellers).then(|| request.departments()).flatten();
    departments.map_or(Cow::Borrowed(&request.filters), Cow::Owned)
}

/// The search for a page of products with its facets; at the first stage it also asks for similar words.
pub fn products(request: &SearchRequest, stage: &Stage, relevance: &Relevance) -> Body {
    let filters = &*filters(request, stage);
    let mut body = Body {
        query: ranked(matching(request, stage, relevance), relevance),
        post_filter: filter::all(filters, None),
        aggs: facets::aggregations(filters),
        size: request.page.size,
        from: request.after.is_none().then(|| request.page.offset()),
        search_after: request.after.as_ref().map(|cursor| cursor.values.clone()),
        sort: request.sort.keys(),
        track_total_hits: true,
        source: if request.explain { &body::EXPLAINED } else { &body::SHOWN },
        highlight: None,
        suggest: None,
        explain: request.explain,
    };
    if request.words.as_slice().is_empty() {
        return body;
    }
    body.highlight = Some(&body::HIGHLIGHT);
    body.aggs.found = Some(Passing { filter: json!({ "match_all": {} }) });
    body.aggs.identified = identified(&request.words).map(|filter| Passing { filter });
    if *stage == Stage::AsTyped {
        body.aggs.all_words = Some(Passing { filter: all_words(&request.words, relevance) });
        body.suggest = spelling::question(&request.words, Reach::Near, relevance).filter(|_| request.fuzzy);
    }
    body
}

/// The question for words that are less similar to those that no product has; `None` if none may be misspelled.
pub fn less_similar(words: &Words, relevance: &Relevance) -> Option<Value> {
    let similar = spelling::question(words, Reach::Far, relevance)?;
    Some(json!({ "size": 0, "track_total_hits": false, "suggest": similar }))
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

/// Multiplies a match's score by a little more than one for popular products and those in stock.
pub fn ranked(matching: Value, relevance: &Relevance) -> Value {
    let popularity = &relevance.popularity;
    let functions = json!([
        { "weight": 1.0 },
        {
            "field_value_factor": {
                "field": "popularity", "factor": popularity.factor, "modifier": "log1p", "missing": 0.0
            },
            "weight": popularity.weight,
        },
        { "filter": { "term": { "in_stock": true } }, "weight": relevance.in_stock_weight },
    ]);
    query(
        "function_score",
        [
            ("query", matching),
            ("functions", functions),
            ("score_mode", "sum".into()),
            ("boost_mode", "multiply".into()),
        ],
    )
}

/// How many parts of a query a product must have.
#[derive(Debug, Clone, Copy)]
enum Least {
    Most,
    Any,
}

fn matching(request: &SearchRequest, stage: &Stage, relevance: &Relevance) -> Value {
    let typed = &request.words;
    let least = match stage {
        Stage::BestSellers => return json!({ "match_all": {} }),
        Stage::AsTyped | Stage::SimilarWords(_) => Least::Most,
        Stage::AnyWord(_) | Stage::Fuzzier(_) => Least::Any,
    };
    if typed.as_slice().is_empty() {
        return json!({ "match_all": {} });
    }
    let none = Doubts::default();
    let doubts = stage.doubts().unwrap_or(&none);
    let must = piece_by_piece(typed, doubts, least, relevance);
    let bonuses = bonuses(&doubts.meant(typed), relevance);
    let words = query("bool", [("must", vec![must].into()), ("should", bonuses.into())]);
    match identified(typed) {
        Some(product) => {
            let either = vec![words, product];
            query("bool", [("should", either.into()), ("minimum_should_match", 1.into())])
        }
        None => words,
    }
}

/// The product whose identifier was typed, in whatever case; `None` where what was typed cannot be one.
fn identified(typed: &Words) -> Option<Value> {
    let [only] = typed.as_slice() else { return None };
    ProductId::parse(only).ok()?;
    Some(json!({ "term": { "id.folded": { "value": only, "boost": IDENTIFIER_BOOST } } }))
}

/// The whole text at once, so that synonyms of several words work, with terms that may lie in different
/// fields.
fn across_fields(text: &str, minimum: &str, relevance: &Relevance) -> Value {
    json!({ "multi_match": {
        "query": text,
        "type": "cross_fields",
        "fields": relevance.text.fields.in_queries(),
        "minimum_should_match": minimum,
        "tie_breaker": relevance.text.tie_breaker,
    }})
}

/// All words, and of a term that a synonym has put in all words too.
fn all_words(words: &Words, relevance: &Relevance) -> Value {
    let (terms, others): (Vec<&str>, Vec<&str>) =
        words.as_slice().iter().map(String::as_str).partition(|word| word.contains(' '));
    let others = (!others.is_empty()).then(|| across_fields(&others.join(" "), "100%", relevance));
    match others {
        Some(others) if terms.is_empty() => others,
        others => {
            let terms = terms.into_iter().map(|term| whole(term, relevance));
            query("bool", [("must", terms.chain(others).collect())])
        }
    }
}

/// A term of several words: all of them, or next to each other, whichever counts more. So it weighs at least what it does
/// where the same synonym is compiled in.
fn whole(term: &str, relevance: &Relevance) -> Value {
    let phrase = json!({ "multi_match": {
        "query": term,
        "type": "phrase",
        // With synonyms of its own a phrase would weigh what all of them do.
        "analyzer": "stemmed",
        "fields": relevance.text.fields.in_queries(),
        "tie_breaker": relevance.text.tie_breaker,
    }});
    best_of(vec![across_fields(term, "100%", relevance), phrase])
}

/// The parts of a query, of which a product must have so many: every term that a synonym has put in, for without it the
/// query as it was typed finds as much.
fn piece_by_piece(words: &Words, doubts: &Doubts, least: Least, relevance: &Relevance) -> Value {
    let pieces = plan::pieces(words, doubts, relevance);
    let (terms, others): (Vec<Piece>, Vec<Piece>) =
        pieces.into_iter().partition(|piece| matches!(piece, Piece::Term(_)));
    let minimum = match least {
        Least::Any => "1",
        Least::Most if terms.is_empty() => &relevance.most_words,
        Least::Most => MOST_BESIDE_A_TERM,
    };
    let others = some_of(plan::runs_joined(others), minimum, relevance);
    if terms.is_empty() {
        return others.unwrap_or_default();
    }
    let terms = terms.into_iter().map(|term| clause(term, minimum, relevance));
    match least {
        Least::Most => query("bool", [("must", terms.chain(others).collect())]),
        Least::Any => query("bool", [("must", terms.collect()), ("should", others.into_iter().collect())]),
    }
}

/// So many of these parts; `None` of none.
fn some_of(pieces: Vec<Piece>, minimum: &str, relevance: &Relevance) -> Option<Value> {
    let mut clauses: Vec<Value> = pieces.into_iter().map(|piece| clause(piece, minimum, relevance)).collect();
    match clauses.pop() {
        only if clauses.is_empty() => only,
        last => {
            clauses.extend(last);
            Some(query("bool", [("should", clauses.into()), ("minimum_should_match", minimum.into())]))
        }
    }
}

/// A part of a query; of a part of several words so many.
fn clause(piece: Piece, minimum: &str, relevance: &Relevance) -> Value {
    match piece {
        Piece::Words(text) => across_fields(&text, minimum, relevance),
        Piece::Code(code) => in_a_row(&code, &relevance.code),
        Piece::Unsure(unsure) => one_of(&unsure, relevance),
        Piece::Term(term) => whole(&term, relevance),
    }
}

/// A word as it is, or as what it may have been meant to be; the best of them counts.
fn one_of(unsure: &Unsure, relevance: &Relevance) -> Value {
    let mut queries = vec![across_fields(&unsure.typed, "100%", relevance)];
    if unsure.may_be_unfinished {
        queries.push(begins_with(&unsure.typed, relevance));
    }
    for similar in &unsure.similar {
        let mut query = across_fields(&similar.word, "100%", relevance);
        query["multi_match"]["boost"] = json!(relevance.spelling.boost / similar.edits.max(1) as f64);
        queries.push(query);
    }
    best_of(queries)
}

/// What any of these finds, each product by the best of them.
pub fn best_of(queries: Vec<Value>) -> Value {
    query("dis_max", [("queries", queries.into())])
}

fn begins_with(word: &str, relevance: &Relevance) -> Value {
    json!({ "multi_match": {
        "query": word,
        "operator": "and",
        "fields": relevance.prefix.fields.in_queries(),
        "boost": relevance.prefix.boost,
    }})
}

/// The parts of an identifier, one after the other in one field.
fn in_a_row(code: &str, layer: &Boosted) -> Value {
    json!({ "multi_match": {
        "query": code,
        "type": "phrase",
        "fields": layer.fields.in_queries(),
        "boost": layer.boost,
    }})
}

/// What lifts the better of two matches: the words as written, all of them, next to each other.
fn bonuses(words: &Words, relevance: &Relevance) -> Vec<Value> {
    let text = words.text();
    let as_written = json!({ "multi_match": {
        "query": text,
        "type": "cross_fields",
        "fields": relevance.exact.fields.in_queries(),
        "boost": relevance.exact.boost,
    }});
    let mut bonuses = vec![as_written];
    if text.contains(' ') {
        bonuses.push(json!({ "multi_match": {
            "query": text,
            "fields": relevance.pairs.fields.in_queries(),
            "boost": relevance.pairs.boost,
        }}));
        let mut all = all_words(words, relevance);
        // Queries of every kind have one.
        for query in all.as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
            query["boost"] = json!(relevance.all_words_boost);
        }
        bonuses.push(all);
    }
    bonuses
}

#[cfg(test)]
mod tests;
