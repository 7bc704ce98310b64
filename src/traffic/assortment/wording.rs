//! How shoppers ask for a product: a small grammar over the shop's own words.
//!
//! What is asked for a product finds it, but for a favourite brand that does not make such things.

use std::collections::HashMap;

use rand::RngExt;
use smol_str::{SmolStr, format_smolstr};

use crate::catalog::index::synonym_rules;
use crate::traffic::assortment::Rank;
use crate::traffic::assortment::lexicon::{joined, meanings};
use crate::traffic::assortment::shelf::Shelf;
use crate::traffic::chance::Chance;
use crate::traffic::taste::Taste;

/// Words of one product's name that anybody remembers.
const NAME_WORDS_MAX: usize = 8;
/// Shortest word of a name that anybody types.
const WORD_CHARS_MIN: usize = 3;
/// Share of shoppers who call a thing by another name than the shop, where there is one.
const OTHER_NAME: f64 = 0.15;

/// The words by product and category.
pub struct Wording {
    /// The words of names, each once, in small letters.
    words: Vec<SmolStr>,
    /// Where a product's words begin among `spoken`; one more than there are products.
    begins: Vec<u32>,
    /// Words of the products' names, without those of brand and category.
    spoken: Vec<u32>,
    aisles: Vec<Names>,
    brands: Vec<SmolStr>,
}

/// What shoppers call a leaf category.
struct Names {
    own: SmolStr,
    /// One of them, in the singular.
    one: SmolStr,
    others: Vec<SmolStr>,
    /// The category above it.
    broader: SmolStr,
}

impl Wording {
    /// Gathers the words.
    pub fn new(shelf: &Shelf) -> Self {
        let mut wording = Self {
            words: Vec::new(),
            begins: vec![0],
            spoken: Vec::new(),
            aisles: Vec::new(),
            brands: shelf.brands.iter().map(|brand| brand.to_lowercase().into()).collect(),
        };
        let other_names = other_names();
        wording.aisles.extend(shelf.aisles.iter().map(|aisle| {
            let path = aisle.ranks.first().and_then(|rank| shelf.products.get(*rank as usize));
            let path = path.map(|product| product.category.as_str()).unwrap_or_default();
            Names::new(&aisle.label, path, &other_names)
        }));
        let mut numbers = HashMap::new();
        for (rank, product) in shelf.products.iter().enumerate() {
            let name = product.name.to_lowercase();
            let traits = shelf.traits.get(rank).copied().unwrap_or_default();
            let brand = wording.brands.get(traits.brand as usize);
            let aisle = wording.aisles.get(shelf.aisle_number(rank as Rank));
            let is_common = |word: &str| {
                brand.is_some_and(|brand| brand.contains(word))
                    || aisle.is_some_and(|aisle| aisle.own.contains(word))
            };
            let pieces = name.split(|letter: char| !letter.is_alphanumeric());
            for word in pieces.filter(|word| !word.is_empty() && !is_common(word)).take(NAME_WORDS_MAX) {
                let number = *numbers.entry(word.to_owned()).or_insert_with(|| {
                    wording.words.push(word.into());
                    wording.words.len() as u32 - 1
                });
                wording.spoken.push(number);
            }
            wording.begins.push(wording.spoken.len() as u32);
        }
        wording
    }

    /// What somebody types who wants this product.
    pub fn of(&self, wanted: Rank, taste: &Taste, shelf: &Shelf, chance: &mut Chance) -> SmolStr {
        let Some(names) = self.aisles.get(shelf.aisle_number(wanted)) else { return SmolStr::default() };
        let brand = self.brand(wanted, shelf);
        match chance.random::<f64>() {
            ..0.34 => names.any(chance).clone(),
            ..0.62 => two(brand, names.any(chance)),
            ..0.76 => two(self.attribute(wanted, chance).unwrap_or(brand), names.any(chance)),
            ..0.87 => self.model(wanted, brand),
            ..0.94 => brand.clone(),
            ..0.97 => names.broader.clone(),
            _ => {
                let liked = chance.one_of(&taste.brands).and_then(|brand| self.brands.get(*brand as usize));
                two(liked.unwrap_or(brand), names.any(chance))
            }
        }
    }

