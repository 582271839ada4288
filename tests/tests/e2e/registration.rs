//! TaskManagers find their JobManager again.

use flott_core::JobStatus;
use flott_tests::{Cluster, eventually};
use nix::sys::signal::Signal;

#[test]
fn taskmanagers_register_again_when_the_jobmanager_comes_back() {
    let cluster = Cluster::builder().set("high-availability.type", "none").start();
    let job = cluster.submit("endless", &[], 4);
    cluster.wait_for_records(job);
    let task_managers = cluster.task_managers();

    cluster.job_manager().signal(Signal::SIGKILL);
    cluster.run_script("start-cluster.sh", &[]).expect_code(0);

    // The new JobManager knows nothing of the old one's job, so nothing of it may go on.
    cluster.wait_until_idle(2);
    eventually("the old job's task hosts are gone", || cluster.artifact_processes().is_empty().then_some(()));
    let same = cluster.task_managers();
    assert_eq!(
        task_managers.iter().map(|process| process.pid).collect::<Vec<_>>(),
        same.iter().map(|process| process.pid).collect::<Vec<_>>(),
        "the TaskManagers must be the same processes"
    );
    // The artifact went away with the JobManager; after a new upload all is as before.
    let artifact = cluster.rest().upload(&cluster.binaries().test_jobs()).unwrap();
    let job = cluster.rest().run(&artifact, &Cluster::request("endless", &[], 4)).unwrap();
    cluster.wait_for_records(job);
    cluster.rest().cancel(job).unwrap();
    cluster.wait_for(job, JobStatus::Canceled);
}

#[test]
fn a_frozen_taskmanager_is_given_up_and_comes_back() {
    let cluster =
        Cluster::builder().set("heartbeat.interval", "200 ms").set("heartbeat.timeout", "2 s").start();
    let job = cluster.submit("endless", &[], 4);
    cluster.wait_for_records(job);
    let frozen = cluster.task_managers().remove(0);

    frozen.signal(Signal::SIGSTOP);
    let failure = cluster.wait_for_failure(job);
    let named = cluster.rest().overview();
    frozen.signal(Signal::SIGCONT);
    assert_eq!(failure["rootCause"]["kind"], "TASK_MANAGER_LOST", "{failure}");
    assert_eq!(named.taskmanagers, 1);

    cluster.wait_until_idle(2);
    eventually("no task host is left", || cluster.artifact_processes().is_empty().then_some(()));
    assert!(frozen.is_alive(), "it registers again, as the same process");
}

#[test]
fn a_taskmanager_waits_for_a_jobmanager_that_starts_later() {
    let cluster = Cluster::builder().task_managers(1).prepare();
    cluster.run_script("taskmanager.sh", &["start"]).expect_code(0);
    cluster.run_script("jobmanager.sh", &["start"]).expect_code(0);
    cluster.wait_until_idle(1);
}

#[test]
fn a_taskmanager_without_a_jobmanager_gives_up_in_the_end() {
    let cluster = Cluster::builder().set("taskmanager.registration.timeout", "1 s").prepare();
    let ended = cluster.run_script("taskmanager.sh", &["start-foreground"]);
    assert_ne!(ended.code, Some(0));
    ended.expect_output(&["taskmanager.registration.timeout"]);
}
