//! How many requests one address may make: a token bucket for each, told in every answer.
//!
//! The headers are those of the IETF draft "RateLimit header fields for HTTP"
//! (draft-ietf-httpapi-ratelimit-headers). Limits hold for one process: divide them by the number of
//! instances behind a load balancer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use poem_openapi::payload::Json;

use crate::config::HttpSettings;
use crate::http::problem::{Failure, Problem};

/// How often addresses that have not been seen for a while are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60);

type Buckets = RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>;

/// A middleware that turns requests over the limit away with 429. Clones share their counts.
#[derive(Clone)]
pub struct RateLimit {
    buckets: Option<Arc<Buckets>>,
    policy: Policy,
    trusted_proxies: u8,
}

#[derive(Clone, Copy)]
struct Policy {
    burst: u32,
    /// The time in which an empty bucket fills, in seconds.
    window_s: u32,
}

impl RateLimit {
    /// A limit as set; none at all where the rate is 0.
    pub fn new(settings: &HttpSettings) -> Self {
        let burst = settings.api_rate_burst;
        let rate = settings.rate_per_second();
        let buckets = rate.map(|rate| {
            let quota = Quota::per_second(rate).allow_burst(burst);
            Arc::new(RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>())
        });
        let window_s = burst.get().div_ceil(rate.map_or(1, NonZeroU32::get));
        Self {
            buckets,
            policy: Policy { burst: burst.get(), window_s },
            trusted_proxies: settings.api_trusted_proxies,
        }
    }

    /// Forgets callers that have been away for long, for ever: to be run beside the server, or the table
    /// of addresses grows without bound.
    pub async fn forget_idle_callers(&self) {
        let Some(buckets) = &self.buckets else { return std::future::pending().await };
        let mut ticks = tokio::time::interval(FORGET_EVERY);
        loop {
            ticks.tick().await;
            buckets.retain_recent();
            buckets.shrink_to_fit();
        }
    }

    /// Requests that the caller has left, or how long it must wait for the next; `None` without a limit.
    fn check(&self, request: &Request) -> Option<Result<u32, Duration>> {
        let caller = caller(request, self.trusted_proxies);
        let outcome = self.buckets.as_ref()?.check_key(&caller);
        Some(match outcome {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(refusal) => Err(refusal.wait_time_from(DefaultClock::default().now())),
        })
    }
}

impl Policy {
    fn headers(self, remaining: u32, wait_s: Option<u64>) -> HeaderMap {
        let Self { burst, window_s } = self;
        let reset_s = wait_s.unwrap_or_else(|| {
            let missing = u64::from(burst.saturating_sub(remaining));
            (missing * u64::from(window_s)).div_ceil(u64::from(burst))
        });
        let limits = [
            ("ratelimit-policy", format!("\"address\";q={burst};w={window_s}")),
            ("ratelimit", format!("\"address\";r={remaining};t={reset_s}")),
        ];
        let value = |text: String| HeaderValue::try_from(text).ok();
        limits
            .into_iter()
            .filter_map(|(name, text)| Some((header::HeaderName::from_static(name), value(text)?)))
            .collect()
    }

    fn turn_away(self, wait: Duration) -> Response {
        let wait_s = (wait.as_secs_f64().ceil() as u64).max(1);
        let detail = format!("too many requests from this address; try again in {wait_s} s");
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail);
        let mut response = Failure::TooManyRequests(Json(problem), wait_s).into_response();
        response.headers_mut().extend(self.headers(0, Some(wait_s)));
        response
    }
}

impl<E: Endpoint> Middleware<E> for RateLimit {
    type Output = Limited<E>;

    fn transform(&self, endpoint: E) -> Limited<E> {
        Limited { endpoint, limit: self.clone() }
    }
}

/// An endpoint behind a [`RateLimit`].
pub struct Limited<E> {
    endpoint: E,
    limit: RateLimit,
}

