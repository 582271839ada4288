//! Each way to take checkpoints, with a fault.

use std::time::Duration;

use flott_core::{JobId, JobStatus};
use flott_tests::{Cluster, ClusterBuilder, files_below};
use nix::sys::signal::Signal;

fn builder() -> ClusterBuilder {
    Cluster::builder().checkpoints("200 ms")
}

/// Runs the oracle's job with a fault and this setting.
#[track_caller]
fn is_exactly_once_with(settings: &[(&str, &str)]) -> (Cluster, JobId) {
    let mut builder = builder();
    for (key, value) in settings {
        builder = builder.set(key, value);
    }
    let cluster = builder.start();
    let records = 10_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    let checkpoint = cluster.wait_for_checkpoint_after(job, 1);
    cluster.task_hosts().remove(0).signal(Signal::SIGKILL);
    cluster.wait_for_restart(job, 1);
    cluster.wait_for_checkpoint_after(job, checkpoint.id.0);
    cluster.expect_clean_oracle(job, records);
    (cluster, job)
}

#[test]
fn unaligned_checkpoints_are_exactly_once_too() {
    let (cluster, job) = is_exactly_once_with(&[("execution.checkpointing.unaligned.enabled", "true")]);
    let history = cluster.checkpoints(job).history;
    assert!(
        history.iter().any(|checkpoint| checkpoint.checkpoint_type == "UNALIGNED_CHECKPOINT"),
        "{:?}",
        history.first()
    );
}

#[test]
fn several_checkpoints_at_a_time_are_exactly_once_too() {
    is_exactly_once_with(&[("execution.checkpointing.max-concurrent-checkpoints", "3")]);
}

#[test]
fn full_checkpoints_are_exactly_once_too() {
    let (cluster, job) = is_exactly_once_with(&[("execution.checkpointing.incremental", "false")]);
    assert!(files_below(&cluster.checkpoint_dir(job).join("shared")).is_empty());
}

#[test]
fn nothing_is_lost_at_least_once() {
    let cluster = builder().set("execution.checkpointing.mode", "AT_LEAST_ONCE").start();
    let records = 8_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    let checkpoint = cluster.wait_for_checkpoint_after(job, 1);
    cluster.task_hosts().remove(0).signal(Signal::SIGKILL);
    cluster.wait_for_restart(job, 1);
    cluster.wait_for_checkpoint_after(job, checkpoint.id.0);
    let config = cluster.rest().get(&format!("/jobs/{job}/checkpoints/config")).body;
    assert_eq!(config["mode"], "at_least_once", "{config}");
    cluster.wait_for(job, JobStatus::Finished);
    let verdict = flott_tests::oracle::check(&cluster.path("output"), records, flott_tests::ORACLE_KEYS);
    assert!(verdict.checked >= records && verdict.lost == 0, "{verdict}");
}

/// Unaligned checkpoints get through where records do not.
#[test]
fn barriers_overtake_records_under_backpressure() {
    let cluster = Cluster::builder()
        .checkpoints("300 ms")
        .set("execution.checkpointing.unaligned.enabled", "true")
        .start();
    // A sink that takes 2 000 records a second of what comes as fast as it can.
    let args = [
        "--records",
        "100000000",
        "--every",
        "100",
        "--pause-micros",
        "50000",
        "--output",
        &cluster.arg("output"),
    ];
    let job = cluster.submit("slow-sink", &args, 2);
    let checkpoint = cluster.wait_for_checkpoint_after(job, 2);
    eprintln!("checkpoint {} took {} ms", checkpoint.id, checkpoint.parts.end_to_end_duration);
    assert!(checkpoint.parts.end_to_end_duration < 3_000, "{checkpoint:?}");
    assert!(checkpoint.parts.persisted_data > 0, "records on their way are part of it: {checkpoint:?}");
    let started = flott_tests::now();
    cluster.task_hosts().remove(0).signal(Signal::SIGKILL);
    cluster.wait_for_restart(job, 1);
    cluster.wait_for_checkpoint_after(job, checkpoint.id.0 + 1);
    assert!(started.elapsed() < Duration::from_secs(20), "{} ms", started.elapsed().as_millis());
    cluster.rest().cancel(job).unwrap();
    cluster.wait_for(job, JobStatus::Canceled);
}
