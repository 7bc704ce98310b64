//! Questions about partial results, written as the processor writes them, on the real Elasticsearch.

mod dismissed;
mod funnels;
mod memory;
mod recount;
mod trending;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use poem::http::Method;
use serde_json::{Value, json};
use shoplens::analytics::decided::Known;
use shoplens::analytics::fraud;
use shoplens::analytics::funnels::{Funnel, store::funnels};
use shoplens::analytics::progress::Progress;
use shoplens::analytics::range::Range;
use shoplens::analytics::stats::Stats;
use shoplens::analytics::store;
use shoplens::analytics::trending::store::trends;
use shoplens::bus::{FRAUD_SIGNALS, Producer};
use shoplens::model::category::CategoryPath;
use shoplens::model::event::EventType;
use shoplens::model::money::Cents;
use shoplens::model::rules::Rule;
use shoplens::model::severity::Severity;
use shoplens::model::time::Timestamp;
use shoplens::review::Changes;
use shoplens::store::bulk::{Mode, Operation};
use shoplens::store::schema::Schema;

use crate::live::shop::{PATIENCE, Shop, eventually, with_shop};
use crate::live::small_shop::service;

const ADMIN_TOKEN: &str = "a token for this test";

/// Shortly after midnight, so that every range asked for lies in two daily indices.
fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T00:02:30Z").unwrap()
}

/// So many minutes before the one that runs.
fn minute(before: i64) -> Timestamp {
    now().floor_to(60_000) - TimeDelta::minutes(before)
}

fn path(text: &str) -> CategoryPath {
    CategoryPath::parse(text).unwrap()
}

/// Writes documents, each into the index of its time, and makes them searchable.
async fn write(shop: &Shop, schema: &Schema, documents: Vec<(String, Timestamp, Value)>) {
    shop.store.ensure(schema).await.unwrap();
    let indices: BTreeSet<String> = documents.iter().map(|(_, at, _)| schema.index_at(*at)).collect();
    for index in &indices {
        shop.store.create_index(index, &json!({})).await.unwrap();
    }
    let operation = |(id, at, document): (String, Timestamp, Value)| Operation {
        index: shop.store.name(&schema.index_at(at)).into(),
        id: id.into(),
        mode: Mode::Replace,
        source: document.to_string().into_bytes().into(),
        tag: 0,
    };
    let expected = documents.len() as u64;
    let written = shop.store.write_all(documents.into_iter().map(operation), 1).await;
    assert_eq!(written.done, expected, "{:?}", written.refused.first());
    shop.store.refresh(schema.name).await.unwrap();
}

async fn write_product(shop: &Shop, id: &str, category: &str) {
    let document = json!({
        "id": id, "name": format!("Product {id}"), "category": category, "brand": "Sonora",
        "categories": path(category).prefixes().collect::<Vec<_>>(), "image": format!("{id}.jpg"),
    });
    write(shop, &Schema::PRODUCTS, vec![(id.to_owned(), now(), document)]).await;
}

async fn write_frontiers(shop: &Shop, frontiers: &[Value]) {
    let numbered = frontiers.iter().enumerate();
    let documents = numbered.map(|(n, frontier)| (n.to_string(), now(), frontier.clone())).collect();
    write(shop, &Schema::PROCESSOR_FRONTIERS, documents).await;
}

/// What was decided, as a service knows that has just been started.
fn known() -> Known {
    Known::new(Changes::default())
}

fn signal(n: u64, severity: &str, active: bool) -> (String, Timestamp, Value) {
    let visitor = format!("u{n:02}");
    let document = json!({
        "rule": if n.is_multiple_of(2) { "fast_refund" } else { "bot_velocity" }, "rule_version": 1,
        "severity": severity, "score": 2.5, "active": active, "visitor": visitor,
        "session_id": (n % 2 == 1).then(|| format!("s{n}")), "day": "2026-11-20", "partition": 1,
        "support": n, "count": n, "first_seen": minute(9), "last_seen": minute((n / 10) as i64),
        "summary": "gave an order back after 30 s", "figures": { "seconds": 30 },
        "thresholds": { "seconds": 120 }, "event_ids": ["e1"],
    });
    (format!("rule|{visitor}|2026-11-20"), now(), document)
}

