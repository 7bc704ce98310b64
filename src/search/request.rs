//! What a shopper asks for, checked once.

use crate::http::parameter::{self, BadParameter};
use crate::model::category::CategoryPath;
use crate::model::money::Cents;

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

/// A query text as words: without control characters, of bounded length. May be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl Page {
    /// Results before this page.
    pub fn offset(self) -> u32 {
        self.number.saturating_sub(1).saturating_mul(self.size)
    }
}

/// What narrows a search without scoring.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// A category of any level.
    pub category: Option<CategoryPath>,
    /// Any of these brands; empty for all.
    pub brands: Vec<String>,
    /// Lowest price.
    pub min_price: Option<Cents>,
    /// Highest price.
    pub max_price: Option<Cents>,
}

/// A checked search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRequest {
    /// What was typed; no words browses by popularity.
    pub words: Words,
    /// Whether words that no product has may be taken for similar ones.
    pub fuzzy: bool,
    /// What narrows it.
    pub filters: Filters,
    /// The part of the results to answer.
    pub page: Page,
    /// Whether to say what was asked of Elasticsearch and why each product stands where it does.
    pub explain: bool,
}

impl SearchRequest {
    /// The filters widened to the whole department of the category; `None` without a category.
    pub fn department(&self) -> Option<Filters> {
        let department = self.filters.category.as_ref()?.prefixes().next()?;
        Some(Filters { category: CategoryPath::parse(department).ok(), ..Filters::default() })
    }
}

/// The parameters of a search as they came in.
#[derive(Debug, Clone)]
pub struct RawSearch {
    /// `q`
    pub q: String,
    /// `fuzzy`
    pub fuzzy: bool,
    /// `category`
    pub category: Option<String>,
    /// `brand`
    pub brands: Vec<String>,
    /// `min_price`, in major units
    pub min_price: Option<f64>,
    /// `max_price`, in major units
    pub max_price: Option<f64>,
    /// `page` and `size`
    pub page: Page,
    /// `explain`
    pub explain: bool,
}

impl RawSearch {
    /// Checks what the signature of the endpoint cannot.
    ///
    /// # Errors
    /// [`BadParameter`] for the first parameter that cannot be used.
    pub fn check(self) -> Result<SearchRequest, BadParameter> {
        let Self { q, fuzzy, category, brands, min_price, max_price, page, explain } = self;
        let category = parameter::category(category.as_deref())?;
        let brands = brands.into_iter().filter(|brand| !brand.is_empty()).collect();
        let min_price = cents("min_price", min_price)?;
        let max_price = cents("max_price", max_price)?;
        if let (Some(min), Some(max)) = (min_price, max_price)
            && min > max
        {
            return Err(bad("min_price", "min_price must not be greater than max_price".to_owned()));
        }
        if page.number.saturating_mul(page.size) > DEPTH_MAX {
            let detail = format!(
                "page × size must be at most {DEPTH_MAX}; narrow the search with a filter to see further results"
            );
            return Err(bad("page", detail));
        }
        let filters = Filters { category, brands, min_price, max_price };
        Ok(SearchRequest { words: Words::read(&q), fuzzy, filters, page, explain })
    }
}

fn bad(parameter: &'static str, detail: String) -> BadParameter {
    BadParameter { parameter, detail }
}

fn cents(parameter: &'static str, major: Option<f64>) -> Result<Option<Cents>, BadParameter> {
    let Some(major) = major else { return Ok(None) };
    match Cents::from_major(major) {
        Some(cents) => Ok(Some(cents)),
        None => Err(bad(parameter, format!("{parameter} must lie between 0 and {PRICE_MAX}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw() -> RawSearch {
        RawSearch {
            q: "laptop".to_owned(),
            fuzzy: true,
            category: None,
            brands: Vec::new(),
            min_price: None,
            max_price: None,
            page: Page { number: 1, size: 12 },
            explain: false,
        }
    }

    #[test]
    fn each_bad_parameter_is_named() {
        let cases = [
            (RawSearch { category: Some("No Such".to_owned()), ..raw() }, "category"),
            (RawSearch { min_price: Some(5.0), max_price: Some(1.0), ..raw() }, "min_price"),
            (RawSearch { max_price: Some(2e9), ..raw() }, "max_price"),
            (RawSearch { page: Page { number: 101, size: 100 }, ..raw() }, "page"),
            (RawSearch { page: Page { number: u32::MAX, size: 100 }, ..raw() }, "page"),
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
    }

    #[test]
    fn prices_become_cents() {
        let request = RawSearch { min_price: Some(19.99), ..raw() }.check().unwrap();
        assert_eq!(request.filters.min_price, Some(Cents(1999)));
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
