//! A product as a list of results shows it: Elasticsearch's hit, read as far as somebody needs to know what it
//! says. The rest is handed on.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use serde_with::{DeserializeAs, serde_as};

use crate::http::verbatim::Verbatim;
use crate::model::ids::ProductId;
use crate::model::money::Cents;
use crate::model::product::AttributeValue;
use crate::store::found::{Explained, Metric};

/// The hits of a search for products.
#[derive(Debug, Deserialize)]
pub struct ListedHits {
    /// How many there are on all pages.
    pub total: Metric<u64>,
    /// This page.
    pub hits: Vec<ListedHit>,
}

/// A product that was found, and how.
#[derive(Debug, Deserialize)]
pub struct ListedHit {
    /// The index that it lies in.
    #[serde(rename = "_index")]
    pub index: Box<str>,
    /// How well it matches; `None` where nothing is scored.
    #[serde(rename = "_score")]
    pub score: Option<f64>,
    /// The product.
    #[serde(rename = "_source")]
    pub source: Listed,
    /// The values that it was sorted by, as a list.
    sort: Box<RawValue>,
    /// What was found in its texts.
    pub highlight: Option<Marked>,
    /// How its score came about; `None` unless asked for.
    #[serde(rename = "_explanation")]
    pub explanation: Option<Explained>,
}

impl ListedHit {
    /// The values that it was sorted by.
    pub fn sorted_by(&self) -> Vec<Value> {
        serde_json::from_str(self.sort.get()).unwrap_or_default()
    }
}

/// The fields of a product's document that are shown of it, or that explain its score.
#[serde_as]
#[derive(Debug, Deserialize)]
pub struct Listed {
    /// As in the catalogue's product, which all of these are.
    pub id: ProductId,
    /// What the shopper reads first.
    pub name: Verbatim,
    /// A few sentences.
    pub description: Option<Verbatim>,
    /// The leaf category's path.
    pub category: Option<Verbatim>,
    /// The leaf category in words.
    pub category_label: Option<Verbatim>,
    /// The levels above the leaf category in words.
    #[serde(default)]
    pub categories_above: Vec<Verbatim>,
    /// The maker.
    pub brand: Option<Verbatim>,
    /// Price of one piece, in minor units.
    pub price_cents: Option<Cents>,
    /// The price's currency.
    pub currency: Verbatim,
    /// What the category tells apart; of several values the text of all.
    #[serde(default)]
    #[serde_as(as = "BTreeMap<_, AsText>")]
    pub attributes: BTreeMap<String, Verbatim>,
    /// Mean stars.
    pub rating: Option<f64>,
    /// Reviews that the mean is of.
    pub review_count: Option<u32>,
    /// Pieces that can be sold now.
    pub stock: Option<u32>,
    /// Whether it can be sold now.
    pub in_stock: bool,
    /// The picture's file name or address.
    pub image: Option<Verbatim>,
    /// Share of interest; `None` unless the score is to be explained.
    pub popularity: Option<f64>,
}

/// What was found in a product's texts, as HTML, each in a list of one.
#[derive(Debug, Deserialize)]
pub struct Marked {
    /// The whole name.
    #[serde(default)]
    pub name: Vec<Verbatim>,
    /// The best part of the description.
    #[serde(default)]
    pub description: Vec<Verbatim>,
}

/// Reads an attribute's value, or all of its values in one text for people.
struct AsText;

impl<'de> DeserializeAs<'de, Verbatim> for AsText {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<Verbatim, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('[') {
            let values: AttributeValue = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
            return Ok(values.to_text().as_str().into());
        }
        Verbatim::try_from(raw).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_product_is_listed_as_the_catalogue_has_it() {
        let attributes = json!({ "colour": ["red", "dark \"blue\""], "size": "L" });
        let source = json!({
            "id": "7", "name": "Shirt", "currency": "EUR", "in_stock": true, "rating": 4.3, "attributes": attributes,
        });
        let text = json!({ "_index": "i", "_id": "7", "_score": 2.5, "_source": source, "sort": [2.5, "7"] })
            .to_string();
        let hit: ListedHit = serde_json::from_str(&text).unwrap();
        assert_eq!(hit.sorted_by(), [json!(2.5), json!("7")]);
        let shown = |(name, value): (&String, &Verbatim)| format!("{name}: {}", value.read());
        let shown: Vec<_> = hit.source.attributes.iter().map(shown).collect();
        assert_eq!(shown, ["colour: red, dark \"blue\"", "size: L"]);
        assert_eq!((hit.source.rating, hit.source.description), (Some(4.3), None));
    }
}
