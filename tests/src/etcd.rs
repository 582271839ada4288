//! An etcd (Debian's `etcd-server`): of one member on this machine, or of several on [hosts](crate::Host) of their own.

mod members;
mod space;

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

pub use self::members::EtcdMembers;
use crate::{eventually, free_port};

/// A running etcd. It ends when it is dropped.
pub struct Etcd {
    process: Child,
    port: u16,
    peer_port: u16,
    data: TempDir,
    args: Vec<String>,
}

impl Etcd {
    /// Starts one. If there is no `etcd` it says SKIPPED and returns `None`.
    ///
    /// # Panics
    /// If `FLOTT_TEST_ETCD` is set and there is none, or if it does not answer.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts one with further arguments.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_with(args: &[&str]) -> Option<Self> {
        let (port, peer_port) = (free_port(), free_port());
        let data = tempfile::Builder::new().prefix("flott-etcd-").tempdir().expect("a temporary directory");
        let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
        match spawn(port, peer_port, &data, &args) {
            Ok(process) => {
                let etcd = Self { process, port, peer_port, data, args };
                etcd.wait_until_it_answers();
                Some(etcd)
            }
            Err(problem) => {
                missing(&problem);
                None
            }
        }
    }

    /// Where clients reach it.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).expect("pids are small");
        let _ = kill(Pid::from_raw(pid), signal);
    }

    /// Kills it.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it again after it was killed, with the data that it had.
    ///
    /// # Panics
    /// If it does not answer.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.process =
            spawn(self.port, self.peer_port, &self.data, &self.args).expect("it was started before");
        self.wait_until_it_answers();
    }

    /// Kills it and starts it again without any data.
    ///
    /// # Panics
    /// If it does not answer.
    #[track_caller]
    pub fn lose_data(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.data.path().join("member")).expect("its data is there");
        self.start_again();
    }

    #[track_caller]
    fn wait_until_it_answers(&self) {
        eventually("etcd answers", || is_healthy(self.port).then_some(()));
    }
}

/// Says SKIPPED, or panics where that must not be.
#[track_caller]
fn missing(problem: &std::io::Error) {
    assert!(std::env::var_os("FLOTT_TEST_ETCD").is_none(), "etcd: {problem}");
    // Not by a macro, whose output of passed tests is thrown away.
    let text = format!("SKIPPED: etcd can't be run: {problem} (apt-get install etcd-server)\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn is_healthy(port: u16) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer.contains("true"))
    };
    ask().unwrap_or(false)
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(port: u16, peer_port: u16, data: &TempDir, args: &[String]) -> std::io::Result<Child> {
    let client = format!("http://127.0.0.1:{port}");
    let peer = format!("http://127.0.0.1:{peer_port}");
    let mut command = Command::new("etcd");
    command
        .args(["--name", "test", "--log-level", "error", "--data-dir"])
        .arg(data.path())
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("test={peer}")])
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn()
}
