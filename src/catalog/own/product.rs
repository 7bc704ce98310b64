//! From a record to a product, by a mapping. What the record leaves empty stays unknown; what it says and
//! cannot be meant refuses it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::catalog::own::mapping::{Field, Mapping};
use crate::catalog::own::price::{self, DecimalMark};
use crate::model::category::{self, CategoryPath, LEVELS_MAX, PATH_CHARS_MAX};
use crate::model::ids::ProductId;
use crate::model::money::{Cents, Currency};
use crate::model::product::{AttributeValue, Product};
use crate::model::time::Timestamp;

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 1_000;
/// Longest brand, in characters: what an event may carry, and a facet can show.
const BRAND_CHARS_MAX: usize = 200;
/// Most attributes of a product.
const ATTRIBUTES_MAX: usize = 200;
/// Longest name or value of an attribute, in characters, of several values together: Lucene takes terms of 32,766 bytes with the name.
const ATTRIBUTE_CHARS_MAX: usize = 1_000;
/// What parts the levels of a category, where the mapping does not say.
const SEPARATORS: [&str; 5] = [">", "›", "»", "|", "/"];

type Fields = Map<String, Value>;

/// Makes products of the records of one file.
#[derive(Debug, Clone)]
pub struct Maker {
    /// What the columns mean.
    pub mapping: Mapping,
    /// The shop's currency.
    pub currency: Currency,
}

impl Maker {
    /// The product of a record.
    ///
    /// # Errors
    /// Why it is none, for the person who mends the file.
    pub fn product(&self, fields: &Fields) -> Result<Product, String> {
        let text = |field| self.text(fields, field);
        let id = text(Field::Id).ok_or("the id is empty")?;
        let name = text(Field::Name).ok_or("the name is empty")?;
        within("name", &name, NAME_CHARS_MAX)?;
        let brand = text(Field::Brand);
        within("brand", brand.as_deref().unwrap_or_default(), BRAND_CHARS_MAX)?;
        self.check_currency(fields)?;
        let category = self.category(fields)?;
        let (category, mut labels) =
            category.map_or((None, Vec::new()), |(path, labels)| (Some(path), labels));
        Ok(Product {
            id: ProductId::parse(&id).map_err(|error| error.to_string())?,
            name,
            description: text(Field::Description),
            category,
            category_label: labels.pop(),
            categories_above: labels,
            brand,
            price_cents: self.price(fields)?,
            currency: self.currency,
            attributes: self.attributes(fields)?,
            rating: self.number(fields, Field::Rating, 0.0..=5.0)?.map(|stars| stars as f32),
            review_count: self.count(fields, Field::ReviewCount)?,
            stock: self.stock(fields)?,
            image: text(Field::Image).map(|image| image.chars().take(2_000).collect()),
            popularity: self.number(fields, Field::Popularity, 0.0..=1.0)?.map(|share| share as f32),
            created_at: self.created_at(fields)?,
        })
    }

