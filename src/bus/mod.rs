//! The only code that speaks to Kafka.

mod consumer;
mod error;
mod logs;
mod producer;
mod spans;
mod topics;

use rdkafka::ClientConfig;
use secrecy::ExposeSecret;

use crate::config::{KafkaSettings, SaslMechanism, SecurityProtocol, SettingError};
use crate::model::event::Stream;

pub use crate::bus::consumer::{Assigned, Change, Commit, GroupConsumer, Membership, Received};
pub use crate::bus::error::BusError;
pub use crate::bus::logs::{Entry, LogReader, Stretch};
pub use crate::bus::producer::{Compression, Deliveries, Offer, Producer};
pub use crate::bus::spans::{Span, SpanConsumer};

/// The topic of records that could not be used, before any prefix.
pub const DEAD_LETTERS: &str = "dead-letters";
/// The topic of fraud signals, before any prefix.
pub const FRAUD_SIGNALS: &str = "fraud-signals";

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

    /// The full name of a consumer group.
    pub(crate) fn group(&self, group: &str) -> String {
        self.name(&format!("shoplens-{group}"))
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
    check_build(protocol, settings.kafka_sasl_mechanism)?;
    config.set("security.protocol", protocol.as_str());
    if let Some(path) = settings.kafka_ca_file.as_ref().filter(|_| protocol.is_encrypted()) {
        config.set("ssl.ca.location", path.display().to_string());
    }
    if protocol.has_login() {
        log_in(&mut config, settings)?;
    }
    Ok(config)
}

/// What this build of librdkafka lacks without OpenSSL; it would say so less clearly.
fn check_build(protocol: SecurityProtocol, mechanism: SaslMechanism) -> Result<(), SettingError> {
    let lacking = if protocol.is_encrypted() {
        ("KAFKA_SECURITY_PROTOCOL", protocol.as_str())
    } else if protocol.has_login() && mechanism != SaslMechanism::Plain {
        ("KAFKA_SASL_MECHANISM", mechanism.as_str())
    } else {
        return Ok(());
    };
    if cfg!(feature = "kafka-tls") {
        return Ok(());
    }
    let (setting, value) = lacking;
    Err(SettingError::Unusable { setting, why: format!("{value} needs a build with --features kafka-tls") })
}

fn log_in(config: &mut ClientConfig, settings: &KafkaSettings) -> Result<(), SettingError> {
    let (Some(user), Some(password)) = (&settings.kafka_sasl_username, settings.sasl_password()?) else {
        return Err(SettingError::Unusable {
            setting: "KAFKA_SECURITY_PROTOCOL",
            why: "a login needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD or KAFKA_SASL_PASSWORD_FILE"
                .to_owned(),
        });
    };
    config
        .set("sasl.mechanism", settings.kafka_sasl_mechanism.as_str())
        .set("sasl.username", user)
        .set("sasl.password", password.expose_secret());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        kafka: KafkaSettings,
    }

    fn config(arguments: &[&str]) -> Result<ClientConfig, String> {
        let line = Line::parse_from([&["it"], arguments].concat());
        client_config(&line.kafka).map_err(|error| error.to_string())
    }

    #[test]
    fn a_plain_login_needs_no_other_build() {
        let arguments = ["--kafka-security-protocol=SASL_PLAINTEXT", "--kafka-sasl-username=me"];
        let error = config(&arguments).unwrap_err();
        assert!(error.contains("KAFKA_SASL_PASSWORD") && !error.contains("kafka-tls"), "{error}");
        let config = config(&[&arguments[..], &["--kafka-sasl-password=hush"]].concat()).unwrap();
        assert_eq!(config.get("sasl.mechanism"), Some("PLAIN"));
        assert_eq!(config.get("security.protocol"), Some("sasl_plaintext"));
    }

    #[cfg(not(feature = "kafka-tls"))]
    #[test]
    fn what_this_build_lacks_is_told_by_the_setting_that_asks_for_it() {
        assert_eq!(
            config(&["--kafka-security-protocol=SSL"]).unwrap_err(),
            "KAFKA_SECURITY_PROTOCOL cannot be used: ssl needs a build with --features kafka-tls"
        );
        assert_eq!(
            config(&["--kafka-security-protocol=SASL_PLAINTEXT", "--kafka-sasl-mechanism=scram-sha-512"])
                .unwrap_err(),
            "KAFKA_SASL_MECHANISM cannot be used: SCRAM-SHA-512 needs a build with --features kafka-tls"
        );
    }
}
