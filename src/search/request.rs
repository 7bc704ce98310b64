//! What a shopper asks for, checked once.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::http::parameter::{self, BadParameter};
use crate::model::category::CategoryPath;
use crate::model::money::Cents;
use crate::search::cursor::Cursor;
use crate::search::sort::Sort;

/// Longest text that is searched for, in characters; what follows is cut off, as a search box does.
pub const TEXT_CHARS_MAX: usize = 200;
/// Most words that are searched for.
pub const WORDS_MAX: usize = 20;
/// Most results on one page.
pub const SIZE_MAX: u32 = 100;
/// Deepest result that can be paged to: Elasticsearch's own limit.
pub const DEPTH_MAX: u32 = 10_000;
/// Highest price that can be asked for, in major units.
pub const PRICE_MAX: f64 = 1e9;
/// Most values of one filter.
const VALUES_MAX: usize = 50;
/// Longest value of a filter: longer ones are not indexed.
const VALUE_BYTES_MAX: usize = 256;
/// Most attributes that are filtered by at once.
const ATTRIBUTES_MAX: usize = 10;
/// Longest name of an attribute.
const ATTRIBUTE_NAME_BYTES_MAX: usize = 100;

/// A query text as words: without control characters, of bounded length. May be empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Words(Vec<String>);

impl Words {
    /// Reads what a shopper typed.
    pub fn read(text: &str) -> Self {
        let separates = |c: char| c.is_whitespace() || c.is_control();
        let cut: String = text.chars().skip_while(|c| separates(*c)).take(TEXT_CHARS_MAX).collect();
        Self(
            cut.split(separates).filter(|word| !word.is_empty()).take(WORDS_MAX).map(str::to_owned).collect(),
        )
    }

    /// Words of which each may be a term of several that belong together.
    pub fn of(words: &[String]) -> Self {
        Self(words.iter().take(WORDS_MAX).cloned().collect())
    }

    /// The words.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// The words joined by single spaces.
    pub fn text(&self) -> String {
        self.0.join(" ")
    }
}

/// A page of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// Results on it.
    pub size: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self { number: 1, size: 12 }
    }
}

impl Page {
    /// Results before this page.
    pub fn offset(self) -> u32 {
        self.number.saturating_sub(1).saturating_mul(self.size)
    }
}

/// Mean stars in millionths, so that they can be compared and hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stars(u32);

impl Stars {
    const IN_ONE: f64 = 1e6;

    /// The nearest millionth; `None` unless it lies between 0 and 5.
    pub fn from_value(stars: f64) -> Option<Self> {
        (0.0..=5.0).contains(&stars).then(|| Self((stars * Self::IN_ONE).round() as u32))
    }

    /// 0.0 to 5.0.
    pub fn value(self) -> f64 {
        f64::from(self.0) / Self::IN_ONE
    }
}

/// What narrows a search without scoring.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Filters {
    /// Any of these categories, each of any level; empty for all.
    pub categories: Vec<CategoryPath>,
    /// Any of these brands; empty for all.
    pub brands: Vec<String>,
    /// Lowest price.
    pub min_price: Option<Cents>,
    /// Highest price.
    pub max_price: Option<Cents>,
    /// Least mean stars.
    pub min_rating: Option<Stars>,
    /// Only what can be sold now.
    pub in_stock: bool,
    /// For each of these attributes, any of its values.
    pub attributes: BTreeMap<String, Vec<String>>,
}

/// A checked search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    /// What was typed; no words browses by popularity.
    pub words: Words,
    /// Whether words that no product has may be taken for similar ones.
    pub fuzzy: bool,
    /// What narrows it.
    pub filters: Filters,
    /// The order of the results.
    pub sort: Sort,
    /// The part of the results to answer.
    pub page: Page,
    /// Behind which result to go on, instead of a page's number.
    pub after: Option<Cursor>,
    /// Whether to say what was asked of Elasticsearch and why each product stands where it does.
    pub explain: bool,
}

impl SearchRequest {
    /// Results before the first one that is answered.
    pub fn offset(&self) -> u32 {
        self.after.as_ref().map_or(self.page.offset(), |cursor| cursor.position)
    }

    /// A number that tells this search from others, whichever of its pages is asked for.
    pub fn fingerprint(&self) -> u64 {
        fingerprint(&self.words, self.fuzzy, &self.filters, self.sort)
    }

    /// The filters with the categories widened to their whole departments; `None` without a category.
    pub fn departments(&self) -> Option<Filters> {
        let departments = self.filters.categories.iter().filter_map(|path| path.prefixes().next());
        let departments: BTreeSet<&str> = departments.collect();
        let categories: Vec<_> =
            departments.into_iter().filter_map(|path| CategoryPath::parse(path).ok()).collect();
        (!categories.is_empty()).then(|| Filters { categories, ..self.filters.clone() })
    }
}

fn fingerprint(words: &Words, fuzzy: bool, filters: &Filters, sort: Sort) -> u64 {
    let mut hasher = DefaultHasher::new();
    (words, fuzzy, filters, sort).hash(&mut hasher);
    hasher.finish()
}

