//! Search analytics over a log that the real processor has read, held against a plain recount of the log.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use shoplens::model::money::Currency;
use shoplens::model::time::{MINUTE_MS, Timestamp};
use shoplens::store::schema::Schema;

use crate::live::shop::Shop;
use crate::live::small_log::{KEY, Log, drain, event_id, minute, with_small_log};
use crate::live::small_shop::service;

const QUERIES: [&str; 5] = ["red shoes", " Red  SHOES", "chair", "unicorn", ""];
const CATEGORIES: [&str; 3] = ["home.chairs", "home.tables", "fashion.shoes"];

/// What visits do.
struct Visits {
    rng: ChaCha8Rng,
    events: Vec<Value>,
}

/// Which visit it is.
#[derive(Clone, Copy)]
struct Visit<'a> {
    session: &'a str,
    start: Timestamp,
}

/// A search that was made.
struct Made {
    id: String,
    intent: String,
    query: &'static str,
    at: Timestamp,
}

impl Visits {
    fn add(&mut self, kind: &str, visit: Visit<'_>, at: Timestamp, what: Value) {
        let mut event = json!({
            "event_type": kind, "timestamp": at, "event_id": event_id(at), "schema_version": 1,
            "client_id": KEY, "session_id": visit.session, "session_started_at": visit.start,
        });
        event.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        self.events.push(event);
    }

    fn search(&mut self, visit: Visit<'_>, at: Timestamp, number: usize) -> Made {
        let query = QUERIES[self.rng.random_range(0..QUERIES.len())];
        self.search_for(query, visit, at, number)
    }

    fn search_for(&mut self, query: &'static str, visit: Visit<'_>, at: Timestamp, number: usize) -> Made {
        let session = visit.session;
        let id = format!("{session}-q{number}");
        let intent = format!("{session}-q{}", number / 2 * 2);
        let mut filters = serde_json::Map::new();
        if self.rng.random_bool(0.3) {
            filters.insert("category".into(), CATEGORIES[self.rng.random_range(0..3)].into());
        }
        if self.rng.random_bool(0.3) {
            filters.insert("brand".into(), "Arbor".into());
        }
        let what = json!({
            "query_id": id, "intent_id": intent, "query": query,
            "filters": filters, "result_count": if query == "unicorn" { 0 } else { 7 }, "result_ids": ["p-1"],
        });
        self.add("search", visit, at, what);
        Made { id, intent, query, at }
    }

    /// A product, mostly one that a search before found.
    fn item(&mut self, at: Timestamp, made: &[Made]) -> Value {
        let made: Vec<&Made> =
            made.iter().filter(|search| search.at <= at && search.query != "unicorn").collect();
        let mut item = json!({
            "product_id": "p-1", "category": CATEGORIES[self.rng.random_range(0..3)], "brand": "Arbor",
            "unit_price_cents": 500, "quantity": self.rng.random_range(1..4),
        });
        if !made.is_empty() && self.rng.random_bool(0.8) {
            let search = made[self.rng.random_range(0..made.len())];
            item["attribution"] = json!({
                "query_id": search.id, "intent_id": search.intent, "query": search.query, "searched_at": search.at,
                "position": self.rng.random_range(1..9),
            });
        }
        item
    }

    fn act(&mut self, kind: &str, visit: Visit<'_>, at: Timestamp, made: &[Made]) {
        let mut item = self.item(at, made);
        if matches!(kind, "view" | "add_to_cart") {
            item["currency"] = "EUR".into();
            return self.add(kind, visit, at, item);
        }
        let order = json!({
            "order_id": format!("o-{}", self.events.len()), "currency": "EUR", "total_cents": 500,
            "items": [item, self.item(at, made)], "ordered_at": visit.start, "order_total_cents": 5_000,
        });
        self.add(kind, visit, at, order);
    }

