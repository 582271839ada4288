//! Plan mode against real processes. The programs are scripts: plan mode itself does not look at what it runs.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use flott_core::sdk::{ENV_JOB_CONFIG, ENV_MODE, ENV_PLAN_FILE, PROTOCOL_VERSION};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::ErrorKind;

/// A script to be planned, and a private place for its temporary directories.
struct Script {
    dir: TempDir,
}

impl Script {
    fn new(body: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("tmp")).unwrap();
        let path = dir.path().join("job");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self { dir }
    }

    fn request(&self) -> PlanRequest {
        PlanRequest { temp_root: self.temp_root(), ..PlanRequest::new(self.dir.path().join("job")) }
    }

    fn temp_root(&self) -> PathBuf {
        self.dir.path().join("tmp")
    }

    /// Plans, and checks that it does not take long and that nothing is left behind.
    async fn plan_with(&self, request: PlanRequest) -> Result<PlannedJob, Error> {
        let result = timeout(Duration::from_secs(10), plan(request)).await.expect("a program of no length");
        self.assert_nothing_left();
        result
    }

    async fn plan(&self) -> Result<PlannedJob, Error> {
        self.plan_with(self.request()).await
    }

    async fn error(&self) -> Error {
        self.plan().await.unwrap_err()
    }

    fn assert_nothing_left(&self) {
        assert_eq!(fs::read_dir(self.temp_root()).unwrap().count(), 0, "temporary directories are removed");
        assert_eq!(processes_of(&self.temp_root()), Vec::<String>::new(), "processes are killed");
    }
}

/// Command lines of the live processes whose environment mentions `place`.
fn processes_of(place: &Path) -> Vec<String> {
    let place = place.to_str().unwrap();
    let mentions = |pid: &PathBuf| {
        fs::read(pid.join("environ")).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(place))
    };
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes
        .filter(mentions)
        .map(|pid| fs::read_to_string(pid.join("cmdline")).unwrap_or_default())
        .collect()
}

fn graph() -> serde_json::Value {
    let vertex = |name: &str, is_source: bool| {
        json!({
            "id": "0123456789abcdef0123456789abcdef",
            "name": name,
            "operators": [{"uid": name, "name": name}],
            "parallelism": 2,
            "max_parallelism": 128,
            "slot_sharing_group": "default",
            "is_source": is_source,
        })
    };
    json!({
        "name": "a job",
        "job_type": "STREAMING",
        "runtime_mode": "STREAMING",
        "parallelism": 2,
        "vertices": [vertex("source", true)],
        "edges": [],
        "recovery": {},
    })
}

fn writes_plan(plan: &serde_json::Value) -> String {
    format!("cat > \"${ENV_PLAN_FILE}\" <<'END'\n{plan}\nEND")
}

#[tokio::test]
async fn valid_plan_is_returned() {
    let plan = json!({
        "protocol": PROTOCOL_VERSION, "job_graph": graph(), "entry": "main", "error": null,
        "entries": [{"name": "main", "description": "the one"}, {"name": "other", "description": null}],
    });
    let planned = Script::new(&writes_plan(&plan)).plan().await.unwrap();
    assert_eq!(planned.job_graph.name, "a job");
    assert_eq!(planned.job_graph.required_slots(), 2);
    assert_eq!(planned.entry.as_deref(), Some("main"));
    assert_eq!(planned.entries.len(), 2);
    assert_eq!(planned.entries[0].description.as_deref(), Some("the one"));
}

#[tokio::test]
async fn program_sees_its_arguments_and_little_else() {
    let script = Script::new(
        "{ echo \"args: $1|$2|$#\"; env; echo \"cwd: $(pwd)\"; stat -c 'mode: %a' .; ulimit -c; cat; } >&2; exit 3",
    );
    let mut request = script.request();
    request.args = vec!["--input".into(), "a b".into()];
    request.entry = Some("nightly".into());
    request.job_config_json = "{\"parallelism\":4}".into();
    let Error::PlanExited { code: 3, output } = script.plan_with(request).await.unwrap_err() else {
        panic!()
    };

    assert!(output.contains("args: --input|a b|2\n"), "{output}");
    assert!(output.contains(&format!("{ENV_MODE}=plan\n")));
    assert!(output.contains("FLOTT_ENTRY=nightly\n"));
    assert!(output.contains(&format!("{ENV_JOB_CONFIG}={{\"parallelism\":4}}\n")));
    assert!(output.contains("mode: 700\n0\n"), "{output}");
    assert!(output.contains(&format!("cwd: {}/flott-plan-", script.temp_root().display())));
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "cargo sets it for us");
    assert!(!output.contains("CARGO"), "our environment is not handed on: {output}");
}

#[tokio::test]
async fn exit_codes_come_with_the_output() {
    let error = Script::new("echo progress; echo 'no such file: words.txt' >&2; exit 3").error().await;
    assert_eq!(error.kind(), ErrorKind::User);
    assert!(error.is_plan_failure());
    let text = error.to_string();
    assert!(text.contains("exited with code 3"), "{text}");
    assert!(text.contains("no such file: words.txt"), "{text}");

    let only_stdout = Script::new("echo 'usage: job FILE'; exit 2").error().await.to_string();
    assert!(only_stdout.contains("usage: job FILE"), "{only_stdout}");
}

#[tokio::test]
async fn panics_are_told_by_message_and_place() {
    let panics = "echo \"thread 'main' (7) panicked at src/main.rs:3:9:\" >&2; echo 'no input' >&2; \
                  echo 'note: run with `RUST_BACKTRACE=1`' >&2; ";
    for end in ["exit 101", "kill -ABRT $$"] {
        match Script::new(&format!("{panics}{end}")).error().await {
            Error::PlanPanicked { message, location, .. } => {
                assert_eq!(message, "no input");
                assert_eq!(location.as_deref(), Some("src/main.rs:3:9"));
            }
            other => panic!("{other:?}"),
        }
    }
    let no_panic = Script::new("exit 101").error().await;
    assert!(matches!(no_panic, Error::PlanExited { code: 101, .. }));
}