/// The parameters of a search as they came in.
#[derive(Debug, Clone, Default)]
pub struct RawSearch {
    /// `q`
    pub q: String,
    /// `fuzzy`
    pub fuzzy: bool,
    /// `category`
    pub categories: Vec<String>,
    /// `brand`
    pub brands: Vec<String>,
    /// `min_price`, in major units
    pub min_price: Option<f64>,
    /// `max_price`, in major units
    pub max_price: Option<f64>,
    /// `min_rating`, in stars
    pub min_rating: Option<f64>,
    /// `in_stock`
    pub in_stock: bool,
    /// `attr.<name>`: name and value of each
    pub attributes: Vec<(String, String)>,
    /// `sort`
    pub sort: Sort,
    /// `page` and `size`
    pub page: Page,
    /// `cursor`
    pub cursor: Option<String>,
    /// `explain`
    pub explain: bool,
}

impl RawSearch {
    /// Checks what the signature of the endpoint cannot.
    ///
    /// # Errors
    /// [`BadParameter`] for the first parameter that cannot be used.
    pub fn check(self) -> Result<SearchRequest, BadParameter> {
        let words = Words::read(&self.q);
        let filters = self.filters()?;
        let Self { fuzzy, sort, page, cursor, explain, .. } = self;
        if cursor.is_some() && page.number > 1 {
            let detail = "page cannot be given with cursor, which says itself where to go on".to_owned();
            return Err(bad("page", detail));
        }
        if page.number.saturating_mul(page.size) > DEPTH_MAX {
            let detail = format!(
                "page × size must be at most {DEPTH_MAX}; go on from there with the answer's next_cursor, or narrow \
                 the search with a filter"
            );
            return Err(bad("page", detail));
        }
        let search = fingerprint(&words, fuzzy, &filters, sort);
        let after = cursor.map(|text| Cursor::parse(&text, search, sort)).transpose()?;
        Ok(SearchRequest { words, fuzzy, filters, sort, page, after, explain })
    }

    fn filters(&self) -> Result<Filters, BadParameter> {
        let categories = listed("category", &self.categories)?;
        let categories = categories.iter().map(|path| parameter::category(Some(path)));
        // What costs 19.99 is not below 19.985, nor above 19.995.
        let min_price = cents("min_price", self.min_price, f64::ceil)?;
        let max_price = cents("max_price", self.max_price, f64::floor)?;
        if let (Some(min), Some(max)) = (self.min_price, self.max_price)
            && min > max
        {
            return Err(bad("min_price", "min_price must not be greater than max_price".to_owned()));
        }
        let out_of_range = || bad("min_rating", "min_rating must lie between 0 and 5".to_owned());
        let stars = |stars: f64| Stars::from_value(stars).ok_or_else(out_of_range);
        Ok(Filters {
            categories: categories.filter_map(Result::transpose).collect::<Result<_, _>>()?,
            brands: listed("brand", &self.brands)?,
            min_price,
            max_price,
            min_rating: self.min_rating.map(stars).transpose()?,
            in_stock: self.in_stock,
            attributes: attributes(&self.attributes)?,
        })
    }
}

/// The values of a filter that may be given several times or with commas between; in a value itself a comma
/// is written `\,`. Sorted, so that their order makes no other search; empty ones count as not given.
fn listed(parameter: &'static str, given: &[String]) -> Result<Vec<String>, BadParameter> {
    let values: BTreeSet<String> = given.iter().flat_map(|list| split(list)).collect();
    if values.len() > VALUES_MAX {
        return Err(bad(parameter, format!("{parameter} may have at most {VALUES_MAX} values")));
    }
    if values.iter().any(|value| value.len() > VALUE_BYTES_MAX) {
        return Err(bad(
            parameter,
            format!("a value of {parameter} may be at most {VALUE_BYTES_MAX} bytes long"),
        ));
    }
    Ok(values.into_iter().collect())
}

fn split(list: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut characters = list.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, values.last_mut()) {
            ('\\', Some(value)) if characters.next_if_eq(&',').is_some() => value.push(','),
            (',', _) => values.push(String::new()),
            (_, Some(value)) => value.push(character),
            (_, None) => {}
        }
    }
    let trimmed = values.iter().map(|value| value.trim().to_owned());
    trimmed.filter(|value| !value.is_empty()).collect()
}

fn attributes(given: &[(String, String)]) -> Result<BTreeMap<String, Vec<String>>, BadParameter> {
    let mut lists: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, list) in given {
        lists.entry(name).or_default().push(list.clone());
    }
    lists.retain(|_, lists| lists.iter().any(|list| !list.is_empty()));
    let unusable = |name: &&str| {
        name.is_empty() || name.len() > ATTRIBUTE_NAME_BYTES_MAX || name.contains(char::is_control)
    };
    if lists.len() > ATTRIBUTES_MAX || lists.keys().any(unusable) {
        let detail = format!(
            "attr.<name> may be given for at most {ATTRIBUTES_MAX} names, each of 1 to {ATTRIBUTE_NAME_BYTES_MAX} bytes"
        );
        return Err(bad("attr", detail));
    }
    lists.into_iter().map(|(name, lists)| Ok((name.to_owned(), listed("attr", &lists)?))).collect()
}

