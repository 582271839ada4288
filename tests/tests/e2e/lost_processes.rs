//! TaskManagers that are killed.

use std::time::Duration;

use flott_core::JobStatus;
use flott_tests::{Cluster, PROMPT, eventually_within, now};
use nix::sys::signal::Signal;

/// How soon task hosts must notice that their TaskManager is gone.
const LIFELINE: Duration = Duration::from_secs(1);

#[test]
fn a_killed_taskmanager_fails_its_job_by_name_and_takes_its_task_hosts_with_it() {
    let cluster = Cluster::start();
    let job = cluster.submit("endless", &[], 4);
    cluster.wait_for_records(job);
    let victim = cluster.task_managers().remove(0);
    let orphans = cluster.task_hosts_of(&victim);
    assert_eq!(orphans.len(), 1);
    let known: Vec<_> =
        cluster.rest().task_managers().into_iter().map(|task_manager| task_manager.id).collect();

    let killed = now();
    victim.signal(Signal::SIGKILL);
    eventually_within(LIFELINE, "its task hosts are gone", || (!orphans[0].is_alive()).then_some(()));
    let failure = cluster.wait_for_failure(job);
    assert!(killed.elapsed() < PROMPT, "it took {} ms", killed.elapsed().as_millis());

    let cause = &failure["rootCause"];
    assert_eq!(cause["kind"], "TASK_MANAGER_LOST", "{failure}");
    let left: Vec<_> =
        cluster.rest().task_managers().into_iter().map(|task_manager| task_manager.id).collect();
    let lost = known.iter().find(|id| !left.contains(id)).expect("one is lost");
    let text = failure["stacktrace"].as_str().unwrap();
    assert!(text.contains(lost.as_str()), "{lost} is not named in {text}");

    // The other TaskManager goes on and is good for further jobs.
    cluster.wait_until_idle(1);
    let job = cluster.submit("endless", &[], 2);
    cluster.wait_for_records(job);

    // And the lost one is replaced by the next start.
    cluster.run_script("start-cluster.sh", &[]).expect_code(0);
    assert_eq!(cluster.rest().overview().taskmanagers, 2);
    assert_eq!(cluster.rest().status(job).unwrap(), JobStatus::Running);
}

#[test]
fn jobs_on_other_taskmanagers_survive() {
    let cluster = Cluster::builder().slots(Some(1)).start();
    let first = cluster.submit("endless", &[], 1);
    cluster.wait_for_records(first);
    let second = cluster.submit("endless", &[], 1);
    cluster.wait_for_records(second);

    cluster.task_managers().remove(0).signal(Signal::SIGKILL);
    let statuses = flott_tests::eventually("one of the jobs has failed", || {
        let statuses = [first, second].map(|job| cluster.rest().status(job).unwrap());
        statuses.contains(&JobStatus::Failed).then_some(statuses)
    });
    assert!(statuses.contains(&JobStatus::Running), "{statuses:?}");
}

#[test]
fn a_stopped_taskmanager_leaves_nothing_behind() {
    let cluster = Cluster::start();
    let job = cluster.submit("endless", &[], 4);
    cluster.wait_for_records(job);
    cluster.run_script("taskmanager.sh", &["stop"]).expect_code(0);
    assert_eq!(cluster.task_managers().len(), 1);
    let failure = cluster.wait_for_failure(job);
    assert!(failure["rootCause"]["message"].is_string(), "{failure}");
    flott_tests::eventually("no task host is left", || cluster.artifact_processes().is_empty().then_some(()));
    cluster.wait_until_idle(1);
}
