//! `flott run` and `flott info`.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, JOB},
    command::{Done, artifact, done, flott},
};

const LIFE: [&str; 4] = ["INITIALIZING", "CREATED", "RUNNING", "FINISHED"];

fn run(cluster: &Cluster, options: &[&str]) -> Command {
    let mut command = flott(["run", "-m"]);
    command.arg(cluster.address.to_string()).args(options);
    command
}

#[tokio::test]
async fn finished_job_is_success() {
    let cluster = Cluster::with_job(&LIFE).await;
    let dir = tempfile::tempdir().unwrap();
    let program = artifact(dir.path(), "return 0;");
    let mut command = run(&cluster, &["-p", "4", "-c", "nightly", "-D", "pipeline.name=n", "-Drest.port=1"]);
    command.arg(&program).args(["--input", "a b", "-p", "9", "--", "-h"]);
    let done = done(command).await;

    assert_eq!(done.code, Some(0), "{done:?}");
    let expected = format!(
        "Job has been submitted with JobID {JOB}\nProgram execution finished\n\
         Job with JobID {JOB} has finished.\nJob Runtime: 740 ms\n"
    );
    assert_eq!(done.stdout, expected);
    assert!(done.stderr.contains(&format!("Job {JOB} is RUNNING\n")), "{}", done.stderr);
    assert!(done.stderr.contains("Source: text -> split is RUNNING\n"), "{}", done.stderr);
    assert_eq!(
        cluster.runs(),
        [json!({"entryClass": "nightly", "parallelism": 4, "flinkConfiguration": {"pipeline.name": "n"},
            "programArgsList": ["--input", "a b", "-p", "9", "--", "-h"]})],
        "all that follows the artifact is the job's own"
    );
    assert_eq!(cluster.uploads(), [("word count".to_owned(), std::fs::read(&program).unwrap())]);
}

#[tokio::test]
async fn a_job_begins_with_a_savepoint() {
    let dir = tempfile::tempdir().unwrap();
    let program = artifact(dir.path(), "return 0;");
    for (options, expected) in [
        (
            &["-d", "-s", "file:/sp/x", "-n", "-cm", "claim"][..],
            json!({"savepointPath": "file:/sp/x", "allowNonRestoredState": true, "claimMode": "CLAIM"}),
        ),
        (
            &["--fromSavepoint", "/sp/x", "-rm", "NO_CLAIM", "-detached"],
            json!({"savepointPath": "/sp/x", "claimMode": "NO_CLAIM"}),
        ),
    ] {
        let cluster = Cluster::with_job(&["RUNNING"]).await;
        let mut command = run(&cluster, options);
        command.arg(&program);
        let done = done(command).await;
        assert_eq!(done.code, Some(0), "{done:?}");
        let mut body = cluster.runs().remove(0);
        body.as_object_mut().unwrap().remove("programArgsList");
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn failed_job_is_told_with_its_root_cause() {
    let cluster = Cluster::with_job(&["RUNNING", "FAILING", "FAILED"]).await;
    let dir = tempfile::tempdir().unwrap();
    let mut command = run(&cluster, &[]);
    command.arg(artifact(dir.path(), "return 0;"));
    let done = done(command).await;
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr
            .contains("The program finished with the following exception:\n\nuser code panicked: division")
    );
    assert!(
        done.stderr.contains("(src/main.rs:7:5)\nTask: split (1/2)\nTaskManager: tm-1\n"),
        "{}",
        done.stderr
    );
    assert!(!done.stderr.contains("an echo"));
    assert!(!done.stdout.contains("finished"));
}

#[tokio::test]
async fn canceled_job_is_no_success() {
    let cluster = Cluster::with_job(&["RUNNING", "CANCELLING", "CANCELED"]).await;
    let dir = tempfile::tempdir().unwrap();
    let mut command = run(&cluster, &[]);
    command.arg(artifact(dir.path(), "return 0;"));
    let done = done(command).await;
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.ends_with(&format!("Job with JobID {JOB} was canceled.\n")), "{}", done.stderr);
}

#[tokio::test]
async fn detached_run_does_not_wait() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    let dir = tempfile::tempdir().unwrap();
    let mut command = run(&cluster, &["-d"]);
    command.arg(artifact(dir.path(), "return 0;"));
    let done = done(command).await;
    assert_eq!(done.code, Some(0));
    assert_eq!(done.stdout, format!("Job has been submitted with JobID {JOB}\n"));
}

#[tokio::test]
async fn signals_detach_where_nobody_can_be_asked() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let cluster = Cluster::with_job(&["RUNNING"]).await;
        let dir = tempfile::tempdir().unwrap();
        let mut command = run(&cluster, &[]);
        command.arg(artifact(dir.path(), "return 0;")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        cluster.looked_at(2).await;
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
        let done = Done::from(output);
        assert_eq!(done.code, Some(130), "{done:?}");
        let way_out = format!("Cancel it with: flott cancel -m {} {JOB}\n", cluster.address);
        assert!(done.stderr.ends_with(&way_out), "{}", done.stderr);
        assert!(!cluster.is_canceled());
    }
}

