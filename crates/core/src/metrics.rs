//! Metrics of subtasks, with Flink's names.

mod latency;
mod rates;
mod readings;

use std::{borrow::Cow, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

pub use latency::{LatencyPath, LatencySource, NoLatencyPath};
pub use rates::TaskRates;
pub use readings::{Reading, TaskKind, chained_readings, operator_readings, task_readings};

use crate::time::Timestamp;

/// Size in bytes that a batch between subtasks should not exceed: what is for Flink a memory segment.
pub const SEGMENT_BYTES: u64 = 64 << 10;

/// What a subtask has done since its start, and how it is now. What it has done never falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskMetrics {
    /// `numRecordsIn`: records read from input channels.
    pub records_in: u64,
    /// `numRecordsOut`: records written to output channels.
    pub records_out: u64,
    /// `numBytesIn`: bytes received, from other processes as they stood on the wire and from this one as they stand in memory.
    pub bytes_in: u64,
    /// `numBytesOut`: bytes sent, likewise.
    pub bytes_out: u64,
    /// Time spent processing, in milliseconds.
    pub busy_ms: u64,
    /// `numBuffersOut`: batches sent.
    pub buffers_out: u64,
    /// Time spent waiting for credit, in milliseconds.
    pub backpressured_ms: u64,
    /// The part of that in which the subtask waited in the middle of a step, with its thread, in milliseconds.
    pub hard_backpressured_ms: u64,
    /// Time spent waiting for input, in milliseconds.
    pub idle_ms: u64,
    /// `numBytesInLocal`: the part of [`bytes_in`](Self::bytes_in) that came from this process.
    pub bytes_in_local: u64,
    /// `numBuffersInLocal`: batches received from this process.
    pub buffers_in_local: u64,
    /// `numBuffersInRemote`: batches received from other processes.
    pub buffers_in_remote: u64,
    /// `currentInputWatermark`: the smallest of its inputs' watermarks; `Timestamp::MIN` if there is none yet.
    pub input_watermark: Timestamp,
    /// `currentOutputWatermark`: the last watermark that it has sent; `Timestamp::MIN` if there is none yet.
    pub output_watermark: Timestamp,
    /// How it is now.
    pub now: TaskGauges,
}

/// How a subtask is at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskGauges {
    /// Whether it waits for credit.
    pub is_backpressured: bool,
    /// Credits in use on its input channels: batches that were sent to it and that it has not processed.
    pub input_queue: u32,
    /// Credits of its input channels, in use or not.
    pub input_credits: u32,
    /// Credits in use on its output channels: batches that its consumers have not processed.
    pub output_queue: u32,
    /// Credits of its output channels, in use or not.
    pub output_credits: u32,
    /// How long the last checkpoint's barriers were aligned, in milliseconds.
    pub checkpoint_alignment_ms: u64,
    /// How long after the last checkpoint was triggered its first barrier came, in milliseconds.
    pub checkpoint_start_delay_ms: u64,
    /// For how long it has waited for credit at most without a break since the last report, between two steps, in milliseconds.
    pub max_soft_backpressured_ms: u64,
    /// The same within a step, with its thread.
    pub max_hard_backpressured_ms: u64,
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
            buffers_out: 0,
            backpressured_ms: 0,
            hard_backpressured_ms: 0,
            idle_ms: 0,
            bytes_in_local: 0,
            buffers_in_local: 0,
            buffers_in_remote: 0,
            input_watermark: Timestamp::MIN,
            output_watermark: Timestamp::MIN,
            now: TaskGauges::default(),
        }
    }
}

impl TaskMetrics {
    /// How long the subtask had run when these were read. A subtask is always in one of three phases, so this is its own
    /// clock: rates taken by it do not suffer from reports that come late or twice.
    pub fn running_time(self) -> Duration {
        Duration::from_millis(self.busy_ms.saturating_add(self.backpressured_ms).saturating_add(self.idle_ms))
    }

    /// The sum over two subtasks of what they have done. Of the rest there is none: these are the larger watermarks, and how the
    /// first is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            records_in: self.records_in + other.records_in,
            records_out: self.records_out + other.records_out,
            bytes_in: self.bytes_in + other.bytes_in,
            bytes_out: self.bytes_out + other.bytes_out,
            busy_ms: self.busy_ms + other.busy_ms,
            buffers_out: self.buffers_out + other.buffers_out,
            backpressured_ms: self.backpressured_ms + other.backpressured_ms,
            hard_backpressured_ms: self.hard_backpressured_ms + other.hard_backpressured_ms,
            idle_ms: self.idle_ms + other.idle_ms,
            bytes_in_local: self.bytes_in_local + other.bytes_in_local,
            buffers_in_local: self.buffers_in_local + other.buffers_in_local,
            buffers_in_remote: self.buffers_in_remote + other.buffers_in_remote,
            input_watermark: self.input_watermark.max(other.input_watermark),
            output_watermark: self.output_watermark.max(other.output_watermark),
            now: self.now,
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
            buffers_out: self.buffers_out.max(other.buffers_out),
            backpressured_ms: self.backpressured_ms.max(other.backpressured_ms),
            hard_backpressured_ms: self.hard_backpressured_ms.max(other.hard_backpressured_ms),
            idle_ms: self.idle_ms.max(other.idle_ms),
            bytes_in_local: self.bytes_in_local.max(other.bytes_in_local),
            buffers_in_local: self.buffers_in_local.max(other.buffers_in_local),
            buffers_in_remote: self.buffers_in_remote.max(other.buffers_in_remote),
            input_watermark: self.input_watermark.max(other.input_watermark),
            output_watermark: self.output_watermark.max(other.output_watermark),
            now: if self.running_time() > other.running_time() { self.now } else { other.now },
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

/// Most characters of an operator's name in an id, as in Flink.
const OPERATOR_NAME_LENGTH: usize = 80;

/// The id of an operator's metric: `<operator>.<name>`.
pub fn metric_id(operator: &str, name: &str) -> String {
    format!("{}.{name}", metric_id_part(operator_name(operator)))
}

/// An operator's name as it stands in ids and labels, cut at a character if it is long.
pub fn operator_name(operator: &str) -> &str {
    match operator.char_indices().nth(OPERATOR_NAME_LENGTH) {
        Some((end, _)) => &operator[..end],
        None => operator,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_of_an_earlier_release_can_be_read() {
        let read: TaskMetrics = serde_json::from_str(r#"{"records_in": 5}"#).unwrap();
        assert_eq!(read, TaskMetrics { records_in: 5, ..TaskMetrics::default() });
    }

    #[test]
    fn of_two_reports_the_later_one_tells_how_it_is() {
        let report = |records_in, busy_ms, input_queue| TaskMetrics {
            records_in,
            busy_ms,
            now: TaskGauges { input_queue, ..TaskGauges::default() },
            ..TaskMetrics::default()
        };
        let (earlier, later) = (report(5, 10, 7), report(6, 20, 3));
        assert_eq!(earlier.latest(later), later);
        assert_eq!(later.latest(earlier), later);
    }

    #[test]
    fn long_names_of_operators_are_cut_at_a_character() {
        assert_eq!(metric_id("Sink: out. 1", "lag"), "Sink__out__1.lag");
        assert_eq!(metric_id(&"ü".repeat(100), "lag"), format!("{}.lag", "ü".repeat(80)));
    }
}
