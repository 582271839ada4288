//! Metrics as numbers with Flink's names: what REST and reporters show is listed here, and only here.

use super::{HistogramSummary, MetricValue, OperatorMetric, TaskMetrics, TaskRates};

/// A number that a metric shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// A count or a size.
    Count(u64),
    /// Another whole number.
    Integer(i64),
    /// A rate or a share.
    Gauge(f64),
    /// Whether something is so.
    Flag(bool),
}

impl Reading {
    /// The nearest `f64`.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Count(value) => value as f64,
            Self::Integer(value) => value as f64,
            Self::Gauge(value) => value,
            Self::Flag(value) => f64::from(u8::from(value)),
        }
    }
}

/// What a subtask has to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskKind {
    /// Whether it reads from no other vertex.
    pub is_source: bool,
    /// Whether other vertices read from it.
    pub has_outputs: bool,
}

/// The metrics of a subtask itself.
pub fn task_readings(kind: TaskKind, total: &TaskMetrics, rates: &TaskRates) -> Vec<(&'static str, Reading)> {
    use Reading::{Count, Flag, Gauge, Integer};
    let mut readings = vec![
        ("numRecordsIn", Count(total.records_in)),
        ("numRecordsOut", Count(total.records_out)),
        ("numBytesIn", Count(total.bytes_in)),
        ("numBytesOut", Count(total.bytes_out)),
        ("numRecordsInPerSecond", Gauge(rates.records_in)),
        ("numRecordsOutPerSecond", Gauge(rates.records_out)),
        ("numBytesInPerSecond", Gauge(rates.bytes_in)),
        ("numBytesOutPerSecond", Gauge(rates.bytes_out)),
        ("busyTimeMsPerSecond", Gauge(rates.busy_ms)),
        ("idleTimeMsPerSecond", Gauge(rates.idle_ms)),
        ("backPressuredTimeMsPerSecond", Gauge(rates.backpressured_ms)),
        ("accumulateBusyTimeMs", Count(total.busy_ms)),
        ("accumulateIdleTimeMs", Count(total.idle_ms)),
        ("accumulateBackPressuredTimeMs", Count(total.backpressured_ms)),
        (
            "softBackPressuredTimeMsPerSecond",
            Gauge((rates.backpressured_ms - rates.hard_backpressured_ms).max(0.0)),
        ),
        ("hardBackPressuredTimeMsPerSecond", Gauge(rates.hard_backpressured_ms)),
        ("maxSoftBackPressuredTimeMs", Count(total.now.max_soft_backpressured_ms)),
        ("maxHardBackPressuredTimeMs", Count(total.now.max_hard_backpressured_ms)),
        ("isBackPressured", Flag(total.now.is_backpressured)),
        ("checkpointAlignmentTime", nanos(total.now.checkpoint_alignment_ms)),
        ("checkpointStartDelayNanos", nanos(total.now.checkpoint_start_delay_ms)),
    ];
    let now = &total.now;
    if !kind.is_source {
        let bytes_in_remote = total.bytes_in.saturating_sub(total.bytes_in_local);
        readings.extend([
            ("currentInputWatermark", Integer(total.input_watermark.as_millis())),
            ("numBytesInLocal", Count(total.bytes_in_local)),
            ("numBytesInLocalPerSecond", Gauge(rates.bytes_in_local)),
            ("Shuffle.Netty.Input.numBytesInLocal", Count(total.bytes_in_local)),
            ("numBytesInRemote", Count(bytes_in_remote)),
            ("numBytesInRemotePerSecond", Gauge((rates.bytes_in - rates.bytes_in_local).max(0.0))),
            ("Shuffle.Netty.Input.numBytesInRemote", Count(bytes_in_remote)),
            ("numBuffersInLocal", Count(total.buffers_in_local)),
            ("numBuffersInLocalPerSecond", Gauge(rates.buffers_in_local)),
            ("Shuffle.Netty.Input.numBuffersInLocal", Count(total.buffers_in_local)),
            ("numBuffersInRemote", Count(total.buffers_in_remote)),
            ("numBuffersInRemotePerSecond", Gauge(rates.buffers_in_remote)),
            ("Shuffle.Netty.Input.numBuffersInRemote", Count(total.buffers_in_remote)),
            ("Shuffle.Netty.Input.Buffers.inputQueueLength", Count(now.input_queue.into())),
            ("Shuffle.Netty.Input.Buffers.inPoolUsage", usage(now.input_queue, now.input_credits)),
        ]);
    }
    if kind.has_outputs {
        readings.extend([
            ("currentOutputWatermark", Integer(total.output_watermark.as_millis())),
            ("numBuffersOut", Count(total.buffers_out)),
            ("numBuffersOutPerSecond", Gauge(rates.buffers_out)),
            ("Shuffle.Netty.Output.Buffers.outputQueueLength", Count(now.output_queue.into())),
            ("Shuffle.Netty.Output.Buffers.outPoolUsage", usage(now.output_queue, now.output_credits)),
        ]);
    }
    readings
}

