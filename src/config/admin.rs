//! Who may change what the shop shows.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use crate::config::{SettingError, secret};

/// Who may change what the shop shows.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Administration")]
pub struct AdminSettings {
    /// Token that changes need, as `Authorization: Bearer …`; without one nobody may change anything.
    #[arg(long, env = "ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<SecretString>,
    /// File that holds the token, instead of ADMIN_TOKEN.
    #[arg(long, env = "ADMIN_TOKEN_FILE")]
    admin_token_file: Option<PathBuf>,
}

impl AdminSettings {
    /// The token, from its setting or its file.
    ///
    /// # Errors
    /// [`SettingError`] when the file cannot be read or both are set.
    pub fn admin_token(&self) -> Result<Option<SecretString>, SettingError> {
        secret::value_or_file(self.admin_token.as_ref(), self.admin_token_file.as_deref(), "ADMIN_TOKEN_FILE")
    }
}
