//! JobManagers that die, and others that go on where they were.

use std::time::Duration;

use flott_control::protocol::{Order, SplitMark, TaskState};
use flott_core::{
    ExecutionState, FailureKind, JobId, JobStatus, checkpoint::CheckpointSettings, job_config::JobConfig,
};
use flott_jobmanager::{Error, ErrorKind, RunOptions, SharedMemory, view::LeadershipState};
use flott_rpc::pb;

use crate::{
    fake_task_manager::FakeTaskManager,
    support::{TestCluster, fake_job, graph, plan_of},
};

const JOB: JobId = JobId::from_bytes([5; 16]);

/// What outlives the JobManagers of one test.
struct Bench {
    dir: tempfile::TempDir,
    memory: SharedMemory,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { memory: SharedMemory::new(dir.path()), dir }
    }

    /// A JobManager that leads.
    async fn leader(&self) -> TestCluster {
        self.leader_with(&[]).await
    }

    async fn leader_with(&self, settings: &[&str]) -> TestCluster {
        let cluster = TestCluster::join(&self.memory, settings).await;
        cluster.becomes(LeadershipState::Leading).await;
        cluster
    }
}

async fn submit(cluster: &TestCluster) -> Result<JobId, Error> {
    cluster.handle().submit_graph(graph(1), JobConfig::default(), Some(JOB)).await
}

#[tokio::test]
async fn a_job_that_runs_is_adopted_and_notices_nothing() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    submit(&cluster).await.unwrap();
    let tasks = tm.run_descriptors(JOB).await;
    let before = cluster.job_when(JOB, |job| job.count(ExecutionState::Running) == 2).await;
    drop(cluster);

    let cluster = bench.leader().await;
    let jobs = vec![tm.local_job(JOB, &tasks)];
    tm.move_to(cluster.job_manager.rpc_addr, jobs).await;
    let after = cluster.job_when(JOB, |job| job.count(ExecutionState::Running) == 2).await;
    assert_eq!((after.status, after.restarts), (JobStatus::Running, 0));
    assert_eq!(after.started_unix_ms, before.started_unix_ms);
    assert_eq!(after.vertices[0].subtasks[0].attempt, tasks[0].attempt);
    let tasks: Vec<_> = tasks.iter().map(|task| (task.subtask, task.attempt)).collect();
    tm.report_tasks(JOB, &tasks, &TaskState::Finished).await;
    let ended = cluster.end_of(JOB).await;
    assert_eq!((ended.status, ended.exceptions.len()), (JobStatus::Finished, 0));
    // The first order since is the last one.
    let order = tm.next_job_order().await;
    assert!(matches!(order, Order::ReleaseTaskHost { .. }), "{order:?}");
}

#[tokio::test]
async fn a_directory_of_this_machine_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    let location = format!("high-availability.storageDir={}", dir.path().display());
    let settings = ["high-availability.type=file", location.as_str()];
    let cluster = TestCluster::start(&settings).await;
    let epoch = cluster.handle().leadership().leader.unwrap().epoch;
    let artifact = cluster.upload_fake_job().await;
    let options =
        RunOptions { job_id: Some(JOB), arguments: vec![plan_of(graph(1))], ..RunOptions::default() };
    cluster.handle().run(&artifact.id, options.clone()).await.unwrap();
    assert_eq!(cluster.job_manager.stop().await, flott_jobmanager::Ended::Stopped);

    let cluster = TestCluster::start(&settings).await;
    assert!(cluster.handle().leadership().leader.unwrap().epoch > epoch);
    assert_eq!(cluster.handle().artifacts().await.unwrap(), std::slice::from_ref(&artifact));
    let job = cluster.handle().job(JOB).await.unwrap().unwrap();
    assert!(!job.status.is_terminal());
    assert!(job.checkpoint_dir.contains(dir.path().to_str().unwrap()), "{}", job.checkpoint_dir);
    assert_eq!(cluster.handle().run(&artifact.id, options).await.unwrap(), JOB);
    cluster.handle().cancel(JOB).await.unwrap();
    let ended = cluster.end_of(JOB).await;
    assert_eq!(ended.status, JobStatus::Canceled);
    assert_eq!(cluster.job_manager.stop().await, flott_jobmanager::Ended::Stopped);

    let cluster = TestCluster::start(&settings).await;
    assert_eq!(*cluster.handle().job(JOB).await.unwrap().unwrap(), *ended);
}

