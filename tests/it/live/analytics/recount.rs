//! Trends and funnels over a log that the real processor has read, held against a plain recount of its events.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::{Value, json};
use shoplens::analytics::range::Asked;
use shoplens::analytics::trending::store::trends;
use shoplens::analytics::trending::{Among, Measure, Question};
use shoplens::catalog::shelf;
use shoplens::model::event::{Event, EventType, Item};
use shoplens::model::money::Currency;
use shoplens::model::time::{MINUTE_MS, Timestamp};
use shoplens::store::Missing;
use shoplens::store::schema::Schema;
use shoplens::traffic::{Assortment, Simulator};

use crate::live::shop::Shop;
use crate::live::small_log::{Log, drain, minute, with_small_log};
use crate::live::small_shop::service;

/// What visitors of a shop with many bots and thieves did in 20 minutes from [`minute`] 0 on.
fn log_of_20_minutes(log: &Log) -> Vec<Event> {
    let shelf = shelf::built_in(60, Currency::EUR).unwrap();
    let world = json!({ "bot_ratio": 0.4, "fraud_ratio": 0.2, "bursts": { "every_hours": 0, "at": [
        { "after_minutes": 14, "place": 30, "peak_share": 0.4 }
    ] } });
    let world = serde_json::from_value(world).unwrap();
    let mut simulator = Simulator::new(Assortment::new(shelf).unwrap(), Currency::EUR, world, 3, minute(0));
    let events: Vec<Event> =
        (0..1_500).map(|n| simulator.act(minute(0) + TimeDelta::milliseconds(800 * n)).event).collect();
    log.simulated(&events);
    events
}

async fn processed(shop: &Shop, log: &Log) -> Vec<Event> {
    let events = log_of_20_minutes(log);
    drain(shop, Currency::EUR).await;
    for schema in [
        Schema::PRODUCT_TRENDS,
        Schema::SUSPECT_PRODUCTS,
        Schema::CATEGORY_FUNNELS,
        Schema::FRAUD_SIGNALS,
        Schema::PROCESSOR_FRONTIERS,
    ] {
        shop.store.refresh(schema.name).await.unwrap();
    }
    events
}

