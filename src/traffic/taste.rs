//! What somebody likes: it stays the same over all their visits.

use rand::RngExt;

use crate::traffic::assortment::Assortment;
use crate::traffic::chance::Chance;

/// Departments that somebody comes back to.
const DEPARTMENTS: usize = 3;
/// Brands that somebody likes.
const BRANDS: usize = 3;

/// What somebody likes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taste {
    /// Their departments, the dearest first; one may stand there twice.
    pub departments: [u8; DEPARTMENTS],
    /// Their brands.
    pub brands: [u32; BRANDS],
    /// What they pay for a thing, in fifths of its category's prices: 0 for the cheapest, 4 for the dearest.
    pub price_level: u8,
    /// The hour of the day, in UTC, at which they like to shop.
    pub hour: u8,
}

impl Taste {
    /// Somebody's taste. It is made of a few products that they might want: so the tastes of all together
    /// are what the shop sells, and the law of interest stays what it is.
    pub fn draw(assortment: &Assortment, chance: &mut Chance) -> Self {
        let departments = std::array::from_fn(|_| assortment.traits(assortment.popular(chance)).department);
        let brands = std::array::from_fn(|_| assortment.traits(assortment.popular(chance)).brand);
        let price_level = assortment.traits(assortment.popular(chance)).price_level;
        // Twice as many evening people as there are of any other kind.
        let hour = if chance.random_bool(0.4) { 17..22 } else { 7..24 };
        Self { departments, brands, price_level, hour: chance.random_range(hour) }
    }

    /// Whether a brand or a price is after their taste.
    pub fn fits(&self, brand: u32, price_level: u8) -> bool {
        self.brands.contains(&brand) || self.price_level.abs_diff(price_level) <= 1
    }
}
