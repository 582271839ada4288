//! The command line against a running cluster.

use std::{process::Stdio, time::Duration};

use flott_core::{JobId, JobStatus};
use flott_tests::{Cluster, Ended, free_port};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

fn job_id(ended: &Ended) -> JobId {
    let (_, rest) = ended.stdout.split_once("Job has been submitted with JobID ").expect("it was submitted");
    rest[..32].parse().expect("32 hexadecimal digits")
}

#[test]
fn detached_runs_are_listed_and_canceled() {
    let cluster = Cluster::start();
    let artifact = cluster.binaries().test_jobs().display().to_string();
    cluster.flott(&["list"]).expect_code(0).expect_output(&["No running jobs.", "No scheduled jobs."]);

    let ended =
        cluster.flott(&["run", "-d", "-p", "4", "-c", "endless", &artifact, "--rate", "100"]).expect_code(0);
    let job = job_id(&ended);
    cluster.wait_for_records(job);
    let line = format!("{job} : endless (RUNNING)");
    cluster.flott(&["list"]).expect_code(0).expect_output(&["Running/Restarting Jobs", &line]);
    cluster.flott(&["list", "-r"]).expect_code(0).expect_output(&[&line]);

    cluster
        .flott(&["cancel", &job.to_string()])
        .expect_code(0)
        .expect_output(&[&format!("Cancelling job {job}."), &format!("Cancelled job {job}.")]);
    cluster.wait_for(job, JobStatus::Canceled);
    cluster.flott(&["list", "-r"]).expect_code(0).expect_output(&["No running jobs."]);
    cluster
        .flott(&["list", "-a"])
        .expect_code(0)
        .expect_output(&["Terminated Jobs", &format!("{job} : endless (CANCELED)")]);
}

#[test]
fn an_attached_run_of_a_canceled_job_fails() {
    let cluster = Cluster::start();
    let artifact = cluster.binaries().test_jobs();
    let child = cluster
        .script("flott")
        .args(["run", "-p", "2", "-c", "endless"])
        .arg(artifact)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let job =
        flott_tests::eventually("the job is there", || cluster.rest().jobs().first().map(|job| job.jid));
    // Every five seconds it says how fast each vertex is.
    flott_tests::eventually("the job has run for a while", || {
        (cluster.rest().job(job).unwrap().duration > 6500).then_some(())
    });
    cluster.rest().cancel(job).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in ["is RUNNING", "is CANCELED", "was canceled"] {
        assert!(stderr.contains(part), "no {part:?} in {stderr}");
    }
    let rate = |line: &str| line.split_once(") in ")?.1.split_once(" /s")?.0.parse::<u32>().ok();
    let rates: Vec<_> = stderr.lines().filter_map(rate).collect();
    let plausible = |rate: &u32| (300..3000).contains(rate);
    assert!(
        !rates.is_empty() && rates.iter().all(plausible),
        "1000 /s are sent, said are {rates:?} in {stderr}"
    );
}

#[test]
fn an_interrupted_run_detaches_where_nobody_can_be_asked() {
    let cluster = Cluster::start();
    let child = cluster
        .script("flott")
        .args(["run", "-p", "2", "-c", "endless"])
        .arg(cluster.binaries().test_jobs())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let job =
        flott_tests::eventually("the job is there", || cluster.rest().jobs().first().map(|job| job.jid));
    cluster.wait_for_records(job);
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_ne!(output.status.code(), Some(0), "0 is for FINISHED only");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("Detached from job") && stderr.contains("flott cancel"), "{stderr}");
    assert_eq!(cluster.rest().status(job).unwrap(), JobStatus::Running);
}

#[test]
fn info_shows_the_plan_without_a_cluster() {
    let cluster = Cluster::builder().prepare();
    let artifact = cluster.binaries().word_count().display().to_string();
    cluster.flott(&["info", "-p", "3", &artifact]).expect_code(0).expect_output(&[
        "Execution Plan",
        "WordCount (BATCH, 7 subtasks, 3 slots)",
        "Source: built-in text",
        "└─ REBALANCE → Tokenizer  [parallelism 3]",
        "HASH → Counter -> Format",
    ]);
    let json = cluster.flott(&["info", "--json", "-p", "3", &artifact]).expect_code(0);
    let plan: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(plan["name"], "WordCount");
    assert!(plan["nodes"].as_array().is_some_and(|nodes| nodes.len() >= 2), "{plan}");
}

#[test]
fn wrong_uses_are_explained() {
    let cluster = Cluster::builder().task_managers(1).start();
    let unknown = "0123456789abcdef0123456789abcdef";
    let nobody = format!("localhost:{}", free_port());
    for (args, code, expected) in [
        (&["cancel", unknown][..], 1, unknown),
        (&["cancel", "xyz"], 2, "[0-9a-fA-F]{32}"),
        (&["run"], 2, "ARTIFACT"),
        (&["run", "-p", "0", "x"], 2, "-p"),
        (&["run", "-p", "many", "x"], 2, "many"),
        (&["fly"], 2, "fly"),
        (&["list", "--nonsense"], 2, "--nonsense"),
        (&["list", "-m", &nobody], 1, "cannot connect to the JobManager"),
        (&["list", "-m", "not an address"], 2, "expected host:port"),
    ] {
        let ended = cluster.flott(args);
        assert!(ended.took < Duration::from_secs(10), "{args:?} took {} s", ended.took.as_secs());
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.output());
        ended.expect_output(&[expected]);
    }
}

#[test]
fn a_run_waits_for_a_jobmanager_that_is_away_and_then_says_so() {
    let cluster = Cluster::builder().task_managers(1).start();
    let child = cluster
        .script("flott")
        .args(["run", "-D", "client.timeout=1 s", "-c", "endless"])
        .arg(cluster.binaries().test_jobs())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let job =
        flott_tests::eventually("the job is there", || cluster.rest().jobs().first().map(|job| job.jid));
    cluster.wait_for_records(job);
    cluster.job_manager().signal(Signal::SIGKILL);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("does not answer") && stderr.contains("Cannot follow job"), "{stderr}");
}
