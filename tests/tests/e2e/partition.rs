//! Networks that are cut: between the leader, etcd and the TaskManagers, in both directions or in one only.
//!
//! Each cluster here has hosts of its own, and a job whose output shows each record that was lost or repeated.

use std::{collections::BTreeSet, time::Duration};

use flott_core::JobId;
use flott_tests::{
    Cluster, ClusterBuilder, EtcdMembers, Host, Network, PATIENCE, eventually, eventually_within, now,
};
use reqwest::Method;

const LEASE: Duration = Duration::from_secs(3);

/// How long after the end of its lease somebody else may lead, on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(12);

/// How long after a heartbeat that was not answered its sender is given up.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the job may take to run again and to complete a checkpoint when the network is whole again.
const RECOVERY: Duration = Duration::from_secs(40);

/// Records a second, and how many there are: more than any test needs before it is at its end.
const RATE: u64 = 2_000;
const RECORDS: u64 = 300_000;
/// Records a second at the end.
const FAST: u64 = 200_000;

/// A cluster over a network, with a job that runs.
struct Stage {
    // Stopped in this order.
    cluster: Cluster,
    etcd: EtcdMembers,
    masters: Vec<Host>,
    workers: Vec<Host>,
    members: Vec<Host>,
    network: Network,
    leader: usize,
    job: JobId,
    /// The job's latest checkpoint that is known.
    latest: u64,
}

impl Stage {
    /// Two JobManagers, so many TaskManagers with two slots and members of etcd, and a job that wants four slots.
    #[track_caller]
    fn set_up(network: Network, workers: usize, members: usize) -> Option<Self> {
        Self::set_up_with(network, workers, members, Cluster::builder())
    }

