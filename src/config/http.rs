//! How the HTTP service listens and what it grants its callers.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;

/// How the HTTP service listens and what it grants its callers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpSettings {
    /// Address to listen at. The service has no login yet, so other machines reach it only when this is
    /// set on purpose, to `0.0.0.0` for all of them.
    #[arg(long, env = "API_HOST", default_value = "127.0.0.1")]
    api_host: IpAddr,
    /// Port to listen at; 0 takes any free one.
    #[arg(long, env = "API_PORT", default_value_t = 8000)]
    api_port: u16,
    /// Requests per second that one address may make in the long run; 0 sets no limit.
    #[arg(long, env = "API_RATE_PER_SECOND", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    api_rate_per_second: u32,
    /// Requests that one address may make at once after a pause.
    #[arg(long, env = "API_RATE_BURST", default_value = "100")]
    pub api_rate_burst: NonZeroU32,
    /// Reverse proxies of your own in front of the service. With 0 `X-Forwarded-For` is ignored, since any
    /// caller can write anything there; with N the N-th address from its end is the caller's.
    #[arg(long, env = "API_TRUSTED_PROXIES", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=8))]
    pub api_trusted_proxies: u8,
    /// Web origins whose pages may read the answers, joined by commas (`https://shop.example`); `*` is any.
    #[arg(long, env = "CORS_ORIGINS", default_value = "*", value_delimiter = ',', value_parser = parse_origin)]
    cors_origins: Vec<String>,
    /// Longest time that one request may take, in seconds.
    #[arg(long, env = "API_TIMEOUT_S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    api_timeout_s: u64,
    /// Connections that are open at most; further callers wait.
    #[arg(long, env = "API_CONNECTIONS_MAX", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub api_connections_max: u32,
    /// Most memory for the results from which trends, funnels and search analytics are told, in MiB: up to
    /// half for the last hours, the rest for the days before. Of what takes more, and with 0, Elasticsearch is asked each time.
    #[arg(long, env = "API_MEMORY_MB", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    pub api_memory_mb: u32,
}

impl HttpSettings {
    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.api_host, self.api_port)
    }

    /// Requests per second of one address; `None` for no limit.
    pub fn rate_per_second(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.api_rate_per_second)
    }

    /// The web origins that may read the answers; `None` for any.
    pub fn cors_origins(&self) -> Option<&[String]> {
        let any = self.cors_origins.iter().any(|origin| origin == "*");
        (!any).then_some(self.cors_origins.as_slice())
    }

    /// Longest time that one request may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.api_timeout_s)
    }
}

fn parse_origin(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_origin = |url: url::Url| url.origin().is_tuple() && url.origin().ascii_serialization() == text;
    if text == "*" || url::Url::parse(text).is_ok_and(is_origin) {
        return Ok(text.to_owned());
    }
    Err("must be * or a scheme, host and port such as https://shop.example".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(parse_origin(" https://shop.example"), Ok("https://shop.example".to_owned()));
        assert_eq!(parse_origin("http://localhost:3000"), Ok("http://localhost:3000".to_owned()));
        for text in ["", "shop.example", "https://shop.example/", "https://shop.example/path", "file:///x"] {
            assert!(parse_origin(text).is_err(), "{text:?}");
        }
    }
}
