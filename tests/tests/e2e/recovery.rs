//! Jobs with checkpoints go on after failures, soon and as if nothing had happened.

use std::{collections::BTreeSet, time::Duration};

use flott_client::JobDetail;
use flott_core::{ExecutionState, JobId, JobStatus};
use flott_tests::{Cluster, ClusterBuilder, eventually, eventually_within, now, processes::Process};
use nix::sys::signal::Signal;

/// From a fault to RUNNING at default settings; their delay of a second is in it.
const RECOVERED: Duration = Duration::from_secs(2);

/// What more it may take on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(2);

fn with_checkpoints() -> ClusterBuilder {
    Cluster::builder().checkpoints("200 ms")
}

/// One without the delay before a restart, where that is not what is tested.
fn quick() -> ClusterBuilder {
    quick_with(with_checkpoints())
}

fn quick_with(builder: ClusterBuilder) -> ClusterBuilder {
    builder
        .set("restart-strategy.type", "fixed-delay")
        .set("restart-strategy.fixed-delay.attempts", "10")
        .set("restart-strategy.fixed-delay.delay", "50 ms")
}

/// Runs the oracle's job, kills what `victim` names, and expects that the job soon runs again and loses nothing.
#[track_caller]
fn recovers_from_the_death_of(what: &str, victim: impl FnOnce(&Cluster) -> Process) {
    // Four of six slots: two are spare when a TaskManager is gone.
    let cluster = with_checkpoints().task_managers(3).start();
    let records = 10_000;
    let job = cluster.submit_oracle(records, 2_000, 4, None);
    cluster.wait_for_checkpoint(job);

    let victim = victim(&cluster);
    let killed = now();
    victim.signal(Signal::SIGKILL);
    cluster.wait_for_restart(job, 1);
    let took = killed.elapsed();
    eprintln!("{what}: RUNNING again {} ms after kill -9", took.as_millis());
    assert!(took <= RECOVERED + SLACK, "it took {} ms", took.as_millis());
    assert_eq!(cluster.restarts(job), 1);
    let restored = cluster.checkpoints(job).latest.restored.expect("it began from a checkpoint");
    assert!(restored.id.0 >= 1 && !restored.is_savepoint, "{restored:?}");
    cluster.wait_for_checkpoint_after(job, restored.id.0);

    cluster.expect_clean_oracle(job, records);
    assert_eq!(cluster.restarts(job), 1, "one fault, one restart");
}

#[test]
fn a_job_goes_on_after_kill_9_of_a_task_host() {
    recovers_from_the_death_of("task host", |cluster| cluster.task_hosts().remove(0));
}

#[test]
fn a_job_goes_on_after_kill_9_of_a_taskmanager_where_there_are_spare_slots() {
    recovers_from_the_death_of("TaskManager", |cluster| {
        let in_use = |task_manager: &Process| !cluster.task_hosts_of(task_manager).is_empty();
        cluster.task_managers().into_iter().find(in_use).expect("the job runs somewhere")
    });
}

#[test]
fn a_job_waits_for_a_taskmanager_where_there_is_no_spare_slot() {
    let cluster = quick().start();
    let records = 8_000;
    let job = cluster.submit_oracle(records, 2_000, 4, None);
    cluster.wait_for_checkpoint(job);
    cluster.task_managers().remove(0).signal(Signal::SIGKILL);
    eventually("the job has failed and waits", || {
        let detail = cluster.rest().job(job).unwrap();
        assert!(!detail.state.is_terminal(), "{}", cluster.failure_text(job));
        let waiting = |state| detail.vertices.iter().any(|vertex| vertex.tasks.get(&state) > Some(&0));
        (waiting(ExecutionState::Scheduled) && cluster.rest().overview().slots_available == 0).then_some(())
    });
    cluster.run_script("taskmanager.sh", &["start"]).expect_code(0);
    cluster.expect_clean_oracle(job, records);
    assert_eq!(cluster.restarts(job), 1);
}

#[test]
fn a_panic_is_told_and_costs_nothing_but_time() {
    let cluster = quick().start();
    let records = 8_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint(job);
    let hosts: BTreeSet<_> = cluster.task_hosts().iter().map(|host| host.pid).collect();
    cluster.order_fault("panic");
    cluster.wait_for_restart(job, 1);
    let after: BTreeSet<_> = cluster.task_hosts().iter().map(|host| host.pid).collect();
    assert_eq!(hosts, after, "a panic does not cost its process");

    let entry =
        &cluster.rest().get(&format!("/jobs/{job}/exceptions")).body["exceptionHistory"]["entries"][0];
    assert_eq!(entry["rootCause"]["kind"], "PANIC", "{entry}");
    assert!(entry["rootCause"]["message"].as_str().unwrap().starts_with("a planned panic"), "{entry}");
    cluster.expect_clean_oracle(job, records);
}

