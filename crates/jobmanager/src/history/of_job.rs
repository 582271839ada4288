//! What is recorded of a job and its vertices.

use std::time::Duration;

use flott_core::{
    AttemptNumber, ExecutionState, JobVertex, VertexIndex,
    metrics::{MetricValue, OperatorMetric, TaskMetrics},
};

use super::{
    Aggregation::{Avg, Max, Min, Sum},
    recorder::Sample,
    series::{Key, Name},
};
use crate::view::{JobView, SubtaskView, TaskRates, VertexView};

/// Reports that are closer to each other, by the subtask's own time, say little about rates.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(500);

const RECORDS_IN: Key<'static> = Key::new("numRecordsInPerSecond", "records/s", Sum);
const RECORDS_OUT: Key<'static> = Key::new("numRecordsOutPerSecond", "records/s", Sum);
const BYTES_IN: Key<'static> = Key::new("numBytesInPerSecond", "bytes/s", Sum);
const BYTES_OUT: Key<'static> = Key::new("numBytesOutPerSecond", "bytes/s", Sum);
const BUSY: Key<'static> = Key::new("busyTimeMsPerSecond", "ms/s", Max);
const BACKPRESSURED: Key<'static> = Key::new("backPressuredTimeMsPerSecond", "ms/s", Max);
const IDLE: Key<'static> = Key::new("idleTimeMsPerSecond", "ms/s", Min);
const WATERMARK_LAG: Key<'static> = Key::new("watermarkLag", "ms", Max);
const LATENCY: Key<'static> = Key::new("latency", "ms", Max);
const RESTARTS: Key<'static> = Key::new("numRestarts", "", Max);
const CHECKPOINT_DURATION: Key<'static> = Key::new("lastCheckpointDuration", "ms", Max);
const CHECKPOINT_SIZE: Key<'static> = Key::new("lastCheckpointSize", "bytes", Max);

/// What a job does as a whole, per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Throughput {
    /// Records that its sources read.
    pub(super) records_in: f64,
    /// Records that reach its last vertices.
    pub(super) records_out: f64,
}

impl Throughput {
    /// What both do.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            records_in: self.records_in + other.records_in,
            records_out: self.records_out + other.records_out,
        }
    }

    /// Takes it in for the job, or for the cluster.
    pub(super) fn record(self, sample: &mut Sample<'_>) {
        sample.put(RECORDS_IN, self.records_in);
        sample.put(RECORDS_OUT, self.records_out);
    }
}

/// What a subtask had done at the last sample. Of a whole view only this is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    attempt: AttemptNumber,
    metrics: TaskMetrics,
}

/// Takes in a job at `now`, in Unix milliseconds. `before` has what its subtasks had done at the last sample, and is renewed.
pub(super) fn sample(
    before: &mut Vec<Before>,
    job: &JobView,
    now: i64,
    sample: &mut Sample<'_>,
) -> Throughput {
    let mut throughput = Throughput::default();
    let mut latency = f64::NAN;
    let mut before = BeforeOf { known: before, next: 0 };
    for (index, (planned, vertex)) in (0..).map(VertexIndex).zip(job.graph.vertices.iter().zip(&job.vertices))
    {
        let is_last = job.graph.edges.iter().all(|edge| edge.source != index);
        let done = of_vertex(&mut before, planned, vertex, now, sample);
        if planned.is_source {
            throughput.records_in += done.records_in;
        }
        if is_last {
            latency = latency.max(latency_of(vertex));
            throughput.records_out += if planned.is_source { done.records_out } else { done.records_in };
        }
    }
    before.known.truncate(before.next);
    throughput.record(sample);
    put_latency(LATENCY, latency, sample);
    sample.put(RESTARTS, job.restarts as f64);
    let statistics = &job.checkpoints.statistics;
    let last = [&statistics.latest_completed, &statistics.latest_savepoint].into_iter().flatten();
    if let Some(last) = last.max_by_key(|record| record.id) {
        sample.put(CHECKPOINT_DURATION, last.end_to_end_ms(last.triggered_at) as f64);
        sample.put(CHECKPOINT_SIZE, last.totals.checkpointed_size as f64);
    }
    throughput
}

/// Walks over what subtasks had done, in the order of the subtasks.
struct BeforeOf<'a> {
    known: &'a mut Vec<Before>,
    next: usize,
}

impl BeforeOf<'_> {
    /// What the next subtask has done a second since the last sample.
    fn rates(&mut self, subtask: &SubtaskView) -> TaskRates {
        let now = Before { attempt: subtask.attempt, metrics: subtask.metrics };
        let before = match self.known.get_mut(self.next) {
            Some(known) => Some(std::mem::replace(known, now)),
            None => {
                self.known.push(now);
                None
            }
        };
        self.next += 1;
        let metrics = match before {
            Some(before) if before.attempt == now.attempt => before.metrics,
            // Another attempt counts from its own start.
            _ => TaskMetrics::default(),
        };
        let interval = now.metrics.running_time().saturating_sub(metrics.running_time());
        // Without a new report it does what it did.
        if interval < SHORTEST_INTERVAL {
            subtask.rates
        } else {
            TaskRates::between(metrics, now.metrics, interval)
        }
    }
}

