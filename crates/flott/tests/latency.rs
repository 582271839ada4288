//! How long records take to each operator, measured in task hosts.
#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "other tests look at failures")]
#[path = "task_host/task_manager.rs"]
mod task_manager;

use std::{collections::BTreeMap, time::Duration};

use flott::{
    Batch, NoCommittable, Sink, SinkWriter, WatermarkStrategy, connectors::GeneratorSource, prelude::*,
};
use flott_core::metrics::{HistogramSummary, LatencyPath, LatencySource, MetricValue, TaskMetrics};
use flott_rpc::protocol::TaskState;
use task_manager::{Ended, run};

#[derive(Clone)]
struct Discard;

impl Sink<u64> for Discard {
    type Writer = Self;

    fn writer(&self, _: &RuntimeContext, _: Vec<()>) -> Result<Self, BoxError> {
        Ok(self.clone())
    }
}

impl SinkWriter<u64> for Discard {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<u64>) -> Result<(), BoxError> {
        batch.clear();
        Ok(())
    }
}

/// Numbers that come for a third of a second, in three vertices of two subtasks.
fn environment() -> StreamExecutionEnvironment {
    let env = StreamExecutionEnvironment::new();
    env.set_parallelism(2).set_buffer_timeout(Duration::from_millis(1));
    let numbers = GeneratorSource::new(Some(700), |index| index).rate(2_000.0);
    env.from_source(numbers, WatermarkStrategy::no_watermarks(), "numbers")
        .map(|number| number + 1)
        .rebalance()
        .filter(|number| number % 2 == 0)
        .name("even")
        .key_by(|number| *number)
        .map(|number| number)
        .name("same")
        .sink_to(Discard, "nowhere");
    env
}

/// By operator, what its subtasks have measured.
fn latencies(ended: &[Ended]) -> BTreeMap<String, Vec<(LatencyPath, HistogramSummary)>> {
    let mut latencies = BTreeMap::<_, Vec<_>>::new();
    for metric in ended.iter().flat_map(|ended| &*ended.operators) {
        if let (Some(path), MetricValue::Histogram(summary)) = (metric.latency(), metric.value) {
            latencies.entry(metric.operator.to_string()).or_default().push((path, summary));
        }
    }
    latencies
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operator_knows_how_long_records_took_from_their_source() {
    let env = environment();
    env.set_latency_tracking_interval(Duration::from_millis(5));
    let graph = env.job_program("test").unwrap().graph;
    let source = graph.vertices[0].operator_id(0);
    let ended = run(&env, 2).await;
    assert!(ended.iter().all(|ended| ended.state == TaskState::Finished), "{ended:?}");

    let latencies = latencies(&ended);
    let names: Vec<_> = latencies.keys().map(String::as_str).collect();
    assert_eq!(names, ["Map", "Sink: nowhere", "even", "same"], "all but the source");
    let mut counts = BTreeMap::new();
    for (operator, latencies) in &latencies {
        assert!(latencies.len() <= 2, "one for each subtask: {latencies:?}");
        for (path, summary) in latencies {
            assert_eq!(path.from, LatencySource::Operator(source));
            assert!(summary.count > 0 && summary.p99 >= summary.min && summary.max < 60_000.0, "{summary:?}");
        }
        counts.insert(operator.as_str(), latencies.iter().map(|(_, summary)| summary.count).sum::<u64>());
    }
    let batches: u64 = ended.iter().map(|ended| ended.metrics.buffers_in_remote).sum();
    assert!(batches > 0, "some come from the other task host");
    // Each goes into one channel of an edge, whatever the number of its consumers.
    assert!(counts["Map"] >= 2 && counts.values().all(|count| *count == counts["Map"]), "{counts:?}");
    let [before, behind] = ["even", "same"]
        .map(|operator| latencies[operator].iter().map(|(_, summary)| summary.max).fold(0.0, f64::max));
    assert!(before > 0.0 && behind > 0.0, "it takes some time through the channels: {before} {behind}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_measured_unless_it_is_asked_for() {
    let ended = run(&environment(), 1).await;
    assert!(latencies(&ended).is_empty());
    let bytes = |of: fn(&TaskMetrics) -> u64| ended.iter().map(|ended| of(&ended.metrics)).sum::<u64>();
    let sent = bytes(|metrics| metrics.bytes_out);
    assert!(sent > 0 && sent == bytes(|metrics| metrics.bytes_in_local), "bytes are counted: {ended:?}");
    let counts = ended.iter().map(|ended| ended.metrics.buffers_in_local + ended.metrics.buffers_in_remote);
    assert!(counts.sum::<u64>() > 0, "batches are counted: {ended:?}");
    assert!(ended.iter().all(|ended| ended.metrics.buffers_in_remote == 0), "all in one process");
}