#[tokio::test]
async fn pages_of_signals_show_every_active_case_once_the_last_seen_first() {
    with_shop(async |shop| {
        let mut cases: Vec<_> =
            (0..25).map(|n| signal(n, if n < 5 { "critical" } else { "low" }, true)).collect();
        cases.extend((25..30).map(|n| signal(n, "high", false)));
        write(shop, &Schema::FRAUD_SIGNALS, cases).await;
        let mut question =
            fraud::Question { severity: None, rule: None, status: None, size: 10, after: None };
        let (mut ids, mut sizes, mut last_seen) = (BTreeSet::new(), Vec::new(), Vec::new());
        loop {
            let page = store::signals(&shop.store, &question, &known()).await.unwrap();
            assert_eq!(page.total, 25);
            sizes.push(page.items.len());
            last_seen.extend(page.items.iter().map(|signal| signal.last_seen));
            ids.extend(page.items.into_iter().map(|signal| signal.id));
            let Some(next) = page.next else { break };
            question.after = Some(fraud::Cursor::decode(&next.encode()).unwrap());
        }
        assert_eq!((sizes, ids.len()), (vec![10, 10, 5], 25));
        assert!(last_seen.is_sorted_by(|a, b| a >= b));
        let rule = Some(Rule::FastRefund);
        let question =
            fraud::Question { severity: Some(Severity::Critical), rule, status: None, size: 3, after: None };
        let page = store::signals(&shop.store, &question, &known()).await.unwrap();
        assert_eq!((page.total, page.items.len(), page.next), (3, 3, None));
        assert_eq!(page.items[0].figures.0["seconds"], 30);
    })
    .await;
}

#[tokio::test]
async fn a_dismissed_case_is_not_shown_nor_others_of_its_kind_until_somebody_opens_it_again() {
    with_shop(async |shop| {
        let of = |n, visitor: &str| {
            let (id, at, mut case) = signal(n, "high", true);
            case["visitor"] = json!(visitor);
            (id, at, case)
        };
        let cases = vec![of(0, "u"), of(2, "u"), of(4, "other"), of(1, "u")];
        write(shop, &Schema::FRAUD_SIGNALS, cases).await;
        let service = service(shop, &["--admin-token", ADMIN_TOKEN]);
        let ids = async |query: &str| {
            let page = service.get(&format!("/fraud?size=9{query}")).await;
            let items = page["items"].as_array().unwrap().iter();
            items.map(|item| item["id"].as_str().unwrap()[5..8].to_owned()).collect::<BTreeSet<_>>()
        };
        let named = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        let (path, dismiss) =
            ("/fraud/rule%7Cu00%7C2026-11-20", json!({ "status": "dismissed", "note": "a test" }));
        let status = async |path: &str, token: &str, change: &Value| {
            service.send(Method::PATCH, path, token, change).await.0
        };
        assert_eq!(status(path, "wrong", &dismiss).await, 401);
        assert_eq!(status("/fraud/nobody", ADMIN_TOKEN, &dismiss).await, 404);
        assert_eq!(status(path, ADMIN_TOKEN, &json!({ "status": "burnt" })).await, 400);
        assert_eq!(ids("").await, named(&["u00", "u01", "u02", "u04"]));
        assert_eq!(status(path, ADMIN_TOKEN, &dismiss).await, 200);
        // The other case of the same rule and visitor is quiet; that of another rule is not.
        assert_eq!(ids("").await, named(&["u01", "u04"]));
        assert_eq!(ids("&status=dismissed").await, named(&["u00", "u02"]));
        assert_eq!(status(path, ADMIN_TOKEN, &json!({ "status": "confirmed" })).await, 409);
        assert_eq!(status(path, ADMIN_TOKEN, &json!({ "status": "open" })).await, 200);
        assert_eq!(status(path, ADMIN_TOKEN, &json!({ "status": "confirmed", "reviewer": "me" })).await, 200);
        assert_eq!(ids("&status=open").await, named(&["u01", "u02", "u04"]));
        let confirmed = service.get("/fraud?status=confirmed").await;
        let trail = &confirmed["items"][0]["decision"]["history"];
        let changes: Vec<_> = trail.as_array().unwrap().iter().map(|entry| entry["status"].clone()).collect();
        assert_eq!(changes, [json!("dismissed"), json!("open"), json!("confirmed")]);
        assert_eq!((&trail[0]["note"], &trail[2]["reviewer"]), (&json!("a test"), &json!("me")));
    })
    .await;
}

