//! Savepoints that jobs begin with, and those that are refused.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use flott_client::ClaimMode;
use flott_core::JobId;
use flott_tests::{Cluster, counts::read_numbers, eventually, files_below, local_path};

use crate::savepoints::{builder, continues, let_checkpoints_pass, stopped};

#[test]
fn a_savepoint_can_be_moved() {
    let cluster = builder().start();
    let savepoint = local_path(&stopped(&cluster, &[], 2));
    let elsewhere = cluster.path("archive").join("of november");
    fs::create_dir(cluster.path("archive")).unwrap();
    fs::rename(&savepoint, &elsewhere).unwrap();
    fs::remove_dir_all(cluster.path("checkpoints")).unwrap();
    let path = elsewhere.display().to_string();
    // As a path, as its metadata, and as a URI.
    continues(&cluster, &path, &[], 2);
    cluster.flott(&["savepoint", "inspect", "--verify", &path]).expect_code(0);
}

/// Files and what is in them.
fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files_below(directory).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn who_claims_a_savepoint_deletes_it_and_who_does_not_leaves_it_alone() {
    let cluster = builder().slots(Some(4)).start();
    let savepoint = stopped(&cluster, &[], 2);
    let directory = local_path(&savepoint);
    let before = contents(&directory);
    continues(&cluster, &savepoint, &[], 2);
    assert_eq!(contents(&directory), before, "the savepoint is not the job's");

    // The output of other jobs would not be a continuation.
    let run = |output: &str, claim: ClaimMode| {
        let mut request = Cluster::request("evolving", &["--output", &cluster.arg(output)], 2);
        request.savepoint_path = Some(savepoint.clone());
        request.claim_mode = Some(claim);
        cluster.try_run(&request)
    };
    let first = run("first", ClaimMode::Claim);
    assert_eq!(first.status, 200, "{first:?}");
    let job: JobId = first.body["jobid"].as_str().unwrap().parse().unwrap();
    let second = run("second", ClaimMode::Claim);
    assert_eq!(second.status, 409, "{second:?}");
    assert!(second.errors().contains(&job.to_string()), "{second:?}");

    eventually("the job has deleted the savepoint that is its own now", || {
        let status = cluster.rest().status(job).unwrap();
        assert!(!status.is_terminal(), "{status}: {}", cluster.failure_text(job));
        (!directory.join("_metadata").exists() && files_below(&directory).is_empty()).then_some(())
    });
    let_checkpoints_pass(&cluster, job, 1);
}

#[test]
fn state_without_an_operator_is_dropped_only_on_request() {
    let cluster = builder().start();
    let savepoint = stopped(&cluster, &["--extra"], 2);
    let output = cluster.arg("output");
    let args = ["--output", output.as_str()];
    let reason = cluster.refused_from(&savepoint, "evolving", &args, 422);
    for part in ["\"extra\"", "uid extra", "-n"] {
        assert!(reason.contains(part), "no {part:?} in {reason}");
    }
    let artifact = cluster.binaries().test_jobs().display().to_string();
    let run = |more: &[&str]| {
        let all = [
            &["run", "-d", "-p", "2", "-s", &savepoint],
            more,
            &["-c", "evolving", &artifact, "--output", &output],
        ];
        cluster.flott(&all.concat())
    };
    run(&[]).expect_code(1).expect_output(&["uid extra"]);
    assert!(cluster.rest().jobs().iter().all(|job| job.state.is_terminal()), "no job was made");
    let ended = run(&["-n"]).expect_code(0);
    let (_, rest) = ended.stdout.split_once("JobID ").unwrap();
    let job: JobId = rest[..32].parse().unwrap();
    cluster.wait_for_checkpoint(job);
    let savepoint = cluster.stop_with_savepoint(job, false).unwrap();
    assert!(!read_numbers(&cluster.path("output")).is_empty());

    // An operator that was not there begins without state.
    continues(&cluster, &savepoint, &["--extra"], 2);
}

#[test]
fn another_max_parallelism_is_refused() {
    let cluster = builder().start();
    let savepoint = stopped(&cluster, &[], 2);
    let output = cluster.arg("output");
    let reason =
        cluster.refused_from(&savepoint, "evolving", &["--output", &output, "--max-parallelism", "64"], 422);
    for part in ["visits", "max parallelism 64", "128", "set_max_parallelism(128)"] {
        assert!(reason.contains(part), "no {part:?} in {reason}");
    }
}

