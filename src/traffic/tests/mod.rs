//! What a simulated shop promises: every event is valid, the same seed is the same stream, and the rates
//! are those of a shop.

mod personas;
mod shape;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;

use crate::catalog::shelf::ShelfProduct;
use crate::model::category::{self, CategoryPath};
use crate::model::event::door::{Door, Place, partition_of};
use crate::model::event::tests::at;
use crate::model::event::{Action, EventType, Item, Record, Search, parse};
use crate::model::ids::ProductId;
use crate::model::money::{Cents, Currency};
use crate::model::time::{MINUTE_MS, Timestamp};
use crate::traffic::tally::{Tally, Units};
use crate::traffic::{Assortment, Class, Persona, Simulated, Simulator, World};

/// A product for tests.
pub fn product(number: u32, path: &str, brand: &str, price_cents: i64) -> ShelfProduct {
    let label = category::label(path);
    ShelfProduct {
        id: ProductId::parse(&format!("p-{number:05}")).unwrap(),
        name: format!("{brand} Model{} {label}", number % 17),
        category: CategoryPath::parse(path).unwrap(),
        category_label: label,
        brand: brand.to_owned(),
        price_cents: Cents(price_cents),
        currency: Currency::EUR,
        popularity: 1.0 / (1.0 + number as f32),
        stock: number % 10,
    }
}

/// 600 products in six categories; one in ten is sold out.
pub fn shelf() -> Vec<ShelfProduct> {
    let paths = [
        "electronics.audio.headphones",
        "electronics.computers.laptops",
        "home.kitchen.kettles",
        "fashion.shoes.sneakers",
        "garden.tools.rakes",
        "toys.games.puzzles",
    ];
    let brands = ["Sonora", "Lumo", "Black Forge", "Anvil", "Pico"];
    (0..600)
        .map(|n: u32| {
            let price = 500 + i64::from(n * 7_919 % 90_000);
            product(n, paths[n as usize % 6], brands[n as usize % 5], price)
        })
        .collect()
}

pub const SEEDS: [u64; 3] = [1, 20_261_121, u64::MAX];
pub fn world(bot_ratio: f64, fraud_ratio: f64) -> World {
    World { bot_ratio, fraud_ratio, ..World::default() }
}

pub fn simulate(seed: u64, world: World, per_second: i64, count: i64) -> Vec<Simulated> {
    let mut simulator = Simulator::new(Assortment::new(shelf()).unwrap(), Currency::EUR, world, seed, at(0));
    (0..count).map(|n| simulator.act(at(n * 1_000 / per_second))).collect()
}

fn bytes(simulated: &Simulated) -> Vec<u8> {
    serde_json::to_vec(&simulated.event).unwrap()
}

fn count(events: &[Simulated], event_type: EventType) -> f64 {
    events.iter().filter(|one| one.event.event_type() == event_type).count() as f64
}

fn attributed(simulated: &Simulated) -> impl Iterator<Item = &Item> {
    simulated.event.items().iter().filter(|item| item.attribution.is_some())
}

