//! What Prometheus is told: the processes, and the subtasks and operators as they have reported last.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flott_control::protocol::SubtaskMetrics;
use flott_core::{
    JobGraph, JobId,
    metrics::{TaskKind, TaskMetrics, TaskRates, chained_readings, operator_name, task_readings},
};
use flott_reporter::{
    CpuMeter, Exposition, NetworkReadings, ProcessReadings, Render, Scope, process_readings,
};
use futures::FutureExt;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{clock::since_epoch, hardware, process_metrics, task_manager::Input};

/// How long the event loop may take to tell what it knows. It never waits for anything itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reports that are closer to each other, by the subtask's own time, say little about rates.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// What a task host has reported.
#[derive(Clone, Debug)]
pub(crate) struct HostReport {
    /// Its process; 0 if it has none of its own.
    pub(crate) pid: u32,
    pub(crate) job_id: JobId,
    pub(crate) job_name: Arc<str>,
    pub(crate) graph: Arc<JobGraph>,
    /// Of all its subtasks, its last report and the one before.
    pub(crate) subtasks: Vec<SubtaskMetrics>,
    pub(crate) earlier: Vec<SubtaskMetrics>,
}

/// Collects the metrics of the TaskManager `scope`, whose event loop takes `inputs`.
pub(crate) fn render(scope: Scope, inputs: mpsc::Sender<Input>) -> Render {
    let (cores, memory) = (hardware::cpu_cores(), hardware::read().physical_memory);
    let mut meter = CpuMeter::default();
    // The first scrape is told the load since now.
    meter.load(since_epoch(), processes(&[]).cpu_ms, cores);
    let meter = Arc::new(Mutex::new(meter));
    Arc::new(move || {
        let (scope, inputs, meter) = (scope.clone(), inputs.clone(), meter.clone());
        async move {
            let hosts = hosts(&inputs).await;
            let mut own = processes(&hosts);
            own.physical_memory = Some(memory);
            own.network = Some(network(&hosts));
            // Nothing can panic while it is held.
            own.cpu_load =
                meter.lock().unwrap_or_else(PoisonError::into_inner).load(since_epoch(), own.cpu_ms, cores);
            let mut exposition = Exposition::default();
            exposition.add_all(&scope, process_readings(&own.with_own_files()));
            for host in &hosts {
                host.tell(&scope, &mut exposition);
            }
            exposition
        }
        .boxed()
    })
}

async fn hosts(inputs: &mpsc::Sender<Input>) -> Vec<HostReport> {
    let asked = async {
        let (reply, answer) = oneshot::channel();
        inputs.send(Input::MetricsAsked { reply }).await.ok()?;
        answer.await.ok()
    };
    // Without its event loop the TaskManager is going down.
    timeout(PATIENCE, asked).await.ok().flatten().unwrap_or_default()
}

/// Sums over the subtasks.
fn network(hosts: &[HostReport]) -> NetworkReadings {
    let subtasks = hosts.iter().flat_map(|host| &host.subtasks);
    subtasks.fold(NetworkReadings::default(), |sum, subtask| sum.plus(&subtask.metrics.now))
}

/// Sums over the daemon and its task hosts.
fn processes(hosts: &[HostReport]) -> ProcessReadings {
    let pids = hosts.iter().map(|host| host.pid).filter(|pid| *pid != 0);
    let mut sum = ProcessReadings::default();
    for process in std::iter::once(std::process::id()).chain(pids).filter_map(process_metrics::read) {
        sum.resident_bytes += process.resident_bytes;
        sum.cpu_ms += process.cpu_ms;
        sum.threads += u64::from(process.threads);
    }
    sum
}

impl HostReport {
    fn tell(&self, task_manager: &Scope, exposition: &mut Exposition) {
        let job = task_manager.task_manager_job(&self.job_id.to_string(), &self.job_name);
        for (position, reported) in self.subtasks.iter().enumerate() {
            let index = reported.subtask.vertex;
            let Some(vertex) = self.graph.vertices.get(index.0 as usize) else { continue };
            let kind = TaskKind {
                is_source: vertex.is_source,
                has_outputs: self.graph.edges.iter().any(|edge| edge.source == index),
            };
            let task = job.task(&vertex.id.to_string(), &vertex.name, reported.subtask.subtask.0);
            let (total, rates) = (&reported.metrics, self.rates(position, reported));
            exposition.add_all(&task, task_readings(kind, total, &rates));
            let length = vertex.operators.len();
            for (position, operator) in vertex.operators.iter().enumerate() {
                let operator = task.operator(operator_name(&operator.name));
                exposition.add_all(&operator, chained_readings(position, length, kind, total, &rates));
            }
            let mut operator: Option<(&str, Scope)> = None;
            for metric in &*reported.operators {
                if let Some(path) = metric.latency() {
                    exposition.add_latency(&job, &path, metric);
                    continue;
                }
                // Those of one operator stand together.
                let scope = match operator {
                    Some((name, ref scope)) if name == &*metric.operator => scope,
                    _ => {
                        &operator.insert((&metric.operator, task.operator(operator_name(&metric.operator)))).1
                    }
                };
                exposition.add_metric(scope, metric);
            }
        }
    }

