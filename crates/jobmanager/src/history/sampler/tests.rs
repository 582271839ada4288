use std::time::Duration;

use flott_core::{
    AttemptNumber, ExecutionState, JobEdge, JobGraph, JobType, JobVertex, Partitioner, VertexId, VertexIndex,
    job_config::{JobConfig, RuntimeMode},
    metrics::{HistogramSummary, MetricValue, OperatorMetric, OperatorMetrics, TaskMetrics},
    time::Timestamp,
};

use super::{
    super::{HistoryView, Wanted},
    *,
};
use crate::view::{
    CheckpointsView, HardwareView, StateTimes, StatusTimes, SubmissionView, SubtaskView, TaskRates,
    VertexView,
};

const NOW: i64 = 1_795_390_000_000;

fn graph(vertices: u32, parallelism: u32) -> Arc<JobGraph> {
    let vertex = |index: u32| JobVertex {
        id: VertexId::of_operators([index.to_string().as_str()]),
        name: index.to_string(),
        operators: Vec::new(),
        parallelism,
        max_parallelism: 128,
        slot_sharing_group: "default".to_owned(),
        is_source: index == 0,
    };
    let edge = |index: u32| JobEdge {
        source: VertexIndex(index - 1),
        target: VertexIndex(index),
        partitioner: Partitioner::Hash,
    };
    Arc::new(JobGraph {
        name: "job".to_owned(),
        job_type: JobType::Streaming,
        runtime_mode: RuntimeMode::Streaming,
        parallelism,
        vertices: (0..vertices).map(vertex).collect(),
        edges: (1..vertices).map(edge).collect(),
        recovery: Default::default(),
    })
}

fn subtask(metrics: TaskMetrics, operators: OperatorMetrics) -> SubtaskView {
    SubtaskView {
        attempt: AttemptNumber(0),
        state: ExecutionState::Running,
        times: StateTimes::default(),
        location: None,
        metrics,
        operators,
        rates: TaskRates::default(),
        past: Arc::default(),
    }
}

fn job(number: u8, graph: &Arc<JobGraph>, subtask: impl Fn(u32, u32) -> SubtaskView) -> JobView {
    let vertices = (0..).zip(&graph.vertices).map(|(index, vertex)| {
        let subtasks = (0..vertex.parallelism).map(|number| subtask(index, number)).collect();
        Arc::new(VertexView { subtasks, counts: [0; 10] })
    });
    JobView {
        job_id: JobId::from_bytes([number; 16]),
        graph: graph.clone(),
        submission: Arc::new(SubmissionView {
            artifact: String::new(),
            artifact_id: None,
            arguments: Vec::new(),
            entry: None,
            savepoint: None,
            config: JobConfig::default(),
            fingerprint: String::new(),
        }),
        status: JobStatus::Running,
        status_times: StatusTimes::default(),
        started_unix_ms: NOW,
        ended_unix_ms: None,
        modified_unix_ms: NOW,
        vertices: vertices.collect(),
        exceptions: Arc::default(),
        exceptions_dropped: 0,
        restarts: 3,
        restarting_ms: 0,
        checkpoint_dir: "file:/c".into(),
        checkpoints: Arc::new(CheckpointsView::default()),
        rescaling: Arc::default(),
    }
}

fn views(tick: Tick, jobs: Vec<JobView>) -> Views {
    Views {
        now: NOW + tick as i64 * 5_000,
        overview: ClusterOverview { task_managers: 1, slots_total: 4, slots_free: 1, ..Default::default() },
        jobs: jobs.into_iter().map(Arc::new).collect(),
        task_managers: vec![Arc::new(TaskManagerView {
            id: TaskManagerId::new("tm"),
            rpc_address: String::new(),
            data_host: "host".to_owned(),
            registered_unix_ms: 0,
            last_heartbeat_unix_ms: NOW + tick as i64 * 5_000,
            hardware: HardwareView { cpu_cores: 2, physical_memory: 0 },
            process: ProcessMetrics { resident_bytes: 100, cpu_ms: 5_000 * tick, ..Default::default() },
            slots: Vec::new(),
            task_hosts: Vec::new(),
        })],
        own: ProcessMetrics { resident_bytes: 7, cpu_ms: 50 * tick, ..Default::default() },
        own_cores: 1,
    }
}