impl<E: Endpoint> Endpoint for Limited<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        // Probes come often and from one address, and a refused one would look like an outage; what they
        // cost is bounded by the cache behind them.
        if request.uri().path().starts_with("/health/") {
            return self.endpoint.call(request).await.map(IntoResponse::into_response);
        }
        let remaining = match self.limit.check(&request) {
            None => return self.endpoint.call(request).await.map(IntoResponse::into_response),
            Some(Err(wait)) => return Ok(self.limit.policy.turn_away(wait)),
            Some(Ok(remaining)) => remaining,
        };
        let mut response = self.endpoint.call(request).await?.into_response();
        response.headers_mut().extend(self.limit.policy.headers(remaining, None));
        Ok(response)
    }
}

/// Whose bucket a request is counted in: the connection's address, or behind our own proxies the address
/// that the outermost of them saw. Of IPv6 the first 64 bits, which is what one subscriber is given.
fn caller(request: &Request, trusted_proxies: u8) -> IpAddr {
    let connected = request.remote_addr().as_socket_addr().map(std::net::SocketAddr::ip);
    let forwarded = request.headers().get_all("x-forwarded-for");
    let hops: Vec<&str> =
        forwarded.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).collect();
    let hop = hops.len().checked_sub(usize::from(trusted_proxies)).filter(|_| trusted_proxies > 0);
    let seen_by_proxy = hop.and_then(|at| hops.get(at)).and_then(|text| text.trim().parse().ok());
    network(seen_by_proxy.or(connected).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use poem::EndpointExt;
    use poem::endpoint::make_sync;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        http: HttpSettings,
    }

    fn limit(flags: &[&str]) -> RateLimit {
        RateLimit::new(&Flags::parse_from([&["test"], flags].concat()).http)
    }

    async fn ask(endpoint: &impl Endpoint, path: &str) -> Response {
        endpoint.get_response(Request::builder().uri(path.parse().unwrap()).finish()).await
    }

    fn request(forwarded: &str) -> Request {
        Request::builder().header("x-forwarded-for", forwarded).finish()
    }

    #[tokio::test]
    async fn the_request_after_the_burst_is_told_when_to_come_back() {
        let limit = limit(&["--api-rate-per-second", "1", "--api-rate-burst", "2"]);
        let endpoint = make_sync(|_| "answer").with(limit);
        let first = ask(&endpoint, "/search").await;
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.header("ratelimit-policy"), Some("\"address\";q=2;w=2"));
        assert_eq!(first.header("ratelimit"), Some("\"address\";r=1;t=1"));
        assert_eq!(ask(&endpoint, "/search").await.status(), StatusCode::OK);
        let third = ask(&endpoint, "/search").await;
        assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(third.header("retry-after"), Some("1"));
        assert_eq!(third.header("ratelimit"), Some("\"address\";r=0;t=1"));
        assert_eq!(ask(&endpoint, "/health/live").await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_rate_of_zero_sets_no_limit() {
        let limit = limit(&["--api-rate-per-second", "0", "--api-rate-burst", "1"]);
        let endpoint = make_sync(|_| "answer").with(limit);
        for _ in 0..10 {
            assert_eq!(ask(&endpoint, "/search").await.status(), StatusCode::OK);
        }
    }

    #[test]
    fn what_a_caller_writes_into_forwarded_for_is_not_believed() {
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        assert_eq!(caller(&request("203.0.113.7"), 0), unknown);
        let seen = caller(&request("6.6.6.6, 203.0.113.7"), 1);
        assert_eq!(seen, "203.0.113.7".parse::<IpAddr>().unwrap());
        let seen = caller(&request("6.6.6.6, 203.0.113.7, 10.0.0.1"), 2);
        assert_eq!(seen, "203.0.113.7".parse::<IpAddr>().unwrap());
        assert_eq!(caller(&request("nonsense"), 1), unknown);
        assert_eq!(caller(&request("203.0.113.7"), 3), unknown);
    }

    #[test]
    fn the_addresses_of_one_ipv6_subscriber_share_a_bucket() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
