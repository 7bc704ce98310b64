//! A merchandiser's rules: what is pinned to the top, hidden or lifted for a query or in a category, and how
//! that changes the body of a search. Pure.

use chrono::{DateTime, Utc};
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::merchandising::words::{has_term, may_become, plain_words, words_of};
use crate::model::category::CategoryPath;
use crate::model::ids::ProductId;
use crate::model::time::Timestamp;

/// Most products that one rule pins, and that one search shows pinned.
const PINS_MAX: usize = 20;
/// Most products that one rule hides.
const HIDDEN_MAX: usize = 500;
/// Most lifts of one rule.
const BOOSTS_MAX: usize = 10;
/// Longest query or note of a rule, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// How much a boost may multiply a score by, and divide it.
const FACTOR_MAX: f64 = 100.0;
/// What one place among the pinned is worth: far above every score, and few enough to be told apart as `f32`.
const PIN_SCORE: f64 = 1_000_000.0;

/// When a rule's `query` is the shopper's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// The query is these words and no others.
    #[default]
    Exact,
    /// The query has these words next to each other.
    Contains,
}

/// What some products' scores are multiplied by; all given conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct Boost {
    /// Products in this category, of any level.
    pub category: Option<String>,
    /// Products of this brand.
    pub brand: Option<String>,
    /// This product.
    pub product: Option<String>,
    /// What their scores are multiplied by, 0.01 to 100; under 1 puts them further down.
    pub factor: f64,
}

/// What a merchandiser wants for a query, a category, or a query in a category.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Object)]
#[oai(rename = "MerchandisingRule", example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct Rule {
    /// It holds for this query, whatever its case, accents and number: `laptop`.
    pub query: Option<String>,
    /// Whether the query must be nothing else, or may have further words.
    #[oai(default)]
    #[serde(default)]
    pub matching: Matching,
    /// It holds where this category, or one in it, is chosen.
    pub category: Option<String>,
    /// Ids of products that come first, in this order, where results are sorted by relevance; also those that
    /// the query does not find. A chosen filter still holds.
    #[oai(default)]
    #[serde(default)]
    pub pin: Vec<String>,
    /// Ids of products that are not shown.
    #[oai(default)]
    #[serde(default)]
    pub hide: Vec<String>,
    /// What lifts or lowers products.
    #[oai(default)]
    #[serde(default)]
    pub boost: Vec<Boost>,
    /// It holds from this time on.
    pub from: Option<DateTime<Utc>>,
    /// It holds until before this time.
    pub until: Option<DateTime<Utc>>,
    /// What it is for, for people.
    pub note: Option<String>,
}

/// A rule with its id.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Named<'r> {
    /// The id.
    pub id: &'r str,
    /// The rule.
    pub rule: &'r Rule,
}

/// A product that comes first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pin<'r> {
    /// The product's id.
    pub product: &'r str,
    /// The id of the rule that says so; the first one's if several do.
    pub rule: &'r str,
    /// Its place among the pinned, from 1.
    pub place: usize,
    /// What is added to its score.
    pub score: f64,
}

impl Example for Rule {
    fn example() -> Self {
        Self {
            query: Some("laptop".to_owned()),
            pin: vec!["p-00000042".to_owned()],
            boost: vec![Boost { brand: Some("Voltara".to_owned()), factor: 1.5, ..Boost::default() }],
            until: DateTime::parse_from_rfc3339("2026-12-01T00:00:00Z").ok().map(|end| end.to_utc()),
            note: Some("Black week".to_owned()),
            ..Self::default()
        }
    }
}