    #[track_caller]
    fn set_up_with(
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

    fn leading(&self) -> &Host {
        &self.masters[self.leader]
    }

    fn standby(&self) -> &Host {
        &self.masters[1 - self.leader]
    }

    fn workers(&self) -> Vec<&Host> {
        self.workers.iter().collect()
    }

    fn members(&self) -> Vec<&Host> {
        self.members.iter().collect()
    }

    fn host_pids(&self) -> BTreeSet<i32> {
        self.cluster.task_hosts().iter().map(|host| host.pid).collect()
    }

    /// Whether a JobManager says that it leads.
    fn state_of(&self, master: usize) -> String {
        let answer = self.cluster.rest_of(master).try_get("/v1/leader").expect("a JobManager always answers");
        answer.body["state"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the other JobManager leads. The one that led may do so no more by then.
    #[track_caller]
    fn expect_other_leader(&mut self) {
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
    fn expect_refusal(&self, master: usize) {
        let path = format!("/jobs/{}", self.job);
        let answer = self.cluster.rest_of(master).send(Method::PATCH, &path, |request| request);
        assert_eq!(answer.status, 503, "{answer:?}");
    }

    /// The number of the job's latest checkpoint, if its JobManager answers.
    fn latest_checkpoint(&self) -> Option<u64> {
        let answer = self.cluster.rest().try_get(&format!("/jobs/{}/checkpoints", self.job))?;
        answer.body["latest"]["completed"]["id"].as_u64()
    }

    /// The job runs and completes checkpoints.
    #[track_caller]
    fn expect_progress(&mut self) {
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
    fn expect_untouched(&mut self, hosts: &BTreeSet<i32>) {
        self.expect_progress();
        assert_eq!(self.host_pids(), *hosts, "the processes of the job are the same");
        assert_eq!(self.cluster.restarts(self.job), 0);
        assert!(self.cluster.attempts(self.job).values().flatten().all(|attempt| *attempt == 0));
    }

    /// Exactly one leads, which is still the same, and the other one knows it.
    #[track_caller]
    fn expect_one_leader(&self) {
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
    fn wait_until_lost(&self) {
        eventually_within(HEARTBEAT_TIMEOUT + SLACK, "the leader has lost the TaskManagers", || {
            (self.cluster.rest().try_overview()?.taskmanagers == 0).then_some(())
        });
    }

    /// Each record was counted exactly once. What is left to read is read fast.
    #[track_caller]
    fn expect_clean_end(&self) {
        let savepoint = self.cluster.stop_with_savepoint(self.job, false).unwrap();
        let job = self.cluster.submit_oracle(RECORDS, FAST, 4, Some(&savepoint));
        self.cluster.expect_clean_oracle(job, RECORDS);
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

#[test]
fn a_leader_without_etcd_is_replaced_and_jobs_do_not_notice() {
    let name = "partition::a_leader_without_etcd_is_replaced_and_jobs_do_not_notice";
    let Some(network) = Network::inside(name) else { return };
    let Some(mut stage) = Stage::set_up(network, 2, 1) else { return };
    let hosts = stage.host_pids();
    for lost in ["all", "requests", "answers"] {
        eprintln!("between the leader and etcd is lost: {lost}");
        let (leader, etcd) = ([stage.leading()], stage.members());
        match lost {
            "all" => stage.network.split(&leader, &etcd),
            "requests" => stage.network.cut(&leader, &etcd),
            _ => stage.network.cut(&etcd, &leader),
        }
        stage.expect_other_leader();
        if lost == "all" {
            // Otherwise it may know already who leads, and hand it on.
            stage.expect_refusal(1 - stage.leader);
        }
        stage.expect_untouched(&hosts);
        stage.network.heal();
        stage.expect_one_leader();
        stage.expect_untouched(&hosts);
    }
    stage.expect_clean_end();
}

#[test]
fn a_leader_without_any_network_is_replaced_and_jobs_do_not_notice() {
    let name = "partition::a_leader_without_any_network_is_replaced_and_jobs_do_not_notice";
    let Some(network) = Network::inside(name) else { return };
    let Some(mut stage) = Stage::set_up(network, 2, 1) else { return };
    let hosts = stage.host_pids();
    for lost in ["all", "what it sends", "what is sent to it"] {
        eprintln!("of the leader is lost: {lost}");
        let leader = [stage.leading()];
        let others = [stage.members(), stage.workers(), vec![stage.standby()]].concat();
        match lost {
            "all" => stage.network.split(&leader, &others),
            "what it sends" => stage.network.cut(&leader, &others),
            _ => stage.network.cut(&others, &leader),
        }
        stage.expect_other_leader();
        stage.expect_untouched(&hosts);
        stage.network.heal();
        stage.expect_one_leader();
        stage.expect_untouched(&hosts);
    }
    stage.expect_clean_end();
}

#[test]
fn a_leader_with_the_smaller_part_of_etcd_is_replaced_by_one_with_the_larger() {
    let name = "partition::a_leader_with_the_smaller_part_of_etcd_is_replaced_by_one_with_the_larger";
    let Some(network) = Network::inside(name) else { return };
    let Some(mut stage) = Stage::set_up(network, 2, 3) else { return };
    let hosts = stage.host_pids();
    // The member that leads the others is the one that is taken from them.
    let member = stage.etcd.leader();
    let (mut members, alone) = (stage.members(), &stage.members[member]);
    members.remove(member);
    let others = [members, stage.workers(), vec![stage.standby()]].concat();
    stage.network.split(&[stage.leading(), alone], &others);
    stage.expect_other_leader();
    stage.expect_refusal(1 - stage.leader);
    stage.expect_untouched(&hosts);
    stage.network.heal();
    stage.expect_one_leader();
    stage.expect_untouched(&hosts);
    stage.expect_clean_end();
}

#[test]
fn a_member_of_etcd_that_is_alone_is_missed_by_nobody() {
    let name = "partition::a_member_of_etcd_that_is_alone_is_missed_by_nobody";
    let Some(network) = Network::inside(name) else { return };
    let Some(mut stage) = Stage::set_up(network, 2, 3) else { return };
    let hosts = stage.host_pids();
    for with_clients in [false, true] {
        let member = stage.etcd.leader();
        let alone = [&stage.members[member]];
        let mut others = stage.members();
        others.remove(member);
        if with_clients {
            // They reach it, but it can do nothing for them.
            others.extend(&stage.masters);
        }
        stage.network.split(&alone, &others);
        stage.expect_untouched(&hosts);
        stage.network.heal();
        // It may have become the other one: etcd itself was without a leader for a moment.
        stage.leader = stage.cluster.wait_for_leader(LEASE + SLACK, None);
        stage.expect_one_leader();
        stage.expect_untouched(&hosts);
    }
    stage.expect_clean_end();
}

#[test]
fn jobs_whose_taskmanagers_the_leader_has_lost_go_on_when_it_finds_them() {
    let name = "partition::jobs_whose_taskmanagers_the_leader_has_lost_go_on_when_it_finds_them";
    let Some(network) = Network::inside(name) else { return };
    let Some(mut stage) = Stage::set_up(network, 2, 1) else { return };
    for lost in ["all", "orders", "reports"] {
        eprintln!("between the leader and the TaskManagers is lost: {lost}");
        let leader = stage.leader;
        let (from, to) = ([stage.leading()], stage.workers());
        match lost {
            "all" => stage.network.split(&from, &to),
            "orders" => stage.network.cut(&from, &to),
            _ => stage.network.cut(&to, &from),
        }
        stage.wait_until_lost();
        stage.network.heal();
        stage.expect_progress();
        assert_eq!(stage.state_of(leader), "LEADING", "that was nothing to give it up for");
    }
    stage.expect_one_leader();
    stage.expect_clean_end();
}

#[test]
fn what_runs_on_a_taskmanager_that_the_leader_has_lost_goes_on_elsewhere() {
    let name = "partition::what_runs_on_a_taskmanager_that_the_leader_has_lost_goes_on_elsewhere";
    let Some(network) = Network::inside(name) else { return };
    let Some(mut stage) = Stage::set_up(network, 3, 1) else { return };
    let job_hosts = |host: &Host| stage.cluster.task_hosts_of(&stage.cluster.task_manager_on(host));
    let used = stage.workers.iter().position(|host| !job_hosts(host).is_empty()).unwrap();
    let left_behind = job_hosts(&stage.workers[used]);
    stage.network.split(&[stage.leading()], &[&stage.workers[used]]);
    eventually_within(HEARTBEAT_TIMEOUT + SLACK, "the leader has lost the TaskManager", || {
        (stage.cluster.restarts(stage.job) > 0).then_some(())
    });
    // Without it, and beside the subtasks that nobody could tell to stop.
    stage.expect_progress();
    stage.expect_progress();
    stage.network.heal();
    eventually("what was left behind ends", || left_behind.iter().all(|host| !host.is_alive()).then_some(()));
    stage.expect_progress();
    stage.expect_one_leader();
    stage.expect_clean_end();
}

#[test]
fn taskmanagers_that_find_no_leader_for_long_end_what_they_run_and_it_begins_again_later() {
    let name =
        "partition::taskmanagers_that_find_no_leader_for_long_end_what_they_run_and_it_begins_again_later";
    let Some(network) = Network::inside(name) else { return };
    let builder = Cluster::builder().set("taskmanager.leader-loss-grace", "6 s");
    let Some(mut stage) = Stage::set_up_with(network, 2, 1, builder) else { return };
    let masters: Vec<_> = stage.masters.iter().collect();
    stage.network.split(&masters, &stage.workers());
    stage.wait_until_lost();
    eventually("nothing runs any more", || stage.host_pids().is_empty().then_some(()));
    stage.network.heal();
    stage.expect_progress();
    stage.expect_one_leader();
    stage.expect_clean_end();
}

#[test]
fn taskmanagers_that_do_not_reach_each_other_begin_again_from_the_latest_checkpoint() {
    let name = "partition::taskmanagers_that_do_not_reach_each_other_begin_again_from_the_latest_checkpoint";
    let Some(network) = Network::inside(name) else { return };
    let Some(mut stage) = Stage::set_up(network, 2, 1) else { return };
    for both in [true, false] {
        let (one, other) = ([&stage.workers[0]], [&stage.workers[1]]);
        let restarts = stage.cluster.restarts(stage.job);
        if both {
            stage.network.split(&one, &other)
        } else {
            stage.network.cut(&one, &other)
        }
        eventually("the job has failed for want of the connection", || {
            (stage.cluster.restarts(stage.job) > restarts).then_some(())
        });
        stage.network.heal();
        stage.expect_progress();
    }
    stage.expect_one_leader();
    stage.expect_clean_end();
}
