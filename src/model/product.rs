//! A product of the catalogue, and the document it becomes in the index `products`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::category::{self, CategoryPath};
use crate::model::ids::ProductId;
use crate::model::money::{Cents, Currency};
use crate::model::time::Timestamp;

/// A product as the shop sells it. A catalogue may know nothing of it but id and name: what is not known is
/// left out of the document, and never made up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Stable id; also the document's id.
    pub id: ProductId,
    /// What the shopper reads first: brand, model and type.
    pub name: String,
    /// A few sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The leaf category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<CategoryPath>,
    /// The leaf category in words: `In-ear headphones`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_label: Option<String>,
    /// The levels above the leaf category in words, from the department down; empty where only the path says
    /// what they are called. Written by its [document](Product::document) alone.
    #[serde(default, skip_serializing)]
    pub categories_above: Vec<String>,
    /// The maker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Price of one piece, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_cents: Option<Cents>,
    /// The currency of the shop, which is the price's.
    pub currency: Currency,
    /// What the category tells apart: `screen size` → `15.6 inch`, `colour` → `black`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Mean stars, 0.0 to 5.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<f32>,
    /// How many reviews the mean is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_count: Option<u32>,
    /// Pieces that can be sold now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<u32>,
    /// The picture's file name or address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Share of interest relative to the shop's best seller, over 0.0 to 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub popularity: Option<f32>,
    /// When it came into the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// What an attribute says of a product: one value, or several that all hold, such as the colours that a shirt has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// The one value.
    One(String),
    /// All values in the catalogue's order. Each can be filtered by and is counted by itself.
    Several(Vec<String>),
}

impl AttributeValue {
    /// What these values say, each once; `None` where there are none.
    pub fn of(values: Vec<String>) -> Option<Self> {
        let mut once: Vec<String> = Vec::with_capacity(values.len());
        for value in values {
            if !once.contains(&value) {
                once.push(value);
            }
        }
        if once.len() > 1 { Some(Self::Several(once)) } else { once.pop().map(Self::One) }
    }

    /// The values, one by one.
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }

    /// The values as one text for people: `red, blue`.
    pub fn to_text(&self) -> String {
        self.values().join(", ")
    }
}

/// The document in the index: the product and what is derived from it for filters and facets.
#[derive(Debug, Serialize)]
pub struct ProductDocument<'a> {
    #[serde(flatten)]
    product: &'a Product,
    /// Every prefix of the category, so that a filter on any level finds it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    categories: Vec<&'a str>,
    /// The levels above the leaf category in words, so that `shoes` finds what lies in a category of shoes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    categories_above: Vec<String>,
    /// Each level of the category as one term, its path before what it is called, so that the catalogue's
    /// spellings can be counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    category_pairs: Vec<String>,
    in_stock: bool,
    /// Each attribute as one term, its name before its value, so that the attributes of a result can be counted
    /// without knowing which ones there are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attribute_pairs: Vec<String>,
    /// The attributes' values as one text to search in.
    #[serde(skip_serializing_if = "String::is_empty")]
    attribute_text: String,
}

impl Product {
    /// Whether it can be sold now; a shop that does not count its stock has what it lists.
    pub fn in_stock(&self) -> bool {
        self.stock != Some(0)
    }

    /// Each value of each attribute with the attribute's name, by name.
    pub fn attribute_values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes
            .iter()
            .flat_map(|(name, value)| value.values().iter().map(move |value| (name.as_str(), value.as_str())))
    }

    /// Each level of the category, from the department down: its path and what it is called.
    fn category_levels(&self) -> Vec<(&str, Cow<'_, str>)> {
        let paths: Vec<&str> = self.category.iter().flat_map(CategoryPath::prefixes).collect();
        let leaf = paths.len().saturating_sub(1);
        let above = Some(&self.categories_above).filter(|above| above.len() == leaf);
        let spelled = |at: usize| match at == leaf {
            true => self.category_label.as_ref(),
            false => above.and_then(|above| above.get(at)),
        };
        let named = |(at, path)| {
            (path, spelled(at).map_or_else(|| category::label(path).into(), |label| label.as_str().into()))
        };
        paths.into_iter().enumerate().map(named).collect()
    }

    /// The document to index under [`Product::id`].
    pub fn document(&self) -> ProductDocument<'_> {
        let values: Vec<&str> = self.attribute_values().map(|(_, value)| value).collect();
        let levels = self.category_levels();
        let above = levels.split_last().map(|(_, above)| above).unwrap_or_default();
        ProductDocument {
            product: self,
            categories: levels.iter().map(|(path, _)| *path).collect(),
            categories_above: above.iter().map(|(_, label)| label.clone().into_owned()).collect(),
            category_pairs: levels.iter().map(|(path, label)| pair(path, label)).collect(),
            in_stock: self.in_stock(),
            attribute_pairs: self.attribute_values().map(|(name, value)| pair(name, value)).collect(),
            attribute_text: values.join(" "),
        }
    }
}