/// The numbers of attempts of the vertices whose names begin so.
fn attempts(cluster: &Cluster, job: JobId, prefix: &str) -> BTreeSet<u64> {
    let all = cluster.attempts(job);
    let ours = all.iter().filter(|(name, _)| name.contains(prefix));
    ours.flat_map(|(_, attempts)| attempts.iter().copied()).collect()
}

#[test]
fn a_panic_restarts_its_own_pipeline_only() {
    let cluster = quick().start();
    let faults = cluster.path("faults");
    std::fs::create_dir(&faults).unwrap();
    let job = cluster.submit("two-pipelines", &["--faults", &cluster.arg("faults")], 2);
    cluster.wait_for_checkpoint(job);
    cluster.order_fault("panic");
    cluster.wait_for_restart(job, 1);
    assert_eq!(attempts(&cluster, job, "left"), [1].into(), "{:?}", cluster.attempts(job));
    assert_eq!(attempts(&cluster, job, "right"), [0].into(), "{:?}", cluster.attempts(job));
    let restored = cluster.checkpoints(job).latest.restored.expect("it began from a checkpoint").id.0;

    // Checkpoints go on over both, and a second time is as the first.
    cluster.wait_for_checkpoint_after(job, restored);
    cluster.order_fault("panic");
    cluster.wait_for_restart(job, 2);
    assert_eq!(attempts(&cluster, job, "left"), [2].into());
    assert_eq!(attempts(&cluster, job, "right"), [0].into());
}

#[test]
fn a_job_that_fails_too_often_fails_for_good_and_tells_each_failure() {
    let cluster = Cluster::builder()
        .checkpoints("10 s")
        .set("restart-strategy.type", "fixed-delay")
        .set("restart-strategy.fixed-delay.attempts", "2")
        .set("restart-strategy.fixed-delay.delay", "50 ms")
        .start();
    let job = cluster.submit("panic-in-map", &["--at", "10"], 2);
    let cause = cluster.wait_for_failure(job);
    assert_eq!(cause["rootCause"]["kind"], "PANIC", "{cause}");
    assert_eq!(cause["rootCause"]["message"], "cannot digest record 10");
    assert_eq!(cluster.restarts(job), 2);
    let history = cluster.rest().get(&format!("/jobs/{job}/exceptions")).body;
    let entries = history["exceptionHistory"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 3, "the first and two restarts: {history}");
    for entry in entries {
        assert_eq!(entry["rootCause"]["message"], "cannot digest record 10", "{history}");
    }
    let times: Vec<_> = entries.iter().map(|entry| entry["timestamp"].as_i64().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "newest first: {times:?}");
    let result = cluster.rest().execution_result(job).unwrap().expect("it has ended");
    let told = result.failure_cause.unwrap().stack_trace;
    assert!(told.contains("cannot digest record 10"), "{told}");
    cluster.wait_until_idle(2);
}

#[test]
fn a_job_without_checkpoints_fails_at_once() {
    let cluster = Cluster::start();
    let job = cluster.submit("endless", &[], 2);
    cluster.wait_for_records(job);
    cluster.task_hosts().remove(0).signal(Signal::SIGKILL);
    let cause = cluster.wait_for_failure(job);
    assert_eq!(cause["rootCause"]["kind"], "TASK_HOST_SIGNAL", "{cause}");
    assert_eq!(cluster.restarts(job), 0);
}

#[test]
fn a_task_host_that_stands_still_is_killed_and_its_job_goes_on() {
    let cluster =
        quick().set("heartbeat.interval", "300 ms").set("heartbeat.timeout", "2 s").task_managers(2).start();
    let records = 8_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint(job);
    let host = cluster.task_hosts().remove(0);
    let stopped = now();
    host.signal(Signal::SIGSTOP);
    eventually_within(Duration::from_secs(10), "the task host is killed", || {
        (!host.is_alive()).then_some(())
    });
    let took = stopped.elapsed();
    assert!(took >= Duration::from_secs(1), "it was killed after {} ms", took.as_millis());
    eprintln!("the task host was killed {} ms after it stood still", took.as_millis());
    cluster.expect_clean_oracle(job, records);
    assert_eq!(cluster.task_managers().len(), 2, "its TaskManager lives");
    assert!(cluster.restarts(job) >= 1);
    let history = cluster.failure_text(job);
    assert!(history.contains("heartbeat") || history.contains("does not answer"), "{history}");
}

