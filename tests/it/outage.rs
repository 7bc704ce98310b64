//! The producer against a broker that goes away, which the real one does not do on demand.
#![expect(clippy::unwrap_used, reason = "tests may, their helper functions too")]

use std::time::Duration;

use clap::Parser;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use shoplens::bus::{Bus, Producer};
use shoplens::config::KafkaSettings;

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    kafka: KafkaSettings,
}

fn producer(cluster: &MockCluster<'_, DefaultProducerContext>) -> Producer {
    let servers = format!("--kafka-bootstrap-servers={}", cluster.bootstrap_servers());
    let bus = Bus::new(&Line::parse_from(["it", &servers]).kafka, "").unwrap();
    Producer::new(&bus).unwrap()
}

#[test]
fn a_broker_that_is_away_for_a_while_delays_records_but_loses_none() {
    let cluster = MockCluster::new(1).unwrap();
    let producer = producer(&cluster);
    let send =
        |count: usize| (0..count).for_each(|n| producer.send("t", n.to_string().as_bytes(), b"{}").unwrap());
    send(100);
    producer.flush(PATIENCE).unwrap();
    cluster.broker_down(1).unwrap();
    send(50);
    assert!(producer.flush(Duration::from_secs(3)).is_err());
    cluster.broker_up(1).unwrap();
    producer.flush(PATIENCE).unwrap();
    assert_eq!((producer.deliveries().acknowledged(), producer.deliveries().failed()), (150, 0));
}
