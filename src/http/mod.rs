//! What every endpoint shares: one shape for failures, limits for callers, pages and probes. Knows no
//! slice.
//!
//! Whatever goes wrong, also in the framework, leaves as an RFC 9457 problem document ([`problem`]).

pub mod admin;
pub mod allowed;
pub mod body;
mod framework;
pub mod fresh;
pub mod health;
pub mod limit;
pub mod metrics;
pub mod pages;
pub mod parameter;
pub mod problem;
pub mod server;
pub mod verbatim;
pub mod written;

use std::sync::Arc;
use std::time::Duration;

use poem::error::ReadBodyError;
use poem::http::{Method, StatusCode, header};
use poem::middleware::{CatchPanic, Cors};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Result};

use crate::config::HttpSettings;
use crate::http::allowed::Allowed;
use crate::http::limit::RateLimit;
use crate::http::problem::Problem;
use crate::model::time::Timestamp;

/// The time of asking in the examples of the API's description: 2026-11-21T10:07:30Z.
pub const EXAMPLE_NOW: Timestamp = Timestamp::from_millis(1_795_255_650_000);

/// Most bytes of a request's body: a change is a few lines of JSON.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Puts an API behind the limit for callers and the time-out.
pub fn limited<E: Endpoint + 'static>(
    api: E,
    allowed: Allowed,
    limit: RateLimit,
    timeout: Duration,
) -> impl Endpoint<Output = Response> + use<E> {
    api.catch_all_error(framework::answer)
        .around(move |api, request: Request| {
            let (allowed, uri) = (allowed.clone(), request.uri().clone());
            async move { Ok(allowed.state(uri.path(), in_time(api, request, timeout).await?)) }
        })
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
        .before(async |request| Ok(without_own_origin(request)))
        // What the middleware for web origins refuses is an error again.
        .catch_all_error(framework::answer)
}

/// Browsers name the origin of a page's changes even where it is our own page, which needs nobody's leave.
fn without_own_origin(mut request: Request) -> Request {
    let origin = request.header(header::ORIGIN).and_then(|origin| origin.split_once("://"));
    if origin.is_some_and(|(_, host)| request.header(header::HOST) == Some(host)) {
        request.headers_mut().remove(header::ORIGIN);
    }
    request
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
        let limited = limited(endpoint, Allowed::of("{}"), RateLimit::new(&settings), Duration::ZERO);
        let response = finished(limited, &settings).get_response(request).await;
        (response.status(), response.content_type().map(str::to_owned))
    }

    #[tokio::test]
    async fn our_own_page_may_change_things_whatever_other_origins_may() {
        let settings = Flags::parse_from(["test", "--cors-origins=https://shop.example"]).http;
        let endpoint = finished(make(async |_| Ok::<_, poem::Error>(StatusCode::OK)), &settings);
        let status = async |origin: &str| {
            let request = Request::builder().method(Method::PUT).uri("/rules/x".parse().unwrap());
            let request = request.header(header::HOST, "localhost:8000").header(header::ORIGIN, origin);
            endpoint.get_response(request.finish()).await.status()
        };
        assert_eq!(status("http://localhost:8000").await, StatusCode::OK);
        assert_eq!(status("https://shop.example").await, StatusCode::OK);
        assert_eq!(status("https://elsewhere.example").await, StatusCode::FORBIDDEN);
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