fn read(recorder: &Recorder, of: &Subject, ids: &[&str]) -> HistoryView {
    let ids = ids.iter().map(|&id| id.to_owned()).collect();
    recorder.read(of, &Wanted { ids, ..Wanted::default() }, |tick| NOW + tick as i64 * 5_000)
}

/// All series in one line each.
fn text(view: &HistoryView, graph: &JobGraph) -> Vec<String> {
    let name = |id: VertexId| graph.vertices.iter().find(|vertex| vertex.id == id).unwrap().name.clone();
    let series = view.series.iter().map(|series| {
        let vertex = series.vertex.map_or(String::new(), |id| format!("{}.", name(id)));
        format!("{vertex}{} {} {:?}", series.id, series.aggregation.as_str(), series.values)
    });
    series.collect()
}

#[test]
fn a_job_is_recorded_by_vertex_and_as_a_whole() {
    let graph = graph(2, 2);
    let (mut state, mut recorder) = (State::default(), Recorder::default());
    let at = |tick: Tick| {
        job(1, &graph, |vertex, number| {
            let factor = u64::from(number + 1) * tick;
            subtask(
                TaskMetrics {
                    records_in: 500 * factor,
                    records_out: if vertex == 0 { 500 * factor } else { 0 },
                    busy_ms: 1_000 * factor,
                    idle_ms: 5_000 * tick - 1_000 * factor,
                    input_watermark: Timestamp::from_millis(NOW + tick as i64 * 5_000 - 40),
                    ..TaskMetrics::default()
                },
                OperatorMetrics::default(),
            )
        })
    };
    for tick in 1..3 {
        state.sample(tick, &views(tick, vec![at(tick)]), &mut recorder);
    }
    let subject = Subject::Job(JobId::from_bytes([1; 16]));
    let view = read(&recorder, &subject, &[]);
    assert_eq!(view.end, NOW + 10_000);
    let expected = [
        "0.numRecordsInPerSecond sum [300.0, 300.0]",
        "0.numRecordsOutPerSecond sum [300.0, 300.0]",
        "0.numBytesInPerSecond sum [0.0, 0.0]",
        "0.numBytesOutPerSecond sum [0.0, 0.0]",
        "0.busyTimeMsPerSecond max [400.0, 400.0]",
        "0.backPressuredTimeMsPerSecond max [0.0, 0.0]",
        "0.idleTimeMsPerSecond min [600.0, 600.0]",
        "1.numRecordsInPerSecond sum [300.0, 300.0]",
        "1.numRecordsOutPerSecond sum [0.0, 0.0]",
        "1.numBytesInPerSecond sum [0.0, 0.0]",
        "1.numBytesOutPerSecond sum [0.0, 0.0]",
        "1.busyTimeMsPerSecond max [400.0, 400.0]",
        "1.backPressuredTimeMsPerSecond max [0.0, 0.0]",
        "1.idleTimeMsPerSecond min [600.0, 600.0]",
        "1.watermarkLag max [40.0, 40.0]",
        "numRecordsInPerSecond sum [300.0, 300.0]",
        "numRecordsOutPerSecond sum [300.0, 300.0]",
        "numRestarts max [3.0, 3.0]",
    ];
    assert_eq!(text(&view, &graph), expected);
    let daemon = |of: &Subject| text(&read(&recorder, of, &[]), &graph);
    assert_eq!(
        daemon(&Subject::TaskManager(TaskManagerId::new("tm"))),
        ["cpuLoad avg [NaN, 0.5]", "memoryUsed sum [100.0, 100.0]"]
    );
    assert_eq!(daemon(&Subject::JobManager), ["cpuLoad avg [NaN, 0.01]", "memoryUsed sum [7.0, 7.0]"]);
    assert_eq!(
        daemon(&Subject::Cluster),
        [
            "slotsTotal sum [4.0, 4.0]",
            "slotsAvailable sum [1.0, 1.0]",
            "taskManagers sum [1.0, 1.0]",
            "jobsRunning sum [1.0, 1.0]",
            "numRecordsInPerSecond sum [300.0, 300.0]",
            "numRecordsOutPerSecond sum [300.0, 300.0]",
            "cpuLoad avg [NaN, 0.5]",
            "memoryUsed sum [100.0, 100.0]",
        ]
    );
}

