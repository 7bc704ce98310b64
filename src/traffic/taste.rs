//! What somebody likes: it stays the same over all their visits.

use rand::RngExt;

use crate::traffic::assortment::{Assortment, Traits};
use crate::traffic::chance::Chance;

/// Products that a taste is made of: so many departments and brands somebody likes, or fewer.
const LIKED: usize = 3;

/// What somebody likes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taste {
    /// Their departments, the dearest first; one may stand there twice.
    pub departments: [u8; LIKED],
    /// Their brands.
    pub brands: [u32; LIKED],
    /// What they pay for a thing, in fifths of its category's prices: 0 for the cheapest, 4 for the dearest.
    pub price_level: u8,
    /// The hour of the day, in UTC, at which they like to shop.
    pub hour: u8,
}

impl Taste {
    /// Somebody's taste. It is made of a few products that they might want: so the tastes of all together
    /// are what the shop sells, and the law of interest stays what it is.
    pub fn draw(assortment: &Assortment, chance: &mut Chance) -> Self {
        let products: [Traits; LIKED] =
            std::array::from_fn(|_| assortment.traits(assortment.popular(chance)));
        let [Traits { price_level, .. }, ..] = products;
        // Twice as many evening people as there are of any other kind.
        let hour = if chance.random_bool(0.4) { 17..22 } else { 7..24 };
        Self {
            departments: products.map(|product| product.department),
            brands: products.map(|product| product.brand),
            price_level,
            hour: chance.random_range(hour),
        }
    }

    /// Whether a brand or a price is after their taste.
    pub fn fits(&self, brand: u32, price_level: u8) -> bool {
        self.brands.contains(&brand) || self.price_level.abs_diff(price_level) <= 1
    }
}
