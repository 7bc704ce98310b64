//! Suggestions while a shopper types: categories, popular queries, brands and products.
//!
//! Products come from Elasticsearch, one question a keystroke; all else is few enough to be held in memory
//! ([`vocabulary`]) and is read again each minute, and once another catalogue has answered a search ([`known`]). Only when
//! nothing begins with what was typed are spelling mistakes forgiven, which costs a second question.

pub mod known;
mod typed;
pub mod vocabulary;

use std::collections::HashSet;

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serde_with::skip_serializing_none;

use crate::model::ids::ProductId;
use crate::search::autocomplete::vocabulary::Vocabulary;
use crate::store::found::Found;

pub use crate::search::autocomplete::typed::{Likeness, Part, Typed};

/// Most suggestions in one answer.
pub const SUGGESTIONS_MAX: u32 = 20;
/// Products that are read for each one suggested, since several may bear one name.
const SPARE: u32 = 2;
/// Similar beginnings that are tried for a misspelled word.
const EXPANSIONS_MAX: u32 = 50;
/// Where the words of a product's suggestion may stand, cut into their beginnings.
const BEGINNINGS: [&str; 2] = ["name.prefix", "brand_text.prefix"];

/// What the words so far may become.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(example)]
pub struct Suggestions {
    /// The words so far, after cutting.
    pub query: String,
    /// Milliseconds that the answer took.
    pub took_ms: u64,
    /// Categories, then popular queries, brands and products; popular ones of each first, no text twice.
    pub suggestions: Vec<Suggestion>,
}

/// One thing that the words so far may become.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct Suggestion {
    /// What to show.
    pub text: String,
    /// What it is.
    pub kind: Kind,
    /// The product's id, the category's path, the brand or the query.
    pub value: String,
    /// Products in the category or of the brand; sessions that searched for the query in the last seven days, without those of
    /// bots.
    pub count: Option<u64>,
    /// The text in parts, those marked that were typed; none is where a synonym was typed.
    pub parts: Vec<Part>,
}

/// What a suggestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One product.
    Product,
    /// A category of any level.
    Category,
    /// A maker.
    Brand,
    /// What others searched for.
    Query,
}

/// The search for products of which every word so far begins a word, in any order; the popular ones first.
/// `None` where no product could begin so. Never those that are hidden, by their ids.
pub fn products(typed: &Typed, size: u32, likeness: Likeness, hidden: &[&str]) -> Option<Value> {
    // Beginnings are indexed from two letters on: a letter that begins the next word need not be found yet.
    let is_indexed = |word: &&String| word.len() > 1;
    let words: Vec<&String> = typed.words().iter().filter(is_indexed).collect();
    let clauses: Vec<Value> = words.iter().map(|word| begins(word, likeness)).collect();
    let popular = json!({ "popularity": { "order": "desc", "missing": "_last" } });
    let mut query = json!({ "bool": { "must": clauses } });
    if !hidden.is_empty() {
        query["bool"]["must_not"] = json!({ "terms": { "id": hidden } });
    }
    (!words.is_empty()).then(|| {
        json!({
            "query": query,
            "size": size.saturating_mul(SPARE),
            "sort": [popular, "_score", { "id": "asc" }],
            "track_total_hits": false,
            "_source": ["id", "name"],
        })
    })
}

fn begins(word: &str, likeness: Likeness) -> Value {
    let mut query = json!({ "query": word, "operator": "and", "fields": BEGINNINGS });
    if likeness == Likeness::Similar && typed::may_be_misspelled(word) {
        query["fuzziness"] = json!("AUTO:3,8");
        query["prefix_length"] = json!(1);
        query["max_expansions"] = json!(EXPANSIONS_MAX);
    }
    json!({ "multi_match": query })
}

/// Elasticsearch's answer to [`products`].
pub type RawProducts = Found<Named>;

/// What is read of a product.
#[derive(Debug, Deserialize)]
pub struct Named {
    id: ProductId,
    name: String,
}

/// Puts the suggestions together: each kind has a share, and what one leaves free goes to products, then to the
/// others.
pub fn suggest(
    typed: &Typed,
    size: u32,
    likeness: Likeness,
    known: &Vocabulary,
    products: Vec<Named>,
) -> Vec<Suggestion> {
    let size = size as usize;
    let products = products.into_iter().map(|product| Suggestion {
        parts: typed.mark(&product.name, likeness),
        text: product.name,
        kind: Kind::Product,
        value: product.id.into(),
        count: None,
    });
    let mut seen = HashSet::new();
    let mut is_new = |suggestion: &Suggestion| seen.insert(suggestion.text.to_lowercase());
    let mut of = |kind| known.suggest(kind, typed, likeness).filter(|one| is_new(one)).collect::<Vec<_>>();
    let (categories, queries, brands) = (of(Kind::Category), of(Kind::Query), of(Kind::Brand));
    let products = products.filter(|one| is_new(one)).collect();
    let quarter = size.div_ceil(4);
    let shares = [(categories, size * 3 / 8), (queries, quarter), (brands, quarter), (products, size)];
    share(size, shares.map(|(kind, share)| (kind, share.max(1))))
}

