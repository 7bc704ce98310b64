//! What can go wrong with Kafka.

use rdkafka::error::KafkaError;
use thiserror::Error;

/// Why Kafka could not do something.
#[derive(Debug, Error)]
pub enum BusError {
    /// No broker answers, or it answers with an error.
    #[error("Kafka at {address} (KAFKA_BOOTSTRAP_SERVERS) could not {what}")]
    Failed {
        /// What was being done.
        what: &'static str,
        /// The brokers' addresses.
        address: String,
        /// librdkafka's error.
        #[source]
        source: KafkaError,
    },
    /// Records are gone that were to be read.
    #[error("Kafka at {address} (KAFKA_BOOTSTRAP_SERVERS) deleted records before they were read")]
    Truncated {
        /// The brokers' addresses.
        address: String,
        /// librdkafka's error.
        #[source]
        source: KafkaError,
    },
    /// A topic or a group is still there.
    #[error("Kafka did not remove {name}")]
    NotRemoved {
        /// Its full name.
        name: String,
        /// Why.
        #[source]
        source: KafkaError,
    },
    /// A group cannot be removed while programs read with it.
    #[error("the group {group} still has members: stop the programs first")]
    GroupInUse {
        /// Its full name.
        group: String,
    },
    /// A topic is not as the processor needs it.
    #[error("topic {topic} {problem}")]
    UnusableTopic {
        /// Its full name.
        topic: String,
        /// What is wrong and what to do.
        problem: String,
    },
}
