//! Why a product stands where it does, in a merchandiser's words. Pure.
//!
//! Elasticsearch explains a score as a tree of sums and maxima over weights of terms in fields. Here it is
//! flattened to what counts: the points of each term in each field, and the factors for popularity and stock
//! that multiply their sum, and what a merchandiser has made of it: terms that a synonym has put in, factors of
//! rules, and what a rule adds to put a product first. So `sum of points × product of factors + what is added =
//! score`.

use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_with::skip_serializing_none;

use crate::http::verbatim::Verbatim;
use crate::merchandising::rule::{self, Boost, Named, Pin};
use crate::merchandising::synonym::Swap;
use crate::merchandising::words::plain;
use crate::search::curated::Curated;
use crate::search::listed::Listed;
use crate::search::query::Stage;
use crate::search::query::plan::{self, Doubts, Piece};
use crate::search::query::spelling::Similar;
use crate::search::relevance::{Boosted, Relevance};
use crate::store::found::Explained;

/// One part of why a product stands where it does.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct Reason {
    /// What kind of reason it is.
    pub kind: ReasonKind,
    /// The reason as a sentence.
    pub text: String,
    /// The field with the match.
    pub field: Option<String>,
    /// What was found there, as it is indexed: in lower case, words reduced to their stems.
    pub found: Option<String>,
    /// The field's weight in this layer of the ranking.
    pub weight: Option<f64>,
    /// Typing errors between the word that was typed and the one that was found.
    pub edits: Option<u32>,
    /// What it adds to the product's points.
    pub points: Option<f64>,
    /// What it multiplies the sum of the points by.
    pub factor: Option<f64>,
    /// What it adds to the score after all factors.
    pub added: Option<f64>,
    /// The id of the rule or synonym that it is by.
    pub by: Option<String>,
}

/// The kinds of reasons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// A word, its stem or a synonym of the index.
    #[default]
    Word,
    /// A word as it was written.
    Exact,
    /// Two words next to each other, as in the query.
    Together,
    /// The parts of an identifier or a size, one after the other.
    Code,
    /// The beginning of a word.
    Beginning,
    /// A word that is spelled like what was typed.
    Typo,
    /// What a synonym that was made while the shop runs has put in for what was typed.
    Synonym,
    /// The product is popular and in stock, or not.
    Boost,
    /// A rule lifts or lowers the product.
    RuleBoost,
    /// A rule has put the product before all others.
    Pinned,
}

/// Tells the reasons of one search.
pub struct Explainer<'a> {
    relevance: &'a Relevance,
    /// Words that stand for misspelled ones, with what was typed.
    similar: Vec<(String, Similar)>,
    /// What was typed, as the index has it.
    typed: Vec<String>,
    /// What synonyms have put in.
    swaps: Vec<&'a Swap>,
    rules: &'a [Named<'a>],
    pins: Vec<Pin<'a>>,
}