#[tokio::test]
async fn checkpoints_go_on_after_the_last_one() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let mut job = graph(1);
    job.recovery.checkpoints = CheckpointSettings { interval_ms: Some(20), ..CheckpointSettings::default() };
    cluster.handle().submit_graph(job, JobConfig::default(), Some(JOB)).await.unwrap();
    let descriptors = tm.run_descriptors(JOB).await;
    let tasks: Vec<_> = descriptors.iter().map(|task| (task.subtask, task.attempt)).collect();
    let first = next_checkpoint(&mut tm).await;
    tm.acknowledge(JOB, &first, &tasks, b"one").await;
    cluster.job_when(JOB, |job| job.checkpoints.statistics.counts.completed == 1).await;
    // The next one is under way when the JobManager dies.
    let second = next_checkpoint(&mut tm).await;
    assert!(second.id > first.id);
    assert!(bench.memory.keys().contains(&format!("jobs/{JOB}/checkpoints")));
    drop(cluster);

    let cluster = bench.leader().await;
    let mut report = tm.local_job(JOB, &descriptors);
    report.last_checkpoint = Some(second.id);
    // All splits that it has been handed are in the last checkpoint that is complete here: none.
    report.splits[0].marks = vec![SplitMark { checkpoint_id: first.id, last_answered: 0, last_report: None }];
    let jobs = vec![report];
    tm.move_to(cluster.job_manager.rpc_addr, jobs).await;
    let third = next_checkpoint(&mut tm).await;
    assert!(third.id > second.id, "a number is never used again: {} after {}", third.id, second.id);
    tm.acknowledge(JOB, &third, &tasks, b"two").await;
    let job = cluster.job_when(JOB, |job| job.checkpoints.statistics.counts.completed == 1).await;
    assert_eq!((job.status, job.restarts), (JobStatus::Running, 0));
}

/// The barrier of the next checkpoint that is ordered.
async fn next_checkpoint(tm: &mut FakeTaskManager) -> flott_core::checkpoint::Barrier {
    loop {
        match tm.next_job_order().await {
            Order::TriggerCheckpoint { barrier, .. } => return barrier,
            Order::NotifyCheckpoint { .. } => {}
            order => panic!("{order:?}"),
        }
    }
}

#[tokio::test]
async fn a_job_is_told_of_when_it_is_durable_and_not_before() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    bench.memory.hold(true);
    let waits = tokio::time::timeout(Duration::from_millis(50), submit(&cluster)).await;
    assert!(waits.is_err() && cluster.handle().jobs().await.unwrap().is_empty());
    // Who asks again meanwhile waits too.
    let (again, ()) = tokio::join!(submit(&cluster), async { bench.memory.hold(false) });
    assert_eq!(again.unwrap(), JOB);
    assert!(bench.memory.keys().contains(&format!("jobs/{JOB}/spec")));
    drop(cluster);

    let cluster = bench.leader().await;
    assert_eq!(cluster.handle().jobs().await.unwrap().len(), 1);
    assert_eq!(submit(&cluster).await.unwrap(), JOB);
    let different = cluster.handle().submit_graph(
        graph(2),
        JobConfig { parallelism: 2, ..JobConfig::default() },
        Some(JOB),
    );
    assert!(matches!(different.await, Err(Error::JobExists(JOB))));
    assert_eq!(cluster.handle().jobs().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_submission_whose_fate_is_not_known_is_said_to_be_so() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    bench.memory.hold(true);
    let deposed = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        bench.memory.depose();
    };
    let (submitted, ()) = tokio::join!(submit(&cluster), deposed);
    let error = submitted.unwrap_err();
    assert!(matches!(error, Error::SubmissionUnknown(JOB)), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn what_a_user_has_canceled_stays_canceled() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    submit(&cluster).await.unwrap();
    let tasks = tm.run_descriptors(JOB).await;
    cluster.handle().cancel(JOB).await.unwrap();
    assert!(bench.memory.keys().contains(&format!("jobs/{JOB}/cancel")));
    assert!(matches!(tm.next_job_order().await, Order::CancelTasks { .. }));
    drop(cluster);

    let cluster = bench.leader().await;
    let jobs = vec![tm.local_job(JOB, &tasks)];
    tm.move_to(cluster.job_manager.rpc_addr, jobs).await;
    let Order::CancelTasks { tasks, .. } = tm.next_job_order().await else { panic!("it is canceled again") };
    tm.report_tasks(JOB, &tasks, &TaskState::Canceled).await;
    assert_eq!(cluster.end_of(JOB).await.status, JobStatus::Canceled);
    // What remains to be deleted of a job is durable until it is done, which may be after its end is told.
    cluster.eventually(async || (bench.memory.keys() == [format!("jobs/{JOB}/result")]).then_some(())).await;
}

