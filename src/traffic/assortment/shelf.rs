//! The products in the order of their popularity, with what they have in common numbered.

use std::collections::{BTreeMap, HashMap};

use smol_str::SmolStr;

use crate::catalog::shelf::ShelfProduct;
use crate::model::category::CategoryPath;
use crate::model::money::Cents;
use crate::traffic::assortment::Rank;
use crate::traffic::assortment::interest::Traits;

/// Steps of a price level.
const PRICE_LEVELS: usize = 5;

/// All products.
pub struct Shelf {
    /// The best seller first.
    pub products: Vec<ShelfProduct>,
    /// What a taste is about, of each.
    pub traits: Vec<Traits>,
    /// The price of each.
    pub prices: Vec<Cents>,
    /// The leaf categories.
    pub aisles: Vec<Aisle>,
    /// The brands by their numbers.
    pub brands: Vec<SmolStr>,
    aisle_of: Vec<u32>,
}

/// A leaf category.
pub struct Aisle {
    /// Its name for people.
    pub label: String,
    /// Where it lies; shared by every event about one of its products.
    pub category: CategoryPath,
    /// Its products, the best seller first.
    pub ranks: Vec<Rank>,
}

impl Shelf {
    /// Puts the products in order.
    pub fn new(mut products: Vec<ShelfProduct>) -> Self {
        products.sort_by(|a, b| b.popularity.total_cmp(&a.popularity).then_with(|| a.id.cmp(&b.id)));
        let mut shelf = Self {
            traits: Vec::with_capacity(products.len()),
            prices: products.iter().map(|product| product.price_cents).collect(),
            aisles: Vec::new(),
            brands: Vec::new(),
            aisle_of: Vec::with_capacity(products.len()),
            products: Vec::new(),
        };
        let (mut aisles, mut brands, mut departments) =
            (BTreeMap::new(), HashMap::new(), BTreeMap::<String, u8>::new());
        for (rank, product) in products.iter().enumerate() {
            let aisle = *aisles.entry(product.category.clone()).or_insert_with(|| {
                let label = product.category_label.clone();
                shelf.aisles.push(Aisle { label, category: product.category.clone(), ranks: Vec::new() });
                shelf.aisles.len() as u32 - 1
            });
            if let Some(aisle) = shelf.aisles.get_mut(aisle as usize) {
                aisle.ranks.push(rank as Rank);
            }
            let brand = *brands.entry(product.brand.clone()).or_insert_with(|| {
                shelf.brands.push(product.brand.as_str().into());
                shelf.brands.len() as u32 - 1
            });
            let next = u8::try_from(departments.len()).unwrap_or(u8::MAX);
            let department = *departments.entry(product.category.department().to_owned()).or_insert(next);
            shelf.aisle_of.push(aisle);
            shelf.traits.push(Traits { brand, department, price_level: 0 });
        }
        shelf.products = products;
        shelf.level_prices();
        shelf
    }

    /// The leaf category of a product.
    pub fn aisle_of(&self, rank: Rank) -> Option<&Aisle> {
        self.aisles.get(*self.aisle_of.get(rank as usize)? as usize)
    }

    /// The brand of a product.
    pub fn brand(&self, rank: Rank) -> SmolStr {
        let number = self.traits.get(rank as usize).map_or(0, |traits| traits.brand);
        self.brands.get(number as usize).cloned().unwrap_or_default()
    }

    /// The number of the leaf category of a product.
    pub fn aisle_number(&self, rank: Rank) -> usize {
        self.aisle_of.get(rank as usize).map_or(0, |aisle| *aisle as usize)
    }

    fn level_prices(&mut self) {
        for aisle in &self.aisles {
            let price = |rank: &Rank| self.prices.get(*rank as usize).copied();
            let mut by_price = aisle.ranks.clone();
            by_price.sort_by_key(price);
            for (place, rank) in by_price.iter().enumerate() {
                if let Some(traits) = self.traits.get_mut(*rank as usize) {
                    traits.price_level = (place * PRICE_LEVELS / by_price.len()) as u8;
                }
            }
        }
    }
}