/// Stands between the halves of a pair: the unit separator, which is in no name.
const PAIR_SEPARATOR: char = '\u{1f}';

/// The term of `attribute_pairs` that a name and a value make, or of `category_pairs` that a path and a label do.
pub fn pair(name: &str, value: &str) -> String {
    format!("{name}{PAIR_SEPARATOR}{value}")
}

/// The halves of a term that [`pair`] has made.
pub fn split_pair(pair: &str) -> Option<(&str, &str)> {
    pair.split_once(PAIR_SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_product_of_which_only_id_and_name_are_known_is_a_whole_document() {
        let document = json!({ "id": "7", "name": "Hammer", "currency": "EUR" });
        let product: Product = serde_json::from_value(document).unwrap();
        let indexed = json!({ "id": "7", "name": "Hammer", "currency": "EUR", "in_stock": true });
        assert_eq!(serde_json::to_value(product.document()).unwrap(), indexed);
    }

    #[test]
    fn every_level_of_a_category_is_called_what_the_catalogue_says_else_what_its_path_says() {
        let of = |labels: Value| {
            let mut product =
                json!({ "id": "7", "name": "Pan", "currency": "EUR", "category": "kuche.topfe.pfannen" });
            product.as_object_mut().unwrap().extend(labels.as_object().unwrap().clone());
            serde_json::from_value::<Product>(product).unwrap()
        };
        let called = |product: &Product| -> Vec<String> {
            product.category_levels().into_iter().map(|(_, label)| label.into_owned()).collect()
        };
        let product = of(json!({ "category_label": "Pfännchen", "categories_above": ["Küche", "Töpfe"] }));
        assert_eq!(called(&product), ["Küche", "Töpfe", "Pfännchen"]);
        let document = serde_json::to_value(product.document()).unwrap();
        let pairs = ["kuche\u{1f}Küche", "kuche.topfe\u{1f}Töpfe", "kuche.topfe.pfannen\u{1f}Pfännchen"];
        assert_eq!(document["category_pairs"], json!(pairs));
        assert_eq!(
            serde_json::from_value::<Product>(document).unwrap(),
            product,
            "a rebuild changes nothing"
        );
        for above in [json!([]), json!(["Küche"]), json!(["Küche", "Töpfe", "Pfannen"])] {
            let product = of(json!({ "category_label": "Pfännchen", "categories_above": above }));
            assert_eq!(called(&product), ["Kuche", "Topfe", "Pfännchen"]);
        }
        assert_eq!(called(&of(json!({}))), ["Kuche", "Topfe", "Pfannen"]);
    }

    #[test]
    fn each_value_of_an_attribute_is_a_term_of_its_own_and_survives_a_rebuild() {
        let colours = json!({ "colour": ["red", "blue"], "size": "L" });
        let product = json!({ "id": "7", "name": "Shirt", "currency": "EUR", "attributes": colours });
        let product: Product = serde_json::from_value(product).unwrap();
        let document = serde_json::to_value(product.document()).unwrap();
        assert_eq!(document["attributes"], colours);
        let terms = json!(["colour\u{1f}red", "colour\u{1f}blue", "size\u{1f}L"]);
        assert_eq!(
            (&document["attribute_pairs"], &document["attribute_text"]),
            (&terms, &json!("red blue L"))
        );
        let again: Product = serde_json::from_value(document).unwrap();
        assert_eq!(again, product);
    }

    #[test]
    fn a_list_of_one_value_is_that_value_and_no_value_counts_twice() {
        let of =
            |values: &[&str]| AttributeValue::of(values.iter().map(|value| (*value).to_owned()).collect());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["red", "red"]), Some(AttributeValue::One("red".to_owned())));
        assert_eq!(of(&["red", "blue", "red"]).unwrap().to_text(), "red, blue");
    }
}
