//! What operators and user functions have registered, under the ids that Flink gives it.

use std::borrow::Cow;

use flott_core::{
    JobVertex,
    metrics::{TaskKind, chained_readings, metric_id, operator_readings},
};

use crate::{rest::metrics::Value, view::SubtaskView};

/// What the operators of a subtask read and write, as far as that is known.
pub(super) fn of_chain(
    vertex: &JobVertex,
    kind: TaskKind,
    subtask: &SubtaskView,
) -> impl Iterator<Item = (Cow<'static, str>, Value)> {
    let length = vertex.operators.len();
    vertex.operators.iter().enumerate().flat_map(move |(position, operator)| {
        chained_readings(position, length, kind, &subtask.metrics, &subtask.rates)
            .into_iter()
            .map(|(name, reading)| (Cow::Owned(metric_id(&operator.name, name)), reading.into()))
    })
}

/// The metrics of a subtask's operators; ids are `<operator>.<metric>`. A histogram is several of them. Latencies are metrics of
/// the job.
pub(super) fn values(subtask: &SubtaskView) -> impl Iterator<Item = (Cow<'static, str>, Value)> {
    subtask.operators.iter().filter(|metric| !metric.is_latency()).flat_map(|metric| {
        let id = metric_id(&metric.operator, &metric.name);
        operator_readings(metric)
            .into_iter()
            .map(move |(suffix, reading)| (Cow::Owned(format!("{id}{suffix}")), reading.into()))
    })
}
