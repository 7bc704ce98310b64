//! The attributes that the results have: screen sizes for screens, colours for shoes.
//!
//! Each attribute of a product is one term, name and value together, so one bounded count brings the attributes
//! of any result without knowing which there are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::product;
use crate::search::facets::ValueCount;
use crate::search::filter::{self, Facet};
use crate::search::request::Filters;
use crate::store::found::{Buckets, Counted};

/// Pairs of name and value that are counted, the most frequent first.
const PAIRS_MAX: u32 = 200;
/// Attributes that are answered, those that most results have first.
const ATTRIBUTES_MAX: usize = 8;
/// Values of each that are answered, the most frequent first.
const VALUES_MAX: usize = 12;
/// One result in so many must have an attribute, or it would say little about what was found.
const HAVE_IT_MIN: u64 = 5;

/// An attribute that results have.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct AttributeFacet {
    /// Its name; the filter is `attr.<name>`.
    pub name: String,
    /// Its most frequent values, and those that are filtered by.
    pub values: Vec<ValueCount>,
}

/// The counts under all filters, then for each attribute that is filtered by those without its own.
#[derive(Debug, Clone, Serialize)]
pub struct Aggregation {
    filters: Alternatives,
    aggs: Cow<'static, Value>,
}

#[derive(Debug, Clone, Serialize)]
struct Alternatives {
    filters: Vec<Value>,
}

static PAIRS: LazyLock<Value> =
    LazyLock::new(|| json!({ "counts": { "terms": { "field": "attribute_pairs", "size": PAIRS_MAX } } }));

/// The aggregation beside these filters.
pub fn aggregation(filters: &Filters) -> Aggregation {
    let names = filters.attributes.keys().map(|name| Some(Facet::Attribute(name)));
    let filter = |but| filter::all(filters, but);
    let alternatives = Alternatives { filters: [None].into_iter().chain(names).map(filter).collect() };
    Aggregation { filters: alternatives, aggs: question(&filters.attributes) }
}

/// The most frequent pairs, and those that are filtered by.
fn question(chosen: &BTreeMap<String, Vec<String>>) -> Cow<'static, Value> {
    let of = |(name, values): (&String, &Vec<String>)| {
        values.iter().map(|value| product::pair(name, value)).collect::<Vec<_>>()
    };
    let pairs: Vec<String> = chosen.iter().flat_map(of).collect();
    if pairs.is_empty() {
        return Cow::Borrowed(&PAIRS);
    }
    let mut question = PAIRS.clone();
    question["chosen"] =
        json!({ "terms": { "field": "attribute_pairs", "size": pairs.len(), "include": pairs } });
    Cow::Owned(question)
}

/// Elasticsearch's counts, in the order of [`aggregation`].
pub type RawAttributes = Buckets<Counts>;

/// The pairs of the products that pass a filter.
#[derive(Debug, Deserialize)]
pub struct Counts {
    doc_count: u64,
    counts: Buckets<Counted<String>>,
    /// Of the pairs that are filtered by, where there are any.
    chosen: Option<Buckets<Counted<String>>>,
}

/// The attributes that are filtered by, then those that many results have in more than one value.
pub fn shape(raw: &RawAttributes, filters: &Filters) -> Vec<AttributeFacet> {
    let mut buckets = raw.buckets.iter();
    let all = buckets.next();
    let chosen = filters.attributes.iter().zip(buckets);
    let mut facets: Vec<AttributeFacet> =
        chosen.map(|((name, values), counts)| filtered_by(name, values, counts)).collect();
    let mut others: Vec<(u64, AttributeFacet)> = all.into_iter().flat_map(telling).collect();
    others.retain(|(_, facet)| !filters.attributes.contains_key(&facet.name));
    others.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.name.cmp(&y.name)));
    facets.extend(others.into_iter().map(|(_, facet)| facet).take(ATTRIBUTES_MAX));
    facets
}

/// An attribute that is filtered by: its most frequent values, and those chosen, however rare they are.
fn filtered_by(name: &str, chosen: &[String], counts: &Counts) -> AttributeFacet {
    let mut values = by_name(&counts.counts).remove(name).unwrap_or_default();
    values.truncate(VALUES_MAX);
    let mut rare = counts.chosen.as_ref().and_then(|chosen| by_name(chosen).remove(name)).unwrap_or_default();
    let without_any = |value: &&String| rare.iter().all(|one| one.value != **value);
    let none: Vec<&String> = chosen.iter().filter(without_any).collect();
    rare.extend(none.into_iter().map(|value| ValueCount { value: value.clone(), count: 0 }));
    rare.retain(|one| values.iter().all(|shown| shown.value != one.value));
    values.extend(rare);
    AttributeFacet { name: name.to_owned(), values }
}

