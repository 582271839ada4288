//! Servers of etcd, and what is done to them.

#[expect(unreachable_pub, reason = "the library of the end-to-end tests exports it")]
#[path = "../../../../tests/src/ports.rs"]
mod ports;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

/// Until when a server must have answered.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Some servers that are one store.
pub(crate) struct Etcd {
    members: Vec<Member>,
    _directory: TempDir,
    /// Where the JobManagers keep their part.
    pub(crate) storage: PathBuf,
}

struct Member {
    program: PathBuf,
    arguments: Vec<String>,
    data: PathBuf,
    url: String,
    process: Option<Child>,
}

impl Etcd {
    /// Starts so many servers, or tells why the test is skipped.
    pub(crate) async fn start(count: usize) -> Option<Self> {
        Self::start_with(count, &[]).await
    }

    pub(crate) async fn start_with(count: usize, more: &[&str]) -> Option<Self> {
        let etcd = Self::spawn(count, "http", more)?;
        etcd.wait().await;
        Some(etcd)
    }

    /// Starts them without waiting until they answer.
    pub(crate) fn spawn(count: usize, scheme: &str, more: &[&str]) -> Option<Self> {
        let program = program()?;
        let directory = tempfile::tempdir().unwrap();
        let ports: Vec<_> = (0..2 * count).map(|_| ports::free_port()).collect();
        let peer = |number: usize| format!("http://127.0.0.1:{}", ports[2 * number + 1]);
        let cluster: Vec<_> = (0..count).map(|number| format!("m{number}={}", peer(number))).collect();
        let members = (0..count).map(|number| {
            let url = format!("{scheme}://127.0.0.1:{}", ports[2 * number]);
            let data = directory.path().join(format!("m{number}"));
            let mut arguments: Vec<String> = [
                ("--name", format!("m{number}")),
                ("--data-dir", data.to_str().unwrap().to_owned()),
                ("--listen-client-urls", url.clone()),
                ("--advertise-client-urls", url.clone()),
                ("--listen-peer-urls", peer(number)),
                ("--initial-advertise-peer-urls", peer(number)),
                ("--initial-cluster", cluster.join(",")),
                ("--log-level", "error".to_owned()),
            ]
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect();
            arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
            Member { program: program.clone(), arguments, data, url, process: None }
        });
        let storage = directory.path().join("storage");
        let mut etcd = Self { members: members.collect(), storage, _directory: directory };
        etcd.members.iter_mut().for_each(Member::start);
        Some(etcd)
    }

    /// Waits until it answers.
    pub(crate) async fn wait(&self) {
        let running = self.members.iter().position(|member| member.process.is_some()).unwrap();
        self.wait_for(running).await;
    }

    /// Waits until one of its servers answers, which it does only as part of a majority.
    pub(crate) async fn wait_for(&self, member: usize) {
        let url = &self.members[member].url;
        let asked = async {
            loop {
                let get = async { etcd_client::Client::connect([url], None).await?.get("x", None).await };
                if matches!(tokio::time::timeout(Duration::from_secs(1), get).await, Ok(Ok(_))) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(DEADLINE, asked).await.expect("etcd answers");
    }

    pub(crate) async fn client(&self) -> etcd_client::Client {
        let member = self.members.iter().find(|member| member.process.is_some()).unwrap();
        etcd_client::Client::connect([&member.url], None).await.unwrap()
    }

    pub(crate) fn urls(&self) -> String {
        self.members.iter().map(|member| member.url.as_str()).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn kill(&mut self, member: usize) {
        self.members[member].kill();
    }

    pub(crate) fn restart(&mut self, member: usize) {
        self.members[member].start();
    }

    /// Copies the data of a server that does not run.
    pub(crate) fn back_up(&self, member: usize) {
        let data = &self.members[member].data;
        copy(data, &data.with_extension("backup"));
    }

    /// Gives a server that does not run the data that it had.
    pub(crate) fn restore(&mut self, member: usize) {
        self.wipe(member);
        let data = &self.members[member].data;
        copy(&data.with_extension("backup"), data);
    }

    /// Takes all its data from a server that does not run.
    pub(crate) fn wipe(&mut self, member: usize) {
        std::fs::remove_dir_all(&self.members[member].data).unwrap();
    }

    pub(crate) fn signal(&self, member: usize, signal: &str) {
        let process = self.members[member].process.as_ref().unwrap();
        let status = Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Member {
    fn start(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Tools of etcd read their options from the environment, too.
        command.env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH.replace("aarch64", "arm64"));
        self.process = Some(command.spawn().unwrap());
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

fn program() -> Option<PathBuf> {
    let named = std::env::var_os("FLOTT_TEST_ETCD");
    let program = named.clone().unwrap_or_else(|| "etcd".into());
    let version = Command::new(&program).arg("--version").stdin(Stdio::null()).output();
    match version {
        Ok(output) if output.status.success() => Some(Path::new(&program).to_owned()),
        result if named.is_some() => panic!("FLOTT_TEST_ETCD={program:?}: {result:?}"),
        _ => {
            skip("etcd is not installed (apt-get install etcd-server, or set FLOTT_TEST_ETCD)");
            None
        }
    }
}

/// Not by a macro, whose output of passed tests is thrown away.
pub(crate) fn skip(problem: &str) {
    let text = format!("SKIPPED: etcd was not tested: {problem}\n");
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}
