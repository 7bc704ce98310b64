//! What the shop's search promises to whoever types.

use proptest::prelude::*;
use smol_str::format_smolstr;

use super::*;
use crate::traffic::assortment::matcher::{FILTER_BRAND, FILTER_PRICE_MAX};
use crate::traffic::query;
use crate::traffic::tests::{product, shelf};

fn two_headphones() -> Assortment {
    let small =
        ShelfProduct { popularity: 0.1, ..product(1, "electronics.audio.headphones", "Sonora", 5_999) };
    let great = ShelfProduct { popularity: 0.9, ..product(2, "electronics.audio.headphones", "Lumo", 9_999) };
    Assortment::new(vec![small, great]).unwrap()
}

fn found(assortment: &Assortment, text: &str) -> Vec<Rank> {
    assortment.find(text, &BTreeMap::new()).ranks.clone()
}

fn filtered(name: &str, value: &str) -> BTreeMap<SmolStr, SmolStr> {
    BTreeMap::from([(name.into(), value.into())])
}

#[test]
fn an_empty_shelf_is_no_assortment() {
    assert!(Assortment::new(Vec::new()).is_none());
}

#[test]
fn a_search_finds_what_has_every_word_with_the_most_popular_first() {
    let assortment = two_headphones();
    assert_eq!(found(&assortment, "headphones"), [0, 1]);
    assert_eq!(found(&assortment, "Headphone lumo"), [0]);
    assert_eq!(found(&assortment, "audio sonora"), [1]);
    assert!(found(&assortment, "sonora lumo").is_empty());
    assert!(found(&assortment, "opening hours").is_empty());
    assert!(found(&assortment, "").is_empty());
}

#[test]
fn a_slip_of_the_finger_is_forgiven() {
    let assortment = two_headphones();
    for slip in ["haedphones", "headphnes", "headphonnes", "sonora hradphones"] {
        assert!(found(&assortment, slip).contains(&1), "{slip}");
    }
    assert!(found(&assortment, "hexdphxnes").is_empty());
}

#[test]
fn the_last_word_may_be_unfinished() {
    let assortment = two_headphones();
    assert_eq!(found(&assortment, "lumo headp"), [0]);
    assert!(found(&assortment, "headp lumo").is_empty());
    assert!(found(&assortment, "he").is_empty());
}

#[test]
fn other_names_of_a_thing_find_it() {
    let television = product(1, "electronics.televisions", "Lumo", 49_900);
    let bike = product(2, "sports.bicycles", "Lumo", 59_900);
    let assortment = Assortment::new(vec![television, bike]).unwrap();
    let rank = |path: &str| {
        (0..2).find(|rank| assortment.product(*rank).unwrap().category.as_str() == path).unwrap()
    };
    for text in ["tv", "telly", "goggle box", "lumo tv"] {
        assert_eq!(found(&assortment, text), [rank("electronics.televisions")], "{text}");
    }
    assert_eq!(found(&assortment, "push bike"), [rank("sports.bicycles")]);
}

#[test]
fn filters_narrow_what_is_found() {
    let assortment = two_headphones();
    let ranks = |filters| assortment.find("headphones", &filters).ranks.clone();
    assert_eq!(ranks(filtered(FILTER_PRICE_MAX, "60")), [1]);
    assert_eq!(ranks(filtered(FILTER_BRAND, "Lumo")), [0]);
    assert!(ranks(filtered("colour", "black")).is_empty());
}

#[test]
fn a_wish_follows_the_taste() {
    let assortment = Assortment::new(shelf()).unwrap();
    let mut chance = Chance::new(1);
    let taste = Taste::draw(&assortment, &mut chance);
    let wishes: Vec<Traits> =
        (0..2_000).map(|_| assortment.traits(assortment.wanted(&taste, &mut chance))).collect();
    let favourite =
        wishes.iter().filter(|traits| taste.departments.contains(&traits.department)).count() as f64;
    let fitting = wishes.iter().filter(|traits| taste.fits(traits.brand, traits.price_level)).count() as f64;
    assert!((0.8..0.99).contains(&(favourite / 2_000.0)), "{favourite}");
    assert!(fitting / 2_000.0 > 0.85, "{fitting}");
}

#[test]
fn a_viral_product_is_wanted_by_many_and_then_forgotten() {
    let mut assortment = Assortment::new(shelf()).unwrap();
    let start = crate::model::event::tests::at(0);
    let burst = Burst { after_minutes: 0.0, place: Some(500), peak_share: Some(0.2) };
    assortment.stir(Bursts { every_hours: 0.0, at: vec![burst], ..Bursts::default() }, 1, start);
    let mut wanted = |minutes: i64| {
        assortment.turn_to(start + chrono::TimeDelta::minutes(minutes));
        let mut chance = Chance::new(1);
        (0..5_000).filter(|_| assortment.wanted(&Taste::default(), &mut chance) == 499).count()
    };
    let (before, peak, later) = (wanted(0), wanted(10), wanted(3_000));
    assert!(before < 10 && later < 10 && (900..1_100).contains(&peak), "{before} {peak} {later}");
}

proptest! {
    #[test]
    fn what_is_asked_for_a_product_finds_it_however_it_is_narrowed(seed: u64) {
        let assortment = Assortment::new(shelf()).unwrap();
        let mut chance = Chance::new(seed);
        let wanted = assortment.popular(&mut chance);
        let taste = Taste { brands: [assortment.traits(wanted).brand; 3], ..Taste::default() };
        let text = assortment.wording(wanted, &taste, &mut chance);
        let narrower = format_smolstr!("{} {text}", assortment.narrowing_word(wanted, &mut chance));
        let filters: BTreeMap<_, _> = assortment.filter(wanted, &mut chance).into_iter().collect();
        for (text, filters) in [(&text, BTreeMap::new()), (&text, filters.clone()), (&narrower, filters)] {
            let found = assortment.find(text, &filters);
            prop_assert!(found.count >= found.ranks.len() as u64 && found.count > 0, "{}", text);
            prop_assert!(found.ranks.is_sorted());
            prop_assert!(found.ranks.len() == RESULTS_KEPT || found.ranks.contains(&wanted), "{}", text);
        }
    }

    #[test]
    fn an_answer_does_not_depend_on_what_was_asked_before(seeds in proptest::collection::vec(any::<u64>(), 1..20)) {
        let (fresh, used) = (Assortment::new(shelf()).unwrap(), Assortment::new(shelf()).unwrap());
        let asked = |seed: &u64| {
            let mut chance = Chance::new(*seed);
            let text = used.wording(used.popular(&mut chance), &Taste::default(), &mut chance);
            query::typed(text, 0.5, &mut chance)
        };
        let texts: Vec<SmolStr> = seeds.iter().map(asked).collect();
        let all: Vec<Arc<Answer>> = texts.iter().map(|text| used.find(text, &BTreeMap::new())).collect();
        let last = texts.last().unwrap();
        prop_assert_eq!(&fresh.find(last, &BTreeMap::new()), all.last().unwrap());
        prop_assert_eq!(&used.find(last, &BTreeMap::new()), all.last().unwrap());
    }
}
