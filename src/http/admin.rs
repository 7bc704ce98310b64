//! Changes need the admin token.

use poem::http::StatusCode;
use poem_openapi::auth::Bearer;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, SecurityScheme};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::http::problem::{Failure, Problem};
use crate::store::StoreError;

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

/// What an endpoint that changes something may answer instead.
#[derive(Debug, ApiResponse)]
pub enum Refusal {
    /// What was sent cannot be used; `detail` says why.
    #[oai(status = 400, content_type = "application/problem+json")]
    BadRequest(Json<Problem>),
    /// The admin token is missing or another.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(
        Json<Problem>,
        /// How to say who one is.
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// This service takes no changes: it has no admin token.
    #[oai(status = 403, content_type = "application/problem+json")]
    Forbidden(Json<Problem>),
    /// There is nothing of this id.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// Somebody else has changed it meanwhile.
    #[oai(status = 409, content_type = "application/problem+json")]
    Conflict(Json<Problem>),
    /// Our fault; the log knows more.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// A server that is needed does not answer, or the catalogue has not been seeded.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

impl Refusal {
    /// The refusal of what was sent.
    pub fn bad(detail: impl Into<String>) -> Self {
        Self::BadRequest(Json(Problem::new(StatusCode::BAD_REQUEST, detail)))
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => {
                let detail = "this service takes no changes: set ADMIN_TOKEN or ADMIN_TOKEN_FILE, restart it, and send \
                              the token as Authorization: Bearer <token>";
                Self::Forbidden(Json(Problem::new(StatusCode::FORBIDDEN, detail)))
            }
            Refused::WrongToken => {
                let detail = "send the admin token as Authorization: Bearer <token>";
                Self::Unauthorized(Json(Problem::new(StatusCode::UNAUTHORIZED, detail)), "Bearer".to_owned())
            }
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match Failure::from(error) {
            Failure::BadRequest(problem) => Self::BadRequest(problem),
            Failure::Unavailable(problem) => Self::Unavailable(problem),
            Failure::Internal(problem) | Failure::TooManyRequests(problem, _) => Self::Internal(problem),
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
