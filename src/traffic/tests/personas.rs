//! Programs, fraudsters and honest look-alikes: as many as were asked for, each true to its kind, and labelled.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use crate::catalog::shelf::ShelfProduct;
use crate::model::event::tests::at;
use crate::model::event::{Action, Event, Order, Refund};
use crate::model::money::{Cents, Currency};
use crate::traffic::tests::{SEEDS, shelf, simulate, world};
use crate::traffic::{Assortment, Class, Persona, Simulated, Simulator, Tally, World};

/// Eighteen days with many fraudsters and no programs, an event every ten seconds.
static EIGHTEEN_DAYS: LazyLock<Vec<Simulated>> = LazyLock::new(|| {
    let assortment = Assortment::new(shelf()).unwrap();
    let mut simulator = Simulator::new(assortment, Currency::EUR, world(0.0, 0.2), 5, at(0));
    (0..18 * 8_640).map(|n| simulator.act(at(n * 10_000))).collect()
});

fn tally(events: &[Simulated]) -> Tally {
    let mut tally = Tally::default();
    events.iter().for_each(|one| tally.count(one, 0));
    tally
}

fn of(events: &[Simulated], persona: Persona) -> impl Iterator<Item = &Event> {
    events.iter().filter(move |one| one.persona == persona).map(|one| &one.event)
}

fn refunds(events: &[Simulated], persona: Persona) -> Vec<&Refund> {
    of(events, persona)
        .filter_map(|event| match &event.action {
            Action::Refund(refund) => Some(refund),
            _ => None,
        })
        .collect()
}

fn orders(events: &[Simulated]) -> HashMap<&str, &Order> {
    events
        .iter()
        .filter_map(|one| match &one.event.action {
            Action::Purchase(order) => Some((order.order_id.as_str(), order)),
            _ => None,
        })
        .collect()
}

fn check_mix(events: &[Simulated]) {
    let tally = tally(events);
    let bots = tally.class(Class::Bot).events as f64 / events.len() as f64;
    let fraud = tally.class(Class::Fraud).visitors as f64 / tally.users as f64;
    assert!((0.08..0.12).contains(&bots) && (0.016..0.024).contains(&fraud), "{bots} {fraud} {tally:?}");
}

#[test]
fn the_mix_is_kept_at_every_rate() {
    for seed in SEEDS {
        check_mix(&simulate(seed, World::default(), 100, 20_000));
        check_mix(&simulate(seed, World::default(), 1_000, 30_000));
        check_mix(&simulate(seed, World::default(), 2, 30_000));
    }
}

#[test]
fn the_kinds_come_by_their_shares() {
    let world = World { fraud_ratio: 0.1, ..World::default() };
    let tally = tally(&simulate(1, world.clone(), 500, 60_000));
    let share = |persona, class: Class, count: fn(&crate::traffic::Presence) -> u64| {
        count(&tally.personas[&persona]) as f64 / count(&tally.class(class)) as f64
    };
    for rhythm in world.bots.rhythms() {
        let found = share(rhythm.persona, Class::Bot, |presence| presence.events);
        assert!((found / rhythm.share - 1.0).abs() < 0.2, "{:?} {found}", rhythm.persona);
    }
    for (persona, plan) in world.fraud.plans() {
        let found = share(persona, Class::Fraud, |presence| presence.visitors);
        assert!((found / plan.share - 1.0).abs() < 0.2, "{persona:?} {found}");
    }
}

#[test]
fn a_shop_of_programs_only_has_no_person() {
    let events = simulate(1, world(1.0, 0.0), 100, 5_000);
    assert!(events.iter().all(|one| one.persona.class() == Class::Bot));
}

#[test]
fn everybody_but_plain_shoppers_is_labelled_from_their_first_event_on() {
    let events = simulate(3, World::default(), 500, 60_000);
    let mut labelled = BTreeSet::new();
    for one in &events {
        let visitor = one.event.visitor();
        match &one.label {
            Some(label) => {
                assert_eq!((label.kind, label.class), (one.persona, one.persona.class()));
                assert_eq!((label.event_id, label.at), (one.event.event_id, one.event.timestamp));
                assert!(!label.why.is_empty() && label.first == one.firsts.of_visitor);
                labelled.insert(visitor);
            }
            None => assert!(one.persona == Persona::Shopper || labelled.contains(visitor), "{one:?}"),
        }
    }
    let kinds: BTreeSet<_> = events.iter().filter_map(|one| Some(one.label.as_ref()?.kind)).collect();
    assert_eq!(kinds.len(), Persona::ALL.len() - 2, "all but plain shoppers and the flash sale's: {kinds:?}");
}

#[test]
fn no_event_tells_what_its_visitor_is_up_to() {
    let names = Persona::ALL.map(|persona| serde_json::to_string(&persona).unwrap().replace('"', ""));
    for one in simulate(4, World { fraud_ratio: 0.2, ..world(0.3, 0.2) }, 500, 5_000) {
        let text = serde_json::to_string(&one.event).unwrap();
        assert!(names.iter().filter(|name| *name != "shopper").all(|name| !text.contains(name)), "{text}");
    }
}

