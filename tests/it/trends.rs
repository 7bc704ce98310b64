//! Whether what trends is what went viral, and whether bots leave no trace in it: the simulator's events, added up
//! plainly, ranked as the service ranks them.

#![expect(clippy::unwrap_used, reason = "tests may, their helper functions too")]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::TimeDelta;
use serde_json::{Value, json};
use shoplens::analytics::range::Range;
use shoplens::analytics::trending::score::{SPANS, spans};
use shoplens::analytics::trending::{Counted, Seen, Tally, Trend};
use shoplens::catalog::shelf::{self, ShelfProduct};
use shoplens::model::event::{Event, EventType};
use shoplens::model::ids::SessionId;
use shoplens::model::money::{Cents, Currency};
use shoplens::model::rules::{Quarry, Rules};
use shoplens::model::time::{MINUTE_MS, Timestamp};
use shoplens::stream::trial::{Case, Trial};
use shoplens::traffic::{Assortment, Class, Rhythm, Rush, Schedule, Simulator, World};

const PRODUCTS: u64 = 2_000;
const WINDOW_MINUTES: u32 = 5;

struct Day {
    start: Timestamp,
    events: Vec<(Class, Event)>,
}

/// A shop's events of so many minutes, with an even rhythm.
fn simulate(seed: u64, per_second: u32, minutes: i64, world: Value) -> Day {
    simulate_in(&Rhythm::default(), seed, per_second, minutes, world)
}

fn simulate_in(rhythm: &Rhythm, seed: u64, per_second: u32, minutes: i64, world: Value) -> Day {
    let world: World = serde_json::from_value(world).unwrap();
    world.check().unwrap();
    let start = Timestamp::parse("2026-11-02T10:00:00.000Z").unwrap();
    let assortment = Assortment::new(shelf()).unwrap();
    let mut simulator = Simulator::new(assortment, Currency::EUR, world, seed, start);
    let mut schedule = Schedule::new(start, per_second, rhythm.clone());
    let mut events = Vec::new();
    loop {
        let at = schedule.next_time();
        if at >= start + TimeDelta::minutes(minutes) {
            return Day { start, events };
        }
        let simulated = simulator.act(at);
        events.push((simulated.persona.class(), simulated.event));
    }
}

impl Day {
    fn minute(&self, number: i64) -> Timestamp {
        self.start + TimeDelta::minutes(number)
    }

    /// What was viewed more than usual in the window that ends at a minute, by the events that pass.
    fn trends(&self, end: i64, mut passes: impl FnMut(Class, &Event) -> bool) -> Vec<Trend> {
        let window = Range::last(WINDOW_MINUTES, self.minute(end));
        let mut viewed: BTreeMap<(Timestamp, String), HashSet<String>> = BTreeMap::new();
        for (class, event) in &self.events {
            if event.event_type() == EventType::View && event.timestamp < window.to && passes(*class, event) {
                let key = (event.timestamp.floor_to(MINUTE_MS), event.items()[0].product_id.to_string());
                viewed.entry(key).or_default().insert(event.session_id.as_str().to_owned());
            }
        }
        let tally = |from: Timestamp, to: Timestamp| {
            let mut tally = Tally::default();
            for ((minute, product), sessions) in &viewed {
                if (from..to).contains(minute) {
                    let counted = tally.by_key.entry(product.clone()).or_default();
                    *counted =
                        Counted { sessions: counted.sessions + sessions.len() as u64, revenue: Cents(0) };
                    tally.whole += sessions.len() as u64;
                }
            }
            tally
        };
        let before: [Tally; SPANS] = spans(window).map(|span| tally(span.from, span.to));
        let first_pane = viewed.keys().map(|(minute, _)| *minute).next().filter(|first| *first < window.from);
        Seen { now: tally(window.from, window.to), before, first_pane }.rank(window)
    }
}

fn top(trends: &[Trend]) -> BTreeSet<&str> {
    trends.iter().take(20).map(|trend| trend.key.as_str()).collect()
}

