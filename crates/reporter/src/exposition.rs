//! The text format of Prometheus.
//!
//! Written here, since Flink's names are not to be had from client libraries: those insist on counters whose names end in
//! `_total`, and know no summaries. Like Flink's reporter this makes gauges of all but distributions.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt::Write,
};

use flott_core::metrics::{HistogramSummary, LatencyPath, MetricValue, OperatorMetric, Reading};

use crate::Scope;

/// The type of what [`Exposition::text`] returns.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What there is to tell at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    families: BTreeMap<String, Family>,
}

#[derive(Clone, Debug, PartialEq)]
struct Family {
    kind: Kind,
    help: String,
    /// By what stands before the value, but for the family's name. Two metrics whose names differ only in characters that
    /// Prometheus does not allow are one: the first.
    samples: BTreeMap<String, f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Gauge,
    Summary,
}

impl Exposition {
    /// Adds a metric of `scope`.
    pub fn add(&mut self, scope: &Scope, name: &str, reading: Reading) {
        self.sample(scope, name, Kind::Gauge, [(format!("{{{}}}", scope.labels()), reading.as_f64())]);
    }

    /// Adds several metrics of `scope`.
    pub fn add_all<'a>(&mut self, scope: &Scope, readings: impl IntoIterator<Item = (&'a str, Reading)>) {
        readings.into_iter().for_each(|(name, reading)| self.add(scope, name, reading));
    }

    /// Adds how long records take to an operator of `job`: it is a metric of the job, as in Flink.
    pub fn add_latency(&mut self, job: &Scope, path: &LatencyPath, metric: &OperatorMetric) {
        if let MetricValue::Histogram(summary) = metric.value {
            self.summary(&job.labeled(&path.labels()), &path.name_without_values(), &summary);
        }
    }

    /// Adds a metric of an operator, which `scope` is.
    pub fn add_metric(&mut self, scope: &Scope, metric: &OperatorMetric) {
        match metric.value {
            MetricValue::Integer(value) => self.add(scope, &metric.name, Reading::Integer(value)),
            MetricValue::Float(value) | MetricValue::Rate(value) => {
                self.add(scope, &metric.name, Reading::Gauge(value));
            }
            MetricValue::Histogram(summary) => self.summary(scope, &metric.name, &summary),
        }
    }

    /// The text that is to be told.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, family) in &self.families {
            let kind = match family.kind {
                Kind::Gauge => "gauge",
                Kind::Summary => "summary",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
            for (key, value) in &family.samples {
                let _ = match *value {
                    f64::INFINITY => writeln!(text, "{name}{key} +Inf"),
                    f64::NEG_INFINITY => writeln!(text, "{name}{key} -Inf"),
                    value => writeln!(text, "{name}{key} {value}"),
                };
            }
        }
        text
    }

    fn summary(&mut self, scope: &Scope, name: &str, summary: &HistogramSummary) {
        let labels = scope.labels();
        let quantiles = [
            ("0.5", summary.p50),
            ("0.75", summary.p75),
            ("0.95", summary.p95),
            ("0.98", summary.p98),
            ("0.99", summary.p99),
            ("0.999", summary.p999),
        ];
        let samples = quantiles.map(|(q, value)| (format!("{{{labels},quantile=\"{q}\"}}"), value));
        let count = (format!("_count{{{labels}}}"), summary.count as f64);
        self.sample(scope, name, Kind::Summary, samples.into_iter().chain([count]));
    }

    fn sample(
        &mut self,
        scope: &Scope,
        name: &str,
        kind: Kind,
        samples: impl IntoIterator<Item = (String, f64)>,
    ) {
        let family = match self.families.entry(scope.family(name)) {
            Entry::Occupied(family) => family.into_mut(),
            Entry::Vacant(vacant) => {
                let printable = name.replace(['\\', '\n'], "_");
                let help = format!("{printable} (scope: {})", scope.name());
                vacant.insert(Family { kind, help, samples: BTreeMap::new() })
            }
        };
        // One that is a number in one operator and a distribution in another is what it was first.
        if family.kind == kind {
            for (key, value) in samples {
                family.samples.entry(key).or_insert(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, value: MetricValue) -> OperatorMetric {
        OperatorMetric { operator: "map".into(), name: name.into(), value }
    }

    #[test]
    fn a_family_stands_in_one_block() {
        let mut exposition = Exposition::default();
        let task_manager = Scope::task_manager("h", "t");
        let job = task_manager.task_manager_job("1", "j");
        let summary = HistogramSummary { count: 3, p50: 1.0, p999: 2.5, ..HistogramSummary::default() };
        for subtask in 0..2 {
            let task = job.task("2", "m", subtask);
            exposition.add(&task, "numRecordsIn", Reading::Count(u64::from(subtask)));
            exposition.add_metric(&task.operator("map"), &metric("load", MetricValue::Float(f64::NAN)));
        }
        let operator = job.task("2", "m", 0).operator("map");
        exposition.add_metric(&operator, &metric("sizes", MetricValue::Histogram(summary)));
        // Neither of these can be told beside what is there.
        exposition.add_metric(&operator, &metric("sizes", MetricValue::Integer(1)));
        exposition.add_metric(&operator, &metric("load", MetricValue::Float(7.0)));
        exposition.add(&task_manager, "far.away", Reading::Gauge(f64::NEG_INFINITY));
        let labels = r#"host="h",tm_id="t",job_id="1",job_name="j",task_id="2",task_name="m",subtask_index="#;
        let expected = r#"# HELP flink_taskmanager_far_away far.away (scope: taskmanager)
# TYPE flink_taskmanager_far_away gauge
flink_taskmanager_far_away{host="h",tm_id="t"} -Inf
# HELP flink_taskmanager_job_task_numRecordsIn numRecordsIn (scope: taskmanager_job_task)
# TYPE flink_taskmanager_job_task_numRecordsIn gauge
flink_taskmanager_job_task_numRecordsIn{LABELS"0"} 0
flink_taskmanager_job_task_numRecordsIn{LABELS"1"} 1
# HELP flink_taskmanager_job_task_operator_load load (scope: taskmanager_job_task_operator)
# TYPE flink_taskmanager_job_task_operator_load gauge
flink_taskmanager_job_task_operator_load{LABELS"0",operator_name="map"} NaN
flink_taskmanager_job_task_operator_load{LABELS"1",operator_name="map"} NaN
# HELP flink_taskmanager_job_task_operator_sizes sizes (scope: taskmanager_job_task_operator)
# TYPE flink_taskmanager_job_task_operator_sizes summary
flink_taskmanager_job_task_operator_sizes_count{LABELS"0",operator_name="map"} 3
flink_taskmanager_job_task_operator_sizes{LABELS"0",operator_name="map",quantile="0.5"} 1
flink_taskmanager_job_task_operator_sizes{LABELS"0",operator_name="map",quantile="0.75"} 0
flink_taskmanager_job_task_operator_sizes{LABELS"0",operator_name="map",quantile="0.95"} 0
flink_taskmanager_job_task_operator_sizes{LABELS"0",operator_name="map",quantile="0.98"} 0
flink_taskmanager_job_task_operator_sizes{LABELS"0",operator_name="map",quantile="0.99"} 0
flink_taskmanager_job_task_operator_sizes{LABELS"0",operator_name="map",quantile="0.999"} 2.5
"#;
        assert_eq!(exposition.text(), expected.replace("LABELS", labels));
    }
}
