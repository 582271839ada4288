//! User code that fails while it runs: the job fails soon and says why, everywhere; others go on.

use std::time::Duration;

use flott_core::{JobId, JobStatus};
use flott_tests::{Cluster, PROMPT, now};
use nix::sys::signal::Signal;
use serde_json::Value;

/// A cluster with room for two jobs, and one that must survive what the other does.
fn cluster_with_bystander() -> (Cluster, JobId) {
    let cluster = Cluster::builder().slots(Some(4)).start();
    let bystander = cluster.submit("endless", &["--rate", "500"], 2);
    cluster.wait_for_records(bystander);
    (cluster, bystander)
}

/// The bystander still runs and still gets on, as the same processes, and all TaskManagers are there.
#[track_caller]
fn assert_unharmed(cluster: &Cluster, bystander: JobId) {
    let read = || {
        let detail = cluster.rest().job(bystander).unwrap();
        assert_eq!(detail.state, JobStatus::Running, "{}", cluster.failure_text(bystander));
        detail.vertices.iter().map(|vertex| vertex.metrics.read_records).sum::<u64>()
    };
    let before = read();
    flott_tests::eventually("the other job gets on", || (read() > before).then_some(()));
    assert_eq!(cluster.rest().overview().taskmanagers, 2);
}

/// Runs an entry that fails, and checks that the failure is told by REST within [`PROMPT`] of its happening.
#[track_caller]
fn fails(cluster: &Cluster, entry: &str, args: &[&str]) -> (JobId, Value) {
    let job = cluster.submit(entry, args, 4);
    let failure = cluster.wait_for_failure(job);
    let detail = cluster.rest().job(job).unwrap();
    // The bad record comes within some ten milliseconds of the start.
    let started = detail.timestamps[&JobStatus::Running];
    let took = Duration::from_millis(u64::try_from(detail.end_time - started).unwrap());
    assert!(took < PROMPT, "from RUNNING to FAILED took {} ms", took.as_millis());
    (job, failure)
}

#[test]
fn a_panic_is_told_with_message_place_operator_subtask_and_host() {
    let (cluster, bystander) = cluster_with_bystander();
    let (job, failure) = fails(&cluster, "panic-in-map", &["--at", "10"]);
    let cause = &failure["rootCause"];
    assert_eq!(cause["kind"], "PANIC", "{failure}");
    assert_eq!(cause["message"], "cannot digest record 10");
    assert_eq!(cause["operator"], "explosive");
    assert!(cause["location"].as_str().unwrap().contains("failing.rs:"), "{failure}");
    assert!(cause["subtask"].as_str().unwrap().contains("explosive"), "{failure}");
    let host = cause["host"].as_str().unwrap();
    let task_managers = cluster.rest().task_managers();
    assert!(task_managers.iter().any(|task_manager| host.contains(&task_manager.id)), "{failure}");
    let text = failure["stacktrace"].as_str().unwrap();
    for part in ["cannot digest record 10", "operator: explosive", "subtask: ", "host: ", "failing.rs:"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let result = cluster.rest().execution_result(job).unwrap().expect("it has ended");
    assert!(result.failure_cause.unwrap().stack_trace.contains("cannot digest record 10"));
    assert_unharmed(&cluster, bystander);
}

#[test]
fn the_command_line_shows_the_root_cause_and_fails() {
    let cluster = Cluster::start();
    let artifact = cluster.binaries().test_jobs().display().to_string();
    let ended = cluster.flott(&["run", "-p", "4", "-c", "panic-in-map", &artifact, "--at", "5"]);
    ended.expect_code(1).expect_output(&[
        "The program finished with the following exception:",
        "cannot digest record 5",
        "operator: explosive",
        "host: ",
        "ended as FAILED",
    ]);
}

#[test]
fn an_abort_is_told_with_the_last_words() {
    let (cluster, bystander) = cluster_with_bystander();
    let (_, failure) = fails(&cluster, "abort-in-map", &["--at", "10"]);
    let cause = &failure["rootCause"];
    assert_eq!(cause["kind"], "TASK_HOST_SIGNAL", "{failure}");
    assert!(cause["message"].as_str().unwrap().contains("SIGABRT"), "{failure}");
    assert!(cause["stderrTail"].as_str().unwrap().contains("last words before the abort at record 10"));
    assert!(cause["host"].is_string(), "{failure}");
    assert_unharmed(&cluster, bystander);
}

#[test]
fn an_exit_is_told_with_its_code() {
    let (cluster, bystander) = cluster_with_bystander();
    let (_, failure) = fails(&cluster, "exit-in-map", &["--code", "3"]);
    let cause = &failure["rootCause"];
    assert_eq!(cause["kind"], "TASK_HOST_EXIT", "{failure}");
    assert!(cause["message"].as_str().unwrap().contains("exit code 3"), "{failure}");
    assert!(cause["stderrTail"].as_str().unwrap().contains("leaving at record 10"), "{failure}");

    let (_, failure) = fails(&cluster, "exit-in-map", &["--code", "0"]);
    assert!(failure["rootCause"]["message"].as_str().unwrap().contains("exit code 0"), "{failure}");
    assert_unharmed(&cluster, bystander);
}

#[test]
fn an_error_of_a_sink_is_told_in_its_words() {
    let (cluster, bystander) = cluster_with_bystander();
    let (_, failure) = fails(&cluster, "error-in-sink", &["--at", "3"]);
    let cause = &failure["rootCause"];
    assert_eq!(cause["message"], "the shelf is full", "{failure}");
    assert_eq!(cause["operator"], "Sink: small shelf", "{failure}");
    assert_unharmed(&cluster, bystander);
}

#[test]
fn a_killed_task_host_is_told_and_the_rest_of_its_job_ends() {
    let (cluster, bystander) = cluster_with_bystander();
    let before: Vec<_> = cluster.task_hosts().iter().map(|host| host.pid).collect();
    let job = cluster.submit("endless", &["--rate", "700"], 6);
    cluster.wait_for_records(job);
    let hosts: Vec<_> = cluster.task_hosts().into_iter().filter(|host| !before.contains(&host.pid)).collect();
    assert_eq!(hosts.len(), 2, "six subtasks need both TaskManagers: {hosts:?}");

    let killed = now();
    hosts[0].signal(Signal::SIGKILL);
    let failure = cluster.wait_for_failure(job);
    assert!(killed.elapsed() < PROMPT, "it took {} ms", killed.elapsed().as_millis());
    assert_eq!(failure["rootCause"]["kind"], "TASK_HOST_SIGNAL", "{failure}");
    assert!(failure["rootCause"]["message"].as_str().unwrap().contains("SIGKILL"), "{failure}");
    assert!(failure["rootCause"]["host"].is_string(), "{failure}");
    flott_tests::eventually("the other task host ends too", || (!hosts[1].is_alive()).then_some(()));
    assert_unharmed(&cluster, bystander);
}

#[test]
fn a_dataflow_that_depends_on_chance_is_told_from_a_good_one() {
    let cluster = Cluster::start();
    for entry in ["random-uid", "changing-parallelism"] {
        let job = cluster.submit(entry, &[], 1);
        let failure = cluster.wait_for_failure(job);
        assert_eq!(failure["rootCause"]["kind"], "GRAPH_MISMATCH", "{failure}");
    }
    cluster.wait_until_idle(2);
}
