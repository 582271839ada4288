//! Jobs that need more slots than there are.

use flott_core::JobStatus;
use flott_tests::{Cluster, now};

#[test]
fn a_job_without_enough_slots_fails_in_time_and_names_needed_and_free() {
    let cluster = Cluster::builder().slots(Some(1)).set("slot.request.timeout", "1 s").start();
    let submitted = now();
    let job = cluster.submit("endless", &[], 3);
    let failure = cluster.wait_for_failure(job);
    let took = submitted.elapsed();
    assert!((1.0..4.0).contains(&took.as_secs_f64()), "it took {} s", took.as_secs_f64());
    assert_eq!(failure["rootCause"]["kind"], "NO_RESOURCES", "{failure}");
    let message = failure["rootCause"]["message"].as_str().unwrap();
    for part in ["needs 3 slots", "2 of 2 are free"] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    cluster.wait_until_idle(2);
    // What fits is run.
    let job = cluster.submit("endless", &[], 2);
    cluster.wait_for_records(job);
}

#[test]
fn a_waiting_job_runs_when_slots_come() {
    let cluster = Cluster::builder().task_managers(1).start();
    let job = cluster.submit("endless", &[], 4);
    cluster.wait_for(job, JobStatus::Created);
    cluster.flott(&["list", "-s"]).expect_code(0).expect_output(&[
        "Scheduled Jobs",
        &job.to_string(),
        "(CREATED)",
    ]);
    cluster.run_script("taskmanager.sh", &["start"]).expect_code(0);
    cluster.wait_for_records(job);
    assert_eq!(cluster.rest().overview().slots_available, 0);
}

#[test]
fn a_waiting_job_can_be_canceled_and_gives_its_slots_back() {
    let cluster = Cluster::builder().task_managers(1).start();
    let waiting = cluster.submit("endless", &[], 4);
    cluster.wait_for(waiting, JobStatus::Created);
    cluster.rest().cancel(waiting).unwrap();
    cluster.wait_for(waiting, JobStatus::Canceled);
    cluster.wait_until_idle(1);
}

#[test]
fn a_waiting_job_gets_the_slots_of_one_that_ends() {
    let cluster = Cluster::builder().task_managers(1).start();
    let first = cluster.submit("endless", &[], 2);
    cluster.wait_for_records(first);
    let second = cluster.submit("endless", &[], 2);
    cluster.wait_for(second, JobStatus::Created);
    cluster.rest().cancel(first).unwrap();
    cluster.wait_for_records(second);
}
