//! Jobs that end with the client that has submitted them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flott_control::protocol::TaskState;
use flott_core::{JobId, JobStatus, job_config::JobConfig};

use crate::{
    fake_task_manager::FakeTaskManager,
    support::{TestCluster, graph},
};

const ATTACHED: [&str; 2] = ["execution.attached=true", "execution.shutdown-on-attached-exit=true"];

async fn cluster(timeout: &str, settings: &[&str]) -> TestCluster {
    let timeout = format!("client.heartbeat.timeout={timeout}");
    let settings: Vec<&str> = settings.iter().copied().chain([timeout.as_str()]).collect();
    TestCluster::start(&settings).await
}

async fn submit(cluster: &TestCluster) -> JobId {
    cluster.handle().submit_graph(graph(1), JobConfig::default(), None).await.unwrap()
}

fn unix_ms(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

#[tokio::test]
async fn a_job_is_canceled_when_its_client_is_never_heard_of() {
    let cluster = cluster("50 ms", &ATTACHED).await;
    let job = submit(&cluster).await;
    assert_eq!(cluster.end_of(job).await.status, JobStatus::Canceled);
}

#[tokio::test]
async fn heartbeats_say_until_when_the_client_is_there() {
    let cluster = cluster("1 h", &ATTACHED).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let job = submit(&cluster).await;
    let tasks = tm.run_tasks(job).await;
    let later = SystemTime::now() + Duration::from_secs(3600);
    cluster.handle().client_heartbeat(job, unix_ms(later)).await.unwrap();
    assert!(!cluster.handle().job(job).await.unwrap().unwrap().status.is_terminal());

    cluster.handle().client_heartbeat(job, unix_ms(SystemTime::now())).await.unwrap();
    cluster.job_when(job, |job| job.status == JobStatus::Cancelling).await;
    tm.report_tasks(job, &tasks, &TaskState::Canceled).await;
    assert_eq!(cluster.end_of(job).await.status, JobStatus::Canceled);
}

#[tokio::test]
async fn who_did_not_ask_to_be_watched_is_not() {
    let cluster = cluster("1 ms", &ATTACHED[..1]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let job = submit(&cluster).await;
    cluster.handle().client_heartbeat(job, 0).await.unwrap();
    cluster.handle().client_heartbeat(JobId::from_bytes([9; 16]), 0).await.unwrap();
    let tasks = tm.run_tasks(job).await;
    tm.report_tasks(job, &tasks, &TaskState::Finished).await;
    assert_eq!(cluster.end_of(job).await.status, JobStatus::Finished);
}
