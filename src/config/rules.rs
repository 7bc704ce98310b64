//! Which rules on fraud and bots are judged by.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::config::SettingError;
use crate::model::rules::{EMBEDDED, Rules};

const SETTING: &str = "FRAUD_RULES_FILE";

/// Which rules on fraud and bots are judged by.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rules")]
pub struct FraudRulesSettings {
    /// File with the rules on fraud and bots, instead of those that are compiled in; `rules` prints which hold. The processor, `audit`, `replay` and
    /// `rules --backtest` must be given the same; other numbers need a new generation of results.
    #[arg(long, env = "FRAUD_RULES_FILE", value_name = "FILE")]
    pub fraud_rules_file: Option<PathBuf>,
}

impl FraudRulesSettings {
    /// Has this process judge by them. To be called once, before anything is judged.
    ///
    /// # Errors
    /// [`SettingError`] when the file cannot be read, or says something that no rule can follow.
    pub fn put_in_force(&self) -> Result<(), SettingError> {
        self.text().map(drop)
    }

    /// As [`FraudRulesSettings::put_in_force`]; gives what the file says, or what is compiled in.
    ///
    /// # Errors
    /// The same.
    pub fn text(&self) -> Result<String, SettingError> {
        let Some(path) = &self.fraud_rules_file else { return Ok(EMBEDDED.to_owned()) };
        let unreadable =
            |source| SettingError::UnreadableFile { setting: SETTING, path: path.clone(), source };
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Rules::put_in_force(&text).map_err(|error| {
            let why = format!("{}: {:#}", path.display(), anyhow::Error::from(error));
            SettingError::Unusable { setting: SETTING, why }
        })?;
        Ok(text)
    }
}
