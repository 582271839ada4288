//! From an uploaded artifact to a running job.

use std::collections::BTreeMap;

use flott_control::protocol::{Order, TaskState};
use flott_core::{JobId, JobStatus, config::Configuration};
use flott_jobmanager::{
    Error, ErrorKind, JobManager, JobManagerOptions, Rejection, RunOptions, artifacts::ArtifactId,
};

use crate::{
    fake_task_manager::FakeTaskManager,
    support::{TestCluster, graph, plan_of},
};

fn arguments(argument: impl Into<String>) -> RunOptions {
    RunOptions { arguments: vec![argument.into()], ..RunOptions::default() }
}

#[tokio::test]
async fn an_artifact_is_planned_and_run() {
    let cluster = TestCluster::start(&[]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let artifact = cluster.upload_fake_job().await;
    let planned = cluster.handle().plan(&artifact.id, arguments(plan_of(graph(1)))).await.unwrap();
    assert_eq!(planned.graph, graph(1));
    assert!(cluster.handle().jobs().await.unwrap().is_empty());

    let job_id = cluster.handle().run(&artifact.id, arguments(plan_of(graph(1)))).await.unwrap();
    // The artifact's id is not needed any more, its content is.
    cluster.handle().delete_artifact(&artifact.id).await.unwrap();
    let Order::StartTaskHost { spec, attempt, .. } = tm.next_job_order().await else {
        panic!("a task host is started")
    };
    assert_eq!(spec.artifact, artifact.digest);
    assert_eq!(spec.arguments, [plan_of(graph(1))]);
    assert_eq!(*spec.graph, graph(1));
    assert_eq!(spec.slots, 1);
    let ready =
        flott_control::protocol::Report::HostReady { attempt, data_address: "127.0.0.1:1".to_owned() };
    tm.report(job_id, ready).await;
    let Order::DeployTasks { tasks, .. } = tm.next_job_order().await else { panic!("tasks are deployed") };
    let tasks: Vec<_> = tasks.into_iter().map(|task| (task.subtask, task.attempt)).collect();
    tm.report_tasks(job_id, &tasks, &TaskState::Finished).await;
    let ended = cluster.end_of(job_id).await;
    assert_eq!(ended.status, JobStatus::Finished);
    assert_eq!(ended.submission.artifact_id.as_deref(), Some(artifact.id.as_str()));
}

#[tokio::test]
async fn a_job_id_of_the_clients_starts_one_job() {
    let cluster = TestCluster::start(&[]).await;
    let artifact = cluster.upload_fake_job().await;
    let job_id = JobId::from_bytes([5; 16]);
    let options = RunOptions { job_id: Some(job_id), ..arguments(plan_of(graph(1))) };
    let (one, other) = tokio::join!(
        cluster.handle().run(&artifact.id, options.clone()),
        cluster.handle().run(&artifact.id, options.clone()),
    );
    assert_eq!((one.unwrap(), other.unwrap()), (job_id, job_id));
    assert_eq!(cluster.handle().run(&artifact.id, options.clone()).await.unwrap(), job_id);
    assert_eq!(cluster.handle().jobs().await.unwrap().len(), 1);

    let different = RunOptions { parallelism: Some(2), ..options };
    let error = cluster.handle().run(&artifact.id, different).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Conflict));
}

#[tokio::test]
async fn programs_that_make_no_plan_are_refused_with_a_reason() {
    let cluster = TestCluster::start(&["jobmanager.plan.timeout=200 ms"]).await;
    let artifact = cluster.upload_fake_job().await;
    let mut cyclic = graph(1);
    cyclic.edges[0].source = cyclic.edges[0].target;
    for (argument, reason) in [
        ("exit".to_owned(), "exited with code 3"),
        ("hang".to_owned(), "did not reach execute()"),
        ("garbage".to_owned(), "not readable"),
        (plan_of(cyclic), "edge 0"),
    ] {
        let error = cluster.handle().run(&artifact.id, arguments(argument)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Program), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
    assert!(cluster.handle().jobs().await.unwrap().is_empty());
}

#[tokio::test]
async fn senseless_submissions_are_refused() {
    let cluster = TestCluster::start(&[]).await;
    let unknown = ArtifactId::from("no-such_artifact");
    let error = cluster.handle().run(&unknown, RunOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let artifact = cluster.upload_fake_job().await;
    let wrong = BTreeMap::from([("parallelism.default".to_owned(), "many".to_owned())]);
    let options = RunOptions { configuration: wrong, ..RunOptions::default() };
    let error = cluster.handle().run(&artifact.id, options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Invalid));
    let options = RunOptions { savepoint: Some("hdfs://x".to_owned()), ..RunOptions::default() };
    assert!(matches!(cluster.handle().run(&artifact.id, options).await, Err(Error::Setting(_))));
    let error = cluster.upload(b"#!/bin/sh\n").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Invalid));
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_key() {
    let cluster = TestCluster::start(&[]).await;
    let taken = cluster.job_manager.rpc_addr.port();
    for (setting, key) in [
        (format!("jobmanager.rpc.port={taken}"), "jobmanager.rpc.port"),
        (format!("rest.port={taken}"), "rest.port"),
    ] {
        let overrides = ["jobmanager.rpc.port=0".to_owned(), setting];
        let (config, _) = Configuration::parse_with_overrides("", "config.yaml", overrides).unwrap();
        let error = match JobManager::start(config, JobManagerOptions::default()).await {
            Err(error) => error.to_string(),
            Ok(_) => panic!("the port is taken"),
        };
        assert!(error.contains(&format!("127.0.0.1:{taken} ({key})")), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
