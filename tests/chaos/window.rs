//! What a processor lets be seen of itself: its health and its metrics.

use std::net::{Ipv4Addr, TcpListener};

use crate::shop::eventually;

/// The port at which one processor shows both.
#[derive(Clone)]
pub struct Window {
    port: String,
}

impl Window {
    /// A port that is free now.
    pub fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Self { port: listener.local_addr().unwrap().port().to_string() }
    }

    /// Flags for the processor that is to be seen.
    pub fn flags(&self) -> [&str; 4] {
        ["--flush-interval-ms", "100", "--metrics-port", &self.port]
    }

    async fn page(&self, path: &str) -> Option<String> {
        let answer = reqwest::get(format!("http://127.0.0.1:{}{path}", self.port)).await.ok()?;
        answer.text().await.ok()
    }

    /// Waits until the worker that computes the results is in this state, by its health and by its metrics.
    pub async fn shows(&self, state: &str) {
        let detail = format!(r#""{state}: "#);
        let gauge = format!(r#"shoplens_processor_state{{reader="processor",worker="0",state="{state}"}} 1"#);
        eventually(&format!("the processor is {state}"), async || {
            let (health, metrics) = (self.page("/health/ready").await?, self.page("/metrics").await?);
            let worker = health.split(r#""name":"#).find(|part| part.starts_with(r#""processor-0""#))?;
            (worker.contains(&detail) && metrics.lines().any(|line| line == gauge)).then_some(())
        })
        .await;
    }

    /// Waits until a metric, named with its labels, is more than 0.
    pub async fn counts(&self, metric: &str) {
        let is_positive = |line: &str| {
            let value = line.strip_prefix(metric).and_then(|value| value.trim().parse::<f64>().ok());
            value.is_some_and(|value| value > 0.0)
        };
        eventually(&format!("{metric} is more than 0"), async || {
            self.page("/metrics").await?.lines().any(is_positive).then_some(())
        })
        .await;
    }
}
