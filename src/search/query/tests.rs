//! What is sent to Elasticsearch, as snapshots read in review, and what may never be sent.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::model::category::CategoryPath;
use crate::model::money::Cents;
use crate::search::query::spelling::Similar;
use crate::search::request::{Page, Stars};
use crate::search::sort::Sort;

fn relevance() -> Relevance {
    Relevance::embedded().unwrap()
}

fn typed(text: &str) -> SearchRequest {
    SearchRequest {
        words: Words::read(text),
        fuzzy: true,
        filters: Filters::default(),
        sort: Sort::Relevance,
        page: Page { number: 1, size: 12 },
        after: None,
        explain: false,
    }
}

/// The body as it is sent.
fn sent(request: &SearchRequest, stage: &Stage) -> Value {
    serde_json::to_value(products(request, stage, &relevance())).unwrap()
}

fn every_filter() -> Filters {
    Filters {
        categories: vec![CategoryPath::parse("electronics.computers.laptops").unwrap()],
        brands: vec!["Voltara".to_owned(), "Nimbus".to_owned()],
        min_price: Some(Cents(50_000)),
        max_price: Some(Cents(200_000)),
        min_rating: Stars::from_value(3.5),
        in_stock: true,
        attributes: [("colour".to_owned(), vec!["black".to_owned(), "red".to_owned()])].into(),
    }
}

#[test]
fn a_search_with_every_filter() {
    let request = SearchRequest { filters: every_filter(), ..typed("gaming laptop 16gb") };
    insta::assert_json_snapshot!(sent(&request, &Stage::AsTyped));
}

/// The word at this position may stand for another, and the last may be unfinished.
fn doubts(at: usize, word: &str) -> Doubts {
    let similar = Similar { word: word.to_owned(), edits: 1, products: 9 };
    Doubts { corrections: [(at, vec![similar])].into_iter().collect(), last_is_unfinished: true }
}

#[test]
fn a_search_with_a_misspelled_word_forgives_only_that_word() {
    let stage = Stage::SimilarWords(doubts(1, "headphones"));
    let body = sent(&typed("wireless headphons"), &stage);
    insta::assert_json_snapshot!(body["query"]);
}

#[test]
fn the_parts_of_identifiers_and_sizes_must_follow_each_other() {
    let body = sent(&typed("sony WH-1000XM5"), &Stage::AsTyped);
    let clauses = &body["query"]["function_score"]["query"]["bool"]["must"][0]["bool"]["should"];
    assert_eq!(clauses[0]["multi_match"]["type"], "cross_fields");
    assert_eq!(clauses[1]["multi_match"]["type"], "phrase");
    assert_eq!(clauses[1]["multi_match"]["query"], "WH-1000XM5");
}

#[test]
fn one_word_may_be_an_identifier_and_several_words_are_none() {
    let asked = |text: &str| {
        let body = sent(&typed(text), &Stage::AsTyped);
        let query =
            &body["query"]["function_score"]["query"]["bool"]["should"][1]["term"]["id.folded"]["value"];
        (query.clone(), body["aggs"]["identified"]["filter"]["term"]["id.folded"]["value"].clone())
    };
    assert_eq!(asked("P-00042"), (json!("P-00042"), json!("P-00042")));
    assert_eq!(asked("P-00042 laptop"), (Value::Null, Value::Null));
    assert_eq!(asked("écran"), (Value::Null, Value::Null));
}

#[test]
fn nothing_typed_browses_by_popularity() {
    let body = sent(&typed(" "), &Stage::AsTyped);
    insta::assert_json_snapshot!(body["query"]);
}

#[test]
fn best_sellers_come_from_the_whole_department_and_keep_to_the_other_filters() {
    let request = SearchRequest { filters: every_filter(), ..typed("spaceship") };
    let body = sent(&request, &Stage::BestSellers);
    let department = json!({ "terms": { "categories": ["electronics"] } });
    let clauses = body["post_filter"]["bool"]["filter"].as_array().unwrap();
    let others = filter::clauses(&Filters { categories: Vec::new(), ..every_filter() }, None);
    assert_eq!((&clauses[0], &clauses[1..]), (&department, &others[..]));
    assert_eq!(body["query"]["function_score"]["query"], json!({ "match_all": {} }));
}

#[test]
fn a_search_with_alternatives_has_each_as_a_query_and_counts_all_their_words() {
    let search = |word: &str| products(&typed(word), &Stage::AsTyped, &relevance());
    let (sofa, settee) = (search("sofa"), search("settee"));
    let both = sofa.clone().with_alternatives(vec![settee.clone()]);
    assert_eq!(both.query, json!({ "dis_max": { "queries": [&sofa.query, &settee.query] } }));
    let filter = |body: &Body| body.aggs.all_words.clone().unwrap().filter;
    let either = json!({ "bool": { "should": [filter(&sofa), filter(&settee)], "minimum_should_match": 1 } });
    assert_eq!(filter(&both), either);
    assert_eq!(sofa.clone().with_alternatives(Vec::new()).query, sofa.query);
}