/// Someone dismissed a case of this visitor on that day, for long.
fn dismissal(n: i64, visitor: &str, case_id: &str) -> (String, Timestamp, Value) {
    let document = json!({
        "case_id": case_id, "rule": "fast_refund", "visitor": visitor, "status": "dismissed",
        "decided_at": now() + TimeDelta::minutes(n), "quiet_until": now() + TimeDelta::days(90), "history": [],
    });
    (case_id.to_owned(), now(), document)
}

#[tokio::test]
async fn a_case_that_was_dismissed_long_ago_is_neither_listed_nor_counted() {
    with_shop(async |shop| {
        let mut cases: Vec<_> = (0..6).map(|n| signal(2 * n, "high", true)).collect();
        let (_, at, mut of_its_kind) = signal(0, "low", true);
        of_its_kind["day"] = json!("2026-11-19");
        cases.push(("rule|u00|2026-11-19".to_owned(), at, of_its_kind));
        write(shop, &Schema::FRAUD_SIGNALS, cases).await;
        // More than one answer gives, all younger than the one that matters.
        let others = (1..6_000).map(|n| dismissal(n, &format!("v{n}"), &format!("case {n}")));
        let decisions = others.chain([dismissal(0, "u00", "rule|u00|2026-11-20")]);
        write(shop, &Schema::FRAUD_DECISIONS, decisions.collect()).await;
        let service = service(shop, &[]);
        let ids = async |query: &str| {
            let page = service.get(&format!("/fraud?size=9{query}")).await;
            let ids = page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].as_str().unwrap()[5..].to_owned());
            (page["total"].clone(), ids.collect::<BTreeSet<_>>())
        };
        let (total, listed) = ids("").await;
        assert_eq!(
            (total, listed.len(), listed.iter().any(|id| id.starts_with("u00"))),
            (json!(5), 5, false)
        );
        let quiet = ["u00|2026-11-19", "u00|2026-11-20"].map(str::to_owned);
        assert_eq!(ids("&status=dismissed").await, (json!(2), BTreeSet::from(quiet)));
        let stats = service.get("/stats").await;
        assert_eq!((&stats["fraud"]["total"], &stats["fraud"]["by_severity"]["low"]), (&json!(5), &json!(0)));
    })
    .await;
}

#[tokio::test]
async fn a_dismissed_case_stays_quiet_in_the_stream() {
    with_shop(async |shop| {
        shop.bus.ensure_topics().await.unwrap();
        write(shop, &Schema::FRAUD_DECISIONS, vec![dismissal(0, "u02", "rule|u02|2026-11-01")]).await;
        let service = service(shop, &[]);
        let body = service.ask(Method::GET, "/fraud/stream").await.into_body();
        let mut news = std::pin::pin!(body.into_bytes_stream());
        let producer = Producer::new(&shop.bus).unwrap();
        // The topic is read from the moment on at which somebody listens, which no answer tells.
        let told = eventually("a fraud signal in the stream", async || {
            for n in [2, 4] {
                let (id, _, case) = signal(n, "high", true);
                producer.send(FRAUD_SIGNALS, id.as_bytes(), case.to_string().as_bytes()).unwrap();
            }
            producer.flush(PATIENCE).unwrap();
            let first = tokio::time::timeout(Duration::from_secs(2), news.next()).await.ok()?;
            Some(String::from_utf8(first.unwrap().unwrap().to_vec()).unwrap())
        })
        .await;
        assert!(told.contains("rule|u04|2026-11-20") && !told.contains("u02"), "{told}");
    })
    .await;
}

