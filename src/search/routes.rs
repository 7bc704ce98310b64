//! The endpoints of the search.

use poem::Request;
use poem_openapi::param::Query;
use poem_openapi::{OpenApi, Tags};

use crate::http::parameter::Given;
use crate::http::problem::Failure;
use crate::http::written::Written;
use crate::search::answer::SearchAnswer;
use crate::search::autocomplete::Suggestions;
use crate::search::request::{Page, RawSearch, Words};
use crate::search::sort::Sort;
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
    /// synonyms. Words that occur in no product are taken for similar ones (`headphons`), and words that the
    /// catalogue writes as one or in two for those (`head phones`), unless `fuzzy` is `false`; when few products have most of the words, those with any of them follow. `relaxation`
    /// says so, `did_you_mean` what was understood. Without words, the most popular products come first.
    ///
    /// Every attribute that `facets.attributes` names is a filter too, `attr.<name>`, with values as for `brand`:
    /// `attr.colour=black,red&attr.screen size=14 inch`. The values of one filter are alternatives, the filters
    /// must all hold, and each facet counts as if its own filter were not set.
    #[oai(path = "/search", method = "get", operation_id = "search")]
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    async fn search(
        &self,
        request: &Request,
        /// What to look for, such as `wireless headphones`; after 200 characters it is cut.
        #[oai(default)]
        q: Query<String>,
        /// Whether a word that no product has may be taken for similar ones, joined with its neighbour or split.
        #[oai(default = "yes")]
        fuzzy: Query<bool>,
        /// A category of any level, such as `electronics.computers.laptops`; several as for `brand`.
        #[oai(default, validator(max_items = 50))]
        category: Query<Vec<String>>,
        /// A brand; given several times or with commas between (`A,B`), any of them. A comma in a name is
        /// written `\,`.
        #[oai(default, validator(max_items = 50))]
        brand: Query<Vec<String>>,
        /// Lowest price, in major units.
        #[oai(validator(minimum(value = "0"), maximum(value = "1000000000")))]
        min_price: Query<Given<f64>>,
        /// Highest price, in major units.
        #[oai(validator(minimum(value = "0"), maximum(value = "1000000000")))]
        max_price: Query<Given<f64>>,
        /// Least mean stars.
        #[oai(validator(minimum(value = "0"), maximum(value = "5")))]
        min_rating: Query<Given<f64>>,
        /// `true` leaves out what is sold out.
        in_stock: Query<Given<bool>>,
        /// The order of the results; products that lack what is sorted by come last.
        sort: Query<Given<Sort>>,
        /// The `next_cursor` of an answer to the same search, to go on behind it as deep as one likes; instead
        /// of `page`.
        cursor: Query<Given<String>>,
        /// The page, from 1; `page` × `size` must be at most 10,000.
        #[oai(default = "first_page", validator(minimum(value = "1")))]
        page: Query<u32>,
        /// Products on a page.
        #[oai(default = "page_size", validator(minimum(value = "1"), maximum(value = "100")))]
        size: Query<u32>,
        /// Whether to add what was sent to Elasticsearch, and to each product why it stands where it does.
        #[oai(default)]
        explain: Query<bool>,
    ) -> Result<Written<SearchAnswer>, Failure> {
        let raw = RawSearch {
            q: q.0,
            fuzzy: fuzzy.0,
            categories: category.0,
            brands: brand.0,
            min_price: min_price.0.0,
            max_price: max_price.0.0,
            min_rating: min_rating.0.0,
            in_stock: in_stock.0.0.unwrap_or_default(),
            attributes: attributes(request),
            sort: sort.0.0.unwrap_or_default(),
            page: Page { number: page.0, size: size.0 },
            cursor: cursor.0.0,
            explain: explain.0,
        };
        // Boxed: every layer around the endpoint would copy its ten thousand bytes.
        Ok(Written(Box::pin(self.search.search(&raw.check()?)).await?))
    }

    /// Suggests categories, popular queries, brands and products while a shopper types.
    ///
    /// Every word so far must begin a word of the suggestion, or of a synonym of the category, in any order. When
    /// nothing does, words with spelling mistakes do too: one from the third letter on, two from the eighth.
    #[oai(path = "/autocomplete", method = "get", operation_id = "autocomplete")]
    async fn autocomplete(
        &self,
        /// The words so far, such as `hea`; after 200 characters they are cut.
        #[oai(default)]
        q: Query<String>,
        /// Suggestions at most.
        #[oai(default = "suggestions", validator(minimum(value = "1"), maximum(value = "20")))]
        size: Query<u32>,
    ) -> Result<Written<Suggestions>, Failure> {
        Ok(Written(Box::pin(self.search.suggest(&Words::read(&q), size.0)).await?))
    }
}

/// The parameters `attr.<name>`, whose names the catalogue decides.
fn attributes(request: &Request) -> Vec<(String, String)> {
    let pairs = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    pairs
        .filter_map(|(name, value)| Some((name.strip_prefix("attr.")?.to_owned(), value.into_owned())))
        .collect()
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
