//! The shelf, arranged for a shopper's two questions: which product is wanted, and what does a search find.
//!
//! Products are numbered by popularity, the best seller first, so that every list of them is ranked as
//! it stands. The numbers ([`Rank`]) hold only inside one assortment.

use std::collections::{BTreeMap, HashMap};

use rand::RngExt;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::catalog::shelf::ShelfProduct;
use crate::model::event::{Attribution, Item};
use crate::model::money::Cents;
use crate::traffic::chance::{Chance, Ladder};

/// A product's place by popularity, from 0.
pub type Rank = u32;

/// Interest in the product of place k is proportional to 1/k^0.9: Zipf's law as shops' logs show it
/// (exponents of 0.8 to 1.2).
const ZIPF_EXPONENT: f64 = 0.9;
/// Words of one product's name that can be searched for.
const NAME_WORDS_MAX: usize = 6;
/// Shortest word of a name that anybody types.
const WORD_CHARS_MIN: usize = 3;
/// Results that are kept: two pages, further down nobody looks.
pub const RESULTS_KEPT: usize = 24;

/// How interest in products drifts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bursts {}

/// What a search is meant to find.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// The leaf category; `None` for a brand in all of them.
    aisle: Option<u32>,
    /// A brand or a word of a name.
    word: Option<u32>,
    /// The most that a piece may cost.
    pub price_max: Option<Cents>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// All products that fit.
    pub count: u64,
    /// The first [`RESULTS_KEPT`] of them, best first.
    pub ranks: Vec<Rank>,
}

struct Aisle {
    label: String,
    ranks: Vec<Rank>,
}

struct Placed {
    product: ShelfProduct,
    aisle: u32,
    brand: u32,
    words: Vec<u32>,
}

/// The shelf with its indices. Not empty.
pub struct Assortment {
    placed: Vec<Placed>,
    interest: Ladder,
    glances: Ladder,
    aisles: Vec<Aisle>,
    words: Vec<String>,
    /// Products by word, in one aisle or in all; all only for brands.
    by_word: HashMap<(Option<u32>, u32), Vec<Rank>>,
}

impl Assortment {
    /// Arranges the shelf; `None` when it is empty.
    pub fn new(mut shelf: Vec<ShelfProduct>) -> Option<Self> {
        shelf.sort_by(|a, b| b.popularity.total_cmp(&a.popularity).then_with(|| a.id.cmp(&b.id)));
        let interest = Ladder::new((1..=shelf.len()).map(|place| (place as f64).powf(-ZIPF_EXPONENT)))?;
        let glances = Ladder::new((1..=RESULTS_KEPT).map(|position| 1.0 / position as f64))?;
        let mut assortment = Self {
            placed: Vec::new(),
            interest,
            glances,
            aisles: Vec::new(),
            words: Vec::new(),
            by_word: HashMap::new(),
        };
        let mut aisle_numbers = BTreeMap::new();
        let mut word_numbers = HashMap::new();
        for product in shelf {
            let aisle = *aisle_numbers.entry(product.category.clone()).or_insert_with(|| {
                let label = product.category_label.to_lowercase();
                assortment.aisles.push(Aisle { label, ranks: Vec::new() });
                assortment.aisles.len() as u32 - 1
            });
            assortment.place(product, aisle, &mut word_numbers);
        }
        Some(assortment)
    }

    fn place(&mut self, product: ShelfProduct, aisle: u32, numbers: &mut HashMap<String, u32>) {
        let rank = self.placed.len() as Rank;
        let Some(Aisle { label, ranks }) = self.aisles.get_mut(aisle as usize) else { return };
        ranks.push(rank);
        let mut number = |word: &str| {
            *numbers.entry(word.to_owned()).or_insert_with(|| {
                self.words.push(word.to_owned());
                self.words.len() as u32 - 1
            })
        };
        let brand_text = product.brand.to_lowercase();
        let brand = number(&brand_text);
        let mut words = Vec::new();
        for word in name_words(&product.name.to_lowercase()) {
            if !label.contains(word) && !brand_text.contains(word) {
                words.push(number(word));
            }
        }
        words.sort_unstable();
        words.dedup();
        self.by_word.entry((None, brand)).or_default().push(rank);
        for word in words.iter().chain([&brand]) {
            self.by_word.entry((Some(aisle), *word)).or_default().push(rank);
        }
        self.placed.push(Placed { product, aisle, brand, words });
    }

