//! Funnels, of panes written by hand.

use serde_json::{Value, json};
use shoplens::analytics::funnels::answer::Funnels;
use shoplens::analytics::funnels::{self, Funnel, Source, Steps, store};
use shoplens::analytics::range::{Asked, Range};
use shoplens::model::money::{Cents, Currency};
use shoplens::model::time::Timestamp;
use shoplens::store::schema::Schema;

use super::{minute, now, path, write, write_frontiers};
use crate::live::shop::{Shop, with_shop};

/// Of the sessions that entered, half viewed within 1 to 2 s, half of those added, half of those bought.
pub fn funnel(before: i64, partition: u64, category: &str, entered: u64) -> (String, Timestamp, Value) {
    let steps = |entered: u64| json!({ "entered": entered, "viewed": entered / 2, "carted": entered / 4, "purchased": entered / 8 });
    let mut document = steps(entered);
    document["by_search"] = steps(entered - entered / 3);
    document["by_browse"] = steps(entered / 3);
    document["minute"] = json!(minute(before));
    document["partition"] = json!(partition);
    document["category"] = json!(category);
    document["level"] = json!(funnels::level(category));
    document["support"] = json!(entered);
    document["searched"] = json!(entered - entered / 3);
    document["carted_cents"] = json!(entered * 200);
    document["revenue_cents"] = json!(entered * 100);
    document["refunded"] = json!(entered / 12);
    document["refunded_cents"] = json!(entered * 50);
    document["times"] = json!({ "view": { "b0": 1, "b2": 1 } });
    (format!("funnels|{}|{partition}|{category}", minute(before)), minute(before), document)
}

async fn ask(shop: &Shop, range: Range, category: Option<&str>) -> store::Funnels {
    store::funnels(&shop.store, range, category.map(path).as_ref()).await.unwrap()
}

#[tokio::test]
async fn funnels_add_up_over_minutes_partitions_and_days_and_show_only_the_level_below() {
    with_shop(async |shop| {
        let categories = ["all", "toys", "toys.puzzles", "garden", "garden.tools", "garden.tools.saws"];
        let mut documents = Vec::new();
        for (n, category) in (0..).zip(categories) {
            for before in 0..8 {
                documents.extend((0..3).map(|partition| funnel(before, partition, category, 24 - 4 * n)));
            }
        }
        write(shop, &Schema::CATEGORY_FUNNELS, documents).await;
        let entered = |funnels: &[Funnel]| -> Vec<(String, u64)> {
            funnels.iter().map(|funnel| (funnel.category.clone(), funnel.sums.steps.entered)).collect()
        };
        let named = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
            list.iter().map(|(category, entered)| ((*category).to_owned(), *entered)).collect()
        };
        let range = Range::last(3, now());
        let found = ask(shop, range, None).await;
        let all = &found.now[0].sums;
        assert_eq!(all.by_browse, Steps { entered: 96, viewed: 48, carted: 24, purchased: 12 });
        let values = (all.carted_value, all.revenue, all.refunded_value);
        assert_eq!((values, all.refunded), ((Cents(57_600), Cents(28_800), Cents(14_400)), 24));
        assert_eq!((all.times.view[0], all.times.view[2], all.times.cart), (12, 12, Default::default()));
        // Three full minutes and the one that runs, times three partitions; before it three full minutes.
        assert_eq!(entered(&found.now), named(&[("all", 288), ("toys", 240), ("garden", 144)]));
        assert_eq!(found.before["all"].steps.entered, 216);
        assert_eq!(
            entered(&ask(shop, range, Some("garden")).await.now),
            named(&[("garden", 144), ("garden.tools", 96)])
        );
        assert_eq!(entered(&ask(shop, range, Some("gar")).await.now), named(&[("gar", 0)]));
        let asked = Asked { minutes: 60, from: Some(minute(7)), to: Some(minute(5)) };
        assert_eq!(
            entered(&ask(shop, asked.at(now()).unwrap(), Some("garden.tools.saws")).await.now),
            named(&[("garden.tools.saws", 24)])
        );
    })
    .await;
}

#[tokio::test]
async fn a_change_of_a_rate_is_marked_when_it_is_more_than_chance() {
    with_shop(async |shop| {
        let (_, _, mut then) = funnel(4, 0, "all", 8_000);
        then["viewed"] = json!(5_000);
        write(shop, &Schema::CATEGORY_FUNNELS, vec![funnel(1, 0, "all", 8_000), ("then".to_owned(), minute(4), then)]).await;
        let frontier = json!({ "group": "sessions", "partition": 0, "watermark": now(), "complete_until": minute(0), "drained": true });
        write_frontiers(shop, &[frontier]).await;
        let asked = Asked { minutes: 60, from: Some(minute(3)), to: Some(minute(0)) };
        let range = asked.at(now()).unwrap();
        let found = ask(shop, range, None).await;
        let answer = Funnels::new(range, Currency::EUR, None, found.clone());
        let before = &answer.categories[0].before;
        assert_eq!((answer.complete, answer.rates_compared), (true, 4));
        assert_eq!((before.view_rate.before, before.view_rate.significant), (Some(0.625), true));
        assert_eq!((before.cart_rate.before, before.cart_rate.significant), (Some(0.4), true));
        assert_eq!((before.purchase_rate.p_value, before.conversion.significant), (Some(1.0), false));
        let searched = Funnels::new(range, Currency::EUR, Some(Source::Search), found);
        let top = &searched.categories[0];
        assert_eq!((top.entered, top.revenue, top.before.view_rate.difference), (5_334, None, Some(0.0)));
    })
    .await;
}