    fn value<'f>(&self, fields: &'f Fields, field: Field) -> Option<&'f Value> {
        lookup(fields, self.mapping.column(field)?)
    }

    fn text(&self, fields: &Fields, field: Field) -> Option<String> {
        text_of(self.value(fields, field)?, " ")
    }

    fn check_currency(&self, fields: &Fields) -> Result<(), String> {
        match self.text(fields, Field::Currency) {
            Some(code) if !code.eq_ignore_ascii_case(self.currency.as_str()) => Err(format!(
                "the price is in {code}, but SHOP_CURRENCY is {}: set it to the catalogue's",
                self.currency
            )),
            _ => Ok(()),
        }
    }

    fn price(&self, fields: &Fields) -> Result<Option<Cents>, String> {
        self.single_price(fields, Field::PriceCents)?;
        if let Some(minor) = self.count(fields, Field::PriceCents)? {
            return Ok(Some(Cents(minor.into())));
        }
        match self.single_price(fields, Field::Price)? {
            Some(Value::Number(number)) => {
                // A float carries noise far behind its cents, which is not the shop's doing.
                let text = number.as_f64().map_or_else(String::new, |price| format!("{price:.6}"));
                price::read(&text, Some(DecimalMark::Point), self.currency).map(Some)
            }
            Some(value) => {
                let read = |text: String| price::read(&text, self.mapping.decimal_mark, self.currency);
                text_of(value, " ").map(read).transpose()
            }
            None => Ok(None),
        }
    }

    /// What is read as the price: the value itself, or the only one of a list; `None` where there is none.
    fn single_price<'f>(&self, fields: &'f Fields, field: Field) -> Result<Option<&'f Value>, String> {
        let (Some(column), Some(value)) = (self.mapping.column(field), self.value(fields, field)) else {
            return Ok(None);
        };
        let value = match value.as_array().map(Vec::as_slice) {
            Some([]) => return Ok(None),
            Some([value]) => value,
            Some(_) => return Err(price::no_amount(&value.to_string())),
            None => value,
        };
        match value.as_object().map(|object| object.keys().map(String::as_str).collect::<Vec<_>>()) {
            // Not guessed: an `amount` may be in major or in minor units.
            Some(names) => Err(format!(
                "the {field} is an object of {}: say in the mapping which of them it is, such as {field} = \"{column}.{}\"",
                names.join(", "),
                names.first().copied().unwrap_or("amount")
            )),
            None => Ok(Some(value)),
        }
    }

    /// The category's path, and what each of its levels is called.
    fn category(&self, fields: &Fields) -> Result<Option<(CategoryPath, Vec<String>)>, String> {
        let Some(value) = self.value(fields, Field::Category) else { return Ok(None) };
        let levels: Vec<String> = match value {
            Value::Array(levels) => levels.iter().filter_map(|level| text_of(level, " ")).collect(),
            value => text_of(value, " ").map(|text| self.levels(&text)).unwrap_or_default(),
        };
        let mut named = levels.iter().map(|level| (slug(level), level)).filter(|(slug, _)| !slug.is_empty());
        let mut path = String::new();
        let mut labels = Vec::new();
        for (slug, level) in named.by_ref().take(LEVELS_MAX) {
            if path.len() + 1 + slug.len() > PATH_CHARS_MAX {
                return Err(format!("the category is longer than {PATH_CHARS_MAX} characters"));
            }
            path = if path.is_empty() { slug } else { format!("{path}.{slug}") };
            labels.push(level.clone());
        }
        if labels.is_empty() {
            return Ok(None);
        }
        let path = CategoryPath::parse(&path).map_err(|error| error.to_string())?;
        Ok(Some((path, labels)))
    }

    fn levels(&self, text: &str) -> Vec<String> {
        if let Some(separator) = self.mapping.category_separator.as_deref().filter(|one| !one.is_empty()) {
            return trimmed(text.split(separator));
        }
        match SEPARATORS.iter().find(|separator| text.contains(**separator)) {
            Some(separator) => trimmed(text.split(separator)),
            // The form that shoplens itself writes; its last level becomes words again.
            None if CategoryPath::parse(text).is_ok() => text.split('.').map(category::label).collect(),
            None => vec![text.trim().to_owned()],
        }
    }

    fn attributes(&self, fields: &Fields) -> Result<BTreeMap<String, AttributeValue>, String> {
        let object = self.value(fields, Field::Attributes).and_then(Value::as_object);
        let listed = object.into_iter().flatten().map(|(name, value)| (name, Some(value)));
        let mapped = self.mapping.attributes.iter().map(|(name, column)| (name, lookup(fields, column)));
        let mut attributes = BTreeMap::new();
        for (name, value) in listed.chain(mapped) {
            let Some(value) = value.and_then(attribute_of) else { continue };
            within("name of an attribute", name, ATTRIBUTE_CHARS_MAX)?;
            within(name, &value.to_text(), ATTRIBUTE_CHARS_MAX)?;
            attributes.insert(name.clone(), value);
        }
        if attributes.len() > ATTRIBUTES_MAX {
            return Err(format!("there are more than {ATTRIBUTES_MAX} attributes"));
        }
        Ok(attributes)
    }

    fn stock(&self, fields: &Fields) -> Result<Option<u32>, String> {
        let Some(text) = self.text(fields, Field::Stock) else { return Ok(None) };
        match text.to_lowercase().replace(['_', '-'], " ").as_str() {
            "in stock" | "instock" | "yes" | "true" | "available" | "limited availability" | "preorder" => {
                Ok(None)
            }
            "out of stock" | "outofstock" | "no" | "false" | "sold out" | "unavailable" | "discontinued" => {
                Ok(Some(0))
            }
            _ => self.count(fields, Field::Stock),
        }
    }

    fn count(&self, fields: &Fields, field: Field) -> Result<Option<u32>, String> {
        let most = f64::from(i32::MAX);
        match self.number(fields, field, 0.0..=most)? {
            Some(number) if number.fract() != 0.0 => {
                Err(format!("{field} must be a whole number but is {number}"))
            }
            number => Ok(number.map(|number| number as u32)),
        }
    }

    fn number(
        &self,
        fields: &Fields,
        field: Field,
        legal: std::ops::RangeInclusive<f64>,
    ) -> Result<Option<f64>, String> {
        let Some(text) = self.text(fields, field) else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(number) if legal.contains(&number) => Ok(Some(number)),
            _ => Err(format!(
                "{field} must be a number from {} to {} but is {text:?}",
                legal.start(),
                legal.end()
            )),
        }
    }

    fn created_at(&self, fields: &Fields) -> Result<Option<Timestamp>, String> {
        let Some(text) = self.text(fields, Field::CreatedAt) else { return Ok(None) };
        let midnight = || Timestamp::parse(&format!("{text}T00:00:00.000Z"));
        let read = Timestamp::parse(&text).or_else(midnight);
        read.map(Some).ok_or_else(|| {
            format!("created_at must be RFC 3339 or a date such as 2026-11-21 but is {text:?}")
        })
    }
}

