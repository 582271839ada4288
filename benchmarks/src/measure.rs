//! What one run took.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// What a run answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) records: u64,
    pub(crate) checksum: u64,
}

/// What a run took and answered.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Measurement {
    pub(crate) records: u64,
    pub(crate) checksum: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_bytes: u64,
}

/// Runs, and prints the measurement as a line of JSON.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn report(run: impl FnOnce() -> anyhow::Result<Answer>) -> anyhow::Result<()> {
    let start = Instant::now();
    let Answer { records, checksum } = run()?;
    let seconds = start.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let cpu = |time: nix::sys::time::TimeVal| {
        Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1_000).as_secs_f64()
    };
    let measurement = Measurement {
        records,
        checksum,
        seconds,
        cpu_seconds: cpu(usage.user_time()) + cpu(usage.system_time()),
        peak_bytes: usage.max_rss() as u64 * 1_024,
    };
    println!("{}", serde_json::to_string(&measurement)?);
    Ok(())
}
