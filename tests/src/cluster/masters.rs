//! Several JobManagers.

use std::{net::Ipv4Addr, time::Duration};

use super::Cluster;
use crate::{Rest, eventually_within, free_port, processes::Process};

/// A line of `conf/masters`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Master {
    /// Where it is.
    pub address: Ipv4Addr,
    /// The port of REST.
    pub rest_port: u16,
    /// The port of gRPC.
    pub rpc_port: u16,
}

impl Master {
    pub(super) fn new() -> Self {
        Self::at(Ipv4Addr::LOCALHOST)
    }

    pub(super) fn at(address: Ipv4Addr) -> Self {
        Self { address, rest_port: free_port(), rpc_port: free_port() }
    }

    /// That of one on this host. (The scripts leave those on others alone, as they would go there by ssh.)
    pub(super) fn line(self) -> String {
        format!("localhost:{}:{}", self.rest_port, self.rpc_port)
    }
}

impl Cluster {
    /// The JobManagers of `conf/masters`.
    pub fn masters(&self) -> &[Master] {
        &self.masters
    }

    /// The REST API of one of them.
    pub fn rest_of(&self, master: usize) -> &Rest {
        &self.rests[master]
    }

    /// Asks another JobManager from now on.
    pub fn ask(&self, master: usize) {
        assert!(master < self.masters.len());
        self.asked.set(master);
    }

    /// The process of one of the JobManagers, if it runs.
    pub fn process_of(&self, master: usize) -> Option<Process> {
        let port = self.masters[master].rest_port.to_string();
        let is_it = |process: &Process| process.name() == "jobmanager" && process.arguments.contains(&port);
        self.processes().into_iter().find(is_it)
    }

    /// Which JobManager leads, as it says itself; `None` if none does.
    pub fn leader(&self) -> Option<usize> {
        (0..self.masters.len()).find(|master| {
            let answer = self.rests[*master].try_get("/v1/leader");
            answer.is_some_and(|answer| answer.body["state"] == "LEADING")
        })
    }

    /// Waits until a JobManager leads, other than `not`, and asks that one from then on.
    #[track_caller]
    pub fn wait_for_leader(&self, within: Duration, not: Option<usize>) -> usize {
        let leader = eventually_within(within, "a JobManager leads", || {
            self.leader().filter(|leader| Some(*leader) != not)
        });
        self.ask(leader);
        leader
    }

    /// Starts one of the JobManagers again.
    #[track_caller]
    pub fn start_master(&self, master: usize) {
        let Master { rest_port, rpc_port, .. } = self.masters[master];
        let args = ["ensure", "localhost", &rest_port.to_string(), &rpc_port.to_string()];
        self.run_script("jobmanager.sh", &args).expect_code(0);
    }
}
