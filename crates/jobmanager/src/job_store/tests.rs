use std::sync::Arc;

use flott_control::job_master::{CheckpointPointer, JobMasterConfig, LatestCheckpoint, RunRecord};
use flott_core::{
    AttemptNumber, CheckpointId, ExecutionState, FailureCause, FailureKind, HostId, JobGraph, JobStatus,
    JobType, JobVertex, OperatorInfo, VertexId,
    checkpoint::RestorePoint,
    job_config::{JobConfig, RuntimeMode},
    metrics::{MetricValue, OperatorMetric, TaskMetrics},
};
use tokio::sync::oneshot;

use super::*;
use crate::{
    ha::{HighAvailability, Leadership, SharedMemory},
    test_support::candidate,
    view::{
        AttemptView, CheckpointsView, ExceptionView, StateTimes, StatusTimes, SubmissionView, SubtaskView,
        TaskRates, VertexView,
    },
};

const JOB: JobId = JobId::from_bytes([7; 16]);

async fn lead(memory: &SharedMemory) -> (Leadership, JobStore) {
    let leadership = HighAvailability::join(memory.clone(), candidate()).campaign().await.unwrap();
    let store = JobStore::new(leadership.store());
    (leadership, store)
}

fn graph(name: &str) -> JobGraph {
    JobGraph {
        name: name.to_owned(),
        job_type: JobType::Streaming,
        runtime_mode: RuntimeMode::Streaming,
        parallelism: 1,
        vertices: vec![JobVertex {
            id: VertexId::of_operators(["numbers"]),
            name: "numbers".to_owned(),
            operators: vec![OperatorInfo { uid: "numbers".to_owned(), name: "numbers".to_owned() }],
            parallelism: 1,
            max_parallelism: 128,
            slot_sharing_group: "default".to_owned(),
            is_source: true,
        }],
        edges: Vec::new(),
        recovery: Default::default(),
    }
}

fn submission() -> SubmissionView {
    SubmissionView {
        artifact: "ab".repeat(32),
        artifact_id: Some("uuid_job".to_owned()),
        arguments: vec!["--input".to_owned(), "größe \u{0} \"x\"".to_owned()],
        entry: Some("main".to_owned()),
        savepoint: Some("file:/sp".to_owned()),
        config: JobConfig::default(),
        fingerprint: "cd".repeat(32),
    }
}

fn record(name: &str) -> JobRecord {
    JobRecord {
        graph: Arc::new(graph(name)),
        submission: Arc::new(submission()),
        settings: RecordedSettings::new(&JobMasterConfig::default(), 10, None),
        secret: [9; 32],
        checkpoint_dir: "s3://bucket/checkpoints/x".parse().unwrap(),
        is_prepared: true,
        savepoint_dir: Some("file:/sp".into()),
        restore: Some(RestorePoint {
            checkpoint_id: CheckpointId(4),
            metadata: "file:/sp/_metadata".to_owned(),
            owned: true,
        }),
        submitted_unix_ms: 1_795_390_000_000,
    }
}

fn view(name: &str, value: f64) -> JobView {
    let metric = |value| OperatorMetric { operator: "window".into(), name: "load".into(), value };
    let operators = [metric(MetricValue::Integer(3)), metric(MetricValue::Float(value))];
    let past = AttemptView {
        attempt: AttemptNumber(0),
        state: ExecutionState::Failed,
        times: StateTimes::default(),
        location: None,
        metrics: TaskMetrics::default(),
        operators: operators.clone().into(),
        failure: None,
    };
    let subtask = SubtaskView {
        attempt: AttemptNumber(1),
        state: ExecutionState::Finished,
        times: StateTimes::default(),
        location: None,
        metrics: TaskMetrics::default(),
        operators: operators.into(),
        rates: TaskRates::default(),
        past: [past].into(),
    };
    let mut status_times = StatusTimes::default();
    status_times.enter(JobStatus::Finished, 5);
    JobView {
        job_id: JOB,
        graph: Arc::new(graph(name)),
        submission: Arc::new(submission()),
        status: JobStatus::Finished,
        status_times,
        started_unix_ms: 1,
        ended_unix_ms: Some(5),
        modified_unix_ms: 5,
        vertices: vec![Arc::new(VertexView { subtasks: vec![subtask], counts: [0; 10] })],
        exceptions: Arc::default(),
        exceptions_dropped: 0,
        restarts: 1,
        restarting_ms: 40,
        checkpoint_dir: "file:/checkpoints/job".into(),
        checkpoints: Arc::new(CheckpointsView::default()),
        rescaling: Arc::default(),
    }
}

