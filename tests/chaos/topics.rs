//! Topics that somebody changed.

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};
use shoplens::model::event::Stream;

use crate::programs::{PROCESSOR, Program, Stage, lines_with};
use crate::shop::{PATIENCE, Shop, with_shop};

/// What is told of records that were deleted too early.
pub const TRUNCATED: &str = "records were deleted before their windows were closed";

fn admin(shop: &Shop) -> AdminClient<DefaultClientContext> {
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &shop.servers.kafka.kafka_bootstrap_servers).create().unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE))
}

async fn give_partitions(shop: &Shop, streams: &[Stream], count: usize) {
    let names: Vec<String> = streams.iter().map(|stream| shop.bus.topic(*stream)).collect();
    let grown: Vec<_> = names.iter().map(|name| NewPartitions::new(name, count)).collect();
    let results = admin(shop).create_partitions(&grown, &options()).await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

fn stage(shop: &Shop) -> Stage<'_> {
    Stage::new(shop, shop.servers.elasticsearch.elasticsearch_host.to_string())
}

/// Deletes everything that the product topic holds.
pub async fn truncate(shop: &Shop) {
    let mut lost = TopicPartitionList::new();
    for partition in 0..12 {
        lost.add_partition_offset(&shop.bus.topic(Stream::Product), partition, Offset::End).unwrap();
    }
    admin(shop).delete_records(&lost, &options()).await.unwrap();
}

fn refused(mut processor: Program) -> String {
    assert!(!processor.wait(PATIENCE).success(), "it was not refused: {}", processor.log());
    processor.log()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_topic_with_more_partitions_than_the_others_is_refused_with_what_to_do() {
    with_shop(async |shop| {
        let stage = stage(shop);
        stage.backlog(500);
        stage.drain();
        give_partitions(shop, &[Stream::Product], 13).await;
        let log = refused(stage.start(PROCESSOR, &["--until-drained"], "processor.log"));
        assert!(log.contains("all event topics must have the same number"), "{log}");
        stage.remove_files();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_were_all_given_more_partitions_are_refused_with_what_to_do() {
    with_shop(async |shop| {
        let stage = stage(shop);
        stage.backlog(500);
        stage.drain();
        give_partitions(shop, &Stream::ALL, 13).await;
        let log = refused(stage.start(PROCESSOR, &["--until-drained"], "processor.log"));
        assert!(log.contains("SHOPLENS_PREFIX"), "{log}");
        stage.remove_files();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_are_given_more_partitions_while_they_are_read_end_the_processor_with_what_to_do() {
    with_shop(async |shop| {
        let stage = stage(shop);
        stage.backlog(500);
        let processor = stage.start(PROCESSOR, &["--archive-events", "false"], "processor.log");
        processor.says("partitions taken over").await;
        give_partitions(shop, &Stream::ALL, 13).await;
        let log = refused(processor);
        assert!(log.contains("has a partition 12") && log.contains("SHOPLENS_PREFIX"), "{log}");
        stage.remove_files();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_lost_its_beginning_is_alarmed_and_gone_on_with() {
    with_shop(async |shop| {
        let stage = stage(shop);
        stage.backlog(1_000);
        stage.drain();
        truncate(shop).await;
        let mut processor = stage.start(PROCESSOR, &["--until-drained"], "processor.log");
        assert!(processor.wait(PATIENCE).success(), "{}", processor.log());
        let log = processor.log();
        assert_eq!(lines_with(&log, TRUNCATED), 1, "{log}");
        assert!(log.contains("drained"), "{log}");
        stage.remove_files();
    })
    .await;
}