fn shelf() -> Vec<ShelfProduct> {
    shelf::built_in(PRODUCTS, Currency::EUR).unwrap()
}

/// The product at a place by popularity, from 1.
fn product_at(place: usize) -> String {
    let mut shelf = shelf();
    shelf.sort_by(|a, b| b.popularity.total_cmp(&a.popularity));
    shelf[place - 1].id.to_string()
}

/// The product that is viewed most.
fn best_seller(day: &Day) -> String {
    let mut views: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, event) in day.events.iter().filter(|(_, event)| event.event_type() == EventType::View) {
        *views.entry(event.items()[0].product_id.as_str()).or_default() += 1;
    }
    views.into_iter().max_by_key(|(_, count)| *count).unwrap().0.to_owned()
}

#[test]
fn a_product_that_goes_viral_is_first_within_two_windows_and_a_steady_best_seller_is_not_listed() {
    for seed in [11, 12, 13] {
        let bursts = json!({ "every_hours": 0, "at": [{ "after_minutes": 60, "place": 300 }] });
        let day = simulate(seed, 20, 70, json!({ "bursts": bursts }));
        let (viral, steady) = (product_at(300), best_seller(&day));
        let [before, now] = [60, 70].map(|end| day.trends(end, |_, _| true));
        let keys =
            |trends: &[Trend]| -> Vec<String> { trends.iter().map(|trend| trend.key.clone()).collect() };
        assert!(viral != steady && !keys(&before).contains(&viral), "{before:#?}");
        assert_eq!(now[0].key, viral, "{now:#?}");
        assert!(now[0].score > 1.5 * now[1].score, "{now:#?}");
        assert!(![before, now].iter().any(|trends| keys(trends).contains(&steady)), "{steady}");
    }
}

#[test]
fn a_rush_on_the_whole_shop_makes_no_best_seller_a_trend() {
    let rhythm = Rhythm {
        rushes: vec![Rush { after_minutes: 60.0, minutes: 30.0, factor: 3.0 }],
        ..Rhythm::default()
    };
    for seed in [14, 15, 16] {
        let day = simulate_in(&rhythm, seed, 20, 75, json!({ "bursts": { "every_hours": 0 } }));
        let (steady, now) = (best_seller(&day), day.trends(75, |_, _| true));
        let place = now.iter().position(|trend| trend.key == steady);
        assert!(place.is_none(), "{place:?} {now:#?}");
    }
}

#[test]
fn without_bots_the_list_is_that_of_a_shop_that_no_bot_visits() {
    let mut by_bots = 0;
    for seed in [21, 22] {
        let day = simulate(seed, 20, 90, json!({}));
        let cases = judged(&day);
        for end in [20, 60, 90] {
            let is_known = |case: &&Case| case.decided_at.is_some_and(|at| at < day.minute(end));
            let known = cases.iter().filter(is_known).filter_map(|case| case.session_id.as_ref());
            let known: HashSet<&SessionId> = known.collect();
            let cleaned = day.trends(end, |_, event| !known.contains(&event.session_id));
            let people = day.trends(end, |class, _| class != Class::Bot);
            let all = day.trends(end, |_, _| true);
            let (cleaned, people, all) = (top(&cleaned), top(&people), top(&all));
            assert!(people.len() >= 20 && cleaned.intersection(&people).count() >= 18, "{seed} {end}");
            by_bots += all.difference(&people).count();
        }
    }
    // Or the test would say nothing.
    assert!(by_bots > 20, "{by_bots}");
}

/// What the rules say of a day's visits.
fn judged(day: &Day) -> Vec<Case> {
    let mut trial = Trial::new(&Rules::embedded());
    for (number, (_, event)) in (1..).zip(&day.events) {
        trial.take(number, event);
        if number % 500 == 0 {
            trial.flush();
        }
    }
    let cases = trial.conclude().into_values();
    cases.filter(|case| case.rule.quarry() == Quarry::Bot).collect()
}