#[tokio::test]
async fn a_job_can_be_tied_to_the_command() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    let dir = tempfile::tempdir().unwrap();
    let mut command =
        run(&cluster, &["-sae", "-Dclient.heartbeat.interval=1 ms", "-Dclient.heartbeat.timeout=9 s"]);
    command.arg(artifact(dir.path(), "return 0;")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    cluster.looked_at(2).await;
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    let done = Done::from(output);
    assert_eq!(done.code, Some(130), "{done:?}");
    assert!(done.stderr.contains("is canceled with this command"), "{}", done.stderr);
    assert!(cluster.is_canceled());
    let settings = json!({"execution.attached": "true", "execution.shutdown-on-attached-exit": "true",
        "client.heartbeat.timeout": "9 s"});
    assert_eq!(cluster.runs()[0]["flinkConfiguration"], settings);
    assert!(cluster.heartbeats().iter().all(|until| *until > 9_000) && !cluster.heartbeats().is_empty());
}

#[tokio::test]
async fn nobody_watches_a_command_that_does_not_stay() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    let dir = tempfile::tempdir().unwrap();
    let mut command = run(&cluster, &["-d", "-sae"]);
    command.arg(artifact(dir.path(), "return 0;"));
    assert_eq!(done(command).await.code, Some(0));
    assert_eq!(cluster.runs()[0].get("flinkConfiguration"), None);
    assert!(cluster.heartbeats().is_empty());
}

#[tokio::test]
async fn refusals_of_the_server_are_printed() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    cluster.refuse_runs(422, "the program panicked at src/main.rs:3:5 while planning: no input");
    let dir = tempfile::tempdir().unwrap();
    let mut command = run(&cluster, &[]);
    command.arg(artifact(dir.path(), "return 0;"));
    let done = done(command).await;
    assert_eq!(done.code, Some(1));
    assert_eq!(done.stderr, "the program panicked at src/main.rs:3:5 while planning: no input\n");
    assert_eq!(done.stdout, "");
}

#[tokio::test]
async fn wrong_artifacts_are_refused_before_anything_is_sent() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "hello").unwrap();
    for (file, reason) in [
        (text.to_str().unwrap(), "notes.txt: the artifact is a text file"),
        ("/nowhere/job", "/nowhere/job: cannot read the artifact: No such file or directory"),
        (dir.path().to_str().unwrap(), "the artifact is a directory"),
        ("/bin/sh", "not a Flott job"),
    ] {
        let done = done(run(&cluster, &[file])).await;
        assert_eq!(done.code, Some(1));
        assert!(done.stderr.starts_with("Cannot run ") && done.stderr.contains(reason), "{}", done.stderr);
    }
    assert!(cluster.uploads().is_empty());
}

fn plan_writer() -> String {
    let graph = json!({
        "name": "tiny", "job_type": "STREAMING", "runtime_mode": "STREAMING", "parallelism": 1, "edges": [], "recovery": {},
        "vertices": [{"id": JOB, "name": "Source: numbers -> print", "operators": [{"uid": "a", "name": "numbers"}],
            "parallelism": 3, "max_parallelism": 128, "slot_sharing_group": "default", "is_source": true}]});
    let plan = json!({"protocol": flott_core::sdk::PROTOCOL_VERSION, "job_graph": graph, "entry": null, "error": null}).to_string();
    format!(
        "if (argc != 2 || strcmp(argv[1], \"--x\")) {{ fprintf(stderr, \"no --x\"); return 3; }}\
         if (!strstr(getenv(\"FLOTT_JOB_CONFIG\"), \"\\\"parallelism\\\":3\")) return 4;\
         FILE *f = fopen(getenv(\"FLOTT_PLAN_FILE\"), \"w\"); fputs({plan:?}, f); return fclose(f);"
    )
}

#[tokio::test]
async fn info_shows_the_plan_without_a_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let program = artifact(dir.path(), &plan_writer());
    let info = |options: &[&str], args: &[&str]| {
        let mut command = flott(["info", "-p", "3"]);
        command.args(options).arg(&program).args(args);
        command
    };
    let tree = done(info(&[], &["--x"])).await;
    assert_eq!(tree.code, Some(0), "{tree:?}");
    assert_eq!(
        tree.stdout,
        "----------------------- Execution Plan -----------------------\n\
         tiny (STREAMING, 3 subtasks, 3 slots)\n\n\
         Source: numbers -> print  [parallelism 3]\n"
    );
    let json: Value = serde_json::from_str(&done(info(&["--json"], &["--x"])).await.stdout).unwrap();
    assert_eq!(json["nodes"][0]["parallelism"], 3);

    let failed = done(info(&[], &[])).await;
    assert_eq!(failed.code, Some(1));
    assert!(
        failed.stderr.contains("exited with code 3") && failed.stderr.contains("no --x"),
        "{}",
        failed.stderr
    );
}

#[tokio::test]
async fn tiny_job_is_not_waited_for_long() {
    let cluster = Cluster::with_job(&LIFE).await;
    let dir = tempfile::tempdir().unwrap();
    let mut command = run(&cluster, &[]);
    command.arg(artifact(dir.path(), "return 0;"));
    // Three pauses of 20, 30 and 45 ms; the rest is for a machine that is busy.
    let done = tokio::time::timeout(Duration::from_secs(5), done(command)).await.expect("no long pauses");
    assert_eq!(done.code, Some(0));
}
