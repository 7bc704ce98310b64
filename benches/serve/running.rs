//! Programs in processes of their own, and what they have used of the CPU.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use reqwest::Client;

use crate::proxy;
use crate::ticks::cpu_time;

/// How long the service may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
/// The field of a process's `stat` with its own CPU time.
const OWN: usize = 14;

/// A running program; ends with the value.
pub struct Running {
    process: Child,
    address: String,
}

impl Running {
    /// Starts the real `api` on a free port, without a limit of requests.
    pub async fn service(prefix: &str) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_api"));
        command.args(["--api-rate-per-second", "0", "--api-port", &port.to_string()]);
        command.env("SHOPLENS_PREFIX", prefix).stderr(Stdio::null());
        let process = command.spawn().context("starting the api")?;
        let service = Self { process, address: format!("http://127.0.0.1:{port}") };
        let (client, deadline) = (Client::builder().no_proxy().build()?, Instant::now() + PATIENCE);
        while service.get(&client, "/health/live").await.is_err() {
            if Instant::now() > deadline {
                bail!("the api at {} does not answer within {PATIENCE:?}", service.address);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(service)
    }

    /// Starts this benchmark as a [`proxy`] before Elasticsearch.
    pub fn proxy(elasticsearch: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let process = command.args([proxy::ARGUMENT, elasticsearch]).stdout(Stdio::piped()).spawn()?;
        let mut proxy = Self { process, address: String::new() };
        let output = proxy.process.stdout.take().context("the proxy has no output")?;
        BufReader::new(output).read_line(&mut proxy.address)?;
        proxy.address.truncate(proxy.address.trim_end().len());
        Ok(proxy)
    }

    /// Where it answers.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The text of a successful answer.
    pub async fn get(&self, client: &Client, path: &str) -> anyhow::Result<String> {
        let url = format!("{}{path}", self.address);
        Ok(client.get(url).send().await?.error_for_status()?.text().await?)
    }

    /// CPU time that it has used so far, kernel included.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_time(&self.process.id().to_string(), OWN)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
