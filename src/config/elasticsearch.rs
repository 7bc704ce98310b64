//! How to reach Elasticsearch.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;

use crate::config::address::{AddressParser, ClusterAddress};
use crate::config::{SettingError, secret};

/// How to reach Elasticsearch, and as whom.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Elasticsearch")]
pub struct ElasticsearchSettings {
    /// Base URL of the cluster, `http://host:port` or `https://…`. A login in it (`http://user:password@host`)
    /// counts when no other is set.
    #[arg(long, env = "ELASTICSEARCH_HOST", default_value = "http://localhost:9200", value_parser = AddressParser, hide_env_values = true)]
    pub elasticsearch_host: ClusterAddress,
    /// User of HTTP basic authentication.
    #[arg(long, env = "ELASTICSEARCH_USER")]
    pub elasticsearch_user: Option<String>,
    /// Password of that user.
    #[arg(long, env = "ELASTICSEARCH_PASSWORD", hide_env_values = true)]
    elasticsearch_password: Option<SecretString>,
    /// File that holds the password.
    #[arg(long, env = "ELASTICSEARCH_PASSWORD_FILE")]
    elasticsearch_password_file: Option<PathBuf>,
    /// API key, base64 as Elasticsearch prints it; used instead of user and password.
    #[arg(long, env = "ELASTICSEARCH_API_KEY", hide_env_values = true)]
    elasticsearch_api_key: Option<SecretString>,
    /// File that holds the API key.
    #[arg(long, env = "ELASTICSEARCH_API_KEY_FILE")]
    elasticsearch_api_key_file: Option<PathBuf>,
    /// PEM file of the authority that signed the cluster's certificate, where it is not a public one.
    #[arg(long, env = "ELASTICSEARCH_CA_FILE")]
    pub elasticsearch_ca_file: Option<PathBuf>,
    /// Longest wait for one answer, in seconds.
    #[arg(long, env = "ELASTICSEARCH_TIMEOUT_S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    elasticsearch_timeout_s: u64,
}

/// As whom to speak to Elasticsearch.
#[derive(Debug, Clone)]
pub enum Login {
    /// A cluster without security.
    Nobody,
    /// HTTP basic authentication.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// An API key in its base64 form.
    ApiKey(SecretString),
}

impl ElasticsearchSettings {
    /// As whom to speak: the API key if there is one, else user and password, else those written into the
    /// address, else nobody.
    ///
    /// # Errors
    /// [`SettingError`] when a file cannot be read, a secret comes both as a value and as a file, or of user
    /// and password one is missing.
    pub fn login(&self) -> Result<Login, SettingError> {
        let key_file = self.elasticsearch_api_key_file.as_deref();
        let key = self.elasticsearch_api_key.as_ref();
        if let Some(key) = secret::value_or_file(key, key_file, "ELASTICSEARCH_API_KEY_FILE")? {
            return Ok(Login::ApiKey(key));
        }
        let file = self.elasticsearch_password_file.as_deref();
        let password = self.elasticsearch_password.as_ref();
        let password = secret::value_or_file(password, file, "ELASTICSEARCH_PASSWORD_FILE")?;
        match (self.elasticsearch_user.clone(), password) {
            (Some(user), Some(password)) => Ok(Login::Basic { user, password }),
            (None, None) => Ok(self.login_of_address()),
            (Some(_), None) => Err(SettingError::Unusable {
                setting: "ELASTICSEARCH_USER",
                why: "it needs ELASTICSEARCH_PASSWORD or ELASTICSEARCH_PASSWORD_FILE".to_owned(),
            }),
            (None, Some(_)) => Err(SettingError::Unusable {
                setting: "ELASTICSEARCH_PASSWORD",
                why: "it needs ELASTICSEARCH_USER".to_owned(),
            }),
        }
    }

    fn login_of_address(&self) -> Login {
        let login = self.elasticsearch_host.login().cloned();
        login.map_or(Login::Nobody, |(user, password)| Login::Basic { user, password })
    }

    /// Longest wait for one answer.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.elasticsearch_timeout_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use secrecy::ExposeSecret;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        elasticsearch: ElasticsearchSettings,
    }

    fn settings(arguments: &[&str]) -> ElasticsearchSettings {
        Line::parse_from([&["it"], arguments].concat()).elasticsearch
    }

    fn basic(arguments: &[&str]) -> (String, String) {
        match settings(arguments).login().unwrap() {
            Login::Basic { user, password } => (user, password.expose_secret().to_owned()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_login_in_the_address_counts_when_no_other_is_set() {
        let host = "--elasticsearch-host=http://me:hush@localhost:9200";
        assert_eq!(basic(&[host]), ("me".to_owned(), "hush".to_owned()));
        let other = ["--elasticsearch-user=you", "--elasticsearch-password=loud"];
        assert_eq!(basic(&[host, other[0], other[1]]), ("you".to_owned(), "loud".to_owned()));
    }

    #[test]
    fn neither_a_user_nor_a_password_is_ignored_for_lack_of_the_other() {
        let error = |argument| settings(&[argument]).login().unwrap_err().to_string();
        assert_eq!(
            error("--elasticsearch-password=hush"),
            "ELASTICSEARCH_PASSWORD cannot be used: it needs ELASTICSEARCH_USER"
        );
        assert_eq!(
            error("--elasticsearch-user=me"),
            "ELASTICSEARCH_USER cannot be used: it needs ELASTICSEARCH_PASSWORD or ELASTICSEARCH_PASSWORD_FILE"
        );
    }

    #[test]
    fn a_refused_address_is_told_without_its_password() {
        let error = Line::try_parse_from(["it", "--elasticsearch-host=ftp://me:hush@host"]).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("ELASTICSEARCH_HOST") && error.contains("https://"), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}