#[test]
fn a_taskmanager_that_stands_still_is_replaced_and_comes_back() {
    let cluster =
        quick().set("heartbeat.interval", "300 ms").set("heartbeat.timeout", "2 s").task_managers(2).start();
    let records = 12_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint(job);
    let victim = cluster
        .task_managers()
        .into_iter()
        .find(|task_manager| !cluster.task_hosts_of(task_manager).is_empty())
        .expect("the job runs somewhere");
    victim.signal(Signal::SIGSTOP);
    cluster.wait_for_restart(job, 1);
    victim.signal(Signal::SIGCONT);
    cluster.expect_clean_oracle(job, records);
    eventually("the TaskManager is back", || (cluster.rest().overview().taskmanagers == 2).then_some(()));
    cluster.wait_until_idle(2);
    assert!(cluster.artifact_processes().is_empty(), "{:?}", cluster.artifact_processes());
}

#[test]
fn a_function_that_hangs_while_its_job_restarts_is_killed_with_its_task_host() {
    // No checkpoint is under way, for which the other subtask would wait.
    let cluster = quick_with(Cluster::builder().checkpoints("10 min"))
        .set("task.cancellation.timeout", "1 s")
        .task_managers(2)
        .slots(Some(1))
        .start();
    let records = 40_000;
    let job = cluster.submit_oracle(records, 10_000, 2, None);
    cluster.wait_until_running(job);
    let hosts = cluster.task_hosts();
    // For five seconds, in one of two task hosts; the other one dies.
    cluster.order_fault("hang");
    let hanging: i32 = eventually("a subtask hangs", || {
        std::fs::read_to_string(cluster.path("faults/hanging")).ok()?.parse().ok()
    });
    let hangs = now();
    let (hanging, other): (Vec<_>, Vec<_>) = hosts.iter().partition(|host| host.pid == hanging);
    other[0].signal(Signal::SIGKILL);
    cluster.wait_for_restart(job, 1);
    assert!(hangs.elapsed() < Duration::from_millis(4_500), "it took {} ms", hangs.elapsed().as_millis());
    assert!(!hanging[0].is_alive(), "a task host with a hanging function can't be used again");
    cluster.expect_clean_oracle(job, records);
    assert_eq!(cluster.task_managers().len(), 2, "its TaskManager lives");
}

#[test]
fn a_job_survives_the_death_of_all_taskmanagers_again_and_again() {
    let cluster = quick().start();
    let records = 8_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    for _ in 0..3 {
        let number = cluster.checkpoints(job).latest.completed.map_or(0, |checkpoint| checkpoint.id.0);
        cluster.wait_for_checkpoint_after(job, number);
        for task_manager in cluster.task_managers() {
            task_manager.signal(Signal::SIGKILL);
        }
        cluster.run_script("start-cluster.sh", &[]).expect_code(0);
    }
    cluster.expect_clean_oracle(job, records);
    assert!(cluster.restarts(job) >= 3);
}

/// A job that has failed and waits for its second life.
fn restarting() -> (Cluster, JobId, JobDetail) {
    let cluster = with_checkpoints()
        .set("restart-strategy.type", "fixed-delay")
        .set("restart-strategy.fixed-delay.attempts", "10")
        .set("restart-strategy.fixed-delay.delay", "20 s")
        .start();
    let job = cluster.submit("endless", &[], 2);
    cluster.wait_for_checkpoint(job);
    cluster.task_hosts().remove(0).signal(Signal::SIGKILL);
    let detail = cluster.wait_for(job, JobStatus::Restarting);
    (cluster, job, detail)
}

#[test]
fn a_job_that_waits_to_begin_again_is_shown_as_restarting_and_can_be_canceled() {
    let (cluster, job, detail) = restarting();
    assert!(detail.timestamps[&JobStatus::Restarting] >= detail.timestamps[&JobStatus::Running]);
    let line = format!("{job} : endless (RESTARTING)");
    cluster.flott(&["list"]).expect_code(0).expect_output(&[&line]);
    let cause = cluster.failure_text(job);
    assert!(cause.contains("SIGKILL"), "the cause is told at once: {cause}");

    let canceled = now();
    cluster.rest().cancel(job).unwrap();
    cluster.wait_for(job, JobStatus::Canceled);
    assert!(canceled.elapsed() < Duration::from_secs(5), "{} ms", canceled.elapsed().as_millis());
    cluster.wait_until_idle(2);
    eventually("no task host is left", || cluster.artifact_processes().is_empty().then_some(()));
}

#[test]
fn no_savepoint_of_a_job_that_waits_to_begin_again() {
    let (cluster, job, _) = restarting();
    let asked = now();
    let reason = cluster.savepoint(job).expect_err("it does not run");
    assert!(asked.elapsed() < Duration::from_secs(5), "{} ms", asked.elapsed().as_millis());
    assert!(!reason.is_empty());
    assert_eq!(cluster.rest().status(job).unwrap(), JobStatus::Restarting);
    cluster.rest().cancel(job).unwrap();
    cluster.wait_for(job, JobStatus::Canceled);
}