/// The attributes that tell results apart, each with how many results have it at most: one with two values counts
/// twice.
fn telling(counts: &Counts) -> impl Iterator<Item = (u64, AttributeFacet)> {
    let facets = by_name(&counts.counts).into_iter().map(|(name, mut values)| {
        let have_it = values.iter().map(|value| value.count).sum::<u64>().min(counts.doc_count);
        values.truncate(VALUES_MAX);
        (have_it, AttributeFacet { name: name.to_owned(), values })
    });
    facets.filter(|(have_it, facet)| {
        have_it.saturating_mul(HAVE_IT_MIN) >= counts.doc_count && facet.values.len() > 1
    })
}

fn by_name(pairs: &Buckets<Counted<String>>) -> BTreeMap<&str, Vec<ValueCount>> {
    let mut names: BTreeMap<&str, Vec<ValueCount>> = BTreeMap::new();
    for Counted { key, doc_count } in &pairs.buckets {
        if let Some((name, value)) = product::split_pair(key) {
            names.entry(name).or_default().push(ValueCount { value: value.to_owned(), count: *doc_count });
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(doc_count: u64, pairs: &[(&str, u64)]) -> Counts {
        let counted = |(pair, doc_count): &(&str, u64)| Counted {
            key: pair.replace('=', "\u{1f}"),
            doc_count: *doc_count,
        };
        Counts { doc_count, counts: Buckets { buckets: pairs.iter().map(counted).collect() }, chosen: None }
    }

    fn shown(facets: &[AttributeFacet]) -> Vec<(&str, Vec<(&str, u64)>)> {
        facets.iter().map(|facet| (facet.name.as_str(), pairs(&facet.values))).collect()
    }

    fn pairs(values: &[ValueCount]) -> Vec<(&str, u64)> {
        values.iter().map(|one| (one.value.as_str(), one.count)).collect()
    }

    #[test]
    fn attributes_that_many_results_share_come_first_and_rare_ones_not_at_all() {
        let pairs = [
            ("screen=14 inch", 60),
            ("colour=red", 40),
            ("screen=16 inch", 30),
            ("colour=blue", 9),
            ("flavour=mint", 2),
        ];
        let raw = Buckets { buckets: vec![counts(100, &pairs)] };
        assert_eq!(
            shown(&shape(&raw, &Filters::default())),
            [("screen", vec![("14 inch", 60), ("16 inch", 30)]), ("colour", vec![("red", 40), ("blue", 9)])]
        );
    }

    #[test]
    fn an_attribute_that_is_filtered_by_keeps_its_other_values() {
        let filters = Filters {
            attributes: [("colour".to_owned(), vec!["red".to_owned()])].into(),
            ..Filters::default()
        };
        let without_its_own = counts(100, &[("colour=red", 40), ("colour=blue", 9)]);
        let raw = Buckets { buckets: vec![counts(40, &[("colour=red", 40)]), without_its_own] };
        assert_eq!(shown(&shape(&raw, &filters)), [("colour", vec![("red", 40), ("blue", 9)])]);
    }

    #[test]
    fn a_value_that_is_filtered_by_is_shown_however_rare_it_is() {
        let values = ["mauve", "puce"].map(str::to_owned).to_vec();
        let filters = Filters { attributes: [("colour".to_owned(), values)].into(), ..Filters::default() };
        let frequent: Vec<String> = (0..20).map(|n| format!("colour=c{n:02}")).collect();
        let frequent: Vec<(&str, u64)> = frequent.iter().map(|pair| (pair.as_str(), 9)).collect();
        let chosen = counts(0, &[("colour=mauve", 2)]).counts;
        let without_its_own = Counts { chosen: Some(chosen), ..counts(200, &frequent) };
        let raw = Buckets { buckets: vec![counts(2, &[("size=L", 2)]), without_its_own] };
        let facets = shape(&raw, &filters);
        let [colour] = &shown(&facets)[..] else { panic!("{facets:?}") };
        assert_eq!(colour.1.len(), VALUES_MAX + 2);
        assert_eq!(colour.1[VALUES_MAX..], [("mauve", 2), ("puce", 0)]);
    }
}
