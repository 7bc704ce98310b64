//! From Elasticsearch's answer to what the shopper is shown. Pure.

use std::collections::BTreeMap;

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;

use crate::http::verbatim::Verbatim;
use crate::model::money::Cents;
use crate::search::cursor::Cursor;
use crate::search::explain::{Explainer, Reason};
use crate::search::facets::{Facets, RawFacets};
use crate::search::listed::{ListedHit, ListedHits, Marked};
use crate::search::query::Stage;
use crate::search::query::spelling::{Corrections, RawSpelling, Reach};
use crate::search::relevance::Relevance;
use crate::search::request::{SearchRequest, Words};
use crate::search::sort::Sort;
use crate::store::found::{Aggregated, Buckets, Passed};

/// A page of products.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Object, Serialize)]
#[oai(example, skip_serializing_if_is_none)]
pub struct SearchAnswer {
    /// Names this answer, so that what follows from it can be counted for it; a UUID that sorts by time.
    pub query_id: String,
    /// What was searched for, after cutting.
    pub query: String,
    /// Products found, on all pages.
    pub total: u64,
    /// Milliseconds that the answer took.
    pub took_ms: u64,
    /// This page, from 1.
    pub page: u32,
    /// Products on a page.
    pub size: u32,
    /// The order of the results.
    pub sort: Sort,
    /// To be given as `cursor` with the same search, for the results behind this page; null on the last.
    pub next_cursor: Option<String>,
    /// How far the words had to be relaxed until something was found.
    pub relaxation: Relaxation,
    /// The query with misspelled words put right; left out when none seems misspelled.
    pub did_you_mean: Option<String>,
    /// The search as it was sent to Elasticsearch; left out unless `explain` is `true`.
    pub sent: Option<Value>,
    /// The currency of all prices.
    pub currency: String,
    /// The products, best first.
    pub items: Vec<Item>,
    /// What further filters would bring.
    pub facets: Facets,
}

/// How far the words had to be relaxed until something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Relaxation {
    /// Not at all: products have most of the words, or their synonyms.
    None,
    /// Words that occur in no product, or hardly any, were taken for similar ones, or joined or split.
    SimilarWords,
    /// Products have at least one of the words, or of the similar ones; those with more come first.
    AnyWord,
    /// Words were taken for less similar ones.
    Fuzzier,
    /// Nothing was found, so these are what sells best in the category's department, within the other filters.
    BestSellers,
}

impl From<&Stage> for Relaxation {
    fn from(stage: &Stage) -> Self {
        match stage {
            Stage::AsTyped => Self::None,
            Stage::SimilarWords(_) => Self::SimilarWords,
            Stage::AnyWord(_) => Self::AnyWord,
            Stage::Fuzzier(_) => Self::Fuzzier,
            Stage::BestSellers => Self::BestSellers,
        }
    }
}

/// A product that was found. What the catalogue does not know of it is left out.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct Item {
    /// The product's id.
    pub id: String,
    /// Brand, model and type.
    pub name: Verbatim,
    /// A few sentences.
    pub description: Option<Verbatim>,
    /// The leaf category's path.
    pub category: Option<Verbatim>,
    /// The leaf category in words.
    pub category_label: Option<Verbatim>,
    /// The levels above the leaf category in words, from the department down.
    pub categories_above: Vec<Verbatim>,
    /// The maker.
    pub brand: Option<Verbatim>,
    /// Price of one piece, in major units.
    pub price: Option<f64>,
    /// The price's currency.
    pub currency: Verbatim,
    /// Mean stars, 0 to 5.
    pub rating: Option<f64>,
    /// Reviews that the mean is of.
    pub review_count: Option<u32>,
    /// Whether it can be sold now.
    pub in_stock: bool,
    /// Pieces that can be sold now.
    pub stock: Option<u32>,
    /// The picture's file name or address.
    pub image: Option<Verbatim>,
    /// What the category tells apart.
    pub attributes: BTreeMap<String, Verbatim>,
    /// How well it matches; comparable within one answer only.
    pub score: f64,
    /// Its place among all results, from 1.
    pub position: u32,
    /// What was found in its texts; left out where nothing was.
    pub highlight: Option<Highlight>,
    /// Why it stands where it does; left out unless `explain` is `true`.
    pub reasons: Option<Vec<Reason>>,
}