fn event(n: usize, kind: &str, before_s: i64) -> (String, Timestamp, Value) {
    let at = now() - TimeDelta::seconds(before_s);
    let total = (kind == "purchase").then_some(1_250);
    (format!("e{n}"), at, json!({ "event_type": kind, "timestamp": at, "total_cents": total }))
}

#[tokio::test]
async fn the_shop_at_a_glance_counts_what_is_stored() {
    with_shop(async |shop| {
        let ages = [("search", 6), ("view", 65), ("view", 3), ("view", 66), ("purchase", 30)];
        let older = [("purchase", 3_600), ("purchase", 3_601), ("refund", 90_000)];
        let events = ages.into_iter().chain(older).enumerate();
        write(shop, &Schema::EVENTS, events.map(|(n, (kind, age))| event(n, kind, age)).collect()).await;
        write_product(shop, "p1", "toys.puzzles").await;
        let cases = vec![signal(1, "high", true), signal(2, "high", true), signal(3, "low", false)];
        write(shop, &Schema::FRAUD_SIGNALS, cases).await;
        let ledger =
            json!([{ "operator": "visits", "topic": "t", "read": 9, "late": 1, "dead": 2, "folded": 6 }]);
        let frontier = |group: &str, partition: i32, before: i64| {
            json!({
                "group": group, "partition": partition, "watermark": minute(before), "drained": true,
                "complete_until": minute(before + 10), "ledger": ledger, "updated_at": now(),
            })
        };
        let quiet = json!({ "group": "trends", "partition": 2, "watermark": null, "drained": true });
        write_frontiers(shop, &[frontier("trends", 1, 2), frontier("sessions", 1, 5), quiet]).await;

        let stats = store::stats(&shop.store, now(), &known()).await.unwrap();
        assert_eq!((stats.products, stats.events.total, stats.last_minute), (1, 8, 3));
        let by_type =
            [(EventType::Search, 1), (EventType::View, 3), (EventType::Purchase, 3), (EventType::Refund, 1)];
        assert_eq!(stats.events.by_type, BTreeMap::from(by_type));
        assert_eq!(stats.revenue_last_hour, Cents(2_500));
        assert_eq!(stats.fraud, BTreeMap::from([(Severity::High, 2)]));
        let processing = stats.processing;
        let progress = Progress { watermark: Some(minute(5)), complete_until: Some(minute(15)) };
        assert_eq!((processing.progress, processing.drained), (progress, true));
        assert_eq!((processing.read, processing.late, processing.dead), (18, 2, 4));
    })
    .await;
}

#[tokio::test]
async fn a_shop_that_nobody_has_written_to_answers_zeros() {
    with_shop(async |shop| {
        assert_eq!(store::stats(&shop.store, now(), &known()).await.unwrap(), Stats::default());
        let window = Range::last(5, now());
        let found = trends(&shop.store, &trending::products(Some("toys")), window).await.unwrap();
        assert_eq!((found.progress, found.bots_share, found.listed), (Progress::default(), None, vec![]));
        let found = funnels(&shop.store, Range::last(60, now()), None).await.unwrap();
        assert_eq!(found.now, [Funnel { category: "all".to_owned(), ..Funnel::default() }]);
        let question = fraud::Question { severity: None, rule: None, status: None, size: 20, after: None };
        assert_eq!(store::signals(&shop.store, &question, &known()).await.unwrap().total, 0);
    })
    .await;
}

