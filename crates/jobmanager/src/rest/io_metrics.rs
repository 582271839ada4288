//! What subtasks have read and written, and statistics over them.

use std::collections::BTreeMap;

use flott_core::metrics::TaskMetrics;
use schemars::JsonSchema;
use serde::Serialize;

/// Flink's `IOMetricsInfo`.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "IOMetricsInfo")]
pub(crate) struct IoMetrics {
    read_bytes: u64,
    read_bytes_complete: bool,
    write_bytes: u64,
    write_bytes_complete: bool,
    read_records: u64,
    read_records_complete: bool,
    write_records: u64,
    write_records_complete: bool,
    accumulated_backpressured_time: u64,
    accumulated_idle_time: u64,
    accumulated_busy_time: f64,
}

impl From<TaskMetrics> for IoMetrics {
    fn from(metrics: TaskMetrics) -> Self {
        Self {
            read_bytes: metrics.bytes_in,
            read_bytes_complete: true,
            write_bytes: metrics.bytes_out,
            write_bytes_complete: true,
            read_records: metrics.records_in,
            read_records_complete: true,
            write_records: metrics.records_out,
            write_records_complete: true,
            accumulated_backpressured_time: metrics.backpressured_ms,
            accumulated_idle_time: metrics.idle_ms,
            accumulated_busy_time: metrics.busy_ms as f64,
        }
    }
}

/// Statistics by name, over the subtasks of a vertex or those of it on one TaskManager.
pub(crate) type Aggregates = BTreeMap<&'static str, Statistics>;

/// The statistics of Flink's `AggregatedTaskDetailsInfo.metrics`.
pub(crate) fn aggregate<'a>(metrics: impl Iterator<Item = &'a TaskMetrics> + Clone) -> Aggregates {
    let over = |field: fn(&TaskMetrics) -> u64| Statistics::of(metrics.clone().map(field));
    BTreeMap::from([
        ("read-bytes", over(|metrics| metrics.bytes_in)),
        ("write-bytes", over(|metrics| metrics.bytes_out)),
        ("read-records", over(|metrics| metrics.records_in)),
        ("write-records", over(|metrics| metrics.records_out)),
        ("accumulated-backpressured-time", over(|metrics| metrics.backpressured_ms)),
        ("accumulated-idle-time", over(|metrics| metrics.idle_ms)),
        ("accumulated-busy-time", over(|metrics| metrics.busy_ms)),
    ])
}

/// Smallest, largest and some in between. All 0 over no values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "TaskStatistics")]
pub(crate) struct Statistics {
    min: u64,
    max: u64,
    avg: u64,
    sum: u64,
    median: u64,
    p25: u64,
    p75: u64,
    p95: u64,
}

impl Statistics {
    /// The statistics of these values.
    pub(crate) fn of(values: impl Iterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = values.collect();
        sorted.sort_unstable();
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Self::default();
        };
        let sum = sorted.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
        Self {
            min,
            max,
            avg: sum / sorted.len() as u64,
            sum,
            median: percentile(&sorted, 50),
            p25: percentile(&sorted, 25),
            p75: percentile(&sorted, 75),
            p95: percentile(&sorted, 95),
        }
    }
}

/// Estimates a percentile at position p(n+1)/100, between values linearly, as Flink does.
fn percentile(sorted: &[u64], percent: u64) -> u64 {
    let n = sorted.len();
    let position = percent as f64 * (n as f64 + 1.0) / 100.0;
    let below = position.floor() as usize;
    if below == 0 {
        return sorted[0];
    }
    if below >= n {
        return sorted[n - 1];
    }
    let (low, high) = (sorted[below - 1], sorted[below]);
    low + ((high - low) as f64 * position.fract()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_over_none_one_and_many() {
        assert_eq!(Statistics::of([].into_iter()), Statistics::default());
        let one = Statistics::of([7].into_iter());
        assert_eq!((one.min, one.max, one.avg, one.sum, one.median, one.p95), (7, 7, 7, 7, 7, 7));
        let many = Statistics::of((1..=100).rev());
        assert_eq!((many.min, many.max, many.avg, many.sum), (1, 100, 50, 5050));
        assert_eq!((many.p25, many.median, many.p75, many.p95), (25, 50, 75, 95));
    }
}
