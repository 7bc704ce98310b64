//! What can be suggested besides products: categories, brands and popular queries, with what else they are
//! called. Small enough to be looked through at each keystroke. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::category;
use crate::search::autocomplete::typed::{Likeness, Typed, folded_words};
use crate::search::autocomplete::{Kind, Suggestion};
use crate::store::found::{Buckets, Counted, Metric};

/// Categories that are looked through, of all levels together.
const CATEGORIES_MAX: u32 = 1000;
/// Brands that are looked through, those with the most products.
const BRANDS_MAX: u32 = 2000;
/// Queries that are looked through, those that were searched for most.
const QUERIES_MAX: u32 = 500;
/// Visitors who must have searched for a query before others are told of it: fewer is chance, or private.
const VISITORS_MIN: u64 = 3;
/// Sessions of bots that are left out at most.
const BOTS_MAX: u32 = 10_000;

/// All that can be suggested besides products, the popular ones of each kind first.
#[derive(Debug, Default)]
pub struct Vocabulary {
    categories: Vec<Entry>,
    queries: Vec<Entry>,
    brands: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    text: String,
    value: String,
    count: u64,
    words: Vec<String>,
    /// Other names, each as words.
    aliases: Vec<Vec<String>>,
}

/// The question for all categories and brands.
pub fn categories_and_brands() -> Value {
    json!({
        "size": 0,
        "track_total_hits": false,
        "aggs": {
            "categories": { "terms": { "field": "categories", "size": CATEGORIES_MAX } },
            "brands": { "terms": { "field": "brand", "size": BRANDS_MAX } },
        },
    })
}

/// Elasticsearch's answer to [`categories_and_brands`].
#[derive(Debug, Deserialize)]
pub struct RawNames {
    categories: Buckets<Counted<String>>,
    brands: Buckets<Counted<String>>,
}

/// The question for the sessions that the processor takes for a bot's.
pub fn bots(since_ms: i64) -> Value {
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": { "bool": { "filter": [
            { "prefix": { "rule": "bot_" } },
            { "term": { "active": true } },
            { "range": { "last_seen": { "gte": since_ms, "format": "epoch_millis" } } },
        ] } },
        "aggs": { "sessions": { "terms": { "field": "session_id", "size": BOTS_MAX } } },
    })
}

/// Elasticsearch's answer to [`bots`].
#[derive(Debug, Deserialize)]
pub struct RawBots {
    sessions: Buckets<Counted<String>>,
}

/// The question for what was searched for with success since then, by visitors and not by these bots.
pub fn queries(since_ms: i64, bots: Option<RawBots>) -> Value {
    let bots = bots.into_iter().flat_map(|bots| bots.sessions.buckets);
    let bots: Vec<String> = bots.map(|bucket| bucket.key).collect();
    json!({
        "size": 0,
        "track_total_hits": false,
        "query": { "bool": {
            "filter": [
                { "term": { "event_type": "search" } },
                { "range": { "result_count": { "gte": 1 } } },
                { "range": { "timestamp": { "gte": since_ms, "format": "epoch_millis" } } },
            ],
            "must_not": [{ "terms": { "session_id": bots } }],
        } },
        "aggs": { "queries": {
            "terms": { "field": "query", "size": QUERIES_MAX, "collect_mode": "breadth_first" },
            // A visitor counts once, so that whoever repeats a search makes it no more popular.
            "aggs": { "visitors": { "cardinality": { "field": "client_id", "precision_threshold": 100 } } },
        } },
    })
}

/// Elasticsearch's answer to [`queries`].
#[derive(Debug, Deserialize)]
pub struct RawQueries {
    queries: Buckets<RawQuery>,
}

#[derive(Debug, Deserialize)]
struct RawQuery {
    key: String,
    visitors: Metric<u64>,
}

