//! What a stretch of work costs, for all benches.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What a measured stretch took.
pub struct Cost {
    /// CPU time of the process that did it, all threads, kernel included.
    pub cpu: Duration,
    /// Time on the clock.
    pub wall: Duration,
}

impl Cost {
    /// Measures some work of this process.
    pub async fn of<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<(Self, T)> {
        let (cpu, wall) = (cpu_time(), Instant::now());
        let done = work.await?;
        Ok((Self { cpu: cpu_time().saturating_sub(cpu), wall: wall.elapsed() }, done))
    }

    /// CPU time for each of so many events, in microseconds.
    pub fn micros_per(&self, events: u64) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / events as f64
    }
}

/// CPU time of this process so far, all threads, kernel included.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
