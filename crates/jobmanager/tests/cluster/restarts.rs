//! Jobs that fail and start again.

use flott_control::protocol::{Order, Report, TaskState};
use flott_core::{
    AttemptNumber, ExecutionState, FailureCause, FailureKind, JobGraph, JobStatus, job_config::JobConfig,
    restart::RestartStrategy,
};

use crate::{
    fake_task_manager::FakeTaskManager,
    support::{TestCluster, graph},
};

fn restarting_graph(attempts: u32) -> JobGraph {
    let mut graph = graph(1);
    graph.recovery.restart = Some(RestartStrategy::FixedDelay { attempts, delay_ms: 1 });
    graph
}

#[tokio::test]
async fn a_job_whose_task_host_dies_starts_again_in_a_new_one() {
    let cluster = TestCluster::start(&[]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let config = JobConfig::default();
    let job_id = cluster.handle().submit_graph(restarting_graph(1), config, None).await.unwrap();
    tm.run_tasks(job_id).await;
    let cause = FailureCause::new(FailureKind::TaskHostSignal, "killed by signal 9 (SIGKILL)");
    tm.report(job_id, Report::HostEnded { attempt: AttemptNumber(0), cause }).await;

    let tasks = tm.run_tasks(job_id).await;
    assert!(tasks.iter().all(|(_, attempt)| *attempt == AttemptNumber(1)), "{tasks:?}");
    let job = cluster.job_when(job_id, |job| job.count(ExecutionState::Running) == 2).await;
    assert_eq!((job.status, job.restarts), (JobStatus::Running, 1));
    assert!(job.status_times.of(JobStatus::Restarting) > 0);
    assert!(job.status_times.of(JobStatus::Running) >= job.status_times.of(JobStatus::Restarting));
    assert!(job.exceptions[0].cause.message.contains("SIGKILL"), "{:?}", job.exceptions);
    let subtask = &job.vertices[0].subtasks[0];
    assert_eq!((subtask.attempt, subtask.past.len()), (AttemptNumber(1), 1));
    let past = &subtask.past[0];
    assert_eq!((past.attempt, past.state), (AttemptNumber(0), ExecutionState::Failed));
    assert_eq!(past.location.as_ref().unwrap().task_manager_id, tm.id);
    assert!(past.failure.as_ref().unwrap().message.contains("SIGKILL"));

    tm.report_tasks(job_id, &tasks, &TaskState::Finished).await;
    let ended = cluster.end_of(job_id).await;
    assert_eq!((ended.status, ended.exceptions.len()), (JobStatus::Finished, 1));
}

#[tokio::test]
async fn failures_are_kept_by_restart_and_bounded() {
    let cluster = TestCluster::start(&["web.exception-history-size=2"]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let config = JobConfig::default();
    let job_id = cluster.handle().submit_graph(restarting_graph(2), config, None).await.unwrap();
    let mut tasks = tm.run_tasks(job_id).await;
    for round in 0..3_u32 {
        let cause = FailureCause::new(FailureKind::Panic, format!("boom {round}"));
        tm.report_tasks(job_id, &tasks[..1], &TaskState::Failed(cause)).await;
        let Order::CancelTasks { tasks: canceled, .. } = tm.next_job_order().await else {
            panic!("no cancel")
        };
        tm.report_tasks(job_id, &canceled, &TaskState::Canceled).await;
        if round < 2 {
            // The task host lives, and is used again.
            let Order::DeployTasks { tasks: next, .. } = tm.next_job_order().await else {
                panic!("no deploy")
            };
            tasks = next.iter().map(|task| (task.subtask, task.attempt)).collect();
            tm.report_tasks(job_id, &tasks, &TaskState::Running).await;
        }
    }
    let ended = cluster.end_of(job_id).await;
    assert_eq!((ended.status, ended.restarts), (JobStatus::Failed, 2));
    let messages: Vec<_> = ended.exceptions.iter().map(|it| it.cause.message.as_str()).collect();
    assert_eq!(messages, ["boom 2", "boom 1"]);
    assert_eq!(ended.exceptions_dropped, 1);
}