/// Why a term was looked for.
#[derive(Clone, Copy)]
enum Cause<'a> {
    Typed,
    Typo(&'a (String, Similar)),
    Synonym(&'a Swap),
}

impl<'a> Explainer<'a> {
    /// Explains what a stage of a search has found.
    pub fn new(relevance: &'a Relevance, curated: &'a Curated<'a>, stage: &Stage) -> Self {
        let none = Doubts::default();
        let words = &curated.request.words;
        let pieces = plan::pieces(words, stage.doubts().unwrap_or(&none), relevance);
        let unsure = pieces.into_iter().filter_map(|piece| match piece {
            Piece::Unsure(unsure) => Some(unsure),
            Piece::Words(_) | Piece::Code(_) | Piece::Term(_) => None,
        });
        let similar = unsure.flat_map(|unsure| {
            let typed = unsure.typed;
            unsure.similar.into_iter().map(move |similar| (typed.clone(), similar))
        });
        let pins = if curated.is_sorted_by_score() { rule::pins(&curated.rules) } else { Vec::new() };
        Self {
            relevance,
            similar: similar.collect(),
            typed: words.as_slice().iter().flat_map(|word| tokens(word)).collect(),
            swaps: curated.alternatives.iter().flat_map(|alternative| &alternative.swaps).collect(),
            rules: &curated.rules,
            pins,
        }
    }

    /// The reasons: first what puts the product first, then what gives points, the most first, then what
    /// multiplies their sum.
    pub fn reasons(&self, explanation: &Explained, product: &Listed) -> Vec<Reason> {
        let pin = self.pins.iter().find(|pin| pin.product == product.id.as_str());
        let is_found = is_scored(explanation);
        let mut terms = Vec::new();
        collect(explanation, 1.0, &mut terms);
        let mut points: Vec<Reason> = merged(terms).iter().map(|term| self.of_term(term)).collect();
        points.sort_by(|a, b| b.points.unwrap_or_default().total_cmp(&a.points.unwrap_or_default()));
        let mut reasons: Vec<Reason> = pin.map(|pin| of_pin(pin, is_found)).into_iter().collect();
        reasons.extend(points);
        // Nothing is multiplied where a product is there only because it is pinned.
        if is_found {
            reasons.push(self.boost(product));
            let lifts =
                self.rules.iter().flat_map(|named| named.rule.boost.iter().map(|lift| (named.id, lift)));
            let [category, brand] =
                [&product.category, &product.brand].map(|text| text.as_ref().map(Verbatim::read));
            let is_lifted =
                |lift: &Boost| lift.lifts(product.id.as_str(), category.as_deref(), brand.as_deref());
            let lifts = lifts.filter(|(_, lift)| is_lifted(lift));
            reasons.extend(lifts.map(|(rule, lift)| of_lift(rule, lift)));
        }
        reasons
    }

    fn of_term(&self, term: &Term) -> Reason {
        let field = term.field.split('.').next().unwrap_or_default();
        let (kind, weight) = match term.field.split_once('.').map(|(_, layer)| layer) {
            Some("pairs") => (ReasonKind::Together, self.relevance.pairs.weight(&term.field)),
            Some("prefix") => (ReasonKind::Beginning, self.relevance.prefix.weight(&term.field)),
            Some(_) if term.is_phrase => (ReasonKind::Code, self.relevance.code.weight(&term.field)),
            Some(_) => (ReasonKind::Exact, self.relevance.exact.weight(&term.field)),
            None => (ReasonKind::Word, self.relevance.text.fields.weight(&term.field)),
        };
        let cause = self.cause(kind, &term.found);
        let (kind, edits, by) = match cause {
            Cause::Typed => (kind, None, None),
            Cause::Typo((_, similar)) => (ReasonKind::Typo, u32::try_from(similar.edits).ok(), None),
            Cause::Synonym(swap) => (ReasonKind::Synonym, None, Some(swap.synonym.clone())),
        };
        Reason {
            kind,
            text: sentence(kind, term, &label(field), cause),
            field: Some(label(field)),
            found: Some(term.found.clone()),
            weight,
            edits,
            points: Some(term.points),
            by,
            ..Reason::default()
        }
    }

    /// Why a term was looked for: what stands for a word was not typed, in whichever layer it was found.
    fn cause(&self, kind: ReasonKind, found: &str) -> Cause<'_> {
        let typo = self.similar.iter().find(|(_, similar)| is_stem_of(found, &similar.word));
        let is_word = matches!(kind, ReasonKind::Word | ReasonKind::Exact);
        if let Some(typo) = typo.filter(|_| is_word) {
            return Cause::Typo(typo);
        }
        let put_in: Vec<&str> =
            found.split(' ').filter(|term| !self.typed.iter().any(|word| comes_from(term, word))).collect();
        let has_put_in = |swap: &&&Swap| {
            let words: Vec<String> = swap.other.iter().flat_map(|word| tokens(word)).collect();
            put_in.iter().any(|term| words.iter().any(|word| comes_from(term, word)))
        };
        self.swaps.iter().find(has_put_in).map_or(Cause::Typed, |swap| Cause::Synonym(swap))
    }

    /// As [`crate::search::query::ranked`] computes it.
    fn boost(&self, product: &Listed) -> Reason {
        let Relevance { popularity, in_stock_weight, .. } = self.relevance;
        let popular =
            popularity.weight * (1.0 + popularity.factor * product.popularity.unwrap_or_default()).log10();
        let stock = if product.in_stock { *in_stock_weight } else { 0.0 };
        let factor = 1.0 + popular + stock;
        Reason {
            kind: ReasonKind::Boost,
            text: format!(
                "popularity adds {:.0} %, stock {:.0} % to the points",
                popular * 100.0,
                stock * 100.0
            ),
            factor: Some(factor),
            ..Reason::default()
        }
    }
}

fn of_pin(pin: &Pin, is_found: bool) -> Reason {
    let although = if is_found { "" } else { ", although the query does not find it" };
    Reason {
        kind: ReasonKind::Pinned,
        text: format!("the rule “{}” pins it as number {}{although}", pin.rule, pin.place),
        added: Some(pin.score),
        by: Some(pin.rule.to_owned()),
        ..Reason::default()
    }
}

