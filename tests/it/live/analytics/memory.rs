//! What is told from memory is what Elasticsearch tells, whatever is written meanwhile.

use chrono::TimeDelta;
use clap::Parser;
use poem::http::Method;
use poem::{Endpoint, IntoEndpoint};
use poem_openapi::OpenApiService;
use serde_json::json;
use shoplens::analytics::funnels;
use shoplens::analytics::memory::follow::RoundError;
use shoplens::analytics::memory::kind::Kind;
use shoplens::analytics::memory::shelf::{Half, Shelf};
use shoplens::analytics::memory::tell;
use shoplens::analytics::panes;
use shoplens::analytics::queries;
use shoplens::analytics::queries::body::Scope;
use shoplens::analytics::queries::rank::Sort;
use shoplens::analytics::queries::store::{Keys, Question as Asked};
use shoplens::analytics::range::Range;
use shoplens::analytics::trending::{self, Among, Measure, Question};
use shoplens::analytics::{Memory, routes};
use shoplens::catalog::shelf;
use shoplens::model::event::Event;
use shoplens::model::generation::Generation;
use shoplens::model::money::Currency;
use shoplens::model::time::{DAY_MS, HOUR_MS, Timestamp};
use shoplens::rollup::repairs::LookedAt;
use shoplens::rollup::run::pass;
use shoplens::rollup::{self, Retention, Rolled, rolled};
use shoplens::store::generations::Generations;
use shoplens::store::schema::Schema;
use shoplens::traffic::{Assortment, Simulator};

use super::funnels::funnel;
use super::trending::{Documents, pane, panes_of_70_minutes, products, signal, suspect};
use super::{dismissal, now, path, write};
use crate::live::shop::{Shop, eventually, with_shop};
use crate::live::small_log::{self, drain, with_small_log};

const LIMIT_MIB: usize = 100;

/// Minutes that are told from minutes alone.
const SHORT: &[u32] = &[5, 60];
/// The same, and of days.
const SHORT_AND_LONG: &[u32] = &[5, 60, 7 * 24 * 60];

/// Reads what was written since.
async fn catch_up(memory: &Memory, now: Timestamp) {
    for half in [Half::Recent, Half::Past] {
        memory.catch_up(half, now).await.unwrap();
    }
}

/// Questions about products and categories, of windows of so many minutes that end now.
fn questions(minutes: &[u32]) -> Vec<Question> {
    let brand = Some("Sonora".to_owned());
    let amongs = [
        Among::Products { category: None, brand: None },
        Among::Products { category: Some(path("electronics")), brand },
        Among::categories(None, None).unwrap(),
        Among::categories(None, Some(2)).unwrap(),
        Among::categories(Some(path("electronics")), None).unwrap(),
    ];
    let others = [Measure::Carts, Measure::Purchases, Measure::Revenue].into_iter().cycle();
    let of = |(among, other): (Among, Measure)| {
        minutes.iter().flat_map(move |minutes| {
            let among = among.clone();
            [Measure::Views, other].map(move |by| {
                let size = if by == Measure::Carts { 3 } else { 100 };
                Question { minutes: *minutes, size, by, among: among.clone() }
            })
        })
    };
    amongs.into_iter().zip(others).flat_map(of).collect()
}

/// Holds every answer about products from memory against Elasticsearch's. Gives how many places were listed.
async fn same_trends(shop: &Shop, memory: &Memory, now: Timestamp, minutes: &[u32]) -> usize {
    let mut places = 0;
    for question in questions(minutes) {
        let asked = question.clone();
        // Again before each question: what was read longer ago than some seconds is not told.
        catch_up(memory, now).await;
        let told = memory.tell(move |tables| tell::trends::trends(tables, &asked, now)).await;
        let asked = Range::last(question.minutes, now);
        let window = panes::held(&shop.store, &[&Schema::PRODUCT_TRENDS], asked).await.unwrap();
        let counted = trending::store::trends(&shop.store, &question, window).await;
        let Some(told) = told else {
            assert!(counted.is_err() || counted.unwrap().listed.is_empty(), "{question:?}");
            continue;
        };
        let counted = counted.unwrap();
        places += counted.listed.len();
        assert_eq!(told, (window, counted), "{question:?}");
    }
    places
}

/// The share of bots as it is told from memory.
async fn share_of_bots(memory: &Memory) -> f64 {
    let question = products(None);
    catch_up(memory, now()).await;
    let told = memory.tell(move |tables| tell::trends::trends(tables, &question, now())).await;
    told.unwrap().1.bots_share.unwrap()
}