async fn only(store: &JobStore) -> StoredJob {
    let mut jobs = store.load().await.unwrap().jobs;
    assert_eq!(jobs.len(), 1);
    jobs.remove(&JOB).unwrap()
}

#[tokio::test]
async fn a_job_is_read_as_it_was_written() {
    let memory = SharedMemory::new(&std::env::temp_dir());
    let (leadership, store) = lead(&memory).await;
    store.submit(JOB, &record("job")).await.unwrap();
    let StoredJob::Live(job) = only(&store).await else { panic!("it is to run") };
    assert_eq!(job.record, record("job"));
    assert_eq!((job.run, job.checkpoints.clone(), job.is_canceled), Default::default());

    let run =
        || RunRecord { next_host: HostId(2), next_checkpoint: CheckpointId(33), ..RunRecord::default() };
    let latest =
        LatestCheckpoint { id: CheckpointId(7), metadata: "file:/c/_metadata".to_owned(), stops: false };
    let pointer = CheckpointPointer { latest: Some(latest), retained: Vec::new() };
    let (reply, mut canceled) = oneshot::channel();
    let mut writer = JobWriter::new(store.clone(), JOB);
    memory.hold(true);
    writer.push(Write::Run(RunRecord::default()));
    writer.push(Write::Run(run()));
    writer.push(Write::Pointer { checkpoint_id: CheckpointId(7), pointer: pointer.clone() });
    writer.push(Write::Cancel { reply });
    memory.hold(false);
    let first = writer.written().await.unwrap();
    assert!(matches!(&first[..], [Write::Run(first)] if *first == RunRecord::default()));
    let others = writer.written().await.unwrap();
    let [Write::Run(second), Write::Pointer { .. }, Write::Cancel { .. }] = &others[..] else {
        panic!("they come in their order")
    };
    assert_eq!(*second, run());
    drop(others);
    assert!(writer.written().await.is_none() && canceled.try_recv().is_err());

    leadership.resign().await;
    assert!(store.load().await.is_err_and(|error| error.is_lost()));
    let (_leadership, store) = lead(&memory).await;
    let StoredJob::Live(job) = only(&store).await else { panic!("it is to run") };
    assert_eq!((job.run, job.checkpoints, job.is_canceled), (run(), pointer, true));
}

#[tokio::test]
async fn the_result_takes_the_place_of_all_else() {
    let memory = SharedMemory::new(&std::env::temp_dir());
    let (_leadership, store) = lead(&memory).await;
    store.submit(JOB, &record("job")).await.unwrap();
    let mut writer = JobWriter::new(store.clone(), JOB);
    writer.push(Write::Run(RunRecord::default()));
    writer.end(&view("job", f64::NAN), None).await;
    assert_eq!(memory.keys(), [format!("jobs/{JOB}/result")]);
    let StoredJob::Ended(ended) = only(&store).await else { panic!("it has ended") };
    let operators = &ended.vertices[0].subtasks[0].operators;
    assert_eq!((operators.len(), &operators[0].value), (1, &MetricValue::Integer(3)));
    assert_eq!(ended.vertices[0].subtasks[0].past[0].operators.len(), 1);

    store.end(&view("job", 0.5), None).await.unwrap();
    let StoredJob::Ended(ended) = only(&store).await else { panic!("it has ended") };
    assert_eq!(*ended, view("job", 0.5));
    store.forget(&[JOB]).await.unwrap();
    assert!(memory.keys().is_empty());
}

#[tokio::test]
async fn what_a_job_has_left_is_known_until_it_is_gone() {
    let memory = SharedMemory::new(&std::env::temp_dir());
    let (_leadership, store) = lead(&memory).await;
    let cleanup = Cleanup {
        checkpoint_dir: "file:/c/job".parse().unwrap(),
        restore: None,
        files: vec!["file:/c/job/shared/x".to_owned()],
        directories: vec!["file:/c/job".to_owned()],
    };
    store.submit(JOB, &record("job")).await.unwrap();
    store.end(&view("job", 0.0), Some(&cleanup)).await.unwrap();
    assert_eq!(store.load().await.unwrap().cleanups[&JOB], cleanup);
    assert!(matches!(only(&store).await, StoredJob::Ended(_)));
    // Also when nobody remembers the job any more.
    store.forget(&[JOB]).await.unwrap();
    let stored = store.load().await.unwrap();
    assert_eq!((stored.jobs.len(), stored.cleanups.len()), (0, 1));
    store.cleaned_up(JOB).await;
    assert!(memory.keys().is_empty());
}

