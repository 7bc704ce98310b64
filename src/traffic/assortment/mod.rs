//! The shelf, arranged for a shopper's questions: which product is wanted, how does one ask for it, and what
//! does a search find.
//!
//! Products are numbered by popularity, the best seller first, so that every list of them is ranked as
//! it stands. The numbers ([`Rank`]) hold only inside one assortment.

mod bursts;
mod interest;
mod lexicon;
mod matcher;
mod posting;
mod shelf;
mod wording;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::RngExt;
use smol_str::SmolStr;

use crate::catalog::shelf::ShelfProduct;
use crate::model::event::{Attribution, Item};
use crate::model::time::Timestamp;
use crate::traffic::assortment::bursts::Surges;
use crate::traffic::assortment::interest::Interest;
use crate::traffic::assortment::matcher::Matcher;
use crate::traffic::assortment::shelf::Shelf;
use crate::traffic::assortment::wording::Wording;
use crate::traffic::chance::{Chance, Ladder};
use crate::traffic::taste::Taste;

pub use crate::traffic::assortment::bursts::{Burst, Bursts};
pub use crate::traffic::assortment::interest::Traits;
pub use crate::traffic::assortment::matcher::Answer;

/// A product's place by popularity, from 0.
pub type Rank = u32;

/// Results on one page, as the API's default.
pub const PAGE_RESULTS: usize = 12;
/// Results that are kept: two pages, further down nobody looks.
pub const RESULTS_KEPT: usize = 2 * PAGE_RESULTS;

/// Most draws until a product is one that can be bought.
const DRAWS_MAX: usize = 50;

/// The shelf with its indices. Not empty.
pub struct Assortment {
    shelf: Shelf,
    interest: Interest,
    surges: Surges,
    glances: Ladder,
    wording: Wording,
    matcher: Matcher,
}

impl Assortment {
    /// Arranges the shelf; `None` when it is empty.
    pub fn new(products: Vec<ShelfProduct>) -> Option<Self> {
        let shelf = Shelf::new(products);
        let calm = Bursts { every_hours: 0.0, ..Bursts::default() };
        Some(Self {
            interest: Interest::new(&shelf.traits)?,
            surges: Surges::new(calm, 0, Timestamp::MIN, shelf.products.len() as Rank),
            glances: Ladder::new((1..=RESULTS_KEPT).map(|position| 1.0 / position as f64))?,
            wording: Wording::new(&shelf),
            matcher: Matcher::new(&shelf),
            shelf,
        })
    }

    /// How many products there are.
    pub fn products(&self) -> u64 {
        self.shelf.products.len() as u64
    }

    /// Lets products go viral in a run that begins at `start`.
    pub fn stir(&mut self, bursts: Bursts, seed: u64, start: Timestamp) {
        self.surges = Surges::new(bursts, seed, start, self.shelf.products.len() as Rank);
    }

    /// Lets the time go on, so that interest drifts.
    pub fn turn_to(&mut self, now: Timestamp) {
        self.surges.turn_to(now);
    }

    /// A product that somebody of this taste wants now: a viral one, or one by the law of interest.
    pub fn wanted(&self, taste: &Taste, chance: &mut Chance) -> Rank {
        let viral = self.surges.draw(chance);
        viral.unwrap_or_else(|| self.interest.wanted(taste, &self.shelf.traits, chance))
    }

    /// A product by the lasting law of interest, whoever wants it.
    pub fn popular(&self, chance: &mut Chance) -> Rank {
        self.interest.popular(chance)
    }

    /// Whether everybody talks about a product now.
    pub fn is_viral(&self, rank: Rank) -> bool {
        self.surges.is_viral(rank)
    }

    /// Where the eye falls on a list of results, from 0: on position n with a weight of 1/n, as click logs
    /// show it. `None` when the list is empty.
    pub fn glance(&self, results: usize, chance: &mut Chance) -> Option<usize> {
        (results > 0).then(|| self.glances.climb_below(results, chance))
    }

    /// Another product of the same leaf category, a popular one rather than not.
    pub fn alike(&self, rank: Rank, chance: &mut Chance) -> Rank {
        let ranks = self.shelf.aisle_of(rank).map(|aisle| aisle.ranks.as_slice()).unwrap_or_default();
        let skewed = chance.random::<f64>() * chance.random::<f64>();
        ranks.get((skewed * ranks.len() as f64) as usize).copied().unwrap_or(rank)
    }

    /// The product of a place.
    pub fn product(&self, rank: Rank) -> Option<&ShelfProduct> {
        self.shelf.products.get(rank as usize)
    }

    /// What a taste is about, of one product.
    pub fn traits(&self, rank: Rank) -> Traits {
        self.shelf.traits.get(rank as usize).copied().unwrap_or_default()
    }

    /// The first product drawn of which there is a piece to be sold; `None` where hardly any is.
    pub fn in_stock(&self, draw: impl FnMut() -> Rank) -> Option<Rank> {
        std::iter::repeat_with(draw).take(DRAWS_MAX).find(|rank| self.is_sold(*rank))
    }

    /// Whether there is a piece to be sold.
    pub fn is_sold(&self, rank: Rank) -> bool {
        self.product(rank).is_some_and(|product| product.stock > 0)
    }

    /// One piece of a product as a shopper sees it now.
    pub fn item(&self, rank: Rank, attribution: Option<Attribution>) -> Option<Item> {
        Some(Item {
            product_id: self.product(rank)?.id.clone(),
            category: self.shelf.aisle_of(rank)?.category.clone(),
            brand: self.shelf.brand(rank),
            unit_price_cents: *self.shelf.prices.get(rank as usize)?,
            quantity: 1,
            attribution,
        })
    }

    /// What somebody who wants this product searches for, spelled right.
    pub fn wording(&self, wanted: Rank, taste: &Taste, chance: &mut Chance) -> SmolStr {
        self.wording.of(wanted, taste, &self.shelf, chance)
    }

    /// A word that makes a search for this product narrower, such as its brand.
    pub fn narrowing_word(&self, wanted: Rank, chance: &mut Chance) -> &str {
        self.wording.narrowing(wanted, &self.shelf, chance)
    }

    /// A filter that this product passes, by name and value.
    pub fn filter(&self, wanted: Rank, chance: &mut Chance) -> Option<(SmolStr, SmolStr)> {
        matcher::filter(wanted, &self.shelf, chance)
    }

    /// What the shop answers to a text and filters by name: products that have every word, or what shoppers
    /// call the same thing, the last word perhaps unfinished, one slip in each forgiven; the most popular
    /// first. The same question always has the same answer.
    pub fn find(&self, text: &str, filters: &BTreeMap<SmolStr, SmolStr>) -> Arc<Answer> {
        self.matcher.find(text, filters, &self.shelf)
    }
}
