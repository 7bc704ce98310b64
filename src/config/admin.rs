//! Who may change what shoppers see.

use std::path::PathBuf;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{SettingError, secret};

/// Fewest characters of a token: as many as nobody guesses.
const TOKEN_CHARS_MIN: usize = 16;

/// Who may change what shoppers see.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Administration")]
pub struct AdminSettings {
    /// Token that changes must bear, at least 16 characters; without one no change is
    /// taken. `openssl rand -hex 24` makes one.
    #[arg(long, env = "ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<SecretString>,
    /// File that holds the token.
    #[arg(long, env = "ADMIN_TOKEN_FILE")]
    admin_token_file: Option<PathBuf>,
}

impl AdminSettings {
    /// The token; `None` where none is set.
    ///
    /// # Errors
    /// [`SettingError`] when the file cannot be read, both are set, or the token is too short.
    pub fn token(&self) -> Result<Option<SecretString>, SettingError> {
        let file = self.admin_token_file.as_deref();
        let token = secret::value_or_file(self.admin_token.as_ref(), file, "ADMIN_TOKEN_FILE")?;
        let is_short = |token: &SecretString| token.expose_secret().chars().count() < TOKEN_CHARS_MIN;
        match token {
            Some(token) if is_short(&token) => Err(SettingError::Unusable {
                setting: "ADMIN_TOKEN",
                why: format!(
                    "it must have at least {TOKEN_CHARS_MIN} characters; openssl rand -hex 24 makes one"
                ),
            }),
            token => Ok(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        admin: AdminSettings,
    }

    #[test]
    fn a_token_that_could_be_guessed_is_refused_and_not_shown() {
        let error = Line::parse_from(["it", "--admin-token=hush"]).admin.token().unwrap_err().to_string();
        assert!(error.contains("at least 16 characters") && !error.contains("hush"), "{error}");
        assert!(Line::parse_from(["it"]).admin.token().unwrap().is_none());
        let long = Line::parse_from(["it", "--admin-token=0123456789abcdef"]);
        assert!(long.admin.token().unwrap().is_some());
    }
}