fn of_vertex(
    before: &mut BeforeOf<'_>,
    planned: &JobVertex,
    vertex: &VertexView,
    now: i64,
    sample: &mut Sample<'_>,
) -> TaskRates {
    let mut sum = TaskRates::default();
    // Of no subtask that runs there is no largest and no smallest.
    let (mut busy, mut backpressured, mut idle, mut lag) = (f64::NAN, f64::NAN, f64::NAN, f64::NAN);
    for subtask in &vertex.subtasks {
        let rates = before.rates(subtask);
        sum.records_in += rates.records_in;
        sum.records_out += rates.records_out;
        sum.bytes_in += rates.bytes_in;
        sum.bytes_out += rates.bytes_out;
        if subtask.state == ExecutionState::Running {
            busy = busy.max(rates.busy_ms);
            backpressured = backpressured.max(rates.backpressured_ms);
            idle = idle.min(rates.idle_ms);
            lag = lag.max(watermark_lag(planned.is_source, &subtask.metrics, now));
        }
    }
    let id = planned.id;
    sample.put(RECORDS_IN.of(id), sum.records_in);
    sample.put(RECORDS_OUT.of(id), sum.records_out);
    sample.put(BYTES_IN.of(id), sum.bytes_in);
    sample.put(BYTES_OUT.of(id), sum.bytes_out);
    sample.put(BUSY.of(id), busy);
    sample.put(BACKPRESSURED.of(id), backpressured);
    sample.put(IDLE.of(id), idle);
    sample.put(WATERMARK_LAG.of(id), lag);
    put_latency(LATENCY.of(id), latency_of(vertex), sample);
    operators(planned, vertex, sample);
    sum
}

/// How long records take to a vertex at most, but for one in a hundred, in milliseconds; NaN if that is not measured.
fn latency_of(vertex: &VertexView) -> f64 {
    let running = vertex.subtasks.iter().filter(|subtask| subtask.state == ExecutionState::Running);
    let metrics = running.flat_map(|subtask| subtask.operators.iter());
    let latencies = metrics.filter_map(|metric| match metric.value {
        MetricValue::Histogram(summary) if summary.count > 0 && metric.is_latency() => Some(summary.p99),
        _ => None,
    });
    latencies.fold(f64::NAN, f64::max)
}

/// Takes a latency in, if there is one: most jobs don't measure it, and need no series.
fn put_latency(key: Key<'static>, latency: f64, sample: &mut Sample<'_>) {
    if latency.is_finite() {
        sample.put(key, latency);
    }
}

/// How far a subtask's watermark is behind the wall clock, in milliseconds; NaN if it has none, or if its input has ended.
fn watermark_lag(is_source: bool, metrics: &TaskMetrics, now: i64) -> f64 {
    let watermark = if is_source { metrics.output_watermark } else { metrics.input_watermark };
    if watermark.is_none() || watermark == flott_core::time::Timestamp::MAX {
        return f64::NAN;
    }
    now.saturating_sub(watermark.as_millis()) as f64
}

/// Takes in what operators have registered, one value for all subtasks of the vertex.
fn operators(planned: &JobVertex, vertex: &VertexView, sample: &mut Sample<'_>) {
    let mut merged: Vec<(&OperatorMetric, MetricValue)> = Vec::new();
    for subtask in &vertex.subtasks {
        let own = subtask.operators.iter().filter(|metric| !metric.is_latency());
        for (index, metric) in own.enumerate() {
            // Subtasks of a vertex have mostly the same metrics, in the same order.
            let is = |(known, _): &&mut (&OperatorMetric, MetricValue)| {
                known.name == metric.name && known.operator == metric.operator
            };
            let known = match merged.get_mut(index).filter(is) {
                Some(_) => merged.get_mut(index),
                None => merged.iter_mut().find(is),
            };
            match known {
                Some((_, value)) => *value = merge(*value, metric.value),
                None => merged.push((metric, metric.value)),
            }
        }
    }
    let vertex = Some(planned.id);
    for (metric, value) in merged {
        let mut put = |suffix, unit, aggregation, value| {
            sample.put(Key { name: Name::Operator(metric, suffix), vertex, unit, aggregation }, value);
        };
        match value {
            MetricValue::Integer(value) => put("", "", Sum, value as f64),
            MetricValue::Rate(value) => put("", "1/s", Sum, value),
            MetricValue::Float(value) => put("", "", Max, value),
            MetricValue::Histogram(summary) => {
                put("_count", "", Sum, summary.count as f64);
                put("_mean", "", Avg, if summary.count > 0 { summary.mean } else { f64::NAN });
                put("_p99", "", Max, if summary.count > 0 { summary.p99 } else { f64::NAN });
            }
        }
    }
}

fn merge(a: MetricValue, b: MetricValue) -> MetricValue {
    use MetricValue::{Float, Histogram, Integer, Rate};
    match (a, b) {
        (Integer(a), Integer(b)) => Integer(a.saturating_add(b)),
        (Rate(a), Rate(b)) => Rate(a + b),
        (Float(a), Float(b)) => Float(a.max(b)),
        (Histogram(mut a), Histogram(b)) => {
            let count = a.count + b.count;
            if count > 0 {
                a.mean = (a.mean * a.count as f64 + b.mean * b.count as f64) / count as f64;
            }
            a.count = count;
            a.p99 = a.p99.max(b.p99);
            Histogram(a)
        }
        // A gauge that shows whole numbers in one subtask and others in another.
        (Integer(a), Float(b)) | (Float(b), Integer(a)) => Float(b.max(a as f64)),
        (a, _) => a,
    }
}
