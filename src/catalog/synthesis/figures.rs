//! The numbers of a product: price, popularity, reviews, stars, stock and age.
//!
//! They hang together as in a shop: popular products have more reviews, old ones too, the mean of few
//! reviews strays further, and dear things lie in smaller piles.

use chrono::TimeDelta;
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use crate::model::money::Cents;
use crate::model::time::Timestamp;

/// The instant before which the catalogue was made, 2026-11-21T00:00:00Z: fixed, because the same seed must
/// give the same catalogue tomorrow.
const MADE_AT: Timestamp = Timestamp::from_millis(1_795_219_200_000);
/// How far back the oldest product goes.
const AGE_DAYS_MAX: f64 = 730.0;
/// Interest falls with the rank to this power (Zipf's law).
const ZIPF_EXPONENT: f64 = 0.8;
/// The size of catalogue whose ranks the law is applied to.
const ZIPF_RANKS: f64 = 50_000.0;
/// Reviews of a best seller that has been there for all the time.
const REVIEWS_OF_BEST_SELLER: f64 = 6_000.0;
/// Share of products that are sold out.
const SOLD_OUT: f64 = 0.07;

/// A product's numbers.
pub struct Figures {
    pub price: Cents,
    pub rating: f32,
    pub review_count: u32,
    pub stock: u32,
    pub popularity: f32,
    pub created_at: Timestamp,
}

/// Draws them for a product whose price, in major units, is around `expected_price`; `spread` is the
/// standard deviation of its logarithm.
pub fn draw(expected_price: f64, spread: f64, rng: &mut ChaCha8Rng) -> Figures {
    let price = shelf_price(expected_price * log_normal(spread, rng), rng.random());
    let popularity = popularity(rng.random());
    let age: f64 = rng.random();
    let review_count = review_count(popularity, age, rng);
    Figures {
        price,
        rating: rating(review_count, popularity, rng),
        review_count,
        stock: stock(price, popularity, rng),
        popularity: popularity as f32,
        created_at: MADE_AT - TimeDelta::milliseconds((age * AGE_DAYS_MAX * 86_400_000.0) as i64),
    }
}

/// The factor of a log-normal distribution whose median is 1.
fn log_normal(sigma: f64, rng: &mut impl Rng) -> f64 {
    let normal: f64 = StandardNormal.sample(rng);
    (sigma * normal).exp()
}

/// The price that a shop would put on the label: it ends in .99 mostly, else in .49 or .00; from 100 on in
/// 9.00, from 1000 on in 49.00 or 99.00.
fn shelf_price(price: f64, share: f64) -> Cents {
    let price = price.clamp(0.49, 1e6);
    let major = match price {
        ..2.0 => (price * 10.0).round() / 10.0 - 0.01,
        ..100.0 if share < 0.6 => price.round() - 0.01,
        ..100.0 if share < 0.85 => price.floor() + 0.49,
        ..100.0 => price.round(),
        ..1000.0 if share < 0.5 => (price / 10.0).round() * 10.0 - 1.0,
        ..1000.0 => price.round() - 0.01,
        _ => (price / 50.0).round() * 50.0 - 1.0,
    };
    Cents::from_major(major).unwrap_or_default()
}

/// Interest relative to the best seller of the product at this share (0 to 1) of the ranks.
fn popularity(share: f64) -> f64 {
    let rank = (share * ZIPF_RANKS).max(1.0);
    let relative = rank.powf(-ZIPF_EXPONENT);
    (relative * 1e6).round() / 1e6
}

fn review_count(popularity: f64, age: f64, rng: &mut impl Rng) -> u32 {
    // Fewer than interest alone would give a best seller: most who buy it say nothing new.
    let expected = REVIEWS_OF_BEST_SELLER * popularity.powf(0.7) * (0.05 + 0.95 * age);
    (expected * log_normal(0.8, rng)).round() as u32
}

/// Mean stars to one decimal; 0 without reviews. One review strays by about one star.
fn rating(reviews: u32, popularity: f64, rng: &mut impl Rng) -> f32 {
    if reviews == 0 {
        return 0.0;
    }
    let mut normal = || -> f64 { StandardNormal.sample(rng) };
    let quality = 4.25 + 0.3 * popularity + 0.3 * normal();
    let mean = quality + normal() / f64::from(reviews).sqrt();
    // Nothing with many reviews has five stars from all.
    let most = if reviews < 20 { 5.0 } else { 4.9 };
    ((mean.clamp(1.0, most) * 10.0).round() / 10.0) as f32
}

fn stock(price: Cents, popularity: f64, rng: &mut impl Rng) -> u32 {
    if rng.random_bool(SOLD_OUT) {
        return 0;
    }
    let pile = 400.0 / price.to_major().sqrt().max(1.0) * (1.0 + 5.0 * popularity.sqrt());
    (pile * log_normal(0.8, rng)).clamp(1.0, 5_000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    fn many(count: u64) -> Vec<Figures> {
        let one = |seed| draw(50.0, 0.3, &mut ChaCha8Rng::seed_from_u64(seed));
        (0..count).map(one).collect()
    }

    #[test]
    fn a_price_looks_like_a_label() {
        let label = |price, share| shelf_price(price, share).to_major();
        assert_eq!(label(1.23, 0.0), 1.19);
        assert_eq!(label(23.4, 0.0), 22.99);
        assert_eq!(label(23.4, 0.7), 23.49);
        assert_eq!(label(23.4, 0.9), 23.0);
        assert_eq!(label(648.0, 0.0), 649.0);
        assert_eq!(label(648.2, 0.9), 647.99);
        assert_eq!(label(1288.0, 0.0), 1299.0);
    }

    #[test]
    fn few_products_draw_most_of_the_interest() {
        let shares: Vec<f64> = (1..=50_000).map(|rank| popularity(f64::from(rank) / 50_000.0)).collect();
        let top: f64 = shares.iter().take(5_000).sum();
        let all: f64 = shares.iter().sum();
        assert!((0.5..0.8).contains(&(top / all)), "a tenth draws {}", top / all);
        assert_eq!(shares[0], 1.0);
    }

    #[test]
    fn the_catalogue_was_made_when_it_says() {
        assert_eq!(MADE_AT.to_string(), "2026-11-21T00:00:00.000Z");
        assert!(many(500).iter().all(|figures| figures.created_at <= MADE_AT));
    }

    #[test]
    fn most_products_are_liked_and_some_are_sold_out() {
        let figures = many(2_000);
        let rated: Vec<f32> = figures.iter().filter(|f| f.review_count > 0).map(|f| f.rating).collect();
        let mean = rated.iter().sum::<f32>() / rated.len() as f32;
        assert!((4.0..4.5).contains(&mean), "mean rating {mean}");
        let sold_out = figures.iter().filter(|f| f.stock == 0).count();
        assert!((80..220).contains(&sold_out), "{sold_out} of 2000 sold out");
    }

    proptest! {
        #[test]
        fn figures_stay_in_their_bounds(expected in 0.01_f64..1e5, spread in 0.0_f64..1.0, seed: u64) {
            let figures = draw(expected, spread, &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert!(figures.price > Cents(0));
            prop_assert!((0.0..=5.0).contains(&figures.rating));
            prop_assert_eq!(figures.rating == 0.0, figures.review_count == 0);
            prop_assert!(figures.popularity > 0.0 && figures.popularity <= 1.0);
            prop_assert!(figures.stock <= 5_000);
        }
    }
}
