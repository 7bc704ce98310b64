//! What can be suggested besides products: categories, brands and popular queries, with what else they are
//! called. Small enough to be looked through at each keystroke. Pure.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::analytics::Popular;
use crate::model::words::base_form;
use crate::search::autocomplete::typed::{Likeness, Typed, folded_words};
use crate::search::autocomplete::{Kind, Suggestion};
use crate::search::labels::Labels;
use crate::store::found::{Buckets, Counted};

/// Categories that are looked through, of all levels together.
const CATEGORIES_MAX: u32 = 1000;
/// Spellings of categories that are read, of all levels together, the commonest.
const SPELLINGS_MAX: u32 = 10_000;
/// Brands that are looked through, those with the most products.
const BRANDS_MAX: u32 = 2000;

/// All that can be suggested besides products, the popular ones of each kind first.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    categories: Vec<Entry>,
    queries: Vec<Entry>,
    brands: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    text: String,
    value: String,
    count: u64,
    words: Vec<String>,
    /// Other names, each as words.
    aliases: Vec<Vec<String>>,
}

/// The question for all categories with their spellings, and brands. An index from before there were spellings has none.
pub fn categories_and_brands() -> Value {
    json!({
        "size": 0,
        "track_total_hits": false,
        "aggs": {
            "categories": { "terms": { "field": "categories", "size": CATEGORIES_MAX } },
            "spellings": { "terms": { "field": "category_pairs", "size": SPELLINGS_MAX } },
            "brands": { "terms": { "field": "brand", "size": BRANDS_MAX } },
            "index": { "terms": { "field": "_index", "size": 1 } },
        },
    })
}

/// Elasticsearch's answer to [`categories_and_brands`].
#[derive(Debug, Deserialize)]
pub struct RawNames {
    categories: Buckets<Counted<String>>,
    /// The commonest first, equally common ones by the alphabet.
    spellings: Buckets<Counted<String>>,
    brands: Buckets<Counted<String>>,
    index: Buckets<Counted<String>>,
}

impl RawNames {
    /// The index that they are of, which is one version of the catalogue; `None` of a catalogue without products.
    pub fn index(&self) -> Option<&str> {
        self.index.buckets.first().map(|term| term.key.as_str())
    }

    /// What categories are called, those too that are too many to be suggested.
    pub fn labels(&self) -> Labels {
        Labels::read(self.spellings.buckets.iter().map(|term| term.key.as_str()))
    }
}

impl Vocabulary {
    /// Puts together what is known; the most popular queries come first. `rules` are the catalogue's synonyms in Solr's
    /// format.
    pub fn new(names: RawNames, queries: Vec<Popular>, rules: &[String]) -> Self {
        let labels = names.labels();
        let categories = names.categories.buckets.into_iter().map(|term| {
            let label = labels.of(&term.key);
            let words = folded_words(&label);
            Entry { text: label, value: term.key, count: term.doc_count, words, aliases: Vec::new() }
        });
        let brands = names.brands.buckets.into_iter().map(|term| Entry::plain(term.key, term.doc_count));
        let queries = queries.into_iter().map(|popular| Entry::plain(popular.query, popular.sessions));
        let known =
            Self { categories: categories.collect(), queries: queries.collect(), brands: brands.collect() };
        known.with_synonyms(rules)
    }

    /// The same with further synonyms.
    pub fn with_synonyms(mut self, rules: &[String]) -> Self {
        let mut by_last: HashMap<String, Vec<Synonym>> = HashMap::new();
        for synonym in rules.iter().flat_map(|rule| synonyms(rule)) {
            by_last.entry(synonym.to.last().cloned().unwrap_or_default()).or_default().push(synonym);
        }
        for category in &mut self.categories {
            let label: Vec<String> = category.words.iter().map(|word| base_form(word)).collect();
            let ends_alike = label.last().and_then(|last| by_last.get(last)).into_iter().flatten();
            // `Winter coats` is what `jacket => coat` leads to, since its last word says what is in it.
            let naming = ends_alike.filter(|synonym| label.ends_with(&synonym.to));
            category.aliases.extend(naming.map(|synonym| synonym.from.clone()));
        }
        self
    }

    /// What others search for, the most popular first.
    pub fn queries(&self) -> impl Iterator<Item = &str> {
        self.queries.iter().map(|entry| entry.text.as_str())
    }

    /// The suggestions of one kind, those first of which the text begins as typed.
    pub fn suggest<'a>(
        &'a self,
        kind: Kind,
        typed: &'a Typed,
        likeness: Likeness,
    ) -> impl Iterator<Item = Suggestion> + 'a {
        let entries = match kind {
            Kind::Category => self.categories.as_slice(),
            Kind::Query => &self.queries,
            Kind::Brand => &self.brands,
            Kind::Product => &[],
        };
        let mut found: Vec<(Rank, &Entry)> =
            entries.iter().filter_map(|entry| Some((entry.rank(typed, likeness)?, entry))).collect();
        // Stable: entries come by popularity.
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(move |(_, entry)| Suggestion {
            text: entry.text.clone(),
            kind,
            value: entry.value.clone(),
            count: Some(entry.count),
            parts: typed.mark(&entry.text, likeness),
        })
    }
}

