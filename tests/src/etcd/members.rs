use std::{
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
};

use reqwest::Method;
use tempfile::TempDir;

use super::missing;
use crate::{Host, Rest, eventually};

const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;

/// A cluster of etcd with a member on each of several hosts. It ends when it is dropped.
pub struct EtcdMembers {
    members: Vec<Member>,
    _data: TempDir,
}

struct Member {
    process: Child,
    rest: Rest,
    address: Ipv4Addr,
}

impl EtcdMembers {
    /// Starts one on each host. If there is no `etcd` it says SKIPPED and returns `None`.
    ///
    /// # Panics
    /// As [`Etcd::start`](crate::Etcd::start).
    #[track_caller]
    pub fn start(hosts: &[Host]) -> Option<Self> {
        if let Err(problem) = Command::new("etcd").arg("--version").output() {
            missing(&problem);
            return None;
        }
        let data = tempfile::Builder::new().prefix("flott-etcd-").tempdir().expect("a temporary directory");
        let peer = |host: &Host| format!("http://{}:{PEER_PORT}", host.address());
        let all: Vec<_> = hosts.iter().map(|host| format!("{}={}", host.address(), peer(host))).collect();
        let member = |host: &Host| {
            let (client, peer) = (format!("http://{}:{CLIENT_PORT}", host.address()), peer(host));
            let mut command = Command::new("etcd");
            command
                .args(["--name", &host.address().to_string(), "--log-level", "error", "--data-dir"])
                .arg(data.path().join(host.address().to_string()))
                .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
                .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
                .args(["--initial-cluster", &all.join(",")]);
            let mut command = host.on(&command);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let process = command.spawn().expect("there is an etcd");
            Member { process, rest: Rest::at(host.address(), CLIENT_PORT), address: host.address() }
        };
        let members = Self { members: hosts.iter().map(member).collect(), _data: data };
        eventually("all members of etcd answer", || {
            members.members.iter().all(Member::is_healthy).then_some(())
        });
        Some(members)
    }

    /// Where clients reach them.
    pub fn endpoints(&self) -> String {
        let endpoint = |member: &Member| format!("http://{}:{CLIENT_PORT}", member.address);
        self.members.iter().map(endpoint).collect::<Vec<_>>().join(";")
    }

    /// Which member leads the others.
    #[track_caller]
    pub fn leader(&self) -> usize {
        eventually("a member of etcd leads", || self.members.iter().position(Member::is_leading))
    }
}

impl Member {
    fn is_healthy(&self) -> bool {
        self.rest.try_get("/health").is_some_and(|answer| answer.body["health"] == "true")
    }

    fn is_leading(&self) -> bool {
        let status = self.rest.send_text(Method::POST, "/v3/maintenance/status", "{}").body;
        status["leader"].is_string() && status["leader"] == status["header"]["member_id"]
    }
}

impl Drop for EtcdMembers {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.process.kill();
            let _ = member.process.wait();
        }
    }
}
