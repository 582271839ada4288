//! Running programs to their end.

use std::{
    io::Read,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::now;

/// How a program ended and what it said.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Ended {
    /// All that it said.
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The same, if it ended with `code`.
    ///
    /// # Panics
    /// If it ended otherwise.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The same, if it said each of `parts`.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn expect_output(self, parts: &[&str]) -> Self {
        let output = self.output();
        for part in parts {
            assert!(output.contains(part), "it did not say {part:?} but:\n{output}");
        }
        self
    }
}

const PAUSE: Duration = Duration::from_millis(5);

/// Runs `command` to its end.
///
/// # Panics
/// If it can't be started or has not ended within `limit`; then it is killed.
#[track_caller]
pub fn run(command: &mut Command, limit: Duration) -> Ended {
    let started = now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let stdout = collect(child.stdout.take().expect("it is piped"));
    let stderr = collect(child.stderr.take().expect("it is piped"));
    let (status, in_time) = loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            break (status, true);
        }
        if started.elapsed() > limit {
            let pid = Pid::from_raw(i32::try_from(child.id()).expect("pids are small"));
            let _ = kill(pid, Signal::SIGKILL);
            break (child.wait().expect("it is our child"), false);
        }
        thread::sleep(PAUSE);
    };
    let join = |reader: thread::JoinHandle<String>| reader.join().expect("reading does not panic");
    let ended =
        Ended { code: status.code(), stdout: join(stdout), stderr: join(stderr), took: started.elapsed() };
    assert!(in_time, "{command:?} did not end within {} s; it said:\n{}", limit.as_secs(), ended.output());
    ended
}

fn collect(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is all there is to show.
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
