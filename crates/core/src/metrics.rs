//! Metrics of subtasks, with Flink's names.

use std::{borrow::Cow, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What a subtask has done since its start. No value ever falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskMetrics {
    /// `numRecordsIn`: records read from input channels.
    pub records_in: u64,
    /// `numRecordsOut`: records written to output channels.
    pub records_out: u64,
    /// `numBytesIn`: bytes received from other processes.
    pub bytes_in: u64,
    /// `numBytesOut`: bytes sent to other processes.
    pub bytes_out: u64,
    /// Time spent processing, in milliseconds.
    pub busy_ms: u64,
    /// Time spent waiting for credit, in milliseconds.
    pub backpressured_ms: u64,
    /// Time spent waiting for input, in milliseconds.
    pub idle_ms: u64,
    /// `currentInputWatermark`: the smallest of its inputs' watermarks; `Timestamp::MIN` if there is none yet.
    pub input_watermark: Timestamp,
    /// `currentOutputWatermark`: the last watermark that it has sent; `Timestamp::MIN` if there is none yet.
    pub output_watermark: Timestamp,
}

impl Default for TaskMetrics {
    /// Those of a subtask that has done nothing yet.
    fn default() -> Self {
        Self {
            records_in: 0,
            records_out: 0,
            bytes_in: 0,
            bytes_out: 0,
            busy_ms: 0,
            backpressured_ms: 0,
            idle_ms: 0,
            input_watermark: Timestamp::MIN,
            output_watermark: Timestamp::MIN,
        }
    }
}

impl TaskMetrics {
    /// How long the subtask had run when these were read. A subtask is always in one of three phases, so this is its own
    /// clock: rates taken by it do not suffer from reports that come late or twice.
    pub fn running_time(self) -> Duration {
        Duration::from_millis(self.busy_ms.saturating_add(self.backpressured_ms).saturating_add(self.idle_ms))
    }

    /// The sum over two subtasks. Their watermarks have none: these are the larger ones.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            records_in: self.records_in + other.records_in,
            records_out: self.records_out + other.records_out,
            bytes_in: self.bytes_in + other.bytes_in,
            bytes_out: self.bytes_out + other.bytes_out,
            busy_ms: self.busy_ms + other.busy_ms,
            backpressured_ms: self.backpressured_ms + other.backpressured_ms,
            idle_ms: self.idle_ms + other.idle_ms,
            input_watermark: self.input_watermark.max(other.input_watermark),
            output_watermark: self.output_watermark.max(other.output_watermark),
        }
    }

    /// The later of two reports on one attempt, which may have overtaken one another: as no value falls, the larger ones.
    #[must_use]
    pub fn latest(self, other: Self) -> Self {
        Self {
            records_in: self.records_in.max(other.records_in),
            records_out: self.records_out.max(other.records_out),
            bytes_in: self.bytes_in.max(other.bytes_in),
            bytes_out: self.bytes_out.max(other.bytes_out),
            busy_ms: self.busy_ms.max(other.busy_ms),
            backpressured_ms: self.backpressured_ms.max(other.backpressured_ms),
            idle_ms: self.idle_ms.max(other.idle_ms),
            input_watermark: self.input_watermark.max(other.input_watermark),
            output_watermark: self.output_watermark.max(other.output_watermark),
        }
    }
}

/// The metrics that the operators of a subtask and its user functions have registered, by operator and name. Cheap to
/// clone.
pub type OperatorMetrics = Arc<[OperatorMetric]>;

/// A metric of an operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatorMetric {
    /// Name of the operator.
    pub operator: Arc<str>,
    /// Name of the metric as it stands in ids: after the names of its groups, with dots between.
    pub name: Arc<str>,
    /// Its value when it was read.
    pub value: MetricValue,
}

/// The value of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum MetricValue {
    /// A count, or a gauge of whole numbers.
    Integer(i64),
    /// A gauge.
    Float(f64),
    /// How often something happens, per second.
    Rate(f64),
    /// A distribution.
    Histogram(HistogramSummary),
}

/// A name as a part of a metric's id, whose parts are set apart by dots: space, `.`, `:` and `,` become `_`.
pub fn metric_id_part(name: &str) -> Cow<'_, str> {
    let is_special = |c: char| matches!(c, ' ' | '.' | ':' | ',');
    if name.contains(is_special) { name.replace(is_special, "_").into() } else { name.into() }
}

/// What there is to say of a distribution. All but `count` describe the latest values; they are 0 if there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields say what they are")]
pub struct HistogramSummary {
    /// How many values there were since the start.
    pub count: u64,
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// The standard deviation.
    pub stddev: f64,
    pub p50: f64,
    pub p75: f64,
    pub p90: f64,
    pub p95: f64,
    pub p98: f64,
    pub p99: f64,
    pub p999: f64,
}
