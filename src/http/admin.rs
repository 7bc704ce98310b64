//! Changes need the admin's token.

use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::auth::Bearer;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, SecurityScheme};
use secrecy::{ExposeSecret, SecretString};

use crate::http::problem::{Failure, Problem};
use crate::store::StoreError;

/// The token that a request brings.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "admin_token")]
pub struct AdminToken(Bearer);

/// Whom changes are taken from. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    token: Option<Arc<SecretString>>,
}

/// What an endpoint that changes something may answer instead.
#[derive(Debug, ApiResponse)]
pub enum Refusal {
    /// The request says something that cannot be.
    #[oai(status = 400, content_type = "application/problem+json")]
    BadRequest(Json<Problem>),
    /// No token.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(Json<Problem>),
    /// Another token, or the service has none.
    #[oai(status = 403, content_type = "application/problem+json")]
    Forbidden(Json<Problem>),
    /// There is no such thing.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// It cannot be changed like that from how it is.
    #[oai(status = 409, content_type = "application/problem+json")]
    Conflict(Json<Problem>),
    /// Our fault; the log knows more.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// A server that is needed does not answer.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

impl Admin {
    /// Takes changes from whoever has this token; from nobody where there is none.
    pub fn new(token: Option<SecretString>) -> Self {
        Self { token: token.map(Arc::new) }
    }

    /// Checks the token of a request.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub fn check(&self, token: &AdminToken) -> Result<(), Refusal> {
        let forbidden = |detail| Refusal::Forbidden(Json(Problem::new(StatusCode::FORBIDDEN, detail)));
        let Some(right) = &self.token else {
            return Err(forbidden("changes are switched off: set ADMIN_TOKEN and start the service again"));
        };
        if is_same(token.0.token.as_bytes(), right.expose_secret().as_bytes()) {
            return Ok(());
        }
        Err(forbidden("the token is not the one that ADMIN_TOKEN says"))
    }
}

/// Compares in a time that tells nothing of where they differ.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match Failure::from(error) {
            Failure::BadRequest(problem) => Self::BadRequest(problem),
            Failure::Internal(problem) => Self::Internal(problem),
            Failure::TooManyRequests(problem, _) | Failure::Unavailable(problem) => {
                Self::Unavailable(problem)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_token_may_change_anything_and_without_one_nobody() {
        let brings = |text: &str| AdminToken(Bearer { token: text.to_owned() });
        let admin = Admin::new(Some("secret".into()));
        assert!(admin.check(&brings("secret")).is_ok());
        for wrong in ["", "secreT", "secret2"] {
            assert!(matches!(admin.check(&brings(wrong)), Err(Refusal::Forbidden(_))), "{wrong}");
        }
        assert!(Admin::new(None).check(&brings("")).is_err());
    }
}
