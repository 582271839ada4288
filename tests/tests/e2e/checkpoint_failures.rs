//! Checkpoints that fail: they cost no more than themselves, unless they are too many.

use std::{fs, path::Path};

use flott_client::CheckpointStatus;
use flott_core::JobStatus;
use flott_tests::{Cluster, ClusterBuilder, eventually, local_path};
use nix::sys::signal::Signal;

fn builder() -> ClusterBuilder {
    Cluster::builder().checkpoints("200 ms")
}

/// Puts files in the way of the directories of the next checkpoints.
fn block(directory: &Path, from: u64, count: u64) {
    for number in from..from + count {
        // Those that are there already are none of the next.
        let _ =
            fs::OpenOptions::new().write(true).create_new(true).open(directory.join(format!("chk-{number}")));
    }
}

#[test]
fn a_storage_that_fails_costs_checkpoints_and_not_the_job() {
    let cluster = builder().start();
    let records = 12_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    let number = cluster.wait_for_checkpoint(job).id.0;
    let directory = cluster.checkpoint_dir(job);
    block(&directory, number + 2, 4);
    let failed = eventually("checkpoints fail", || cluster.checkpoints(job).latest.failed);
    let message = failed.failure_message.expect("it says why");
    assert!(message.contains("chk-"), "the place is named: {message}");
    assert_eq!(failed.status, CheckpointStatus::Failed);
    assert!(failed.failure_timestamp.is_some());
    // By themselves, once their numbers have got beyond what is in the way.
    let after = cluster.wait_for_checkpoint_after(job, number + 5);
    assert_eq!(cluster.restarts(job), 0, "{}", cluster.failure_text(job));
    assert!(cluster.checkpoints(job).counts.failed >= 1);
    cluster.task_hosts().remove(0).signal(Signal::SIGKILL);
    cluster.wait_for_restart(job, 1);
    assert!(cluster.checkpoints(job).latest.restored.expect("it began from one").id.0 >= after.id.0);
    cluster.expect_clean_oracle(job, records);
}

#[test]
fn a_storage_that_is_away_for_a_while_costs_checkpoints_and_not_the_job() {
    let cluster = builder().start();
    let records = 14_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint(job);
    let (place, elsewhere) = (cluster.path("checkpoints"), cluster.path("unmounted"));
    fs::rename(&place, &elsewhere).unwrap();
    fs::write(&place, "a file where a directory was").unwrap();
    eventually("several checkpoints fail", || (cluster.checkpoints(job).counts.failed >= 4).then_some(()));
    assert_eq!(cluster.rest().status(job).unwrap(), JobStatus::Running);
    fs::remove_file(&place).unwrap();
    fs::rename(&elsewhere, &place).unwrap();
    let number = cluster.checkpoints(job).latest.completed.expect("there was one").id.0;
    cluster.wait_for_checkpoint_after(job, number);
    assert_eq!(cluster.restarts(job), 0, "{}", cluster.failure_text(job));
    cluster.expect_clean_oracle(job, records);
}

#[test]
fn more_failed_checkpoints_than_are_tolerated_restart_the_job() {
    let cluster = builder()
        .set("execution.checkpointing.tolerable-failed-checkpoints", "1")
        .set("restart-strategy.type", "fixed-delay")
        .set("restart-strategy.fixed-delay.attempts", "10")
        .set("restart-strategy.fixed-delay.delay", "50 ms")
        .start();
    let records = 12_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    let number = cluster.wait_for_checkpoint(job).id.0;
    block(&cluster.checkpoint_dir(job), number + 2, 3);
    cluster.wait_for_restart(job, 1);
    let cause = cluster.failure_text(job);
    assert!(cause.contains("checkpoint"), "{cause}");
    cluster.expect_clean_oracle(job, records);
}

#[test]
fn a_checkpoint_that_takes_too_long_fails_alone() {
    let cluster = builder()
        .set("execution.checkpointing.timeout", "1 s")
        .set("execution.checkpointing.tolerable-failed-checkpoints", "100")
        .start();
    let records = 16_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint(job);
    cluster.order_fault("hang");
    let failed = eventually("a checkpoint fails", || cluster.checkpoints(job).latest.failed);
    let message = failed.failure_message.expect("it says why");
    assert!(message.contains("within 1 s"), "{message}");
    assert!(failed.parts.num_acknowledged_subtasks < failed.parts.num_subtasks, "{:?}", failed.parts);
    cluster.expect_clean_oracle(job, records);
    assert_eq!(cluster.restarts(job), 0);
}

#[test]
fn a_checkpoint_that_can_not_be_read_fails_the_job_and_is_named() {
    let cluster = Cluster::builder().checkpoints("10 min").start();
    let job = cluster.submit("endless", &[], 2);
    cluster.wait_until_running(job);
    let id = job.to_string();
    for _ in 0..2 {
        cluster.flott(&["checkpoint", &id]).expect_code(0);
    }
    let latest = cluster.wait_for_checkpoint_after(job, 1);
    let metadata = local_path(&latest.external_path.expect("it is somewhere")).join("_metadata");
    let bytes = fs::read(&metadata).unwrap();
    fs::write(&metadata, &bytes[..bytes.len() / 2]).unwrap();
    cluster.task_hosts().remove(0).signal(Signal::SIGKILL);
    let cause = cluster.wait_for_failure(job);
    let text = cause["stacktrace"].as_str().unwrap();
    assert!(text.contains(&metadata.display().to_string()), "{text}");
    assert_eq!(cause["rootCause"]["kind"], "CHECKPOINT_UNREADABLE", "{cause}");
}