#[tokio::test]
async fn trends_from_memory_are_those_of_elasticsearch_while_documents_grow_come_and_go() {
    with_shop(async |shop| {
        let memory = Memory::new(shop.store.clone(), LIMIT_MIB);
        assert_eq!(same_trends(shop, &memory, now(), SHORT).await, 0, "nobody has written anything");

        let (panes, suspects, _) = panes_of_70_minutes();
        write(shop, &Schema::PRODUCT_TRENDS, panes).await;
        write(shop, &Schema::SUSPECT_PRODUCTS, suspects).await;
        write(shop, &Schema::FRAUD_SIGNALS, vec![signal("s-person", "search_flood", false)]).await;
        let listed = same_trends(shop, &memory, now(), SHORT).await;
        assert!(listed > 10, "{listed}");

        // A pane grows, another comes, a bot is cleared, and a person is taken for one.
        write(shop, &Schema::PRODUCT_TRENDS, [pane(2, 1, 0, 40), pane(77, 2, 1, 9)].concat()).await;
        write(shop, &Schema::SUSPECT_PRODUCTS, vec![suspect("s-other", 77, 2, 1)]).await;
        let signals = [
            signal("s-bot", "bot_rhythm", false),
            signal("s-person", "search_flood", true),
            signal("s-other", "bot_velocity", true),
        ];
        write(shop, &Schema::FRAUD_SIGNALS, signals.into()).await;
        same_trends(shop, &memory, now(), SHORT).await;

        let with_bot = share_of_bots(&memory).await;
        let (id, at, mut decision) = dismissal(0, "s-other", "bot_velocity|s-other");
        decision["rule"] = json!("bot_velocity");
        write(shop, &Schema::FRAUD_DECISIONS, vec![(id, at, decision)]).await;
        same_trends(shop, &memory, now(), SHORT).await;
        assert_ne!(share_of_bots(&memory).await, with_bot, "who was dismissed is no bot any more");

        // Made anew under the same name, with less in it.
        shop.store.remove_index(&Schema::PRODUCT_TRENDS.index_at(now())).await.unwrap();
        write(shop, &Schema::PRODUCT_TRENDS, pane(3, 1, 0, 8)).await;
        assert!(same_trends(shop, &memory, now(), SHORT).await > 0);
        // The window moves on.
        same_trends(shop, &memory, now() + TimeDelta::minutes(3), SHORT).await;
    })
    .await;
}

#[tokio::test]
async fn a_window_that_is_not_held_or_not_read_lately_is_not_told_from_memory() {
    with_shop(async |shop| {
        write(shop, &Schema::PRODUCT_TRENDS, pane(3, 1, 0, 8)).await;
        let memory = Memory::new(shop.store.clone(), LIMIT_MIB);
        let ask = async |minutes| {
            let question = Question { minutes, ..products(None) };
            memory.tell(move |tables| tell::trends::trends(tables, &question, now())).await
        };
        let early = memory.catch_up(Half::Past, now()).await;
        assert!(matches!(early, Err(RoundError::Superseded)), "the last hours come first: {early:?}");
        assert_eq!(ask(5).await, None, "nothing was read yet");
        catch_up(&memory, now()).await;
        assert!(ask(5).await.is_some());
        assert!(ask(24 * 60).await.is_some());
        assert_eq!(ask(40 * 24 * 60).await, None, "so long ago nothing is held that is not rolled up");
        let nothing = Memory::new(shop.store.clone(), 0).catch_up(Half::Recent, now()).await;
        let expected = RoundError::TooMuch { half: Half::Recent, limit: 0, at_first: true };
        assert_eq!(nothing.unwrap_err().to_string(), expected.to_string());
    })
    .await;
}

