//! What is told from memory is what Elasticsearch tells, whatever is written meanwhile.

use chrono::TimeDelta;
use clap::Parser;
use serde_json::json;
use shoplens::analytics::Recent;
use shoplens::analytics::queries;
use shoplens::analytics::queries::body::Scope;
use shoplens::analytics::queries::rank::Sort;
use shoplens::analytics::queries::store::{Keys, Question as Asked};
use shoplens::analytics::range::Range;
use shoplens::analytics::trending::{self, Among, Measure, Question};
use shoplens::analytics::{panes, recent::follow::RoundError};
use shoplens::catalog::shelf;
use shoplens::model::event::Event;
use shoplens::model::money::Currency;
use shoplens::model::time::Timestamp;
use shoplens::rollup::repairs::LookedAt;
use shoplens::rollup::run::pass;
use shoplens::rollup::{self, Retention, Rolled, rolled};
use shoplens::store::schema::Schema;
use shoplens::traffic::{Assortment, Simulator};

use super::trending::{pane, panes_of_70_minutes, products, signal, suspect};
use super::{dismissal, now, path, write};
use crate::live::shop::{Shop, with_shop};
use crate::live::small_log::{self, drain, with_small_log};

const LIMIT_MIB: usize = 100;

/// Questions about products and categories, of windows that end now.
fn questions() -> Vec<Question> {
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
        [(5, Measure::Views), (60, Measure::Views), (60, other)].map(|(minutes, by)| {
            let size = if by == Measure::Carts { 3 } else { 100 };
            Question { minutes, size, by, among: among.clone() }
        })
    };
    amongs.into_iter().zip(others).flat_map(of).collect()
}