#[test]
fn a_term_that_a_synonym_has_put_in_is_wanted_whole_and_most_of_the_words_beside_it() {
    let words = ["red", "running shoes", "size", "42"].map(str::to_owned);
    let request = SearchRequest { words: Words::of(&words), ..typed("") };
    let strict = sent(&request, &Stage::AsTyped);
    insta::assert_json_snapshot!(strict["query"]["function_score"]["query"]);
    let matching =
        |stage| sent(&request, &stage)["query"]["function_score"]["query"]["bool"]["must"][0].take();
    let (strict, any) = (matching(Stage::AsTyped), matching(Stage::AnyWord(Doubts::default())));
    assert_eq!(any["bool"]["must"], json!([strict["bool"]["must"][0]]));
    assert_eq!(any["bool"]["should"].as_array().unwrap().len(), 1);
}

/// How many of so many words Elasticsearch wants at least by `1<67%` and `2<75%`.
fn wanted(words: usize, all_up_to: usize, percent: usize) -> usize {
    if words <= all_up_to { words } else { words * percent / 100 }
}

#[test]
fn with_the_term_that_was_put_in_as_many_words_are_wanted_as_without_synonyms() {
    assert_eq!((relevance().most_words.as_str(), MOST_BESIDE_A_TERM), ("2<75%", "1<67%"));
    for others in 1..=6 {
        assert_eq!(wanted(others, 1, 67) + 1, wanted(others + 1, 2, 75), "{others} words beside a term");
    }
}

#[test]
fn similar_words_are_not_asked_for_when_the_shopper_says_so() {
    let asks = |request: &SearchRequest| sent(request, &Stage::AsTyped)["suggest"].is_object();
    assert!(asks(&typed("headphons")));
    assert!(!asks(&SearchRequest { fuzzy: false, ..typed("headphons") }));
}

/// The body with every text of a value replaced, which leaves its structure.
fn structure(value: &Value, text: &str) -> Value {
    match value {
        Value::String(found) if found == text => Value::Null,
        Value::Array(items) => items.iter().map(|item| structure(item, text)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.clone(), structure(field, text))).collect()
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn text_of_any_kind_stays_in_values(text in any::<String>()) {
        let word: String = text.chars().filter(|c| !c.is_whitespace() && !c.is_control() && !c.is_numeric()).collect();
        prop_assume!(!Words::read(&word).as_slice().is_empty());
        let request = SearchRequest { fuzzy: false, ..typed(&word) };
        // A word of other letters is no identifier.
        let example = if ProductId::parse(&word).is_ok() { "word" } else { "wörd" };
        let plain = SearchRequest { fuzzy: false, ..typed(example) };
        let unfinished = Doubts { last_is_unfinished: true, ..Doubts::default() };
        let stages = [Stage::AsTyped, Stage::SimilarWords(unfinished.clone()), Stage::AnyWord(unfinished)];
        for stage in stages {
            let body = sent(&request, &stage);
            let expected = sent(&plain, &stage);
            prop_assert_eq!(structure(&body, &request.words.text()), structure(&expected, example));
        }
    }

    #[test]
    fn no_text_makes_the_builder_fail(text in any::<String>(), at in 0usize..25) {
        let words = Words::read(&text);
        let doubts = doubts(at, "other");
        let stages = [
            Stage::AsTyped, Stage::SimilarWords(doubts.clone()), Stage::AnyWord(doubts.clone()),
            Stage::Fuzzier(doubts), Stage::BestSellers,
        ];
        for stage in stages {
            sent(&typed(&text), &stage);
        }
        occurrences(&words, &relevance());
        less_similar(&words, &relevance());
    }

    #[test]
    fn each_facet_ignores_its_own_filter_and_no_other(set in prop::array::uniform6(any::<bool>())) {
        let all = every_filter();
        let [category, brand, price, rating, stock, colour] = set;
        let chosen = Filters {
            categories: all.categories.into_iter().filter(|_| category).collect(),
            brands: all.brands.into_iter().filter(|_| brand).collect(),
            min_price: all.min_price.filter(|_| price),
            max_price: all.max_price.filter(|_| price),
            min_rating: all.min_rating.filter(|_| rating),
            in_stock: stock,
            attributes: all.attributes.into_iter().filter(|_| colour).collect(),
        };
        let clauses = set.into_iter().filter(|set| *set).count();
        prop_assert_eq!(filter::clauses(&chosen, None).len(), clauses);
        let aggregations = serde_json::to_value(facets::aggregations(&chosen)).unwrap();
        let length = |bool: &Value| bool["bool"]["filter"].as_array().unwrap().len();
        let facets = ["category", "brand", "price", "rating", "in_stock"];
        for (facet, is_set) in facets.into_iter().zip(set) {
            prop_assert_eq!(length(&aggregations[facet]["filter"]), clauses - usize::from(is_set));
        }
        let attributes = aggregations["attributes"]["filters"]["filters"].as_array().unwrap();
        prop_assert_eq!(length(&attributes[0]), clauses);
        prop_assert_eq!(attributes.get(1).map(length), colour.then(|| clauses - 1));
    }
}
