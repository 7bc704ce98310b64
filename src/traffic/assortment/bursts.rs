//! Bursts of interest: a product goes viral, is wanted by many within minutes, and is forgotten over hours.
//!
//! Which product and when is a function of the seed and the time alone, so that a run that begins in the
//! middle of a burst sees the same one as a run that began before it.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::model::time::{HOUR_MS, MINUTE_MS, Timestamp};
use crate::traffic::assortment::Rank;
use crate::traffic::chance::Chance;
use crate::traffic::knobs::within;

/// After so many half-lives a burst is over: less than a hundredth of its peak is left.
const HALF_LIVES: f64 = 7.0;
/// Most bursts that can be under way together.
const BURSTS_MAX: i64 = 64;
/// Most of all interest that one burst may have.
const SHARE_OF_ONE_MAX: f64 = 0.5;
/// Most of all interest that bursts may have together: the rest of the shop goes on.
const SHARE_MAX: f64 = 0.9;

/// How interest in products drifts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bursts {
    /// Mean hours between two products that go viral by chance; 0 for never.
    pub every_hours: f64,
    /// Share of everybody's interest that a viral product has at its peak, 0.0 to 0.5. In a large shop it is
    /// hundreds of times of what it had.
    pub peak_share: f64,
    /// Minutes from the first interest to the peak.
    pub rise_minutes: f64,
    /// Hours after which half of the peak's interest is left.
    pub half_life_hours: f64,
    /// Bursts at stated times.
    pub at: Vec<Burst>,
}

/// A product that goes viral at a stated time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// Minutes after the start of the run.
    pub after_minutes: f64,
    /// The product's place by popularity, from 1; drawn by lot when not given.
    #[serde(default)]
    pub place: Option<Rank>,
    /// Share of everybody's interest at its peak; [`Bursts::peak_share`] when not given.
    #[serde(default)]
    pub peak_share: Option<f64>,
}

impl Default for Bursts {
    fn default() -> Self {
        Self { every_hours: 6.0, peak_share: 0.03, rise_minutes: 10.0, half_life_hours: 1.5, at: Vec::new() }
    }
}

impl Bursts {
    /// Checks the ranges.
    ///
    /// # Errors
    /// The path of the first value outside its range, the value, and the range.
    pub fn check(&self) -> Result<(), String> {
        within("bursts.every_hours", self.every_hours, 0.0, 1e6)?;
        within("bursts.peak_share", self.peak_share, 0.0, SHARE_OF_ONE_MAX)?;
        within("bursts.rise_minutes", self.rise_minutes, 0.1, 1e6)?;
        within("bursts.half_life_hours", self.half_life_hours, 0.01, 1e6)?;
        for burst in &self.at {
            within("bursts.at.after_minutes", burst.after_minutes, 0.0, 1e6)?;
            within("bursts.at.peak_share", burst.peak_share.unwrap_or_default(), 0.0, SHARE_OF_ONE_MAX)?;
        }
        Ok(())
    }
}

/// The bursts of one run.
#[derive(Debug, Clone)]
pub struct Surges {
    bursts: Bursts,
    seed: u64,
    start: Timestamp,
    products: Rank,
    /// Until when what is under way has been worked out.
    fresh_until: Timestamp,
    /// Products with the sum of the shares up to and with theirs.
    under_way: Vec<(Rank, f64)>,
}

impl Surges {
    /// The bursts of a run over so many products that begins at `start`.
    pub fn new(bursts: Bursts, seed: u64, start: Timestamp, products: Rank) -> Self {
        Self { bursts, seed, start, products, fresh_until: Timestamp::MIN, under_way: Vec::new() }
    }

    /// Lets the time go on: interest is worked out anew each minute.
    pub fn turn_to(&mut self, now: Timestamp) {
        if now < self.fresh_until {
            return;
        }
        let minute = now.floor_to(MINUTE_MS);
        self.fresh_until = Timestamp::from_millis(minute.millis().saturating_add(MINUTE_MS));
        let mut total = 0.0;
        let shares = self.shares(now);
        self.under_way.clear();
        for (rank, share) in shares {
            total = (total + share).min(SHARE_MAX);
            self.under_way.push((rank, total));
        }
    }

    /// A viral product, as often as its share of all interest says; `None` for the rest.
    pub fn draw(&self, chance: &mut Chance) -> Option<Rank> {
        if self.under_way.is_empty() {
            return None;
        }
        let draw: f64 = chance.random();
        self.under_way.iter().find(|(_, up_to)| draw < *up_to).map(|(rank, _)| *rank)
    }

    /// Whether a product is viral now.
    pub fn is_viral(&self, rank: Rank) -> bool {
        self.under_way.iter().any(|(other, _)| *other == rank)
    }

    /// What is under way, with each one's share of all interest.
    fn shares(&self, now: Timestamp) -> Vec<(Rank, f64)> {
        let stated = self.bursts.at.iter().enumerate().filter_map(|(number, burst)| {
            let since = now.millis() - self.start.millis() - (burst.after_minutes * MINUTE_MS as f64) as i64;
            let by_lot = || self.lot(!(number as u64)).random_range(0..self.products.max(1));
            let rank =
                burst.place.map_or_else(by_lot, |place| place.saturating_sub(1)).min(self.products - 1);
            self.share(since, burst.peak_share.unwrap_or(self.bursts.peak_share)).map(|share| (rank, share))
        });
        stated.chain(self.by_chance(now)).collect()
    }