/// The sessions that the rules take for bots'.
async fn bots(shop: &Shop) -> BTreeSet<String> {
    let rules = ["bot_velocity", "bot_rhythm", "catalogue_crawl", "search_flood", "cart_hoarding"];
    let body = json!({ "size": 1_000, "query": { "bool": { "filter": [
        { "term": { "active": true } }, { "terms": { "rule": rules } },
    ] } } });
    let found: Value =
        shop.store.search("list bots", "fraud-signals", Missing::IsError, &body).await.unwrap();
    let hits = found["hits"]["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["_source"]["session_id"].as_str().unwrap().to_owned()).collect()
}

fn kind(by: Measure) -> EventType {
    match by {
        Measure::Views => EventType::View,
        Measure::Carts => EventType::AddToCart,
        Measure::Purchases | Measure::Revenue => EventType::Purchase,
    }
}

/// The items of one type of event, with minute and session.
fn items(events: &[Event], kind: EventType) -> impl Iterator<Item = (Timestamp, &Event, &Item)> {
    let events = events.iter().filter(move |event| event.event_type() == kind);
    events.flat_map(|event| {
        event.items().iter().map(move |item| (event.timestamp.floor_to(MINUTE_MS), event, item))
    })
}

/// Session-minutes by product or category and minute.
fn session_minutes(
    events: &[Event],
    by: Measure,
    keys: impl Fn(&Item) -> Vec<String>,
) -> BTreeMap<(String, Timestamp), u64> {
    let mut sessions: BTreeSet<(String, Timestamp, &str, &str)> = BTreeSet::new();
    for (minute, event, item) in items(events, kind(by)) {
        let (product, session) = (item.product_id.as_str(), event.session_id.as_str());
        sessions.extend(keys(item).into_iter().map(|key| (key, minute, product, session)));
    }
    let mut counts = BTreeMap::new();
    for (key, minute, ..) in sessions {
        *counts.entry((key, minute)).or_default() += 1;
    }
    counts
}

fn product(item: &Item) -> Vec<String> {
    vec![item.product_id.to_string()]
}

fn department(item: &Item) -> Vec<String> {
    vec![item.category.department().to_owned()]
}

/// What trends in the six minutes before minute 20 and what each counts and is expected to, by docs/metrics.md.
fn recount(
    events: &[Event],
    by: Measure,
    keys: impl Fn(&Item) -> Vec<String>,
) -> BTreeMap<String, (u64, f64)> {
    let counts = session_minutes(events, by, keys);
    let whole = session_minutes(events, by, product);
    let opened = items(events, kind(by)).map(|(minute, ..)| minute).min().unwrap();
    // All of the past lies in the latest span, so its weight is the same for all and falls out.
    let is_past = |at: &Timestamp| *at < minute(14);
    let lived = (minute(14) - opened).as_seconds_f64();
    let per_past = (minute(20) - minute(14)).as_seconds_f64() / lived;
    let sum = |counts: &BTreeMap<(String, Timestamp), u64>, of: Option<&str>, past: bool| -> u64 {
        let passes = |key: &str, at: &Timestamp| of.is_none_or(|of| of == key) && is_past(at) == past;
        counts.iter().filter(|((key, at), _)| passes(key, at)).map(|(_, count)| count).sum()
    };
    let usual = sum(&whole, None, true) as f64 * per_past;
    let rush = (sum(&whole, None, false) as f64 / usual).max(1.0);
    let names: BTreeSet<&String> = counts.keys().map(|(key, _)| key).collect();
    let of_name = |name: &String| {
        let (now, past) = (sum(&counts, Some(name), false), sum(&counts, Some(name), true));
        (name.clone(), (now, past as f64 * per_past * rush))
    };
    let mut trends: BTreeMap<String, (u64, f64)> = names.into_iter().map(of_name).collect();
    trends.retain(|_, (count, expected)| {
        *count >= 3 && (*count as f64 - *expected) / (*expected + 1.0).sqrt() >= 2.0
    });
    trends
}

#[tokio::test]
async fn what_trends_is_that_of_a_recount_of_what_people_did() {
    with_small_log(async |shop, log| {
        let events = processed(shop, log).await;
        let bots = bots(shop).await;
        let (by_bots, people): (Vec<Event>, Vec<Event>) =
            events.into_iter().partition(|event| bots.contains(event.session_id.as_str()));
        assert!(by_bots.len() > 100, "{} bots", bots.len());
        let asked = Asked { minutes: 0, from: Some(minute(14)), to: Some(minute(20)) };
        let window = asked.at(Timestamp::now()).unwrap();
        let mut listed = 0;
        for by in [Measure::Views, Measure::Carts, Measure::Purchases, Measure::Revenue] {
            for among in
                [Among::Products { category: None, brand: None }, Among::categories(None, None).unwrap()]
            {
                let keys = if among.category().is_none() && matches!(among, Among::Products { .. }) {
                    product
                } else {
                    department
                };
                let question = Question { minutes: 6, size: 100, by, among };
                let found = trends(&shop.store, &question, window).await.unwrap();
                let expected = recount(&people, by, keys);
                let shown: BTreeMap<String, u64> =
                    found.listed.iter().map(|one| (one.trend.key.clone(), one.trend.sessions)).collect();
                let sessions = expected.iter().map(|(key, (count, _))| (key.clone(), *count)).collect();
                assert_eq!(shown, sessions, "{question:?}");
                listed += shown.len();
                for one in found.listed {
                    let (_, expected) = expected[&one.trend.key];
                    assert!((one.trend.expected - expected).abs() < 0.01, "{one:?}, {expected} expected");
                    let in_window = |kind| -> Vec<&Item> {
                        let of_kind = items(&people, kind).filter(|(at, ..)| *at >= minute(14));
                        of_kind
                            .map(|(.., item)| item)
                            .filter(|item| keys(item).contains(&one.trend.key))
                            .collect()
                    };
                    let units =
                        |kind| in_window(kind).iter().map(|item| u64::from(item.quantity)).sum::<u64>();
                    let figures =
                        (one.figures.views, one.figures.carts, one.figures.purchases, one.figures.refunds);
                    let [views, carts, purchases, refunds] =
                        [EventType::View, EventType::AddToCart, EventType::Purchase, EventType::Refund]
                            .map(units);
                    assert_eq!(figures, (views, carts, purchases, refunds), "{one:?}");
                    assert_eq!(
                        one.figures.revenue,
                        in_window(EventType::Purchase).iter().map(|item| item.amount()).sum()
                    );
                }
            }
        }
        assert!(listed > 3, "{listed}");
    })
    .await;
}

/// A session's events in order, and what of them lies in a category.
struct Visit<'a> {
    events: Vec<&'a Event>,
    category: &'a str,
}

