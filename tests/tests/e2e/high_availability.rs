//! One JobManager that is killed and started again: its jobs do not notice.

use std::{collections::BTreeSet, fs};

use flott_client::RunRequest;
use flott_core::{JobId, JobStatus};
use flott_tests::{Cluster, ClusterBuilder, eventually, files_below};
use nix::sys::signal::Signal;

fn highly_available() -> ClusterBuilder {
    Cluster::builder()
        .checkpoints("200 ms")
        .set("high-availability.type", "file")
        .set("high-availability.storageDir", "{dir}/ha")
        .set("jobmanager.reconciliation-timeout", "5 s")
        .set("restart-strategy.type", "fixed-delay")
        .set("restart-strategy.fixed-delay.attempts", "10")
        .set("restart-strategy.fixed-delay.delay", "50 ms")
}

fn kill_job_manager(cluster: &Cluster) {
    let job_manager = cluster.job_manager();
    job_manager.signal(Signal::SIGKILL);
    eventually("the JobManager is gone", || (!job_manager.is_alive()).then_some(()));
}

#[track_caller]
fn start_job_manager(cluster: &Cluster) {
    cluster.run_script("jobmanager.sh", &["start"]).expect_code(0);
}

fn host_pids(cluster: &Cluster) -> BTreeSet<i32> {
    cluster.task_hosts().iter().map(|host| host.pid).collect()
}

#[track_caller]
fn latest_checkpoint(cluster: &Cluster, job: JobId) -> u64 {
    cluster.wait_for_checkpoint(job).id.0
}

#[test]
fn a_job_does_not_notice_that_its_jobmanager_is_killed_again_and_again() {
    let cluster = highly_available().start();
    let records = 16_000;
    let job = cluster.submit_oracle(records, 2_000, 4, None);
    let mut latest = latest_checkpoint(&cluster, job);
    let hosts = host_pids(&cluster);
    for _ in 0..3 {
        kill_job_manager(&cluster);
        start_job_manager(&cluster);
        cluster.wait_until_running(job);
        latest = cluster.wait_for_checkpoint_after(job, latest).id.0;
        assert_eq!(host_pids(&cluster), hosts, "the processes of the job are the same");
        assert_eq!(cluster.restarts(job), 0);
        assert!(cluster.attempts(job).values().flatten().all(|attempt| *attempt == 0));
    }
    cluster.expect_clean_oracle(job, records);
    assert_eq!(cluster.restarts(job), 0);
}

#[test]
fn a_job_that_comes_to_its_end_without_a_jobmanager_finishes_with_the_next_one() {
    let cluster = highly_available().start();
    let args = ["--records=200", "--keys=10", "--rate=400", "--output", &cluster.arg("sums")];
    let job = cluster.submit("keyed-sum", &args, 2);
    cluster.wait_until_running(job);
    kill_job_manager(&cluster);
    start_job_manager(&cluster);
    cluster.wait_for(job, JobStatus::Finished);
    let files = files_below(&cluster.path("sums")).into_iter();
    let lines: usize =
        files.map(|file| fs::read_to_string(file).map_or(0, |text| text.lines().count())).sum();
    assert_eq!((cluster.restarts(job), lines), (0, 10));
}

#[test]
fn what_died_together_with_the_jobmanager_begins_again_from_the_latest_checkpoint() {
    let cluster = highly_available().task_managers(3).start();
    let records = 12_000;
    let job = cluster.submit_oracle(records, 2_000, 4, None);
    latest_checkpoint(&cluster, job);
    kill_job_manager(&cluster);
    cluster.task_hosts().remove(0).signal(Signal::SIGKILL);
    start_job_manager(&cluster);
    cluster.wait_for_restart(job, 1);
    cluster.expect_clean_oracle(job, records);
}

#[test]
fn a_cluster_that_was_killed_as_a_whole_goes_on_with_its_jobs() {
    let cluster = highly_available().start();
    let records = 8_000;
    let job = cluster.submit_oracle(records, 2_000, 4, None);
    let latest = latest_checkpoint(&cluster, job);
    for process in cluster.processes() {
        process.signal(Signal::SIGKILL);
    }
    eventually("all is gone", || cluster.processes().is_empty().then_some(()));
    cluster.run_script("start-cluster.sh", &[]).expect_code(0);
    cluster.wait_for_checkpoint_after(job, latest);
    let restored = cluster.checkpoints(job).latest.restored.expect("it began from a checkpoint");
    assert!(restored.id.0 >= latest, "{restored:?}");
    assert_eq!(cluster.restarts(job), 0, "to begin again is no failure of the job's");
    cluster.expect_clean_oracle(job, records);
}

#[test]
fn ended_jobs_and_artifacts_survive_the_jobmanager() {
    let cluster = highly_available().start();
    let artifact = cluster.test_jobs().to_owned();
    let finished = cluster.submit_oracle(500, 5_000, 1, None);
    cluster.expect_clean_oracle(finished, 500);
    let canceled = cluster.submit("endless", &[], 1);
    cluster.wait_until_running(canceled);
    cluster.rest().cancel(canceled).unwrap();
    cluster.wait_for(canceled, JobStatus::Canceled);
    let before: Vec<_> = cluster.rest().jobs().into_iter().map(|job| (job.jid, job.state)).collect();

    kill_job_manager(&cluster);
    start_job_manager(&cluster);
    let after: Vec<_> = cluster.rest().jobs().into_iter().map(|job| (job.jid, job.state)).collect();
    assert_eq!(after, before);
    assert!(cluster.rest().execution_result(finished).unwrap().is_some());
    cluster.wait_until_idle(2);
    let again = cluster.rest().run(&artifact, &Cluster::request("endless", &[], 1)).unwrap();
    cluster.wait_until_running(again);
}

#[test]
fn a_repeated_submission_starts_no_second_job_after_a_failover_either() {
    let cluster = highly_available().start();
    let id = JobId::from_bytes([7; 16]);
    let request = RunRequest { job_id: Some(id), ..Cluster::request("endless", &[], 1) };
    let artifact = cluster.test_jobs().to_owned();
    assert_eq!(cluster.rest().run(&artifact, &request).unwrap(), id);
    cluster.wait_until_running(id);
    let hosts = host_pids(&cluster);
    kill_job_manager(&cluster);
    start_job_manager(&cluster);
    assert_eq!(cluster.rest().run(&artifact, &request).unwrap(), id);
    cluster.wait_until_running(id);
    assert_eq!(cluster.rest().jobs().len(), 1);
    assert_eq!(host_pids(&cluster), hosts);
}

#[test]
fn a_damaged_record_stops_its_own_job_only() {
    let cluster = highly_available().start();
    let good = cluster.submit("endless", &[], 1);
    let bad = cluster.submit("endless", &[], 1);
    cluster.wait_until_running(good);
    cluster.wait_until_running(bad);
    kill_job_manager(&cluster);
    let of_bad = |path: &std::path::PathBuf| {
        let text = path.display().to_string();
        text.contains(&bad.to_string()) && text.contains("/jobs/") && text.contains("spec")
    };
    let record = files_below(&cluster.path("ha")).into_iter().find(of_bad).expect("the job has a record");
    let mut bytes = fs::read(&record).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(&record, bytes).unwrap();
    start_job_manager(&cluster);
    cluster.wait_until_running(good);
    assert_eq!(cluster.restarts(good), 0);
    let log = cluster.job_manager_log();
    assert!(log.contains(&record.display().to_string()), "the log names the damaged file:\n{log}");
}
