//! `/metrics` in the text format of Prometheus.

use std::collections::BTreeSet;

use flott_core::metrics::{
    HistogramSummary, MetricValue, OperatorMetric, Reading, TaskKind, TaskMetrics, TaskRates, task_readings,
};
use flott_reporter::{Exposition, ProcessReadings, Scope, process_readings};

use super::support::*;
use crate::view::LeadershipState;

/// Name, labels, value.
type Sample = (String, Vec<(String, String)>, f64);

/// A line of a sample: name, labels, value. Strict: what Prometheus would refuse is refused.
fn sample(line: &str) -> Sample {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_:".contains(c))
    };
    let (name, rest) = line.split_once('{').unwrap_or_else(|| panic!("no labels: {line}"));
    assert!(is_name(name), "{line}");
    let (mut labels, mut chars) = (Vec::new(), rest.chars().peekable());
    while chars.peek() != Some(&'}') {
        let label: String = chars.by_ref().take_while(|c| *c != '=').collect();
        assert!(is_name(&label), "{line}");
        assert_eq!(chars.next(), Some('"'), "{line}");
        let mut value = String::new();
        loop {
            match chars.next().unwrap_or_else(|| panic!("unended: {line}")) {
                '"' => break,
                '\\' => value.push(match chars.next() {
                    Some('n') => '\n',
                    Some(c @ ('\\' | '"')) => c,
                    other => panic!("bad escape {other:?}: {line}"),
                }),
                c => value.push(c),
            }
        }
        labels.push((label, value));
        if chars.peek() == Some(&',') {
            chars.next();
        }
    }
    let value = chars.skip(1).collect::<String>();
    let value = value.strip_prefix(' ').unwrap_or_else(|| panic!("no value: {line}"));
    (name.to_owned(), labels, value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
}

/// All samples of an answer whose families are whole.
fn samples(text: &str) -> Vec<Sample> {
    let (mut families, mut samples) = (BTreeSet::new(), Vec::new());
    let mut family = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split(' ').next().unwrap().to_owned();
            assert!(families.insert(family.clone()), "{family} comes twice");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            assert_eq!(kind, format!("{family} gauge"));
        } else {
            let sample = sample(line);
            assert_eq!(sample.0, family);
            samples.push(sample);
        }
    }
    samples
}

async fn metrics(service: &crate::rest::routes::RestService, path: &str) -> String {
    let response = send(service, request("GET", path, "")).await;
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    text(response).await
}

#[tokio::test]
async fn the_process_the_cluster_and_jobs_that_run_are_told() {
    let service = service();
    let text = metrics(&service, "/metrics").await;
    let samples = samples(&text);
    let find = |name: &str| samples.iter().filter(|sample| sample.0 == name).collect::<Vec<_>>();
    let host = || ("host".to_owned(), "host1".to_owned());
    for (name, value) in [
        ("flink_jobmanager_numRegisteredTaskManagers", 1.0),
        ("flink_jobmanager_taskSlotsTotal", 2.0),
        ("flink_jobmanager_taskSlotsAvailable", 1.0),
        ("flink_jobmanager_Status_JVM_CPU_Load", 0.25),
        ("flink_jobmanager_Status_JVM_Memory_Heap_Used", f64::from(1 << 24)),
    ] {
        assert_eq!(find(name), [&(name.to_owned(), vec![host()], value)]);
    }
    let restarts = find("flink_jobmanager_job_numRestarts");
    assert_eq!(restarts.len(), 2, "those that have ended are not told: {restarts:?}");
    let running = restarts.iter().find(|sample| sample.2 == 1.0).unwrap();
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(running.1, [host(), label("job_id", RUNNING), label("job_name", "word <count>")]);
    assert_eq!(find("flink_jobmanager_job_lastCheckpointExternalPath"), Vec::<&_>::new(), "it is no number");
    let again = metrics(&service, "/v1/metrics").await;
    assert_eq!(again.lines().count(), text.lines().count());
}

/// The names of our metrics that a text has.
fn names(text: &str) -> BTreeSet<&str> {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    parts.filter(|part| part.starts_with("flink_")).collect()
}

#[tokio::test]
async fn the_dashboard_for_grafana_asks_for_what_there_is() {
    let path = format!("{}/../../docs/grafana/flott.json", env!("CARGO_MANIFEST_DIR"));
    let dashboard = std::fs::read_to_string(path).unwrap();
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();

    let of_job_manager = metrics(&service(), "/metrics").await;
    let mut exposition = Exposition::default();
    let task_manager = Scope::task_manager("h", "t");
    exposition.add_all(&task_manager, process_readings(&all_of_a_process()));
    let kind = TaskKind { is_source: false, has_outputs: true };
    let (total, rates) = (TaskMetrics::default(), TaskRates::default());
    let job = task_manager.task_manager_job("1", "j");
    let task = job.task("2", "v", 0);
    exposition.add_all(&task, task_readings(kind, &total, &rates));
    // Windows register it, and all that have state what follows.
    exposition.add(&task.operator("window"), "numLateRecordsDropped", Reading::Count(0));
    exposition.add(&task.operator("window"), "stateSize", Reading::Count(0));
    let latency = OperatorMetric {
        operator: "window".into(),
        name: latency(0).into(),
        value: MetricValue::Histogram(HistogramSummary::default()),
    };
    exposition.add_latency(&job, &latency.latency().unwrap(), &latency);
    let of_task_manager = exposition.text();

    let asked = names(&dashboard);
    assert!(asked.len() > 20, "{asked:?}");
    let told: BTreeSet<_> = names(&of_job_manager).union(&names(&of_task_manager)).copied().collect();
    assert_eq!(asked.difference(&told).collect::<Vec<_>>(), Vec::<&&str>::new());
}

fn all_of_a_process() -> ProcessReadings {
    ProcessReadings {
        physical_memory: Some(1),
        cpu_load: Some(0.5),
        files: Some((1, 2)),
        ..ProcessReadings::default()
    }
}

#[tokio::test]
async fn a_standby_tells_its_own() {
    let cluster = std::sync::Arc::<FakeCluster>::default();
    *cluster.state.lock().unwrap() = LeadershipState::Standby;
    let service = service_with(&cluster, crate::rest::RestOptions::default());
    let text = metrics(&service, "/metrics").await;
    assert!(text.contains("flink_jobmanager_Status_JVM_CPU_Load"), "{text}");
}