#[tokio::test]
async fn the_endpoints_answer_decimals_and_words() {
    with_shop(async |shop| {
        let pane_now = |(id, _, mut document): (String, Timestamp, Value)| {
            let at = Timestamp::now();
            document["minute"] = json!(at.floor_to(60_000));
            (id, at, document)
        };
        let panes = trending::pane(2, 0, 0, 5).into_iter().map(pane_now).collect();
        write(shop, &Schema::PRODUCT_TRENDS, panes).await;
        write(shop, &Schema::CATEGORY_FUNNELS, vec![pane_now(funnels::funnel(0, 0, "all", 24))]).await;
        write_product(shop, "p2", "electronics.audio").await;
        let service = service(shop, &[]);
        let trending = service.get("/trending").await;
        assert_eq!((&trending["minutes"], &trending["watermark"]), (&json!(5), &Value::Null));
        assert_eq!(
            trending["items"],
            json!([{
                "rank": 1, "rank_before": null, "product_id": "p2", "name": "Product p2", "category": "electronics.audio",
                "brand": "Sonora", "image": "p2.jpg", "views": 10, "carts": 3, "purchases": 5, "refunds": 1,
                "view_sessions": 5, "sessions": 5, "revenue": 49.95, "expected": 0.0, "score": 5.0,
                "reason": "5 view sessions, 0.0 expected",
            }])
        );
        let of_the_shop = service.get("/trending?category=all").await;
        assert_eq!(of_the_shop["items"], trending["items"]);
        let departments = service.get("/trending/categories?by=revenue").await;
        let department = &departments["items"][0];
        assert_eq!((&department["label"], &department["revenue"]), (&json!("Electronics"), &json!(49.95)));
        assert_eq!(department["reason"], "5 order sessions, 0.0 expected");
        let funnels = service.get("/funnels?minutes=5&category=").await;
        let unknown = json!({ "before": null, "difference": null, "p_value": null, "significant": false });
        assert_eq!(
            funnels["categories"],
            json!([{
                "category": "all", "label": "All categories", "level": 0, "entered": 24, "searched": 16,
                "viewed": 12, "carted": 6, "purchased": 3, "view_rate": 0.5, "cart_rate": 0.5,
                "purchase_rate": 0.5, "conversion": 0.125, "carted_value": 48.0, "revenue": 24.0,
                "refunded": 2, "refunded_value": 12.0, "refund_rate": 2.0 / 3.0,
                "median_seconds": { "view": 1.0, "cart": null, "purchase": null },
                "by_search": { "entered": 16, "viewed": 8, "carted": 4, "purchased": 2 },
                "by_browse": { "entered": 8, "viewed": 4, "carted": 2, "purchased": 1 },
                "before": {
                    "entered": 0, "viewed": 0, "carted": 0, "purchased": 0, "revenue": 0.0, "view_rate": unknown,
                    "cart_rate": unknown, "purchase_rate": unknown, "conversion": unknown,
                },
            }])
        );
        assert_eq!((&funnels["complete"], &funnels["rates_compared"]), (&json!(false), &json!(0)));
        assert_eq!(service.get("/stats").await["products"], 1);
        let fraud = service.get("/fraud?severity=critical&rule=refund_loop&size=100&cursor=").await;
        assert_eq!(fraud, json!({ "total": 0, "next_cursor": null, "items": [] }));
    })
    .await;
}

#[tokio::test]
async fn a_bad_parameter_of_the_analytics_is_named() {
    with_shop(async |shop| {
        write_product(shop, "p2", "electronics.audio").await;
        let service = service(shop, &[]);
        for (path, parameter) in [
            ("/trending?minutes=0", "minutes"),
            ("/trending?minutes=129601", "minutes"),
            ("/trending?size=101", "size"),
            ("/trending?category=No%20Such", "category"),
            ("/trending?category=nowhere", "category"),
            ("/trending?by=luck", "by"),
            ("/trending/categories?category=electronics&level=1", "level"),
            ("/trending/categories?level=7", "level"),
            ("/funnels?minutes=ten", "minutes"),
            ("/funnels?category=nowhere", "category"),
            ("/funnels?source=magic", "source"),
            ("/funnels?from=yesterday", "from"),
            ("/funnels?to=2026-11-21T10:00:00Z", "from"),
            ("/fraud?severity=awful", "severity"),
            ("/fraud?rule=unheard_of", "rule"),
            ("/fraud?cursor=abc", "cursor"),
            ("/fraud?size=0", "size"),
        ] {
            let (status, problem) = service.problem(Method::GET, path).await;
            assert_eq!((status, &problem["parameter"]), (400, &json!(parameter)), "{path}: {problem}");
            assert!(problem["detail"].as_str().unwrap().starts_with(parameter), "{path}: {problem}");
        }
    })
    .await;
}
