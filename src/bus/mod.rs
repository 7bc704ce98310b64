//! The only code that speaks to Kafka.

mod consumer;
mod error;
mod producer;
mod topics;

use rdkafka::ClientConfig;
use secrecy::ExposeSecret;

use crate::config::{KafkaSettings, SecurityProtocol, SettingError};
use crate::model::event::Stream;

pub use crate::bus::consumer::{Assigned, Change, Commit, GroupConsumer, Received};
pub use crate::bus::error::BusError;
pub use crate::bus::producer::{Deliveries, Offer, Producer};

/// The topic of records that could not be used, before any prefix.
pub const DEAD_LETTERS: &str = "dead-letters";

/// A Kafka cluster, and the prefix of this shop's topics and groups. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    client: ClientConfig,
    prefix: String,
    partitions: i32,
    replication: i32,
}

impl Bus {
    /// Takes over the settings. Sends nothing: see [`Bus::wait_until_ready`].
    ///
    /// # Errors
    /// [`SettingError`] when a secret's file cannot be read or this build lacks what a setting needs.
    pub fn new(settings: &KafkaSettings, prefix: &str) -> Result<Self, SettingError> {
        Ok(Self {
            client: client_config(settings)?,
            prefix: prefix.to_owned(),
            partitions: settings.kafka_partitions,
            replication: settings.kafka_replication,
        })
    }

    /// The full name of one of this shop's topics or groups.
    pub fn name(&self, base: &str) -> String {
        format!("{}{base}", self.prefix)
    }

    /// The full name of an event topic.
    pub fn topic(&self, stream: Stream) -> String {
        self.name(stream.topic())
    }

    /// The brokers' addresses, for messages.
    pub fn address(&self) -> &str {
        self.client.get("bootstrap.servers").unwrap_or_default()
    }

    /// Settings that every client of this cluster starts from.
    pub(crate) fn client_config(&self) -> ClientConfig {
        self.client.clone()
    }
}

fn client_config(settings: &KafkaSettings) -> Result<ClientConfig, SettingError> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.kafka_bootstrap_servers)
        .set("client.id", "shoplens")
        // A broker that is down is told by our own code, once, and not by librdkafka each second.
        .set("log.connection.close", "false")
        .set("reconnect.backoff.max.ms", "2000");
    let protocol = settings.kafka_security_protocol;
    if protocol == SecurityProtocol::Plaintext {
        return Ok(config);
    }
    let encrypted = matches!(protocol, SecurityProtocol::Ssl | SecurityProtocol::SaslSsl);
    let scram = protocol != SecurityProtocol::Ssl && settings.kafka_sasl_mechanism != "PLAIN";
    if (encrypted || scram) && !cfg!(feature = "kafka-tls") {
        return Err(SettingError::Unusable {
            setting: "KAFKA_SECURITY_PROTOCOL",
            why: format!(
                "{} with {} needs a build with --features kafka-tls",
                protocol.as_str(),
                settings.kafka_sasl_mechanism
            ),
        });
    }
    config.set("security.protocol", protocol.as_str());
    if let Some(path) = &settings.kafka_ca_file {
        config.set("ssl.ca.location", path.display().to_string());
    }
    if protocol == SecurityProtocol::Ssl {
        return Ok(config);
    }
    let (Some(user), Some(password)) = (&settings.kafka_sasl_username, settings.sasl_password()?) else {
        return Err(SettingError::Unusable {
            setting: "KAFKA_SECURITY_PROTOCOL",
            why: "a login needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD or KAFKA_SASL_PASSWORD_FILE"
                .to_owned(),
        });
    };
    config
        .set("sasl.mechanism", &settings.kafka_sasl_mechanism)
        .set("sasl.username", user)
        .set("sasl.password", password.expose_secret());
    Ok(config)
}
