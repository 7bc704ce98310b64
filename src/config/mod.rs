//! Settings: one `clap::Args` struct for each thing that can be set, joined in `bin/` with
//! `#[command(flatten)]`. Each setting is a flag and an environment variable; `.env` fills in what the
//! environment lacks. Nothing but this module and `bin/` reads the environment.

mod elasticsearch;
mod http;
mod kafka;
mod secret;
mod shop;

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

pub use crate::config::elasticsearch::{ElasticsearchSettings, Login};
pub use crate::config::http::HttpSettings;
pub use crate::config::kafka::{KafkaSettings, SecurityProtocol};
pub use crate::config::shop::ShopSettings;

/// A setting that is well-formed by itself but cannot be used.
#[derive(Debug, Error)]
pub enum SettingError {
    /// A secret's file cannot be read.
    #[error("cannot read {} given by {setting}", path.display())]
    UnreadableFile {
        /// The setting's name.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The setting does not go with another, or with this build.
    #[error("{setting} cannot be used: {why}")]
    Unusable {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong and what to do.
        why: String,
    },
}

/// How long a program waits at its start for a server that does not answer.
pub const STARTUP_WAIT: Duration = Duration::from_secs(60);

/// Reads `.env` of the working folder or a folder above it, if there is one, and starts logging to
/// standard error with the filter in `RUST_LOG` (default `info`). Called first by each program.
///
/// # Errors
/// When `.env` exists but cannot be read or a line of it is not `NAME=value`.
pub fn start() -> Result<(), dotenvy::Error> {
    let loaded = match dotenvy::dotenv() {
        Err(error) if error.not_found() => Ok(()),
        other => other.map(drop),
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "info,librdkafka=error,rdkafka=error".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    loaded
}