    /// A few searches and what they lead to, now and then also to something that an earlier visit searched for.
    fn person(&mut self, visit: Visit<'_>, made: &mut Vec<Made>) {
        let mut at = visit.start;
        for number in 0..self.rng.random_range(1..7) {
            made.push(self.search(visit, at, number));
            at = at + TimeDelta::seconds(self.rng.random_range(15..60));
            for kind in ["view", "view", "add_to_cart", "purchase", "refund"] {
                if self.rng.random_bool(0.4) {
                    let from = made.len() - made.len().min(8);
                    self.act(kind, visit, at, &made[from..]);
                    at = at + TimeDelta::seconds(self.rng.random_range(15..60));
                }
            }
        }
    }

    fn bot(&mut self, visit: Visit<'_>) {
        for number in 0..40 {
            let at = visit.start + TimeDelta::milliseconds(900 * number);
            self.search(visit, at, usize::try_from(number).unwrap());
        }
    }

    /// Who searches once, for this.
    fn once(&mut self, session: &str, query: &'static str, start: Timestamp) {
        self.search_for(query, Visit { session, start }, start, 0);
    }
}

/// Visits of half an hour before [`minute`] 0 and half an hour from then on, some of them bots'.
pub fn log_of_an_hour(log: &Log) -> Vec<Value> {
    let mut visits = Visits { rng: ChaCha8Rng::seed_from_u64(7), events: Vec::new() };
    let mut made = Vec::new();
    for number in 0..60 {
        let start = minute(i64::from(number) - 30);
        visits.person(Visit { session: &format!("s{number}"), start }, &mut made);
        if number % 15 == 5 {
            visits.bot(Visit { session: &format!("bot{number}"), start });
        }
    }
    log.write(&visits.events);
    visits.events
}

pub fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().unwrap_or_default()
}

