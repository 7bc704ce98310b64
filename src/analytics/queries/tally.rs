//! What searches came to, added up over sessions, and the shares that follow.
//!
//! All counts are sums over sessions, so what bots did can be taken off again.

use serde::Deserialize;

use crate::model::rate::share;
use crate::store::found::Metric;

macro_rules! tally {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// What the searches of some sessions came to.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
        #[serde(from = "Sums")]
        pub struct Tally {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl Tally {
            /// The fields as they are stored.
            pub const FIELDS: &[&str] = &[$(stringify!($field)),*];

            /// Reads the field that is stored under a name; `None` where none is.
            pub fn field(name: &str) -> Option<fn(&Self) -> u64> {
                match name {
                    $(stringify!($field) => Some(|tally| tally.$field),)*
                    _ => None,
                }
            }

            /// What is left without a part of it; nothing falls below 0, for a part may have been counted a moment
            /// before the whole.
            pub fn without(self, part: &Self) -> Self {
                Self { $($field: self.$field.saturating_sub(part.$field),)* }
            }

            /// Both together.
            pub fn and(self, other: &Self) -> Self {
                Self { $($field: self.$field.saturating_add(other.$field),)* }
            }
        }

        /// As a document holds them.
        #[derive(Debug, Clone, Copy, Default, Deserialize)]
        #[serde(default)]
        pub struct Stored {
            $($field: u64,)*
        }

        impl From<Stored> for Tally {
            fn from(stored: Stored) -> Self {
                Self { $($field: stored.$field,)* }
            }
        }

        /// The sums as Elasticsearch answers them; those that were not asked for are 0.
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Sums {
            $($field: Metric<f64>,)*
        }

        impl From<Sums> for Tally {
            fn from(sums: Sums) -> Self {
                Self { $($field: sums.$field.count(),)* }
            }
        }
    };
}

tally! {
    /// Sessions that searched.
    sessions,
    /// Searches.
    searches,
    /// Wishes: the searches by which a shopper refines one count as one.
    intents,
    /// Searches that found nothing.
    zero_results,
    /// Searches of which a result was viewed.
    clicked,
    /// Views of results.
    clicks,
    /// Sum of the positions of these views, from 1.
    position_sum,
    /// Over the clicked searches, the sum of a million divided by the least position viewed.
    reciprocal_rank_millionths,
    /// Searches of which a result was put into a cart.
    carted,
    /// Searches of which a result was bought.
    purchased,
    /// Units of results that were bought.
    units,
    /// What they cost.
    revenue_cents,
    /// Units of results that were given back.
    refunded_units,
    /// What was paid back for them.
    refunded_cents,
}

/// Shares and means; `None` where there is nothing to divide by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// zero_results / searches
    pub zero_result: Option<f64>,
    /// Searches with results of which none was viewed / searches with results
    pub no_click: Option<f64>,
    /// clicked / searches
    pub click_through: Option<f64>,
    /// position_sum / clicks
    pub click_position: Option<f64>,
    /// Mean over all searches of 1 / the least position viewed, 0 for a search without a click
    pub reciprocal_rank: Option<f64>,
    /// carted / searches
    pub cart: Option<f64>,
    /// purchased / searches
    pub conversion: Option<f64>,
    /// refunded_units / units; over 1 where goods come back that were bought by earlier sessions
    pub refund: Option<f64>,
}

impl Tally {
    /// The shares and means.
    pub fn rates(&self) -> Rates {
        let of_searches = |part: u64| share(part, self.searches);
        let with_results = self.searches.saturating_sub(self.zero_results);
        let of_millions = self.reciprocal_rank_millionths as f64 / 1e6;
        Rates {
            zero_result: of_searches(self.zero_results),
            no_click: share(with_results.saturating_sub(self.clicked), with_results),
            click_through: of_searches(self.clicked),
            click_position: share(self.position_sum, self.clicks),
            reciprocal_rank: (self.searches > 0).then(|| of_millions / self.searches as f64),
            cart: of_searches(self.carted),
            conversion: of_searches(self.purchased),
            refund: share(self.refunded_units, self.units),
        }
    }

    /// Searches that led nowhere: nothing found, or nothing viewed of it.
    pub fn failed(&self) -> u64 {
        self.searches.saturating_sub(self.clicked)
    }
}

/// What other tests of searches begin with.
#[cfg(test)]
pub mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        /// What could be: no part exceeds its whole.
        pub fn tallies()(
            searches in 0u64..10_000,
            parts in prop::array::uniform6(0.0f64..=1.0),
            (clicks_more, positions, units, refunded_units) in (0u64..100, 1u64..30, 0u64..50, 0u64..50),
        ) -> Tally {
            let part = |whole: u64, share: f64| (whole as f64 * share) as u64;
            let zero_results = part(searches, parts[0]);
            let clicked = part(searches - zero_results, parts[1]);
            let clicks = if clicked > 0 { clicked + clicks_more } else { 0 };
            Tally {
                sessions: part(searches, parts[2]),
                searches,
                intents: part(searches, parts[3]),
                zero_results,
                clicked,
                clicks,
                position_sum: clicks * positions,
                reciprocal_rank_millionths: clicked * (1_000_000 / positions),
                carted: part(clicked, parts[4]),
                purchased: part(clicked, parts[5]),
                units,
                revenue_cents: units * 999,
                refunded_units,
                refunded_cents: refunded_units * 999,
            }
        }
    }

    #[test]
    fn shares_follow_from_the_counts() {
        let tally = Tally {
            searches: 10,
            zero_results: 2,
            clicked: 4,
            clicks: 5,
            position_sum: 15,
            reciprocal_rank_millionths: 2_500_000,
            carted: 3,
            purchased: 1,
            units: 4,
            refunded_units: 1,
            ..Tally::default()
        };
        let expected = Rates {
            zero_result: Some(0.2),
            no_click: Some(0.5),
            click_through: Some(0.4),
            click_position: Some(3.0),
            reciprocal_rank: Some(0.25),
            cart: Some(0.3),
            conversion: Some(0.1),
            refund: Some(0.25),
        };
        assert_eq!((tally.rates(), tally.failed()), (expected, 6));
    }

    #[test]
    fn nothing_searched_has_no_shares() {
        let nothing = Rates {
            zero_result: None,
            no_click: None,
            click_through: None,
            click_position: None,
            reciprocal_rank: None,
            cart: None,
            conversion: None,
            refund: None,
        };
        assert_eq!(Tally::default().rates(), nothing);
        let in_vain = Tally { searches: 3, zero_results: 3, ..Tally::default() }.rates();
        assert_eq!(
            (in_vain.zero_result, in_vain.no_click, in_vain.click_through),
            (Some(1.0), None, Some(0.0))
        );
    }

    proptest! {
        #[test]
        fn people_are_all_without_bots_and_no_share_leaves_its_bounds(people in tallies(), bots in tallies()) {
            prop_assert_eq!(people.and(&bots).without(&bots), people);
            let rates = people.rates();
            let shares =
                [rates.zero_result, rates.no_click, rates.click_through, rates.reciprocal_rank, rates.cart, rates.conversion];
            for share in shares {
                prop_assert!(share.is_none_or(|share| (0.0..=1.0).contains(&share)), "{rates:?}");
            }
            prop_assert!(rates.click_position.is_none_or(|position| position >= 1.0));
            prop_assert_eq!(bots.without(&people.and(&bots)), Tally::default());
        }
    }
}
