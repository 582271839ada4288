//! `flott savepoint`, `flott checkpoint`, `flott stop` and `flott cancel -s`.

use std::process::Stdio;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, JOB},
    command::{Done, done, flott},
};

const LOCATION: &str = "file:/sp/savepoint-2efff7-d09b38f95e7f";

fn underway() -> Value {
    json!({"status": {"id": "IN_PROGRESS"}, "operation": null})
}

fn completed(operation: Value) -> Value {
    json!({"status": {"id": "COMPLETED"}, "operation": operation})
}

fn located() -> Value {
    completed(json!({ "location": LOCATION }))
}

fn failed() -> Value {
    completed(json!({"failure-cause": {"class": "CHECKPOINT_FAILED", "serialized-throwable": "rO0=",
        "stack-trace": "no space left on device\n  while writing savepoint 7\n"}}))
}

async fn run(cluster: &Cluster, args: &[&str]) -> Done {
    let mut command = flott(&args[..1]);
    command.args(["-m", &cluster.address.to_string()]).args(&args[1..]);
    done(command).await
}

#[tokio::test]
async fn savepoint_prints_flinks_text() {
    let cluster = Cluster::with_operation([underway(), underway(), located()]).await;
    let savepoint = run(&cluster, &["savepoint", "-type", "NATIVE", JOB, "file:/sp"]).await;
    assert_eq!(savepoint.code, Some(0), "{savepoint:?}");
    let expected = format!(
        "Triggering savepoint for job {JOB}.\nWaiting for response...\nSavepoint completed. Path: {LOCATION}\n\
         You can resume your program from this savepoint with the run command.\n"
    );
    assert_eq!((savepoint.stdout.as_str(), savepoint.stderr.as_str()), (expected.as_str(), ""));
    let body = json!({"target-directory": "file:/sp", "cancel-job": false, "formatType": "NATIVE"});
    assert_eq!(cluster.triggers(), [(format!("/v1/jobs/{JOB}/savepoints"), body)]);

    let json: Value =
        serde_json::from_str(&run(&cluster, &["savepoint", "--json", JOB]).await.stdout).unwrap();
    assert_eq!(json, json!({"jid": JOB, "location": LOCATION}));
}

#[tokio::test]
async fn detached_savepoint_does_not_wait() {
    let cluster = Cluster::with_operation([underway()]).await;
    let savepoint = run(&cluster, &["savepoint", JOB, "-detached"]).await;
    assert_eq!(savepoint.code, Some(0), "{savepoint:?}");
    let start = format!(
        "Triggering savepoint in detached mode for job {JOB}.\nSuccessfully trigger manual savepoint, triggerId: "
    );
    let id = savepoint.stdout.strip_prefix(&start).unwrap().trim_end();
    assert_eq!(id.len(), 32, "{id}");
}

#[tokio::test]
async fn failures_begin_with_the_root_cause() {
    for (args, last) in [
        (&["savepoint", JOB][..], format!("Triggering a savepoint for the job {JOB} failed.")),
        (&["checkpoint", JOB], format!("Triggering a checkpoint for the job {JOB} failed.")),
        (&["stop", JOB], format!("Could not stop with a savepoint job \"{JOB}\".")),
        (&["cancel", "-s", JOB], format!("Could not cancel job {JOB}.")),
        (&["savepoint", "-d", "/x"], "Disposing the savepoint '/x' failed.".to_owned()),
    ] {
        let cluster = Cluster::with_operation([underway(), failed()]).await;
        let done = run(&cluster, args).await;
        assert_eq!(done.code, Some(1), "{args:?}: {done:?}");
        let expected = format!(
            "\n------------------------------------------------------------\n The program finished with the following \
             exception:\n\nno space left on device\n  while writing savepoint 7\n\n{last}\n"
        );
        assert_eq!(done.stderr, expected, "{args:?}");
        assert!(!done.stdout.contains("ompleted"));
    }
}

#[tokio::test]
async fn refusals_are_told_in_one_line() {
    let cluster = Cluster::with_operation([underway()]).await;
    cluster.refuse_runs(400, "no directory is given for the savepoint");
    let refused = run(&cluster, &["stop", JOB]).await;
    assert_eq!(
        (refused.code, refused.stderr.as_str()),
        (Some(1), "no directory is given for the savepoint\n")
    );
}