/// What was found in a product's texts, as safe HTML: matches stand in `<mark>`, everything else is escaped.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct Highlight {
    /// The whole name; left out if nothing was found in it.
    pub name: Option<Verbatim>,
    /// The best part of the description; left out if nothing was found in it.
    pub description: Option<Verbatim>,
}

/// Elasticsearch's answer to a search for products.
#[derive(Debug, Deserialize)]
pub struct RawAnswer {
    hits: ListedHits,
    aggregations: RawFacets,
    suggest: Option<RawSpelling>,
}

/// Elasticsearch's answer to the question for less similar words.
#[derive(Debug, Deserialize)]
pub struct RawSimilar {
    /// The proposals.
    pub suggest: RawSpelling,
}

impl RawAnswer {
    /// Products found, on all pages.
    pub fn total(&self) -> u64 {
        self.hits.total.value
    }

    /// Products found if it were not for the filters.
    pub fn unfiltered(&self) -> u64 {
        self.aggregations.found.as_ref().map_or(self.total(), |found| found.doc_count)
    }

    /// Whether some product, filters aside, has all the words; true when there are none.
    pub fn some_has_all_words(&self) -> bool {
        self.aggregations.all_words.as_ref().is_none_or(|all_words| all_words.doc_count > 0)
    }

    /// Whether what was typed is a product's identifier, whatever the filters.
    pub fn identifies(&self) -> bool {
        self.aggregations.identified.as_ref().is_some_and(|identified| identified.doc_count > 0)
    }

    /// The index that has answered; `None` where no product is on the page.
    pub fn index(&self) -> Option<&str> {
        self.hits.hits.first().map(|hit| &*hit.index)
    }

    /// Where to go on behind these products; `None` when there are no more.
    pub fn next_cursor(&self, request: &SearchRequest) -> Option<String> {
        let last = self.hits.hits.last()?;
        let position = request.offset().saturating_add(u32::try_from(self.hits.hits.len()).ok()?);
        let cursor = Cursor { position, values: last.sorted_by() };
        (u64::from(position) < self.total()).then(|| cursor.text(request.fingerprint()))
    }

    /// Takes out what the words that seem misspelled may have been meant to be.
    pub fn take_corrections(&mut self, words: &Words, relevance: &Relevance) -> Corrections {
        let suggest = self.suggest.take();
        suggest.map(|raw| raw.corrections(words, Reach::Near, relevance)).unwrap_or_default()
    }

    /// The products, of which so many come before, with reasons if there is someone to tell them, and the
    /// facets' counts.
    pub fn into_items(self, before: u32, explainer: Option<&Explainer>) -> (Vec<Item>, RawFacets) {
        let positions = before.saturating_add(1)..;
        let hits = self.hits.hits.into_iter().zip(positions);
        let items = hits.map(|(hit, position)| item(hit, position, explainer)).collect();
        (items, self.aggregations)
    }
}

fn item(hit: ListedHit, position: u32, explainer: Option<&Explainer>) -> Item {
    let product = hit.source;
    let explained = explainer.zip(hit.explanation.as_ref());
    let reasons = explained.map(|(explainer, explanation)| explainer.reasons(explanation, &product));
    Item {
        reasons,
        highlight: hit.highlight.map(highlight),
        id: product.id.into(),
        name: product.name,
        description: product.description,
        category: product.category,
        category_label: product.category_label,
        categories_above: product.categories_above,
        brand: product.brand,
        price: product.price_cents.map(Cents::to_major),
        currency: product.currency,
        rating: product.rating,
        review_count: product.review_count,
        in_stock: product.in_stock,
        stock: product.stock,
        image: product.image,
        attributes: product.attributes,
        score: hit.score.unwrap_or_default(),
        position,
    }
}

