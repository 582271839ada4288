//! Metrics of subtasks and of their operators.

use flott_control::protocol::SubtaskMetrics;
use flott_core::{
    metrics::{HistogramSummary, MetricValue, OperatorMetric, OperatorMetrics, TaskGauges, TaskMetrics},
    time::Timestamp,
};

use super::field::{each, present, required, text};
use crate::{
    Error,
    pb::{self, operator_metric::Value},
};

impl From<pb::TaskMetrics> for TaskMetrics {
    fn from(metrics: pb::TaskMetrics) -> Self {
        Self {
            records_in: metrics.records_in,
            records_out: metrics.records_out,
            bytes_in: metrics.bytes_in,
            bytes_out: metrics.bytes_out,
            busy_ms: metrics.busy_ms,
            backpressured_ms: metrics.backpressured_ms,
            idle_ms: metrics.idle_ms,
            input_watermark: watermark(metrics.input_watermark),
            output_watermark: watermark(metrics.output_watermark),
            buffers_out: metrics.buffers_out,
            hard_backpressured_ms: metrics.hard_backpressured_ms,
            bytes_in_local: metrics.bytes_in_local,
            buffers_in_local: metrics.buffers_in_local,
            buffers_in_remote: metrics.buffers_in_remote,
            now: metrics.now.unwrap_or_default().into(),
        }
    }
}

impl From<pb::TaskGauges> for TaskGauges {
    fn from(gauges: pb::TaskGauges) -> Self {
        let pb::TaskGauges {
            is_backpressured,
            input_queue,
            input_credits,
            output_queue,
            output_credits,
            checkpoint_alignment_ms,
            checkpoint_start_delay_ms,
            max_soft_backpressured_ms,
            max_hard_backpressured_ms,
        } = gauges;
        Self {
            is_backpressured,
            input_queue,
            input_credits,
            output_queue,
            output_credits,
            checkpoint_alignment_ms,
            checkpoint_start_delay_ms,
            max_soft_backpressured_ms,
            max_hard_backpressured_ms,
        }
    }
}

impl From<TaskGauges> for pb::TaskGauges {
    fn from(gauges: TaskGauges) -> Self {
        let TaskGauges {
            is_backpressured,
            input_queue,
            input_credits,
            output_queue,
            output_credits,
            checkpoint_alignment_ms,
            checkpoint_start_delay_ms,
            max_soft_backpressured_ms,
            max_hard_backpressured_ms,
        } = gauges;
        Self {
            is_backpressured,
            input_queue,
            input_credits,
            output_queue,
            output_credits,
            checkpoint_alignment_ms,
            checkpoint_start_delay_ms,
            max_soft_backpressured_ms,
            max_hard_backpressured_ms,
        }
    }
}

impl From<TaskMetrics> for pb::TaskMetrics {
    fn from(metrics: TaskMetrics) -> Self {
        Self {
            records_in: metrics.records_in,
            records_out: metrics.records_out,
            bytes_in: metrics.bytes_in,
            bytes_out: metrics.bytes_out,
            busy_ms: metrics.busy_ms,
            backpressured_ms: metrics.backpressured_ms,
            idle_ms: metrics.idle_ms,
            input_watermark: watermark_ms(metrics.input_watermark),
            output_watermark: watermark_ms(metrics.output_watermark),
            buffers_out: metrics.buffers_out,
            hard_backpressured_ms: metrics.hard_backpressured_ms,
            bytes_in_local: metrics.bytes_in_local,
            buffers_in_local: metrics.buffers_in_local,
            buffers_in_remote: metrics.buffers_in_remote,
            now: Some(metrics.now.into()),
        }
    }
}

fn watermark(millis: Option<i64>) -> Timestamp {
    millis.map_or(Timestamp::MIN, Timestamp::from_millis)
}

fn watermark_ms(watermark: Timestamp) -> Option<i64> {
    (!watermark.is_none()).then(|| watermark.as_millis())
}

impl TryFrom<pb::SubtaskMetrics> for SubtaskMetrics {
    type Error = Error;

    fn try_from(metrics: pb::SubtaskMetrics) -> Result<Self, Error> {
        let (subtask, attempt) = required(metrics.subtask, "subtask")?;
        let operators = operator_metrics(metrics.operators)?;
        Ok(Self { subtask, attempt, metrics: required(metrics.metrics, "metrics")?, operators })
    }
}

impl From<SubtaskMetrics> for pb::SubtaskMetrics {
    fn from(metrics: SubtaskMetrics) -> Self {
        Self {
            subtask: Some((metrics.subtask, metrics.attempt).into()),
            metrics: Some(metrics.metrics.into()),
            operators: metrics.operators.iter().map(Into::into).collect(),
        }
    }
}

/// Reads what the operators of a subtask have registered.
pub(super) fn operator_metrics(metrics: Vec<pb::OperatorMetric>) -> Result<OperatorMetrics, Error> {
    Ok(each::<_, OperatorMetric>(metrics, "operators")?.into())
}

impl TryFrom<pb::OperatorMetric> for OperatorMetric {
    type Error = Error;

    fn try_from(metric: pb::OperatorMetric) -> Result<Self, Error> {
        let value = match present(metric.value, "value")? {
            Value::Integer(value) => MetricValue::Integer(value),
            Value::Float(value) => MetricValue::Float(value),
            Value::Rate(rate) => MetricValue::Rate(rate),
            Value::Histogram(summary) => MetricValue::Histogram(summary.into()),
        };
        Ok(Self { operator: metric.operator.into(), name: text(metric.name, "name")?.into(), value })
    }
}

impl From<&OperatorMetric> for pb::OperatorMetric {
    fn from(metric: &OperatorMetric) -> Self {
        let value = match metric.value {
            MetricValue::Integer(value) => Value::Integer(value),
            MetricValue::Float(value) => Value::Float(value),
            MetricValue::Rate(rate) => Value::Rate(rate),
            MetricValue::Histogram(summary) => Value::Histogram(summary.into()),
        };
        Self { operator: metric.operator.to_string(), name: metric.name.to_string(), value: Some(value) }
    }
}

impl From<pb::HistogramSummary> for HistogramSummary {
    fn from(summary: pb::HistogramSummary) -> Self {
        let pb::HistogramSummary { count, min, max, mean, stddev, p50, p75, p90, p95, p98, p99, p999 } =
            summary;
        Self { count, min, max, mean, stddev, p50, p75, p90, p95, p98, p99, p999 }
    }
}

impl From<HistogramSummary> for pb::HistogramSummary {
    fn from(summary: HistogramSummary) -> Self {
        let HistogramSummary { count, min, max, mean, stddev, p50, p75, p90, p95, p98, p99, p999 } = summary;
        Self { count, min, max, mean, stddev, p50, p75, p90, p95, p98, p99, p999 }
    }
}
