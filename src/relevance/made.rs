//! The judged queries that come with shoplens: made from the taxonomy and the attributes of a made-up
//! catalogue of fixed seed and size, not from what any search answers. Pure.
//!
//! A query wishes for a category and for some properties. A product of that category gets 3 if it has all of
//! them, 2 if at least half, 1 if less, and every other product 0.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::catalog::synthesis::{Catalogue, DEFAULT_SEED};
use crate::catalog::taxonomy::{Taxonomy, TaxonomyError};
use crate::model::category::CategoryPath;
use crate::model::money::Currency;
use crate::model::product::Product;
use crate::relevance::judgments::Judged;
use crate::relevance::metrics::Grades;

/// Products of the catalogue: so few that no category but a few has more than `RELEVANT_MAX`.
pub const PRODUCTS: u64 = 1_800;
/// Products that may answer a query; queries with more are left out, since ten of them prove little.
const RELEVANT_MAX: usize = 50;
/// The seed of what is drawn.
const SEED: u64 = 8;
/// Shortest word that gets a typing error, in characters.
const TYPO_CHARS_MIN: usize = 5;
/// Values by which nobody searches.
const EMPTY_VALUES: [&str; 6] = ["none", "standard", "single", "plain", "fixed", "conventional"];

/// The judgments as shipped, in the format of [`crate::relevance::judgments`].
pub const SHIPPED: &str = include_str!("../../judgments/made-up.tsv");
const NAMES: &str = include_str!("../../judgments/names.tsv");
const TRAPS: &str = include_str!("../../judgments/traps.txt");

/// The catalogue that the shipped judgments are about.
///
/// # Errors
/// [`TaxonomyError`], which a unit test of the taxonomy keeps from being shipped.
pub fn catalogue() -> Result<Catalogue, TaxonomyError> {
    Ok(Catalogue { taxonomy: Arc::new(Taxonomy::built_in()?), seed: DEFAULT_SEED, currency: Currency::EUR })
}

/// Queries that no product of [`catalogue`] answers.
pub fn traps() -> impl Iterator<Item = &'static str> {
    lines(TRAPS)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What a shopper wants.
struct Wish {
    query: String,
    kind: &'static str,
    category: CategoryPath,
    properties: Vec<Property>,
}

/// One thing that a product must have.
#[derive(Clone)]
enum Property {
    Brand(String),
    Attribute(String, String),
}

impl Property {
    fn is_of(&self, product: &Product) -> bool {
        match self {
            Self::Brand(brand) => product.brand.as_ref() == Some(brand),
            Self::Attribute(name, value) => {
                product.attribute_values().any(|(own, has)| own == name && has == value)
            }
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Brand(text) | Self::Attribute(_, text) => text,
        }
    }
}

impl Wish {
    /// A wish for a product of this category with these properties, in the order of the words.
    fn of(kind: &'static str, category: &CategoryPath, noun: &str, properties: Vec<Property>) -> Self {
        let words: Vec<&str> = properties.iter().map(Property::text).chain([noun]).collect();
        Self { query: words.join(" "), kind, category: category.clone(), properties }
    }

    fn grade(&self, product: &Product) -> Option<f64> {
        if product.category.as_ref() != Some(&self.category) {
            return None;
        }
        let had = self.properties.iter().filter(|property| property.is_of(product)).count();
        Some(match self.properties.len() {
            all if had == all => 3.0,
            all if 2 * had >= all => 2.0,
            _ => 1.0,
        })
    }
}

/// Makes the judged queries, every kind of every department in turn.
pub fn judged(catalogue: &Catalogue) -> Vec<Judged> {
    let products: Vec<Product> = catalogue.products(1..=PRODUCTS).collect();
    let mut by_category: BTreeMap<&CategoryPath, Vec<&Product>> = BTreeMap::new();
    for product in &products {
        if let Some(category) = &product.category {
            by_category.entry(category).or_default().push(product);
        }
    }
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut wishes = Vec::new();
    for (at, (category, products)) in by_category.iter().enumerate() {
        wishes.extend(wishes_of(at, category, products, &mut rng));
    }
    wishes.sort_by_key(|wish| wish.kind);
    let mut seen = std::collections::BTreeSet::new();
    wishes.retain(|wish| seen.insert(wish.query.clone()));
    wishes.into_iter().filter_map(|wish| judge(wish, &by_category)).collect()
}

fn judge(wish: Wish, by_category: &BTreeMap<&CategoryPath, Vec<&Product>>) -> Option<Judged> {
    let products = by_category.get(&wish.category)?;
    let grades: Grades =
        products.iter().filter_map(|product| Some((product.id.to_string(), wish.grade(product)?))).collect();
    let fits = grades.len() <= RELEVANT_MAX;
    fits.then(|| Judged { query: wish.query, kind: wish.kind.to_owned(), grades })
}

