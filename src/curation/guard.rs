//! Lets through who knows the admin token.

use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// The admin token (setting `ADMIN_TOKEN`) as `Authorization: Bearer <token>`.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "admin_token")]
pub struct AdminToken(pub Bearer);

/// What a caller shows. A missing token is judged as a wrong one, so that the answer can say what to do.
#[derive(SecurityScheme)]
pub enum Pass {
    /// A token.
    Token(AdminToken),
    /// Nothing.
    #[oai(fallback)]
    Nothing,
}

/// Who is let through.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The token's digest: digests are compared, so that the time it takes tells nothing of the token.
    digest: Option<[u8; 32]>,
}

/// Why somebody is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No token is configured.
    Closed,
    /// None was given, or another.
    WrongToken,
}

impl Guard {
    /// Lets through who has the token; nobody without one.
    pub fn new(token: Option<&SecretString>) -> Self {
        Self { digest: token.map(|token| Sha256::digest(token.expose_secret()).into()) }
    }

    /// Judges what was given.
    ///
    /// # Errors
    /// [`Refused`]
    pub fn check(&self, given: &Pass) -> Result<(), Refused> {
        let digest = self.digest.ok_or(Refused::Closed)?;
        match given {
            Pass::Token(AdminToken(bearer)) if digest == <[u8; 32]>::from(Sha256::digest(&bearer.token)) => {
                Ok(())
            }
            Pass::Token(_) | Pass::Nothing => Err(Refused::WrongToken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens_and_without_one_nothing_does() {
        let token = |text: &str| Pass::Token(AdminToken(Bearer { token: text.to_owned() }));
        let guard = Guard::new(Some(&"0123456789abcdef".into()));
        assert_eq!(guard.check(&token("0123456789abcdef")), Ok(()));
        assert_eq!(guard.check(&token("0123456789abcdeF")), Err(Refused::WrongToken));
        assert_eq!(guard.check(&Pass::Nothing), Err(Refused::WrongToken));
        assert_eq!(Guard::new(None).check(&token("")), Err(Refused::Closed));
        assert!(!format!("{guard:?}").contains("0123456789abcdef"));
    }
}
