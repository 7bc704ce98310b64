//! The endpoints of the search.

use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{OpenApi, Tags};

use crate::http::parameter::Given;
use crate::http::problem::Failure;
use crate::search::answer::SearchAnswer;
use crate::search::autocomplete::Suggestions;
use crate::search::request::{Page, RawSearch, Words};
use crate::search::{Search, SearchError};

/// The endpoints of the search.
pub struct Api {
    /// What answers them.
    pub search: Search,
}

#[derive(Tags)]
enum Tag {
    /// Finding products.
    Search,
}

#[OpenApi(tag = "Tag::Search")]
impl Api {
    /// Finds products.
    ///
    /// Words are matched across name, category, brand, attributes and description, with stems and
    /// synonyms. Words that occur in no product are taken for similar ones (`headphons`), unless `fuzzy`
    /// is `false`; when few products have most of the words, those with any of them follow. `relaxation`
    /// says so, `did_you_mean` what was understood. Without words, the most popular products come first.
    #[oai(path = "/search", method = "get", operation_id = "search")]
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    async fn search(
        &self,
        /// What to look for, such as `wireless headphones`; after 200 characters it is cut.
        #[oai(default)]
        q: Query<String>,
        /// Whether a word that no product has may be taken for similar ones.
        #[oai(default = "yes")]
        fuzzy: Query<bool>,
        /// A category of any level, such as `electronics.computers.laptops`.
        category: Query<Given<String>>,
        /// A brand; given several times, any of them.
        #[oai(default, validator(max_items = 50))]
        brand: Query<Vec<String>>,
        /// Lowest price, in major units.
        #[oai(validator(minimum(value = "0"), maximum(value = "1000000000")))]
        min_price: Query<Given<f64>>,
        /// Highest price, in major units.
        #[oai(validator(minimum(value = "0"), maximum(value = "1000000000")))]
        max_price: Query<Given<f64>>,
        /// The page, from 1; `page` × `size` must be at most 10,000.
        #[oai(default = "first_page", validator(minimum(value = "1")))]
        page: Query<u32>,
        /// Products on a page.
        #[oai(default = "page_size", validator(minimum(value = "1"), maximum(value = "100")))]
        size: Query<u32>,
        /// Whether to add what was sent to Elasticsearch, and to each product why it stands where it does.
        #[oai(default)]
        explain: Query<bool>,
    ) -> Result<Json<SearchAnswer>, Failure> {
        let page = Page { number: page.0, size: size.0 };
        let (category, Given(min_price), Given(max_price)) = (category.0.0, min_price.0, max_price.0);
        let (brands, explain) = (brand.0, explain.0);
        let raw = RawSearch { q: q.0, fuzzy: fuzzy.0, category, brands, min_price, max_price, page, explain };
        Ok(Json(self.search.search(&raw.check()?).await?))
    }

    /// Suggests categories, brands and products while a shopper types.
    ///
    /// Every word so far must begin a word of the suggestion, in any order.
    #[oai(path = "/autocomplete", method = "get", operation_id = "autocomplete")]
    async fn autocomplete(
        &self,
        /// The words so far, such as `hea`; after 200 characters they are cut.
        #[oai(default)]
        q: Query<String>,
        /// Suggestions at most.
        #[oai(default = "suggestions", validator(minimum(value = "1"), maximum(value = "20")))]
        size: Query<u32>,
    ) -> Result<Json<Suggestions>, Failure> {
        Ok(Json(self.search.suggest(&Words::read(&q), size.0).await?))
    }
}

fn yes() -> bool {
    true
}

fn first_page() -> u32 {
    1
}

fn page_size() -> u32 {
    12
}

fn suggestions() -> u32 {
    8
}

impl From<SearchError> for Failure {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::BadParameter(bad) => bad.into(),
            SearchError::Store(error) => error.into(),
        }
    }
}
