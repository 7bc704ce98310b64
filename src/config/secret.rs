//! A secret given as a value or as a file that holds it.

use std::fs;
use std::path::Path;

use secrecy::SecretString;

use crate::config::SettingError;

/// The value, else the file's content without the line end; `None` when neither is set.
pub fn value_or_file(
    value: Option<&SecretString>,
    file: Option<&Path>,
    setting: &'static str,
) -> Result<Option<SecretString>, SettingError> {
    let Some(path) = file.filter(|_| value.is_none()) else { return Ok(value.cloned()) };
    let text = fs::read_to_string(path).map_err(|source| SettingError::UnreadableFile {
        setting,
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_missing_file_is_named_with_its_setting() {
        let error = value_or_file(None, Some(Path::new("/nowhere/secret")), "KAFKA_SASL_PASSWORD_FILE");
        assert_eq!(
            error.unwrap_err().to_string(),
            "cannot read /nowhere/secret given by KAFKA_SASL_PASSWORD_FILE"
        );
    }

    #[test]
    fn a_value_wins_over_a_file_and_is_not_shown() {
        let value = SecretString::from("hush");
        let read = value_or_file(Some(&value), Some(Path::new("/nowhere")), "X").unwrap().unwrap();
        assert_eq!(read.expose_secret(), "hush");
        assert!(!format!("{read:?}").contains("hush"));
    }
}
