//! The address of the cluster, apart from the login that may be written into it.

use std::ffi::OsStr;
use std::fmt;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

/// Where the cluster is. User and password of `http://user:password@host` are taken out of the URL, so
/// that whatever shows it, the transport's own errors too, shows neither.
#[derive(Debug, Clone)]
pub struct ClusterAddress {
    url: Url,
    login: Option<(String, SecretString)>,
}

impl ClusterAddress {
    /// Reads `http://host:port` or `https://…`, with or without a login.
    ///
    /// # Errors
    /// What is allowed, for anything else. The text is not repeated, for it may hold a password.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let allowed = "must be http:// or https:// with a host, such as http://localhost:9200";
        let mut url = Url::parse(text.trim()).map_err(|_| allowed)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(allowed);
        }
        let decoded = |part: &str| percent_decode_str(part).decode_utf8().map(String::from);
        let user = decoded(url.username()).map_err(|_| "holds a user that is not UTF-8")?;
        let password = decoded(url.password().unwrap_or_default());
        let password = password.map_err(|_| "holds a password that is not UTF-8")?;
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| allowed)?;
        let login = (!user.is_empty() || !password.is_empty()).then(|| (user, password.into()));
        Ok(Self { url, login })
    }

    /// The URL without user and password.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// User and password that were written into the URL; `None` when neither was.
    pub(super) fn login(&self) -> Option<&(String, SecretString)> {
        self.login.as_ref()
    }
}

impl fmt::Display for ClusterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

/// Reads a [`ClusterAddress`]. Not a plain function, because clap repeats what such a one refuses.
#[derive(Clone)]
pub(super) struct AddressParser;

impl TypedValueParser for AddressParser {
    type Value = ClusterAddress;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<ClusterAddress, clap::Error> {
        ClusterAddress::parse(&value.to_string_lossy()).map_err(|why| {
            let message = format!("--elasticsearch-host (ELASTICSEARCH_HOST) {why}");
            clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_login_in_the_address_is_kept_apart_and_not_shown() {
        let address = ClusterAddress::parse("https://me:h%40sh@es.example:9243/path").unwrap();
        assert_eq!(address.to_string(), "https://es.example:9243/path");
        let debug = format!("{address:?}");
        assert!(!debug.contains("h@sh") && !debug.contains("h%40sh"), "{debug}");
        let (user, password) = address.login().unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("me", "h@sh"));
        assert!(ClusterAddress::parse("http://localhost:9200").unwrap().login().is_none());
    }

    #[test]
    fn an_address_without_a_scheme_or_a_host_is_refused_with_what_is_allowed() {
        for text in ["localhost:9200", "es.example", "http://", "ftp://es.example", "file:///x", ""] {
            let error = ClusterAddress::parse(text).unwrap_err();
            assert!(error.contains("http://localhost:9200"), "{text:?}: {error}");
        }
    }
}