fn within(what: &str, text: &str, most: usize) -> Result<(), String> {
    if text.chars().nth(most).is_some() {
        return Err(format!("the {what} is longer than {most} characters"));
    }
    Ok(())
}

/// The value of a column; `price.amount` is `amount` in the object `price`.
fn lookup<'f>(fields: &'f Fields, column: &str) -> Option<&'f Value> {
    if let Some(value) = fields.get(column) {
        return Some(value);
    }
    let (outer, inner) = column.split_once('.')?;
    lookup(fields.get(outer)?.as_object()?, inner)
}

/// A value in words, without spaces around and control characters; `None` where it says nothing.
fn text_of(value: &Value, joined_by: &str) -> Option<String> {
    let text = match value {
        Value::Null | Value::Object(_) => return None,
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        Value::Array(values) => {
            values.iter().filter_map(|value| text_of(value, joined_by)).collect::<Vec<_>>().join(joined_by)
        }
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// An attribute's value; each element of a list is one by itself. `None` where it says nothing.
fn attribute_of(value: &Value) -> Option<AttributeValue> {
    match value {
        Value::Array(values) => {
            AttributeValue::of(values.iter().filter_map(|value| text_of(value, ", ")).collect())
        }
        value => text_of(value, ", ").map(AttributeValue::One),
    }
}

fn trimmed<'t>(levels: impl Iterator<Item = &'t str>) -> Vec<String> {
    levels.map(|level| level.trim().to_owned()).collect()
}

/// A level of a category in the letters of a path: `Möbel & Küche` becomes `mobel-kuche`. A `+` or `#` at the end of
/// a word is spelled out, since it may be all that tells two categories apart: `C++`, `C#` and `C`.
fn slug(level: &str) -> String {
    let text = deunicode::deunicode(level).to_ascii_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '+' | '#'));
    words.map(spelled).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// A word with the signs at its end in words; any others only part it.
