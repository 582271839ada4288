//! Savepoints: taken, looked into, begun with, deleted.

use std::{collections::BTreeSet, path::PathBuf};

use flott_core::{JobId, JobStatus};
use flott_tests::{Cluster, ClusterBuilder, counts::read_numbers, files_below, local_path};
use reqwest::Method;
use serde_json::json;

pub(super) fn builder() -> ClusterBuilder {
    // Small enough state goes into `_metadata`: here it is to have files of its own.
    Cluster::builder().checkpoints("300 ms").set("execution.checkpointing.data-inline-threshold", "0")
}

/// Runs the job `evolving` until it has written something.
#[track_caller]
fn evolving(cluster: &Cluster, args: &[&str], parallelism: u32) -> JobId {
    let output = cluster.arg("output");
    let job = cluster.submit("evolving", &[&["--output", &output], args].concat(), parallelism);
    cluster.wait_for_records(job);
    cluster.wait_for_checkpoint(job);
    job
}

/// Runs it and stops it with a savepoint.
#[track_caller]
pub(super) fn stopped(cluster: &Cluster, args: &[&str], parallelism: u32) -> String {
    let job = evolving(cluster, args, parallelism);
    cluster.stop_with_savepoint(job, false).unwrap()
}

/// Goes on from a savepoint, stops again, and checks that all that was written is a continuation. Returns the second
/// savepoint.
#[track_caller]
pub(super) fn continues(cluster: &Cluster, savepoint: &str, args: &[&str], parallelism: u32) -> String {
    let before = read_numbers(&cluster.path("output")).len();
    let output = cluster.arg("output");
    let args = [&["--output", &output], args].concat();
    let job = cluster.submit_from(savepoint, "evolving", &args, parallelism);
    cluster.wait_for_records(job);
    cluster.wait_for_checkpoint(job);
    let restored = cluster.checkpoints(job).latest.restored.expect("it began from the savepoint");
    assert!(restored.is_savepoint, "{restored:?}");
    let savepoint = cluster.stop_with_savepoint(job, false).unwrap();
    assert!(read_numbers(&cluster.path("output")).len() > before);
    savepoint
}

/// Waits until an unpromised number of checkpoints has come and gone.
#[track_caller]
pub(super) fn let_checkpoints_pass(cluster: &Cluster, job: JobId, count: u64) {
    let number = cluster.wait_for_checkpoint(job).id.0;
    cluster.wait_for_checkpoint_after(job, number + count - 1);
}