    /// A product that somebody wants, by the law of interest.
    pub fn wanted(&self, chance: &mut Chance) -> Rank {
        self.interest.climb(chance) as Rank
    }

    /// Where the eye falls on a list of results, from 0: on position n with a weight of 1/n, as click logs
    /// show it. `None` when the list is empty.
    pub fn glance(&self, results: usize, chance: &mut Chance) -> Option<usize> {
        (results > 0).then(|| self.glances.climb_below(results, chance))
    }

    /// Another product of the same leaf category, a popular one rather than not.
    pub fn alike(&self, rank: Rank, chance: &mut Chance) -> Rank {
        let aisle = self.placed.get(rank as usize).and_then(|placed| self.aisles.get(placed.aisle as usize));
        let Some(ranks) = aisle.map(|aisle| &aisle.ranks) else { return rank };
        let skewed: f64 = chance.random::<f64>() * chance.random::<f64>();
        ranks.get((skewed * ranks.len() as f64) as usize).copied().unwrap_or(rank)
    }

    /// The product of a place.
    pub fn product(&self, rank: Rank) -> Option<&ShelfProduct> {
        self.placed.get(rank as usize).map(|placed| &placed.product)
    }

    /// Whether there is a piece to be sold.
    pub fn is_sold(&self, rank: Rank) -> bool {
        self.product(rank).is_some_and(|product| product.stock > 0)
    }

    /// One piece of a product as a shopper sees it now.
    pub fn item(&self, rank: Rank, attribution: Option<Attribution>) -> Option<Item> {
        self.product(rank).map(|product| Item {
            product_id: product.id.clone(),
            category: product.category.clone(),
            brand: product.brand.as_str().into(),
            unit_price_cents: product.price_cents,
            quantity: 1,
            attribution,
        })
    }

    /// What somebody who wants this product searches for: its category, mostly with a brand or a word of
    /// its name, or its brand alone.
    pub fn need(&self, wanted: Rank, chance: &mut Chance) -> Need {
        let Some(placed) = self.placed.get(wanted as usize) else {
            return Need { aisle: Some(0), word: None, price_max: None };
        };
        let style: f64 = chance.random();
        let word = match style {
            ..0.40 => None,
            ..0.72 => Some(placed.brand),
            ..0.92 => Some(chance.one_of(&placed.words).copied().unwrap_or(placed.brand)),
            _ => return Need { aisle: None, word: Some(placed.brand), price_max: None },
        };
        Need { aisle: Some(placed.aisle), word, price_max: None }
    }

    /// A narrower need of the same product, and the filter that was set for it, if it was not typed.
    pub fn narrower(
        &self,
        need: &Need,
        wanted: Rank,
        chance: &mut Chance,
    ) -> (Need, Option<(SmolStr, SmolStr)>) {
        let Some(placed) = self.placed.get(wanted as usize) else { return (need.clone(), None) };
        if need.price_max.is_none() && chance.random_bool(0.4) {
            // The next round number above what the wanted product costs.
            let step = if placed.product.price_cents < Cents(10_000) { 1_000 } else { 10_000 };
            let price_max =
                Cents((placed.product.price_cents.0 / step).saturating_add(1).saturating_mul(step));
            let filter = ("max_price".into(), format_smolstr!("{}", price_max.0 / 100));
            return (Need { price_max: Some(price_max), ..need.clone() }, Some(filter));
        }
        let narrowed = Need { aisle: Some(placed.aisle), word: Some(placed.brand), ..need.clone() };
        let filter = ("brand".into(), placed.product.brand.as_str().into());
        (narrowed, chance.random_bool(0.5).then_some(filter))
    }

