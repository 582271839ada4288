use std::{io::Write, os::unix::fs::PermissionsExt, sync::Mutex};

use flott_core::{
    AttemptNumber, JobGraph, JobId, JobType,
    deployment::TaskHostSpec,
    job_config::{JobConfig, RuntimeMode},
};

use super::*;

/// What was printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Printed {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Runs shell scripts as task hosts.
struct Bench {
    launcher: ProcessLauncher,
    dir: TempDir,
    stdout: Printed,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = flott_core::config::Configuration::parse("", "").unwrap().0;
        let config =
            TaskManagerConfig { tmp_dir: dir.path().join("tmp"), ..TaskManagerConfig::new(&settings) };
        let stdout = Printed::default();
        let output = OutputWriter::new(stdout.clone(), io::sink()).unwrap();
        Self { launcher: ProcessLauncher::new(&config, output).unwrap(), dir, stdout }
    }

    async fn start(&self, script: &str, arguments: &[&str]) -> HostProcess {
        let path = self.dir.path().join("program");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        self.launcher.0.spawn(&path, &request(arguments), None).await.unwrap()
    }

    async fn run(&self, script: &str) -> FailureCause {
        self.start(script, &[]).await.exited().await
    }

    /// All that the last script printed. The writer is a thread of its own: it has written once it is asked to end.
    fn printed(self) -> String {
        let Self { launcher, dir: _dir, stdout } = self;
        drop(launcher);
        while Arc::strong_count(&stdout.0) > 1 {
            std::thread::yield_now();
        }
        stdout.text()
    }
}

#[test]
fn the_list_of_processes_tells_the_job() {
    let mut spec = request(&[]).spec;
    spec.job_name = "late\0 orders\n".to_owned();
    assert_eq!(title(&spec), format!("flott-task-host {}01 late  orders ", "01".repeat(15)));
}

fn request(arguments: &[&str]) -> LaunchRequest {
    LaunchRequest {
        spec: TaskHostSpec {
            job_id: JobId::from_bytes([1; 16]),
            job_name: "test".to_owned(),
            artifact: String::new(),
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            entry: Some("main-entry".to_owned()),
            config: JobConfig { parallelism: 3, ..JobConfig::default() },
            graph: Arc::new(JobGraph {
                name: "test".to_owned(),
                job_type: JobType::Streaming,
                runtime_mode: RuntimeMode::Streaming,
                parallelism: 3,
                vertices: Vec::new(),
                edges: Vec::new(),
                recovery: Default::default(),
            }),
            secret: [0; 32],
            slots: 1,
            checkpoint_dir: "file:///nowhere".to_owned(),
        },
        attempt: AttemptNumber(0),
        socket: "/nowhere/socket".into(),
        token: format!("token-{}", hex::encode(rand::random::<[u8; 8]>())),
        leader: crate::LeaderChannel::new(tokio::sync::watch::channel(None).1),
    }
}

