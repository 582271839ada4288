//! What operators and user functions have registered, under the ids that Flink gives it.

use std::borrow::Cow;

use flott_core::metrics::{HistogramSummary, MetricValue, OperatorMetric, metric_id_part};

use crate::{rest::metrics::Value, view::SubtaskView};

/// Most characters of an operator's name in an id, as in Flink.
const OPERATOR_NAME_LENGTH: usize = 80;

/// The metrics of a subtask's operators; ids are `<operator>.<metric>`. A histogram is several of them.
pub(super) fn values(subtask: &SubtaskView) -> impl Iterator<Item = (Cow<'static, str>, Value)> {
    subtask.operators.iter().flat_map(|metric| {
        let id = id(metric);
        let of = |name: &str, value| vec![(Cow::Owned(format!("{id}{name}")), value)];
        match metric.value {
            MetricValue::Integer(value) => of("", Value::Integer(value)),
            MetricValue::Float(value) | MetricValue::Rate(value) => of("", Value::Gauge(value)),
            MetricValue::Histogram(summary) => histogram(summary)
                .into_iter()
                .map(|(statistic, value)| (Cow::Owned(format!("{id}_{statistic}")), value))
                .collect(),
        }
    })
}

fn id(metric: &OperatorMetric) -> String {
    let operator = match metric.operator.char_indices().nth(OPERATOR_NAME_LENGTH) {
        Some((end, _)) => &metric.operator[..end],
        None => &metric.operator,
    };
    format!("{}.{}", metric_id_part(operator), metric.name)
}

fn histogram(summary: HistogramSummary) -> [(&'static str, Value); 12] {
    let HistogramSummary { count, min, max, mean, stddev, p50, p75, p90, p95, p98, p99, p999 } = summary;
    [
        ("count", Value::Count(count)),
        ("min", Value::Gauge(min)),
        ("max", Value::Gauge(max)),
        ("mean", Value::Gauge(mean)),
        ("median", Value::Gauge(p50)),
        ("stddev", Value::Gauge(stddev)),
        ("p75", Value::Gauge(p75)),
        ("p90", Value::Gauge(p90)),
        ("p95", Value::Gauge(p95)),
        ("p98", Value::Gauge(p98)),
        ("p99", Value::Gauge(p99)),
        ("p999", Value::Gauge(p999)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_of_operators_are_cut_at_a_character() {
        let metric = |operator: &str| {
            let (operator, name) = (operator.into(), "lag".into());
            id(&OperatorMetric { operator, name, value: MetricValue::Integer(0) })
        };
        assert_eq!(metric("Sink: out. 1"), "Sink__out__1.lag");
        assert_eq!(metric(&"ü".repeat(100)), format!("{}.lag", "ü".repeat(80)));
    }
}