#[tokio::test]
async fn signals_are_named() {
    let error = Script::new("echo dying >&2; kill -SEGV $$").error().await;
    let Error::PlanKilled { signal, output } = &error else { panic!("{error:?}") };
    assert_eq!((signal.as_str(), output.as_str()), ("SIGSEGV", "dying\n"));
}

#[tokio::test]
async fn endless_program_and_its_children_are_killed() {
    let script = Script::new("echo 'still loading' >&2; sleep 1000 & setsid sleep 1000 & sleep 1000");
    let mut request = script.request();
    request.timeout = Duration::from_millis(300);
    let error = script.plan_with(request).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::PlanTimeout { .. }), "{text}");
    assert!(text.contains("within 0.3 s"), "{text}");
    assert!(text.contains("still loading"), "{text}");
}

#[tokio::test]
async fn children_that_outlive_the_program_are_killed() {
    // They hold its stdout and stderr open, too.
    let plan = json!({"protocol": PROTOCOL_VERSION, "job_graph": graph(), "entry": null, "error": null});
    let script = Script::new(&format!("sleep 1000 & setsid sleep 1000 &\n{}", writes_plan(&plan)));
    script.plan().await.unwrap();
}

#[tokio::test]
async fn dropping_the_plan_kills_the_program() {
    let script = Script::new("touch started; sleep 1000 & sleep 1000");
    let planning = plan(script.request());
    let has_started =
        || fs::read_dir(script.temp_root()).unwrap().flatten().any(|dir| dir.path().join("started").exists());
    let wait = async {
        while !has_started() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        result = planning => panic!("{result:?}"),
        () = wait => {}
    }
    // The kernel needs a moment to end the killed ones.
    for _ in 0..1000 {
        if processes_of(&script.temp_root()).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    script.assert_nothing_left();
}

#[tokio::test]
async fn masses_of_output_neither_block_nor_fill_memory() {
    let error =
        Script::new("head -c 20000000 /dev/zero | tr '\\0' x >&2; head -c 20000000 /dev/urandom; exit 1")
            .error()
            .await;
    let Error::PlanExited { code: 1, output } = error else { panic!("{error:?}") };
    assert!(output.len() <= flott_core::output_tail::TAIL_BYTES);
    assert!(output.starts_with("xxx"));
}

#[tokio::test]
async fn main_without_execute_is_told() {
    let text = Script::new("echo 'nothing to do'").error().await.to_string();
    assert!(text.contains("without calling execute()"), "{text}");
    assert!(text.contains("nothing to do"), "{text}");
}

#[tokio::test]
async fn mistakes_of_the_author_are_handed_on() {
    let plan = json!({
        "protocol": PROTOCOL_VERSION, "job_graph": null, "entry": null,
        "error": "unknown entry \"x\": this program has daily, nightly",
    });
    let error = Script::new(&writes_plan(&plan)).error().await;
    assert!(matches!(&error, Error::Rejected(text) if text.contains("daily, nightly")), "{error:?}");
}

#[tokio::test]
async fn impossible_graphs_are_refused() {
    let mut graph = graph();
    graph["vertices"][0]["parallelism"] = json!(0);
    let plan = json!({"protocol": PROTOCOL_VERSION, "job_graph": graph, "entry": null, "error": null});
    let error = Script::new(&writes_plan(&plan)).error().await;
    assert!(matches!(&error, Error::InvalidGraph(_)), "{error:?}");
    assert!(error.to_string().contains("\"source\""), "names the vertex: {error}");
}

#[tokio::test]
async fn unreadable_plans_are_refused() {
    let file = format!("\"${ENV_PLAN_FILE}\"");
    let unreadable = |body: &str| Script::new(&body.replace("FILE", &file));
    let cut = format!("printf '{{\"protocol\":{PROTOCOL_VERSION},' > FILE");
    let empty = format!("echo '{{\"protocol\":{PROTOCOL_VERSION}}}' > FILE");
    for body in [
        "echo garbage > FILE",
        &cut,
        &empty,
        "mkdir FILE",
        "mkfifo FILE",
        "ln -s /etc/passwd FILE",
        ": > FILE",
    ] {
        let error = unreadable(body).error().await;
        assert!(matches!(error, Error::PlanUnreadable { .. }), "{body}: {error:?}");
    }
    let newer = unreadable("echo '{\"protocol\":9,\"what\":\"else\"}' > FILE").error().await;
    assert!(matches!(newer, Error::ProtocolVersion { found: 9 }), "{newer:?}");
    let huge = unreadable("truncate -s 65M FILE").error().await;
    assert!(matches!(huge, Error::PlanTooLarge { bytes } if bytes == 65 << 20), "{huge:?}");
}

#[tokio::test]
async fn huge_files_are_stopped_by_the_limit() {
    let error = Script::new("exec truncate -s 2G big").error().await;
    let text = error.to_string();
    // The tool may handle the signal and say so itself.
    assert!(text.contains("SIGXFSZ") || text.contains("File too large"), "{text}");
}

#[tokio::test]
async fn program_that_cannot_start_is_told() {
    let script = Script::new("exit 0");
    fs::set_permissions(script.dir.path().join("job"), fs::Permissions::from_mode(0o600)).unwrap();
    let error = script.error().await;
    assert!(matches!(error, Error::PlanSetup { action: "start it", .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::External);
}
