//! Checkpoints and savepoints, from the user's wish to files, and back.

use std::{path::Path, time::Duration};

use flott_control::{
    job_master::{AfterSavepoint, ManualCheckpoint, SnapshotTaken},
    protocol::{CheckpointNotice, Order, TaskState},
};
use flott_core::{
    AttemptNumber, CheckpointId, FailureCause, FailureKind, JobGraph, JobId, JobStatus, SubtaskId, TriggerId,
    checkpoint::{Barrier, SnapshotKind, StopMode},
    job_config::{ClaimMode, JobConfig},
};
use flott_jobmanager::{
    Error, ErrorKind, OperationStatus, Rejection, RunOptions, SavepointOptions, artifacts::ArtifactId,
};
use flott_storage::{Storage, StorageOptions, StorageUri, load_metadata};

use crate::{
    fake_task_manager::FakeTaskManager,
    support::{TestCluster, graph, plan_of},
};

type Tasks = Vec<(SubtaskId, AttemptNumber)>;

/// A cluster with a directory for snapshots, and a job that runs on it.
struct Bench {
    dir: tempfile::TempDir,
    cluster: TestCluster,
    tm: FakeTaskManager,
}

impl Bench {
    async fn start(settings: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = format!("execution.checkpointing.dir={}/ck", dir.path().display());
        let settings: Vec<_> = settings.iter().copied().chain([checkpoints.as_str()]).collect();
        let cluster = TestCluster::start(&settings).await;
        let tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
        Self { dir, cluster, tm }
    }