#[tokio::test]
async fn nobody_hears_of_an_end_that_is_not_durable() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    submit(&cluster).await.unwrap();
    let tasks = tm.run_tasks(JOB).await;
    bench.memory.hold(true);
    tm.report_tasks(JOB, &tasks, &TaskState::Finished).await;
    let waits = tokio::time::timeout(Duration::from_millis(50), cluster.handle().wait_for_end(JOB)).await;
    assert!(waits.is_err());
    assert_eq!(cluster.handle().job(JOB).await.unwrap().unwrap().status, JobStatus::Running);
    bench.memory.hold(false);
    let ended = cluster.end_of(JOB).await;
    assert_eq!(ended.status, JobStatus::Finished);
    assert!(matches!(tm.next_job_order().await, Order::ReleaseTaskHost { .. }));
    drop(cluster);

    let cluster = bench.leader_with(&["web.history=1"]).await;
    let known = cluster.handle().job(JOB).await.unwrap().unwrap();
    assert_eq!(*known, *ended);
    assert_eq!(submit(&cluster).await.unwrap(), JOB, "it does not run again");
    assert_eq!(cluster.handle().job(JOB).await.unwrap().unwrap().status, JobStatus::Finished);
    // The history is bounded in the store as well.
    let (other, cause) = (JobId::from_bytes([6; 16]), "boom");
    cluster.handle().submit_graph(graph(1), JobConfig::default(), Some(other)).await.unwrap();
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-2", 1).await;
    let tasks = tm.run_tasks(other).await;
    let cause = flott_core::FailureCause::new(FailureKind::UserError, cause);
    tm.report_tasks(other, &tasks[..1], &TaskState::Failed(cause)).await;
    if let Order::CancelTasks { tasks, .. } = tm.next_job_order().await {
        tm.report_tasks(other, &tasks, &TaskState::Canceled).await;
    }
    assert_eq!(cluster.end_of(other).await.status, JobStatus::Failed);
    cluster
        .eventually(async || (bench.memory.keys() == [format!("jobs/{other}/result")]).then_some(()))
        .await;
}

#[tokio::test]
async fn a_leader_that_is_not_sure_changes_nothing_and_goes_on_later() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    submit(&cluster).await.unwrap();
    bench.memory.suspend(true);
    cluster.becomes(LeadershipState::Suspended).await;
    for refused in [
        cluster.handle().cancel(JOB).await.unwrap_err(),
        submit(&cluster).await.unwrap_err(),
        cluster.upload(b"x").await.unwrap_err(),
    ] {
        assert!(matches!(refused, Error::NoLeader), "{refused}");
    }
    assert_eq!(cluster.handle().jobs().await.unwrap().len(), 1);
    // Heartbeats go on.
    tm.send_metrics(JOB, &[], Default::default()).await;
    bench.memory.suspend(false);
    let tasks = tm.run_tasks(JOB).await;
    tm.report_tasks(JOB, &tasks, &TaskState::Finished).await;
    assert_eq!(cluster.end_of(JOB).await.status, JobStatus::Finished);
}

#[tokio::test]
async fn a_leader_that_is_deposed_leaves_its_jobs_alone() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    let standby = TestCluster::join(&bench.memory, &[]).await;
    standby.becomes(LeadershipState::Standby).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    submit(&cluster).await.unwrap();
    let tasks = tm.run_descriptors(JOB).await;
    let epoch = tm.fence.epoch;
    bench.memory.depose();
    // Its stream ends, but no order comes.
    while tm.heartbeat_answer().await.is_some() {}
    cluster.eventually(async || (cluster.handle().leadership().leader).filter(|it| it.epoch > epoch)).await;
    let leader = cluster.handle().leadership().leader.unwrap();
    let leading = [&cluster, &standby]
        .into_iter()
        .find(|it| it.handle().leadership().own.instance_id == leader.instance_id)
        .unwrap();
    leading.becomes(LeadershipState::Leading).await;
    let jobs = vec![tm.local_job(JOB, &tasks)];
    tm.move_to(leading.job_manager.rpc_addr, jobs).await;
    let job = leading.job_when(JOB, |job| job.count(ExecutionState::Running) == 2).await;
    assert_eq!(job.restarts, 0);
}

