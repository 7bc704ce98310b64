//! Rolling results up on the real Elasticsearch: what is answered stays the same.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use clap::Parser;
use serde_json::{Value, json};
use shoplens::analytics::panes::{self, panes};
use shoplens::analytics::range::Range;
use shoplens::model::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use shoplens::rollup::kind::KINDS;
use shoplens::rollup::level::Level;
use shoplens::rollup::repairs::LookedAt;
use shoplens::rollup::run::{Passed, pass};
use shoplens::rollup::span::Stretch;
use shoplens::rollup::{Retention, roll, rolled, totals};
use shoplens::store::bulk::{Mode, Operation};
use shoplens::store::schema::Schema;
use shoplens::store::{Missing, Store};

use crate::live::shop::{Shop, eventually, with_shop};

const PARTITIONS: i32 = 2;
/// The kinds that the tests write: the sum that they look at, and by what.
const WRITTEN: [(&Schema, &str, &str); 2] = [
    (&Schema::PRODUCT_TRENDS, "view.sessions", "product_id"),
    (&Schema::CATEGORY_FUNNELS, "by_search.entered", "category"),
];

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    retention: Retention,
}

fn retention(flags: &[&str]) -> Retention {
    Flags::parse_from([&["it"], flags].concat()).retention
}

/// The first of three days, long enough ago to be dropped by the shortest retention of a test.
fn first_day() -> Timestamp {
    Timestamp::now().floor_to(DAY_MS) - TimeDelta::days(6)
}

/// So many minutes after the beginning of the first day.
fn minute(number: i64) -> Timestamp {
    first_day() + TimeDelta::minutes(number)
}

/// Minutes of three days in which something was done: some at the edges of spans, some anywhere.
fn minutes() -> Vec<Timestamp> {
    let edges = [0, 14, 15, 59, 60, 1_439, 1_440, 2_879, 2_880, 4_319];
    let others = (0..90).map(|number| number * 977 % 4_320);
    let all: BTreeSet<i64> = edges.into_iter().chain(others).collect();
    all.into_iter().map(minute).collect()
}

/// What a partition counted in a minute: of each kind some documents, of which the number decides the figures.
fn documents(at: Timestamp, partition: i32, more: u64) -> Vec<(&'static Schema, String, u64, Value)> {
    let count = 1 + (at.millis() / MINUTE_MS + i64::from(partition)) as u64 % 5 + more;
    let trend = |product: u64, stream: &str, figures: Value| {
        let category = if product == 1 { "garden.tools" } else { "electronics.audio" };
        let categories: Vec<&str> = vec![category.split('.').next().unwrap(), category];
        let body = json!({
            "minute": at, "partition": partition, "stream": stream, "product_id": format!("p{product}"),
            "category": category, "categories": categories, "brand": "Sonora", "support": count,
        });
        let id = format!("trends|{}|{partition}|p{product}|{stream}", at.millis());
        (&Schema::PRODUCT_TRENDS, id, count, merged(body, figures))
    };
    let tally = json!({ "sessions": count, "quantity": 2 * count, "revenue_cents": count * 999 });
    let stages = json!({ "entered": count, "viewed": count, "carted": 1, "purchased": 0 });
    let funnel = |category: &str, level: u64| {
        let body = json!({
            "minute": at, "partition": partition, "category": category, "level": level, "support": 3 * count,
            "searched": count, "by_search": stages, "by_browse": stages, "revenue_cents": 0, "refunded": 0,
            "carted_cents": 5, "refunded_cents": 0, "times": { "view": { "b3": count } },
        });
        let id = format!("funnels|{}|{partition}|{category}", at.millis());
        (&Schema::CATEGORY_FUNNELS, id, 3 * count, merged(body, stages.clone()))
    };
    let product = (at.millis() / MINUTE_MS) as u64 % 3;
    vec![
        trend(product, "product-events", json!({ "view": tally })),
        trend(product, "order-events", json!({ "purchase": tally })),
        funnel("all", 0),
        funnel("garden", 1),
    ]
}

fn merged(mut body: Value, figures: Value) -> Value {
    body.as_object_mut().unwrap().extend(figures.as_object().unwrap().clone());
    body
}