#[tokio::test]
async fn what_does_not_fit_is_left_out_and_the_rest_is_told() {
    with_shop(async |shop| {
        let long_ago = |product: u64| pane(product, 20 * 24 * 60 + (product % 60) as i64, 0, 1).remove(0);
        write(shop, &Schema::PRODUCT_TRENDS, pane(3, 1, 0, 8)).await;
        write(shop, &Schema::PRODUCT_TRENDS, (0..15_000).map(long_ago).collect()).await;
        let told = async |memory: &Memory, minutes| {
            // What does not fit is found out by and by.
            for half in [Half::Recent, Half::Past].repeat(4) {
                let read = memory.catch_up(half, now()).await;
                assert!(
                    matches!(read, Ok(()) | Err(RoundError::TooMuch { .. } | RoundError::Superseded)),
                    "{read:?}"
                );
            }
            memory.catch_up(Half::Recent, now()).await.unwrap();
            let question = Question { minutes, ..products(None) };
            memory.tell(move |tables| tell::trends::trends(tables, &question, now())).await
        };
        let (a_day, ample) = (24 * 60, Memory::new(shop.store.clone(), LIMIT_MIB));
        assert!(told(&ample, a_day).await.is_some());
        let scarce = Memory::new(shop.store.clone(), 1);
        assert_eq!((told(&scarce, a_day).await, told(&scarce, 5).await.is_some()), (None, true));

        // What cannot fit is not read at all.
        write(shop, &Schema::PRODUCT_TRENDS, (15_000..30_000).map(long_ago).collect()).await;
        let scarce = Memory::new(shop.store.clone(), 1);
        assert_eq!((told(&scarce, a_day).await, told(&scarce, 5).await.is_some()), (None, true));
    })
    .await;
}

/// The endpoints of trends and funnels over this memory alone.
fn endpoints(shop: &Shop, memory: &Memory) -> impl Endpoint<Output = poem::Response> {
    let (store, bus) = (shop.store.clone(), shop.bus.clone());
    let changes = shoplens::review::Changes::default();
    let api = routes::Api::new(store, bus, memory.clone(), Currency::EUR, changes);
    OpenApiService::new(api, "it", "1").into_endpoint()
}

async fn get(endpoint: &impl Endpoint<Output = poem::Response>, path: &str) -> serde_json::Value {
    let request = poem::Request::builder().method(Method::GET).uri(path.parse().unwrap());
    let response = endpoint.get_response(request.finish()).await;
    serde_json::from_slice(&response.into_body().into_vec().await.unwrap()).unwrap()
}

/// As if it were done in the minute that runs.
fn just_now(documents: Documents) -> Documents {
    let at = Timestamp::now();
    let of_now = |(id, _, mut document): (String, Timestamp, serde_json::Value)| {
        document["minute"] = json!(at.floor_to(60_000));
        (id, at, document)
    };
    documents.into_iter().map(of_now).collect()
}

#[tokio::test]
async fn the_endpoints_answer_from_memory_and_what_is_not_held_from_elasticsearch() {
    with_shop(async |shop| {
        write(shop, &Schema::PRODUCT_TRENDS, just_now(pane(2, 0, 0, 5))).await;
        write(shop, &Schema::CATEGORY_FUNNELS, just_now(vec![funnel(0, 0, "all", 24)])).await;
        let memory = Memory::new(shop.store.clone(), LIMIT_MIB);
        let service = endpoints(shop, &memory);
        catch_up(&memory, Timestamp::now()).await;
        // Memory has not seen these.
        write(shop, &Schema::PRODUCT_TRENDS, just_now(pane(2, 0, 1, 5))).await;
        write(shop, &Schema::CATEGORY_FUNNELS, just_now(vec![funnel(0, 1, "all", 24)])).await;
        assert_eq!(get(&service, "/trending?minutes=10").await["items"][0]["sessions"], 5);
        assert_eq!(get(&service, "/funnels?minutes=10").await["categories"][0]["entered"], 24);
        assert_eq!(get(&service, "/trending?minutes=60000").await["items"][0]["sessions"], 10);
        assert_eq!(get(&service, "/funnels?minutes=60000").await["categories"][0]["entered"], 48);
        catch_up(&memory, Timestamp::now()).await;
        assert_eq!(get(&service, "/trending?minutes=11").await["items"][0]["sessions"], 10);
        assert_eq!(get(&service, "/funnels?minutes=11").await["categories"][0]["entered"], 48);
    })
    .await;
}