#[test]
fn each_kind_of_fraud_does_what_its_name_says() {
    let events = &*EIGHTEEN_DAYS;
    let orders = orders(events);
    for refund in refunds(events, Persona::PhantomRefund) {
        assert!(!orders.contains_key(refund.order.order_id.as_str()));
    }
    let mut given_back: BTreeMap<&str, Cents> = BTreeMap::new();
    for refund in refunds(events, Persona::ExcessRefund) {
        *given_back.entry(refund.order.order_id.as_str()).or_default() += refund.order.total;
    }
    let excess = given_back.iter().filter(|(order, total)| **total > orders[*order].total).count();
    assert!(excess * 10 >= given_back.len() * 9, "{excess} of {}", given_back.len());
    for event in of(events, Persona::FastRefund) {
        let Action::Refund(refund) = &event.action else { continue };
        // Within 40 s, but at an event in ten seconds one may have to wait for one's turn.
        assert!((event.timestamp - refund.ordered_at).num_seconds() <= 300);
    }
    let mut rates: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for event in of(events, Persona::RefundRate) {
        let (bought, back) = rates.entry(event.visitor()).or_default();
        *bought += u32::from(matches!(event.action, Action::Purchase(_)));
        *back += u32::from(matches!(event.action, Action::Refund(_)));
    }
    let (bought, back) = rates.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!((0.65..0.9).contains(&(f64::from(back) / f64::from(bought))), "{back} of {bought}");
}

#[test]
fn nobody_buys_what_is_sold_out() {
    // Every third product, so that each department and each aisle has some.
    let thirds = shelf().into_iter().enumerate().map(|(n, product)| {
        let stock = u32::from(n / 6 % 3 != 0);
        ShelfProduct { stock, ..product }
    });
    let shelf: Vec<ShelfProduct> = thirds.collect();
    let sold_out: BTreeSet<_> = shelf.iter().filter(|one| one.stock == 0).map(|one| one.id.clone()).collect();
    let assortment = Assortment::new(shelf).unwrap();
    let mut simulator = Simulator::new(assortment, Currency::EUR, world(0.1, 0.2), 6, at(0));
    let mut buyers = BTreeSet::new();
    for number in 0..100_000 {
        let one = simulator.act(at(number * 1_000));
        if matches!(one.event.action, Action::Search(_) | Action::View(_)) {
            continue;
        }
        buyers.insert(one.persona);
        assert!(one.event.items().iter().all(|item| !sold_out.contains(&item.product_id)), "{one:?}");
    }
    assert!(buyers.len() > 10, "{buyers:?}");
}

#[test]
fn where_there_are_no_clothes_nobody_is_said_to_return_them() {
    let shelf = shelf().into_iter().filter(|product| product.category.department() != "fashion").collect();
    let assortment = Assortment::new(shelf).unwrap();
    let mut simulator = Simulator::new(assortment, Currency::EUR, World::default(), 7, at(0));
    assert!((0..20_000).all(|n| simulator.act(at(n * 100)).persona != Persona::SerialReturner));
}

#[test]
fn fraud_is_labelled_where_it_shows() {
    let events = &*EIGHTEEN_DAYS;
    let evidence = |persona| {
        let labels =
            events.iter().filter(move |one| one.persona == persona).filter_map(|one| one.label.as_ref());
        labels.filter(|label| !label.first).map(|label| label.why.as_str()).collect::<Vec<_>>()
    };
    let words = [
        (Persona::RefundLoop, "of the same product"),
        (Persona::FastRefund, "s after the order"),
        (Persona::RefundRate, "small orders"),
        (Persona::ExcessRefund, "of an order"),
        (Persona::PhantomRefund, "never placed"),
    ];
    for (persona, words) in words {
        let evidence = evidence(persona);
        assert!(
            !evidence.is_empty() && evidence.iter().all(|why| why.contains(words)),
            "{persona:?} {evidence:?}"
        );
    }
}

#[test]
fn look_alikes_are_suspicious_and_honest() {
    let events = &*EIGHTEEN_DAYS;
    let orders = orders(events);
    for refund in refunds(events, Persona::SerialReturner) {
        let order = orders[refund.order.order_id.as_str()];
        assert!(refund.order.total < order.total);
    }
    let returned = refunds(events, Persona::SerialReturner).len();
    assert!(returned > 20, "{returned}");
    for event in of(events, Persona::SerialReturner) {
        let Action::Refund(refund) = &event.action else { continue };
        assert!((3..=14).contains(&(event.timestamp - refund.ordered_at).num_days()));
    }
    let mut views: BTreeMap<&str, u32> = BTreeMap::new();
    for event in of(events, Persona::BargainHunter).filter(|event| matches!(event.action, Action::View(_))) {
        *views.entry(event.session_id.as_str()).or_default() += 1;
    }
    assert!(views.values().max() > Some(&150), "{views:?}");
    let pieces = |event: &Event| event.items().iter().map(|item| item.quantity).sum::<u32>();
    let bought = of(events, Persona::CorporateBuyer).filter(|one| matches!(one.action, Action::Purchase(_)));
    assert!(bought.map(pieces).max() > Some(100));
}

#[test]
fn a_flash_sale_brings_a_crowd_at_its_time() {
    let events = simulate(8, world(0.0, 0.0), 10, 2 * 3_600 * 10);
    let crowd: Vec<&Event> = of(&events, Persona::FlashSaleShopper).collect();
    let minutes = |event: &&Event| (event.timestamp - at(0)).num_minutes();
    assert!(crowd.len() > 300 && crowd.iter().map(minutes).all(|minute| (90..=106).contains(&minute)));
    let products: BTreeSet<_> =
        crowd.iter().flat_map(|event| event.items()).map(|item| &item.product_id).collect();
    assert_eq!(products.len(), 1);
}