#[test]
fn state_evolves_with_its_type_or_the_job_is_refused() {
    let cluster = builder().start();
    let first = stopped(&cluster, &[], 2);
    let output = cluster.arg("output");

    // A field that was renamed is another one.
    let job = cluster.submit_from(&first, "evolving", &["--output", &output, "--version", "renamed"], 2);
    let cause = cluster.wait_for_failure(job);
    let message = cause["stacktrace"].as_str().unwrap();
    for part in ["visits", "count", "migrat"] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    assert_eq!(cluster.restarts(job), 0, "it would be the same each time: {cause}");

    // With a migration it is not.
    let saved_output = cluster.path("saved output");
    fs::create_dir(&saved_output).unwrap();
    for (path, bytes) in contents(&cluster.path("output")) {
        fs::write(saved_output.join(path.file_name().unwrap()), bytes).unwrap();
    }
    continues(&cluster, &first, &["--version", "migrating"], 3);

    // Nor is one that was added and need not be there.
    fs::remove_dir_all(cluster.path("output")).unwrap();
    fs::rename(&saved_output, cluster.path("output")).unwrap();
    let second = continues(&cluster, &first, &["--version", "optional"], 1);
    let third = continues(&cluster, &second, &["--version", "optional"], 2);
    let reason = cluster.submit_from(&third, "evolving", &["--output", &output], 2);
    let cause = cluster.wait_for_failure(reason);
    assert!(cause["stacktrace"].as_str().unwrap().contains("last"), "a field is gone: {cause}");
}

/// Inverts a bit in the middle of a file.
fn flip_bit(path: &Path) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let middle = file.metadata().unwrap().len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], middle).unwrap();
}

#[test]
fn damaged_savepoints_are_refused_by_name() {
    let cluster = builder().start();
    let savepoint = stopped(&cluster, &[], 2);
    let directory = local_path(&savepoint);
    let output = cluster.arg("other output");
    let args = ["--output", output.as_str()];
    let refused = |path: &str| cluster.refused_from(path, "evolving", &args, 422);

    // There is none.
    let nowhere = cluster.arg("nowhere");
    assert!(refused(&nowhere).contains(&nowhere));
    cluster.flott(&["savepoint", "inspect", &nowhere]).expect_code(1).expect_output(&[&nowhere]);

    // Its metadata is damaged, or cut off.
    let metadata = directory.join("_metadata");
    let good = fs::read(&metadata).unwrap();
    let name = metadata.display().to_string();
    flip_bit(&metadata);
    let reason = refused(&savepoint);
    assert!(reason.contains(&name), "{reason}");
    cluster.flott(&["savepoint", "inspect", &savepoint]).expect_code(1).expect_output(&[&name]);
    fs::write(&metadata, &good[..good.len() / 3]).unwrap();
    assert!(refused(&savepoint).contains(&name));
    fs::write(&metadata, b"").unwrap();
    assert!(refused(&savepoint).contains(&name));
    fs::write(&metadata, &good).unwrap();

    // A file of state is gone, or damaged: seen at the latest when it is read.
    let files = files_below(&directory).into_iter().filter(|path| *path != metadata);
    let largest = files.max_by_key(|path| fs::metadata(path).unwrap().len());
    let file = largest.expect("state has files of its own");
    let file_name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let good = fs::read(&file).unwrap();
    let fails = || {
        let mut request = Cluster::request("evolving", &args, 2);
        request.savepoint_path = Some(savepoint.clone());
        let answer = cluster.try_run(&request);
        let reason = if answer.status == 422 {
            answer.errors()
        } else {
            let job = answer.body["jobid"].as_str().unwrap_or_else(|| panic!("{answer:?}")).parse().unwrap();
            let cause = cluster.wait_for_failure(job);
            cause["stacktrace"].as_str().unwrap().to_owned()
        };
        assert!(reason.contains(&file_name), "{reason}");
    };
    flip_bit(&file);
    fails();
    cluster
        .flott(&["savepoint", "inspect", "--verify", &savepoint])
        .expect_code(1)
        .expect_output(&[&file_name]);
    fs::remove_file(&file).unwrap();
    fails();
    fs::write(&file, good).unwrap();
    continues(&cluster, &savepoint, &[], 2);
}