fn highlight(found: Marked) -> Highlight {
    // The parts of a size, `256` and `gb`, are marked one by one.
    let first = |found: Vec<Verbatim>| Some(found.into_iter().next()?.without("</mark><mark>"));
    Highlight { name: first(found.name), description: first(found.description) }
}

/// Elasticsearch's answer to the question which words occur at all.
#[derive(Debug, Deserialize)]
pub struct RawOccurrences(Aggregated<WordCounts>);

#[derive(Debug, Deserialize)]
struct WordCounts {
    words: Buckets<Passed>,
}

impl RawOccurrences {
    /// The positions of the words that occur in no product.
    pub fn unknown(&self) -> impl Iterator<Item = usize> {
        let counts = self.0.aggregations.words.buckets.iter().enumerate();
        counts.filter(|(_, count)| count.doc_count == 0).map(|(at, _)| at)
    }
}

impl Example for SearchAnswer {
    fn example() -> Self {
        Self {
            query_id: "019aa5e2-7b1c-7d20-9d7e-0f4c2b6a1e55".to_owned(),
            query: "laptop".to_owned(),
            total: 1,
            took_ms: 7,
            page: 1,
            size: 12,
            sort: Sort::Relevance,
            next_cursor: None,
            relaxation: Relaxation::None,
            did_you_mean: None,
            sent: None,
            currency: "EUR".to_owned(),
            items: vec![example_item()],
            facets: Facets::example(),
        }
    }
}

fn example_item() -> Item {
    Item {
        id: "p-00042".to_owned(),
        name: "Voltara Aero 14 laptop".into(),
        description: Some("A light laptop with a 14 inch screen.".into()),
        category: Some("electronics.computers.laptops".into()),
        category_label: Some("Laptops".into()),
        categories_above: vec!["Electronics".into(), "Computers".into()],
        brand: Some("Voltara".into()),
        price: Some(1299.0),
        currency: "EUR".into(),
        rating: Some(4.3),
        review_count: Some(87),
        in_stock: true,
        stock: Some(12),
        image: Some("laptops-3.svg".into()),
        attributes: BTreeMap::from([("screen size".to_owned(), "14 inch".into())]),
        score: 21.4,
        position: 1,
        highlight: Some(Highlight {
            name: Some("Voltara Aero 14 <mark>laptop</mark>".into()),
            description: Some("A light <mark>laptop</mark> with a 14 inch screen.".into()),
        }),
        reasons: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::written::tests::expect_written_as_described;
    use crate::search::explain::ReasonKind;
    use poem_openapi::types::ToJSON;

    #[test]
    fn an_answer_is_written_as_its_schema_says_with_everything_and_with_nothing_optional() {
        let mut answer = SearchAnswer::example();
        let reason = Reason {
            kind: ReasonKind::Word,
            text: "found".to_owned(),
            field: None,
            found: Some("laptop".to_owned()),
            weight: Some(0.1),
            edits: None,
            points: Some(1e-7),
            ..Reason::default()
        };
        answer.items[0].reasons = Some(vec![reason]);
        answer.next_cursor = Some("x".to_owned());
        answer.facets.price.min = None;
        expect_written_as_described(&answer);
        let item = &mut answer.items[0];
        (item.description, item.price, item.rating, item.highlight, item.reasons) =
            (None, None, None, None, None);
        answer.next_cursor = None;
        expect_written_as_described(&answer);
    }

    #[test]
    fn every_order_and_every_stage_has_the_name_that_the_schema_gives_it() {
        for sort in [
            Sort::Relevance,
            Sort::Price,
            Sort::PriceDescending,
            Sort::Rating,
            Sort::Popularity,
            Sort::Newest,
        ] {
            expect_written_as_described(&sort);
        }
        for stage in
            [Relaxation::None, Relaxation::SimilarWords, Relaxation::AnyWord, Relaxation::BestSellers]
        {
            expect_written_as_described(&stage);
            assert!(stage.to_json().is_some());
        }
    }
}
