//! What is sent to Elasticsearch, as snapshots read in review, and what may never be sent.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::model::category::CategoryPath;
use crate::model::money::Cents;
use crate::search::request::{Filters, Page, Stars};
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
    }
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
    insta::assert_json_snapshot!(products(&request, &Stage::AsTyped, &relevance()));
}

#[test]
fn a_search_with_a_misspelled_word_forgives_only_that_word() {
    let body = products(&typed("wireless headphons"), &Stage::SimilarWords(vec![1]), &relevance());
    insta::assert_json_snapshot!(body["query"]);
}

#[test]
fn nothing_typed_browses_by_popularity() {
    let body = products(&typed(" "), &Stage::AsTyped, &relevance());
    insta::assert_json_snapshot!(body["query"]);
}

#[test]
fn identifiers_and_sizes_are_never_taken_for_others() {
    for word in ["WH-1000XM5", "256gb", "tv", "usb"] {
        assert!(!is_forgiving(word), "{word}");
    }
    assert!(is_forgiving("headphons"));
    let body = products(&typed("WH-1000XM5"), &Stage::SimilarWords(vec![0]), &relevance());
    assert!(!body["query"].to_string().contains("fuzziness"));
}

#[test]
fn fuzziness_is_off_when_the_shopper_says_so() {
    let request = SearchRequest { fuzzy: false, ..typed("headphons") };
    let body = products(&request, &Stage::AnyWord(vec![0]), &relevance());
    assert!(!body.to_string().contains("fuzziness"));
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
        let word: String = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
        prop_assume!(!Words::read(&word).as_slice().is_empty());
        let request = SearchRequest { fuzzy: false, ..typed(&word) };
        let plain = SearchRequest { fuzzy: false, ..typed("word") };
        for stage in [Stage::AsTyped, Stage::SimilarWords(vec![0]), Stage::AnyWord(vec![0])] {
            let body = products(&request, &stage, &relevance());
            let expected = products(&plain, &stage, &relevance());
            prop_assert_eq!(structure(&body, &request.words.text()), structure(&expected, "word"));
        }
    }

    #[test]
    fn no_text_makes_the_builder_fail(text in any::<String>(), unknown in prop::collection::vec(0usize..25, 0..5)) {
        for stage in [Stage::AsTyped, Stage::SimilarWords(unknown.clone()), Stage::AnyWord(unknown)] {
            products(&typed(&text), &stage, &relevance());
        }
        occurrences(&Words::read(&text), &relevance());
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
        let aggregations = facets::aggregations(&chosen);
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