/// How an entry fits, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    FirstWord,
    AnyWord,
    OtherName,
}

impl Entry {
    fn plain(text: String, count: u64) -> Self {
        let words = folded_words(&text);
        Self { value: text.clone(), text, count, words, aliases: Vec::new() }
    }

    fn rank(&self, typed: &Typed, likeness: Likeness) -> Option<Rank> {
        if typed.fits(&self.words, likeness) {
            let first = self.words.get(..1).unwrap_or_default();
            let leads =
                typed.words().first().is_some_and(|word| first.iter().any(|own| own.starts_with(word)));
            return Some(if leads { Rank::FirstWord } else { Rank::AnyWord });
        }
        self.aliases.iter().any(|alias| typed.fits(alias, likeness)).then_some(Rank::OtherName)
    }
}

/// Who searches for `from` is shown `to` as well; both as words.
struct Synonym {
    from: Vec<String>,
    /// Each in its base form.
    to: Vec<String>,
}

/// The pairs of a rule: `a, b` leads both ways, `a => b` from left to right.
fn synonyms(rule: &str) -> Vec<Synonym> {
    let terms = |side: &str| side.split(',').map(folded_words).collect::<Vec<_>>();
    let (left, right) = match rule.split_once("=>") {
        Some((left, right)) => (terms(left), terms(right)),
        None => (terms(rule), terms(rule)),
    };
    let pairs = left.iter().flat_map(|from| right.iter().map(move |to| (from, to)));
    let pairs = pairs.filter(|(from, to)| !to.is_empty() && from != to);
    let base_forms = |words: &[String]| words.iter().map(|word| base_form(word)).collect();
    pairs.map(|(from, to)| Synonym { from: from.clone(), to: base_forms(to) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::request::Words;

    fn vocabulary() -> Vocabulary {
        let bucket = |key: &str, doc_count: u64| json!({ "key": key, "doc_count": doc_count });
        let names = json!({
            "categories": { "buckets": [
                bucket("a.headphones", 9), bucket("a.on-ear-headphones", 8), bucket("home.heating", 7),
                bucket("fashion.winter-coats", 6), bucket("a.televisions", 5), bucket("a.dresses", 1),
                bucket("a.batteries", 1),
            ]},
            "spellings": { "buckets": [bucket("a.on-ear-headphones\u{1f}On-ear headphones", 8)] },
            "brands": { "buckets": [bucket("Élan", 3)] },
            "index": { "buckets": [] },
        });
        let popular = |query: &str, sessions| Popular { query: query.to_owned(), sessions };
        let queries = vec![popular("head lamp", 5), popular("headset", 4)];
        let rules =
            ["jacket => jacket, coat", "tv, television", "frock, dress", "cells, battery"].map(str::to_owned);
        Vocabulary::new(serde_json::from_value(names).unwrap(), queries, &rules)
    }

    fn texts(kind: Kind, text: &str, likeness: Likeness) -> Vec<String> {
        let typed = Typed::read(&Words::read(text));
        vocabulary().suggest(kind, &typed, likeness).map(|suggestion| suggestion.text).collect()
    }

    #[test]
    fn labels_that_begin_with_the_text_come_first() {
        let categories = |text: &str| texts(Kind::Category, text, Likeness::Begins);
        assert_eq!(categories("hea"), ["Headphones", "Heating", "On-ear headphones"]);
        assert_eq!(categories("HEAD ear"), ["On-ear headphones"]);
        assert_eq!(categories(""), Vec::<String>::new());
        assert_eq!(texts(Kind::Brand, "ela", Likeness::Begins), ["Élan"]);
    }

    #[test]
    fn a_synonym_suggests_what_it_stands_for_and_not_the_other_way_round() {
        let categories = |text: &str| texts(Kind::Category, text, Likeness::Begins);
        assert_eq!(categories("jack"), ["Winter coats"]);
        assert_eq!(categories("tv"), ["Televisions"]);
        assert_eq!(categories("frock"), ["Dresses"]);
        assert_eq!(categories("cell"), ["Batteries"]);
        assert_eq!(categories("lack"), Vec::<String>::new());
    }

    #[test]
    fn what_many_search_for_is_suggested_the_most_popular_first() {
        assert_eq!(texts(Kind::Query, "hea", Likeness::Begins), ["head lamp", "headset"]);
        assert_eq!(texts(Kind::Query, "haed", Likeness::Similar), ["head lamp", "headset"]);
    }
}