/// The wishes for one category: of each kind one, of some kinds in every other category.
fn wishes_of(at: usize, category: &CategoryPath, products: &[&Product], rng: &mut ChaCha8Rng) -> Vec<Wish> {
    let Some(example) = products.choose(rng) else { return Vec::new() };
    let (Some(label), Some(brand)) = (&example.category_label, &example.brand) else { return Vec::new() };
    let label = noun(label, rng);
    let mut properties = tellable(example);
    let attribute = properties.choose(rng).cloned();
    let brand = Property::Brand(brand.clone());
    let mut wishes = Vec::new();
    if at.is_multiple_of(2) {
        wishes.push(Wish::of("category", category, &label, Vec::new()));
        wishes.push(misspelled(Wish::of("typo", category, &label, vec![brand]), rng));
    } else {
        wishes.push(Wish::of("brand", category, &label, vec![brand]));
        wishes.push(misspelled(Wish::of("typo", category, &label, attribute.iter().cloned().collect()), rng));
    }
    wishes.extend(attribute.map(|attribute| Wish::of("attribute", category, &label, vec![attribute])));
    if properties.len() > 1 && !at.is_multiple_of(3) {
        let first = properties.swap_remove(rng.random_range(0..properties.len()));
        let second = properties.choose(rng).cloned();
        wishes.push(Wish::of("attributes", category, &label, second.into_iter().chain([first]).collect()));
    }
    wishes.extend(in_one_word(category, &label, example));
    let names = lines(NAMES).filter_map(|line| line.split_once('\t'));
    let names = names.filter(|(path, _)| *path == category.as_str());
    wishes.extend(names.map(|(_, name)| Wish::of("synonym", category, name, Vec::new())));
    wishes
}

/// The label in lower case, now and then in the singular where that only takes an s away.
fn noun(label: &str, rng: &mut ChaCha8Rng) -> String {
    let label = label.to_lowercase();
    match label.strip_suffix('s') {
        Some(singular) if !singular.ends_with(['s', 'e']) && rng.random() => singular.to_owned(),
        _ => label,
    }
}

/// The attributes of a product by which people search.
fn tellable(product: &Product) -> Vec<Property> {
    let says_something = |value: &str| {
        !EMPTY_VALUES.contains(&value) && !value.starts_with("no ") && !value.starts_with("without ")
    };
    let attributes = product.attribute_values().filter(|(_, value)| says_something(value));
    attributes.map(|(name, value)| Property::Attribute(name.to_owned(), value.to_owned())).collect()
}

/// A wish for a size that is typed without its space: `256gb`.
fn in_one_word(category: &CategoryPath, label: &str, example: &Product) -> Option<Wish> {
    let is_size = |value: &str| {
        value
            .split_once(' ')
            .is_some_and(|(number, unit)| number.parse::<f64>().is_ok() && !unit.contains(' '))
    };
    let (name, value) = example.attribute_values().find(|(_, value)| is_size(value))?;
    let property = Property::Attribute(name.to_owned(), value.to_owned());
    let query = format!("{} {label}", value.replace(' ', "").to_lowercase());
    Some(Wish { query, kind: "size", category: category.clone(), properties: vec![property] })
}

/// The wish with one typing error in its longest word: a letter left out, doubled, swapped or replaced, but
/// not the first.
fn misspelled(wish: Wish, rng: &mut ChaCha8Rng) -> Wish {
    let letters = |word: &&str| word.chars().all(char::is_alphabetic) && word.len() >= TYPO_CHARS_MIN;
    let Some(word) = wish.query.split(' ').filter(letters).max_by_key(|word| word.len()) else { return wish };
    let mut typed: Vec<char> = word.chars().collect();
    let at = rng.random_range(1..typed.len() - 1);
    match rng.random_range(0..4) {
        0 => drop(typed.remove(at)),
        1 => typed.insert(at, typed[at]),
        2 => typed.swap(at, at + 1),
        _ => typed[at] = char::from(b'a' + rng.random_range(0..26_u8)),
    }
    let query = wish.query.replacen(word, &typed.iter().collect::<String>(), 1);
    Wish { query, ..wish }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relevance::judgments::{read, write};

    #[test]
    fn the_shipped_judgments_are_those_that_are_made() {
        let made = write(&judged(&catalogue().unwrap()));
        let shipped: String = lines(SHIPPED).map(|line| format!("{line}\n")).collect();
        assert!(made == shipped, "run: relevance --make > judgments/made-up.tsv");
    }

    #[test]
    fn there_are_enough_queries_of_every_kind_with_few_answers_each() {
        let queries = read(SHIPPED).unwrap();
        assert!(queries.len() >= 200, "{} queries", queries.len());
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for judged in &queries {
            *kinds.entry(&judged.kind).or_default() += 1;
            assert!((1..=RELEVANT_MAX).contains(&judged.grades.len()), "{}", judged.query);
            assert!(judged.grades.values().any(|grade| *grade == 3.0), "{}", judged.query);
        }
        let expected = ["attribute", "attributes", "brand", "category", "size", "synonym", "typo"];
        assert_eq!(kinds.keys().copied().collect::<Vec<_>>(), expected);
        assert!(kinds.values().all(|queries| *queries >= 15), "{kinds:?}");
    }

    #[test]
    fn no_product_has_all_the_words_of_a_trap() {
        let catalogue = catalogue().unwrap();
        let text = |product: Product| {
            let values: Vec<&str> = product.attribute_values().map(|(_, value)| value).collect();
            let Product { name, description, brand, category_label, .. } = &product;
            let rest = [description, brand, category_label].map(|text| text.as_deref().unwrap_or_default());
            [&[name.as_str()], rest.as_slice(), &values].concat().join(" ").to_lowercase()
        };
        let texts: Vec<String> = catalogue.products(1..=PRODUCTS).map(text).collect();
        for trap in traps() {
            let trap = trap.to_lowercase();
            let has_all = |text: &&String| trap.split(' ').all(|word| text.contains(word));
            assert_eq!(texts.iter().find(has_all), None, "{trap}");
        }
    }
}
