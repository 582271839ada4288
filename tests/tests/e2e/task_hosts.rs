//! One process for each job on each TaskManager.

use std::{collections::BTreeSet, os::unix::fs::MetadataExt};

use flott_core::JobStatus;
use flott_tests::{Cluster, eventually};

#[test]
fn each_job_has_one_task_host_on_each_taskmanager() {
    let cluster = Cluster::builder().slots(Some(4)).start();
    let first = cluster.submit("endless", &["--keys", "8"], 4);
    cluster.wait_for_records(first);
    let spread: Vec<_> = cluster
        .task_managers()
        .iter()
        .map(|task_manager| cluster.task_hosts_of(task_manager).len())
        .collect();
    let hosts = cluster.task_hosts().len();
    // Four subtasks fit on one TaskManager or are spread over two, but never take more than one process on each.
    assert!(spread.iter().all(|&count| count <= 1) && hosts >= 1, "{spread:?}");

    let second = cluster.submit("endless", &["--keys", "9"], 4);
    cluster.wait_for_records(second);
    for task_manager in cluster.task_managers() {
        let hosts = cluster.task_hosts_of(&task_manager);
        assert!((1..=2).contains(&hosts.len()), "{hosts:?}");
    }
    assert_eq!(cluster.rest().overview().slots_available, 0);

    cluster.rest().cancel(first).unwrap();
    cluster.wait_for(first, JobStatus::Canceled);
    eventually("the other job's task hosts are left", || {
        cluster
            .task_managers()
            .iter()
            .all(|task_manager| cluster.task_hosts_of(task_manager).len() <= 1)
            .then_some(())
    });
    assert_eq!(cluster.rest().status(second).unwrap(), JobStatus::Running);
    cluster.rest().cancel(second).unwrap();
    cluster.wait_for(second, JobStatus::Canceled);
    eventually("no task host is left", || cluster.artifact_processes().is_empty().then_some(()));
    cluster.wait_until_idle(2);
}

#[test]
fn a_task_host_is_known_by_its_job_in_the_list_of_processes() {
    let cluster = Cluster::start();
    let job = cluster.submit("endless", &[], 1);
    cluster.wait_for_records(job);
    let hosts = cluster.task_hosts();
    let [host] = &*hosts else { panic!("{hosts:?}") };
    assert_eq!(host.arguments[0], format!("flott-task-host {job} endless"));
    assert_eq!(std::fs::read_to_string(format!("/proc/{}/comm", host.pid)).unwrap(), "flott-task-host\n");
}

#[test]
fn a_job_that_needs_all_slots_has_a_task_host_on_each_taskmanager() {
    let cluster = Cluster::start();
    let job = cluster.submit("endless", &[], 4);
    let detail = cluster.wait_for_records(job);
    for task_manager in cluster.task_managers() {
        assert_eq!(cluster.task_hosts_of(&task_manager).len(), 1);
    }
    // Keyed records cross from one to the other.
    let crossed = eventually("bytes cross TCP", || {
        let detail = cluster.rest().job(job).unwrap();
        let bytes: Vec<_> = detail
            .vertices
            .iter()
            .map(|vertex| (vertex.metrics.write_bytes, vertex.metrics.read_bytes))
            .collect();
        (bytes[0].0 > 0 && bytes[1].1 > 0).then_some(bytes)
    });
    assert_eq!(detail.vertices.len(), crossed.len());
}

#[test]
fn a_taskmanager_fetches_an_artifact_once() {
    let cluster = Cluster::builder().task_managers(1).slots(Some(4)).start();
    // The same program under another name is the same artifact.
    let copy = cluster.path("another-name");
    std::fs::copy(cluster.binaries().test_jobs(), &copy).unwrap();
    for artifact in [cluster.test_jobs().to_owned(), cluster.rest().upload(&copy).unwrap()] {
        for _ in 0..2 {
            let job = cluster.rest().run(&artifact, &Cluster::request("endless", &[], 1)).unwrap();
            cluster.wait_for_records(job);
        }
    }
    assert_eq!(cluster.task_hosts().len(), 4);
    let programs: BTreeSet<_> = cluster
        .task_hosts()
        .iter()
        .map(|host| std::fs::metadata(format!("/proc/{}/exe", host.pid)).unwrap().ino())
        .collect();
    assert_eq!(programs.len(), 1, "all run the same file");
}

#[test]
fn a_finished_job_leaves_no_process_and_no_file() {
    let cluster = Cluster::start();
    let job = cluster.submit("keyed-sum", &["--output", &cluster.arg("sums")], 4);
    cluster.wait_for(job, JobStatus::Finished);
    eventually("its task hosts are gone", || cluster.artifact_processes().is_empty().then_some(()));
    cluster.wait_until_idle(2);
    cluster.stop().expect_code(0);
    let left: Vec<_> =
        std::fs::read_dir(cluster.path("tmp")).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "temporary files are left: {left:?}");
}

#[test]
fn task_hosts_see_nothing_of_the_daemons_environment() {
    let cluster = Cluster::builder().task_managers(1).prepare();
    let started = flott_tests::run(
        cluster.script("start-cluster.sh").env("DATABASE_PASSWORD", "not for jobs"),
        flott_tests::PATIENCE,
    );
    started.expect_code(0);
    let job = cluster.submit("endless", &[], 1);
    cluster.wait_for_records(job);
    let host = cluster.task_hosts().remove(0);
    let environment = std::fs::read(format!("/proc/{}/environ", host.pid)).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(environment.contains("FLOTT_MODE=task-host"), "{environment}");
    assert!(!environment.contains("not for jobs"), "{environment}");
}
