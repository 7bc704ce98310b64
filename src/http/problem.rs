//! The one shape of every failure: an RFC 9457 problem document.

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::types::{Example, ToJSON};
use poem_openapi::{ApiResponse, Object};

use crate::http::parameter::BadParameter;
use crate::store::StoreError;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong, for programs (`type`, `parameter`) and for people (`title`, `detail`); RFC 9457.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none, example)]
pub struct Problem {
    /// The kind of problem: a name whose meaning never changes.
    #[oai(rename = "type")]
    pub kind: String,
    /// The kind of problem in words.
    pub title: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// What went wrong this time, and what to do.
    pub detail: String,
    /// The query parameter that is wrong, where one is.
    pub parameter: Option<String>,
}

impl Problem {
    /// A problem of the kind that goes with the status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let (name, title) = match status {
            StatusCode::BAD_REQUEST => ("bad-request", "Bad request"),
            StatusCode::UNAUTHORIZED => ("unauthorized", "Unauthorized"),
            StatusCode::CONFLICT => ("conflict", "Conflict"),
            StatusCode::PAYLOAD_TOO_LARGE => ("payload-too-large", "Payload too large"),
            StatusCode::FORBIDDEN => ("forbidden", "Forbidden"),
            StatusCode::NOT_FOUND => ("not-found", "Not found"),
            StatusCode::METHOD_NOT_ALLOWED => ("method-not-allowed", "Method not allowed"),
            StatusCode::TOO_MANY_REQUESTS => ("too-many-requests", "Too many requests"),
            StatusCode::SERVICE_UNAVAILABLE => ("unavailable", "Temporarily unavailable"),
            status if status.is_client_error() => ("unacceptable-request", "Unacceptable request"),
            _ => ("internal-error", "Internal error"),
        };
        Self::of_kind(name, title, status, detail.into())
    }

    /// A query parameter whose value cannot be used.
    pub fn bad_parameter(parameter: &str, detail: impl Into<String>) -> Self {
        let problem = Self::of_kind("bad-parameter", "Bad parameter", StatusCode::BAD_REQUEST, detail.into());
        Self { parameter: Some(parameter.to_owned()), ..problem }
    }

    fn of_kind(name: &str, title: &str, status: StatusCode, detail: String) -> Self {
        Self {
            kind: format!("urn:problem-type:shoplens:{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            parameter: None,
        }
    }
}

impl Example for Problem {
    fn example() -> Self {
        Self::bad_parameter("size", "size must be at most 100")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, PROBLEM_JSON)
            .body(self.to_json_string());
        if status == StatusCode::METHOD_NOT_ALLOWED {
            let allowed = header::HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        response
    }
}

/// What an endpoint may answer instead of what it was asked for.
#[derive(Debug, ApiResponse)]
pub enum Failure {
    /// A parameter is wrong: `parameter` says which, `detail` what is allowed.
    #[oai(status = 400, content_type = "application/problem+json")]
    BadRequest(Json<Problem>),
    /// More requests than the caller's address is granted.
    #[oai(status = 429, content_type = "application/problem+json")]
    TooManyRequests(
        Json<Problem>,
        /// Seconds after which the next request will be answered.
        #[oai(header = "Retry-After")]
        u64,
    ),
    /// Our fault; the log knows more.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// A server that is needed does not answer, or the catalogue has not been seeded.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

impl Failure {
    /// A fault of ours, whose details stay in the log.
    pub fn internal() -> Self {
        let detail = "the request could not be answered; the log of the service says why";
        Self::Internal(Json(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)))
    }
}

impl From<BadParameter> for Failure {
    fn from(BadParameter { parameter, detail }: BadParameter) -> Self {
        Self::BadRequest(Json(Problem::bad_parameter(parameter, detail)))
    }
}

impl From<StoreError> for Failure {
    /// Logs what the caller is not told.
    fn from(error: StoreError) -> Self {
        let unavailable =
            |detail: String| Self::Unavailable(Json(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)));
        if let StoreError::MissingIndex { .. } = error {
            return unavailable(error.to_string());
        }
        let passing = error.is_passing();
        let error = format!("{:#}", anyhow::Error::new(error));
        if passing {
            tracing::warn!(error, "a request was turned away");
            return unavailable("Elasticsearch does not answer right now; try again shortly".to_owned());
        }
        tracing::error!(error, "a request failed");
        Self::internal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(error: StoreError) -> (StatusCode, Problem) {
        match Failure::from(error) {
            Failure::Unavailable(Json(problem)) => (StatusCode::SERVICE_UNAVAILABLE, problem),
            Failure::Internal(Json(problem)) => (StatusCode::INTERNAL_SERVER_ERROR, problem),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_missing_catalogue_tells_to_run_the_seeder() {
        let error = StoreError::MissingIndex { what: "search products", index: "products".to_owned() };
        let (status, problem) = status_of(error);
        assert_eq!((status, problem.status), (StatusCode::SERVICE_UNAVAILABLE, 503));
        assert_eq!(
            problem.detail,
            "cannot search products: the index products does not exist; run the seeder"
        );
    }

    #[test]
    fn the_words_of_elasticsearch_stay_in_the_log() {
        for status in [400, 429] {
            let reason = "secret inner workings".to_owned();
            let (_, problem) = status_of(StoreError::Refused { what: "search products", status, reason });
            assert!(!problem.detail.contains("secret"), "{problem:?}");
        }
    }

    #[tokio::test]
    async fn a_problem_is_sent_as_problem_json() {
        let response = Problem::bad_parameter("size", "size must be at most 100").into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.content_type(), Some(PROBLEM_JSON));
        insta::assert_snapshot!(
            response.into_body().into_string().await.unwrap(),
            @r#"{"detail":"size must be at most 100","parameter":"size","status":400,"title":"Bad parameter","type":"urn:problem-type:shoplens:bad-parameter"}"#
        );
    }
}
