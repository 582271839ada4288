//! Networks that are cut: between the leader, etcd and the TaskManagers, in both directions or in one only.
//!
//! Each cluster here has hosts of its own, and a job whose output shows each record that was lost or repeated.

mod random;
mod stage;

use flott_tests::{Cluster, Host, Network, Rest, eventually, eventually_within, processes};
use reqwest::Method;

use self::stage::{HEARTBEAT_TIMEOUT, LEASE, SLACK, Stage};

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

#[test]
fn who_asks_a_standby_gets_an_answer_when_the_leader_is_cut_off_from_it_meanwhile() {
    let name = "partition::who_asks_a_standby_gets_an_answer_when_the_leader_is_cut_off_from_it_meanwhile";
    let Some(network) = Network::inside(name) else { return };
    // Longer than clients wait here.
    let builder = Cluster::builder().set("jobmanager.plan.timeout", "5 min");
    let Some(mut stage) = Stage::set_up_with(network, 2, 1, builder) else { return };
    let hosts = stage.host_pids();
    let path = format!("/jars/{}/run", stage.cluster.test_jobs());
    let (address, port) = (stage.standby().address(), stage.cluster.masters()[1 - stage.leader].rest_port);
    let leader = stage.cluster.process_of(stage.leader).unwrap();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let answer =
                Rest::at(address, port).send_text(Method::POST, &path, r#"{"entryClass":"main-hangs"}"#);
            assert_eq!(answer.status, 503, "{answer:?}");
        });
        eventually("the leader works on it", || processes::children_of(leader.pid).pop());
        stage.network.split(&[stage.leading()], &[stage.standby()]);
        asked.join().unwrap();
    });
    stage.network.heal();
    stage.expect_one_leader();
    stage.expect_untouched(&hosts);
}
