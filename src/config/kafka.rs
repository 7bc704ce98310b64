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
    #[arg(long, env = "KAFKA_SECURITY_PROTOCOL", value_enum, ignore_case = true, default_value_t = SecurityProtocol::Plaintext)]
    pub kafka_security_protocol: SecurityProtocol,
    /// Login method; the SCRAM ones need a build with `--features kafka-tls`.
    #[arg(long, env = "KAFKA_SASL_MECHANISM", value_enum, ignore_case = true, default_value_t = SaslMechanism::Plain)]
    pub kafka_sasl_mechanism: SaslMechanism,
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

/// How a connection to a broker is protected. Kafka's own spelling (`SASL_SSL`) is understood too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SecurityProtocol {
    /// Neither.
    Plaintext,
    /// Encrypted.
    Ssl,
    /// With a login.
    #[value(alias = "sasl_plaintext")]
    SaslPlaintext,
    /// Both.
    #[value(alias = "sasl_ssl")]
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

    /// Whether it encrypts.
    pub fn is_encrypted(self) -> bool {
        match self {
            Self::Ssl | Self::SaslSsl => true,
            Self::Plaintext | Self::SaslPlaintext => false,
        }
    }

    /// Whether it logs in.
    pub fn has_login(self) -> bool {
        match self {
            Self::SaslPlaintext | Self::SaslSsl => true,
            Self::Plaintext | Self::Ssl => false,
        }
    }
}

/// How a login is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SaslMechanism {
    /// By the password itself.
    #[value(name = "PLAIN")]
    Plain,
    /// By SCRAM with SHA-256.
    #[value(name = "SCRAM-SHA-256")]
    ScramSha256,
    /// By SCRAM with SHA-512.
    #[value(name = "SCRAM-SHA-512")]
    ScramSha512,
}

impl SaslMechanism {
    /// The name that Kafka gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

impl KafkaSettings {
    /// The password of the login, from its setting or its file.
    ///
    /// # Errors
    /// [`SettingError`] when the file cannot be read or both are set.
    pub fn sasl_password(&self) -> Result<Option<SecretString>, SettingError> {
        let file = self.kafka_sasl_password_file.as_deref();
        secret::value_or_file(self.kafka_sasl_password.as_ref(), file, "KAFKA_SASL_PASSWORD_FILE")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        kafka: KafkaSettings,
    }

    fn settings(argument: &str) -> Result<KafkaSettings, String> {
        let line = Line::try_parse_from(["it", argument]);
        line.map(|line| line.kafka).map_err(|error| error.to_string())
    }

    #[test]
    fn a_protocol_is_understood_in_kafkas_spelling_and_in_ours() {
        for (text, protocol) in [
            ("PLAINTEXT", SecurityProtocol::Plaintext),
            ("SSL", SecurityProtocol::Ssl),
            ("SASL_PLAINTEXT", SecurityProtocol::SaslPlaintext),
            ("SASL_SSL", SecurityProtocol::SaslSsl),
            ("sasl-ssl", SecurityProtocol::SaslSsl),
        ] {
            let read = settings(&format!("--kafka-security-protocol={text}")).unwrap();
            assert_eq!(read.kafka_security_protocol, protocol, "{text}");
        }
    }

    #[test]
    fn a_mechanism_is_understood_in_either_case_and_another_refused_with_what_there_is() {
        for mechanism in SaslMechanism::value_variants() {
            for text in [mechanism.as_str().to_owned(), mechanism.as_str().to_lowercase()] {
                let read = settings(&format!("--kafka-sasl-mechanism={text}")).unwrap();
                assert_eq!(read.kafka_sasl_mechanism, *mechanism, "{text}");
            }
        }
        let error = settings("--kafka-sasl-mechanism=GSSAPI").unwrap_err();
        assert!(error.contains("PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"), "{error}");
    }
}
