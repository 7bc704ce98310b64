//! What trends, of panes written by hand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shoplens::analytics::AnalyticsError;
use shoplens::analytics::progress::Progress;
use shoplens::analytics::range::Range;
use shoplens::analytics::trending::store::{shown, trends};
use shoplens::analytics::trending::{Among, Figures, Measure, Question};
use shoplens::model::money::Cents;
use shoplens::model::time::Timestamp;
use shoplens::store::schema::Schema;

use super::{dismissal, minute, now, path, write, write_frontiers, write_product};
use crate::live::shop::with_shop;

/// All products with most views, or those of a category.
pub fn products(category: Option<&str>) -> Question {
    let among = Among::Products { category: category.map(path), brand: None };
    Question { minutes: 5, size: 100, by: Measure::Views, among }
}

/// What one partition saw of a product in a minute: one document for each stream.
pub fn pane(product: u64, before: i64, partition: u64, sessions: u64) -> Vec<(String, Timestamp, Value)> {
    let category = if product.is_multiple_of(2) { "electronics.audio" } else { "garden.tools" };
    let document = |stream: &str, mut figures: Value| {
        let id = format!("trends|{}|{partition}|{stream}|p{product}", minute(before));
        figures["minute"] = json!(minute(before));
        figures["partition"] = json!(partition);
        figures["stream"] = json!(stream);
        figures["product_id"] = json!(format!("p{product}"));
        figures["category"] = json!(category);
        figures["categories"] = json!(path(category).prefixes().collect::<Vec<_>>());
        figures["brand"] = json!("Sonora");
        figures["support"] = json!(sessions);
        (id, minute(before), figures)
    };
    let figures =
        |quantity| json!({ "sessions": sessions, "quantity": quantity, "revenue_cents": quantity * 999 });
    let products = json!({ "view": figures(2 * sessions), "add_to_cart": figures(3) });
    let orders = json!({ "purchase": figures(sessions), "refund": figures(1) });
    vec![document("product-events", products), document("order-events", orders)]
}

/// The part of a suspect session in a pane: one view of two pieces.
pub fn suspect(session: &str, product: u64, before: i64, partition: u64) -> (String, Timestamp, Value) {
    let (_, at, mut document) = pane(product, before, partition, 1).remove(0);
    document["session_id"] = json!(session);
    document["session_minute"] = json!(at);
    let fields = document.as_object_mut().unwrap();
    fields.retain(|field, _| field != "brand" && field != "add_to_cart");
    (format!("suspect|{at}|{partition}|{session}|p{product}|product-events"), at, document)
}

pub fn signal(session: &str, rule: &str, active: bool) -> (String, Timestamp, Value) {
    let document = json!({
        "rule": rule, "active": active, "session_id": session, "visitor": session,
        "first_seen": minute(9), "last_seen": minute(2),
    });
    (format!("{rule}|{session}"), now(), document)
}

/// What a recount of the panes says of a product.
#[derive(Default)]
pub struct Recounted {
    figures: Figures,
    /// By how many minutes before the window, and how many sessions.
    before: Vec<(i64, u64)>,
}

/// The minutes of the window, the one that runs among them.
const WINDOW: i64 = 10;

/// The window begins at 23:52. The latest span begins at the quarter of an hour that is 30 minutes before it or more, the
/// next at the one that is an hour before it or more: 23:15 and 22:45.
const LATEST: i64 = 37;
const NEXT: i64 = 30;

/// What a count in these spans weighs: half with each hour, from their middles.
fn weights() -> [f64; 2] {
    [LATEST as f64 / 2.0, (LATEST + NEXT / 2) as f64].map(|age| 0.5_f64.powf(age / 60.0))
}

impl Recounted {
    /// The view sessions of the window, and the weighted ones before.
    fn counts(&self) -> (u64, f64) {
        let weight = |age: i64| if age <= LATEST { weights()[0] } else { weights()[1] };
        let weighted = self.before.iter().map(|(age, sessions)| weight(*age) * *sessions as f64);
        (self.figures.view_sessions, weighted.sum())
    }
}

pub type Documents = Vec<(String, Timestamp, Value)>;