#[test]
fn metrics_of_operators_are_summed_up_and_told_if_asked_for() {
    let graph = graph(1, 2);
    let (mut state, mut recorder) = (State::default(), Recorder::default());
    let metric = |name: &str, value| OperatorMetric { operator: "my map".into(), name: name.into(), value };
    let view = job(1, &graph, |_, number| {
        let factor = f64::from(number + 1);
        let summary = HistogramSummary { count: 2, mean: factor, p99: factor, ..Default::default() };
        let metrics = [
            metric("lines", MetricValue::Integer(10 * i64::from(number + 1))),
            metric("rate", MetricValue::Rate(factor)),
            metric("load", MetricValue::Float(factor)),
            metric("size", MetricValue::Histogram(summary)),
        ];
        // The first has one of its own.
        let metrics = metrics.into_iter().skip(if number == 0 { 0 } else { 1 });
        subtask(TaskMetrics::default(), metrics.collect())
    });
    state.sample(1, &views(1, vec![view]), &mut recorder);
    let subject = Subject::Job(JobId::from_bytes([1; 16]));
    let default = read(&recorder, &subject, &[]);
    assert!(default.series.iter().all(|series| !series.id.contains("my_map")));
    let wanted =
        ["lines", "rate", "load", "size_count", "size_mean", "size_p99"].map(|id| format!("my_map.{id}"));
    let asked = read(&recorder, &subject, &wanted.each_ref().map(String::as_str));
    let expected = [
        "0.my_map.lines sum [10.0]",
        "0.my_map.rate sum [3.0]",
        "0.my_map.load max [2.0]",
        "0.my_map.size_count sum [4.0]",
        "0.my_map.size_mean avg [1.5]",
        "0.my_map.size_p99 max [2.0]",
    ];
    assert_eq!(text(&asked, &graph), expected);
}

#[test]
fn a_job_that_has_ended_is_kept_as_it_was_for_an_hour() {
    let graph = graph(1, 1);
    let (mut state, mut recorder) = (State::default(), Recorder::default());
    let running = |number| {
        job(number, &graph, |_, _| {
            subtask(
                TaskMetrics { records_in: 100, busy_ms: 1_000, ..TaskMetrics::default() },
                OperatorMetrics::default(),
            )
        })
    };
    let ended = |number, tick: i64| JobView {
        status: JobStatus::Finished,
        ended_unix_ms: Some(NOW + 5_000 * tick - 1),
        ..running(number)
    };
    let subject = |number| Subject::Job(JobId::from_bytes([number; 16]));
    let values = |recorder: &Recorder, number| {
        let view = read(recorder, &subject(number), &["numRestarts"]);
        view.series.first().map(|series| series.values.len())
    };
    state.sample(1, &views(1, vec![running(1)]), &mut recorder);
    // The second had not begun then; the third is known from another leader.
    let jobs = || vec![ended(1, 2), ended(2, 2), ended(3, -1_000)];
    for tick in 2..10 {
        state.sample(tick, &views(tick, jobs()), &mut recorder);
    }
    assert_eq!((values(&recorder, 1), values(&recorder, 2), values(&recorder, 3)), (Some(2), Some(1), None));
    assert!(state.jobs.is_empty());
    state.sample(720, &views(720, jobs()), &mut recorder);
    assert_eq!((values(&recorder, 1), values(&recorder, 2)), (Some(2), Some(1)));
    state.sample(721, &views(721, vec![ended(2, 2)]), &mut recorder);
    assert_eq!(
        (values(&recorder, 1), values(&recorder, 2)),
        (None, Some(1)),
        "it was forgotten by `web.history`"
    );
    state.sample(722, &views(722, vec![ended(2, 2)]), &mut recorder);
    assert_eq!(values(&recorder, 2), None);
}