fn bad(parameter: &'static str, detail: String) -> BadParameter {
    BadParameter { parameter, detail }
}

/// A price in cents; of one between two cents the one to which it is rounded.
fn cents(
    parameter: &'static str,
    major: Option<f64>,
    rounded: impl Fn(f64) -> f64,
) -> Result<Option<Cents>, BadParameter> {
    let Some(major) = major else { return Ok(None) };
    let nearest = Cents::from_major(major)
        .ok_or_else(|| bad(parameter, format!("{parameter} must lie between 0 and {PRICE_MAX}")))?;
    // 19.99 is 1998.9999999999998 cents.
    let exact = major * 100.0;
    let is_whole = (exact - nearest.0 as f64).abs() < 1e-4;
    Ok(Some(if is_whole { nearest } else { Cents(rounded(exact) as i64) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw() -> RawSearch {
        RawSearch {
            q: "laptop".to_owned(),
            fuzzy: true,
            categories: Vec::new(),
            brands: Vec::new(),
            min_price: None,
            max_price: None,
            min_rating: None,
            in_stock: false,
            attributes: Vec::new(),
            sort: Sort::Relevance,
            page: Page { number: 1, size: 12 },
            cursor: None,
            explain: false,
        }
    }

    #[test]
    fn each_bad_parameter_is_named() {
        let cases = [
            (RawSearch { categories: vec!["No Such".to_owned()], ..raw() }, "category"),
            (RawSearch { min_price: Some(5.0), max_price: Some(1.0), ..raw() }, "min_price"),
            (RawSearch { max_price: Some(2e9), ..raw() }, "max_price"),
            (RawSearch { page: Page { number: 101, size: 100 }, ..raw() }, "page"),
            (RawSearch { page: Page { number: u32::MAX, size: 100 }, ..raw() }, "page"),
            (RawSearch { page: Page { number: 2, size: 9 }, cursor: Some("x".to_owned()), ..raw() }, "page"),
            (RawSearch { cursor: Some("x".to_owned()), ..raw() }, "cursor"),
            (RawSearch { min_rating: Some(f64::NAN), ..raw() }, "min_rating"),
            (RawSearch { brands: (0..51).map(|n| n.to_string()).collect(), ..raw() }, "brand"),
            (RawSearch { attributes: vec![("a\n".to_owned(), "x".to_owned())], ..raw() }, "attr"),
        ];
        for (raw, parameter) in cases {
            assert_eq!(raw.check().unwrap_err().parameter, parameter);
        }
    }

    #[test]
    fn an_empty_brand_counts_as_not_given() {
        let brands = vec![String::new(), "Voltara".to_owned()];
        let request = RawSearch { brands, ..raw() }.check().unwrap();
        assert_eq!(request.filters.brands, ["Voltara"]);
        let attributes = vec![("colour".to_owned(), String::new())];
        let request = RawSearch { attributes, ..raw() }.check().unwrap();
        assert_eq!(request.filters, Filters::default());
    }

    #[test]
    fn values_are_given_one_by_one_or_with_commas_between() {
        let brands = |given: &[&str]| {
            let brands = given.iter().map(|brand| (*brand).to_owned()).collect();
            RawSearch { brands, ..raw() }.check().unwrap().filters.brands
        };
        assert_eq!(brands(&["B", "A"]), brands(&["A, B,"]));
        assert_eq!(brands(&["Smith\\, Jones", "back\\slash"]), ["Smith, Jones", "back\\slash"]);
    }

    #[test]
    fn a_bound_between_two_prices_or_ratings_is_kept_to() {
        let filters = |price: f64| {
            let raw = RawSearch { min_price: Some(price), max_price: Some(price), ..raw() };
            let filters = raw.check().unwrap().filters;
            (filters.min_price.unwrap().0, filters.max_price.unwrap().0)
        };
        assert_eq!(filters(19.99), (1_999, 1_999));
        assert_eq!(filters(19.985), (1_999, 1_998));
        assert_eq!(filters(1_000_000_000.0), (100_000_000_000, 100_000_000_000));
        let stars = |stars: f64| Stars::from_value(stars).unwrap().value();
        assert!([4.36, 4.34, 0.0, 5.0].iter().all(|value| stars(*value) == *value));
    }

    #[test]
    fn the_last_page_that_can_be_reached_is_answered() {
        let request = RawSearch { page: Page { number: 100, size: 100 }, ..raw() }.check().unwrap();
        assert_eq!(request.page.offset(), 9900);
    }

    proptest! {
        #[test]
        fn words_are_bounded_and_clean(text in any::<String>()) {
            let words = Words::read(&text);
            prop_assert!(words.as_slice().len() <= WORDS_MAX);
            prop_assert!(words.text().chars().count() <= TEXT_CHARS_MAX);
            prop_assert!(!words.text().chars().any(char::is_control));
            prop_assert_eq!(Words::read(&words.text()), words);
        }
    }
}