    async fn run(&mut self, graph: JobGraph) -> (JobId, Tasks) {
        let submitted = self.cluster.handle().submit_graph(graph, JobConfig::default(), None);
        let job_id = submitted.await.unwrap();
        (job_id, self.tm.run_tasks(job_id).await)
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Where the next checkpoint begins that is ordered, and its barrier.
    async fn trigger(&mut self) -> (Barrier, Tasks) {
        match self.tm.next_job_order().await {
            Order::TriggerCheckpoint { barrier, tasks, .. } => (barrier, tasks),
            order => panic!("{order:?}"),
        }
    }

    async fn notice(&mut self) -> CheckpointNotice {
        match self.tm.next_job_order().await {
            Order::NotifyCheckpoint { notice, .. } => notice,
            order => panic!("{order:?}"),
        }
    }

    async fn savepoint(&self, job_id: JobId, trigger_id: TriggerId) -> Result<SnapshotTaken, FailureCause> {
        let ask = async || match self.cluster.handle().savepoint(job_id, trigger_id).await.unwrap() {
            Some(OperationStatus::Completed(result)) => Some(result),
            Some(OperationStatus::InProgress) => None,
            None => panic!("the operation is not known"),
        };
        self.cluster.eventually(ask).await
    }

    /// Takes a savepoint of a job that then goes on. Returns its directory.
    async fn take_savepoint(&mut self, job_id: JobId, tasks: &Tasks) -> String {
        let options = SavepointOptions { target: Some(self.path("sp")), ..SavepointOptions::default() };
        let trigger_id = self.cluster.handle().trigger_savepoint(job_id, options).await.unwrap();
        let (barrier, _) = self.trigger().await;
        self.tm.acknowledge(job_id, &barrier, tasks, b"state").await;
        self.savepoint(job_id, trigger_id).await.unwrap().location
    }

    async fn cancel(&mut self, job_id: JobId, tasks: &Tasks) {
        self.cluster.handle().cancel(job_id).await.unwrap();
        while !matches!(self.tm.next_job_order().await, Order::CancelTasks { .. }) {}
        self.tm.report_tasks(job_id, tasks, &TaskState::Canceled).await;
        assert_eq!(self.cluster.end_of(job_id).await.status, JobStatus::Canceled);
        assert!(matches!(self.tm.next_job_order().await, Order::ReleaseTaskHost { .. }));
    }

    async fn artifact(&self) -> ArtifactId {
        self.cluster.upload_fake_job().await.id
    }
}

fn storage() -> Storage {
    Storage::open(&StorageOptions::default())
}

fn from_savepoint(path: &str, graph: JobGraph) -> RunOptions {
    RunOptions { arguments: vec![plan_of(graph)], savepoint: Some(path.to_owned()), ..RunOptions::default() }
}

fn with_interval(interval: Duration) -> JobGraph {
    let mut graph = graph(1);
    graph.recovery.checkpoints.interval_ms = Some(interval.as_millis() as u64);
    graph
}

#[tokio::test]
async fn checkpoints_are_taken_stored_told_and_replaced() {
    let mut bench = Bench::start(&[]).await;
    let (job_id, tasks) = bench.run(with_interval(Duration::from_millis(10))).await;
    let directory = bench.dir.path().join("ck").join(job_id.to_string());
    assert_eq!(std::fs::read_to_string(directory.join(".flott-job")).unwrap(), job_id.to_string());
    for id in 1..=3 {
        let (barrier, begins) = bench.trigger().await;
        assert_eq!((barrier.id, begins), (CheckpointId(id), tasks[..1].to_vec()));
        bench.tm.acknowledge(job_id, &barrier, &tasks, b"four").await;
        assert_eq!(bench.notice().await, CheckpointNotice::Completed(CheckpointId(id)));
        assert!(directory.join(format!("chk-{id}/_metadata")).exists());
    }
    // The one before the last goes, in its own time.
    let gone = directory.join("chk-2");
    bench.cluster.eventually(async || (!gone.exists()).then_some(())).await;
    let job = bench.cluster.job_when(job_id, |job| job.checkpoints.statistics.counts.completed == 3).await;
    assert_eq!(job.checkpoint_dir.as_ref(), format!("file:{}", directory.display()));
    let latest = job.checkpoints.statistics.latest_completed.as_ref().unwrap();
    assert_eq!((latest.id, latest.totals.state_size), (CheckpointId(3), 8));
    assert!(job.checkpoints.unix_ms(latest.triggered_at) >= job.started_unix_ms);

    bench.cancel(job_id, &tasks).await;
    // Nothing is to be retained.
    bench.cluster.eventually(async || (!directory.exists()).then_some(())).await;
}

#[tokio::test]
async fn retained_checkpoints_stay_and_can_be_begun_with() {
    // The first job is forgotten at once, so that its id can be used again.
    let mut bench = Bench::start(&["web.history=0"]).await;
    let mut graph = with_interval(Duration::from_millis(10));
    graph.recovery.checkpoints.retention = flott_core::checkpoint::Retention::RetainOnCancellation;
    graph.recovery.checkpoints.min_pause_ms = 3_600_000;
    let (job_id, tasks) = bench.run(graph.clone()).await;
    let (barrier, _) = bench.trigger().await;
    bench.tm.acknowledge(job_id, &barrier, &tasks, b"state").await;
    assert_eq!(bench.notice().await, CheckpointNotice::Completed(barrier.id));
    bench.cancel(job_id, &tasks).await;

    let checkpoint = bench.path(&format!("ck/{job_id}/chk-1"));
    let artifact = bench.artifact().await;
    // Under the same id: what the first job has left is not the second one's to overwrite or to delete.
    let options = RunOptions { job_id: Some(job_id), ..from_savepoint(&checkpoint, graph) };
    let run = async || bench.cluster.handle().run(&artifact, options.clone()).await.ok();
    let second = bench.cluster.eventually(run).await;
    let view = bench.cluster.handle().job(second).await.unwrap().unwrap();
    assert_eq!(view.checkpoint_dir.as_ref(), format!("file:{}", bench.path(&format!("ck/{job_id}-2"))));
    let tasks = bench.tm.run_descriptors(second).await;
    let restore = tasks[0].restore.clone().unwrap();
    assert_eq!((restore.checkpoint_id, restore.owned), (CheckpointId(1), false));
    assert_eq!(restore.metadata, format!("file:{checkpoint}/_metadata"));
    // Numbers rise over the life of the state.
    let (barrier, _) = bench.trigger().await;
    assert_eq!(barrier.id, CheckpointId(2));
}

#[tokio::test]
async fn a_user_gets_a_checkpoint_of_a_job_that_takes_none_by_itself() {
    let mut bench = Bench::start(&[]).await;
    let (job_id, tasks) = bench.run(graph(1)).await;
    let directory = bench.dir.path().join("ck").join(job_id.to_string());
    assert!(!directory.exists());
    let handle = bench.cluster.handle().clone();
    let trigger_id = handle.trigger_checkpoint(job_id, ManualCheckpoint::Full, None).await.unwrap();
    assert_eq!(handle.checkpoint(job_id, trigger_id).await.unwrap(), Some(OperationStatus::InProgress));
    let (barrier, _) = bench.trigger().await;
    assert_eq!(barrier.kind, SnapshotKind::Checkpoint { full: true });
    assert!(directory.join(".flott-job").exists(), "it is there before anyone writes");
    bench.tm.acknowledge(job_id, &barrier, &tasks, b"state").await;
    assert_eq!(bench.notice().await, CheckpointNotice::Completed(barrier.id));
    let status = handle.checkpoint(job_id, trigger_id).await.unwrap();
    let Some(OperationStatus::Completed(Ok(taken))) = status else { panic!("{status:?}") };
    assert_eq!(taken.checkpoint_id, CheckpointId(1));
    let job = handle.job(job_id).await.unwrap().expect("the job is known");
    let latest = job.checkpoints.statistics.latest_completed.as_ref();
    assert_eq!(latest.map(|latest| latest.id), Some(CheckpointId(1)), "who was told of it finds it");
}

#[tokio::test]
async fn a_job_without_checkpoints_leaves_no_directory() {
    let mut bench = Bench::start(&[]).await;
    let (job_id, tasks) = bench.run(with_interval(Duration::from_secs(3_600))).await;
    let directory = bench.dir.path().join("ck").join(job_id.to_string());
    assert!(directory.exists());
    bench.tm.report_tasks(job_id, &tasks, &TaskState::Finished).await;
    assert_eq!(bench.cluster.end_of(job_id).await.status, JobStatus::Finished);
    bench.cluster.eventually(async || (!directory.exists()).then_some(())).await;
}

#[tokio::test]
async fn a_savepoint_is_taken_restored_and_disposed() {
    let mut bench = Bench::start(&[]).await;
    let (job_id, tasks) = bench.run(graph(1)).await;
    let location = bench.take_savepoint(job_id, &tasks).await;
    let name = format!("file:{}/savepoint-{:.6}-", bench.path("sp"), job_id.to_string());
    assert!(location.starts_with(&name), "{location}");
    let uri: StorageUri = location.parse().unwrap();
    let stored = load_metadata(&storage(), &uri).await.unwrap().metadata;
    assert_eq!((stored.job_id, stored.operators.len()), (job_id, 2));
    bench.cancel(job_id, &tasks).await;
    assert!(Path::new(uri.local_path().unwrap()).exists(), "it is the user's");

    let artifact = bench.artifact().await;
    let handle = bench.cluster.handle().clone();
    let options = RunOptions { claim_mode: Some(ClaimMode::Claim), ..from_savepoint(&location, graph(1)) };
    let second = handle.run(&artifact, options.clone()).await.unwrap();
    let tasks = bench.tm.run_descriptors(second).await;
    assert!(tasks.iter().all(|task| task.restore.as_ref().is_some_and(|restore| restore.owned)));
    let view = handle.job(second).await.unwrap().unwrap();
    assert_eq!(view.submission.savepoint.as_deref(), Some(location.as_str()));
    let restored =
        bench.cluster.job_when(second, |job| job.checkpoints.statistics.counts.restored == 1).await;
    assert!(restored.checkpoints.statistics.latest_restored.as_ref().unwrap().is_savepoint);

    let error = handle.run(&artifact, options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Conflict));
    assert!(error.to_string().contains(&format!("was claimed by job {second}")), "{error}");
    assert_eq!(handle.jobs().await.unwrap().len(), 2);