#[test]
fn the_command_line_takes_inspects_stops_and_begins_with_savepoints() {
    let cluster = builder().start();
    let job = evolving(&cluster, &["--extra"], 2);
    let id = job.to_string();
    let completed = |output: &str| -> String {
        let (_, rest) = output.split_once("Savepoint completed. Path: ").expect("it says where it is");
        rest.lines().next().unwrap().to_owned()
    };
    let ended = cluster.flott(&["savepoint", &id, &cluster.arg("mine")]).expect_code(0).expect_output(&[
        &format!("Triggering savepoint for job {id}."),
        "You can resume your program from this savepoint with the run command.",
    ]);
    let path = local_path(&completed(&ended.stdout));
    assert_eq!(path.parent().unwrap(), cluster.path("mine"));
    let name = path.file_name().unwrap().to_str().unwrap();
    let (prefix, rest) = name.rsplit_once('-').unwrap();
    assert_eq!(prefix, format!("savepoint-{}", &id[..6]));
    assert!(rest.len() == 12 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    assert!(path.join("_metadata").is_file());
    assert!(files_below(&path).len() > 1, "{:?}", files_below(&path));

    let path = path.display().to_string();
    cluster.flott(&["savepoint", "inspect", "--verify", &path]).expect_code(0).expect_output(&[
        &id,
        "Operator visits (uid visits)",
        "visits (value",
        "Operator extra (uid extra)",
        "parallelism 2, max parallelism 128",
        "key groups 0-63, 64-127",
        "Source numbers",
        "all of it verified",
    ]);
    let json = cluster.flott(&["savepoint", "inspect", "--json", &path]).expect_code(0);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(json.stdout.contains(&id) && report.is_object(), "{}", json.stdout);
    assert_eq!(cluster.rest().status(job).unwrap(), JobStatus::Running, "the job goes on");

    // Stop, and go on.
    let ended = cluster.flott(&["stop", &id]).expect_code(0).expect_output(&[
        &format!("Suspending job \"{id}\" with a CANONICAL savepoint."),
        &format!("Triggering stop-with-savepoint for job {id}."),
    ]);
    cluster.wait_for(job, JobStatus::Finished);
    let savepoint = completed(&ended.stdout);
    assert_eq!(local_path(&savepoint).parent().unwrap(), cluster.path("savepoints"));
    let artifact = cluster.binaries().test_jobs().display().to_string();
    let output = cluster.arg("output");
    let ended = cluster
        .flott(&[
            "run", "-d", "-p", "3", "-s", &savepoint, "-c", "evolving", &artifact, "--extra", "--output",
            &output,
        ])
        .expect_code(0);
    let (_, rest) = ended.stdout.split_once("JobID ").expect("it was submitted");
    let again: JobId = rest[..32].parse().unwrap();
    cluster.wait_for_checkpoint(again);

    // Cancel with a savepoint, and delete all of them.
    let ended = cluster
        .flott(&["cancel", "-s", &cluster.arg("last"), &again.to_string()])
        .expect_code(0)
        .expect_output(&["Savepoint stored in"]);
    cluster.wait_for(again, JobStatus::Canceled);
    let (_, rest) = ended.stdout.split_once("Savepoint stored in ").unwrap();
    let last = local_path(rest.trim().trim_end_matches('.'));
    assert!(last.starts_with(cluster.path("last")) && last.join("_metadata").is_file(), "{last:?}");
    for savepoint in [path, savepoint, last.display().to_string()] {
        let directory =
            if savepoint.starts_with("file:") { local_path(&savepoint) } else { PathBuf::from(&savepoint) };
        assert!(directory.exists());
        cluster
            .flott(&["savepoint", "-d", &savepoint])
            .expect_code(0)
            .expect_output(&[&format!("Savepoint '{savepoint}' disposed.")]);
        assert!(!directory.exists(), "{directory:?} is still there");
        cluster
            .flott(&["savepoint", "-d", &savepoint])
            .expect_code(1)
            .expect_output(&[&*directory.to_string_lossy()]);
    }
}

#[test]
fn savepoints_of_what_is_not_there_are_refused() {
    let cluster =
        Cluster::builder().task_managers(1).set("execution.checkpointing.interval", "300 ms").start();
    let unknown: JobId = "0123456789abcdef0123456789abcdef".parse().unwrap();
    let reason = cluster.savepoint(unknown).unwrap_err();
    assert!(reason.contains(&unknown.to_string()), "{reason}");
    cluster.flott(&["savepoint", &unknown.to_string()]).expect_code(1).expect_output(&[&unknown.to_string()]);
    cluster.flott(&["stop", &unknown.to_string()]).expect_code(1).expect_output(&[&unknown.to_string()]);
    cluster.flott(&["savepoint", "xyz"]).expect_output(&["[0-9a-fA-F]{32}"]);

    // Nobody has said where to.
    let job = cluster.submit("endless", &[], 1);
    cluster.wait_for_checkpoint(job);
    let reason = cluster.savepoint(job).unwrap_err();
    assert!(reason.contains("execution.checkpointing.savepoint-dir"), "{reason}");
    cluster.rest().cancel(job).unwrap();
    cluster.wait_for(job, JobStatus::Canceled);

    // And of a job that has ended.
    let target = format!("file://{}", cluster.arg("savepoints"));
    let reason = cluster
        .snapshot_operation(job, "savepoints", &json!({ "target-directory": target }))
        .expect_err("it has ended");
    assert!(!reason.is_empty());
    let reason = cluster
        .snapshot_operation(job, "stop", &json!({ "targetDirectory": target }))
        .expect_err("it has ended");
    assert!(!reason.is_empty());
    assert!(files_below(&cluster.path("savepoints")).is_empty());
}

#[test]
fn a_suspended_job_goes_on_and_a_drained_one_fires_its_windows() {
    let cluster = builder().start();
    let output = cluster.arg("windows");
    let job = cluster.submit("long-window", &["--output", &output], 2);
    let_checkpoints_pass(&cluster, job, 2);
    let savepoint = cluster.stop_with_savepoint(job, false).unwrap();
    let lines = || flott_tests::text::read_lines(&cluster.path("windows"));
    assert_eq!(lines(), Vec::<String>::new(), "no window may fire when a job is suspended");

    let job = cluster.submit_from(&savepoint, "long-window", &["--output", &output], 3);
    let_checkpoints_pass(&cluster, job, 2);
    let drained = cluster.stop_with_savepoint(job, true).unwrap();
    let lines = lines();
    let fields =
        |line: &String| -> Vec<u64> { line.split(' ').map(|field| field.parse().unwrap()).collect() };
    let windows: Vec<_> = lines.iter().map(fields).collect();
    let keys: BTreeSet<_> = windows.iter().map(|window| window[0]).collect();
    assert_eq!(keys, (0..10).collect(), "{lines:?}");
    assert_eq!(windows.len(), 10, "one window a key: {lines:?}");
    for window in &windows {
        assert_eq!(window[1], window[0], "the first record of the first life is in it: {lines:?}");
        assert!(window[2] > 10, "{lines:?}");
    }
    cluster.flott(&["savepoint", "inspect", &drained]).expect_code(0).expect_output(&["drained"]);
}

#[test]
fn jobs_go_on_at_another_parallelism() {
    let cluster = Cluster::builder().checkpoints("200 ms").start();
    let records = 12_000;
    let mut job = cluster.submit_oracle(records, 2_000, 2, None);
    for parallelism in [4, 3] {
        let_checkpoints_pass(&cluster, job, 2);
        let savepoint = cluster.stop_with_savepoint(job, false).unwrap();
        job = cluster.submit_oracle(records, 2_000, parallelism, Some(&savepoint));
    }
    cluster.expect_clean_oracle(job, records);
}

#[test]
fn a_savepoint_in_passing_loses_and_repeats_nothing() {
    let cluster = Cluster::builder().checkpoints("200 ms").start();
    let records = 6_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_until_running(job);
    for _ in 0..3 {
        cluster.savepoint(job).unwrap();
    }
    cluster.order_fault("panic");
    cluster.expect_clean_oracle(job, records);
    let checkpoints = cluster.checkpoints(job);
    assert!(checkpoints.latest.savepoint.is_some_and(|savepoint| savepoint.is_savepoint));
}

#[test]
fn savepoints_are_deleted_over_rest() {
    let cluster = builder().start();
    let savepoint = stopped(&cluster, &[], 1);
    let directory = local_path(&savepoint);
    let dispose = |path: &str| {
        let body = json!({ "savepoint-path": path }).to_string();
        let answer = cluster.rest().send_text(Method::POST, "/savepoint-disposal", &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        cluster.operation(&answer, "/savepoint-disposal")
    };
    // What is no savepoint stays.
    std::fs::create_dir(cluster.path("precious")).unwrap();
    std::fs::write(cluster.path("precious/data"), "mine").unwrap();
    dispose(&cluster.arg("precious")).unwrap_err();
    assert!(cluster.path("precious/data").is_file());

    dispose(&savepoint).unwrap();
    assert!(!directory.exists());
    let reason = dispose(&savepoint).unwrap_err();
    assert!(reason.contains(directory.file_name().unwrap().to_str().unwrap()), "{reason}");
}
