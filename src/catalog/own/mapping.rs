//! Which column of a file means what: read from a mapping file, or guessed from the columns' names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use thiserror::Error;

use crate::catalog::own::price::DecimalMark;

/// What can be known of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The product's id; needed.
    Id,
    /// Its name; needed.
    Name,
    /// A few sentences, or a list of them.
    Description,
    /// A category path: `Electronics > Audio`, or a list of its levels.
    Category,
    /// The maker.
    Brand,
    /// The price in major units.
    Price,
    /// The price in minor units.
    PriceCents,
    /// The code of the price's currency.
    Currency,
    /// Mean stars, 0 to 5.
    Rating,
    /// How many reviews the mean is of.
    ReviewCount,
    /// Pieces, or words such as `in stock`.
    Stock,
    /// The picture's name or address.
    Image,
    /// Share of interest, 0 to 1.
    Popularity,
    /// When it came into the catalogue, RFC 3339 or a date.
    CreatedAt,
    /// An object of further properties.
    Attributes,
}

/// The usual names of each field, the likelier first, as [`plain`] writes them.
const USUAL_NAMES: [(Field, &[&str]); 15] = [
    (
        Field::Id,
        &[
            "id",
            "productid",
            "sku",
            "itemid",
            "asin",
            "articleid",
            "productnumber",
            "uniqid",
            "uid",
            "ean",
            "gtin",
            "code",
            "handle",
        ],
    ),
    (Field::Name, &["name", "title", "productname", "producttitle", "itemname", "label"]),
    (
        Field::Description,
        &[
            "description",
            "productdescription",
            "longdescription",
            "desc",
            "bodyhtml",
            "body",
            "text",
            "details",
            "shortdescription",
            "bulletpoints",
            "features",
        ],
    ),
    (
        Field::Category,
        &[
            "category",
            "categories",
            "categorypath",
            "categoryname",
            "producttype",
            "productcategory",
            "googleproductcategory",
            "productclass",
            "categoryhierarchy",
            "breadcrumbs",
            "department",
        ],
    ),
    (Field::Brand, &["brand", "productbrand", "brandname", "manufacturer", "vendor", "maker"]),
    (
        Field::Price,
        &["price", "unitprice", "sellingprice", "saleprice", "currentprice", "listprice", "retailprice"],
    ),
    (Field::PriceCents, &["pricecents", "priceminor", "priceincents"]),
    (Field::Currency, &["currency", "pricecurrency", "currencycode"]),
    (Field::Rating, &["rating", "averagerating", "avgrating", "stars", "meanrating"]),
    (
        Field::ReviewCount,
        &["reviewcount", "ratingcount", "reviewscount", "numberofreviews", "numreviews", "ratingscount"],
    ),
    (Field::Stock, &["stock", "quantity", "inventory", "qty", "stockquantity", "availability", "instock"]),
    (Field::Image, &["image", "imageurl", "imagelink", "imagesrc", "picture", "thumbnail", "mainimage"]),
    (Field::Popularity, &["popularity"]),
    (Field::CreatedAt, &["createdat", "created", "dateadded", "publishedat", "addedat"]),
    (Field::Attributes, &["attributes", "properties", "specifications", "specs"]),
];

/// Which column of a file means what. A field that is not named here is looked for under its usual names.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// What parts the columns of a table; guessed from its first line.
    pub delimiter: Option<char>,
    /// What stands before the minor units of a price; guessed from the first products.
    pub decimal_mark: Option<DecimalMark>,
    /// What parts the levels of a category; `>`, `›`, `»`, `|` and `/` are tried in this order.
    pub category_separator: Option<String>,
    /// The columns of fields; an empty name for a field that shall not be taken from anywhere.
    pub fields: BTreeMap<Field, String>,
    /// The columns of attributes by the attributes' names.
    pub attributes: BTreeMap<String, String>,
}