    /// A word that makes a search for this product narrower: of its name, or its brand.
    pub fn narrowing<'a>(&'a self, wanted: Rank, shelf: &Shelf, chance: &mut Chance) -> &'a str {
        let word = chance.random_bool(0.5).then(|| self.attribute(wanted, chance)).flatten();
        word.unwrap_or_else(|| self.brand(wanted, shelf).as_str())
    }

    fn brand(&self, rank: Rank, shelf: &Shelf) -> &SmolStr {
        const NONE: &SmolStr = &SmolStr::new_static("");
        let number = shelf.traits.get(rank as usize).map_or(0, |traits| traits.brand);
        self.brands.get(number as usize).unwrap_or(NONE)
    }

    /// The words of a product's name that are neither brand nor category.
    fn spoken(&self, rank: Rank) -> impl Iterator<Item = &str> {
        let bound = |at: usize| self.begins.get(at).map_or(0, |at| *at as usize);
        let numbers = self.spoken.get(bound(rank as usize)..bound(rank as usize + 1)).unwrap_or_default();
        numbers.iter().filter_map(|number| self.words.get(*number as usize)).map(SmolStr::as_str)
    }

    /// A word such as a colour or a material.
    fn attribute(&self, rank: Rank, chance: &mut Chance) -> Option<&str> {
        let is_typed = |word: &&str| {
            word.chars().count() >= WORD_CHARS_MIN && !word.starts_with(|first: char| first.is_numeric())
        };
        let count = self.spoken(rank).filter(is_typed).count();
        let at = (count > 0).then(|| chance.random_range(0..count))?;
        self.spoken(rank).filter(is_typed).nth(at)
    }

    /// The name of the model: the brand and the first word of the name, with a number behind it.
    fn model(&self, rank: Rank, brand: &str) -> SmolStr {
        let mut words = self.spoken(rank);
        let first = words.next().unwrap_or_default();
        let number = words.next().filter(|word| word.starts_with(|first: char| first.is_numeric()));
        let model = two(brand, first);
        number.map_or_else(|| model.clone(), |number| two(&model, number))
    }
}

impl Names {
    fn new(label: &str, path: &str, other_names: &[(String, SmolStr)]) -> Self {
        let own = SmolStr::from(label.to_lowercase());
        let one = joined(&own);
        let others = other_names.iter().filter(|(name, _)| *name == one).map(|(_, other)| other.clone());
        let broader = path.rsplit('.').nth(1).unwrap_or(path).replace(['-', '_'], " ");
        Self { others: others.collect(), own, broader: broader.into(), one: one.into() }
    }

    fn any(&self, chance: &mut Chance) -> &SmolStr {
        match chance.random::<f64>() {
            ..OTHER_NAME => chance.one_of(&self.others).unwrap_or(&self.own),
            ..0.3 => &self.one,
            _ => &self.own,
        }
    }
}

/// A name of the shop's, as the index keeps it, with what shoppers type for it.
fn other_names() -> Vec<(String, SmolStr)> {
    let of_rule = |(typed, meant): (Vec<&str>, Vec<&str>)| {
        let names: Vec<String> = meant.into_iter().map(joined).collect();
        let pairs = typed.into_iter().flat_map(|typed| {
            let others = names.iter().filter(move |name| **name != joined(typed));
            others.map(move |name| (name.clone(), SmolStr::from(typed)))
        });
        pairs.collect::<Vec<_>>()
    };
    synonym_rules().map(meanings).flat_map(of_rule).collect()
}

fn two(first: &str, second: &str) -> SmolStr {
    if first.is_empty() || second.is_empty() {
        return format_smolstr!("{first}{second}");
    }
    format_smolstr!("{first} {second}")
}
