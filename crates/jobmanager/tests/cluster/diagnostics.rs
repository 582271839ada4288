//! What daemons log, and what threads and subtasks do, is asked for through us.

use std::sync::Arc;

use flott_core::{
    JobId, TaskManagerId, VertexIndex, config::LogLevel, job_config::JobConfig, logs::LogQuery,
};
use flott_jobmanager::{
    Error,
    profiles::{ProfileMode, ProfileStatus, Profiled, Selection},
};

use crate::{
    fake_task_manager::FakeTaskManager,
    support::{TestCluster, graph},
};

#[tokio::test]
async fn logs_threads_and_filters_of_task_managers_come_through_us() {
    let cluster = TestCluster::start(&[]).await;
    let tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let handle = cluster.handle();
    let query =
        LogQuery { about: "job".to_owned(), search: "text".to_owned(), level: LogLevel::Warn, lines: 10 };
    let logs = handle.search_logs(query).await.unwrap();
    assert_eq!(logs.lines.len(), 1);
    assert_eq!(logs.lines[0].source.as_ref(), Some(&tm.id));
    assert_eq!(logs.lines[0].line.text, "about job text at WARN");
    assert!(logs.unavailable.is_empty());

    assert_eq!(handle.task_manager_threads(&tm.id).await.unwrap()[0].name, "fake");
    let own = handle.threads().await.unwrap();
    assert!(own.iter().any(|thread| thread.id == std::process::id()));

    assert!(matches!(handle.task_manager_log_filter(&tm.id).await, Err(Error::NoLogFilter("TaskManager"))));
    let refused = handle.set_task_manager_log_filter(&tm.id, "loud").await;
    assert!(matches!(refused, Err(Error::BadLogFilter(reason)) if reason == "loud is no filter"));
    assert!(matches!(handle.log_filter(), Err(Error::NoLogFilter("JobManager"))));
    let nobody = TaskManagerId::new("nobody");
    assert!(matches!(handle.task_manager_threads(&nobody).await, Err(Error::TaskManagerNotFound(_))));
}

#[tokio::test]
async fn a_vertex_is_looked_at_once_until_its_profile_is_too_old() {
    let cluster = TestCluster::start(&["rest.flamegraph.num-samples=3"]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let handle = cluster.handle();
    let job_id = handle.submit_graph(graph(1), JobConfig::default(), None).await.unwrap();
    tm.run_tasks(job_id).await;
    let vertex = VertexIndex(1);
    let profile = cluster.eventually(async || handle.vertex_profile(job_id, vertex).await.unwrap()).await;
    assert_eq!(profile.flame_graph(Selection::OnCpu, None).collapsed(), "busy 3\n");
    assert_eq!(profile.flame_graph(Selection::OffCpu, None).value, 0);
    let again = handle.vertex_profile(job_id, vertex).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&profile, &again));
    assert_eq!(tm.samplings(), 1);
    // Nothing is known of what runs nowhere, and nobody is asked.
    let unknown = JobId::from_bytes([9; 16]);
    assert_eq!(handle.vertex_profile(unknown, vertex).await.unwrap(), None);
    assert_eq!(tm.samplings(), 1);
}

#[tokio::test]
async fn profiles_of_a_task_manager_are_kept_newest_first() {
    let cluster = TestCluster::start(&["rest.profiling.history-size=2"]).await;
    let mut tm = FakeTaskManager::start(cluster.job_manager.rpc_addr, "tm-1", 1).await;
    let handle = cluster.handle();
    let job_id = handle.submit_graph(graph(1), JobConfig::default(), None).await.unwrap();
    tm.run_tasks(job_id).await;
    let of = Profiled::TaskManager(tm.id.clone());
    assert!(handle.profiles(&of).await.unwrap().is_empty());
    for seconds in 1..=3 {
        let begun = handle.take_profile(&of, ProfileMode::Itimer, seconds).await.unwrap();
        assert_eq!((begun.status, begun.seconds), (ProfileStatus::Running, seconds));
        cluster
            .eventually(async || {
                let newest = handle.profiles(&of).await.unwrap().remove(0);
                (newest.status != ProfileStatus::Running).then_some(())
            })
            .await;
    }
    let runs = handle.profiles(&of).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.seconds).collect::<Vec<_>>(), [3, 2]);
    let ProfileStatus::Finished { file, problem: None } = &runs[0].status else { panic!("{runs:?}") };
    let report = handle.profile(&of, file).await.unwrap().unwrap();
    assert!(report.tree.collapsed().ends_with(";busy 300\n"), "{report:?}");
    assert_eq!(handle.profile(&of, "other.html").await.unwrap(), None);
    let nobody = Profiled::TaskManager(TaskManagerId::new("nobody"));
    assert!(handle.profiles(&Profiled::JobManager).await.unwrap().is_empty());
    assert!(matches!(handle.profiles(&nobody).await, Err(Error::TaskManagerNotFound(_))));
}

#[tokio::test]
async fn a_profile_of_the_job_manager_is_of_its_own_threads() {
    let cluster = TestCluster::start(&[]).await;
    let handle = cluster.handle();
    let of = Profiled::JobManager;
    let begun = handle.take_profile(&of, ProfileMode::Wall, 1).await.unwrap();
    assert_eq!(begun.status, ProfileStatus::Running);
    let second = handle.take_profile(&of, ProfileMode::Wall, 1).await.unwrap_err();
    assert_eq!(second.to_string(), "JobManager is still under profiling: wait until that is done");
    let finished = cluster
        .eventually(async || {
            let newest = handle.profiles(&of).await.unwrap().remove(0);
            (newest.status != ProfileStatus::Running).then_some(newest)
        })
        .await;
    let ProfileStatus::Finished { file, problem: None } = &finished.status else { panic!("{finished:?}") };
    assert!(file.starts_with("JobManager_WALL_"), "{file}");
    let report = handle.profile(&of, file).await.unwrap().unwrap();
    assert!(report.tree.value > 0 && !report.tree.children.is_empty(), "{report:?}");
}
