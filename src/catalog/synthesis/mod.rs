//! Makes products up. Product `n` is a pure function of the taxonomy, the seed and `n`.

mod figures;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use fake::Fake;
use fake::faker::name::raw::Name;
use fake::faker::number::raw::NumberWithFormat;
use fake::locales::EN;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::catalog::taxonomy::{Attribute, Choice, Leaf, Maker, NonEmpty, Taxonomy, Template};
use crate::model::ids::ProductId;
use crate::model::money::Currency;
use crate::model::product::{AttributeValue, Product};

/// 2^64 divided by the golden ratio. Its multiples lie so evenly in 0..2^64 that every stretch of products
/// has each category in its share (a Weyl sequence).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// How often a value that moves the price follows the product's grade instead of chance: most, so that a
/// dear laptop is dear in its memory and in its screen.
const FOLLOWS_GRADE: f64 = 0.8;
/// How many people write the shop's books.
const PEOPLE: u64 = 600;
/// The key stream of the first of them, far behind those of all products.
const PEOPLE_STREAM: u64 = 1 << 63;
/// Most sentences of a description between its first and its last.
const DETAILS_MAX: usize = 3;
/// How many descriptions in a hundred have a last sentence.
const CLOSINGS_PERCENT: u32 = 60;

/// The seed of the catalogue that everybody gets who names none.
pub const DEFAULT_SEED: u64 = 42;

/// A catalogue that is not written down but can be computed.
#[derive(Debug)]
pub struct Catalogue {
    /// What the shop sells.
    pub taxonomy: Arc<Taxonomy>,
    /// Another seed is another shop.
    pub seed: u64,
    /// The currency of all prices.
    pub currency: Currency,
}

impl Catalogue {
    /// The products of these numbers, in order. The first product is number 1.
    pub fn products(&self, numbers: RangeInclusive<u64>) -> impl Iterator<Item = Product> {
        numbers.map(|number| self.product(number))
    }

    /// The product of this number.
    pub fn product(&self, number: u64) -> Product {
        // One key stream for each product: no product's draws depend on another's.
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(number);
        let leaf = self.leaf(number);
        let traits = Traits::draw(leaf, self.seed, &mut rng);
        let figures =
            figures::draw(leaf.category.median * traits.price_factor, leaf.category.spread, &mut rng);
        let path = &leaf.category.path;
        let shelf = path.as_str().rsplit('.').next().unwrap_or_default();
        Product {
            id: ProductId::nth(number),
            name: traits.name(leaf, &mut rng),
            description: Some(traits.description(leaf, &mut rng)),
            category: Some(path.clone()),
            category_label: Some(leaf.category.label.clone()),
            categories_above: Vec::new(),
            brand: Some(traits.brand.to_owned()),
            price_cents: Some(figures.price),
            currency: self.currency,
            image: Some(format!("{shelf}-{number:08}.webp")),
            attributes: one_each(traits.attributes),
            rating: Some(figures.rating),
            review_count: Some(figures.review_count),
            stock: Some(figures.stock),
            popularity: Some(figures.popularity),
            created_at: Some(figures.created_at),
        }
    }

    fn leaf(&self, number: u64) -> &Leaf {
        let place = number.wrapping_add(self.seed).wrapping_mul(GOLDEN);
        // The upper half is enough for a share, and fits a float.
        let share = f64::from((place >> 32) as u32) / (f64::from(u32::MAX) + 1.0);
        self.taxonomy.leaves.at(share, |leaf| leaf.share)
    }
}

/// Made-up products have one value for each attribute.
fn one_each(attributes: BTreeMap<String, String>) -> BTreeMap<String, AttributeValue> {
    attributes.into_iter().map(|(name, value)| (name, AttributeValue::One(value))).collect()
}

/// What a product is, before it is put into words.
struct Traits<'t> {
    brand: &'t str,
    model: String,
    attributes: BTreeMap<String, String>,
    /// What brand and attributes do to the price.
    price_factor: f64,
}

impl<'t> Traits<'t> {
    fn draw(leaf: &'t Leaf, seed: u64, rng: &mut ChaCha8Rng) -> Self {
        let category = &leaf.category;
        let brand = leaf.brands.choose(rng.random());
        let grade: f64 = rng.random();
        let mut price_factor = brand.price_factor;
        let mut attributes = BTreeMap::new();
        for (name, attribute) in &category.attributes {
            let value = match attribute {
                Attribute::Listed(choices) => {
                    let choice = choose(choices, grade, rng);
                    price_factor *= choice.price_factor;
                    choice.text.clone()
                }
                Attribute::Range { from, to, step, unit } => {
                    let steps = to.saturating_sub(*from) / *step;
                    format!("{} {unit}", from + rng.random_range(0..=steps) * step.get())
                }
                Attribute::Made(Maker::Person) => person(seed, rng),
            };
            attributes.insert(name.clone(), value);
        }
        let words: BTreeMap<&str, &String> =
            category.words.iter().map(|(name, pool)| (name.as_str(), any(pool, rng))).collect();
        let word = |name: &str| words.get(name).copied().or(attributes.get(name)).map(String::as_str);
        let pattern = any(&category.models, rng).fill(word);
        let model = NumberWithFormat(EN, &pattern).fake_with_rng(rng);
        Self { brand: &brand.text, model, attributes, price_factor }
    }

    fn fill(&self, template: &Template) -> String {
        template.fill(|name| match name {
            "brand" => Some(self.brand),
            "model" => Some(&self.model),
            attribute => self.attributes.get(attribute).map(String::as_str),
        })
    }

    fn name(&self, leaf: &Leaf, rng: &mut ChaCha8Rng) -> String {
        self.fill(any(&leaf.category.names, rng))
    }

    /// A first sentence, some details in their order, and mostly a last sentence.
    fn description(&self, leaf: &Leaf, rng: &mut ChaCha8Rng) -> String {
        let details = &leaf.category.details;
        let wanted = rng.random_range(2..=DETAILS_MAX).min(details.len());
        let mut places = rand::seq::index::sample(rng, details.len(), wanted).into_vec();
        places.sort_unstable();
        let details = places.into_iter().filter_map(|place| details.get(place));
        let opening = any(&leaf.category.openings, rng);
        let closing = rng.random_ratio(CLOSINGS_PERCENT, 100).then(|| any(&leaf.closings, rng));
        let sentences = std::iter::once(opening).chain(details).chain(closing);
        sentences.map(|sentence| self.fill(sentence)).collect::<Vec<_>>().join(" ")
    }
}

fn any<'l, T>(list: &'l NonEmpty<T>, rng: &mut ChaCha8Rng) -> &'l T {
    list.at(rng.random(), |_| 1.0)
}

fn choose<'c>(choices: &'c NonEmpty<Choice>, grade: f64, rng: &mut ChaCha8Rng) -> &'c Choice {
    let by_grade = choices.moves_price() && rng.random_bool(FOLLOWS_GRADE);
    choices.choose(if by_grade { grade } else { rng.random() })
}

/// One of the shop's authors; each has several books.
fn person(seed: u64, rng: &mut ChaCha8Rng) -> String {
    let mut of_person = ChaCha8Rng::seed_from_u64(seed);
    of_person.set_stream(PEOPLE_STREAM + rng.random_range(0..PEOPLE));
    Name(EN).fake_with_rng(&mut of_person)
}

#[cfg(test)]
mod tests;