#[tokio::test]
async fn another_generation_is_told_from_its_own_results_alone() {
    with_shop(async |shop| {
        write(shop, &Schema::PRODUCT_TRENDS, just_now(pane(2, 0, 0, 5))).await;
        let memory = Memory::new(shop.store.clone(), LIMIT_MIB);
        let shown = async || {
            memory.catch_up(Half::Recent, Timestamp::now()).await.unwrap();
            let question = products(None);
            let told = memory.tell(move |tables| {
                let (_, trends) = tell::trends::trends(tables, &question, Timestamp::now())?;
                Some((tables.rounds.results()?.name(""), trends))
            });
            let (results, trends) = told.await.unwrap();
            let listed = trends.listed.iter().map(|one| (one.trend.key.clone(), one.trend.sessions));
            (results, listed.collect::<Vec<_>>())
        };
        assert_eq!(shown().await.1, [("p2".to_owned(), 5)]);

        let next: Generation = "next".parse().unwrap();
        shop.store.ensure(&Schema::GENERATIONS).await.unwrap();
        let begin = |all: &mut Generations| all.begin(&next, None, Timestamp::now()).map(drop);
        shop.store.change_generations(begin).await.unwrap();
        let results = shop.store.of_generation(&next);
        let written = Shop {
            prefix: shop.prefix.clone(),
            servers: shop.servers.clone(),
            store: results,
            bus: shop.bus.clone(),
        };
        write(&written, &Schema::PRODUCT_TRENDS, just_now(pane(3, 0, 0, 7))).await;
        shop.store.change_generations(|all| all.promote(&next)).await.unwrap();
        eventually("memory follows the generation", async || {
            let (results, listed) = shown().await;
            let is_next = results == shop.store.of_generation(&next).name("");
            assert_eq!(listed, if is_next { [("p3".to_owned(), 7)] } else { [("p2".to_owned(), 5)] });
            is_next.then_some(())
        })
        .await;
    })
    .await;
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    retention: Retention,
}

/// Hours of a shop with many bots: one some days before, and four from this minute on.
fn simulated(first: i64) -> Vec<Event> {
    let some_days_before = events(first - 5 * 24 * 60, 1_500);
    [some_days_before, events(first, 6_000)].concat()
}

/// The number of the minute in which four simulated hours begin, and nearly the last of their minutes, in which a week is asked for.
///
/// At a full hour a week begins with one, and no old minutes are needed; in a day's last hour no hours come after them,
/// and in its first hour the week begins with a whole day once they are dropped.
fn suitable_hours() -> (i64, Timestamp) {
    let suits = |last: &Timestamp| {
        let into_day = last.millis() - last.floor_to(DAY_MS).millis();
        *last != last.floor_to(HOUR_MS) && (HOUR_MS..DAY_MS - HOUR_MS).contains(&into_day)
    };
    let begins = [0, 1, -60, -61, -120].into_iter().map(|first| (first, small_log::minute(first + 236)));
    begins.into_iter().find(|(_, last)| suits(last)).unwrap()
}

fn events(from: i64, count: i64) -> Vec<Event> {
    let shelf = shelf::built_in(60, Currency::EUR).unwrap();
    let world = serde_json::from_value(json!({ "bot_ratio": 0.4, "fraud_ratio": 0.2 })).unwrap();
    let start = small_log::minute(from);
    let mut simulator = Simulator::new(Assortment::new(shelf).unwrap(), Currency::EUR, world, 3, start);
    (0..count).map(|n| simulator.act(start + TimeDelta::milliseconds(2_400 * n)).event).collect()
}

#[tokio::test]
async fn what_the_processor_counted_and_rolled_up_is_told_alike_from_memory_and_by_elasticsearch() {
    with_small_log(async |shop, log| {
        let (first, last) = suitable_hours();
        log.simulated(&simulated(first));
        drain(shop, Currency::EUR).await;
        for schema in Schema::ALL {
            shop.store.refresh(schema.name).await.unwrap();
        }
        let memory = Memory::new(shop.store.clone(), LIMIT_MIB);
        let now = last + TimeDelta::milliseconds(12_345);
        assert!(same_trends(shop, &memory, now, SHORT).await > 0);
        same_searches(shop, &memory, now, SHORT).await;
        same_funnels(shop, &memory, now, SHORT).await;

        for schema in rollup::writes() {
            shop.store.ensure(schema).await.unwrap();
        }
        let retained = async |keep: &str| {
            let retention = Flags::parse_from(["it", keep]).retention;
            pass(&shop.store, 1, &retention, &mut LookedAt::default(), Timestamp::now()).await.unwrap();
        };
        retained("--keep-minutes-days=30").await;
        same_trends(shop, &memory, now, SHORT_AND_LONG).await;
        is_told_from(&memory, now, &[Shelf::OldMinutes, Shelf::Hours, Shelf::Days]).await;

        // The minutes and quarters of the first hour are dropped: long ranges begin at full hours then.
        retained("--keep-minutes-days=2").await;
        let longer = rolled(&shop.store, &[&Schema::PRODUCT_TRENDS]).await.unwrap();
        assert_ne!(longer, Rolled::default());
        same_trends(shop, &memory, now, SHORT_AND_LONG).await;
        same_searches(shop, &memory, now, SHORT_AND_LONG).await;
        same_funnels(shop, &memory, now, SHORT_AND_LONG).await;
        is_told_from(&memory, now, &[Shelf::Hours, Shelf::Days]).await;
        // Right after the first round, too, bots of a week ago are told apart.
        let fresh = Memory::new(shop.store.clone(), LIMIT_MIB);
        same_trends(shop, &fresh, now, &[7 * 24 * 60]).await;
    })
    .await;
}