/// Panes of 70 minutes, what suspects did in them, and what people did by product.
pub fn panes_of_70_minutes() -> (Documents, Documents, BTreeMap<String, Recounted>) {
    let (mut panes, mut suspects) = (Vec::new(), Vec::new());
    let mut recount: BTreeMap<String, Recounted> = BTreeMap::new();
    for n in 0..600_u64 {
        // The window lies over midnight; before it the shop has lived for 59 minutes. Some rise.
        let (product, before, partition) = (n % 23, (n * 11 % 70) as i64, n % 3);
        let sessions = 1 + u64::from(before <= WINDOW) * (product % 7);
        panes.extend(pane(product, before, partition, sessions));
        // A bot is among the sessions of every fifth pane, a person under suspicion among others.
        let is_bots = n % 5 == 0;
        suspects.push(suspect(if is_bots { "s-bot" } else { "s-person" }, product, before, partition));
        let recounted = recount.entry(format!("p{product}")).or_default();
        let viewing = sessions - u64::from(is_bots);
        if before > WINDOW {
            recounted.before.push((before - WINDOW, viewing));
            continue;
        }
        let figures = &mut recounted.figures;
        figures.view_sessions += viewing;
        figures.views += 2 * viewing;
        figures.carts += 3;
        figures.purchases += sessions;
        figures.refunds += 1;
        figures.revenue += Cents(999).times(sessions as u32);
    }
    assert_eq!(panes.iter().map(|(id, ..)| id).collect::<BTreeSet<_>>().len(), panes.len());
    (panes, suspects, recount)
}

#[tokio::test]
async fn trends_equal_a_recount_of_the_panes_without_bots_over_partitions_streams_and_days() {
    with_shop(async |shop| {
        let (panes, suspects, mut recount) = panes_of_70_minutes();
        let in_window = panes.iter().filter(|(_, at, _)| *at >= minute(WINDOW));
        let all: u64 = in_window.filter_map(|(.., pane)| pane["view"]["sessions"].as_u64()).sum();
        write(shop, &Schema::PRODUCT_TRENDS, panes).await;
        write(shop, &Schema::SUSPECT_PRODUCTS, suspects).await;
        // A person may be a thief, and a suspicion may have gone.
        let signals = [
            signal("s-bot", "bot_rhythm", true),
            signal("s-person", "search_flood", false),
            signal("s-person", "fast_refund", true),
        ];
        write(shop, &Schema::FRAUD_SIGNALS, signals.into()).await;

        let window = Range::last(WINDOW as u32, now());
        let found = trends(&shop.store, &products(None), window).await.unwrap();
        let (window_s, people): (f64, u64) =
            (WINDOW as f64 * 60.0 + 30.0, recount.values().map(|one| one.counts().0).sum());
        assert_eq!(found.bots_share, Some((all - people) as f64 / all as f64));
        let [latest, next] = weights();
        let observed = 60.0 * (LATEST as f64 * latest + (59 - LATEST) as f64 * next);
        let usual: f64 = recount.values().map(|one| one.counts().1).sum::<f64>() * window_s / observed;
        let rush = (people as f64 / usual).max(1.0);
        assert!(rush > 1.0);
        let expected = |one: &Recounted| one.counts().1 * window_s / observed * rush;
        recount.retain(|_, one| {
            let (sessions, expected) = (one.counts().0, expected(one));
            sessions >= 3 && (sessions as f64 - expected) / (expected + 1.0).sqrt() >= 2.0
        });
        assert!(found.listed.len() > 3, "{found:#?}");
        assert_eq!(found.listed.len(), recount.len());
        assert!(found.listed.is_sorted_by(|a, b| a.trend.score >= b.trend.score));
        for one in found.listed {
            let recounted = &recount[&one.trend.key];
            assert_eq!(
                (one.trend.sessions, one.figures),
                (recounted.counts().0, recounted.figures),
                "{}",
                one.trend.key
            );
            let expected = expected(recounted);
            assert!((one.trend.expected - expected).abs() < 1e-9, "{one:?}, {expected} expected");
        }
    })
    .await;
}

#[tokio::test]
async fn trends_of_a_category_and_brand_carry_what_the_catalogue_knows() {
    with_shop(async |shop| {
        let mut panes = [pane(2, 1, 0, 5), pane(3, 1, 0, 9), pane(4, 1, 0, 4)].concat();
        panes.extend(pane(6, 1, 0, 8).into_iter().map(|(id, at, mut pane)| {
            pane["brand"] = json!("Lumo");
            (id, at, pane)
        }));
        write(shop, &Schema::PRODUCT_TRENDS, panes).await;
        write_product(shop, "p2", "electronics.audio").await;
        write_product(shop, "p9", "toys.puzzles").await;
        let frontier = json!({ "group": "trends", "partition": 0, "watermark": now(), "drained": true });
        write_frontiers(shop, &[frontier]).await;
        let ask = async |category: &str, brand: Option<&str>| {
            let among = Among::Products { category: Some(path(category)), brand: brand.map(str::to_owned) };
            let question = Question { among, ..products(None) };
            trends(&shop.store, &question, Range::last(5, now())).await
        };
        let found = ask("electronics", Some("Sonora")).await.unwrap();
        assert_eq!(found.progress, Progress { watermark: Some(now()), complete_until: None });
        let known = shown(&shop.store, &found.listed).await.unwrap();
        let names = found.listed.iter().map(|one| {
            let shown = known.iter().find(|(id, _)| id.as_str() == one.trend.key);
            (one.trend.key.as_str(), shown.map(|(_, shown)| shown.name.as_str()))
        });
        assert_eq!(names.collect::<Vec<_>>(), [("p2", Some("Product p2")), ("p4", None)]);
        assert_eq!(ask("electronics", None).await.unwrap().listed[0].trend.key, "p6");
        let idle = ask("toys", None).await.unwrap();
        assert!(idle.listed.is_empty());
        assert_eq!(idle.bots_share, Some(0.0), "it is that of the whole shop");
        let error = ask("nowhere", None).await.unwrap_err();
        assert_eq!(error.to_string(), "category must be one that has products, but nowhere has none");
        assert!(matches!(error, AnalyticsError::BadParameter(bad) if bad.parameter == "category"));
    })
    .await;
}

