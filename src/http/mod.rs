//! What every endpoint shares: one shape for failures, limits for callers, pages and probes. Knows no
//! slice.
//!
//! Whatever goes wrong, also in the framework, leaves as an RFC 9457 problem document ([`problem`]).

pub mod admin;
mod framework;
pub mod fresh;
pub mod health;
pub mod limit;
pub mod metrics;
pub mod pages;
pub mod parameter;
pub mod problem;
pub mod server;
pub mod written;

use std::sync::Arc;
use std::time::Duration;

use poem::error::ReadBodyError;
use poem::http::{Method, StatusCode};
use poem::middleware::{CatchPanic, Cors};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Result};

use crate::config::HttpSettings;
use crate::http::limit::RateLimit;
use crate::http::problem::Problem;

/// Most bytes of a request's body: a change is a few lines of JSON.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Puts an API behind the limit for callers and the time-out.
pub fn limited<E: Endpoint + 'static>(
    api: E,
    limit: RateLimit,
    timeout: Duration,
) -> impl Endpoint<Output = Response> + use<E> {
    api.catch_all_error(framework::answer)
        .around(move |api, request| in_time(api, request, timeout))
        .with(limit)
}

/// Puts everything behind what holds for all answers: files first, web origins, problems for failures.
pub fn finished<E: Endpoint + 'static>(
    endpoint: E,
    settings: &HttpSettings,
) -> impl Endpoint<Output = Response> + use<E> {
    endpoint
        .catch_all_error(framework::answer)
        .with(CatchPanic::new().with_handler(|_| framework::answer_to_panic()))
        .with(pages::Pages)
        .with(cors(settings))
        // What the middleware for web origins refuses is an error again.
        .catch_all_error(framework::answer)
}

fn cors(settings: &HttpSettings) -> Cors {
    let cors = Cors::new()
        .allow_methods([Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE, Method::POST])
        .expose_headers(["retry-after", "ratelimit", "ratelimit-policy"]);
    match settings.cors_origins() {
        Some(origins) => cors.allow_origins(origins.iter().map(String::as_str)),
        None => cors,
    }
}

async fn in_time(
    api: Arc<impl Endpoint<Output = Response>>,
    request: Request,
    timeout: Duration,
) -> Result<Response> {
    let answer = async {
        match with_short_body(request).await {
            Ok(request) => api.call(request).await,
            Err(problem) => Ok(problem.into_response()),
        }
    };
    match tokio::time::timeout(timeout, answer).await {
        Ok(answer) => answer,
        Err(_) => {
            let detail = format!("no answer within {} s; try again", timeout.as_secs());
            Ok(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response())
        }
    }
}

/// Reads the body before anybody else does, so that none is ever held in memory that has no bound.
async fn with_short_body(mut request: Request) -> Result<Request, Problem> {
    match request.take_body().into_bytes_limit(BODY_BYTES_MAX).await {
        Ok(bytes) => {
            request.set_body(bytes);
            Ok(request)
        }
        Err(ReadBodyError::PayloadTooLarge) => {
            let detail = format!("a request's body may have at most {BODY_BYTES_MAX} bytes");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
        }
        Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use poem::endpoint::make;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        http: HttpSettings,
    }

    async fn answer<E: Endpoint + 'static>(endpoint: E) -> (StatusCode, Option<String>) {
        let settings = Flags::parse_from(["test"]).http;
        let request = Request::builder().uri("/search".parse().unwrap()).finish();
        let limited = limited(endpoint, RateLimit::new(&settings), Duration::ZERO);
        let response = finished(limited, &settings).get_response(request).await;
        (response.status(), response.content_type().map(str::to_owned))
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_for() {
        let panics = make(async |_| -> Result<Response> { panic!("on purpose") });
        let problem = Some(problem::PROBLEM_JSON.to_owned());
        assert_eq!(answer(panics).await, (StatusCode::INTERNAL_SERVER_ERROR, problem));
    }

    #[tokio::test]
    async fn a_body_without_an_end_is_refused() {
        let request = |bytes: usize| Request::builder().method(Method::PATCH).body(vec![b'x'; bytes]);
        assert!(with_short_body(request(BODY_BYTES_MAX)).await.is_ok());
        assert_eq!(with_short_body(request(BODY_BYTES_MAX + 1)).await.unwrap_err().status, 413);
    }

    #[tokio::test]
    async fn a_handler_that_takes_too_long_is_answered_for() {
        let hangs = make(async |_| -> Result<Response> { std::future::pending().await });
        let problem = Some(problem::PROBLEM_JSON.to_owned());
        assert_eq!(answer(hangs).await, (StatusCode::SERVICE_UNAVAILABLE, problem));
    }
}
