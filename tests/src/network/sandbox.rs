//! Runs one test in a process and namespaces of its own.

use std::{
    env,
    io::{Read, Write},
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
};

use nix::unistd::geteuid;

use super::LIMIT;
use crate::run;

/// Set in the process that a test runs in alone.
const INSIDE: &str = "FLOTT_TEST_INSIDE_NETWORK";
/// Set where tests that need a network must not be skipped.
const WANTED: &str = "FLOTT_TEST_NETWORK";

/// All that a network needs, tried once.
const TRIAL: &str = "ip link set lo up && echo 1 > /proc/sys/net/ipv4/ip_forward \
    && ip link add one type veth peer name other && ip rule add from 10.0.0.1 to 10.0.0.2 blackhole \
    && unshare --net true && nsenter --net=/proc/self/ns/net true";

pub(super) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Ends this process, and so all that runs in its namespaces, when the one that has started it is gone.
pub(super) fn end_with_parent() {
    thread::spawn(|| {
        // Nothing is ever written: it ends.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(1);
    });
}

/// Runs a test of this program again, in new namespaces.
#[track_caller]
pub(super) fn run_alone(test: &str) {
    static TRIED: OnceLock<Option<String>> = OnceLock::new();
    if let Some(problem) = TRIED.get_or_init(problem) {
        assert!(env::var_os(WANTED).is_none(), "network namespaces can't be made: {problem}");
        say(&format!("SKIPPED: network namespaces can't be made: {problem}\n"));
        return;
    }
    let program = env::current_exe().expect("this program has a path");
    let mut command = in_namespaces();
    command.arg(program).args([test, "--exact", "--nocapture", "--test-threads=1"]).env(INSIDE, "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it was tried");
    let lifeline = child.stdin.take();
    let output = child.wait_with_output().expect("it is our child");
    drop(lifeline);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{test} has failed in its network: {stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "{test} is not the name of a test: {stdout}");
    let skipped = stderr.lines().filter(|line| line.starts_with("SKIPPED"));
    skipped.for_each(|line| say(&format!("{line}\n")));
    eprint!("{stderr}");
}

/// Why there can be no network; `None` if there can.
fn problem() -> Option<String> {
    if let Err(error) = Command::new("unshare").arg("--version").output() {
        return Some(format!("unshare can't be run: {error}"));
    }
    let ended = run(in_namespaces().args(["sh", "-c", TRIAL]), LIMIT);
    (ended.code != Some(0)).then(|| format!("{} (it needs iproute2)", ended.output().trim()))
}

/// The beginning of a command in new namespaces, where it is process 1: with it all others end.
fn in_namespaces() -> Command {
    let mut command = Command::new("unshare");
    if !geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--pid", "--fork", "--mount-proc", "--kill-child", "--"]);
    command
}

/// Not by a macro, whose output of passed tests is thrown away.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
