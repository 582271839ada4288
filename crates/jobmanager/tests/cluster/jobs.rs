//! Lives of jobs.

use std::time::Duration;

use flott_control::protocol::{Order, Report, ReportAnswer, TaskState};
use flott_core::{
    AttemptNumber, ExecutionState, FailureCause, FailureKind, JobId, JobStatus, deployment::SplitAnswer,
    job_config::JobConfig, metrics::TaskMetrics,
};

use crate::{
    fake_task_manager::{FakeTaskManager, late},
    support::{TestCluster, graph},
};

async fn submit(cluster: &TestCluster, parallelism: u32) -> JobId {
    cluster.handle().submit_graph(graph(parallelism), JobConfig::default(), None).await.unwrap()
}

#[tokio::test]
async fn a_job_over_two_task_managers_finishes() {
    let cluster = TestCluster::start(&[]).await;
    let mut one = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let mut other = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-2", 1).await;
    let overview = cluster.handle().overview().await.unwrap();
    assert_eq!((overview.task_managers, overview.slots_total, overview.slots_free), (2, 2, 2));

    let job_id = submit(&cluster, 2).await;
    let (tasks_one, tasks_other) = tokio::join!(one.run_tasks(job_id), other.run_tasks(job_id));
    assert_eq!((tasks_one.len(), tasks_other.len()), (2, 2));
    let running = cluster.job_when(job_id, |job| job.count(ExecutionState::Running) == 4).await;
    assert_eq!(running.status, JobStatus::Running);
    assert_eq!(cluster.handle().overview().await.unwrap().slots_free, 0);
    let location = running.vertices[0].subtasks[0].location.as_ref().unwrap();
    assert!(["tm-1", "tm-2"].contains(&location.task_manager_id.as_str()));

    one.report_tasks(job_id, &tasks_one, &TaskState::Finished).await;
    other.report_tasks(job_id, &tasks_other, &TaskState::Finished).await;
    let ended = cluster.end_of(job_id).await;
    assert_eq!(ended.status, JobStatus::Finished);
    assert!(ended.exceptions.is_empty());
    assert_eq!(ended.vertices[1].subtasks[1].metrics.records_in, 10);
    assert!(ended.ended_unix_ms.unwrap() >= ended.started_unix_ms);
    assert!(matches!(one.next_job_order().await, Order::ReleaseTaskHost { .. }));
    cluster
        .eventually(async || {
            let overview = cluster.handle().overview().await.unwrap();
            (overview.slots_free == 2 && overview.jobs_with(JobStatus::Finished) == 1).then_some(())
        })
        .await;

    // What comes late is told to be dropped.
    let late = Report::HostEnded {
        attempt: AttemptNumber(0),
        cause: FailureCause::new(FailureKind::TaskHostExit, "exit code 0"),
    };
    assert_eq!(one.try_report(job_id, late).await, ReportAnswer::UnknownJob);
}