/// What the operator at `position` of a chain of `length` reads and writes, as far as that is what its subtask does: the first
/// one gets all input, and what the last one emits leaves the subtask.
pub fn chained_readings(
    position: usize,
    length: usize,
    kind: TaskKind,
    total: &TaskMetrics,
    rates: &TaskRates,
) -> Vec<(&'static str, Reading)> {
    use Reading::{Count, Gauge, Integer};
    let mut readings = Vec::new();
    if position == 0 {
        readings.push(("numRecordsIn", Count(total.records_in)));
        readings.push(("numRecordsInPerSecond", Gauge(rates.records_in)));
        if !kind.is_source {
            readings.push(("currentInputWatermark", Integer(total.input_watermark.as_millis())));
        }
    }
    if position + 1 == length {
        readings.push(("numRecordsOut", Count(total.records_out)));
        readings.push(("numRecordsOutPerSecond", Gauge(rates.records_out)));
        if kind.has_outputs {
            readings.push(("currentOutputWatermark", Integer(total.output_watermark.as_millis())));
        }
    }
    readings
}

/// As Flink has times of checkpoints.
fn nanos(millis: u64) -> Reading {
    Reading::Count(millis.saturating_mul(1_000_000))
}

fn usage(used: u32, of: u32) -> Reading {
    Reading::Gauge(if of == 0 { 0.0 } else { f64::from(used) / f64::from(of) })
}

/// What an operator's metric shows: a number, or several for a distribution, whose names come behind its own.
pub fn operator_readings(metric: &OperatorMetric) -> Vec<(&'static str, Reading)> {
    match metric.value {
        MetricValue::Integer(value) => vec![("", Reading::Integer(value))],
        MetricValue::Float(value) | MetricValue::Rate(value) => vec![("", Reading::Gauge(value))],
        MetricValue::Histogram(summary) => histogram(summary).to_vec(),
    }
}

fn histogram(summary: HistogramSummary) -> [(&'static str, Reading); 12] {
    let HistogramSummary { count, min, max, mean, stddev, p50, p75, p90, p95, p98, p99, p999 } = summary;
    [
        ("_count", Reading::Count(count)),
        ("_min", Reading::Gauge(min)),
        ("_max", Reading::Gauge(max)),
        ("_mean", Reading::Gauge(mean)),
        ("_median", Reading::Gauge(p50)),
        ("_stddev", Reading::Gauge(stddev)),
        ("_p75", Reading::Gauge(p75)),
        ("_p90", Reading::Gauge(p90)),
        ("_p95", Reading::Gauge(p95)),
        ("_p98", Reading::Gauge(p98)),
        ("_p99", Reading::Gauge(p99)),
        ("_p999", Reading::Gauge(p999)),
    ]
}