#[test]
fn samples_are_taken_when_the_clock_says_so() {
    let at = |millis| next_tick(MonoTime::from_millis(millis));
    assert_eq!([at(0), at(4_999), at(5_000), at(5_001), at(60_000)], [1, 1, 2, 2, 13]);
    assert_eq!(time_of(2), MonoTime::from_millis(10_000));
}

/// `cargo test --release -p flott-jobmanager --lib a_large_cluster -- --ignored --nocapture`
#[test]
#[ignore = "measures; well under a millisecond was 0.2 ms when this was written"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn a_large_cluster_is_sampled_in_well_under_a_millisecond() {
    let graph = graph(10, 20);
    let metric = |name: &str| OperatorMetric {
        operator: "operator".into(),
        name: name.into(),
        value: MetricValue::Integer(1),
    };
    let operators: OperatorMetrics = [metric("a"), metric("b")].into();
    let (mut state, mut recorder) = (State::default(), Recorder::default());
    let mut took = Vec::new();
    for tick in 1..200 {
        let jobs = (0..20).map(|number| {
            job(number, &graph, |_, _| {
                let metrics = TaskMetrics {
                    records_in: 1_000 * tick,
                    busy_ms: 5_000 * tick,
                    input_watermark: Timestamp::from_millis(NOW),
                    ..TaskMetrics::default()
                };
                subtask(metrics, operators.clone())
            })
        });
        let views = views(tick, jobs.collect());
        let start = std::time::Instant::now();
        state.sample(tick, &views, &mut recorder);
        took.push(start.elapsed());
    }
    took.sort_unstable();
    println!("median {:?}, longest {:?}", took[took.len() / 2], took[took.len() - 1]);
    assert!(took[took.len() / 2] < Duration::from_millis(1));
}

#[test]
fn the_latency_of_a_job_is_that_to_its_last_vertices() {
    let graph = graph(3, 2);
    let (mut state, mut recorder) = (State::default(), Recorder::default());
    let at = |tick: Tick| {
        job(1, &graph, |vertex, number| {
            let p99 = 10.0 * f64::from(vertex) + f64::from(number) + tick as f64;
            let summary = HistogramSummary { count: 2, p99, ..Default::default() };
            let id = VertexId::of_operators([vertex.to_string().as_str()]);
            let name = format!("latency.operator_id.{id}.operator_subtask_index.{number}.latency");
            let value = MetricValue::Histogram(summary);
            let latency = OperatorMetric { operator: "map".into(), name: name.as_str().into(), value };
            let metrics = Some(latency).filter(|_| vertex > 0 && tick > 1);
            subtask(TaskMetrics::default(), metrics.into_iter().collect())
        })
    };
    for tick in 1..4 {
        state.sample(tick, &views(tick, vec![at(tick)]), &mut recorder);
    }
    let subject = Subject::Job(JobId::from_bytes([1; 16]));
    let view = read(&recorder, &subject, &["latency"]);
    let expected = [
        "1.latency max [NaN, 13.0, 14.0]",
        "2.latency max [NaN, 23.0, 24.0]",
        "latency max [NaN, 23.0, 24.0]",
    ];
    assert_eq!(text(&view, &graph), expected);
    assert!(read(&recorder, &subject, &[]).series.iter().all(|series| !series.id.contains("operator_id")));
}