    // It belongs to a job that runs.
    let trigger_id = handle.dispose_savepoint(&location, None).await.unwrap();
    let disposed = async || match handle.disposal(trigger_id).await.unwrap().unwrap() {
        OperationStatus::Completed(result) => Some(result),
        OperationStatus::InProgress => None,
    };
    let cause = bench.cluster.eventually(disposed).await.unwrap_err();
    assert!(cause.message.contains("which still runs"), "{cause}");
}

#[tokio::test]
async fn savepoints_are_disposed_and_what_is_none_is_not() {
    let mut bench = Bench::start(&[]).await;
    let (job_id, tasks) = bench.run(graph(1)).await;
    let location = bench.take_savepoint(job_id, &tasks).await;
    let handle = bench.cluster.handle().clone();
    let dispose = async |path: &str| {
        let trigger_id = handle.dispose_savepoint(path, None).await.unwrap();
        let disposed = async || match handle.disposal(trigger_id).await.unwrap().unwrap() {
            OperationStatus::Completed(result) => Some(result),
            OperationStatus::InProgress => None,
        };
        bench.cluster.eventually(disposed).await
    };
    dispose(&location).await.unwrap();
    let uri: StorageUri = location.parse().unwrap();
    assert!(!uri.local_path().unwrap().exists());
    let cause = dispose(&location).await.unwrap_err();
    assert!(cause.message.contains("there is no checkpoint or savepoint at"), "{cause}");
    let error = handle.dispose_savepoint("relative", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Invalid));
}

