//! Who wants what: Zipf's law over all products, narrowed by taste.

use rand::RngExt;

use crate::traffic::assortment::Rank;
use crate::traffic::chance::{Alias, Chance};
use crate::traffic::taste::Taste;

/// Interest in the product of place k is proportional to 1/k^1.05. Together with where the eye falls on
/// ranked results it gives views with an exponent of about 1, as shops' logs show it.
const ZIPF_EXPONENT: f64 = 1.05;
/// Share of wishes that come from a favourite department.
const FROM_FAVOURITES: f64 = 0.8;
/// Share of those that come from the dearest of them.
const FROM_DEAREST: f64 = 0.5;
/// Products that cross one's mind until one fits the taste.
const THOUGHTS: usize = 3;

/// What a taste is about, of one product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traits {
    /// The brand's number.
    pub brand: u32,
    /// The department's number.
    pub department: u8,
    /// The price in fifths of its category's prices: 0 for the cheapest, 4 for the dearest.
    pub price_level: u8,
}

/// The law of interest.
pub struct Interest {
    everywhere: Alias,
    by_department: Vec<(Alias, Vec<Rank>)>,
}

impl Interest {
    /// Prepares the draws for these products, the best seller first; `None` without products.
    pub fn new(traits: &[Traits]) -> Option<Self> {
        let weight = |rank: &Rank| (f64::from(*rank) + 1.0).powf(-ZIPF_EXPONENT);
        let all = 0..traits.len() as Rank;
        let mut departments: Vec<Vec<Rank>> = Vec::new();
        for (rank, product) in all.clone().zip(traits) {
            let department = usize::from(product.department);
            departments.resize(departments.len().max(department + 1), Vec::new());
            if let Some(ranks) = departments.get_mut(department) {
                ranks.push(rank);
            }
        }
        let by_department = departments.into_iter();
        let by_department = by_department.map(|ranks| Some((Alias::new(ranks.iter().map(weight))?, ranks)));
        Some(Self {
            everywhere: Alias::new(all.map(|rank| weight(&rank)))?,
            by_department: by_department.collect::<Option<_>>()?,
        })
    }

    /// A product by the law of interest alone.
    pub fn popular(&self, chance: &mut Chance) -> Rank {
        self.everywhere.draw(chance) as Rank
    }

    /// A product that somebody of this taste wants.
    pub fn wanted(&self, taste: &Taste, traits: &[Traits], chance: &mut Chance) -> Rank {
        let [dearest, others @ ..] = &taste.departments;
        let department = match chance.random::<f64>() {
            draw if draw < FROM_FAVOURITES * FROM_DEAREST => Some(dearest),
            draw if draw < FROM_FAVOURITES => chance.one_of(others),
            _ => None,
        };
        let favourite = department.and_then(|department| self.by_department.get(usize::from(*department)));
        let mut thought = self.thought(favourite, chance);
        for _ in 1..THOUGHTS {
            let fits = |product: &Traits| taste.fits(product.brand, product.price_level);
            if traits.get(thought as usize).is_some_and(fits) {
                break;
            }
            thought = self.thought(favourite, chance);
        }
        thought
    }

    fn thought(&self, favourite: Option<&(Alias, Vec<Rank>)>, chance: &mut Chance) -> Rank {
        let Some((alias, ranks)) = favourite else { return self.popular(chance) };
        ranks.get(alias.draw(chance)).copied().unwrap_or_default()
    }
}