/// Writes documents as the processor does: each into the index of its time, with its support as version.
async fn write(shop: &Shop, documents: Vec<(&'static Schema, String, u64, Value)>) {
    let mut operations = Vec::new();
    for (schema, id, support, body) in documents {
        let at: Timestamp = serde_json::from_value(body["minute"].clone()).unwrap();
        let index = schema.index_at(at);
        let (id, source) = (id.into(), body.to_string().into_bytes().into());
        let (full, mode) = (shop.store.name(&index), Mode::IfNewer(support));
        operations.push((index, Operation { index: full.into(), id, mode, source, tag: 0 }));
    }
    for index in operations.iter().map(|(index, _)| index).collect::<BTreeSet<_>>() {
        shop.store.create_index(index, &json!({})).await.unwrap();
    }
    let expected = operations.len() as u64;
    let written = shop.store.write_all(operations.into_iter().map(|(_, one)| one), 1).await;
    assert_eq!(written.done, expected, "{:?}", written.refused.first());
}

/// A shop that has lived for three days.
async fn with_three_days(test: impl AsyncFnOnce(&Shop)) {
    with_shop(async |shop| {
        let kinds = WRITTEN.iter().map(|(schema, ..)| *schema);
        for schema in kinds.chain(shoplens::rollup::writes()).chain([&Schema::REPAIRED_WINDOWS]) {
            shop.store.ensure(schema).await.unwrap();
        }
        let minutes = minutes();
        let of_minute =
            |at: &Timestamp| (0..PARTITIONS).flat_map(|p| documents(*at, p, 0)).collect::<Vec<_>>();
        write(shop, minutes.iter().flat_map(of_minute).collect()).await;
        complete_until(shop, minute(4_320)).await;
        test(shop).await;
    })
    .await;
}

/// States that results before it can no longer change.
async fn complete_until(shop: &Shop, at: Timestamp) {
    shop.store.ensure(&Schema::PROCESSOR_FRONTIERS).await.unwrap();
    let index = shop.store.name(Schema::PROCESSOR_FRONTIERS.name);
    let frontier = |(group, partition): (&str, i32)| {
        let topics = json!([{ "topic": "order-events", "next": 1, "max_ts": Timestamp::now() }]);
        let body = json!({ "group": group, "partition": partition, "complete_until": at, "topics": topics });
        let (id, source) = (format!("{group}|{partition}").into(), body.to_string().into_bytes().into());
        Operation { index: index.as_str().into(), id, mode: Mode::Replace, source, tag: 0 }
    };
    let all = ["trends", "sessions"].into_iter().flat_map(|group| (0..PARTITIONS).map(move |p| (group, p)));
    shop.store.write_all(all.map(frontier), 1).await;
    shop.store.refresh(Schema::PROCESSOR_FRONTIERS.name).await.unwrap();
}

/// One pass; without flags nothing is old enough to be dropped.
async fn roll_up(shop: &Shop, flags: &[&str]) -> Passed {
    let flags = if flags.is_empty() { &["--keep-quarters-days", "30"] } else { flags };
    roll_up_at(shop, flags, Timestamp::now()).await
}

/// The same by a clock that says this.
async fn roll_up_at(shop: &Shop, flags: &[&str], clock: Timestamp) -> Passed {
    pass(&shop.store, PARTITIONS, &retention(flags), &mut LookedAt::default(), clock).await.unwrap()
}

/// The sums of a field by key in a range, as readers ask for them; and the indices that they ask.
async fn sums(store: &Store, number: usize, range: Range) -> (BTreeMap<String, u64>, Range) {
    let (schema, field, key) = WRITTEN[number];
    let range = panes::held(store, &[schema], range).await.unwrap();
    let body = json!({
        "size": 0,
        "query": { "bool": { "filter": [panes(range)] } },
        "aggs": { "keys": {
            "terms": { "field": key, "size": 100 },
            "aggs": { "sum": { "sum": { "field": field } } },
        } },
    });
    let names = panes::indices(schema, range);
    let found: Value = store.search("add panes up", &names, Missing::IsEmpty, &body).await.unwrap();
    let buckets = found["aggregations"]["keys"]["buckets"].as_array().unwrap().iter();
    let sum = |bucket: &Value| bucket["sum"]["value"].as_f64().unwrap() as u64;
    let by_key = buckets.map(|bucket| (bucket["key"].as_str().unwrap().to_owned(), sum(bucket)));
    (by_key.filter(|(_, sum)| *sum > 0).collect(), range)
}

/// A plain recount of what was written.
fn recount(number: usize, range: Range) -> BTreeMap<String, u64> {
    let (schema, field, key) = WRITTEN[number];
    let mut sums = BTreeMap::new();
    for at in minutes().into_iter().filter(|at| (range.from..=range.to).contains(at)) {
        let documents = (0..PARTITIONS).flat_map(|partition| documents(at, partition, 0));
        for (_, _, _, body) in documents.filter(|(one, ..)| one.name == schema.name) {
            let sum: &mut u64 = sums.entry(body[key].as_str().unwrap().to_owned()).or_default();
            *sum +=
                body.pointer(&format!("/{}", field.replace('.', "/"))).and_then(Value::as_u64).unwrap_or(0);
        }
    }
    sums.retain(|_, sum| *sum > 0);
    sums
}

/// Ranges that begin and end at and beside the edges of spans, and at others.
fn ranges() -> Vec<Range> {
    let ends = [1, 15, 61, 1_440, 1_441, 2_000, 2_881, 4_319, 4_400, 9_000];
    let lengths = [1, 14, 15, 60, 90, 1_440, 1_500, 2_880, 129_600];
    ends.iter().flat_map(|end| lengths.map(|length| Range::last(length, minute(*end)))).collect()
}

async fn assert_that_every_range_is_answered_right(shop: &Shop) {
    for (number, (schema, ..)) in WRITTEN.iter().enumerate() {
        for asked in ranges() {
            let (found, range) = sums(&shop.store, number, asked).await;
            assert_eq!(found, recount(number, range), "{} from {} to {}", schema.name, asked.from, asked.to);
        }
    }
}

#[tokio::test]
async fn every_range_is_answered_the_same_before_and_after_rolling_up_and_dropping() {
    with_three_days(async |shop| {
        shop.store.refresh("*").await.unwrap();
        assert_that_every_range_is_answered_right(shop).await;
        let documents = roll_up(shop, &[]).await.documents;
        assert!(documents > 100, "{documents}");
        assert_eq!(totals::check(&shop.store).await.unwrap(), []);
        let state = rolled(&shop.store, &[&Schema::PRODUCT_TRENDS]).await.unwrap();
        assert_eq!(Level::ALL.map(|level| state.held(level).until), [minute(4_320); 3]);
        assert_that_every_range_is_answered_right(shop).await;
        assert_eq!(roll_up(shop, &[]).await.documents, 0, "nothing is left to do");

        let flags = ["--keep-minutes-days", "5", "--keep-quarters-days", "5"];
        assert_eq!(
            roll_up(shop, &flags).await.retained.dropped,
            Vec::<String>::new(),
            "what goes is told first"
        );
        let gone = ["category-funnels", "product-trends", "product-trends-quarters"];
        let mut dropped = BTreeSet::new();
        eventually("old minutes and quarters are dropped", async || {
            dropped.extend(roll_up(shop, &flags).await.retained.dropped);
            (dropped.len() == gone.len()).then_some(())
        })
        .await;
        assert_eq!(dropped, gone.map(|name| format!("{name}-{}", first_day().day())).into());
        assert_that_every_range_is_answered_right(shop).await;
        assert_eq!(totals::check(&shop.store).await.unwrap(), []);
        // A range that begins or ends in an hour whose minutes are gone does so with the hour.
        let (_, range) = sums(&shop.store, 0, Range::last(1_000, minute(1_061))).await;
        assert_eq!((range.from, range.to), (minute(60), minute(1_020) - TimeDelta::milliseconds(1)));
    })
    .await;
}

#[tokio::test]
async fn a_roll_up_that_died_before_its_statement_is_made_again_and_readers_saw_nothing_of_it() {
    with_three_days(async |shop| {
        shop.store.refresh("*").await.unwrap();
        let [trends, ..] = &KINDS;
        for (level, schema) in
            [(Level::Quarter, 0), (Level::Hour, 1)].map(|(level, at)| (level, &trends.levels[at].1))
        {
            let (from, until) = (first_day(), first_day() + TimeDelta::hours(30));
            let written =
                roll::roll(&shop.store, trends, schema, Stretch { level, from, until }).await.unwrap();
            assert!(written > 10);
            shop.store.refresh(schema.name).await.unwrap();
        }
        assert_that_every_range_is_answered_right(shop).await;
        roll_up(shop, &[]).await;
        assert_eq!(totals::check(&shop.store).await.unwrap(), []);
        assert_that_every_range_is_answered_right(shop).await;
    })
    .await;
}

#[tokio::test]
async fn several_roll_ups_at_once_write_the_same() {
    with_three_days(async |shop| {
        tokio::join!(roll_up(shop, &[]), roll_up(shop, &[]), roll_up(shop, &[]));
        assert_eq!(totals::check(&shop.store).await.unwrap(), []);
        assert_that_every_range_is_answered_right(shop).await;
    })
    .await;
}

#[tokio::test]
async fn only_what_can_change_no_more_in_any_partition_is_rolled_up() {
    with_three_days(async |shop| {
        complete_until(shop, minute(1_535)).await;
        roll_up(shop, &[]).await;
        let state = rolled(&shop.store, &[&Schema::PRODUCT_TRENDS]).await.unwrap();
        assert_eq!(
            Level::ALL.map(|level| state.held(level).until),
            [minute(1_530), minute(1_500), minute(1_440)]
        );
        assert_that_every_range_is_answered_right(shop).await;
        let (flags, now) = (retention(&[]), Timestamp::now());
        let silent = pass(&shop.store, PARTITIONS + 1, &flags, &mut LookedAt::default(), now).await.unwrap();
        assert_eq!(silent.documents, 0, "a partition has not told how far it is");
    })
    .await;
}

#[tokio::test]
async fn what_is_repaired_after_it_was_rolled_up_is_rolled_up_again() {
    with_three_days(async |shop| {
        roll_up(shop, &[]).await;
        let at = minute(60);
        write(shop, documents(at, 1, 4)).await;
        let mismatches = totals::check(&shop.store).await.unwrap();
        assert!(
            !mismatches.is_empty() && mismatches.iter().all(|one| one.found < one.expected),
            "{mismatches:?}"
        );
        for operator in ["trends", "visits"] {
            let record = json!({
                "operator": operator, "window": at, "partition": 1, "topics": [], "documents": 4,
                "repaired_at": Timestamp::now(),
            });
            let index = shop.store.name(Schema::REPAIRED_WINDOWS.name);
            let source = record.to_string().into_bytes().into();
            let operation =
                Operation { index: index.into(), id: operator.into(), mode: Mode::Replace, source, tag: 0 };
            shop.store.write_all(vec![operation], 1).await;
        }
        // Of each kind the product or the two categories of the hour, and of the quarter, the hour and the day.
        assert_eq!(roll_up(shop, &[]).await.documents, 3 + 4);
        assert_eq!(totals::check(&shop.store).await.unwrap(), []);
        let minute = Range { from: at, to: at + TimeDelta::milliseconds(HOUR_MS - 1), ..Range::last(60, at) };
        let entered = sums(&shop.store, 1, minute).await.0["all"];
        assert_eq!(entered, recount(1, minute)["all"] + 4);
    })
    .await;
}

#[tokio::test]
async fn minutes_whose_sums_are_not_kept_are_not_dropped() {
    with_three_days(async |shop| {
        roll_up(shop, &[]).await;
        // A repair that is not rolled up again yet.
        write(shop, documents(minute(60), 1, 4)).await;
        let flags = ["--keep-minutes-days", "3", "--keep-quarters-days", "30"];
        roll_up(shop, &flags).await;
        for (schema, ..) in WRITTEN {
            let state = rolled(&shop.store, &[schema]).await.unwrap();
            assert_eq!(state.minutes_from, Timestamp::MIN, "{}", schema.name);
        }
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_jumps_drops_nothing_that_a_right_one_keeps() {
    with_three_days(async |shop| {
        let flags = ["--keep-quarters-days", "30"];
        roll_up(shop, &flags).await;
        for clock in [Timestamp::now() + TimeDelta::days(400), first_day() - TimeDelta::days(400)] {
            // Twice: what goes is stated first.
            for _ in 0..2 {
                let retained = roll_up_at(shop, &flags, clock).await.retained;
                assert_eq!(retained.dropped, Vec::<String>::new());
                assert_eq!(retained.kept.is_empty(), clock < first_day());
            }
            for (schema, ..) in WRITTEN {
                assert_eq!(rolled(&shop.store, &[schema]).await.unwrap().minutes_from, Timestamp::MIN);
            }
        }
        assert_that_every_range_is_answered_right(shop).await;
    })
    .await;
}