fn of_lift(rule: &str, lift: &Boost) -> Reason {
    let brand = lift.brand.as_ref().map(|brand| format!(" of the brand {brand}")).unwrap_or_default();
    let category = lift.category.as_ref().map(|path| format!(" in {path}")).unwrap_or_default();
    let whose = match &lift.product {
        Some(_) => "this product".to_owned(),
        None => format!("products{brand}{category}"),
    };
    Reason {
        kind: ReasonKind::RuleBoost,
        text: format!("the rule “{rule}” multiplies the points of {whose} by {}", lift.factor),
        factor: Some(lift.factor),
        by: Some(rule.to_owned()),
        ..Reason::default()
    }
}

/// Whether the query has found the product: a pin alone is not multiplied by anything.
fn is_scored(part: &Explained) -> bool {
    part.description.starts_with("function score") || part.details.iter().any(is_scored)
}

impl Boosted {
    fn weight(&self, field: &str) -> Option<f64> {
        self.fields.weight(field).map(|weight| weight * self.boost)
    }
}

/// Whether a term of the index may come from this word: a stem keeps the word's beginning but for its end.
fn is_stem_of(term: &str, word: &str) -> bool {
    let common = term.chars().zip(word.chars()).take_while(|(a, b)| a == b).count();
    common >= 3 && common + 2 >= word.chars().count() && common + 1 >= term.chars().count()
}

/// Whether a term of the index may come from this one of [`tokens`].
fn comes_from(term: &str, word: &str) -> bool {
    term == word || is_stem_of(term, word) || plain(term) == plain(word)
}

/// The parts of a word, as the index takes it apart: in lower case, letters and digits.
fn tokens(word: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut last = None;
    for character in word.to_lowercase().chars() {
        let class = character.is_alphanumeric().then(|| character.is_numeric());
        match tokens.last_mut().filter(|_| class == last) {
            _ if class.is_none() => {}
            Some(token) => token.push(character),
            None => tokens.push(character.to_string()),
        }
        last = class;
    }
    tokens
}

/// The field as people call it.
fn label(field: &str) -> String {
    match field {
        "category_label" => "category".to_owned(),
        "categories_above" => "category above".to_owned(),
        "brand_text" => "brand".to_owned(),
        "attribute_text" => "attributes".to_owned(),
        other => other.to_owned(),
    }
}

fn sentence(kind: ReasonKind, term: &Term, field: &str, cause: Cause) -> String {
    let Term { found, points, .. } = term;
    let what = match (cause, kind) {
        (Cause::Typo((typed, Similar { edits, .. })), _) => {
            let errors = if *edits == 1 { "error" } else { "errors" };
            format!("“{found}” stands in the {field}, {edits} typing {errors} away from “{typed}”")
        }
        (Cause::Synonym(Swap { synonym, typed, other, .. }), _) => {
            let (typed, other) = (typed.join(" "), other.join(" "));
            format!(
                "“{found}” stands in the {field}; the synonym “{synonym}” has put “{other}” in for “{typed}”"
            )
        }
        (Cause::Typed, ReasonKind::Exact) => format!("“{found}” stands in the {field} just as it was typed"),
        (Cause::Typed, ReasonKind::Together) => format!("“{found}” stand next to each other in the {field}"),
        (Cause::Typed, ReasonKind::Code) => format!("“{found}” stands in the {field} in one piece"),
        (Cause::Typed, ReasonKind::Beginning) => format!("a word of the {field} begins with “{found}”"),
        (
            Cause::Typed,
            ReasonKind::Word
            | ReasonKind::Typo
            | ReasonKind::Synonym
            | ReasonKind::Boost
            | ReasonKind::RuleBoost
            | ReasonKind::Pinned,
        ) => format!("“{found}” stands in the {field}"),
    };
    format!("{what}: {points:.1} points")
}

/// What one or several synonymous terms in one field add to a score.
#[derive(Debug, Clone, PartialEq)]
struct Term {
    field: String,
    found: String,
    is_phrase: bool,
    points: f64,
}

/// The terms each once: several layers may find the same in the same field.
fn merged(terms: Vec<Term>) -> Vec<Term> {
    let mut merged: Vec<Term> = Vec::new();
    for term in terms {
        let is_same = |other: &&mut Term| Term { points: term.points, ..(**other).clone() } == term;
        match merged.iter_mut().find(is_same) {
            Some(same) => same.points += term.points,
            None => merged.push(term),
        }
    }
    merged
}