fn searches(events: &[Simulated]) -> HashMap<&str, (Timestamp, &Search)> {
    events
        .iter()
        .filter_map(|one| match &one.event.action {
            Action::Search(search) => Some((search.query_id.as_str(), (one.event.timestamp, search))),
            Action::View(_) | Action::AddToCart(_) | Action::Purchase(_) | Action::Refund(_) => None,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_event_passes_the_door(
        seed: u64, bot_ratio in 0.0..=1.0, fraud_ratio in 0.0..=1.0, per_second in 1i64..5_000
    ) {
        let door = Door { partitions: 12, currency: Currency::EUR };
        for simulated in simulate(seed, world(bot_ratio, fraud_ratio), per_second, 1_500) {
            let event = &simulated.event;
            let key = event.visitor().as_bytes();
            let place = Place {
                stream: event.event_type().stream(),
                partition: partition_of(key, 12),
                key,
                appended_at: event.timestamp,
            };
            prop_assert_eq!(door.check(event, place), Ok(()));
            prop_assert_eq!(parse(&bytes(&simulated)), Ok(Record::Event(Box::new(event.clone()))));
        }
    }
}

#[test]
fn the_same_seed_and_start_give_the_same_bytes() {
    for seed in SEEDS {
        let run = || simulate(seed, World::default(), 500, 5_000).iter().flat_map(bytes).collect::<Vec<u8>>();
        assert!(run() == run());
    }
    assert_ne!(simulate(1, World::default(), 500, 100), simulate(2, World::default(), 500, 100));
}

#[test]
fn another_start_gives_other_ids() {
    let ids = |start: i64| {
        let assortment = Assortment::new(shelf()).unwrap();
        let mut simulator = Simulator::new(assortment, Currency::EUR, World::default(), 7, at(start));
        let events = (0..2_000).map(|n| simulator.act(at(start + n * 10)).event);
        events.map(|event| event.session_id).collect::<BTreeSet<_>>()
    };
    assert!(ids(0).is_disjoint(&ids(86_400_000)));
}

#[test]
fn ids_are_unique_and_a_session_keeps_its_visitor_and_start() {
    let events = simulate(3, World::default(), 1_000, 30_000);
    let event_ids: BTreeSet<_> = events.iter().map(|one| one.event.event_id).collect();
    assert_eq!(event_ids.len(), events.len());
    assert_eq!(searches(&events).len() as f64, count(&events, EventType::Search));
    let mut sessions = BTreeMap::new();
    for Simulated { event, .. } in &events {
        let kept = (event.visitor().to_owned(), event.session_started_at);
        assert_eq!(sessions.entry(event.session_id.clone()).or_insert_with(|| kept.clone()), &kept);
    }
}

#[test]
fn what_a_search_led_to_is_true_to_what_it_found() {
    let events = simulate(4, World::default(), 1_000, 30_000);
    let searches = searches(&events);
    let mut checked = 0;
    for item in events.iter().flat_map(attributed) {
        let attribution = item.attribution.as_ref().unwrap();
        let (searched_at, search) = searches[attribution.query_id.as_str()];
        assert_eq!((attribution.searched_at, &attribution.intent_id), (searched_at, &search.intent_id));
        assert_eq!(attribution.query, search.query);
        assert!(u64::from(attribution.position) <= search.result_count);
        match search.result_ids.get(attribution.position as usize - 1) {
            Some(id) => assert_eq!(id, &item.product_id),
            None => assert!(search.result_ids.len() == 12),
        }
        checked += 1;
    }
    assert!(checked > 8_000, "{checked}");
}

#[test]
fn a_search_found_what_the_shop_answers_to_its_text_and_filters() {
    let assortment = Assortment::new(shelf()).unwrap();
    let (mut filtered, mut empty, mut refined) = (0, 0, 0);
    for (_, search) in searches(&simulate(9, World::default(), 1_000, 20_000)).values() {
        let answer = assortment.find(&search.query, &search.filters);
        assert_eq!((search.result_count, &search.result_ids), (answer.count, &answer.ids), "{search:?}");
        filtered += usize::from(!search.filters.is_empty());
        empty += usize::from(search.result_count == 0);
        refined += usize::from(search.intent_id != search.query_id);
    }
    assert!(filtered > 100 && empty > 100 && refined > 100, "{filtered} {empty} {refined}");
}

#[test]
fn a_refund_comes_in_a_later_session_of_the_one_who_ordered() {
    let events = simulate(5, World::default(), 100, 60_000);
    let mut orders = HashMap::new();
    let mut refunds = 0;
    for Simulated { event, persona, .. } in &events {
        match &event.action {
            // These have no order, or give back more than it had; `personas` tests them.
            _ if matches!(persona, Persona::PhantomRefund | Persona::ExcessRefund) => {}
            Action::Purchase(order) => {
                assert_eq!(order.total, order.items.iter().map(Item::amount).sum());
                orders.insert(order.order_id.clone(), (event, order));
            }
            Action::Refund(refund) => {
                let (bought, order) = orders[&refund.order.order_id];
                assert_eq!(bought.visitor(), event.visitor());
                assert_ne!(bought.session_id, event.session_id);
                assert_eq!((refund.ordered_at, refund.order_total), (bought.timestamp, order.total));
                assert!(refund.order.total <= order.total);
                refunds += 1;
            }
            Action::Search(_) | Action::View(_) | Action::AddToCart(_) => {}
        }
    }
    assert!(refunds > 50, "{refunds}");
}

#[test]
fn programs_are_faster_than_any_person_whatever_the_rate() {
    for per_second in [10, 100, 400] {
        let mut in_a_minute = BTreeMap::new();
        for Simulated { event, persona, .. } in simulate(8, World::default(), per_second, per_second * 150) {
            let minute = event.timestamp.floor_to(MINUTE_MS);
            *in_a_minute.entry((persona, event.session_id, minute)).or_insert(0) += 1;
        }
        let most =
            |persona| in_a_minute.iter().filter(|((who, ..), _)| *who == persona).map(|(_, n)| *n).max();
        let (person, program) = (most(Persona::Shopper), most(Persona::PriceScraper));
        assert!(person < Some(30) && program > Some(45), "{per_second}/s: {person:?} {program:?}");
    }
}

#[test]
fn the_first_purchase_does_not_keep_anybody_waiting() {
    for per_second in [10, 100, 2_000] {
        let events = simulate(6, World::default(), per_second, per_second * 60);
        let first = events.iter().find(|one| one.event.event_type() == EventType::Purchase).unwrap();
        assert!(first.event.timestamp < at(45_000), "{per_second}/s: {}", first.event.timestamp);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_tally_is_what_a_recount_of_the_events_gives(seed: u64, events in 1i64..3_000) {
        let events = simulate(seed, World::default(), 300, events);
        let mut tally = Tally::default();
        events.iter().for_each(|one| tally.count(one, bytes(one).len()));
        let distinct = |id: fn(&Simulated) -> Option<String>| {
            events.iter().filter_map(id).collect::<BTreeSet<_>>().len() as u64
        };
        let units = |event_type| -> u64 {
            let of_type = events.iter().filter(|one| one.event.event_type() == event_type);
            of_type.flat_map(|one| one.event.items()).map(|item| u64::from(item.quantity)).sum()
        };
        let entered = |one: &Simulated| {
            matches!(one.event.event_type(), EventType::Search | EventType::View)
                .then(|| one.event.session_id.to_string())
        };
        prop_assert_eq!(tally.total(), events.len() as u64);
        prop_assert_eq!(tally.sessions, distinct(|one| Some(one.event.session_id.to_string())));
        prop_assert_eq!(tally.entrants, distinct(entered));
        prop_assert_eq!(tally.visitors, distinct(|one| Some(one.event.visitor().to_owned())));
        prop_assert_eq!(tally.users, distinct(|one| one.event.user_id.as_ref().map(ToString::to_string)));
        let of_bots = |one: &Simulated| (one.persona.class() == Class::Bot).then(|| one.event.visitor().to_owned());
        prop_assert_eq!(tally.class(Class::Bot).visitors, distinct(of_bots));
        let expected = Units {
            viewed: units(EventType::View),
            carted: units(EventType::AddToCart),
            purchased: units(EventType::Purchase),
            refunded: units(EventType::Refund),
        };
        prop_assert_eq!(tally.units, expected);
        prop_assert_eq!(tally.bytes, events.iter().map(|one| bytes(one).len() as u64).sum::<u64>());
    }
}