    /// What a subtask did between the last two reports.
    fn rates(&self, position: usize, now: &SubtaskMetrics) -> TaskRates {
        let is_same =
            |before: &&SubtaskMetrics| (before.subtask, before.attempt) == (now.subtask, now.attempt);
        // Reports mostly have the same subtasks in the same order.
        let before = self.earlier.get(position).filter(is_same).or_else(|| self.earlier.iter().find(is_same));
        let before = before.map_or_else(TaskMetrics::default, |before| before.metrics);
        let interval = now.metrics.running_time().saturating_sub(before.running_time());
        if interval < SHORTEST_INTERVAL {
            TaskRates::default()
        } else {
            TaskRates::between(before, now.metrics, interval)
        }
    }
}

#[cfg(test)]
mod tests {
    use flott_core::{
        AttemptNumber, JobType, JobVertex, OperatorInfo, SubtaskId, SubtaskIndex, VertexId, VertexIndex,
        job_config::RuntimeMode,
        metrics::{HistogramSummary, MetricValue, OperatorMetric},
    };

    use super::*;

    const LATENCY: &str = "latency.source_id.0101010101010101010101010101010a.operator_id.\
                           0202020202020202020202020202020b.operator_subtask_index.3.latency";

    fn report() -> HostReport {
        let vertex = JobVertex {
            id: VertexId::of_operators(["a"]),
            name: "Source: \"a\"".to_owned(),
            operators: vec![OperatorInfo { uid: "a".to_owned(), name: "a".to_owned() }],
            parallelism: 1,
            max_parallelism: 128,
            slot_sharing_group: "default".to_owned(),
            is_source: true,
        };
        let graph = JobGraph {
            name: "job".to_owned(),
            job_type: JobType::Streaming,
            runtime_mode: RuntimeMode::Streaming,
            parallelism: 1,
            vertices: vec![vertex],
            edges: Vec::new(),
            recovery: Default::default(),
        };
        let at = |seconds: u64| SubtaskMetrics {
            subtask: SubtaskId { vertex: VertexIndex(0), subtask: SubtaskIndex(0) },
            attempt: AttemptNumber(0),
            metrics: TaskMetrics {
                records_in: 50 * seconds,
                idle_ms: 1_000 * seconds,
                ..TaskMetrics::default()
            },
            operators: [
                ("x", MetricValue::Integer(7)),
                ("y", MetricValue::Integer(7)),
                (
                    LATENCY,
                    MetricValue::Histogram(HistogramSummary { count: 3, p99: 1.5, ..Default::default() }),
                ),
            ]
            .map(|(name, value)| OperatorMetric { operator: "map".into(), name: name.into(), value })
            .into(),
        };
        HostReport {
            pid: 0,
            job_id: JobId::from_bytes([1; 16]),
            job_name: "job".into(),
            graph: Arc::new(graph),
            subtasks: vec![at(4)],
            earlier: vec![at(2)],
        }
    }

    #[test]
    fn subtasks_and_operators_are_told_with_their_labels() {
        let report = report();
        let mut exposition = Exposition::default();
        report.tell(&Scope::task_manager("h", "t"), &mut exposition);
        let text = exposition.text();
        let task = format!(
            r#"host="h",tm_id="t",job_id="{}",job_name="job",task_id="{}",task_name="Source: \"a\"",subtask_index="0""#,
            report.job_id, report.graph.vertices[0].id
        );
        for line in [
            format!("flink_taskmanager_job_task_numRecordsIn{{{task}}} 200\n"),
            format!("flink_taskmanager_job_task_numRecordsInPerSecond{{{task}}} 50\n"),
            format!("flink_taskmanager_job_task_operator_numRecordsIn{{{task},operator_name=\"a\"}} 200\n"),
            format!("flink_taskmanager_job_task_idleTimeMsPerSecond{{{task}}} 1000\n"),
            format!("flink_taskmanager_job_task_operator_x{{{task},operator_name=\"map\"}} 7\n"),
            format!("flink_taskmanager_job_task_operator_y{{{task},operator_name=\"map\"}} 7\n"),
        ] {
            assert!(text.contains(&line), "{line} {text}");
        }
        // As Flink's reporter has them: labels, and a name without their values.
        let family = "flink_taskmanager_job_latency_source_id_operator_id_operator_subtask_index_latency";
        let labels = format!(
            r#"host="h",tm_id="t",job_id="{}",job_name="job",source_id="0101010101010101010101010101010a",operator_id="0202020202020202020202020202020b",operator_subtask_index="3""#,
            report.job_id
        );
        for line in [
            format!("# TYPE {family} summary\n"),
            format!("{family}{{{labels},quantile=\"0.99\"}} 1.5\n"),
            format!("{family}_count{{{labels}}} 3\n"),
        ] {
            assert!(text.contains(&line), "{line} {text}");
        }
        assert_eq!(text.matches("latency_count").count(), 1, "it is none of the operator");
        assert!(!text.contains("Watermark"), "a source without outputs has none");
    }

    #[tokio::test]
    async fn without_an_event_loop_only_the_process_is_told() {
        let (inputs, _) = mpsc::channel(1);
        let text = render(Scope::task_manager("h", "t"), inputs)().await.text();
        let line =
            text.lines().find(|line| line.starts_with("flink_taskmanager_Status_JVM_Memory_Heap_Used{"));
        let used: u64 = line.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap();
        assert!(used > 100_000, "{text}");
        assert!(!text.contains("job"), "{text}");
    }

    #[test]
    fn what_subtasks_have_of_the_network_is_summed_up() {
        let mut reports = [report(), report()];
        for (report, queue) in reports.iter_mut().zip(1..) {
            let now = &mut report.subtasks[0].metrics.now;
            (now.input_credits, now.input_queue) = (8, queue);
        }
        assert_eq!(network(&reports), NetworkReadings { total: 16, used: 3 });
    }
}
