use std::{collections::BTreeSet, time::Duration};

use flott_core::JobId;
use flott_tests::{Cluster, ClusterBuilder, EtcdMembers, Host, Network, PATIENCE, eventually_within, now};
use reqwest::Method;

pub(super) const LEASE: Duration = Duration::from_secs(3);

/// How long after the end of its lease somebody else may lead, on a machine that is busy with other tests.
pub(super) const SLACK: Duration = Duration::from_secs(12);

/// How long after a heartbeat that was not answered its sender is given up.
pub(super) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the job may take to run again and to complete a checkpoint when the network is whole again.
const RECOVERY: Duration = Duration::from_secs(40);

/// Records a second, and how many there are: more than any test needs before it is at its end.
const RATE: u64 = 2_000;
const RECORDS: u64 = 300_000;
/// Records a second at the end.
const FAST: u64 = 200_000;

/// A cluster over a network, with a job that runs.
pub(super) struct Stage {
    // Stopped in this order.
    pub(super) cluster: Cluster,
    pub(super) etcd: EtcdMembers,
    pub(super) masters: Vec<Host>,
    pub(super) workers: Vec<Host>,
    pub(super) members: Vec<Host>,
    pub(super) network: Network,
    pub(super) leader: usize,
    pub(super) job: JobId,
    /// The job's latest checkpoint that is known.
    latest: u64,
}

impl Stage {
    /// Two JobManagers, so many TaskManagers with two slots and members of etcd, and a job that wants four slots.
    #[track_caller]
    pub(super) fn set_up(network: Network, workers: usize, members: usize) -> Option<Self> {
        Self::set_up_with(network, workers, members, Cluster::builder())
    }

    #[track_caller]
    pub(super) fn set_up_with(
        network: Network,
        workers: usize,
        members: usize,
        builder: ClusterBuilder,
    ) -> Option<Self> {
        let members = network.hosts(members);
        let etcd = EtcdMembers::start(&members)?;
        let (masters, workers) = (network.hosts(2), network.hosts(workers));
        let cluster = builder
            .checkpoints("300 ms")
            .set("high-availability.etcd.lease-time", &milliseconds(LEASE))
            .set("heartbeat.interval", "500 ms")
            .set("heartbeat.timeout", &milliseconds(HEARTBEAT_TIMEOUT))
            .set("restart-strategy.type", "fixed-delay")
            .set("restart-strategy.fixed-delay.attempts", "100")
            .set("restart-strategy.fixed-delay.delay", "100 ms")
            .set("task.cancellation.timeout", "5 s")
            .start_on(&masters, &workers, &etcd);
        let leader = cluster.wait_for_leader(PATIENCE, None);
        cluster.wait_until_idle(u32::try_from(workers.len()).unwrap());
        let job = cluster.submit_oracle(RECORDS, RATE, 4, None);
        let latest = cluster.wait_for_checkpoint(job).id.0;
        Some(Self { cluster, etcd, masters, workers, members, network, leader, job, latest })
    }

    pub(super) fn leading(&self) -> &Host {
        &self.masters[self.leader]
    }

    pub(super) fn standby(&self) -> &Host {
        &self.masters[1 - self.leader]
    }

    pub(super) fn workers(&self) -> Vec<&Host> {
        self.workers.iter().collect()
    }

    pub(super) fn members(&self) -> Vec<&Host> {
        self.members.iter().collect()
    }

    pub(super) fn host_pids(&self) -> BTreeSet<i32> {
        self.cluster.task_hosts().iter().map(|host| host.pid).collect()
    }

    /// Whether a JobManager says that it leads.
    pub(super) fn state_of(&self, master: usize) -> String {
        let answer = self.cluster.rest_of(master).try_get("/v1/leader").expect("a JobManager always answers");
        answer.body["state"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the other JobManager leads. The one that led may do so no more by then.
    #[track_caller]
    pub(super) fn expect_other_leader(&mut self) {
        let (cut, old) = (now(), self.leader);
        self.leader = eventually_within(LEASE + SLACK, "the standby leads", || {
            (self.state_of(1 - old) == "LEADING").then_some(1 - old)
        });
        eprintln!("another one leads {} ms after the cut", cut.elapsed().as_millis());
        assert_ne!(self.state_of(old), "LEADING", "nobody else may lead");
        self.cluster.ask(self.leader);
    }

    /// Who leads no more accepts nothing. Asked for something that must not happen.
    #[track_caller]
    pub(super) fn expect_refusal(&self, master: usize) {
        let path = format!("/jobs/{}", self.job);
        let answer = self.cluster.rest_of(master).send(Method::PATCH, &path, |request| request);
        assert_eq!(answer.status, 503, "{answer:?}");
    }

    /// The number of the job's latest checkpoint, if its JobManager answers.
    pub(super) fn latest_checkpoint(&self) -> Option<u64> {
        let answer = self.cluster.rest().try_get(&format!("/jobs/{}/checkpoints", self.job))?;
        answer.body["latest"]["completed"]["id"].as_u64()
    }

    /// The job runs and completes checkpoints.
    #[track_caller]
    pub(super) fn expect_progress(&mut self) {
        let begun = now();
        // None of the new ones was complete before.
        self.latest = self.latest_checkpoint().unwrap_or(0).max(self.latest);
        let latest = eventually_within(RECOVERY, "the job completes checkpoints", || {
            self.latest_checkpoint().filter(|number| *number > self.latest)
        });
        self.latest = latest;
        self.cluster.wait_until_running(self.job);
        eprintln!("the job runs and has a new checkpoint after {} ms", begun.elapsed().as_millis());
    }

    /// The job goes on as if nothing had been: in the same processes, with the same attempts.
    #[track_caller]
    pub(super) fn expect_untouched(&mut self, hosts: &BTreeSet<i32>) {
        self.expect_progress();
        assert_eq!(self.host_pids(), *hosts, "the processes of the job are the same");
        assert_eq!(self.cluster.restarts(self.job), 0);
        assert!(self.cluster.attempts(self.job).values().flatten().all(|attempt| *attempt == 0));
    }

    /// Exactly one leads, which is still the same, and the other one knows it.
    #[track_caller]
    pub(super) fn expect_one_leader(&self) {
        let (leader, standby) = (self.leader, 1 - self.leader);
        let port = self.cluster.masters()[leader].rest_port;
        eventually_within(LEASE + SLACK, "one leads and the other one knows it", || {
            let told = self.cluster.rest_of(standby).try_get("/v1/leader")?.body;
            let address = told["leader"]["rest-address"].as_str()?;
            let knows = told["state"] == "STANDBY" && address.ends_with(&format!(":{port}"));
            (knows && self.state_of(leader) == "LEADING").then_some(())
        });
    }

    /// Waits until no TaskManager belongs to the cluster any more.
    #[track_caller]
    pub(super) fn wait_until_lost(&self) {
        eventually_within(HEARTBEAT_TIMEOUT + SLACK, "the leader has lost the TaskManagers", || {
            (self.cluster.rest().try_overview()?.taskmanagers == 0).then_some(())
        });
    }

    /// Each record was counted exactly once. What is left to read is read fast.
    #[track_caller]
    pub(super) fn expect_clean_end(&self) {
        let savepoint = self.cluster.stop_with_savepoint(self.job, false).unwrap();
        let job = self.cluster.submit_oracle(RECORDS, FAST, 4, Some(&savepoint));
        self.cluster.expect_clean_oracle(job, RECORDS);
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