fn is_alive(pid: i32) -> bool {
    // One that was killed but not yet reaped by its new parent is dead as well.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}

async fn wait_until_dead(pid: i32) {
    let dead = async {
        while is_alive(pid) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(5), dead).await.expect("the process goes on living");
}

#[tokio::test]
async fn ends_are_classified() {
    let bench = Bench::new();
    let exit = bench.run("echo sorry >&2; exit 3").await;
    assert_eq!(exit.kind, FailureKind::TaskHostExit);
    assert_eq!(exit.message, "the task host ended with exit code 3");
    assert_eq!(exit.stderr_tail.as_deref(), Some("sorry\n"));

    let killed = bench.run("kill -9 $$").await;
    assert_eq!(killed.kind, FailureKind::TaskHostSignal);
    assert_eq!(killed.message, "the task host was killed by signal 9 (SIGKILL)");

    assert!(bench.run("exit 0").await.message.contains("its main returned"));
    assert!(bench.run("kill -SEGV $$").await.message.contains("SIGSEGV"));
}

#[tokio::test]
async fn a_program_that_cannot_run_is_an_error() {
    let bench = Bench::new();
    let path = bench.dir.path().join("no-program");
    let error = bench.launcher.0.spawn(&path, &request(&[]), None).await.err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn arguments_and_environment_are_those_of_the_job_alone() {
    let bench = Bench::new();
    let script = r#"printf '<%s>' "$@"; echo; pwd; env | cut -d= -f1 | sort | tr '\n' ' '; echo;
        echo "$FLOTT_MODE $FLOTT_SOCKET $FLOTT_ENTRY $FLOTT_JOB_CONFIG"; ls /proc/self/fd | wc -l; cat"#;
    bench.start(script, &["--input", "a b", "", "$HOME"]).await.exited().await;
    let hosts_dir = bench.launcher.0.hosts_dir.clone();
    assert_eq!(fs::read_dir(&hosts_dir).map_or(0, Iterator::count), 0, "the working directory is removed");
    let text = bench.printed();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "<--input><a b><><$HOME>");
    assert!(Path::new(lines[1]).starts_with(&hosts_dir), "{}", lines[1]);
    for name in lines[2].split(' ').filter(|name| !name.is_empty()) {
        let own = ["PWD", "OLDPWD", "SHLVL", "_"].contains(&name);
        assert!(name.starts_with("FLOTT_") || KEPT_VARIABLES.contains(&name) || own, "{name}");
    }
    assert!(lines[3].starts_with("task-host /nowhere/socket main-entry {"), "{}", lines[3]);
    assert!(lines[3].contains("\"parallelism\":3"));
    // stdin, stdout, stderr and the directory that ls reads.
    assert_eq!(lines[4].trim(), "4");
}

#[tokio::test]
async fn a_flood_of_output_blocks_nobody_and_its_end_is_kept() {
    let bench = Bench::new();
    let flood = "i=0; while [ $i -lt 20000 ]; do echo line $i; echo error $i >&2; i=$((i+1)); done";
    let exit = bench.run(flood).await;
    let tail = exit.stderr_tail.unwrap();
    assert!(tail.len() <= flott_core::output_tail::TAIL_BYTES && tail.ends_with("error 19999\n"));
    let text = bench.printed();
    assert_eq!(text.lines().count(), 20_000);
    assert!(text.ends_with("line 19999\n"));
}

#[tokio::test]
async fn the_tail_holds_all_that_was_printed_by_now() {
    let bench = Bench::new();
    let mut host = bench.start("echo first >&2; mkfifo go; echo made; exec 3<>go; read line <&3", &[]).await;
    let seen = async {
        while host.stderr_tail().await.as_deref() != Some("first\n") {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), seen).await.unwrap();
    host.kill();
    assert_eq!(host.exited().await.stderr_tail.as_deref(), Some("first\n"));
}

#[tokio::test]
async fn killing_leaves_no_child_of_the_program_behind() {
    let bench = Bench::new();
    let pids = bench.dir.path().join("pids");
    // One child in the process group, one in a session of its own.
    let script = format!(
        "sleep 1000 & echo $! >{0}; setsid sleep 1000 & echo $! >>{0}; mv {0} {0}.done; wait",
        pids.display()
    );
    let mut host = bench.start(&script, &[]).await;
    let done = pids.with_extension("done");
    while !done.exists() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let children: Vec<i32> =
        fs::read_to_string(done).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    host.kill();
    let cause = host.exited().await;
    assert_eq!(cause.kind, FailureKind::TaskHostSignal);
    assert_eq!(children.len(), 2);
    for pid in children {
        wait_until_dead(pid).await;
    }
}

#[tokio::test]
async fn a_dropped_task_host_is_killed() {
    let bench = Bench::new();
    let host = bench.start("sleep 1000", &[]).await;
    let pid = i32::try_from(host.pid()).unwrap();
    assert!(is_alive(pid));
    drop(host);
    wait_until_dead(pid).await;
}

/// Set in a process that plays a TaskManager which will be killed; names the file for its task host's id.
const VICTIM: &str = "FLOTT_TEST_VICTIM";

/// Not a test of its own: what the victim of the next test does.
#[tokio::test]
#[ignore = "started by another test"]
async fn victim() {
    let Some(file) = std::env::var_os(VICTIM) else { panic!("{VICTIM} is not set") };
    let bench = Bench::new();
    let host = bench.start("sleep 1000", &[]).await;
    let new = PathBuf::from(&file).with_extension("new");
    fs::write(&new, host.pid().to_string()).unwrap();
    fs::rename(new, file).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn task_hosts_die_with_a_killed_task_manager() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let mut victim = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "supervisor::process::tests::victim", "--nocapture"])
        .env(VICTIM, &file)
        .env("TMPDIR", dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let started = async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), started).await.unwrap();
    let pid: i32 = fs::read_to_string(&file).unwrap().parse().unwrap();
    assert!(is_alive(pid));
    victim.kill().unwrap();
    victim.wait().unwrap();
    wait_until_dead(pid).await;
}
