//! How to reach Elasticsearch.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;
use url::Url;

use crate::config::{SettingError, secret};

/// How to reach Elasticsearch, and as whom.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Elasticsearch")]
pub struct ElasticsearchSettings {
    /// Base URL of the cluster.
    #[arg(long, env = "ELASTICSEARCH_HOST", default_value = "http://localhost:9200")]
    pub elasticsearch_host: Url,
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
    /// As whom to speak: the API key if there is one, else user and password, else nobody.
    ///
    /// # Errors
    /// [`SettingError`] when a file cannot be read or a user comes without a password.
    pub fn login(&self) -> Result<Login, SettingError> {
        let key_file = self.elasticsearch_api_key_file.as_deref();
        let key = self.elasticsearch_api_key.as_ref();
        if let Some(key) = secret::value_or_file(key, key_file, "ELASTICSEARCH_API_KEY_FILE")? {
            return Ok(Login::ApiKey(key));
        }
        let Some(user) = self.elasticsearch_user.clone() else { return Ok(Login::Nobody) };
        let file = self.elasticsearch_password_file.as_deref();
        let password = self.elasticsearch_password.as_ref();
        match secret::value_or_file(password, file, "ELASTICSEARCH_PASSWORD_FILE")? {
            Some(password) => Ok(Login::Basic { user, password }),
            None => Err(SettingError::Unusable {
                setting: "ELASTICSEARCH_USER",
                why: "it needs ELASTICSEARCH_PASSWORD or ELASTICSEARCH_PASSWORD_FILE".to_owned(),
            }),
        }
    }

    /// Longest wait for one answer.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.elasticsearch_timeout_s)
    }
}
