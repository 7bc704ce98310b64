//! The real processor, in a process of its own.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::cost::Cost;
use crate::ticks::cpu_time;

/// The field of `/proc/self/stat` with the CPU time of the children that have ended.
const ENDED_CHILDREN: usize = 16;

/// Runs the processor, with these arguments besides the environment, until it has drained everything, and says what that
/// took, its start and its end included.
pub async fn drain(arguments: &[&str]) -> anyhow::Result<Cost> {
    let metrics_port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_processor"));
    command.args(["--until-drained", "--archive-events", "false", "--currency", crate::CURRENCY.as_str()]);
    command.args(["--metrics-port", &metrics_port]).args(arguments);
    command.env("RUST_LOG", "warn,librdkafka=off,rdkafka=error").stdout(Stdio::null()).kill_on_drop(true);
    // Nothing else that this program has started ends meanwhile.
    let (before, started) = (cpu_time("self", ENDED_CHILDREN)?, Instant::now());
    let status = command.status().await.context("running the processor")?;
    let (cpu, wall) = (cpu_time("self", ENDED_CHILDREN)?.saturating_sub(before), started.elapsed());
    ensure!(status.success(), "the processor has failed: {status}");
    Ok(Cost { cpu, wall })
}