impl Rule {
    /// Makes sure that it can be used.
    ///
    /// # Errors
    /// What is wrong, as a sentence without a full stop.
    pub fn check(&self) -> Result<(), String> {
        let words = self.query.as_deref().map(plain_words);
        if words.as_ref().is_some_and(Vec::is_empty) || (words.is_none() && self.category.is_none()) {
            return Err("a rule needs a query, a category or both".to_owned());
        }
        if self.pin.is_empty() && self.hide.is_empty() && self.boost.is_empty() {
            return Err("a rule needs something to pin, hide or boost".to_owned());
        }
        let counts = [
            ("pin", self.pin.len(), PINS_MAX),
            ("hide", self.hide.len(), HIDDEN_MAX),
            ("boost", self.boost.len(), BOOSTS_MAX),
        ];
        if let Some((what, _, most)) = counts.into_iter().find(|(_, count, most)| count > most) {
            return Err(format!("{what} may have at most {most} entries"));
        }
        let texts = [&self.query, &self.note].into_iter().flatten();
        if texts.clone().any(|text| text.chars().nth(TEXT_CHARS_MAX).is_some()) {
            return Err(format!("query and note may have at most {TEXT_CHARS_MAX} characters"));
        }
        if let Some(both) = self.pin.iter().find(|id| self.hide.contains(id)) {
            return Err(format!("{both} cannot be both pinned and hidden"));
        }
        if let (Some(from), Some(until)) = (self.from, self.until)
            && from >= until
        {
            return Err("from must lie before until".to_owned());
        }
        self.boost.iter().try_for_each(Boost::check)?;
        let mut ids = self.products();
        ids.try_for_each(|id| ProductId::parse(id).map(drop).map_err(|error| error.to_string()))?;
        check_category(self.category.as_deref())
    }

    /// The ids of all products that it names.
    pub fn products(&self) -> impl Iterator<Item = &String> {
        self.pin.iter().chain(&self.hide).chain(self.boost.iter().filter_map(|boost| boost.product.as_ref()))
    }

    /// Whether it holds for these words, in this category, at this time.
    pub fn holds(&self, words: &[String], category: Option<&CategoryPath>, now: Timestamp) -> bool {
        let in_category = self.category.as_ref().is_none_or(|wanted| {
            category.is_some_and(|chosen| chosen.prefixes().any(|level| level == wanted))
        });
        let is_query = self.query.as_ref().is_none_or(|wanted| {
            let (wanted, typed) = (plain_words(wanted), plain_words(&words.join(" ")));
            match self.matching {
                Matching::Exact => typed == wanted,
                Matching::Contains => has_term(&typed, &wanted),
            }
        });
        self.is_in_time(now) && in_category && is_query
    }

    /// Whether it holds at this time, in no category, for these words or for what they may become as their last
    /// goes on.
    pub fn may_hold(&self, begun: &[String], now: Timestamp) -> bool {
        let concerns = |wanted: &String| {
            let wanted = words_of(wanted);
            match self.matching {
                Matching::Exact => begun.len() <= wanted.len() && may_become(begun, &wanted),
                Matching::Contains => begun
                    .iter()
                    .enumerate()
                    .any(|(at, _)| may_become(begun.get(at..).unwrap_or_default(), &wanted)),
            }
        };
        self.category.is_none() && self.is_in_time(now) && self.query.as_ref().is_some_and(concerns)
    }

    fn is_in_time(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from.timestamp_millis() <= now.millis())
            && self.until.is_none_or(|until| now.millis() < until.timestamp_millis())
    }
}

impl Boost {
    /// Whether it is for the product of this id, category and brand.
    pub fn lifts(&self, id: &str, category: Option<&str>, brand: Option<&str>) -> bool {
        let in_category = |wanted: &String| {
            let below = category.and_then(|path| path.strip_prefix(wanted.as_str()));
            below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
        };
        self.category.as_ref().is_none_or(in_category)
            && self.brand.as_ref().is_none_or(|wanted| brand == Some(wanted))
            && self.product.as_ref().is_none_or(|wanted| id == wanted)
    }

    fn check(&self) -> Result<(), String> {
        if self.category.is_none() && self.brand.is_none() && self.product.is_none() {
            return Err("a boost needs a category, a brand or a product".to_owned());
        }
        if !(1.0 / FACTOR_MAX..=FACTOR_MAX).contains(&self.factor) {
            return Err(format!("factor must lie between 0.01 and {FACTOR_MAX} but is {}", self.factor));
        }
        check_category(self.category.as_deref())
    }