impl Visit<'_> {
    fn items<'b>(&'b self, event: &'b Event) -> impl Iterator<Item = &'b Item> {
        let lies_in = |item: &&Item| {
            self.category == "all" || item.category.prefixes().any(|prefix| prefix == self.category)
        };
        event.items().iter().filter(lies_in)
    }

    /// The first event of a type with an item there, behind a place.
    fn first(&self, kind: EventType, after: usize) -> Option<usize> {
        let is_one = |event: &Event| event.event_type() == kind && self.items(event).next().is_some();
        (after..self.events.len()).find(|place| is_one(self.events[*place]))
    }

    fn amount(&self, kind: EventType) -> f64 {
        let of_kind = self.events.iter().filter(|event| event.event_type() == kind);
        of_kind.flat_map(|event| self.items(event)).map(|item| item.amount().to_major()).sum()
    }

    /// The first search that led there.
    fn searched_at(&self) -> Option<Timestamp> {
        let searches = self.events.iter().filter(|event| event.event_type() == EventType::Search);
        if self.category == "all" {
            return searches.map(|search| search.timestamp).min();
        }
        let views = self.events.iter().filter(|event| event.event_type() == EventType::View);
        let led = views.flat_map(|view| self.items(view)).filter_map(|item| item.attribution.as_ref());
        led.map(|attribution| attribution.searched_at).min()
    }
}

/// What a funnel says of a category, by docs/metrics.md, and how long its steps took.
fn funnel(events: &[Event], category: &str, from: i64, to: i64) -> (BTreeMap<String, f64>, [Vec<f64>; 3]) {
    let mut sessions: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        if (minute(from)..minute(to)).contains(&event.session_started_at) {
            sessions.entry(event.session_id.as_str()).or_default().push(event);
        }
    }
    let (mut sums, mut times) = (BTreeMap::new(), [vec![], vec![], vec![]]);
    for mut events in sessions.into_values() {
        events.sort_by_key(|event| (event.timestamp, event.event_type(), event.event_id));
        let visit = Visit { events, category };
        let at = |place: usize| visit.events[place].timestamp;
        let view = visit.first(EventType::View, 0);
        let cart = view.and_then(|view| visit.first(EventType::AddToCart, view + 1));
        let purchase = cart.and_then(|cart| visit.first(EventType::Purchase, cart + 1));
        let searched_at = visit.searched_at();
        let by_search = searched_at.filter(|search| view.is_none_or(|view| *search <= at(view)));
        let way = if by_search.is_some() { "by_search" } else { "by_browse" };
        let mut add = |name: &str, value: f64| *sums.entry(name.to_owned()).or_default() += value;
        let stages =
            [searched_at.is_some() || view.is_some(), view.is_some(), cart.is_some(), purchase.is_some()];
        for (name, reached) in ["entered", "viewed", "carted", "purchased"].into_iter().zip(stages) {
            add(name, f64::from(reached));
            add(&format!("{way}.{name}"), f64::from(reached));
        }
        add("searched", f64::from(searched_at.is_some()));
        add("carted_value", visit.amount(EventType::AddToCart));
        add("revenue", visit.amount(EventType::Purchase));
        add("refunded", f64::from(visit.first(EventType::Refund, 0).is_some()));
        add("refunded_value", visit.amount(EventType::Refund));
        let took = |from: Option<Timestamp>, to: Option<usize>| Some((at(to?) - from?).as_seconds_f64());
        let steps = [took(by_search, view), took(view.map(at), cart), took(cart.map(at), purchase)];
        times.iter_mut().zip(steps).for_each(|(times, step)| times.extend(step));
    }
    (sums, times)
}