#[tokio::test]
async fn a_leader_that_is_told_to_end_leaves_its_jobs_alone() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    submit(&cluster).await.unwrap();
    let tasks = tm.run_descriptors(JOB).await;
    cluster.handle().shut_down();
    while tm.heartbeat_answer().await.is_some() {}
    assert_eq!(cluster.job_manager.ended().await, flott_jobmanager::Ended::Stopped);

    let cluster = bench.leader().await;
    let jobs = vec![tm.local_job(JOB, &tasks)];
    tm.move_to(cluster.job_manager.rpc_addr, jobs).await;
    let job = cluster.job_when(JOB, |job| job.count(ExecutionState::Running) == 2).await;
    assert_eq!(job.restarts, 0);
}

#[tokio::test]
async fn artifacts_survive_also_those_of_jobs_whose_upload_was_deleted() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    let (kept, deleted) = (cluster.upload_fake_job().await, cluster.upload_fake_job().await);
    let options =
        RunOptions { job_id: Some(JOB), arguments: vec![plan_of(graph(1))], ..RunOptions::default() };
    cluster.handle().run(&deleted.id, options).await.unwrap();
    cluster.handle().delete_artifact(&deleted.id).await.unwrap();
    drop(cluster);

    let cluster = bench.leader().await;
    let known: Vec<_> = cluster.handle().artifacts().await.unwrap().into_iter().map(|it| it.id).collect();
    assert_eq!(known, std::slice::from_ref(&kept.id));
    cluster.handle().delete_artifact(&kept.id).await.unwrap();
    let blob = bench.dir.path().join("artifacts/blobs").join(&kept.digest);
    assert!(blob.exists(), "the job needs it");
    cluster.handle().cancel(JOB).await.unwrap();
    assert_eq!(cluster.end_of(JOB).await.status, JobStatus::Canceled);
    cluster.eventually(async || (!blob.exists()).then_some(())).await;
}

#[tokio::test]
async fn artifacts_follow_their_leader_to_another_machine() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench { memory: SharedMemory::spread(dir.path()), dir };
    let cluster = bench.leader().await;
    let (kept, deleted) = (cluster.upload_fake_job().await, cluster.upload_fake_job().await);
    cluster.handle().delete_artifact(&deleted.id).await.unwrap();
    let unknown = cluster.handle().delete_artifact(&deleted.id).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    assert!(!bench.dir.path().join("artifacts").exists());
    drop(cluster);

    let cluster = bench.leader().await;
    let artifacts = cluster.handle().artifacts().await.unwrap();
    assert_eq!(artifacts, std::slice::from_ref(&kept));
    let options =
        RunOptions { job_id: Some(JOB), arguments: vec![plan_of(graph(1))], ..RunOptions::default() };
    cluster.handle().run(&kept.id, options).await.unwrap();
    cluster.handle().delete_artifact(&kept.id).await.unwrap();
    drop(cluster);

    // The job needs it, so TaskManagers still get it.
    let cluster = bench.leader().await;
    assert!(cluster.handle().artifacts().await.unwrap().is_empty());
    let channel = flott_rpc::tcp_channel(&cluster.job_manager.rpc_addr.to_string()).unwrap();
    let download = || pb::DownloadRequest { digest: kept.digest.clone(), offset: 0 };
    let mut client = flott_rpc::artifacts_client(channel);
    let mut pieces = client.download(download()).await.unwrap().into_inner();
    let mut content = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        content.extend_from_slice(&piece.data);
    }
    assert_eq!(content, fake_job());
    cluster.handle().cancel(JOB).await.unwrap();
    assert_eq!(cluster.end_of(JOB).await.status, JobStatus::Canceled);
    drop(cluster);

    let cluster = bench.leader().await;
    let channel = flott_rpc::tcp_channel(&cluster.job_manager.rpc_addr.to_string()).unwrap();
    let gone = flott_rpc::artifacts_client(channel).download(download()).await.unwrap_err();
    assert_eq!(gone.code(), tonic::Code::NotFound, "{gone}");
}

#[tokio::test]
async fn what_can_not_be_read_costs_its_own_job_only() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    let other = JobId::from_bytes([6; 16]);
    submit(&cluster).await.unwrap();
    cluster.handle().submit_graph(graph(1), JobConfig::default(), Some(other)).await.unwrap();
    drop(cluster);
    bench.memory.damage(&format!("jobs/{JOB}/spec"), "{ half");

    let cluster = bench.leader().await;
    let damaged = cluster.handle().job(JOB).await.unwrap().unwrap();
    assert_eq!(damaged.status, JobStatus::Failed);
    assert!(damaged.root_cause().unwrap().message.contains("spec can't be read"), "{:?}", damaged.exceptions);
    assert!(bench.memory.keys().contains(&format!("jobs/{JOB}/spec")), "it is left as it is");
    assert!(matches!(submit(&cluster).await, Err(Error::JobExists(JOB))));
    assert!(!cluster.handle().job(other).await.unwrap().unwrap().status.is_terminal());
}