    fn function(&self) -> Value {
        let conditions = [("categories", &self.category), ("brand", &self.brand), ("id", &self.product)];
        let terms = conditions.into_iter().filter_map(|(field, value)| Some((field, value.as_ref()?)));
        let terms: Vec<Value> = terms.map(|(field, value)| json!({ "term": { field: value } })).collect();
        json!({ "filter": { "bool": { "filter": terms } }, "weight": self.factor })
    }
}

fn check_category(category: Option<&str>) -> Result<(), String> {
    category.map(CategoryPath::parse).transpose().map(drop).map_err(|error| error.to_string())
}

/// A query with these rules upon it: what they hide is gone from everything, what they lift scores more, and what
/// they pin comes first where results are in order of their score.
pub fn apply(mut query: Value, is_sorted_by_score: bool, rules: &[Named]) -> Value {
    let functions: Vec<Value> =
        rules.iter().flat_map(|named| named.rule.boost.iter().map(Boost::function)).collect();
    if !functions.is_empty() {
        query = json!({ "function_score": {
            "query": query, "functions": functions, "score_mode": "multiply", "boost_mode": "multiply",
        }});
    }
    let pins = pins(rules);
    if !pins.is_empty() && is_sorted_by_score {
        let scored = pins.iter().map(|Pin { product, score, .. }| {
            json!({ "constant_score": { "filter": { "term": { "id": product } }, "boost": score } })
        });
        let should: Vec<Value> = std::iter::once(query).chain(scored).collect();
        query = json!({ "bool": { "should": should, "minimum_should_match": 1 } });
    }
    let hidden: Vec<&String> = rules.iter().flat_map(|named| &named.rule.hide).collect();
    if !hidden.is_empty() {
        query = json!({ "bool": { "must": [query], "must_not": [{ "terms": { "id": hidden } }] } });
    }
    query
}

