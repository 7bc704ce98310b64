//! A secret given as a value or as a file that holds it.

use std::fs;
use std::path::Path;

use secrecy::SecretString;

use crate::config::SettingError;

/// The value, or the file's content without the line end; `None` when neither is set. `setting` is the
/// file's: that of the value with `_FILE` after it.
///
/// # Errors
/// [`SettingError::UnreadableFile`], and [`SettingError::Unusable`] when both are set.
pub fn value_or_file(
    value: Option<&SecretString>,
    file: Option<&Path>,
    setting: &'static str,
) -> Result<Option<SecretString>, SettingError> {
    let Some(path) = file else { return Ok(value.cloned()) };
    if value.is_some() {
        let why = format!("{} is set as well; only one of them may be", setting.trim_end_matches("_FILE"));
        return Err(SettingError::Unusable { setting, why });
    }
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
    fn a_value_beside_a_file_is_refused_and_not_shown() {
        let value = SecretString::from("hush");
        let error = value_or_file(Some(&value), Some(Path::new("/nowhere")), "X_FILE").unwrap_err();
        assert_eq!(error.to_string(), "X_FILE cannot be used: X is set as well; only one of them may be");
    }

    #[test]
    fn a_value_is_read_and_not_shown() {
        let read = value_or_file(Some(&SecretString::from("hush")), None, "X_FILE").unwrap().unwrap();
        assert_eq!(read.expose_secret(), "hush");
        assert!(!format!("{read:?}").contains("hush"));
    }
}