#[tokio::test]
async fn a_job_whose_checkpoint_is_gone_fails_and_names_it() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    submit(&cluster).await.unwrap();
    drop(cluster);
    let metadata = bench.dir.path().join("gone/_metadata");
    let pointer = format!(
        r#"{{"format":1,"record":{{"latest":{{"id":7,"metadata":"file:{}","stops":false}},"retained":[]}}}}"#,
        metadata.display()
    );
    bench.memory.damage(&format!("jobs/{JOB}/checkpoints"), pointer);

    let cluster = bench.leader().await;
    let job = cluster.job_when(JOB, |job| job.status.is_terminal()).await;
    let cause = job.root_cause().unwrap();
    assert_eq!((job.status, cause.kind), (JobStatus::Failed, FailureKind::CheckpointUnreadable));
    assert!(cause.message.contains("gone/_metadata"), "{cause}");
    // What remains to be deleted of a job is durable until it is done, which may be after its end is told.
    cluster.eventually(async || (bench.memory.keys() == [format!("jobs/{JOB}/result")]).then_some(())).await;
}

#[tokio::test]
async fn a_job_whose_storage_does_not_answer_keeps_no_other_waiting() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    let other = JobId::from_bytes([6; 16]);
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    cluster.handle().submit_graph(graph(1), JobConfig::default(), Some(other)).await.unwrap();
    let tasks = tm.run_descriptors(other).await;
    cluster.job_when(other, |job| job.count(ExecutionState::Running) == 2).await;
    submit(&cluster).await.unwrap();
    drop(cluster);
    let pointer = r#"{"format":1,"record":{"latest":{"id":7,"metadata":"s3://bucket/chk-7/_metadata","stops":false},"retained":[]}}"#;
    bench.memory.damage(&format!("jobs/{JOB}/checkpoints"), pointer);

    let settings = [
        "s3.endpoint=http://127.0.0.1:1",
        "s3.access-key=x",
        "s3.secret-key=y",
        "s3.region=z",
        "s3.path.style.access=true",
    ];
    let cluster = bench.leader_with(&settings).await;
    let jobs = vec![tm.local_job(other, &tasks)];
    tm.move_to(cluster.job_manager.rpc_addr, jobs).await;
    let adopted = cluster.job_when(other, |job| job.count(ExecutionState::Running) == 2).await;
    assert_eq!((adopted.status, adopted.restarts), (JobStatus::Running, 0));
    assert!(!cluster.handle().job(JOB).await.unwrap().unwrap().status.is_terminal());
    assert!(bench.memory.keys().contains(&format!("jobs/{JOB}/spec")));
    // Leadership may be lost meanwhile.
    bench.memory.depose();
    cluster.becomes(LeadershipState::Leading).await;
}

#[tokio::test]
async fn what_an_ended_job_has_left_is_deleted_by_the_next_leader() {
    let bench = Bench::new();
    let job = bench.dir.path().join("checkpoints/job");
    std::fs::create_dir_all(&job).unwrap();
    std::fs::write(job.join("left"), "x").unwrap();
    let cleanup = format!(
        r#"{{"format":1,"record":{{"checkpoint_dir":"file:{0}","files":[],"directories":["file:{0}"]}}}}"#,
        job.display()
    );
    bench.memory.damage(&format!("jobs/{JOB}/cleanup"), cleanup);
    let cluster = bench.leader().await;
    cluster.eventually(async || bench.memory.keys().is_empty().then_some(())).await;
    assert!(!job.exists());
}

#[tokio::test]
async fn a_job_of_which_nothing_is_left_begins_again() {
    let bench = Bench::new();
    let cluster = bench.leader().await;
    submit(&cluster).await.unwrap();
    drop(cluster);
    let cluster = bench.leader_with(&["jobmanager.reconciliation-timeout=50 ms"]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let tasks = tm.run_tasks(JOB).await;
    tm.report_tasks(JOB, &tasks, &TaskState::Finished).await;
    let ended = cluster.end_of(JOB).await;
    assert_eq!((ended.status, ended.restarts), (JobStatus::Finished, 0));
}
