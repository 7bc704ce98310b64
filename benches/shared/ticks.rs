//! CPU time of other processes, as `/proc` tells it: in hundredths of a second.

use std::time::Duration;

use anyhow::Context;

/// Clock ticks of `/proc` in a second, on every Linux that Rust runs on.
const TICKS_PER_SECOND: u64 = 100;

/// The CPU time, kernel included, that two fields of `/proc/PROCESS/stat` add up to, of which this is the first: 14 is
/// that of the process itself, 16 that of its children that have ended, as `proc_pid_stat(5)` numbers them.
pub fn cpu_time(process: &str, field: usize) -> anyhow::Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let line = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    // Behind the name, which may hold spaces, comes field 3.
    let mut fields =
        line.rsplit(')').next().unwrap_or_default().split_whitespace().skip(field.saturating_sub(3));
    let mut ticks = || -> anyhow::Result<u64> {
        let number = fields.next().with_context(|| format!("{path} ends before field {field}"))?;
        number.parse().with_context(|| format!("reading {number} in {path}"))
    };
    Ok(Duration::from_millis((ticks()? + ticks()?) * 1_000 / TICKS_PER_SECOND))
}
