//! Elasticsearch refuses, loses answers, is full, is gone: nothing is lost, and it is told once.

use std::time::Duration;

use serde_json::{Value, json};
use shoplens::model::time::Timestamp;
use shoplens::store::schema::Schema;
use shoplens::store::{Method, Missing};

use crate::faults::{Fault, Plan};
use crate::programs::{ANSWER_WAIT, PROCESSOR, Stage, lines_with};
use crate::proxy::Proxy;
use crate::recount::{recount, said};
use crate::shop::{PATIENCE, Shop, eventually, with_shop};
use crate::watched::Watched;

/// Lines that a processor may log in such a short life, whatever happens to it: tens, not thousands.
const LINES_MAX: usize = 80;
pub const OUTAGE: &str = "Elasticsearch does not take writes";
const OUTAGE_OVER: &str = "Elasticsearch takes writes again";

/// Drains a backlog while these faults happen to the first bulks. The processor's log.
async fn drained_through(shop: &Shop, faults: &[Fault]) -> String {
    let proxy = Proxy::before(&shop.servers, Plan::these([])).await;
    let stage = Stage::new(shop, proxy.address());
    let report = stage.backlog(4_000);
    proxy.follow(Plan::these(faults.iter().copied()));
    let log = tokio::task::block_in_place(|| stage.drain());
    for fault in faults {
        assert!(proxy.done()[&fault.to_string()] > 0, "{fault} did not happen");
    }
    assert_eq!(recount(shop).await, said(&report));
    assert!(log.lines().count() < LINES_MAX, "{log}");
    stage.remove_files();
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_of_which_a_part_is_refused_is_sent_again_in_part_and_not_worth_a_line() {
    with_shop(async |shop| {
        // Fewer than the attempts of one request before it is told.
        let log = drained_through(shop, &[Fault::RefusePart; 2]).await;
        assert_eq!(lines_with(&log, " WARN "), 0, "{log}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_whose_answer_is_lost_after_it_was_applied_counts_once() {
    with_shop(async |shop| {
        drained_through(shop, &[Fault::LoseAnswer; 8]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_that_is_applied_twice_or_when_nobody_waits_any_more_counts_once() {
    with_shop(async |shop| {
        let late = Fault::TooLate(ANSWER_WAIT + Duration::from_secs(1));
        drained_through(shop, &[Fault::Twice, late, Fault::Twice, late, Fault::Twice]).await;
    })
    .await;
}

/// When the processor said last how far results are.
async fn last_report(shop: &Shop) -> Option<String> {
    shop.store.refresh("processor-frontiers").await.ok()?;
    let body = json!({ "size": 1, "sort": [{ "updated_at": "desc" }] });
    let found: Value =
        shop.store.search("test", "processor-frontiers", Missing::IsEmpty, &body).await.ok()?;
    found["hits"]["hits"][0]["_source"]["updated_at"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_elasticsearch_that_is_gone_for_a_while_delays_results_and_is_told_once() {
    with_shop(async |shop| {
        let proxy = Proxy::before(&shop.servers, Plan::these([])).await;
        let stage = Stage::new(shop, proxy.address());
        let report = stage.backlog(30_000);
        let mut processor =
            stage.start(PROCESSOR, &["--until-drained", "--flush-interval-ms", "100"], "processor.log");
        eventually("results are visible", async || last_report(shop).await).await;
        proxy.set_away(true);
        processor.says(OUTAGE).await;
        let before = last_report(shop).await;
        // Long enough for several attempts of every group.
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(last_report(shop).await, before, "the frontiers stand still");
        proxy.set_away(false);
        processor.says(OUTAGE_OVER).await;
        assert!(processor.wait(PATIENCE).success(), "{}", processor.log());
        assert_eq!(recount(shop).await, said(&report));
        let log = processor.log();
        assert_eq!((lines_with(&log, OUTAGE), lines_with(&log, OUTAGE_OVER)), (1, 1), "{log}");
        assert!(log.lines().count() < LINES_MAX, "{log}");
        stage.remove_files();
    })
    .await;
}

/// Sets or lifts the block that Elasticsearch puts on every index when the disk is full.
async fn block_writes(shop: &Shop, index: &str, blocked: bool) {
    let value = if blocked { json!(true) } else { Value::Null };
    let body = json!({ "index.blocks.read_only_allow_delete": value });
    let path = format!("/{}/_settings", shop.store.name(index));
    shop.store.send::<Value>("block an index", Method::Put, &path, Some(&body)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_a_full_disk_made_read_only_holds_results_back_until_there_is_room() {
    with_shop(async |shop| {
        let stage = Stage::new(shop, shop.servers.elasticsearch.elasticsearch_host.to_string());
        let report = stage.backlog(4_000);
        shop.store.ensure(&Schema::PRODUCT_TRENDS).await.unwrap();
        let index = Schema::PRODUCT_TRENDS.index_at(Timestamp::now());
        shop.store.create_index(&index, &json!({})).await.unwrap();
        block_writes(shop, &index, true).await;
        let mut processor =
            stage.start(PROCESSOR, &["--until-drained", "--flush-interval-ms", "100"], "processor.log");
        // Elasticsearch takes the block away again, every half a minute, where the disk is not full.
        eventually("the processor tells that it cannot write", async || {
            block_writes(shop, &index, true).await;
            processor.log().contains(OUTAGE).then_some(())
        })
        .await;
        assert!(processor.ended().is_none(), "{}", processor.log());
        block_writes(shop, &index, false).await;
        assert!(processor.wait(PATIENCE).success(), "{}", processor.log());
        let log = processor.log();
        assert_eq!(lines_with(&log, OUTAGE), 1, "{log}");
        assert!(log.contains("read-only"), "{log}");
        assert_eq!(recount(shop).await, said(&report));
        stage.remove_files();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_elasticsearch_will_never_take_holds_its_partition_until_the_mapping_is_mended() {
    with_shop(async |shop| {
        let stage = Stage::new(shop, shop.servers.elasticsearch.elasticsearch_host.to_string());
        let report = stage.backlog(1_000);
        shop.store.ensure(&Schema::PRODUCT_TRENDS).await.unwrap();
        let index = Schema::PRODUCT_TRENDS.index_at(Timestamp::now());
        let wrong = json!({ "mappings": { "properties": { "product_id": { "type": "ip" } } } });
        shop.store.create_index(&index, &wrong).await.unwrap();
        let watched = Watched::start(&stage, &[]);
        watched.is_ready(503, "partition_refused: ").await;
        let (status, _) = watched.processor.terminate();
        assert!(status.success());
        let path = format!("/{}", shop.store.name(&index));
        shop.store.send::<Value>("drop an index", Method::Delete, &path, None).await.unwrap();
        stage.drain();
        assert_eq!(recount(shop).await, said(&report));
        stage.remove_files();
    })
    .await;
}
