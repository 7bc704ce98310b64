//! The shape of the traffic on three seeds, as ranges.

use crate::model::event::tests::at;
use crate::model::money::Currency;
use crate::model::time::Timestamp;
use crate::traffic::shape::{Measures, Shape};
use crate::traffic::tests::{SEEDS, shelf, simulate, world};
use crate::traffic::{Assortment, Habits, Rhythm, Schedule, Simulator, World};

fn measured(seed: u64, world: World, per_second: i64, events: i64) -> Measures {
    let mut shape = Shape::default();
    simulate(seed, world, per_second, events).iter().for_each(|one| shape.count(one));
    shape.measures()
}

#[test]
fn the_rates_are_those_of_a_shop() {
    for seed in SEEDS {
        let measures = measured(seed, world(0.0, 0.0), 100, 60_000);
        let rates = measures.funnel.rates();
        let ranges = [0.65..0.85, 0.72..0.88, 0.12..0.26, 0.06..0.13];
        for (rate, range) in rates.iter().zip(&ranges) {
            assert!(range.contains(rate), "{rates:?}");
        }
        assert!((0.03..0.12).contains(&measures.zero_result_share), "{}", measures.zero_result_share);
        assert!((0.15..0.35).contains(&measures.refinement_share), "{}", measures.refinement_share);
    }
}

#[test]
fn one_order_in_twenty_comes_back_within_days() {
    for seed in SEEDS {
        // Eighteen days at an event in half a minute.
        let mut shape = Shape::default();
        let assortment = Assortment::new(shelf()).unwrap();
        let mut simulator = Simulator::new(assortment, Currency::EUR, world(0.0, 0.0), seed, at(0));
        (0..50_000).for_each(|number| shape.count(&simulator.act(at(number * 31_000))));
        let funnel = shape.measures().funnel;
        assert!((0.02..0.08).contains(&funnel.refund_rate()), "{funnel:?}");
    }
}

#[test]
fn clicks_fall_with_the_position() {
    for seed in SEEDS {
        let shares = measured(seed, world(0.0, 0.0), 500, 50_000).click_shares;
        let mean =
            |places: std::ops::Range<usize>| shares[places.clone()].iter().sum::<f64>() / places.len() as f64;
        let bands = [mean(0..1), mean(1..2), mean(2..3), mean(3..6), mean(6..12), mean(12..24)];
        assert!(bands.is_sorted_by(|nearer, farther| nearer > farther), "{shares:?}");
    }
}

#[test]
fn views_follow_zipfs_law() {
    for seed in SEEDS {
        let exponent = measured(seed, World::default(), 500, 50_000).zipf_exponent;
        assert!((0.8..1.2).contains(&exponent), "{exponent}");
    }
}

#[test]
fn nights_are_as_quiet_as_was_asked_for() {
    let rhythm = Rhythm { night_to_peak: 0.2, peak_hour: 20.0, ..Rhythm::default() };
    for seed in SEEDS {
        // From midnight on; only the quietest and the busiest hour are simulated.
        let midnight = Timestamp::from_millis(1_794_960_000_000);
        let mut schedule = Schedule::new(midnight, 2, rhythm.clone());
        let assortment = Assortment::new(shelf()).unwrap();
        let mut simulator = Simulator::new(assortment, Currency::EUR, world(0.1, 0.02), seed, midnight);
        let mut shape = Shape::default();
        let times = std::iter::from_fn(|| Some(schedule.next_time()));
        let hours =
            times.map(|at| (at, (at - midnight).num_minutes() / 30)).take_while(|(_, half)| *half < 41);
        for (at, _) in hours.filter(|(_, half)| [15, 16, 39, 40].contains(half)) {
            shape.count(&simulator.act(at));
        }
        let hours = shape.measures().hours;
        let [night, evening] =
            [[7, 8], [19, 20]].map(|pair| pair.map(|hour| hours[hour]).iter().sum::<u64>());
        let ratio = night as f64 / evening as f64;
        assert!((0.17..0.24).contains(&ratio), "{ratio}");
    }
}

#[test]
fn programs_and_fraudsters_are_as_many_as_was_asked_for() {
    for seed in SEEDS {
        let measures = measured(seed, World::default(), 500, 50_000);
        let (bots, fraud) = (measures.bot_event_share, measures.fraud_account_share);
        assert!((0.08..0.12).contains(&bots) && (0.016..0.024).contains(&fraud), "{bots} {fraud}");
    }
}

#[test]
fn habits_change_the_rates() {
    let eager = Habits { puts_into_cart: 0.2, orders: 0.95, ..Habits::default() };
    let eager = World { shoppers: eager, ..world(0.0, 0.0) };
    let [usual, eager] =
        [world(0.0, 0.0), eager].map(|world| measured(1, world, 100, 20_000).funnel.rates()[3]);
    assert!(eager > 1.5 * usual, "{eager} {usual}");
}
