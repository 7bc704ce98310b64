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

use std::sync::Arc;
use std::time::Duration;

use poem::http::{Method, StatusCode};
use poem::middleware::{CatchPanic, Cors};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Result};

use crate::config::HttpSettings;
use crate::http::limit::RateLimit;
use crate::http::problem::Problem;

/// Puts an API behind the limit for callers and the time-out.
pub fn limited<E: Endpoint + 'static>(
    api: E,
    limit: RateLimit,
    timeout: Duration,
) -> impl Endpoint<Output = Response> + use<E> {
    api.around(with_a_bounded_body)
        .catch_all_error(framework::answer)
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
        .allow_methods([Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::POST])
        .expose_headers(["retry-after", "ratelimit", "ratelimit-policy"]);
    match settings.cors_origins() {
        Some(origins) => cors.allow_origins(origins.iter().map(String::as_str)),
        None => cors,
    }
}

/// Most bytes of a request's body: a synonym or a rule.
const BODY_BYTES_MAX: usize = 64 << 10;

/// The framework would read a body of any length into memory.
async fn with_a_bounded_body<E: Endpoint>(api: Arc<E>, mut request: Request) -> Result<E::Output> {
    let body = request.take_body().into_bytes_limit(BODY_BYTES_MAX).await?;
    request.set_body(body);
    api.call(request).await
}

async fn in_time(
    api: Arc<impl Endpoint<Output = Response>>,
    request: Request,
    timeout: Duration,
) -> Result<Response> {
    match tokio::time::timeout(timeout, api.call(request)).await {
        Ok(answer) => answer,
        Err(_) => {
            let detail = format!("no answer within {} s; try again", timeout.as_secs());
            Ok(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response())
        }
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
    async fn a_handler_that_takes_too_long_is_answered_for() {
        let hangs = make(async |_| -> Result<Response> { std::future::pending().await });
        let problem = Some(problem::PROBLEM_JSON.to_owned());
        assert_eq!(answer(hangs).await, (StatusCode::SERVICE_UNAVAILABLE, problem));
    }
}
