//! Settings: one `clap::Args` struct for each thing that can be set, joined in `bin/` with
//! `#[command(flatten)]`. Each setting is a flag and an environment variable; `.env` fills in what the
//! environment lacks. Nothing but this module and `bin/` reads the environment.

mod address;
mod admin;
mod elasticsearch;
mod generation;
mod http;
mod kafka;
mod metrics;
mod rules;
mod secret;
mod shop;

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Command, Parser};
use futures_util::TryFutureExt;
use thiserror::Error;
use tracing_subscriber::EnvFilter;

pub use crate::config::address::ClusterAddress;
pub use crate::config::admin::AdminSettings;
pub use crate::config::elasticsearch::{ElasticsearchSettings, Login};
pub use crate::config::generation::GenerationSettings;
pub use crate::config::http::HttpSettings;
pub use crate::config::kafka::{KafkaSettings, SaslMechanism, SecurityProtocol};
pub use crate::config::metrics::MetricsSettings;
pub use crate::config::rules::FraudRulesSettings;
pub use crate::config::shop::ShopSettings;

/// A setting that is well-formed by itself but cannot be used.
#[derive(Debug, Error)]
pub enum SettingError {
    /// A file, such as a secret's, cannot be read.
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

/// The log's filter where `RUST_LOG` sets none.
const LOG_FILTER: &str = "info,librdkafka=off,rdkafka=error";

/// What every program does: reads `.env` and the settings, of which empty ones count as not set, starts
/// logging to standard error with the filter in `RUST_LOG` (default `info`), and runs. A failure is printed
/// with its causes.
pub fn run<S: Parser, F: Future<Output = anyhow::Result<()>>>(program: impl FnOnce(S) -> F) -> ExitCode {
    run_judged(|settings| program(settings).map_ok(|()| ExitCode::SUCCESS), ExitCode::FAILURE)
}

/// As [`run`], for a program whose exit code says what it found; `failed` is the code of a failure.
pub fn run_judged<S: Parser, F: Future<Output = anyhow::Result<ExitCode>>>(
    program: impl FnOnce(S) -> F,
    failed: ExitCode,
) -> ExitCode {
    // Before the settings are parsed: `.env` fills in what the environment lacks.
    let loaded = dotenvy::dotenv();
    let settings = parse();
    match start(loaded, || program(settings)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            failed
        }
    }
}

fn start<F: Future<Output = anyhow::Result<ExitCode>>>(
    loaded: Result<PathBuf, dotenvy::Error>,
    program: impl FnOnce() -> F,
) -> anyhow::Result<ExitCode> {
    let filter = log_filter(env::var_os("RUST_LOG"))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    subscriber.with_ansi(std::io::stderr().is_terminal()).with_target(false).init();
    match loaded.err().filter(|error| !error.not_found()) {
        None => {}
        // Not the error itself: it holds what was not understood, which may be a password.
        Some(dotenvy::Error::LineParse(..)) => {
            bail!("reading .env: a line is not NAME=value, or its value has spaces but no quotes")
        }
        Some(error) => return Err(error).context("reading .env"),
    }
    tokio::runtime::Runtime::new().context("starting")?.block_on(program())
}

/// The settings of the command line and the environment; ends the program where they are wrong.
fn parse<S: Parser>() -> S {
    let mut command = without_empty(S::command(), |name| env::var_os(name));
    let parsed = S::from_arg_matches_mut(&mut command.get_matches_mut());
    parsed.unwrap_or_else(|error| error.format(&mut command).exit())
}

/// Lets no argument take an empty value from the environment: `API_PORT=` shall mean the default, as it
/// does in the scripts.
fn without_empty(command: Command, variable: impl Fn(&OsStr) -> Option<OsString>) -> Command {
    command.mut_args(|argument| {
        let value = argument.get_env().and_then(&variable);
        if value.is_some_and(|value| value.is_empty()) { argument.env(None::<&str>) } else { argument }
    })
}

fn log_filter(text: Option<OsString>) -> Result<EnvFilter, SettingError> {
    let unusable = |why: String| SettingError::Unusable { setting: "RUST_LOG", why };
    match text.filter(|text| !text.is_empty()) {
        None => Ok(EnvFilter::new(LOG_FILTER)),
        Some(text) => EnvFilter::try_new(text.to_string_lossy()).map_err(|error| unusable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, CommandFactory};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        http: HttpSettings,
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let variable = |name: &OsStr| match name.to_str() {
            Some("API_PORT") => Some(OsString::new()),
            Some("API_HOST") => Some("0.0.0.0".into()),
            _ => None,
        };
        let variables = |command: &Command| {
            command.get_arguments().filter_map(Arg::get_env).map(OsStr::to_owned).collect::<Vec<_>>()
        };
        let mut expected = variables(&Line::command());
        expected.retain(|name| name != "API_PORT");
        assert_eq!(variables(&without_empty(Line::command(), variable)), expected);
    }

    #[test]
    fn a_log_filter_that_cannot_be_read_is_told() {
        let error = log_filter(Some("info,shoplens=loud".into())).unwrap_err().to_string();
        assert!(error.starts_with("RUST_LOG cannot be used: "), "{error}");
        assert_eq!(log_filter(Some("".into())).unwrap().to_string(), log_filter(None).unwrap().to_string());
    }
}
