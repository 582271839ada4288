use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::TaskMetrics;

/// What a subtask does, per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskRates {
    /// `numRecordsInPerSecond`.
    pub records_in: f64,
    /// `numRecordsOutPerSecond`.
    pub records_out: f64,
    /// `numBytesInPerSecond`.
    pub bytes_in: f64,
    /// `numBytesOutPerSecond`.
    pub bytes_out: f64,
    /// `busyTimeMsPerSecond`, from 0 to 1000.
    pub busy_ms: f64,
    /// `numBuffersOutPerSecond`.
    #[serde(default)]
    pub buffers_out: f64,
    /// `hardBackPressuredTimeMsPerSecond`, from 0 to 1000.
    #[serde(default)]
    pub hard_backpressured_ms: f64,
    /// `backPressuredTimeMsPerSecond`, from 0 to 1000.
    pub backpressured_ms: f64,
    /// `idleTimeMsPerSecond`, from 0 to 1000.
    pub idle_ms: f64,
    /// `numBytesInLocalPerSecond`.
    #[serde(default)]
    pub bytes_in_local: f64,
    /// `numBuffersInLocalPerSecond`.
    #[serde(default)]
    pub buffers_in_local: f64,
    /// `numBuffersInRemotePerSecond`.
    #[serde(default)]
    pub buffers_in_remote: f64,
}

impl TaskRates {
    /// The rates between two reports on one attempt that lie so far apart.
    pub fn between(before: TaskMetrics, after: TaskMetrics, interval: Duration) -> Self {
        let seconds = interval.as_secs_f64();
        let rate = |before: u64, after: u64| after.saturating_sub(before) as f64 / seconds;
        Self {
            records_in: rate(before.records_in, after.records_in),
            records_out: rate(before.records_out, after.records_out),
            bytes_in: rate(before.bytes_in, after.bytes_in),
            bytes_out: rate(before.bytes_out, after.bytes_out),
            busy_ms: rate(before.busy_ms, after.busy_ms),
            buffers_out: rate(before.buffers_out, after.buffers_out),
            hard_backpressured_ms: rate(before.hard_backpressured_ms, after.hard_backpressured_ms),
            backpressured_ms: rate(before.backpressured_ms, after.backpressured_ms),
            idle_ms: rate(before.idle_ms, after.idle_ms),
            bytes_in_local: rate(before.bytes_in_local, after.bytes_in_local),
            buffers_in_local: rate(before.buffers_in_local, after.buffers_in_local),
            buffers_in_remote: rate(before.buffers_in_remote, after.buffers_in_remote),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_differences_over_time() {
        let before = TaskMetrics { records_in: 100, busy_ms: 500, ..TaskMetrics::default() };
        let after = TaskMetrics { records_in: 300, busy_ms: 2_000, idle_ms: 500, ..before };
        let rates = TaskRates::between(before, after, after.running_time() - before.running_time());
        assert_eq!(rates.records_in, 100.0);
        assert_eq!(rates.busy_ms, 750.0);
        assert_eq!(rates.idle_ms, 250.0);
        assert_eq!(rates.records_out, 0.0);
    }
}
