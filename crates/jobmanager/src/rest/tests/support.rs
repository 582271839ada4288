//! A cluster made of canned views, and a client without a network.

mod diagnostics;
mod snapshots;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use axum::{body::Body, extract::Request, http::StatusCode, response::Response};
use bytes::Bytes;
use flott_control::job_master::{ManualCheckpoint, SnapshotTaken, WantedRequirements};
use flott_core::{
    AllocationId, AttemptNumber, ExecutionState, FailureCause, FailureKind, JobEdge, JobGraph, JobId,
    JobStatus, JobType, JobVertex, OperatorInfo, Partitioner, SlotIndex, TaskManagerId, TriggerId, VertexId,
    VertexIndex,
    job_config::{JobConfig, RuntimeMode},
    logs::LogQuery,
    metrics::{HistogramSummary, MetricValue, OperatorMetric, OperatorMetrics, TaskGauges, TaskMetrics},
    sdk::EntryInfo,
    time::Timestamp,
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub(super) use diagnostics::PROFILE;
pub(super) use snapshots::{BROKEN, DONE, UNDERWAY};

use crate::{
    ConfigEntry, Error, LogFile, LogStream, RunOptions, SavepointOptions,
    artifacts::ArtifactId,
    ha::LeaderInfo,
    history::{Aggregation, HistoryView, SeriesView, Subject, Wanted},
    rest::{
        Api, RestOptions,
        backend::{Answer, Backend, Daemon, Known, UploadStream},
        routes::{self, RestService},
    },
    view::{
        ArtifactView, AttemptView, CheckpointsView, ClusterOverview, ExceptionView, HardwareView, JobView,
        LeadershipState, LeadershipView, LogFileView, OwnAddresses, PlanView, ProblemView, ProcessMetrics,
        RescalingView, SlotView, StateTimes, StatusTimes, SubmissionView, SubtaskView, TaskHostView,
        TaskLocation, TaskManagerView, TaskRates, VertexView,
    },
};

pub(super) const RUNNING: &str = "11111111111111111111111111111111";
pub(super) const FINISHED: &str = "22222222222222222222222222222222";
pub(super) const FAILED: &str = "33333333333333333333333333333333";
pub(super) const CREATED: &str = "44444444444444444444444444444444";
pub(super) const UNKNOWN: &str = "deadbeefdeadbeefdeadbeefdeadbeef";
pub(super) const TASK_MANAGER: &str = "host1:6122-ab12cd";
pub(super) const ARTIFACT: &str = "ca384c44-fc85-4aec-bd86-3570d48be112_word-count";
pub(super) const LOG: &str = "the log of a daemon\n";
const START: i64 = 1_795_390_000_000;

/// The id of the second vertex, which is no source.
pub(super) fn vertex() -> VertexId {
    graph().vertices[1].id
}

/// What was asked of the cluster, and what it is to fail with.
#[derive(Default)]
pub(super) struct FakeCluster {
    pub(super) canceled: Mutex<Vec<JobId>>,
    pub(super) heartbeats: Mutex<Vec<(JobId, i64)>>,
    pub(super) runs: Mutex<Vec<RunOptions>>,
    pub(super) rescales: Mutex<Vec<(JobId, WantedRequirements)>>,
    pub(super) savepoints: Mutex<Vec<(JobId, SavepointOptions)>>,
    pub(super) checkpoints: Mutex<Vec<ManualCheckpoint>>,
    pub(super) disposed: Mutex<Vec<String>>,
    pub(super) deleted: Mutex<Vec<ArtifactId>>,
    pub(super) searched: Mutex<Vec<LogQuery>>,
    pub(super) uploaded_bytes: AtomicU64,
    pub(super) largest_chunk: AtomicU64,
    pub(super) shut_down: AtomicU64,
    pub(super) leader: Mutex<Option<LeaderInfo>>,
    pub(super) state: Mutex<LeadershipState>,
    pub(super) problems: Mutex<Vec<ProblemView>>,
    /// Makes the overview panic.
    pub(super) panics: AtomicBool,
    /// Makes the next upload, run or trigger fail.
    pub(super) failure: Mutex<Option<Error>>,
}

impl FakeCluster {
    fn fail(&self) -> Result<(), Error> {
        self.failure.lock().unwrap().take().map_or(Ok(()), Err)
    }
}

/// Where the cluster's JobManager is.
pub(super) fn own() -> OwnAddresses {
    OwnAddresses {
        instance_id: "own".to_owned(),
        rpc_address: "host1:6123".to_owned(),
        rest_address: "host1:8081".to_owned(),
    }
}

/// The service over a cluster, with these options.
pub(super) fn service_with(cluster: &Arc<FakeCluster>, options: RestOptions) -> RestService {
    routes::service(Api::new(Arc::clone(cluster), options))
}

/// The service over a new cluster.
pub(super) fn service() -> RestService {
    service_with(&Arc::default(), RestOptions::default())
}

/// A request as a client on this machine sends it.
pub(super) fn request(method: &str, uri: &str, body: impl Into<Body>) -> Request {
    Request::builder().method(method).uri(uri).header("host", "localhost:8081").body(body.into()).unwrap()
}

pub(super) async fn send(service: &RestService, request: Request) -> Response {
    service.clone().oneshot(request).await.unwrap()
}

pub(super) async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Status and JSON of an answer to a request with the body `{}`, which Flink's CLI sends with GET too.
pub(super) async fn ask(service: &RestService, method: &str, uri: &str) -> (StatusCode, Value) {
    let response = send(service, request(method, uri, "{}")).await;
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/json; charset=UTF-8", "{method} {uri}");
    (status, serde_json::from_str(&text(response).await).unwrap())
}

pub(super) async fn get(service: &RestService, uri: &str) -> Value {
    let (status, json) = ask(service, "GET", uri).await;
    assert!(status.is_success(), "{uri}: {status} {json}");
    json
}

pub(super) fn graph() -> JobGraph {
    let operator = |uid: &str, name: &str| OperatorInfo { uid: uid.to_owned(), name: name.to_owned() };
    let vertex = |operators: Vec<OperatorInfo>, is_source| JobVertex {
        id: VertexId::of_operators(operators.iter().map(|operator| operator.uid.as_str())),
        name: operators.iter().map(|operator| operator.name.as_str()).collect::<Vec<_>>().join(" -> "),
        operators,
        parallelism: 2,
        max_parallelism: 128,
        slot_sharing_group: "default".to_owned(),
        is_source,
    };
    JobGraph {
        name: "word <count>".to_owned(),
        job_type: JobType::Streaming,
        runtime_mode: RuntimeMode::Streaming,
        parallelism: 2,
        vertices: vec![
            vertex(vec![operator("s", "Source: text"), operator("f", "split <b>")], true),
            vertex(vec![operator("c", "count"), operator("p", "Sink: print")], false),
        ],
        edges: vec![JobEdge {
            source: VertexIndex(0),
            target: VertexIndex(1),
            partitioner: Partitioner::Hash,
        }],
        recovery: Default::default(),
    }
}

fn with_checkpoints() -> JobGraph {
    let mut graph = graph();
    graph.recovery.checkpoints.interval_ms = Some(60_000);
    graph
}

fn location() -> TaskLocation {
    TaskLocation { task_manager_id: TaskManagerId::new(TASK_MANAGER), endpoint: "host1:6122".to_owned() }
}

fn subtask(state: ExecutionState, index: u64) -> SubtaskView {
    let mut times = StateTimes::default();
    for (step, passed) in ExecutionState::ALL.into_iter().enumerate().filter(|(_, passed)| *passed <= state) {
        if !passed.is_terminal() && passed != ExecutionState::Canceling || passed == state {
            times.enter(passed, START + 10 * step as i64);
        }
    }
    let deployed = state >= ExecutionState::Deploying;
    let load = index as f64;
    let is_second = state == ExecutionState::Running;
    let past = is_second.then(|| AttemptView {
        attempt: AttemptNumber(0),
        state: ExecutionState::Failed,
        times: StateTimes::default(),
        location: Some(location()),
        metrics: TaskMetrics { records_in: 5, ..TaskMetrics::default() },
        operators: OperatorMetrics::default(),
        failure: None,
    });
    SubtaskView {
        attempt: AttemptNumber(u32::from(is_second)),
        state,
        times,
        location: deployed.then(location),
        metrics: if deployed {
            TaskMetrics {
                records_in: 100 + index,
                busy_ms: 7,
                input_watermark: Timestamp::from_millis(1_795_390_337_729 + index as i64),
                now: TaskGauges { input_credits: 8, input_queue: 2 + index as u32, ..TaskGauges::default() },
                ..TaskMetrics::default()
            }
        } else {
            TaskMetrics::default()
        },
        operators: if deployed { operators(index) } else { OperatorMetrics::default() },
        rates: TaskRates { records_in: 10.5 * load, backpressured_ms: 600.0 * load, ..TaskRates::default() },
        past: past.into_iter().collect(),
    }
}

/// The name of the latency to a subtask.
pub(super) fn latency(index: u64) -> String {
    format!(
        "latency.source_id.{}.operator_id.{}.operator_subtask_index.{index}.latency",
        "0a".repeat(16),
        "0b".repeat(16)
    )
}

fn operators(index: u64) -> OperatorMetrics {
    let metric =
        |name: &str, value| OperatorMetric { operator: "count by: key".into(), name: name.into(), value };
    let summary = HistogramSummary { count: 4, p99: 2.5, ..HistogramSummary::default() };
    [
        metric("numLateRecordsDropped", MetricValue::Integer(3 + index as i64)),
        metric("my.size", MetricValue::Histogram(summary)),
        metric("load", MetricValue::Float(if index == 0 { f64::NAN } else { 0.5 })),
        metric(&latency(index), MetricValue::Histogram(summary)),
    ]
    .into()
}

fn exception(kind: FailureKind) -> ExceptionView {
    let mut cause = FailureCause::new(kind, "index out of bounds").in_operator("count");
    cause.location = Some("src/main.rs:12:5".to_owned());
    cause.stderr_tail = Some("thread 'slot' panicked".to_owned());
    ExceptionView {
        cause,
        unix_ms: START + 50,
        task_name: Some("count -> Sink: print (2/2) - execution #0".to_owned()),
        location: Some(location()),
        concurrent: Vec::new(),
    }
}

fn job(id: &str, status: JobStatus, state: ExecutionState) -> Arc<JobView> {
    let mut status_times = StatusTimes::default();
    status_times.enter(JobStatus::Initializing, START);
    status_times.enter(status, START + 60);
    let subtasks: Vec<_> = (0..2).map(|index| subtask(state, index)).collect();
    let mut counts = [0; 10];
    counts[ExecutionState::ALL.iter().position(|other| *other == state).unwrap()] = 2;
    let vertex = Arc::new(VertexView { subtasks, counts });
    let failed = status == JobStatus::Failed;
    let exceptions = if failed {
        let root = exception(FailureKind::Panic);
        vec![
            ExceptionView { concurrent: vec![exception(FailureKind::ConnectionLost)], ..root.clone() },
            ExceptionView { task_name: None, location: None, ..root },
        ]
    } else {
        Vec::new()
    };
    Arc::new(JobView {
        job_id: id.parse().unwrap(),
        graph: Arc::new(if status == JobStatus::Running { with_checkpoints() } else { graph() }),
        submission: Arc::new(SubmissionView {
            artifact: "ab".repeat(32),
            artifact_id: Some(ARTIFACT.to_owned()),
            arguments: vec!["--input".to_owned(), "x".to_owned()],
            entry: None,
            config: JobConfig {
                settings: BTreeMap::from([("my.password".to_owned(), "hush".to_owned())]),
                ..JobConfig::default()
            },
            savepoint: None,
            fingerprint: "cd".repeat(32),
        }),
        status,
        status_times,
        started_unix_ms: START,
        ended_unix_ms: status.is_terminal().then_some(START + 100),
        modified_unix_ms: START + 60,
        vertices: vec![Arc::clone(&vertex), vertex],
        exceptions: Arc::new(exceptions),
        exceptions_dropped: 0,
        restarts: u64::from(status == JobStatus::Running),
        restarting_ms: 40,
        checkpoint_dir: "file:/checkpoints/job".into(),
        checkpoints: Arc::new(if status == JobStatus::Running {
            snapshots::checkpoints()
        } else {
            CheckpointsView::default()
        }),
        rescaling: Arc::new(if status == JobStatus::Running {
            rescaling()
        } else {
            RescalingView::default()
        }),
    })
}

/// One rescale that has found fewer slots than it wanted.
fn rescaling() -> RescalingView {
    let bounds = serde_json::json!([{"lower": 1, "upper": 4}, {"lower": 1, "upper": 4}]);
    let record = serde_json::json!({"number": 2, "wish": 1, "attempt": 1, "cause": "UPDATE_REQUIREMENT",
        "bounds": bounds, "before": [2, 2], "after": [3, 3],
        "spans": [{"state": "Executing", "entered": 5_000, "left": 9_000}],
        "started": 5_000, "ended": 9_000, "end": "SUCCEEDED",
        "message": "there are slots for 3 of those that were wanted"});
    let numbers = serde_json::json!({"count": 1, "sum": 4, "min": 4, "max": 4, "last": [4]});
    let none = serde_json::json!({"count": 0, "sum": 0, "min": 0, "max": 0, "last": []});
    let history = serde_json::json!({"completed": 1, "failed": 0, "ignored": 0, "total": 2,
        "durations": numbers, "completed_durations": numbers, "failed_durations": none,
        "ignored_durations": none, "latest_completed": record, "latest_failed": null,
        "latest_ignored": null, "records": [record]});
    serde_json::from_value(serde_json::json!({"bounds": bounds, "history": history, "zero_unix_ms": START}))
        .unwrap()
}

fn all_jobs() -> Vec<Arc<JobView>> {
    vec![
        job(CREATED, JobStatus::Created, ExecutionState::Scheduled),
        job(FAILED, JobStatus::Failed, ExecutionState::Failed),
        job(FINISHED, JobStatus::Finished, ExecutionState::Finished),
        job(RUNNING, JobStatus::Running, ExecutionState::Running),
    ]
}

fn task_manager() -> Arc<TaskManagerView> {
    let process =
        ProcessMetrics { resident_bytes: 1 << 24, peak_resident_bytes: 1 << 25, cpu_ms: 9, threads: 4 };
    let job_id: JobId = RUNNING.parse().unwrap();
    let slot = |index, job_id: Option<JobId>| SlotView {
        index: SlotIndex(index),
        job_id,
        allocation_id: job_id.map(|id| AllocationId::from_bytes(*id.as_bytes())),
    };
    Arc::new(TaskManagerView {
        id: TaskManagerId::new(TASK_MANAGER),
        rpc_address: "host1:6122".to_owned(),
        data_host: "host1".to_owned(),
        registered_unix_ms: START,
        last_heartbeat_unix_ms: START + 90,
        hardware: HardwareView { cpu_cores: 8, physical_memory: 1 << 34 },
        process,
        slots: vec![slot(0, Some(job_id)), slot(1, None)],
        task_hosts: vec![TaskHostView { job_id, pid: 77, process, subtasks: 4 }],
    })
}

fn artifact(name: &str) -> ArtifactView {
    ArtifactView {
        id: ArtifactId::from(ARTIFACT),
        name: name.to_owned(),
        digest: "ab".repeat(32),
        size: 5,
        uploaded_unix_ms: START,
        entries: vec![EntryInfo { name: "main".to_owned(), description: None }],
    }
}

fn ready<T: Send + 'static>(value: Result<T, Error>) -> Answer<'static, T> {
    std::future::ready(value).boxed()
}

impl Backend for Arc<FakeCluster> {
    fn overview(&self) -> Answer<'_, ClusterOverview> {
        assert!(!self.panics.load(Ordering::Relaxed), "a bug of ours");
        ready(Ok(ClusterOverview {
            task_managers: 1,
            slots_total: 2,
            slots_free: 1,
            jobs: all_jobs().iter().map(|job| (job.status, 1)).collect(),
        }))
    }

    fn jobs(&self) -> Answer<'_, Vec<Arc<JobView>>> {
        ready(Ok(all_jobs()))
    }

    fn job(&self, id: JobId) -> Answer<'_, Option<Arc<JobView>>> {
        ready(Ok(all_jobs().into_iter().find(|job| job.job_id == id)))
    }

    fn cancel(&self, id: JobId) -> Answer<'_, ()> {
        if all_jobs().iter().all(|job| job.job_id != id) {
            return ready(Err(Error::JobNotFound(id)));
        }
        self.canceled.lock().unwrap().push(id);
        ready(Ok(()))
    }

    fn client_heartbeat(&self, id: JobId, until_unix_ms: i64) -> Answer<'_, ()> {
        self.heartbeats.lock().unwrap().push((id, until_unix_ms));
        ready(Ok(()))
    }

    fn rescale(&self, id: JobId, wanted: WantedRequirements) -> Answer<'_, ()> {
        self.rescales.lock().unwrap().push((id, wanted));
        ready(self.fail())
    }

    fn trigger_savepoint(&self, id: JobId, options: SavepointOptions) -> Answer<'_, TriggerId> {
        let trigger = options.trigger_id.unwrap_or_else(|| DONE.parse().unwrap());
        self.savepoints.lock().unwrap().push((id, options));
        ready(self.fail().map(|()| trigger))
    }

    fn savepoint(&self, id: JobId, trigger: TriggerId) -> Answer<'_, Known<SnapshotTaken>> {
        ready(Ok(snapshots::of_job(id, trigger)))
    }

    fn trigger_checkpoint(
        &self,
        _id: JobId,
        wanted: ManualCheckpoint,
        trigger: Option<TriggerId>,
    ) -> Answer<'_, TriggerId> {
        self.checkpoints.lock().unwrap().push(wanted);
        ready(self.fail().map(|()| trigger.unwrap_or_else(|| DONE.parse().unwrap())))
    }

    fn checkpoint(&self, id: JobId, trigger: TriggerId) -> Answer<'_, Known<SnapshotTaken>> {
        ready(Ok(snapshots::of_job(id, trigger)))
    }

    fn dispose_savepoint<'a>(&'a self, path: &'a str, trigger: Option<TriggerId>) -> Answer<'a, TriggerId> {
        self.disposed.lock().unwrap().push(path.to_owned());
        ready(self.fail().map(|()| trigger.unwrap_or_else(|| DONE.parse().unwrap())))
    }

    fn disposal(&self, trigger: TriggerId) -> Answer<'_, Known<()>> {
        ready(Ok(snapshots::status(trigger, ())))
    }

    fn artifacts(&self) -> Answer<'_, Vec<ArtifactView>> {
        ready(Ok(vec![artifact("word-count")]))
    }

    fn upload<'a>(&'a self, name: &'a str, mut body: UploadStream<'a>) -> Answer<'a, ArtifactView> {
        async move {
            while let Some(chunk) = body.next().await {
                let length = chunk.map_err(Error::UploadBroken)?.len() as u64;
                self.uploaded_bytes.fetch_add(length, Ordering::Relaxed);
                self.largest_chunk.fetch_max(length, Ordering::Relaxed);
            }
            self.fail()?;
            Ok(artifact(name))
        }
        .boxed()
    }

    fn delete_artifact<'a>(&'a self, id: &'a ArtifactId) -> Answer<'a, ()> {
        if id.as_str() != ARTIFACT {
            return ready(Err(Error::ArtifactNotFound(id.clone())));
        }
        self.deleted.lock().unwrap().push(id.clone());
        ready(Ok(()))
    }

    fn plan<'a>(&'a self, id: &'a ArtifactId, options: RunOptions) -> Answer<'a, PlanView> {
        self.run(id, options)
            .map(|planned| planned.map(|_| PlanView { graph: graph(), entry: None, entries: Vec::new() }))
            .boxed()
    }

    fn run<'a>(&'a self, id: &'a ArtifactId, options: RunOptions) -> Answer<'a, JobId> {
        if id.as_str() != ARTIFACT {
            return ready(Err(Error::ArtifactNotFound(id.clone())));
        }
        self.runs.lock().unwrap().push(options);
        ready(self.fail().map(|()| RUNNING.parse().unwrap()))
    }

    fn task_managers(&self) -> Answer<'_, Vec<Arc<TaskManagerView>>> {
        ready(Ok(vec![task_manager()]))
    }

    fn task_manager<'a>(&'a self, id: &'a TaskManagerId) -> Answer<'a, Option<Arc<TaskManagerView>>> {
        ready(Ok((id.as_str() == TASK_MANAGER).then(task_manager)))
    }

    fn history<'a>(&'a self, of: &'a Subject, wanted: &'a Wanted) -> Answer<'a, HistoryView> {
        let series = |id: &str, vertex, aggregation, values: &[f32]| SeriesView {
            id: id.to_owned(),
            vertex,
            unit: "records/s",
            aggregation,
            values: if wanted.is_list { Vec::new() } else { values.to_vec() },
        };
        let of = match of {
            Subject::Cluster => "cluster".to_owned(),
            Subject::JobManager => "jobmanager".to_owned(),
            Subject::TaskManager(id) => id.to_string(),
            Subject::Job(id) => id.to_string(),
        };
        let own = if wanted.own { " own" } else { "" };
        let asked = format!("{of} {:?} {:?}{own}", wanted.ids, wanted.from);
        let of_vertex = wanted.vertices.iter().map(|vertex| {
            series("busyTimeMsPerSecond", Some(*vertex), Aggregation::Max, &[1.0 / 3.0, -2.0, 1e12])
        });
        let of_all = series(&asked, None, Aggregation::Sum, &[1.5, f32::NAN, 7.0]);
        ready(Ok(HistoryView { end: START, series: std::iter::once(of_all).chain(of_vertex).collect() }))
    }

    fn logs<'a>(&'a self, of: &'a Daemon) -> Answer<'a, Vec<LogFileView>> {
        if let Daemon::TaskManager(id) = of
            && id.as_str() != TASK_MANAGER
        {
            return ready(Err(Error::TaskManagerNotFound(id.clone())));
        }
        let file = |name: &str, size| LogFileView { name: name.to_owned(), size, modified_unix_ms: START };
        ready(Ok(vec![file("daemon.log", LOG.len() as u64), file("daemon.log.1", 0)]))
    }

    fn log<'a>(
        &'a self,
        of: &'a Daemon,
        file: LogFile,
        offset: u64,
        limit: Option<u64>,
    ) -> Answer<'a, LogStream> {
        async move {
            let listed = self.logs(of).await?;
            let content = match &file {
                LogFile::Log => LOG,
                LogFile::Named(name) if listed.iter().any(|log| log.name == *name) => {
                    if name == "daemon.log" { LOG } else { "" }
                }
                LogFile::Stdout | LogFile::Named(_) => return Err(file.not_found()),
            };
            let rest = &content.as_bytes()[content.len().min(offset as usize)..];
            let part = &rest[..rest.len().min(limit.unwrap_or(u64::MAX) as usize)];
            Ok(LogStream::new(futures::stream::iter([Ok(Bytes::copy_from_slice(part))])))
        }
        .boxed()
    }

    fn config_entries(&self) -> &[ConfigEntry] {
        static ENTRIES: std::sync::LazyLock<[ConfigEntry; 1]> = std::sync::LazyLock::new(|| {
            [ConfigEntry { key: "rest.port".to_owned(), value: "8081".to_owned() }]
        });
        &*ENTRIES
    }

    fn leadership(&self) -> LeadershipView {
        LeadershipView {
            leader: self.leader.lock().unwrap().clone(),
            own: own(),
            standbys: vec![own()],
            state: *self.state.lock().unwrap(),
            problems: self.problems.lock().unwrap().clone(),
        }
    }

    fn leader_changed(&self, _leader: LeaderInfo) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn process(&self) -> ProcessMetrics {
        ProcessMetrics { resident_bytes: 1 << 24, ..ProcessMetrics::default() }
    }

    fn cpu_load(&self) -> Option<f64> {
        Some(0.25)
    }

    fn shut_down(&self) {
        self.shut_down.fetch_add(1, Ordering::Relaxed);
    }
}