    /// One burst in each stretch of `every_hours`, at a time in it that the lot decides.
    fn by_chance(&self, now: Timestamp) -> impl Iterator<Item = (Rank, f64)> {
        let every_ms = (self.bursts.every_hours * HOUR_MS as f64) as i64;
        let lasts_ms = (self.bursts.half_life_hours * HALF_LIVES * HOUR_MS as f64) as i64;
        let current = now.millis().checked_div_euclid(every_ms);
        let count = lasts_ms.checked_div(every_ms).unwrap_or_default().clamp(0, BURSTS_MAX) + 1;
        let stretches = current.map(|current| current - count..=current).into_iter().flatten();
        stretches.filter_map(move |stretch| {
            let mut lot = self.lot(stretch as u64);
            let since = now.millis() - stretch * every_ms - lot.random_range(0..every_ms);
            let rank = lot.random_range(0..self.products.max(1));
            self.share(since, self.bursts.peak_share).map(|share| (rank, share))
        })
    }

    fn lot(&self, number: u64) -> Chance {
        Chance::new(self.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// What is left of a burst (or there already) so long after it began.
    fn share(&self, since_ms: i64, peak: f64) -> Option<f64> {
        let rise_ms = self.bursts.rise_minutes * MINUTE_MS as f64;
        let half_life_ms = self.bursts.half_life_hours * HOUR_MS as f64;
        let half_lives = (since_ms as f64 - rise_ms) / half_life_ms;
        let is_on = since_ms > 0 && half_lives <= HALF_LIVES && peak > 0.0;
        is_on.then(|| peak * if half_lives < 0.0 { since_ms as f64 / rise_ms } else { (-half_lives).exp2() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::at;
    use proptest::prelude::*;

    const PRODUCTS: Rank = 1_000;

    fn at_noon() -> Bursts {
        let burst = Burst { after_minutes: 720.0, place: Some(7), peak_share: Some(0.2) };
        Bursts { every_hours: 0.0, at: vec![burst], ..Bursts::default() }
    }

    fn share(surges: &mut Surges, rank: Rank, minute: i64) -> f64 {
        surges.turn_to(at(minute * MINUTE_MS));
        let mut chance = Chance::new(minute as u64);
        (0..10_000).filter(|_| surges.draw(&mut chance) == Some(rank)).count() as f64 / 10_000.0
    }

    #[test]
    fn a_stated_burst_rises_within_minutes_and_decays_over_hours() {
        let mut surges = Surges::new(at_noon(), 1, at(0), PRODUCTS);
        let shares = [719, 725, 730, 820, 910, 1_800].map(|minute| share(&mut surges, 6, minute));
        let expected = [0.0, 0.1, 0.2, 0.1, 0.05, 0.0];
        for (share, expected) in shares.iter().zip(expected) {
            assert!((share - expected).abs() < 0.015, "{shares:?}");
        }
    }

    #[test]
    fn bursts_by_chance_come_as_often_as_said() {
        let mut surges = Surges::new(Bursts::default(), 3, at(0), 1_000_000);
        let viral: std::collections::BTreeSet<Rank> = (0..30 * 24 * 60)
            .flat_map(|minute| {
                surges.turn_to(at(minute * MINUTE_MS));
                surges.under_way.iter().map(|(rank, _)| *rank).collect::<Vec<_>>()
            })
            .collect();
        // Thirty days of four a day, and the ones before that were still under way at the start.
        assert!((118..=124).contains(&viral.len()), "{}", viral.len());
    }

    #[test]
    fn without_bursts_nothing_is_viral() {
        let mut surges = Surges::new(Bursts { every_hours: 0.0, ..Bursts::default() }, 3, at(0), PRODUCTS);
        surges.turn_to(at(MINUTE_MS));
        assert_eq!(surges.draw(&mut Chance::new(1)), None);
    }

    #[test]
    fn a_share_or_a_time_out_of_range_is_refused() {
        assert!(Bursts::default().check().is_ok());
        let wrong = [
            Bursts { peak_share: 0.6, ..Bursts::default() },
            Bursts { half_life_hours: 0.0, ..Bursts::default() },
            Bursts { every_hours: f64::NAN, ..Bursts::default() },
        ];
        assert!(wrong.iter().all(|bursts| bursts.check().is_err()));
    }

    proptest! {
        #[test]
        fn interest_depends_on_the_time_and_not_on_what_was_asked_before(
            seed: u64, minutes in proptest::collection::vec(0i64..20_000, 1..20)
        ) {
            let mut sorted = minutes.clone();
            sorted.sort_unstable();
            let mut through = Surges::new(Bursts::default(), seed, at(0), PRODUCTS);
            sorted.iter().for_each(|minute| through.turn_to(at(minute * MINUTE_MS)));
            let mut at_once = Surges::new(Bursts::default(), seed, at(0), PRODUCTS);
            at_once.turn_to(at(sorted[sorted.len() - 1] * MINUTE_MS));
            prop_assert_eq!(&through.under_way, &at_once.under_way);
            prop_assert!(through.under_way.is_sorted_by(|a, b| a.1 <= b.1));
            prop_assert!(through.under_way.iter().all(|(rank, up_to)| *rank < PRODUCTS && *up_to <= SHARE_MAX));
        }
    }
}
