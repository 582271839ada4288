//! Starting and stopping clusters.

use std::{net::TcpListener, time::Duration};

use flott_tests::{Cluster, eventually, free_port};

fn pids(cluster: &Cluster) -> Vec<i32> {
    let mut pids: Vec<_> = cluster.processes().iter().map(|process| process.pid).collect();
    pids.sort_unstable();
    pids
}

#[test]
fn a_started_cluster_is_complete_and_a_stopped_one_is_gone() {
    let (cluster, started) = Cluster::builder().task_managers(2).slots(Some(2)).try_start();
    started.clone().expect_code(0).expect_output(&[
        "Starting cluster.",
        "Starting standalonesession daemon on host",
        "Starting taskexecutor daemon on host",
        &format!("http://localhost:{}", cluster.rest_port()),
    ]);
    // At once, without waiting.
    let overview = cluster.rest().overview();
    assert_eq!((overview.taskmanagers, overview.slots_total, overview.slots_available), (2, 4, 4));
    assert_eq!(cluster.rest().task_managers().len(), 2);
    assert!(started.took < Duration::from_secs(10), "it took {} s", started.took.as_secs_f64());

    cluster
        .stop()
        .expect_code(0)
        .expect_output(&["Stopping taskexecutor daemon", "Stopping standalonesession daemon"]);
    assert_eq!(cluster.processes(), []);
    assert!(cluster.rest().try_overview().is_none(), "the port still answers");
}

#[test]
fn an_idle_cluster_takes_little_memory() {
    let cluster = Cluster::builder().task_managers(1).start();
    let daemons = [cluster.job_manager(), cluster.task_managers().remove(0)];
    let kib: u64 = daemons.iter().map(|daemon| daemon.memory_kib().unwrap()).sum();
    assert!(kib < 60 << 10, "JobManager and TaskManager take {} MiB", kib >> 10);
}

#[test]
fn starting_and_stopping_can_be_repeated() {
    let cluster = Cluster::start();
    let before = pids(&cluster);
    cluster.run_script("start-cluster.sh", &[]).expect_code(0).expect_output(&["already running"]);
    assert_eq!(pids(&cluster), before, "the second start changed what runs");

    cluster.stop().expect_code(0);
    cluster.stop().expect_code(0).expect_output(&["No taskexecutor daemon to stop"]);
    cluster.run_script("start-cluster.sh", &[]).expect_code(0);
    assert_eq!(cluster.rest().overview().taskmanagers, 2);
}

#[test]
fn clusters_side_by_side_do_not_touch_each_other() {
    let one = Cluster::builder().task_managers(1).start();
    let other = Cluster::builder().task_managers(1).slots(Some(3)).start();
    assert_eq!(one.rest().overview().slots_total, 2);
    assert_eq!(other.rest().overview().slots_total, 3);

    let before = pids(&other);
    one.stop().expect_code(0);
    assert_eq!(pids(&other), before);
    assert_eq!(other.rest().overview().taskmanagers, 1);
}

#[test]
fn a_release_runs_in_a_directory_with_spaces() {
    let cluster = Cluster::builder().release_in("my own $HOME; 'quoted'").task_managers(1).start();
    let words = cluster.arg("the words");
    let result = cluster.flott(&[
        "run",
        "-p",
        "2",
        &cluster.binaries().word_count().display().to_string(),
        "--output",
        &words,
    ]);
    result.expect_code(0);
    assert!(cluster.path("the words").is_dir());
    cluster.stop().expect_code(0);
    assert_eq!(cluster.processes(), []);
}

#[test]
fn slots_default_to_the_cores_of_the_machine() {
    let cluster = Cluster::builder().task_managers(1).slots(None).start();
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(cluster.rest().overview().slots_total as usize, cores);
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_left_running() {
    for key in ["rest.port", "jobmanager.rpc.port"] {
        let port = free_port();
        let _somebody_else = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let (cluster, started) = Cluster::builder().set(key, &port.to_string()).try_start();
        started.expect_code(1).expect_output(&[&port.to_string(), "in use", key]);
        assert_eq!(cluster.processes(), []);
    }
}

#[test]
fn a_port_that_is_taken_after_the_scripts_looked_is_named_by_the_daemon() {
    let port = free_port();
    let _somebody_else = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let cluster = Cluster::builder().set("rest.port", &port.to_string()).prepare();
    // The foreground start looks at no port beforehand.
    let ended = cluster.run_script("jobmanager.sh", &["start-foreground"]);
    assert_ne!(ended.code, Some(0));
    ended.expect_output(&[&format!("127.0.0.1:{port}"), "rest.port"]);
}

#[test]
fn taskmanagers_come_and_go_one_by_one() {
    let cluster = Cluster::builder().task_managers(1).start();
    cluster.run_script("taskmanager.sh", &["start", "-D", "taskmanager.numberOfTaskSlots=5"]).expect_code(0);
    eventually("the second one registers", || (cluster.rest().overview().slots_total == 7).then_some(()));

    cluster.run_script("taskmanager.sh", &["stop"]).expect_code(0);
    eventually("the second one is gone", || (cluster.rest().overview().slots_total == 2).then_some(()));
    assert_eq!(cluster.task_managers().len(), 1);

    cluster.run_script("taskmanager.sh", &["stop-all"]).expect_code(0);
    eventually("all are gone", || (cluster.rest().overview().taskmanagers == 0).then_some(()));
    // A cluster without TaskManagers can be completed again.
    cluster.run_script("start-cluster.sh", &[]).expect_code(0);
    assert_eq!(cluster.rest().overview().taskmanagers, 1);
}

#[test]
fn a_running_job_does_not_keep_a_cluster_from_being_stopped() {
    let cluster = Cluster::start();
    let job = cluster.submit("endless", &[], 4);
    cluster.wait_for_records(job);
    cluster.stop().expect_code(0);
    assert_eq!(cluster.processes(), []);
}

#[test]
fn a_cluster_without_its_jobmanager_can_be_stopped() {
    let cluster = Cluster::start();
    cluster.job_manager().signal(nix::sys::signal::Signal::SIGKILL);
    cluster.stop().expect_code(0);
    assert_eq!(cluster.processes(), []);
}
