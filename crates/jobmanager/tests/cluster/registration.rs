//! TaskManagers come and go.

use flott_control::protocol::{Order, RegistrationAnswer, Report, ReportAnswer, SlotReport, TaskState};
use flott_core::{FailureCause, FailureKind, JobStatus, TaskManagerId, job_config::JobConfig};
use flott_jobmanager::{Error, LogFile};
use flott_rpc::pb;
use futures::TryStreamExt;

use crate::{
    fake_task_manager::{FakeTaskManager, register, registration},
    support::{TestCluster, fake_job, graph},
};

#[tokio::test]
async fn a_stranger_is_sent_to_register() {
    let cluster = TestCluster::start(&[]).await;
    let tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    assert_eq!(tm.heartbeat_of_stranger().await, (Some(false), true));
    assert_eq!(cluster.handle().task_managers().await.unwrap().len(), 1);
}

#[tokio::test]
async fn reports_of_a_registration_that_holds_no_slot_are_kept_out() {
    let cluster = TestCluster::start(&[]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let job_id = cluster.handle().submit_graph(graph(1), JobConfig::default(), None).await.unwrap();
    let tasks = tm.run_tasks(job_id).await;
    let mut other = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-2", 1).await;
    let lie = Report::HostEnded {
        attempt: tasks[0].1,
        cause: FailureCause::new(FailureKind::TaskHostSignal, "SIGKILL"),
    };
    assert_eq!(other.try_report(job_id, lie).await, ReportAnswer::UnknownRegistration);
    tm.report_tasks(job_id, &tasks, &TaskState::Finished).await;
    assert_eq!(cluster.end_of(job_id).await.status, JobStatus::Finished);
}

#[tokio::test]
async fn a_task_manager_with_a_senseless_address_is_refused() {
    let cluster = TestCluster::start(&[]).await;
    let channel = flott_rpc::tcp_channel(&cluster.job_manager.rpc_addr.to_string()).unwrap();
    let slots = SlotReport { version: 1, slots: vec![None] };
    let request = registration(&TaskManagerId::new("tm-odd"), 1, "nowhere", slots);
    let answer = register(&channel, request).await;
    assert!(
        matches!(&answer, RegistrationAnswer::Refused { reason } if reason.contains("nowhere")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn logs_of_task_managers_are_read_through_us() {
    let cluster = TestCluster::start(&[]).await;
    let tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let files = cluster.handle().task_manager_logs(&tm.id).await.unwrap();
    assert_eq!(files[0].name, "fake.log");
    let log = cluster.handle().task_manager_log(&tm.id, LogFile::Log, 1, Some(3)).await.unwrap();
    let pieces: Vec<_> = log.into_stream().try_collect().await.unwrap();
    assert_eq!(pieces.concat(), b"ell");
    let missing = LogFile::Named("other".to_owned());
    let refused = cluster.handle().task_manager_log(&tm.id, missing, 0, None).await;
    assert!(matches!(refused, Err(Error::LogNotFound(_))));
    let unknown = TaskManagerId::new("tm-unknown");
    let refused = cluster.handle().task_manager_logs(&unknown).await;
    assert!(matches!(refused, Err(Error::TaskManagerNotFound(_))));
}

#[tokio::test]
async fn artifacts_are_downloaded_from_an_offset() {
    let cluster = TestCluster::start(&[]).await;
    let artifact = cluster.upload_fake_job().await;
    let channel = flott_rpc::tcp_channel(&cluster.job_manager.rpc_addr.to_string()).unwrap();
    let mut client = flott_rpc::artifacts_client(channel);
    let request = pb::DownloadRequest { digest: artifact.digest, offset: 100 };
    let stream = client.download(request).await.unwrap().into_inner();
    let pieces: Vec<_> = stream.map_ok(|piece| piece.data).try_collect().await.unwrap();
    assert_eq!(pieces.concat(), fake_job()[100..]);

    let unknown = pb::DownloadRequest { digest: "0".repeat(64), offset: 0 };
    assert_eq!(client.download(unknown).await.unwrap_err().code(), tonic::Code::NotFound);
    let malformed = pb::DownloadRequest { digest: "../x".to_owned(), offset: 0 };
    assert_eq!(client.download(malformed).await.unwrap_err().code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn a_job_survives_a_new_registration_of_its_task_manager() {
    let cluster = TestCluster::start(&[]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let job_id = cluster.handle().submit_graph(graph(1), JobConfig::default(), None).await.unwrap();
    let tasks = tm.run_tasks(job_id).await;
    tm.register_again().await;
    // Orders come by the new registration, and reports by it are taken.
    cluster.handle().cancel(job_id).await.unwrap();
    assert!(matches!(tm.next_job_order().await, Order::CancelTasks { .. }));
    tm.report_tasks(job_id, &tasks, &TaskState::Canceled).await;
    assert_eq!(cluster.end_of(job_id).await.status, JobStatus::Canceled);
    let overview = cluster.handle().overview().await.unwrap();
    assert_eq!(overview.task_managers, 1);
}

#[tokio::test]
async fn a_silent_task_manager_is_dead_after_the_heartbeat_timeout() {
    let cluster = TestCluster::start(&["heartbeat.interval=20 ms", "heartbeat.timeout=500 ms"]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-silent", 1).await;
    // Its stream is closed, so that it knows.
    while tm.heartbeat_answer().await.is_some() {}
    cluster
        .eventually(async || cluster.handle().task_managers().await.unwrap().is_empty().then_some(()))
        .await;
}