/// Holds every answer about products from memory against Elasticsearch's. Gives how many places were listed.
async fn same_trends(shop: &Shop, recent: &Recent, now: Timestamp) -> usize {
    let mut places = 0;
    for question in questions() {
        let asked = question.clone();
        // Again before each question: what was read longer ago than some seconds is not told.
        recent.catch_up(now).await.unwrap();
        let told = recent.ask(move |held| trending::memory::trends(held, &asked, now)).await;
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
async fn share_of_bots(recent: &Recent) -> f64 {
    let question = products(None);
    recent.catch_up(now()).await.unwrap();
    let told = recent.ask(move |held| trending::memory::trends(held, &question, now())).await;
    told.unwrap().1.bots_share.unwrap()
}

#[tokio::test]
async fn trends_from_memory_are_those_of_elasticsearch_while_documents_grow_come_and_go() {
    with_shop(async |shop| {
        let recent = Recent::new(shop.store.clone(), LIMIT_MIB);
        assert_eq!(same_trends(shop, &recent, now()).await, 0, "nobody has written anything");

        let (panes, suspects, _) = panes_of_70_minutes();
        write(shop, &Schema::PRODUCT_TRENDS, panes).await;
        write(shop, &Schema::SUSPECT_PRODUCTS, suspects).await;
        write(shop, &Schema::FRAUD_SIGNALS, vec![signal("s-person", "search_flood", false)]).await;
        let listed = same_trends(shop, &recent, now()).await;
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
        same_trends(shop, &recent, now()).await;

        let with_bot = share_of_bots(&recent).await;
        let (id, at, mut decision) = dismissal(0, "s-other", "bot_velocity|s-other");
        decision["rule"] = json!("bot_velocity");
        write(shop, &Schema::FRAUD_DECISIONS, vec![(id, at, decision)]).await;
        same_trends(shop, &recent, now()).await;
        assert_ne!(share_of_bots(&recent).await, with_bot, "who was dismissed is no bot any more");

        // Made anew under the same name, with less in it.
        shop.store.remove_index(&Schema::PRODUCT_TRENDS.index_at(now())).await.unwrap();
        write(shop, &Schema::PRODUCT_TRENDS, pane(3, 1, 0, 8)).await;
        assert!(same_trends(shop, &recent, now()).await > 0);
        // The window moves on.
        same_trends(shop, &recent, now() + TimeDelta::minutes(3)).await;
    })
    .await;
}

#[tokio::test]
async fn a_window_that_is_not_held_or_not_read_lately_is_not_told_from_memory() {
    with_shop(async |shop| {
        write(shop, &Schema::PRODUCT_TRENDS, pane(3, 1, 0, 8)).await;
        let recent = Recent::new(shop.store.clone(), LIMIT_MIB);
        let ask = async |minutes| {
            let question = Question { minutes, ..products(None) };
            recent.ask(move |held| trending::memory::trends(held, &question, now())).await
        };
        assert_eq!(ask(5).await, None, "nothing was read yet");
        recent.catch_up(now()).await.unwrap();
        assert!(ask(5).await.is_some());
        assert_eq!(ask(24 * 60).await, None, "yesterday is not held");
        let nothing = Recent::new(shop.store.clone(), 0).catch_up(now()).await;
        assert!(matches!(nothing, Err(RoundError::TooMuch { limit: 0, at_first: true })), "{nothing:?}");
    })
    .await;
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    retention: Retention,
}

/// Four hours of a shop with many bots, from six hours ago on.
fn four_hours() -> Vec<Event> {
    let shelf = shelf::built_in(60, Currency::EUR).unwrap();
    let world = serde_json::from_value(json!({ "bot_ratio": 0.4, "fraud_ratio": 0.2 })).unwrap();
    let start = small_log::minute(0);
    let mut simulator = Simulator::new(Assortment::new(shelf).unwrap(), Currency::EUR, world, 3, start);
    (0..6_000).map(|n| simulator.act(start + TimeDelta::milliseconds(2_400 * n)).event).collect()
}

#[tokio::test]
async fn what_the_processor_counted_and_rolled_up_is_told_alike_from_memory_and_by_elasticsearch() {
    with_small_log(async |shop, log| {
        log.simulated(&four_hours());
        drain(shop, Currency::EUR).await;
        for schema in Schema::ALL {
            shop.store.refresh(schema.name).await.unwrap();
        }
        let recent = Recent::new(shop.store.clone(), LIMIT_MIB);
        let now = small_log::minute(236) + TimeDelta::milliseconds(12_345);
        assert!(same_trends(shop, &recent, now).await > 0);
        same_searches(shop, &recent, now).await;

        for schema in rollup::writes() {
            shop.store.ensure(schema).await.unwrap();
        }
        let retention = Flags::parse_from(["it"]).retention;
        pass(&shop.store, 1, &retention, &mut LookedAt::default(), Timestamp::now()).await.unwrap();
        let longer = rolled(&shop.store, &[&Schema::PRODUCT_TRENDS]).await.unwrap();
        assert_ne!(longer, Rolled::default());
        same_trends(shop, &recent, now).await;
        same_searches(shop, &recent, now).await;
    })
    .await;
}

/// Holds every answer about searches from memory against Elasticsearch's.
async fn same_searches(shop: &Shop, recent: &Recent, now: Timestamp) {
    for minutes in [7, 45, 60] {
        let asked = Range::last(minutes, now);
        let range = queries::store::held(&shop.store, asked).await.unwrap();
        recent.catch_up(now).await.unwrap();
        let told = recent.ask(move |held| {
            let range = queries::memory::as_rolled_up(held, asked);
            Some((range, queries::memory::overview(held, range)?))
        });
        let told = told.await;
        let counted = queries::store::overview(&shop.store, range).await.unwrap();
        assert!(minutes < 60 || counted.now.searches > 10 && !counted.filters.is_empty());
        assert_eq!(told, Some((range, counted)));
        recent.catch_up(now).await.unwrap();
        let told = recent.ask(move |held| queries::memory::trends(held, range, 50)).await;
        let counted = queries::store::trends(&shop.store, range, 50).await.unwrap();
        assert_eq!(told, Some(counted));
        same_rankings(shop, recent, range).await;
    }
}

async fn same_rankings(shop: &Shop, recent: &Recent, range: Range) {
    let all_keys = || [Keys::Any, Keys::Containing("a".to_owned())];
    for sort in [Sort::Top, Sort::Rising, Sort::Failing, Sort::Revenue, Sort::Refunded] {
        for (scope, keys) in
            [Scope::Query, Scope::Category].into_iter().flat_map(|scope| all_keys().map(|keys| (scope, keys)))
        {
            let question = Asked { range, scope, sort, size: 30, keys };
            let (first, counted) = same_ranking(shop, recent, question.clone()).await;
            assert!(counted > 0 || sort != Sort::Top);
            if let Some(key) = first {
                same_ranking(shop, recent, Asked { keys: Keys::One(key), ..question }).await;
            }
        }
    }
}

/// Gives the first key that is listed, and how many are.
async fn same_ranking(shop: &Shop, recent: &Recent, question: Asked) -> (Option<String>, usize) {
    let asked = question.clone();
    recent.catch_up(question.range.to).await.unwrap();
    let told = recent.ask(move |held| queries::memory::ranking(held, &asked)).await;
    let counted = queries::store::ranking(&shop.store, &question).await.unwrap();
    let first = counted.items.first().map(|item| item.row.key.clone());
    let count = counted.items.len();
    assert_eq!(told, Some(counted), "{question:?}");
    (first, count)
}