fn spelled(word: &str) -> String {
    let is_sign = |c: char| matches!(c, '+' | '#');
    let bare = word.trim_end_matches(is_sign);
    let mut parts: Vec<&str> = bare.split(is_sign).filter(|part| !part.is_empty()).collect();
    if !parts.is_empty() {
        let signs = word.chars().skip(bare.chars().count());
        parts.extend(signs.map(|sign| if sign == '+' { "plus" } else { "sharp" }));
    }
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn made(record: Value) -> Result<Product, String> {
        let fields = record.as_object().unwrap().clone();
        let columns: BTreeSet<String> = fields.keys().cloned().collect();
        let mapping = Mapping::default().complete(&columns).unwrap();
        Maker { mapping, currency: Currency::EUR }.product(&fields)
    }

    #[test]
    fn a_record_with_everything_becomes_a_product_with_everything() {
        let product = made(json!({
            "sku": 17, "title": " Lamp\u{0} ", "description": ["Bright.", "Small."], "category": "Möbel & Küche > Lights",
            "brand": "Lumo", "price": 19.990000000000002, "currency": "eur", "rating": "4.5", "review_count": 3,
            "stock": "out of stock", "image": "a.png", "created_at": "2026-11-21",
            "attributes": { "colour": ["red", "blue"], "none": null },
        }));
        let product = product.unwrap();
        assert_eq!((product.id.as_str(), product.name.as_str()), ("17", "Lamp"));
        assert_eq!(product.description.as_deref(), Some("Bright. Small."));
        assert_eq!(product.category.unwrap().as_str(), "mobel-kuche.lights");
        assert_eq!(product.categories_above, ["Möbel & Küche"]);
        assert_eq!(product.category_label.as_deref(), Some("Lights"));
        assert_eq!((product.price_cents, product.stock), (Some(Cents(1999)), Some(0)));
        let colours = AttributeValue::Several(vec!["red".to_owned(), "blue".to_owned()]);
        assert_eq!(product.attributes, BTreeMap::from([("colour".to_owned(), colours)]));
    }

    #[test]
    fn categories_that_only_signs_tell_apart_stay_apart() {
        let path = |category: &str| {
            let product = made(json!({ "id": "1", "name": "x", "category": category })).unwrap();
            product.category.unwrap().as_str().to_owned()
        };
        assert_eq!(
            ["C", "C++", "C#", "Toys + Games", "Bed+Bath", "#1 gifts", "Möbel > Küche", "日本"].map(path),
            ["c", "c-plus-plus", "c-sharp", "toys-games", "bed-bath", "1-gifts", "mobel.kuche", "ri-ben"]
        );
    }

    #[test]
    fn a_price_in_an_object_is_read_where_the_mapping_says() {
        let record = json!({ "id": "1", "name": "x", "price": { "amount": "5,20", "unit": "EUR" } });
        let fields = record.as_object().unwrap().clone();
        let columns: BTreeSet<String> = fields.keys().cloned().collect();
        let mapping =
            Mapping::parse("[fields]\nprice = \"price.amount\"").unwrap().complete(&columns).unwrap();
        let product = Maker { mapping, currency: Currency::EUR }.product(&fields).unwrap();
        assert_eq!(product.price_cents, Some(Cents(520)));
        let listed = made(json!({ "id": "1", "name": "x", "price": [5.2] })).unwrap();
        assert_eq!(listed.price_cents, Some(Cents(520)));
        assert_eq!(made(json!({ "id": "1", "name": "x", "price": [] })).unwrap().price_cents, None);
    }

    #[test]
    fn what_is_empty_is_unknown_and_refuses_nothing() {
        let product =
            made(json!({ "id": "1", "name": "x", "price": "", "stock": " ", "category": "", "brand": null }));
        let product = product.unwrap();
        assert_eq!(
            (product.price_cents, product.stock, product.category, product.brand),
            (None, None, None, None)
        );
    }

    #[test]
    fn what_cannot_be_meant_refuses_the_record_with_its_reason() {
        for (field, value, reason) in [
            ("id", json!("a b"), "product_id must be"),
            ("name", json!(" "), "the name is empty"),
            ("price", json!(19.995), "cannot be read as an amount"),
            ("price", json!(-1), "is not one amount"),
            ("price", json!([5, 6]), "is not one amount"),
            (
                "price",
                json!({ "amount": 5, "unit": "EUR" }),
                "is an object of amount, unit: say in the mapping which of them it is, such as price = \"price.amount\"",
            ),
            ("price", json!([{ "amount": 5 }]), "is an object of amount: say in the mapping"),
            ("price_cents", json!({ "value": 5 }), "the price_cents is an object of value"),
            ("rating", json!(7), "rating must be a number from 0 to 5"),
            ("stock", json!("some"), "stock must be a number"),
            ("currency", json!("USD"), "SHOP_CURRENCY is EUR"),
            ("created_at", json!("yesterday"), "created_at must be"),
        ] {
            let mut record = json!({ "id": "1", "name": "x" });
            record[field] = value;
            let error = made(record).unwrap_err();
            assert!(error.contains(reason), "{field}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_anywhere_makes_it_fail(text in any::<String>()) {
            for field in ["id", "name", "category", "price", "stock", "rating", "created_at", "attributes"] {
                let mut record = json!({ "id": "1", "name": "x" });
                record[field] = json!(text);
                let _ = made(record);
            }
        }
    }
}