/// A week, too, is told from memory, from these shelves first, and something is listed.
async fn is_told_from(memory: &Memory, now: Timestamp, shelves: &'static [Shelf]) {
    catch_up(memory, now).await;
    let question = Question { minutes: 7 * 24 * 60, ..products(None) };
    let told = memory.tell(move |tables| {
        let (window, trends) = tell::trends::trends(tables, &question, now)?;
        let parts = tables.parts(Kind::Products, window, window.stretch())?;
        let found: Vec<Shelf> = parts.iter().map(|part| part.shelf).collect();
        assert!(found.starts_with(shelves), "{found:?}");
        Some(trends.listed.len())
    });
    assert!(told.await.unwrap() > 0);
}

/// Holds funnels from memory against Elasticsearch's.
async fn same_funnels(shop: &Shop, memory: &Memory, now: Timestamp, minutes: &[u32]) {
    for (minutes, category) in
        minutes.iter().flat_map(|one| [(*one, None), (*one, Some(path("electronics")))])
    {
        let asked = Range::last(minutes, now);
        let range = panes::held(&shop.store, &[&Schema::CATEGORY_FUNNELS], asked).await.unwrap();
        let counted = funnels::store::funnels(&shop.store, range, category.as_ref()).await.unwrap();
        assert!(minutes < 60 || counted.now.len() > 2 && counted.now[0].sums.steps.purchased > 0);
        catch_up(memory, now).await;
        let told = memory.tell(move |tables| tell::funnels::funnels(tables, asked, category.as_ref()));
        assert_eq!(told.await, Some((range, counted)));
    }
}

/// Holds every answer about searches from memory against Elasticsearch's.
async fn same_searches(shop: &Shop, memory: &Memory, now: Timestamp, minutes: &[u32]) {
    for minutes in minutes.iter().copied().chain([45]) {
        let asked = Range::last(minutes, now);
        let range = queries::store::held(&shop.store, asked).await.unwrap();
        catch_up(memory, now).await;
        let told = memory.tell(move |tables| {
            let range = tell::searches::as_rolled_up(tables, asked);
            Some((range, tell::searches::overview(tables, range)?))
        });
        let told = told.await;
        let counted = queries::store::overview(&shop.store, range).await.unwrap();
        assert!(minutes < 60 || counted.now.searches > 10 && !counted.filters.is_empty());
        assert_eq!(told, Some((range, counted)));
        catch_up(memory, now).await;
        let told = memory.tell(move |tables| tell::searches::trends(tables, range, 50)).await;
        let counted = queries::store::trends(&shop.store, range, 50).await.unwrap();
        assert_eq!(told, Some(counted));
        same_rankings(shop, memory, range).await;
    }
}

async fn same_rankings(shop: &Shop, memory: &Memory, range: Range) {
    let all_keys = || [Keys::Any, Keys::Containing("a".to_owned())];
    for sort in [Sort::Top, Sort::Rising, Sort::Failing, Sort::Revenue, Sort::Refunded] {
        for (scope, keys) in
            [Scope::Query, Scope::Category].into_iter().flat_map(|scope| all_keys().map(|keys| (scope, keys)))
        {
            let question = Asked { range, scope, sort, size: 30, keys };
            let (first, counted) = same_ranking(shop, memory, question.clone()).await;
            assert!(counted > 0 || sort != Sort::Top);
            if let Some(key) = first {
                same_ranking(shop, memory, Asked { keys: Keys::One(key), ..question }).await;
            }
        }
    }
}

/// Gives the first key that is listed, and how many are.
async fn same_ranking(shop: &Shop, memory: &Memory, question: Asked) -> (Option<String>, usize) {
    let asked = question.clone();
    catch_up(memory, question.range.to).await;
    let told = memory.tell(move |tables| tell::searches::ranking(tables, &asked)).await;
    let counted = queries::store::ranking(&shop.store, &question).await.unwrap();
    let first = counted.items.first().map(|item| item.row.key.clone());
    let count = counted.items.len();
    assert_eq!(told, Some(counted), "{question:?}");
    (first, count)
}