/// The pinned products of all rules, each once, the first first.
pub fn pins<'r>(rules: &[Named<'r>]) -> Vec<Pin<'r>> {
    let mut pins: Vec<Pin> = Vec::new();
    for named in rules {
        for product in &named.rule.pin {
            if pins.len() < PINS_MAX && pins.iter().all(|pin| pin.product != product) {
                pins.push(Pin { product, rule: named.id, place: pins.len() + 1, score: 0.0 });
            }
        }
    }
    for (pin, from_last) in pins.iter_mut().rev().zip(1_u32..) {
        pin.score = f64::from(from_last) * PIN_SCORE;
    }
    pins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Rule {
        Rule { query: Some("Gaming Laptops".to_owned()), pin: vec!["a".to_owned()], ..Rule::default() }
    }

    fn named(rule: &Rule) -> Named<'_> {
        Named { id: "r", rule }
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn at(time: &str) -> Timestamp {
        Timestamp::parse(time).unwrap()
    }

    const NOW: &str = "2026-11-21T12:00:00.000Z";

    #[test]
    fn a_query_is_known_by_its_words_and_not_by_its_spelling() {
        assert!(rule().holds(&words("gaming laptop"), None, at(NOW)));
        assert!(!rule().holds(&words("cheap gaming laptop"), None, at(NOW)));
        let contains = Rule { matching: Matching::Contains, ..rule() };
        assert!(contains.holds(&words("cheap gaming laptop"), None, at(NOW)));
        assert!(!contains.holds(&words("laptop gaming"), None, at(NOW)));
        let battery = Rule { query: Some("battery".to_owned()), ..rule() };
        assert!(battery.may_hold(&words("batt"), at(NOW)) && !battery.may_hold(&words("batter x"), at(NOW)));
        assert!(battery.holds(&words("Batteries"), None, at(NOW)));
    }

    #[test]
    fn a_rule_concerns_what_is_being_typed_towards_its_query() {
        let concerned = |rule: &Rule, text: &str| rule.may_hold(&words(text), at(NOW));
        for text in ["g", "gaming", "gaming lap", "Gaming Laptops"] {
            assert!(concerned(&rule(), text), "{text}");
        }
        for text in ["lap", "game laptops", "gaming laptops 16"] {
            assert!(!concerned(&rule(), text), "{text}");
        }
        let contains = Rule { matching: Matching::Contains, ..rule() };
        for text in ["cheap gam", "cheap gaming laptop 16"] {
            assert!(concerned(&contains, text), "{text}");
        }
        assert!(!concerned(&contains, "cheap laptop"));
        assert!(!concerned(&Rule { category: Some("a".to_owned()), ..rule() }, "gaming"));
    }

    #[test]
    fn a_category_s_rule_holds_in_what_lies_in_it_and_within_its_time() {
        let time = |text: &str| Some(DateTime::parse_from_rfc3339(text).unwrap().to_utc());
        let rule = Rule {
            query: None,
            category: Some("a.b".to_owned()),
            from: time("2026-11-21T12:00:00Z"),
            until: time("2026-11-22T00:00:00Z"),
            ..rule()
        };
        let chosen = |path: &str| CategoryPath::parse(path).unwrap();
        assert!(rule.holds(&[], Some(&chosen("a.b.c")), at(NOW)));
        for (category, time) in [
            ("a", NOW),
            ("a.bc", NOW),
            ("a.b", "2026-11-21T11:59:59.999Z"),
            ("a.b", "2026-11-22T00:00:00.000Z"),
        ] {
            assert!(!rule.holds(&[], Some(&chosen(category)), at(time)), "{category} {time}");
        }
    }

    #[test]
    fn rules_wrap_the_query() {
        let boost = vec![Boost { brand: Some("B".to_owned()), factor: 2.0, ..Boost::default() }];
        let rule = Rule { hide: vec!["z".to_owned()], boost, ..rule() };
        insta::assert_json_snapshot!(apply(json!({ "match_all": {} }), true, &[named(&rule)]));
    }

    #[test]
    fn nothing_is_pinned_where_a_shopper_sorts_by_price() {
        let query = json!({ "match_all": {} });
        assert_eq!(apply(query.clone(), false, &[named(&rule())]), query);
        assert_ne!(apply(query.clone(), true, &[named(&rule())]), query);
        assert_eq!(apply(query.clone(), true, &[]), query);
    }

    #[test]
    fn a_product_that_two_rules_pin_keeps_the_place_that_the_first_gives_it() {
        let pinning = |ids: &[&str]| Rule { pin: ids.iter().map(|id| (*id).to_owned()).collect(), ..rule() };
        let (first, second) = (pinning(&["a", "b"]), pinning(&["b", "c"]));
        let rules = [Named { id: "1", rule: &first }, Named { id: "2", rule: &second }];
        let pin = |product, rule, place, score| Pin { product, rule, place, score };
        let expected = [pin("a", "1", 1, 3e6), pin("b", "1", 2, 2e6), pin("c", "2", 3, 1e6)];
        assert_eq!(pins(&rules), expected);
    }

    #[test]
    fn a_rule_that_does_nothing_or_cannot_be_meant_is_refused() {
        let id = |id: &str| vec![id.to_owned()];
        let bad = [
            Rule { query: None, ..rule() },
            Rule { query: Some(" ".to_owned()), ..rule() },
            Rule { pin: Vec::new(), ..rule() },
            Rule { hide: id("a"), ..rule() },
            Rule { pin: id("a b"), ..rule() },
            Rule { category: Some("A B".to_owned()), ..rule() },
            Rule { boost: vec![Boost { factor: 2.0, ..Boost::default() }], ..rule() },
            Rule {
                boost: vec![Boost { brand: Some("B".to_owned()), factor: 0.0, ..Boost::default() }],
                ..rule()
            },
        ];
        for rule in bad {
            assert!(rule.check().is_err(), "{rule:?}");
        }
        assert_eq!(rule().check(), Ok(()));
        assert_eq!(Rule::example().check(), Ok(()));
    }
}