impl Vocabulary {
    /// Puts together what is known. `rules` are the catalogue's synonyms in Solr's format.
    pub fn new(names: RawNames, queries: Option<RawQueries>, rules: &[String]) -> Self {
        let synonyms: Vec<Synonym> = rules.iter().flat_map(|rule| synonyms(rule)).collect();
        let categories = names.categories.buckets.into_iter().map(|term| {
            let label = category::label(&term.key);
            let words = folded_words(&label);
            let aliases = aliases(&words, &synonyms);
            Entry { text: label, value: term.key, count: term.doc_count, words, aliases }
        });
        let brands = names.brands.buckets.into_iter().map(|term| Entry::plain(term.key, term.doc_count));
        Self { categories: categories.collect(), brands: brands.collect(), queries: popular(queries) }
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

/// Queries that differ in capitals and spaces only are one.
fn popular(raw: Option<RawQueries>) -> Vec<Entry> {
    let mut visitors: BTreeMap<String, u64> = BTreeMap::new();
    for RawQuery { key, visitors: Metric { value } } in raw.into_iter().flat_map(|raw| raw.queries.buckets) {
        let text = key.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ");
        *visitors.entry(text).or_default() += value;
    }
    visitors.retain(|text, visitors| *visitors >= VISITORS_MIN && !text.is_empty());
    let mut queries: Vec<Entry> =
        visitors.into_iter().map(|(text, count)| Entry::plain(text, count)).collect();
    queries.sort_by_key(|entry| std::cmp::Reverse(entry.count));
    queries
}

/// Who searches for `from` is shown `to` as well; both as words.
struct Synonym {
    from: Vec<String>,
    to: Vec<String>,
}

/// The pairs of a rule: `a, b` leads both ways, `a => b` from left to right.
fn synonyms(rule: &str) -> Vec<Synonym> {
    let terms = |side: &str| side.split(',').map(folded_words).collect::<Vec<_>>();
    let (left, right) = match rule.split_once("=>") {
        Some((left, right)) => (terms(left), terms(right)),
        None => (terms(rule), terms(rule)),
    };
    let pair = |from: &Vec<String>, to: &Vec<String>| Synonym { from: from.clone(), to: to.clone() };
    let pairs = left.iter().flat_map(|from| right.iter().map(move |to| pair(from, to)));
    pairs.filter(|pair| !pair.to.is_empty() && pair.from != pair.to).collect()
}

/// What else a category is called: `Winter coats` is what `jacket => coat` leads to, since its last word says
/// what is in it.
fn aliases(label: &[String], synonyms: &[Synonym]) -> Vec<Vec<String>> {
    let singulars: Vec<String> = label.iter().map(|word| singular(word)).collect();
    let named_by = |to: &[String]| {
        let to: Vec<String> = to.iter().map(|word| singular(word)).collect();
        singulars.ends_with(&to)
    };
    synonyms.iter().filter(|synonym| named_by(&synonym.to)).map(|synonym| synonym.from.clone()).collect()
}

/// Endings of plurals and what stands there in the singular; the first that fits counts.
const PLURALS: [(&str, &str); 7] =
    [("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("ies", "y"), ("xes", "x"), ("ss", "ss"), ("s", "")];

fn singular(word: &str) -> String {
    let plural = PLURALS.iter().find_map(|(ending, one)| Some((word.strip_suffix(ending)?, one)));
    plural.map_or_else(|| word.to_owned(), |(stem, one)| format!("{stem}{one}"))
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
            ]},
            "brands": { "buckets": [bucket("Élan", 3)] },
        });
        let query = |key: &str, visitors: u64| json!({ "key": key, "visitors": { "value": visitors } });
        let queries = json!({ "queries": { "buckets": [
            query("headset", 4), query("Head lamp", 3), query("head  lamp", 2), query("heather's diary", 2),
        ]}});
        let rules = ["jacket => jacket, coat", "tv, television", "frock, dress"].map(str::to_owned);
        let (names, queries) =
            (serde_json::from_value(names).unwrap(), serde_json::from_value(queries).unwrap());
        Vocabulary::new(names, Some(queries), &rules)
    }

    fn texts(kind: Kind, text: &str, likeness: Likeness) -> Vec<String> {
        let typed = Typed::read(&Words::read(text));
        vocabulary().suggest(kind, &typed, likeness).map(|suggestion| suggestion.text).collect()
    }

    #[test]
    fn labels_that_begin_with_the_text_come_first() {
        let categories = |text: &str| texts(Kind::Category, text, Likeness::Begins);
        assert_eq!(categories("hea"), ["Headphones", "Heating", "On ear headphones"]);
        assert_eq!(categories("HEAD ear"), ["On ear headphones"]);
        assert_eq!(categories(""), Vec::<String>::new());
        assert_eq!(texts(Kind::Brand, "ela", Likeness::Begins), ["Élan"]);
    }

    #[test]
    fn a_synonym_suggests_what_it_stands_for_and_not_the_other_way_round() {
        let categories = |text: &str| texts(Kind::Category, text, Likeness::Begins);
        assert_eq!(categories("jack"), ["Winter coats"]);
        assert_eq!(categories("tv"), ["Televisions"]);
        assert_eq!(categories("frock"), ["Dresses"]);
        assert_eq!(categories("lack"), Vec::<String>::new());
    }

    #[test]
    fn what_several_visitors_searched_for_is_suggested_once_the_most_popular_first() {
        assert_eq!(texts(Kind::Query, "hea", Likeness::Begins), ["head lamp", "headset"]);
        assert_eq!(texts(Kind::Query, "haed", Likeness::Similar), ["head lamp", "headset"]);
    }

    #[test]
    fn plurals_are_told_from_words_that_only_end_like_one() {
        let words = ["coats", "dresses", "dress", "brushes", "batteries", "boxes", "tv"].map(singular);
        assert_eq!(words, ["coat", "dress", "dress", "brush", "battery", "box", "tv"]);
    }
}