#[tokio::test]
async fn a_failed_task_fails_the_job_with_its_cause_and_place() {
    let cluster = TestCluster::start(&[]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let job_id = submit(&cluster, 1).await;
    let tasks = tm.run_tasks(job_id).await;
    let cause = FailureCause::new(FailureKind::Panic, "boom").in_operator("Map");
    tm.report_tasks(job_id, &tasks[..1], &TaskState::Failed(cause.clone())).await;
    let Order::CancelTasks { tasks: canceled, .. } = tm.next_job_order().await else {
        panic!("what still runs is canceled")
    };
    assert_eq!(canceled, tasks[1..]);
    tm.report_tasks(job_id, &canceled, &TaskState::Canceled).await;

    let ended = cluster.end_of(job_id).await;
    assert_eq!(ended.status, JobStatus::Failed);
    assert_eq!(ended.root_cause(), Some(&cause));
    let exception = &ended.exceptions[0];
    assert_eq!(exception.task_name.as_deref(), Some("Source: pretend (1/1) - execution #0"));
    assert_eq!(exception.location.as_ref().unwrap().task_manager_id, tm.id);
    assert!(ended.status_times.of(JobStatus::Failing) > 0);
}

#[tokio::test]
async fn a_broken_connection_fails_the_job_and_names_the_task_manager() {
    let cluster = TestCluster::start(&["heartbeat.timeout=5 min"]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-gone", 1).await;
    let job_id = submit(&cluster, 1).await;
    tm.run_tasks(job_id).await;
    drop(tm);
    let ended = cluster.end_of(job_id).await;
    assert_eq!(ended.status, JobStatus::Failed);
    let cause = ended.root_cause().unwrap();
    assert_eq!(cause.kind, FailureKind::TaskManagerLost);
    assert!(cause.message.contains("tm-gone"), "{}", cause.message);
    let overview = cluster.handle().overview().await.unwrap();
    assert_eq!((overview.task_managers, overview.slots_total), (0, 0));
}

#[tokio::test]
async fn missing_slots_fail_the_job_after_their_timeout() {
    let cluster = TestCluster::start(&["slot.request.timeout=50 ms"]).await;
    let _tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let job_id = submit(&cluster, 3).await;
    let ended = cluster.end_of(job_id).await;
    assert_eq!(ended.status, JobStatus::Failed);
    let cause = ended.root_cause().unwrap();
    assert_eq!(cause.kind, FailureKind::NoResources);
    assert!(cause.message.contains("3 slots"), "{}", cause.message);
}

#[tokio::test]
async fn a_job_is_canceled_and_canceling_twice_is_fine() {
    let cluster = TestCluster::start(&[]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let job_id = submit(&cluster, 1).await;
    let tasks = tm.run_tasks(job_id).await;
    cluster.handle().cancel(job_id).await.unwrap();
    cluster.handle().cancel(job_id).await.unwrap();
    let job = cluster.handle().job(job_id).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Cancelling);
    assert!(matches!(tm.next_job_order().await, Order::CancelTasks { .. }));
    tm.report_tasks(job_id, &tasks, &TaskState::Canceled).await;
    assert_eq!(cluster.end_of(job_id).await.status, JobStatus::Canceled);
    cluster.handle().cancel(job_id).await.unwrap();

    let unknown = JobId::from_bytes([1; 16]);
    let error = cluster.handle().cancel(unknown).await.unwrap_err();
    assert_eq!(error.to_string(), format!("Job {unknown} not found"));
}

#[tokio::test]
async fn splits_are_enumerated_once_and_given_once() {
    let cluster = TestCluster::start(&[]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let job_id = submit(&cluster, 1).await;
    let tasks = tm.run_tasks(job_id).await;
    let source = tasks[0];
    assert_eq!(tm.request_split(job_id, source, 1).await.unwrap(), SplitAnswer::Enumerate { resume: None });
    tm.report_splits(job_id, source, &["only"]).await;
    let split = SplitAnswer::Split(b"only".to_vec());
    assert_eq!(tm.request_split(job_id, source, 2).await.unwrap(), split);
    assert_eq!(tm.request_split(job_id, source, 2).await.unwrap(), split);
    assert_eq!(tm.request_split(job_id, source, 3).await.unwrap(), SplitAnswer::NoMoreSplits);

    let stranger = (source.0, AttemptNumber(7));
    let refused = tm.request_split(job_id, stranger, 1).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Aborted);
    let unknown = JobId::from_bytes([1; 16]);
    let refused = tm.request_split(unknown, source, 1).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn metrics_of_heartbeats_reach_the_view_with_rates() {
    let cluster = TestCluster::start(&[]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let job_id = submit(&cluster, 1).await;
    let tasks = tm.run_tasks(job_id).await;
    let mut records = 0;
    let with_rates = cluster.eventually(async || {
        let job = cluster.handle().job(job_id).await.unwrap().unwrap();
        (job.vertices[1].subtasks[0].rates.records_in > 0.0).then_some(job)
    });
    tokio::pin!(with_rates);
    let job = loop {
        records += 100;
        let metrics = TaskMetrics { records_in: records, busy_ms: records / 10, ..TaskMetrics::default() };
        tm.send_metrics(job_id, &tasks, metrics).await;
        tokio::select! {
            job = &mut with_rates => break job,
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
    };
    assert!(job.vertices[1].subtasks[0].metrics.records_in >= 100);
    assert!(job.vertices[1].subtasks[0].rates.busy_ms <= 1_000.0);
    assert_eq!(job.vertices[1].subtasks[0].operators, late(4));
    let view = cluster.handle().task_manager(&tm.id).await.unwrap().unwrap();
    assert_eq!((view.task_hosts[0].pid, view.task_hosts[0].subtasks), (77, 2));
    assert_eq!(view.process.resident_bytes, 4096);
    assert_eq!(view.slots[0].job_id, Some(job_id));
}

#[tokio::test]
async fn an_ended_job_keeps_the_last_metrics_of_its_operators() {
    let cluster = TestCluster::start(&[]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let job_id = submit(&cluster, 1).await;
    let tasks = tm.run_tasks(job_id).await;
    tm.send_metrics(job_id, &tasks, TaskMetrics::default()).await;
    tm.report_tasks(job_id, &tasks, &TaskState::Finished).await;
    let ended = cluster.end_of(job_id).await;
    assert_eq!(ended.status, JobStatus::Finished);
    assert!(ended.vertices.iter().all(|vertex| vertex.subtasks[0].operators == late(9)));
}

#[tokio::test]
async fn aligned_sources_learn_how_far_the_slowest_is() {
    let cluster = TestCluster::start(&[]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 2).await;
    let job_id = submit(&cluster, 2).await;
    let mut tasks = tm.run_tasks(job_id).await;
    tasks.sort_unstable();
    let (fast, slow) = (tasks[0], tasks[1]);
    assert_eq!(tm.align(job_id, fast, None).await, None);
    assert_eq!(tm.align(job_id, fast, Some(5_000)).await, Some(5_000));
    assert_eq!(tm.align(job_id, slow, Some(-10)).await, Some(-10));
    assert_eq!(tm.align(job_id, fast, Some(6_000)).await, Some(-10));
    tm.report_tasks(job_id, &[slow], &TaskState::Finished).await;
    assert_eq!(tm.align(job_id, fast, Some(6_000)).await, Some(6_000));
}

#[tokio::test]
async fn the_archive_is_bounded() {
    let cluster = TestCluster::start(&["web.history=2", "slot.request.timeout=1 ms"]).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let job_id = submit(&cluster, 1).await;
        cluster.end_of(job_id).await;
        ids.push(job_id);
    }
    cluster.eventually(async || (cluster.handle().jobs().await.unwrap().len() == 2).then_some(())).await;
    assert!(cluster.handle().job(ids[0]).await.unwrap().is_none());
    assert!(cluster.handle().job(ids[2]).await.unwrap().is_some());
}

#[tokio::test]
async fn stopping_cancels_what_runs() {
    let cluster = TestCluster::start(&[]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let job_id = submit(&cluster, 1).await;
    let tasks = tm.run_tasks(job_id).await;
    let handle = cluster.handle().clone();
    handle.shut_down();
    assert!(matches!(tm.next_job_order().await, Order::CancelTasks { .. }));
    tm.report_tasks(job_id, &tasks, &TaskState::Canceled).await;
    assert_eq!(cluster.job_manager.ended().await, flott_jobmanager::Ended::Stopped);
    assert_eq!(handle.job(job_id).await.unwrap().unwrap().status, JobStatus::Canceled);
    let refused = handle.submit_graph(graph(1), JobConfig::default(), None).await.unwrap_err();
    assert!(matches!(refused, flott_jobmanager::Error::ShuttingDown));
    assert_eq!(tm.heartbeat_answer().await, None);
}
