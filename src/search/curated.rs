//! What the synonyms and rules of one moment make of one search, the same at all of its stages. Pure.

use crate::merchandising::Merchandise;
use crate::merchandising::rule::{self, Named};
use crate::merchandising::synonym::Alternative;
use crate::model::time::Timestamp;
use crate::search::query::body::Body;
use crate::search::query::plan::Doubts;
use crate::search::query::{self, Stage};
use crate::search::relevance::Relevance;
use crate::search::request::{SearchRequest, Words};
use crate::search::sort::Sort;

/// A search with the synonyms and rules that hold for it.
pub struct Curated<'a> {
    /// What the shopper asks for.
    pub request: &'a SearchRequest,
    /// What it is searched as besides.
    pub alternatives: Vec<Alternative>,
    /// The rules, in the order of their ids.
    pub rules: Vec<Named<'a>>,
    /// The positions of the words that stand in a synonym, which are never misspelled or unfinished.
    pub meant: Vec<usize>,
}

impl<'a> Curated<'a> {
    /// Looks up what holds for a search at this time.
    pub fn new(request: &'a SearchRequest, merchandise: &'a Merchandise, now: Timestamp) -> Self {
        let words = request.words.as_slice();
        // With several categories chosen none of them is what the page is about.
        let category = match request.filters.categories.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        Self {
            request,
            alternatives: merchandise.thesaurus.alternatives(words),
            rules: merchandise.rules(words, category, now),
            meant: (0..)
                .zip(words)
                .filter(|(_, word)| merchandise.thesaurus.knows(word))
                .map(|(at, _)| at)
                .collect(),
        }
    }

    /// Whether results are in order of their score, and so pinned products come first.
    pub fn is_sorted_by_score(&self) -> bool {
        self.request.sort == Sort::Relevance
    }

    /// The body of a search, with the synonyms and rules upon it.
    pub fn body(&self, stage: &Stage, relevance: &Relevance) -> Body {
        let alternatives = self.alternatives.iter().map(|alternative| {
            let words = Words::of(&alternative.words);
            let request = SearchRequest { words, ..self.request.clone() };
            query::products(&request, &self.alike(stage, alternative), relevance)
        });
        let body = query::products(self.request, stage, relevance);
        let body = body.with_alternatives(alternatives.collect());
        Body { query: rule::apply(body.query, self.is_sorted_by_score(), &self.rules), ..body }
    }

    /// The stage for an alternative: its words are as much in doubt as those that were typed.
    fn alike(&self, stage: &Stage, alternative: &Alternative) -> Stage {
        let moved = |doubts: &Doubts| doubts.moved(&self.request.words, alternative);
        match stage {
            Stage::AsTyped | Stage::BestSellers => Stage::AsTyped,
            Stage::SimilarWords(doubts) => Stage::SimilarWords(moved(doubts)),
            Stage::AnyWord(doubts) | Stage::Fuzzier(doubts) => Stage::AnyWord(moved(doubts)),
        }
    }
}
