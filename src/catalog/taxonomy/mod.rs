//! What a shop sells: departments, categories, and for each leaf category its brands, attributes, prices
//! and the words of its products. All of it is data: one file for each department in `data/`, compiled in.

mod nonempty;
mod template;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;
use thiserror::Error;

use crate::model::category::CategoryPath;

pub use crate::catalog::taxonomy::nonempty::NonEmpty;
pub use crate::catalog::taxonomy::template::Template;

macro_rules! files {
    ($($name:literal)*) => { &[$(($name, include_str!(concat!("../data/", $name, ".json")))),*] };
}

/// The departments' files: name and content.
const FILES: &[(&str, &str)] = files![
    "electronics" "fashion" "home" "kitchen" "sports" "toys" "books" "beauty" "garden" "groceries" "pets"
    "office"
];

/// Every leaf category of the shop.
#[derive(Debug)]
pub struct Taxonomy {
    /// The leaves, in the order of the files.
    pub leaves: NonEmpty<Leaf>,
}

/// A category that products lie in, with what it inherits from its department.
#[derive(Debug)]
pub struct Leaf {
    /// What its file says.
    pub category: Category,
    /// Its weight in the catalogue, relative to the other leaves'.
    pub share: f64,
    /// The makers of its products.
    pub brands: NonEmpty<Choice>,
    /// Last sentences of descriptions.
    pub closings: NonEmpty<Template>,
}

/// A leaf category as its department's file describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Where it lies.
    pub path: CategoryPath,
    /// Its name for people: `In-ear headphones`.
    pub label: String,
    /// Its weight within the department.
    share: f64,
    /// The group of the department's brands that make it.
    brands: String,
    /// Price in major units of a product all of whose price factors are 1.
    pub median: f64,
    /// Standard deviation of the logarithm of the price around what the factors say.
    pub spread: f64,
    /// Words that models are named with, by the name of their gap.
    #[serde(default)]
    pub words: BTreeMap<String, NonEmpty<String>>,
    /// Names of models; `^` stands for a digit from 1, `#` for any digit.
    pub models: NonEmpty<Template>,
    /// What tells its products apart.
    pub attributes: BTreeMap<String, Attribute>,
    /// Names of products.
    pub names: NonEmpty<Template>,
    /// First sentences of descriptions.
    pub openings: NonEmpty<Template>,
    /// Further sentences, of which a description has some.
    pub details: Vec<Template>,
}

/// The values that an attribute can have.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Attribute {
    /// One of these; where they have price factors, from the cheap to the dear.
    Listed(NonEmpty<Choice>),
    /// A number of a range, followed by its unit.
    Range {
        /// The least number.
        from: u32,
        /// The greatest number, if the steps meet it.
        to: u32,
        /// The distance between two numbers.
        step: NonZeroU32,
        /// What is counted.
        unit: String,
    },
    /// Something that is made up.
    Made(Maker),
}

/// What is made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Maker {
    /// A person's name.
    Person,
}

/// A value, how often it is chosen and what it does to the price.
///
/// In a file either the text alone, or `[text, weight, price factor]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "ChoiceFile")]
pub struct Choice {
    /// The value.
    pub text: String,
    /// Relative frequency.
    pub weight: f64,
    /// The price is multiplied by it.
    pub price_factor: f64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ChoiceFile {
    Text(String),
    Weighted(String, f64, f64),
}

impl From<ChoiceFile> for Choice {
    fn from(file: ChoiceFile) -> Self {
        let (text, weight, price_factor) = match file {
            ChoiceFile::Text(text) => (text, 1.0, 1.0),
            ChoiceFile::Weighted(text, weight, price_factor) => (text, weight, price_factor),
        };
        Self { text, weight, price_factor }
    }
}

impl NonEmpty<Choice> {
    /// The choice at this share (0 to 1) of the total weight.
    pub fn choose(&self, share: f64) -> &Choice {
        self.at(share, |choice| choice.weight)
    }

    /// Whether the choices make a difference to the price.
    pub fn moves_price(&self) -> bool {
        self.iter().any(|choice| choice.price_factor != 1.0)
    }
}

/// What is wrong with a department's file.
#[derive(Debug, Error)]
pub enum TaxonomyError {
    /// It is not of the right form.
    #[error("cannot read the categories of {department}")]
    Unreadable {
        /// The department.
        department: String,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// Something that it names is not there.
    #[error("{path} has no {kind} {name:?}")]
    Unknown {
        /// The category.
        path: CategoryPath,
        /// What is missing.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// No department has a leaf.
    #[error("there are no categories")]
    Empty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Department {
    share: f64,
    brands: BTreeMap<String, NonEmpty<Choice>>,
    closings: NonEmpty<Template>,
    leaves: Vec<Category>,
}

impl Taxonomy {
    /// The categories that are compiled in.
    ///
    /// # Errors
    /// [`TaxonomyError`] for a file that is not right, which a unit test keeps from being shipped.
    pub fn built_in() -> Result<Self, TaxonomyError> {
        Self::read(FILES)
    }

    fn read(files: &[(&str, &str)]) -> Result<Self, TaxonomyError> {
        let mut leaves = Vec::new();
        for (name, content) in files {
            let unreadable = |source| TaxonomyError::Unreadable { department: (*name).to_owned(), source };
            let department: Department = serde_json::from_str(content).map_err(unreadable)?;
            leaves.extend(department.into_leaves()?);
        }
        Ok(Self { leaves: NonEmpty::try_from(leaves).map_err(|_| TaxonomyError::Empty)? })
    }
}

impl Department {
    fn into_leaves(self) -> Result<Vec<Leaf>, TaxonomyError> {
        let total: f64 = self.leaves.iter().map(|category| category.share).sum();
        let leaf = |category: Category| {
            let brands = self.brands.get(&category.brands).cloned();
            let brands = brands.ok_or_else(|| category.unknown("brands", &category.brands))?;
            category.check(&self.closings)?;
            let share = self.share * category.share / total;
            Ok(Leaf { category, share, brands, closings: self.closings.clone() })
        };
        self.leaves.into_iter().map(leaf).collect()
    }
}

impl Category {
    /// Checks that every gap of every text has something to fill it.
    fn check(&self, closings: &NonEmpty<Template>) -> Result<(), TaxonomyError> {
        let is_attribute = |name: &str| self.attributes.contains_key(name);
        let fills_model = |name: &str| is_attribute(name) || self.words.contains_key(name);
        let fills_text = |name: &str| is_attribute(name) || matches!(name, "brand" | "model");
        let of_models = self.models.iter().flat_map(Template::fields).find(|name| !fills_model(name));
        let texts = self.names.iter().chain(self.openings.iter()).chain(&self.details).chain(closings.iter());
        let of_texts = texts.flat_map(Template::fields).find(|name| !fills_text(name));
        match of_models.or(of_texts) {
            Some(name) => Err(self.unknown("attribute", name)),
            None => Ok(()),
        }
    }

    fn unknown(&self, kind: &'static str, name: &str) -> TaxonomyError {
        TaxonomyError::Unknown { path: self.path.clone(), kind, name: name.to_owned() }
    }
}

#[cfg(test)]
mod tests;
