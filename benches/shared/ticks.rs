//! CPU time of other processes, as `/proc` tells it: in hundredths of a second.

use std::time::Duration;

use anyhow::Context;

/// Clock ticks of `/proc` in a second, on every Linux that Rust runs on.
const TICKS_PER_SECOND: u64 = 100;

/// The CPU time, kernel included, that a line `stat` of `/proc` tells in two fields, of which this is the first: 14 for
/// the process itself, 16 for its children that have ended, as `proc_pid_stat(5)` numbers them.
pub fn cpu_time(process: &str, field: usize) -> anyhow::Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let line = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    // Behind the name, which may hold spaces, comes field 3.
    let fields = line.rsplit(')').next().unwrap_or_default().split_whitespace();
    let both = fields.skip(field - 3).take(2);
    let ticks: u64 = both.filter_map(|number| number.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}
