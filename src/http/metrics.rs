//! A program's metrics in Prometheus' text format, and its health, on a port of their own.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use poem::endpoint::make_sync;
use poem::middleware::CatchPanic;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Response, Route};
use poem_openapi::OpenApiService;
use tokio::net::TcpListener;

use crate::config::MetricsSettings;
use crate::http::{framework, health, server};

/// The content type of Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Upper bounds of the histograms' buckets, in seconds.
const BUCKETS_S: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
/// Connections at once: a scraper and a few people.
const CONNECTIONS_MAX: u32 = 32;
/// Time between two upkeeps, which keep the memory of the histograms bounded.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Starts to record, and serves what is recorded for as long as the program runs. Where the port is taken,
/// which several processors on one machine may bring about, that is told and nothing is served.
///
/// # Errors
/// When something else in this process records already, which is a bug.
pub async fn start(settings: &MetricsSettings, health: health::Api) -> anyhow::Result<()> {
    let Some(address) = settings.address() else { return Ok(()) };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%address, %error, "metrics are not served (METRICS_HOST, METRICS_PORT)");
            return Ok(());
        }
    };
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS_S)
        .context("the buckets of the histograms")?;
    let recorded = builder.install_recorder().context("starting to record metrics")?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "serving /metrics and /health");
    let endpoint = Arc::new(endpoint(recorded.clone(), health));
    tokio::spawn(server::serve(listener, endpoint, CONNECTIONS_MAX, std::future::pending()));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            recorded.run_upkeep();
        }
    });
    Ok(())
}

fn endpoint(recorded: PrometheusHandle, health: health::Api) -> impl Endpoint<Output = Response> {
    let page = move |_| Response::builder().content_type(TEXT).body(recorded.render());
    let health = OpenApiService::new(health, "health", env!("CARGO_PKG_VERSION"));
    let routes = Route::new().at("/metrics", poem::get(make_sync(page))).nest("/", health.into_endpoint());
    routes
        .catch_all_error(framework::answer)
        .with(CatchPanic::new().with_handler(|_| framework::answer_to_panic()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Bus;
    use crate::config::{ElasticsearchSettings, KafkaSettings};
    use crate::store::Store;
    use clap::Parser;
    use poem::Request;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        elasticsearch: ElasticsearchSettings,
        #[command(flatten)]
        kafka: KafkaSettings,
    }

    async fn ask(path: &str) -> (u16, String) {
        let line = Line::parse_from(["test"]);
        let health = health::Api::new(
            Store::new(&line.elasticsearch, "").unwrap(),
            Bus::new(&line.kafka, "").unwrap(),
        );
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || metrics::counter!("apples_total").increment(3));
        let request = Request::builder().uri(path.parse().unwrap()).finish();
        let answer = endpoint(recorder.handle(), health).get_response(request).await;
        (answer.status().as_u16(), answer.into_body().into_string().await.unwrap())
    }

    #[tokio::test]
    async fn what_was_counted_is_shown_in_prometheus_text() {
        let (status, text) = ask("/metrics").await;
        assert!(status == 200 && text.contains("apples_total 3"), "{text}");
    }

    #[tokio::test]
    async fn health_answers_beside_it_and_other_paths_are_problems() {
        assert_eq!(ask("/health/live").await, (200, r#"{"status":"up"}"#.to_owned()));
        let (status, text) = ask("/nothing").await;
        assert!(status == 404 && text.contains("\"status\":404"), "{text}");
    }
}