    /// The words of a need, as they are typed.
    pub fn words(&self, need: &Need) -> String {
        let label =
            need.aisle.and_then(|aisle| self.aisles.get(aisle as usize)).map(|aisle| aisle.label.as_str());
        let word = need.word.and_then(|word| self.words.get(word as usize)).map(String::as_str);
        [word, label].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// What a search for this need finds.
    pub fn find(&self, need: &Need) -> Found {
        let ranks = match (need.aisle, need.word) {
            (aisle, Some(word)) => self.by_word.get(&(aisle, word)),
            (Some(aisle), None) => self.aisles.get(aisle as usize).map(|aisle| &aisle.ranks),
            (None, None) => None,
        };
        let ranks: &[Rank] = ranks.map_or(&[], Vec::as_slice);
        let Some(price_max) = need.price_max else {
            let kept = ranks.get(..RESULTS_KEPT).unwrap_or(ranks).to_vec();
            return Found { count: ranks.len() as u64, ranks: kept };
        };
        let fits = |rank: &Rank| self.product(*rank).is_some_and(|product| product.price_cents <= price_max);
        let mut found = Found { count: 0, ranks: Vec::with_capacity(RESULTS_KEPT) };
        for rank in ranks.iter().copied().filter(fits) {
            found.count += 1;
            if found.ranks.len() < RESULTS_KEPT {
                found.ranks.push(rank);
            }
        }
        found
    }
}

fn name_words(name: &str) -> impl Iterator<Item = &str> {
    let is_typed = |word: &&str| {
        word.chars().count() >= WORD_CHARS_MIN && !word.starts_with(|first: char| first.is_numeric())
    };
    name.split(|letter: char| !letter.is_alphanumeric()).filter(is_typed).take(NAME_WORDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::tests::{product, shelf};
    use proptest::prelude::*;

    fn two_headphones() -> Assortment {
        let small =
            ShelfProduct { popularity: 0.1, ..product(1, "electronics.audio.headphones", "Sonora", 5_999) };
        let great =
            ShelfProduct { popularity: 0.9, ..product(2, "electronics.audio.headphones", "Lumo", 9_999) };
        Assortment::new(vec![small, great]).unwrap()
    }

    #[test]
    fn an_empty_shelf_is_no_assortment() {
        assert!(Assortment::new(Vec::new()).is_none());
    }

    #[test]
    fn a_search_finds_what_fits_with_the_most_popular_first() {
        let assortment = two_headphones();
        let all = Need { aisle: Some(0), word: None, price_max: None };
        assert_eq!(assortment.find(&all), Found { count: 2, ranks: vec![0, 1] });
        let cheap = Need { price_max: Some(Cents(6_000)), ..all.clone() };
        assert_eq!(assortment.find(&cheap), Found { count: 1, ranks: vec![1] });
        let brand = Need { word: Some(assortment.placed[0].brand), ..all };
        assert_eq!(assortment.find(&brand), Found { count: 1, ranks: vec![0] });
        assert_eq!(assortment.words(&brand), "lumo headphones");
    }

    proptest! {
        #[test]
        fn a_need_and_its_narrowing_always_find_the_wanted_product(seed: u64) {
            let assortment = Assortment::new(shelf()).unwrap();
            let mut chance = Chance::new(seed);
            let wanted = assortment.wanted(&mut chance);
            let need = assortment.need(wanted, &mut chance);
            let (narrow, _) = assortment.narrower(&need, wanted, &mut chance);
            for need in [need, narrow] {
                let found = assortment.find(&need);
                prop_assert!(found.count >= found.ranks.len() as u64 && found.count > 0);
                prop_assert!(found.ranks.is_sorted());
                prop_assert!(found.ranks.len() == RESULTS_KEPT || found.ranks.contains(&wanted), "{:?}", need);
                prop_assert!(!assortment.words(&need).is_empty());
            }
        }
    }
}