fn normal(query: &str) -> String {
    query.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

fn lies_in(category: &str, parent: &str) -> bool {
    category == parent || category.starts_with(&format!("{parent}."))
}

/// The items of an event that a search led to.
fn led_to(event: &Value) -> Vec<&Value> {
    let alone = event.get("product_id").map(|_| event);
    let items = event["items"].as_array().into_iter().flatten().chain(alone);
    items.filter(|item| item.get("attribution").is_some()).collect()
}

/// A search's own id and that of its wish.
fn ids(search: &Value) -> (&str, &str) {
    (text(search, "query_id"), text(search, "intent_id"))
}

/// What is counted: all, a query, a category, a filter.
#[derive(Clone, Copy)]
pub enum Key<'a> {
    All,
    Query(&'a str),
    Category(&'a str),
    Filter(&'a str),
}

impl Key<'_> {
    fn has_search(self, search: &Value) -> bool {
        match self {
            Self::All => true,
            Self::Query(query) => normal(text(search, "query")) == query,
            Self::Category(category) => lies_in(text(&search["filters"], "category"), category),
            Self::Filter(filter) => search["filters"].get(filter).is_some(),
        }
    }

    fn has_item(self, item: &Value) -> bool {
        match self {
            Self::All => true,
            Self::Query(query) => normal(text(&item["attribution"], "query")) == query,
            Self::Category(category) => lies_in(text(item, "category"), category),
            Self::Filter(_) => false,
        }
    }
}

/// The definitions of docs/metrics-search.md, followed word by word.
pub fn recount(events: &[Value], key: Key<'_>) -> BTreeMap<&'static str, f64> {
    let mut sessions: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for event in events {
        sessions.entry(text(event, "session_id")).or_default().push(event);
    }
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for events in sessions.values() {
        let searched: Vec<&&Value> = events
            .iter()
            .filter(|event| text(event, "event_type") == "search" && key.has_search(event))
            .collect();
        let items = |kind: &str| -> Vec<&Value> {
            let of_kind = events.iter().filter(|event| text(event, "event_type") == kind);
            of_kind.flat_map(|event| led_to(event)).filter(|item| key.has_item(item)).collect()
        };
        let mut made: BTreeSet<(&str, &str)> = searched.iter().map(|search| ids(search)).collect();
        if matches!(key, Key::Category(_)) {
            made.extend(items("view").iter().map(|item| ids(&item["attribution"])));
        }
        let searches: BTreeSet<&str> = made.iter().map(|(query_id, _)| *query_id).collect();
        let intents: BTreeSet<&str> = made.iter().map(|(_, intent_id)| *intent_id).collect();
        let with = |kind: &str| {
            let led: BTreeSet<&str> =
                items(kind).iter().map(|item| text(&item["attribution"], "query_id")).collect();
            led.intersection(&searches).count() as f64
        };
        let sum = |kind: &str, field: &dyn Fn(&Value) -> f64| items(kind).into_iter().map(field).sum::<f64>();
        let units = |item: &Value| item["quantity"].as_f64().unwrap();
        let mut add = |figure, value: f64| *sums.entry(figure).or_default() += value;
        add("sessions", f64::from(u8::from(!searches.is_empty())));
        add("searches", searches.len() as f64);
        add("intents", intents.len() as f64);
        add("zero_results", searched.iter().filter(|search| search["result_count"] == 0).count() as f64);
        add("clicked", with("view"));
        add("carted", with("add_to_cart"));
        add("purchased", with("purchase"));
        add("units", sum("purchase", &units));
        add("revenue", sum("purchase", &|item| units(item) * 5.0));
        add("refunded_units", sum("refund", &units));
        add("refunded", sum("refund", &|item| units(item) * 5.0));
        add("positions", sum("view", &|item| item["attribution"]["position"].as_f64().unwrap()));
        add("clicks", items("view").len() as f64);
        let mut best: BTreeMap<&str, f64> = BTreeMap::new();
        for item in items("view") {
            let (query_id, _) = ids(&item["attribution"]);
            let place = item["attribution"]["position"].as_f64().unwrap();
            let best = best.entry(query_id).or_insert(place);
            *best = best.min(place);
        }
        best.retain(|query_id, _| searches.contains(query_id));
        add("reciprocal_ranks", best.values().map(|place| 1.0 / place).sum());
    }
    sums
}

/// The answer's figures are those of the recount, and so are its shares.
pub fn hold(figures: &Value, expected: &BTreeMap<&str, f64>, what: &str) {
    let of = |figure: &str| expected.get(figure).copied().unwrap_or_default();
    let counts = [
        "sessions",
        "searches",
        "intents",
        "zero_results",
        "clicked",
        "carted",
        "purchased",
        "units",
        "revenue",
        "refunded_units",
        "refunded",
    ];
    for figure in counts {
        let shown = figures[figure].as_f64().unwrap();
        assert!((shown - of(figure)).abs() < 1e-6, "{what}: {figure} is {shown}, not {}", of(figure));
    }
    let with_results = of("searches") - of("zero_results");
    let shares = [
        ("zero_result_rate", of("zero_results"), of("searches")),
        ("no_click_rate", (with_results - of("clicked")).max(0.0), with_results),
        ("click_through_rate", of("clicked"), of("searches")),
        ("mean_click_position", of("positions"), of("clicks")),
        ("mean_reciprocal_rank", of("reciprocal_ranks"), of("searches")),
        ("cart_rate", of("carted"), of("searches")),
        ("conversion", of("purchased"), of("searches")),
        ("revenue_per_search", of("revenue"), of("searches")),
        ("refund_rate", of("refunded_units"), of("units")),
    ];
    for (figure, part, whole) in shares {
        let shown = figures[figure].as_f64();
        let expected = (whole > 0.0).then(|| part / whole);
        let is_equal = match (shown, expected) {
            (Some(shown), Some(expected)) => (shown - expected).abs() < 1e-5,
            (shown, expected) => shown == expected,
        };
        assert!(is_equal, "{what}: {figure} is {shown:?}, not {expected:?}");
    }
}

pub async fn make_searchable(shop: &Shop) {
    for schema in [Schema::QUERY_STATS, Schema::SUSPECT_QUERIES, Schema::FRAUD_SIGNALS] {
        shop.store.refresh(schema.name).await.unwrap();
    }
}

#[tokio::test]
async fn every_figure_of_searches_is_that_of_a_recount_of_what_people_did() {
    with_small_log(async |shop, log| {
        let events = log_of_an_hour(log);
        drain(shop, Currency::EUR).await;
        make_searchable(shop).await;
        let began = |event: &Value| Timestamp::parse(text(event, "session_started_at")).unwrap();
        let (bots, people): (Vec<Value>, Vec<Value>) = events
            .into_iter()
            .filter(|event| began(event) >= minute(0))
            .partition(|event| text(event, "session_id").starts_with("bot"));
        let service = service(shop, &[]);
        let range = format!("from={}&to={}", minute(0), minute(30));

        let overview = service.get(&format!("/analytics/overview?{range}")).await;
        hold(&overview["now"], &recount(&people, Key::All), "all");
        assert_eq!(overview["bots"]["searches"], bots.len());
        assert_eq!(
            (&overview["bots"]["sessions"], &overview["bots"]["told_apart"]),
            (&json!(2), &json!(true))
        );
        let series = overview["series"].as_array().unwrap();
        assert_eq!((series.len(), &overview["interval_minutes"]), (30, &json!(1)));
        for (number, point) in (0..).zip(series) {
            let of_minute: Vec<Value> =
                people.iter().filter(|event| began(event) == minute(number)).cloned().collect();
            hold(point, &recount(&of_minute, Key::All), &format!("minute {number}"));
        }
        for used in overview["filters"].as_array().unwrap() {
            let expected = recount(&people, Key::Filter(text(used, "filter")));
            assert_eq!(used["searches"].as_f64(), Some(expected["searches"]), "{used}");
            assert_eq!(used["sessions"].as_f64(), Some(expected["sessions"]), "{used}");
        }
        assert_eq!(overview["filters"].as_array().unwrap().len(), 2);

        let queries = service.get(&format!("/analytics/queries?{range}&size=100")).await;
        let items = queries["items"].as_array().unwrap();
        let shown: BTreeSet<&str> = items.iter().map(|item| text(item, "key")).collect();
        assert_eq!(shown, BTreeSet::from(["red shoes", "chair", "unicorn"]));
        for item in items {
            hold(item, &recount(&people, Key::Query(text(item, "key"))), text(item, "key"));
        }
        assert_eq!((&queries["series"], &queries["interval_minutes"]), (&Value::Null, &Value::Null));
        let one_of_each =
            [("query=%20Red%20SHOES", Key::Query("red shoes")), ("category=home", Key::Category("home"))];
        for (wanted, key) in one_of_each {
            let answer = service.get(&format!("/analytics/queries?{wanted}&{range}")).await;
            assert_eq!(answer["items"].as_array().unwrap().len(), 1, "{wanted}");
            hold(&answer["items"][0], &recount(&people, key), wanted);
            let series = answer["series"].as_array().unwrap();
            assert_eq!((series.len(), &answer["interval_minutes"]), (30, &json!(1)));
            for (number, point) in (0..).zip(series) {
                let of_minute: Vec<Value> =
                    people.iter().filter(|event| began(event) == minute(number)).cloned().collect();
                hold(point, &recount(&of_minute, key), &format!("{wanted}, minute {number}"));
            }
        }
        let categories = service.get(&format!("/analytics/queries?scope=category&{range}&size=100")).await;
        let items = categories["items"].as_array().unwrap();
        let shown: BTreeSet<&str> = items.iter().map(|item| text(item, "key")).collect();
        let parents = ["home", "fashion"];
        assert_eq!(shown, CATEGORIES.into_iter().chain(parents).collect());
        for item in items {
            hold(item, &recount(&people, Key::Category(text(item, "key"))), text(item, "key"));
        }
    })
    .await;
}

#[tokio::test]
async fn what_fails_comes_first_and_a_shop_without_searches_shows_nothing() {
    with_small_log(async |shop, log| {
        let service = service(shop, &[]);
        let range = format!("from={}&to={}", minute(0), minute(30));
        let empty = service.get(&format!("/analytics/overview?{range}")).await;
        assert_eq!(
            (&empty["now"]["searches"], &empty["now"]["click_through_rate"]),
            (&json!(0), &Value::Null)
        );
        assert_eq!(service.get("/trending/queries").await["items"], json!([]));
        assert_eq!(service.get("/analytics/queries").await["items"], json!([]));

        log_of_an_hour(log);
        drain(shop, Currency::EUR).await;
        make_searchable(shop).await;
        let failing = service.get(&format!("/analytics/queries?sort=failing&{range}")).await;
        let first = &failing["items"][0];
        assert_eq!((text(first, "key"), &first["zero_result_rate"]), ("unicorn", &json!(1.0)));
        assert!(first["score"].as_f64().unwrap() > 0.5, "{first}");
        let found = service.get(&format!("/analytics/queries?q=SHOE&{range}")).await;
        assert_eq!(text(&found["items"][0], "key"), "red shoes");
        assert_eq!(found["items"].as_array().unwrap().len(), 1);
        let nothing = service.get(&format!("/analytics/queries?q=s*e&{range}")).await;
        assert_eq!(nothing["items"], json!([]));

        let (status, problem) =
            service.problem(poem::http::Method::GET, "/analytics/queries?to=2026-11-21T10:00:00Z").await;
        assert_eq!((status, text(&problem, "detail")), (400, "from must be given with to"));
    })
    .await;
}

#[tokio::test]
async fn a_query_that_many_suddenly_search_for_trends_and_one_of_bots_or_of_every_day_does_not() {
    with_small_log(async |shop, log| {
        let now = Timestamp::now().floor_to(MINUTE_MS);
        let ago = |minutes: i64| now - TimeDelta::minutes(minutes);
        let mut visits = Visits { rng: ChaCha8Rng::seed_from_u64(7), events: Vec::new() };
        for minutes in 5..65 {
            visits.once(&format!("early{minutes}"), "chair", ago(minutes));
        }
        for number in 0..6 {
            visits.once(&format!("late{number}"), "red shoes", ago(4));
            visits.once(&format!("steady{number}"), "chair", ago(4));
            visits.bot(Visit { session: &format!("bot{number}"), start: ago(3) });
        }
        log.write(&visits.events);
        drain(shop, Currency::EUR).await;
        make_searchable(shop).await;
        let answer = service(shop, &[]).get("/trending/queries?minutes=10").await;
        let items = answer["items"].as_array().unwrap();
        let shown: Vec<_> = items.iter().map(|item| (text(item, "query"), &item["sessions"])).collect();
        assert_eq!(shown, [("red shoes", &json!(6))], "{answer}");
        assert_eq!(answer["bots_told_apart"], true);
        assert_eq!(items[0]["rank_before"], Value::Null, "nobody searched for them before");
    })
    .await;
}

#[tokio::test]
async fn a_query_says_how_its_rank_moved_against_the_window_before() {
    with_small_log(async |shop, log| {
        let now = Timestamp::now().floor_to(MINUTE_MS);
        let ago = |minutes: i64| now - TimeDelta::minutes(minutes);
        let mut visits = Visits { rng: ChaCha8Rng::seed_from_u64(7), events: Vec::new() };
        for minutes in 25..90 {
            visits.once(&format!("early{minutes}"), "chair", ago(minutes));
        }
        // The window before has the minutes 11 to 20 ago.
        for (query, before, since) in [("red shoes", 9, 40), ("unicorn", 12, 0)] {
            (0..before).for_each(|n| visits.once(&format!("b-{n}-{}", query.len()), query, ago(15)));
            (0..since).for_each(|n| visits.once(&format!("s-{n}-{}", query.len()), query, ago(4)));
        }
        (0..9).for_each(|n| visits.once(&format!("lamp-{n}"), "lamp", ago(4)));
        log.write(&visits.events);
        drain(shop, Currency::EUR).await;
        make_searchable(shop).await;
        let answer = service(shop, &[]).get("/trending/queries?minutes=10").await;
        let items = answer["items"].as_array().unwrap().iter();
        let places: Vec<_> =
            items.map(|item| (text(item, "query"), &item["rank"], &item["rank_before"])).collect();
        let expected = [("red shoes", json!(1), json!(2)), ("lamp", json!(2), Value::Null)];
        assert_eq!(
            places,
            expected.each_ref().map(|(query, rank, before)| (*query, rank, before)),
            "{answer}"
        );
    })
    .await;
}