#[tokio::test]
async fn what_is_large_lies_in_a_file_that_goes_with_it() {
    let memory = SharedMemory::new(&std::env::temp_dir());
    let (leadership, store) = lead(&memory).await;
    let name = "x".repeat(300_000);
    store.submit(JOB, &record(&name)).await.unwrap();
    assert_eq!(leadership.store().list_blobs("").await.unwrap().len(), 1);
    let StoredJob::Live(job) = only(&store).await else { panic!("it is to run") };
    assert_eq!(job.record, record(&name));
    store.end(&view(&name, 0.0), None).await.unwrap();
    assert_eq!(leadership.store().list_blobs("").await.unwrap().len(), 1);
    let StoredJob::Ended(ended) = only(&store).await else { panic!("it has ended") };
    assert_eq!(ended.graph.name, name);

    // One that was never referred to, and one that is no job's.
    leadership.store().put_blob("job-left", "x".into()).await.unwrap();
    leadership.store().put_blob("artifact", "x".into()).await.unwrap();
    only(&store).await;
    store.forget(&[JOB]).await.unwrap();
    assert_eq!(leadership.store().list_blobs("").await.unwrap(), ["artifact"]);
}

#[tokio::test]
async fn damaged_records_set_their_job_aside_and_no_other() {
    let memory = SharedMemory::new(&std::env::temp_dir());
    let (_leadership, store) = lead(&memory).await;
    let other = JobId::from_bytes([8; 16]);
    store.submit(other, &record("other")).await.unwrap();
    for (kind, damage, reason) in [
        (Kind::Spec, "{", "EOF"),
        (Kind::Spec, r#"{"format":2,"record":{}}"#, "its format is 2"),
        (Kind::Spec, r#"{"format":1,"file":"job-gone"}"#, "its file job-gone is missing"),
        (Kind::Spec, r#"{"format":1}"#, "it is empty"),
        (Kind::Run, r#"{"format":1,"record":{"next_host":"x"}}"#, "next_host"),
        (Kind::Checkpoints, "\u{0}", "expected value"),
    ] {
        store.submit(JOB, &record("job")).await.unwrap();
        memory.damage(&kind.key(JOB), damage);
        let jobs = store.load().await.unwrap().jobs;
        let Some(StoredJob::Damaged { problem }) = jobs.get(&JOB) else { panic!("{damage}") };
        assert!(problem.contains(&kind.key(JOB)) && problem.contains(reason), "{problem}");
        assert!(matches!(jobs[&other], StoredJob::Live(_)));
        store.store.commit(vec![Op::delete(kind.key(JOB))]).await.unwrap();
        // The store itself sets aside what it can't read: then it is missing.
        let jobs = store.load().await.unwrap().jobs;
        let Some(StoredJob::Damaged { problem }) = jobs.get(&JOB) else { panic!("{damage}") };
        assert!(problem.contains("it is missing"), "{problem}");
    }
    // Fields of a later release do no harm.
    let json = serde_json::to_string(&view("job", 0.0)).unwrap().replacen('{', r#"{"new":1,"#, 1);
    memory.damage(&Kind::Result.key(JOB), codec::inline(json.into_bytes()));
    assert!(matches!(store.load().await.unwrap().jobs[&JOB], StoredJob::Ended(_)));
}

#[tokio::test]
async fn what_belongs_to_no_job_is_cleared_away() {
    let memory = SharedMemory::new(&std::env::temp_dir());
    let (_leadership, store) = lead(&memory).await;
    store.submit(JOB, &record("job")).await.unwrap();
    memory.damage(&Kind::Result.key(JOB), codec::inline(codec::to_json(&view("job", 0.0))));
    memory.damage("jobs/strange", "x");
    assert!(matches!(only(&store).await, StoredJob::Ended(_)));
    assert_eq!(memory.keys(), [format!("jobs/{JOB}/result"), "jobs/strange".to_owned()]);
}

#[tokio::test]
async fn a_job_does_not_end_as_an_earlier_one_of_its_id_has() {
    let memory = SharedMemory::new(&std::env::temp_dir());
    let (_leadership, store) = lead(&memory).await;
    let cleanup = Cleanup {
        checkpoint_dir: "file:/c/job".parse().unwrap(),
        restore: None,
        files: vec!["file:/c/job/shared/x".to_owned()],
        directories: Vec::new(),
    };
    store.submit(JOB, &record("earlier")).await.unwrap();
    store.end(&view("earlier", 0.0), Some(&cleanup)).await.unwrap();
    memory.damage(&Kind::Cancel.key(JOB), codec::inline(codec::to_json(&true)));
    store.submit(JOB, &record("job")).await.unwrap();
    let StoredJob::Live(job) = only(&store).await else { panic!("it is to run") };
    assert_eq!((job.record, job.is_canceled), (record("job"), false));
    assert!(store.load().await.unwrap().cleanups.is_empty());
}

/// A store that is full at present.
fn full() -> StoreError {
    StoreError::Failed(flott_ha::StoreError::Storage(flott_storage::Error::Failed {
        operation: flott_storage::Operation::Write,
        uri: "file:/blobs/x".parse().unwrap(),
        kind: flott_storage::FailureKind::Full,
        cause: "no space left".into(),
        attempts: 1,
    }))
}

fn too_large() -> StoreError {
    StoreError::Failed(flott_ha::StoreError::TooLarge { what: "it", size: 2, most: 1 })
}

#[tokio::test(start_paused = true)]
async fn a_job_has_ended_only_when_that_is_durable() {
    let memory = SharedMemory::new(&std::env::temp_dir());
    let (_leadership, store) = lead(&memory).await;
    store.submit(JOB, &record("job")).await.unwrap();
    (0..5).for_each(|_| memory.fail_next(full()));
    store.end_for_certain(&view("job", 0.0), None).await;
    assert_eq!(memory.keys(), [format!("jobs/{JOB}/result")]);
    let StoredJob::Ended(ended) = only(&store).await else { panic!("it has ended") };
    assert_eq!(*ended, view("job", 0.0));
}

#[tokio::test(start_paused = true)]
async fn of_a_result_that_is_too_large_the_outcome_is_kept() {
    let memory = SharedMemory::new(&std::env::temp_dir());
    let (_leadership, store) = lead(&memory).await;
    store.submit(JOB, &record("job")).await.unwrap();
    memory.fail_next(too_large());
    let mut whole = view("job", 0.0);
    let exception = ExceptionView {
        cause: FailureCause::new(FailureKind::Panic, "ö".repeat(100_000)),
        unix_ms: 4,
        task_name: None,
        location: None,
        concurrent: Vec::new(),
    };
    whole.exceptions = Arc::new(vec![exception; 3]);
    whole.status = JobStatus::Failed;
    store.end_for_certain(&whole, None).await;
    assert_eq!(memory.keys(), [format!("jobs/{JOB}/result")]);
    let StoredJob::Ended(ended) = only(&store).await else { panic!("it has ended") };
    assert_eq!((ended.status, ended.status_times), (JobStatus::Failed, whole.status_times));
    assert_eq!(ended.submission, whole.submission);
    assert_eq!((ended.exceptions.len(), ended.exceptions[0].cause.kind), (1, FailureKind::Panic));
    assert!(codec::to_json(&*ended).len() < 64 * 1024);
}

#[tokio::test(start_paused = true)]
async fn a_job_goes_on_when_its_records_can_be_stored_again() {
    let memory = SharedMemory::new(&std::env::temp_dir());
    let (_leadership, store) = lead(&memory).await;
    store.submit(JOB, &record("job")).await.unwrap();
    let mut writer = JobWriter::new(store.clone(), JOB);
    [full(), too_large(), full()].into_iter().for_each(|fault| memory.fail_next(fault));
    let run = || RunRecord { next_host: HostId(2), ..RunRecord::default() };
    writer.push(Write::Run(run()));
    let written = writer.written().await.unwrap();
    assert!(matches!(&written[..], [Write::Run(written)] if *written == run()));
    let StoredJob::Live(job) = only(&store).await else { panic!("it is to run") };
    assert_eq!(job.run, run());
    // What is never taken keeps the job from going on, but not from ending.
    (0..2).for_each(|_| memory.fail_next(too_large()));
    writer.push(Write::Run(RunRecord::default()));
    tokio::task::yield_now().await;
    writer.end(&view("job", 0.0), None).await;
    assert_eq!(memory.keys(), [format!("jobs/{JOB}/result")]);
}

#[tokio::test(start_paused = true)]
async fn records_that_can_not_be_read_just_now_are_read_later() {
    let memory = SharedMemory::new(&std::env::temp_dir());
    let (_leadership, store) = lead(&memory).await;
    store.submit(JOB, &record("job")).await.unwrap();
    memory.damage("jobs/x/result", "{}");
    memory.damage(
        &Kind::Result.key(JobId::from_bytes([9; 16])),
        codec::inline(codec::to_json(&view("old", 0.0))),
    );
    memory.damage(&Kind::Run.key(JobId::from_bytes([9; 16])), "{}");
    // What is superfluous is cleared away, which fails.
    (0..3).for_each(|_| memory.fail_next(full()));
    assert!(matches!(store.load().await.unwrap().jobs.get(&JOB), Some(StoredJob::Live(_))));
    (0..100).for_each(|_| memory.fail_next(full()));
    memory.damage(&Kind::Run.key(JobId::from_bytes([9; 16])), "{}");
    assert!(store.load().await.is_err(), "another process may fare better");
}