#[tokio::test]
async fn stop_prints_flinks_text() {
    let place = format!("/v1/jobs/{JOB}/stop");
    let body = |directory: Option<&str>, drain: bool, format: &str| {
        (place.clone(), json!({"targetDirectory": directory, "drain": drain, "formatType": format}))
    };
    for (args, first, trigger) in [
        (&["stop", JOB][..], "Suspending", body(None, false, "CANONICAL")),
        (&["stop", "-p", "file:/sp", JOB], "Suspending", body(Some("file:/sp"), false, "CANONICAL")),
        (&["stop", "-p", JOB], "Suspending", body(None, false, "CANONICAL")),
        (&["stop", "-p", "-d", JOB], "Draining", body(None, true, "CANONICAL")),
        (&["stop", "--drain", "-type=native", JOB], "Draining", body(None, true, "NATIVE")),
    ] {
        let cluster = Cluster::with_operation([underway(), located()]).await;
        let stop = run(&cluster, args).await;
        assert_eq!(stop.code, Some(0), "{args:?}: {stop:?}");
        let format = trigger.1["formatType"].as_str().unwrap().to_owned();
        let expected = format!(
            "{first} job \"{JOB}\" with a {format} savepoint.\nTriggering stop-with-savepoint for job {JOB}.\n\
             Waiting for response...\nSavepoint completed. Path: {LOCATION}\n"
        );
        assert_eq!(stop.stdout, expected);
        assert_eq!(stop.stderr.starts_with("WARN Draining fires all windows"), first == "Draining");
        assert_eq!(cluster.triggers(), [trigger], "{args:?}");
    }
    let cluster = Cluster::with_operation([underway()]).await;
    let detached = run(&cluster, &["stop", "--detached", JOB]).await;
    let line = "\nSuccessfully trigger stop-with-savepoint in detached mode, triggerId: ";
    assert!(detached.code == Some(0) && detached.stdout.contains(line), "{detached:?}");
}

#[tokio::test]
async fn checkpoint_prints_flinks_text() {
    for (args, label, kind) in
        [(&["checkpoint", JOB][..], "", "CONFIGURED"), (&["checkpoint", "-full", JOB], "(FULL)", "FULL")]
    {
        let cluster = Cluster::with_operation([completed(json!({"checkpointId": 11}))]).await;
        let checkpoint = run(&cluster, args).await;
        assert_eq!(checkpoint.code, Some(0), "{checkpoint:?}");
        let expected = format!(
            "Triggering checkpoint for job {JOB}.\nWaiting for response...\n\
             Checkpoint{label} 11 for job {JOB} completed.\n\
             You can resume your program from this checkpoint with the run command.\n"
        );
        assert_eq!(checkpoint.stdout, expected);
        let body = json!({ "checkpointType": kind });
        assert_eq!(cluster.triggers(), [(format!("/v1/jobs/{JOB}/checkpoints"), body)]);
    }
}

#[tokio::test]
async fn disposal_prints_flinks_text() {
    let cluster = Cluster::with_operation([underway(), completed(json!({}))]).await;
    let dispose = run(&cluster, &["savepoint", "-d", "file:/sp/x", "-j", "job.jar"]).await;
    let expected =
        "Disposing savepoint 'file:/sp/x'.\nWaiting for response...\nSavepoint 'file:/sp/x' disposed.\n";
    assert_eq!((dispose.code, dispose.stdout.as_str()), (Some(0), expected), "{dispose:?}");
    let trigger = ("/v1/savepoint-disposal".to_owned(), json!({"savepoint-path": "file:/sp/x"}));
    assert_eq!(cluster.triggers(), [trigger]);
}

#[tokio::test]
async fn cancel_with_savepoint_is_deprecated_and_works() {
    for (args, place, directory) in [
        (&["cancel", "-s", "file:/sp", JOB][..], "file:/sp.", json!("file:/sp")),
        (&["cancel", "-s", JOB], "default savepoint directory.", Value::Null),
    ] {
        let cluster = Cluster::with_operation([underway(), located()]).await;
        let cancel = run(&cluster, args).await;
        let expected = format!(
            "DEPRECATION WARNING: Cancelling a job with savepoint is deprecated. Use \"stop\" instead.\n\
             Cancelling job {JOB} with CANONICAL savepoint to {place}\n\
             Cancelled job {JOB}. Savepoint stored in {LOCATION}.\n"
        );
        assert_eq!((cancel.code, cancel.stdout.as_str()), (Some(0), expected.as_str()), "{cancel:?}");
        let body = json!({"target-directory": directory, "cancel-job": true, "formatType": "CANONICAL"});
        assert_eq!(cluster.triggers(), [(format!("/v1/jobs/{JOB}/savepoints"), body)]);
    }
}

#[tokio::test]
async fn a_signal_leaves_the_operation_alone_and_says_so() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let cluster = Cluster::with_operation([underway()]).await;
        let mut command = flott(["stop", "-m"]);
        command.args([&cluster.address.to_string(), JOB]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        cluster.looked_at(2).await;
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
        let done = Done::from(output);
        assert_eq!(done.code, Some(130), "{done:?}");
        let text = format!(
            "Interrupted. The savepoint goes on without this command; what becomes of it tells http://{}/jobs/{JOB}/savepoints/",
            cluster.address
        );
        assert!(done.stderr.starts_with(&text), "{}", done.stderr);
        assert!(!cluster.is_canceled());
    }
}
