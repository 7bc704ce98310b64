//! How to reach Kafka.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use secrecy::SecretString;

use crate::config::{SettingError, secret};

/// How to reach Kafka, and as whom.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Kafka")]
pub struct KafkaSettings {
    /// Addresses of one or more brokers, `host:port` joined by commas.
    #[arg(long, env = "KAFKA_BOOTSTRAP_SERVERS", default_value = "localhost:9092")]
    pub kafka_bootstrap_servers: String,
    /// Partitions of each event topic when it is created.
    #[arg(long, env = "KAFKA_PARTITIONS", default_value_t = 12, value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub kafka_partitions: i32,
    /// Replicas of each topic when it is created.
    #[arg(long, env = "KAFKA_REPLICATION", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=7))]
    pub kafka_replication: i32,
    /// Encryption and login; `ssl` and `sasl-ssl` need a build with `--features kafka-tls`.
    #[arg(long, env = "KAFKA_SECURITY_PROTOCOL", value_enum, default_value_t = SecurityProtocol::Plaintext)]
    pub kafka_security_protocol: SecurityProtocol,
    /// Login method: PLAIN, or with `--features kafka-tls` SCRAM-SHA-256 or SCRAM-SHA-512.
    #[arg(long, env = "KAFKA_SASL_MECHANISM", default_value = "PLAIN")]
    pub kafka_sasl_mechanism: String,
    /// Login name.
    #[arg(long, env = "KAFKA_SASL_USERNAME")]
    pub kafka_sasl_username: Option<String>,
    /// Password of that name.
    #[arg(long, env = "KAFKA_SASL_PASSWORD", hide_env_values = true)]
    kafka_sasl_password: Option<SecretString>,
    /// File that holds the password.
    #[arg(long, env = "KAFKA_SASL_PASSWORD_FILE")]
    kafka_sasl_password_file: Option<PathBuf>,
    /// PEM file of the authority that signed the brokers' certificates, where it is not a public one.
    #[arg(long, env = "KAFKA_CA_FILE")]
    pub kafka_ca_file: Option<PathBuf>,
}

/// How a connection to a broker is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SecurityProtocol {
    /// Neither.
    Plaintext,
    /// Encrypted.
    Ssl,
    /// With a login.
    SaslPlaintext,
    /// Both.
    SaslSsl,
}

impl SecurityProtocol {
    /// The name that librdkafka gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }
}

impl KafkaSettings {
    /// The password of the login, from its setting or its file.
    ///
    /// # Errors
    /// [`SettingError`] when the file cannot be read.
    pub fn sasl_password(&self) -> Result<Option<SecretString>, SettingError> {
        let file = self.kafka_sasl_password_file.as_deref();
        secret::value_or_file(self.kafka_sasl_password.as_ref(), file, "KAFKA_SASL_PASSWORD_FILE")
    }
}