/// The first of each kind up to its share, in the order of the kinds; then, from the last kind to the first, what
/// still fits.
fn share(size: usize, kinds: [(Vec<Suggestion>, usize); 4]) -> Vec<Suggestion> {
    let mut free = size;
    let mut taken = kinds.each_ref().map(|(kind, share)| {
        let taken = kind.len().min(*share).min(free);
        free -= taken;
        taken
    });
    for ((kind, _), taken) in kinds.iter().zip(&mut taken).rev() {
        let more = free.min(kind.len() - *taken);
        *taken += more;
        free -= more;
    }
    kinds.into_iter().zip(taken).flat_map(|((kind, _), taken)| kind.into_iter().take(taken)).collect()
}

impl Example for Suggestions {
    fn example() -> Self {
        let part = |text: &str, matched| Part { text: text.to_owned(), matched };
        let category = Suggestion {
            text: "Headphones".to_owned(),
            kind: Kind::Category,
            value: "electronics.audio.headphones".to_owned(),
            count: Some(812),
            parts: vec![part("Hea", true), part("dphones", false)],
        };
        let product = Suggestion {
            text: "Voltara Pulse wireless headphones".to_owned(),
            kind: Kind::Product,
            value: "p-00042".to_owned(),
            count: None,
            parts: vec![part("Voltara Pulse wireless ", false), part("hea", true), part("dphones", false)],
        };
        Self { query: "hea".to_owned(), took_ms: 4, suggestions: vec![category, product] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::request::Words;
    use proptest::prelude::*;

    #[test]
    fn suggestions_are_written_as_their_schema_says() {
        crate::http::written::tests::expect_written_as_described(&Suggestions::example());
    }

    fn typed(text: &str) -> Typed {
        Typed::read(&Words::read(text))
    }

    #[test]
    fn the_products_query_takes_words_in_any_order() {
        insta::assert_json_snapshot!(products(&typed("phone gal"), 8, Likeness::Begins, &[]));
    }

    #[test]
    fn a_letter_that_begins_the_next_word_is_not_asked_for_yet() {
        let asked = |text: &str| products(&typed(text), 8, Likeness::Begins, &[]);
        assert_eq!(asked("headphones b"), asked("headphones"));
        assert_eq!(asked("b"), None);
    }

    #[test]
    fn sizes_and_identifiers_are_never_misspelled() {
        let body = products(&typed("256gb laptpo"), 8, Likeness::Similar, &[]).unwrap();
        let clauses = body["query"]["bool"]["must"].as_array().unwrap();
        assert!(clauses[0]["multi_match"].get("fuzziness").is_none());
        assert_eq!(clauses[1]["multi_match"]["fuzziness"], "AUTO:3,8");
    }

    fn vocabulary(categories: &[&str], brands: &[&str]) -> Vocabulary {
        let buckets = |keys: &[&str]| {
            let bucket = |key: &&str| json!({ "key": key, "doc_count": 1 });
            json!({ "buckets": keys.iter().map(bucket).collect::<Vec<_>>() })
        };
        let names = json!({
            "categories": buckets(categories), "spellings": buckets(&[]), "brands": buckets(brands), "index": buckets(&[]),
        });
        Vocabulary::new(serde_json::from_value(names).unwrap(), Vec::new(), &[])
    }

    proptest! {
        #[test]
        fn suggestions_are_as_many_as_there_are_and_differ(
            names in prop::collection::vec("[aA][bB]?", 0..30), size in 1u32..=SUGGESTIONS_MAX
        ) {
            let known = vocabulary(&["a", "a.ab", "a.ac", "a.ad"], &["Ab", "Ax"]);
            let named = |(at, name): (usize, &String)| Named {
                id: ProductId::parse(&format!("p-{at}")).unwrap(),
                name: name.clone(),
            };
            let products = names.iter().enumerate().map(named).collect();
            let found = suggest(&typed("a"), size, Likeness::Begins, &known, products);
            let texts: HashSet<String> = found.iter().map(|one| one.text.to_lowercase()).collect();
            prop_assert_eq!(texts.len(), found.len());
            // A, Ab, Ac, Ad and Ax; names are among them.
            prop_assert_eq!(found.len(), 5.min(size as usize));
        }
    }
}