/// Why a mapping cannot be used.
#[derive(Debug, Error)]
pub enum BadMapping {
    /// The file is not as expected.
    #[error("the mapping cannot be read")]
    Unreadable(#[from] toml::de::Error),
    /// Without it no product can be made.
    #[error(
        "no column is named like {field}: name it in a mapping file with [fields] {field} = \"…\"; the columns are {}",
        columns.join(", ")
    )]
    Missing {
        /// The field.
        field: Field,
        /// What the file has.
        columns: Vec<String>,
    },
    /// A name that the file does not have is a slip of the pen.
    #[error("the mapping takes {what} from the column {column:?}, but the columns are {}", columns.join(", "))]
    NoSuchColumn {
        /// The field or attribute.
        what: String,
        /// The column.
        column: String,
        /// What the file has.
        columns: Vec<String>,
    },
}

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`BadMapping::Unreadable`], naming line and field.
    pub fn parse(toml: &str) -> Result<Self, BadMapping> {
        Ok(toml::from_str(toml)?)
    }

    /// The mapping for a file with these columns: what is not named is guessed.
    ///
    /// # Errors
    /// [`BadMapping::Missing`] for id or name, [`BadMapping::NoSuchColumn`].
    pub fn complete(mut self, columns: &BTreeSet<String>) -> Result<Self, BadMapping> {
        let named = self.fields.iter().map(|(field, column)| (field.to_string(), column));
        let named = named.chain(self.attributes.iter().map(|(name, column)| (name.clone(), column)));
        for (what, column) in named.filter(|(_, column)| !column.is_empty()) {
            if !has_column(columns, column) {
                let (column, columns) = (column.clone(), columns.iter().cloned().collect());
                return Err(BadMapping::NoSuchColumn { what, column, columns });
            }
        }
        for (field, names) in USUAL_NAMES {
            if let Some(column) = guess(names, columns)
                && !self.fields.contains_key(&field)
            {
                self.fields.insert(field, column.clone());
            }
        }
        self.fields.retain(|_, column| !column.is_empty());
        match [Field::Id, Field::Name].into_iter().find(|field| !self.fields.contains_key(field)) {
            Some(field) => Err(BadMapping::Missing { field, columns: columns.iter().cloned().collect() }),
            None => Ok(self),
        }
    }

    /// The column of a field.
    pub fn column(&self, field: Field) -> Option<&str> {
        self.fields.get(&field).map(String::as_str)
    }
}

/// Whether there is such a column; `price.amount` is there where `price` is.
fn has_column(columns: &BTreeSet<String>, column: &str) -> bool {
    let outer = column.split('.').next().unwrap_or_default();
    columns.contains(column) || columns.contains(outer)
}

fn guess<'c>(names: &[&str], columns: &'c BTreeSet<String>) -> Option<&'c String> {
    names.iter().find_map(|name| columns.iter().find(|column| plain(column) == *name))
}

/// A column's name in lower case without anything but letters and digits.
fn plain(column: &str) -> String {
    column.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Description => "description",
            Self::Category => "category",
            Self::Brand => "brand",
            Self::Price => "price",
            Self::PriceCents => "price_cents",
            Self::Currency => "currency",
            Self::Rating => "rating",
            Self::ReviewCount => "review_count",
            Self::Stock => "stock",
            Self::Image => "image",
            Self::Popularity => "popularity",
            Self::CreatedAt => "created_at",
            Self::Attributes => "attributes",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn usual_names_are_guessed_and_the_likelier_is_taken() {
        let columns = columns(&["Product ID", "product_title", "SKU", "Vendor", "list-price", "colour"]);
        let mapping = Mapping::default().complete(&columns).unwrap();
        let guessed: Vec<_> =
            mapping.fields.iter().map(|(field, column)| (*field, column.as_str())).collect();
        let expected = [
            (Field::Id, "Product ID"),
            (Field::Name, "product_title"),
            (Field::Brand, "Vendor"),
            (Field::Price, "list-price"),
        ];
        assert_eq!(guessed, expected);
    }

    #[test]
    fn what_the_mapping_names_is_not_guessed() {
        let toml =
            "decimal_mark = \",\"\n[fields]\nid = \"sku\"\nbrand = \"\"\n[attributes]\ncolour = \"farbe\"\n";
        let columns = columns(&["id", "sku", "name", "brand", "farbe"]);
        let mapping = Mapping::parse(toml).unwrap().complete(&columns).unwrap();
        assert_eq!(mapping.column(Field::Id), Some("sku"));
        assert_eq!(mapping.column(Field::Brand), None);
        assert_eq!(mapping.decimal_mark, Some(DecimalMark::Comma));
    }

    #[test]
    fn a_file_without_a_name_and_a_mapping_with_a_slip_are_told_with_the_columns() {
        let error = Mapping::default().complete(&columns(&["id", "x"])).unwrap_err().to_string();
        assert!(error.starts_with("no column is named like name") && error.ends_with("id, x"), "{error}");
        let slip = Mapping::parse("[fields]\nname = \"titel\"").unwrap();
        let error = slip.complete(&columns(&["id", "title"])).unwrap_err().to_string();
        assert_eq!(error, "the mapping takes name from the column \"titel\", but the columns are id, title");
        assert!(Mapping::parse("[fields]\nnmae = \"x\"").is_err());
    }
}