#[tokio::test]
async fn a_job_stops_with_a_savepoint_which_is_known_afterwards() {
    let mut bench = Bench::start(&[]).await;
    let (job_id, tasks) = bench.run(graph(1)).await;
    let trigger_id = TriggerId::from_bytes([4; 16]);
    let options = SavepointOptions {
        target: Some(bench.path("sp")),
        then: AfterSavepoint::Stop(StopMode::Drain),
        trigger_id: Some(trigger_id),
        ..SavepointOptions::default()
    };
    let handle = bench.cluster.handle().clone();
    for _ in 0..2 {
        // An impatient client asks twice and gets one.
        assert_eq!(handle.trigger_savepoint(job_id, options.clone()).await.unwrap(), trigger_id);
    }
    let other = SavepointOptions { then: AfterSavepoint::GoOn, ..options };
    let error = handle.trigger_savepoint(job_id, other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Conflict));

    let (barrier, _) = bench.trigger().await;
    assert_eq!(barrier.stop(), Some(StopMode::Drain));
    bench.tm.acknowledge(job_id, &barrier, &tasks, b"state").await;
    assert_eq!(bench.notice().await, CheckpointNotice::Completed(barrier.id));
    assert_eq!(handle.savepoint(job_id, trigger_id).await.unwrap(), Some(OperationStatus::InProgress));
    bench.tm.report_tasks(job_id, &tasks, &TaskState::Finished).await;
    assert_eq!(bench.cluster.end_of(job_id).await.status, JobStatus::Finished);
    let taken = bench.savepoint(job_id, trigger_id).await.unwrap();
    assert!(load_metadata(&storage(), &taken.location.parse().unwrap()).await.is_ok());
    assert_eq!(handle.savepoint(job_id, TriggerId::from_bytes([9; 16])).await.unwrap(), None);
}

#[tokio::test]
async fn storage_that_fails_fails_the_savepoint_and_not_the_job() {
    let mut bench = Bench::start(&[]).await;
    let (job_id, tasks) = bench.run(graph(1)).await;
    let file = bench.dir.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let options =
        SavepointOptions { target: Some(file.display().to_string()), ..SavepointOptions::default() };
    let trigger_id = bench.cluster.handle().trigger_savepoint(job_id, options).await.unwrap();
    let (barrier, _) = bench.trigger().await;
    bench.tm.acknowledge(job_id, &barrier, &tasks, b"state").await;
    assert_eq!(bench.notice().await, CheckpointNotice::Aborted(barrier.id));
    let cause = bench.savepoint(job_id, trigger_id).await.unwrap_err();
    assert!(cause.to_string().contains("file/savepoint-"), "{cause}");
    let job = bench.cluster.handle().job(job_id).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Running);
}

