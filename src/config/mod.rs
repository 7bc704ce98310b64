//! Settings: one `clap::Args` struct for each thing that can be set, joined in `bin/` with
//! `#[command(flatten)]`. Each setting is a flag and an environment variable; `.env` fills in what the
//! environment lacks. Nothing but this module and `bin/` reads the environment.

mod address;
mod elasticsearch;
mod http;
mod kafka;
mod secret;
mod shop;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use thiserror::Error;
use tracing_subscriber::EnvFilter;

pub use crate::config::address::ClusterAddress;
pub use crate::config::elasticsearch::{ElasticsearchSettings, Login};
pub use crate::config::http::HttpSettings;
pub use crate::config::kafka::{KafkaSettings, SaslMechanism, SecurityProtocol};
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

/// What every program does: reads `.env` and the settings, starts logging to standard error with the
/// filter in `RUST_LOG` (default `info`), and runs. A failure is printed with its causes.
pub fn run<S: Parser, F: Future<Output = anyhow::Result<()>>>(program: impl FnOnce(S) -> F) -> ExitCode {
    // Before the settings are parsed: `.env` fills in what the environment lacks.
    let loaded = dotenvy::dotenv();
    let settings = S::parse();
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,librdkafka=off,rdkafka=error".into());
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    subscriber.with_ansi(std::io::stderr().is_terminal()).with_target(false).init();
    let result = match loaded {
        Err(error) if !error.not_found() => Err(anyhow::Error::from(error).context("reading .env")),
        _ => tokio::runtime::Runtime::new()
            .context("starting")
            .and_then(|runtime| runtime.block_on(program(settings))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
