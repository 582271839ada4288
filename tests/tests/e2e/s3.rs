//! Checkpoints in S3.

use flott_tests::{Cluster, eventually, s3::S3Server};
use nix::sys::signal::Signal;

#[test]
fn a_job_with_checkpoints_in_s3_survives_and_goes_on_from_a_savepoint() {
    let Some(server) = S3Server::start() else { return };
    let cluster = Cluster::builder().set("execution.checkpointing.interval", "500 ms").s3(&server).start();
    let records = 14_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    let checkpoint = cluster.wait_for_checkpoint(job);
    let path = checkpoint.external_path.expect("it is somewhere");
    assert!(path.starts_with(&format!("s3://flott/checkpoints/{job}/chk-")), "{path}");
    cluster.task_hosts().remove(0).signal(Signal::SIGKILL);
    cluster.wait_for_restart(job, 1);
    cluster.wait_for_checkpoint_after(job, checkpoint.id.0);

    let savepoint = cluster.stop_with_savepoint(job, false).unwrap();
    assert!(savepoint.starts_with("s3://flott/savepoints/savepoint-"), "{savepoint}");
    let inspected = cluster.flott(&["savepoint", "inspect", "--verify", &savepoint]).expect_code(0);
    inspected.expect_output(&["uid count", "uid windows"]);
    let job = cluster.submit_oracle(records, 2_000, 3, Some(&savepoint));
    cluster.expect_clean_oracle(job, records);

    eventually("the checkpoints of jobs that have finished are gone", || {
        let keys = server.keys();
        keys.iter().all(|key| !key.starts_with("checkpoints/") || !key.contains("/chk-")).then_some(())
    });
    let keys = server.keys();
    assert!(keys.iter().any(|key| key.starts_with("savepoints/")), "savepoints stay: {keys:?}");
}