/// The answer's figures are those of the recount.
fn hold(shown: &Value, events: &[Event], from: i64, to: i64) {
    let category = shown["category"].as_str().unwrap();
    let (sums, times) = funnel(events, category, from, to);
    for (name, expected) in &sums {
        let found = &shown[name.split('.').next().unwrap()];
        let found = name.split_once('.').map_or(found, |(_, step)| &found[step]);
        assert!(
            (found.as_f64().unwrap() - expected).abs() < 1e-6,
            "{category}: {name} is {found}, not {expected}"
        );
    }
    let share = |part: &str, whole: &str| (sums[whole] > 0.0).then(|| sums[part] / sums[whole]);
    for (name, part, whole) in [
        ("view_rate", "viewed", "entered"),
        ("cart_rate", "carted", "viewed"),
        ("purchase_rate", "purchased", "carted"),
        ("conversion", "purchased", "entered"),
        ("refund_rate", "refunded", "purchased"),
    ] {
        assert_eq!(shown[name].as_f64(), share(part, whole), "{category}: {name}");
    }
    for (step, mut times) in ["view", "cart", "purchase"].into_iter().zip(times) {
        times.sort_by(f64::total_cmp);
        let median = shown["median_seconds"][step].as_f64();
        assert_eq!(median.is_some(), !times.is_empty(), "{category}: {step}");
        let Some(median) = median else { continue };
        // Any value between the two in the middle is a median; of the buckets it is less than a factor of 2 off.
        let (low, high) = (times[(times.len() - 1) / 2], times[times.len() / 2]);
        assert!(
            (low.floor() + 1.0) / 2.0 <= median + 1.0 && median + 1.0 <= 2.0 * (high + 1.0),
            "{category}: {step}"
        );
    }
}

#[tokio::test]
async fn every_figure_of_a_funnel_is_that_of_a_recount_of_the_sessions() {
    with_small_log(async |shop, log| {
        let events = processed(shop, log).await;
        let service = service(shop, &[]);
        let ask = async |from: i64, to: i64, more: &str| {
            service.get(&format!("/funnels?from={}&to={}{more}", minute(from), minute(to))).await
        };
        let whole = ask(0, 20, "").await;
        let departments = whole["categories"].as_array().unwrap();
        assert!(departments.len() > 3 && departments[0]["refunded"].as_u64().unwrap() > 0, "{whole}");
        departments.iter().for_each(|shown| hold(shown, &events, 0, 20));
        let department = departments[1]["category"].as_str().unwrap();
        let below = ask(0, 20, &format!("&category={department}")).await;
        below["categories"].as_array().unwrap().iter().for_each(|shown| hold(shown, &events, 0, 20));

        let later = ask(12, 20, "").await;
        let top = &later["categories"][0];
        hold(top, &events, 12, 20);
        let (before, _) = funnel(&events, "all", 4, 12);
        for name in ["entered", "viewed", "carted", "purchased"] {
            assert_eq!(top["before"][name].as_f64(), Some(before[name]), "{name}");
        }
        let browsed = &ask(12, 20, "&source=browse").await["categories"][0];
        assert_eq!(browsed["entered"], top["by_browse"]["entered"]);
    })
    .await;
}
