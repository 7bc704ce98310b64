//! What every endpoint shares: one shape for failures, limits for callers, pages and probes. Knows no
//! slice.
//!
//! Whatever goes wrong, also in the framework, leaves as an RFC 9457 problem document ([`problem`]).

mod framework;
pub mod health;
pub mod limit;
pub mod pages;
pub mod problem;
pub mod server;

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
    api.catch_all_error(framework::answer)
        .with(CatchPanic::new().with_handler(|_| framework::answer_to_panic()))
        .around(move |api, request| in_time(api, request, timeout))
        .catch_all_error(framework::answer)
        .with(limit)
}

/// Puts everything behind what holds for all answers: files first, web origins, problems for failures.
pub fn finished<E: Endpoint + 'static>(
    endpoint: E,
    settings: &HttpSettings,
) -> impl Endpoint<Output = Response> + use<E> {
    endpoint
        .catch_all_error(framework::answer)
        .with(pages::Pages)
        .with(cors(settings))
        .catch_all_error(framework::answer)
}

fn cors(settings: &HttpSettings) -> Cors {
    let cors = Cors::new().allow_methods([Method::GET, Method::HEAD]).expose_headers([
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
    ]);
    match settings.cors_origins() {
        Some(origins) => cors.allow_origins(origins.iter().map(String::as_str)),
        None => cors,
    }
}

async fn in_time(
    api: std::sync::Arc<impl Endpoint<Output = Response>>,
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
