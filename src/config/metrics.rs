//! Where a program shows its metrics.

use std::net::{IpAddr, SocketAddr};

use clap::Args;

/// Where a program shows its metrics.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Metrics")]
pub struct MetricsSettings {
    /// Address at which `/metrics` (Prometheus) and `/health` are served.
    #[arg(long, env = "METRICS_HOST", default_value = "127.0.0.1")]
    metrics_host: IpAddr,
    /// Port for them; 0 switches them off. Where another process has it already, this one goes on without.
    #[arg(long, env = "METRICS_PORT", default_value_t = 9464)]
    metrics_port: u16,
}

impl MetricsSettings {
    /// Where to listen; `None` when switched off.
    pub fn address(&self) -> Option<SocketAddr> {
        (self.metrics_port != 0).then(|| SocketAddr::new(self.metrics_host, self.metrics_port))
    }
}
