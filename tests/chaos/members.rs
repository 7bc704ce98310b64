//! Processors come and go.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::checks::{Table, check};
use crate::faults::{Fault, Plan};
use crate::outages::OUTAGE;
use crate::programs::{PROCESSOR, SEEDER, Stage, lines_with};
use crate::proxy::Proxy;
use crate::recount::{recount, said};
use crate::shop::{eventually, with_shop};
use crate::storm::{Crew, Weather, under_traffic};

const TAKEN_OVER: &str = "partitions taken over";
/// A processor that is asked to stop is gone after so long.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_in_the_middle_of_a_flush_loses_and_repeats_nothing() {
    with_shop(async |shop| {
        let proxy = Proxy::before(&shop.servers, Plan::these([])).await;
        let stage = Stage::new(shop, proxy.address());
        let report = stage.backlog(8_000);
        proxy.follow(Plan::these([Fault::Delay(Duration::from_secs(2)); 40]));
        let first = stage.start(PROCESSOR, &["--flush-interval-ms", "100"], "first.log");
        eventually("a flush is on its way", async || proxy.done().get("delayed").copied()).await;
        let second = stage.start(PROCESSOR, &["--flush-interval-ms", "100"], "second.log");
        second.says(TAKEN_OVER).await;
        for processor in [first, second] {
            assert!(processor.terminate().0.success());
        }
        proxy.follow(Plan::these([]));
        tokio::task::block_in_place(|| stage.drain());
        assert_eq!(recount(shop).await, said(&report));
        stage.remove_files();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_goes_on_with_the_partitions_that_it_keeps_when_others_come_and_go() {
    with_shop(async |shop| {
        let stage = Stage::new(shop, shop.servers.elasticsearch.elasticsearch_host.to_string());
        let report = stage.backlog(8_000);
        let start = |log| stage.start(PROCESSOR, &["--archive-events", "false"], log);
        let first = start("first.log");
        first.says("group=\"fraud\" partitions=12 rereading=false").await;
        let second = start("second.log");
        first.says("reader=\"processor\" partitions=6 kept=6").await;
        second.says("reader=\"processor\" partitions=6 kept=0").await;
        for group in ["sessions", "fraud"] {
            second.says(&format!("group=\"{group}\" partitions=6 rereading=false")).await;
        }
        assert!(first.terminate().0.success());
        second.says("reader=\"processor\" partitions=12 kept=6").await;
        assert!(second.terminate().0.success());
        tokio::task::block_in_place(|| stage.drain());
        assert_eq!(recount(shop).await, said(&report));
        stage.remove_files();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_that_is_asked_to_stop_is_gone_in_10_s_even_without_elasticsearch() {
    with_shop(async |shop| {
        let proxy = Proxy::before(&shop.servers, Plan::these([])).await;
        let stage = Stage::new(shop, proxy.address());
        let report = stage.backlog(8_000);
        let working = stage.start(PROCESSOR, &["--flush-interval-ms", "100"], "working.log");
        working.says(TAKEN_OVER).await;
        let (status, took) = working.terminate();
        assert!(status.success() && took < STOPPED_WITHIN, "{status} after {took:?}");

        let stuck = stage.start(PROCESSOR, &["--flush-interval-ms", "100"], "stuck.log");
        stuck.says(TAKEN_OVER).await;
        proxy.set_away(true);
        stuck.says(OUTAGE).await;
        let (status, took) = stuck.terminate();
        assert!(status.success() && took < STOPPED_WITHIN, "{status} after {took:?}");

        proxy.set_away(false);
        tokio::task::block_in_place(|| stage.drain());
        assert_eq!(recount(shop).await, said(&report));
        stage.remove_files();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_with_a_name_of_its_own_finds_its_partitions_again_and_nobody_else_notices() {
    with_shop(async |shop| {
        let stage = Stage::new(shop, shop.servers.elasticsearch.elasticsearch_host.to_string());
        let named = |name: &str, log: &str| {
            stage.start(PROCESSOR, &["--instance-id", name, "--archive-events", "false"], log)
        };
        let (first, second) = (named("first", "first.log"), named("second", "second.log"));
        let half = "reader=\"processor\" partitions=6";
        first.says(half).await;
        second.says(half).await;
        let taken_over = lines_with(&second.log(), TAKEN_OVER);
        assert!(first.terminate().0.success());
        let again = named("first", "again.log");
        again.says(half).await;
        assert_eq!(lines_with(&second.log(), TAKEN_OVER), taken_over, "{}", second.log());
        for processor in [again, second] {
            assert!(processor.terminate().0.success());
        }
        // The group keeps their places for the session timeout.
        eventually("the group is empty", async || shop.bus.remove_all().await.ok()).await;
        stage.remove_files();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rescaling_and_a_rolling_restart_under_load_change_no_result() {
    with_shop(async |shop| {
        let lull = Duration::from_secs(3);
        let weather = Weather { seed: 3, events: 8_000, rate: 400, lull: (lull, lull) };
        let stage = Stage::new(shop, shop.servers.elasticsearch.elasticsearch_host.to_string());
        stage.run(SEEDER, &["--count", "200"]);
        let mut rng = ChaCha8Rng::seed_from_u64(weather.seed);
        let mut crew = Crew::muster(&stage, 1);
        let sent = under_traffic(&stage, &weather, async |_| {
            rescale(&mut crew, &mut rng, lull).await;
        })
        .await;
        crew.dismiss(&mut rng);
        tokio::task::block_in_place(|| stage.drain());
        let mut table = Table::default();
        crew.tell(&mut table);
        table.check("processors that ended by themselves", 0, crew.ended_by_themselves, u64::to_string);
        check(shop, &sent, &mut table).await;
        table.conclude();
        stage.remove_files();
    })
    .await;
}

/// From one processor to three, to two, and then each of them replaced in turn.
pub async fn rescale(crew: &mut Crew<'_>, rng: &mut ChaCha8Rng, lull: Duration) {
    tokio::time::sleep(lull).await;
    crew.join();
    crew.join();
    tokio::time::sleep(lull).await;
    crew.leave(rng);
    for _ in 0..2 {
        tokio::time::sleep(lull).await;
        crew.replace_oldest();
    }
}