/// Walks down to the weights of terms. `share` is what a part counts in the whole.
fn collect(part: &Explained, share: f64, terms: &mut Vec<Term>) {
    if let Some(term) = read_term(&part.description) {
        terms.push(Term { points: part.value * share, ..term });
        return;
    }
    let of_others = others_count(&part.description);
    // What follows the query in a product is the boost, which is told by itself.
    let parts = if part.description.starts_with("function score") { part.details.get(..1) } else { None };
    let parts = parts.unwrap_or(&part.details);
    let best =
        parts.iter().enumerate().max_by(|(_, a), (_, b)| a.value.total_cmp(&b.value)).map(|(at, _)| at);
    for (at, detail) in parts.iter().enumerate() {
        let share = if best == Some(at) { share } else { share * of_others };
        if share > 0.0 {
            collect(detail, share, terms);
        }
    }
}

/// What the parts beside the greatest count: all in a sum, a share or nothing in a maximum.
fn others_count(description: &str) -> f64 {
    match description.strip_prefix("max") {
        None => 1.0,
        Some(rest) => {
            let tie = rest.strip_prefix(" plus ").and_then(|rest| rest.split(' ').next());
            tie.and_then(|tie| tie.parse().ok()).unwrap_or(0.0)
        }
    }
}

/// Reads `weight(name:phone in 7) […]`, with a phrase `name:"256 gb"`, or synonyms
/// `Synonym(name:tv name:television)` in place of the term.
fn read_term(description: &str) -> Option<Term> {
    let rest = description.strip_prefix("weight(")?;
    let inner = rest.rsplit_once(" in ").map_or(rest, |(inner, _)| inner);
    let inner = inner.strip_prefix("Synonym(").map_or(inner, |rest| rest.trim_end_matches(')'));
    let (field, _) = inner.split_once(':')?;
    let found = inner.replace(&format!(" {field}:"), " or ");
    let found = found.strip_prefix(field)?.strip_prefix(':')?;
    let is_phrase = found.starts_with('"');
    Some(Term { field: field.to_owned(), found: found.replace('"', ""), is_phrase, points: 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(value: f64, description: &str, details: Vec<Explained>) -> Explained {
        Explained { value, description: description.to_owned(), details }
    }

    fn term(field: &str, found: &str, is_phrase: bool, points: f64) -> Term {
        Term { field: field.to_owned(), found: found.to_owned(), is_phrase, points }
    }

    #[test]
    fn terms_phrases_and_synonyms_are_read() {
        let read = |text: &str| read_term(text).unwrap();
        assert_eq!(
            read("weight(name:phone in 7) [PerFieldSimilarity], result of:"),
            term("name", "phone", false, 0.0)
        );
        assert_eq!(
            read("weight(Synonym(name:television name:tv) in 12) [X], result of:"),
            term("name", "television or tv", false, 0.0)
        );
        assert_eq!(
            read("weight(name.folded:\"256 gb\" in 3) [X], result of:"),
            term("name.folded", "256 gb", true, 0.0)
        );
        assert_eq!(read_term("sum of:"), None);
    }

    #[test]
    fn the_lesser_fields_of_a_maximum_count_their_share() {
        let name = part(4.0, "weight(name:laptop in 1) [X], result of:", Vec::new());
        let category = part(6.0, "weight(category_label:laptop in 1) [X], result of:", Vec::new());
        let query = part(6.8, "max plus 0.2 times others of:", vec![name, category]);
        let whole = part(9.0, "function score, product of:", vec![query, part(1.3, "min of:", Vec::new())]);
        let mut terms = Vec::new();
        collect(&whole, 1.0, &mut terms);
        assert_eq!(terms, [term("name", "laptop", false, 0.8), term("category_label", "laptop", false, 6.0)]);
    }

    #[test]
    fn a_word_is_taken_apart_as_the_index_does() {
        assert_eq!(tokens("PS5-Pro"), ["ps", "5", "pro"]);
        assert!(comes_from("trainer", "trainers") && comes_from("battery", "batteries"));
        assert!(!comes_from("ps", "pc") && !comes_from("or", "trainers"));
    }

    #[test]
    fn what_several_layers_find_in_a_field_is_told_once() {
        let found = |points| term("name", "laptop", false, points);
        let terms = vec![found(4.0), term("name", "\"laptop bag\"", true, 1.0), found(0.5)];
        assert_eq!(merged(terms.clone()), [found(4.5), terms[1].clone()]);
    }

    proptest! {
        #[test]
        fn no_description_makes_it_fail(text in any::<String>(), value in any::<f64>()) {
            let leaf = part(value, &format!("weight({text}"), Vec::new());
            let mut terms = Vec::new();
            collect(&part(value, &text, vec![leaf]), 1.0, &mut terms);
            prop_assert!(terms.len() <= 1);
        }
    }
}