#[tokio::test]
async fn a_place_in_the_list_is_held_against_the_one_of_the_window_before() {
    with_shop(async |shop| {
        // The window before has minutes 6 to 10; a best seller is viewed as much in both.
        let steady = (0..=10).map(|before| pane(1, before, 0, 100));
        let then = [pane(2, 7, 0, 9), pane(4, 8, 0, 5)];
        let panes = [pane(2, 1, 0, 20), pane(4, 1, 0, 60), pane(6, 1, 0, 30)].into_iter();
        let panes: Vec<_> = panes.chain(then).chain(steady).collect();
        write(shop, &Schema::PRODUCT_TRENDS, panes.concat()).await;
        let found = trends(&shop.store, &products(None), Range::last(5, now())).await.unwrap();
        let places: Vec<_> =
            found.listed.iter().map(|one| (one.trend.key.as_str(), one.rank_before)).collect();
        assert_eq!(places, [("p6", None), ("p4", Some(3)), ("p2", Some(2))]);
    })
    .await;
}

#[tokio::test]
async fn categories_trend_by_what_is_done_with_their_products() {
    with_shop(async |shop| {
        let panes = [pane(2, 1, 0, 5), pane(3, 1, 0, 9), pane(4, 1, 0, 6), pane(5, 2, 1, 1)];
        write(shop, &Schema::PRODUCT_TRENDS, panes.concat()).await;
        let ask = async |below: Option<&str>, level| {
            let among = Among::categories(below.map(path), level).unwrap();
            let question = Question { among, by: Measure::Purchases, ..products(None) };
            let found = trends(&shop.store, &question, Range::last(5, now())).await.unwrap();
            let one = |one: shoplens::analytics::trending::Listed| {
                (one.trend.key, one.trend.sessions, one.figures.purchases)
            };
            found.listed.into_iter().map(one).collect::<Vec<_>>()
        };
        let named = |name: &str, sessions| (name.to_owned(), sessions, sessions);
        assert_eq!(ask(None, None).await, [named("electronics", 11), named("garden", 10)]);
        assert_eq!(ask(None, Some(2)).await, [named("electronics.audio", 11), named("garden.tools", 10)]);
        assert_eq!(ask(Some("garden"), None).await, [named("garden.tools", 10)]);
    })
    .await;
}

#[tokio::test]
async fn what_a_bot_did_trends_once_somebody_has_dismissed_its_every_case() {
    with_shop(async |shop| {
        let views = |product| pane(product, 1, 0, 9).remove(0);
        write(shop, &Schema::PRODUCT_TRENDS, vec![views(1), pane(2, 50, 0, 1).remove(0)]).await;
        let suspects = (0..9).map(|n| suspect(&format!("s{n}"), 1, 1, 0)).collect();
        write(shop, &Schema::SUSPECT_PRODUCTS, suspects).await;
        let mut signals: Vec<_> = (0..9).map(|n| signal(&format!("s{n}"), "bot_rhythm", true)).collect();
        signals.push(signal("s0", "search_flood", true));
        write(shop, &Schema::FRAUD_SIGNALS, signals).await;
        let sessions = async || {
            let window = Range::last(WINDOW as u32, now());
            let found = trends(&shop.store, &products(None), window).await.unwrap();
            found.listed.first().map(|one| one.trend.sessions)
        };
        assert_eq!(sessions().await, None);
        let dismissal = |n: u64| {
            let session = format!("s{n}");
            let (id, at, mut document) = dismissal(0, &session, &format!("bot_rhythm|{session}"));
            document["rule"] = json!("bot_rhythm");
            (id, at, document)
        };
        let dismissals = (0..9).map(dismissal).collect();
        write(shop, &Schema::FRAUD_DECISIONS, dismissals).await;
        assert_eq!(sessions().await, Some(8), "another rule still holds for one");
    })
    .await;
}