#[tokio::test]
async fn savepoints_need_a_place_and_a_job() {
    let mut bench = Bench::start(&[]).await;
    let (job_id, _) = bench.run(graph(1)).await;
    let handle = bench.cluster.handle().clone();
    let error = handle.trigger_savepoint(job_id, SavepointOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::NoSavepointDirectory), "{error}");
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Invalid));
    let relative = SavepointOptions { target: Some("sp".to_owned()), ..SavepointOptions::default() };
    let error = handle.trigger_savepoint(job_id, relative).await.unwrap_err();
    assert!(error.to_string().contains("target-directory: the path \"sp\" is relative"), "{error}");

    let unknown = JobId::from_bytes([1; 16]);
    for target in [None, Some(bench.path("sp"))] {
        let options = SavepointOptions { target, ..SavepointOptions::default() };
        let trigger_id = handle.trigger_savepoint(unknown, options).await.unwrap();
        let cause = bench.savepoint(unknown, trigger_id).await.unwrap_err();
        assert_eq!(cause.kind, FailureKind::UserError);
        assert!(cause.message.contains(&format!("there is no running job {unknown}")), "{cause}");
    }
}

#[tokio::test]
async fn a_configured_place_is_used_for_savepoints() {
    let dir = tempfile::tempdir().unwrap();
    let setting = format!("execution.checkpointing.savepoint-dir={}", dir.path().display());
    let mut bench = Bench::start(&[&setting]).await;
    let (job_id, tasks) = bench.run(graph(1)).await;
    let options = SavepointOptions { then: AfterSavepoint::Cancel, ..SavepointOptions::default() };
    let trigger_id = bench.cluster.handle().trigger_savepoint(job_id, options).await.unwrap();
    let (barrier, _) = bench.trigger().await;
    bench.tm.acknowledge(job_id, &barrier, &tasks, b"state").await;
    let taken = bench.savepoint(job_id, trigger_id).await.unwrap();
    assert!(taken.location.starts_with(&format!("file:{}/savepoint-", dir.path().display())), "{taken:?}");
    while !matches!(bench.tm.next_job_order().await, Order::CancelTasks { .. }) {}
    bench.tm.report_tasks(job_id, &tasks, &TaskState::Canceled).await;
    assert_eq!(bench.cluster.end_of(job_id).await.status, JobStatus::Canceled);
}

#[tokio::test]
async fn a_job_that_does_not_fit_its_savepoint_is_not_made() {
    let mut bench = Bench::start(&[]).await;
    let (job_id, tasks) = bench.run(graph(1)).await;
    let location = bench.take_savepoint(job_id, &tasks).await;
    let artifact = bench.artifact().await;
    let handle = bench.cluster.handle().clone();

    let mut renamed = graph(1);
    renamed.vertices[1].operators[0].uid = "other".to_owned();
    let options = from_savepoint(&location, renamed.clone());
    let error = handle.run(&artifact, options.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Program));
    assert!(error.to_string().contains("uid sink"), "{error}");

    let missing = from_savepoint(&bench.path("nothing"), graph(1));
    let error = handle.run(&artifact, missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Program));
    assert!(error.to_string().contains("there is no checkpoint or savepoint at"), "{error}");
    assert_eq!(handle.jobs().await.unwrap().len(), 1);

    let allowed = RunOptions { allow_non_restored_state: Some(true), ..options };
    handle.run(&artifact, allowed).await.unwrap();
    assert_eq!(handle.jobs().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_directory_for_checkpoints_that_cannot_be_made_is_named_when_a_job_is_submitted() {
    let bench = Bench::start(&[]).await;
    std::fs::write(bench.dir.path().join("ck"), "in the way").unwrap();
    let submitted = bench.cluster.handle().submit_graph(
        with_interval(Duration::from_secs(1)),
        JobConfig::default(),
        None,
    );
    let error = submitted.await.unwrap_err();
    assert!(error.to_string().contains("execution.checkpointing.dir"), "{error}");
    assert!(bench.cluster.handle().jobs().await.unwrap().is_empty());
}
