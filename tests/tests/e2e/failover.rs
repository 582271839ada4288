//! Several JobManagers: one leads, and when it is gone another one goes on with the jobs as they run.

use std::{collections::BTreeSet, time::Duration};

use flott_core::JobId;
use flott_tests::{Cluster, ClusterBuilder, Etcd, eventually, eventually_within, files_below, now};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;

const LEASE: Duration = Duration::from_secs(3);

/// How long after the end of its lease somebody else may lead, on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(12);

/// Between two looks at something that must stay as it is.
const PAUSE: Duration = Duration::from_millis(50);

fn standing_by(count: usize, etcd: &Etcd) -> ClusterBuilder {
    Cluster::builder()
        .checkpoints("200 ms")
        .job_managers(count, etcd)
        .set("high-availability.etcd.lease-time", "3 s")
        .set("heartbeat.interval", "500 ms")
        .set("heartbeat.timeout", "3 s")
        .set("restart-strategy.type", "fixed-delay")
        .set("restart-strategy.fixed-delay.attempts", "10")
        .set("restart-strategy.fixed-delay.delay", "50 ms")
}

fn host_pids(cluster: &Cluster) -> BTreeSet<i32> {
    cluster.task_hosts().iter().map(|host| host.pid).collect()
}

/// The job runs in the same processes as before, and its checkpoints go on.
#[track_caller]
fn expect_untouched(cluster: &Cluster, job: JobId, hosts: &BTreeSet<i32>, latest: u64) -> u64 {
    cluster.wait_until_running(job);
    let latest = cluster.wait_for_checkpoint_after(job, latest).id.0;
    assert_eq!(host_pids(cluster), *hosts, "the processes of the job are the same");
    assert_eq!(cluster.restarts(job), 0);
    latest
}

#[test]
fn a_standby_goes_on_with_the_jobs_of_a_leader_that_is_killed_frozen_or_stopped() {
    let Some(etcd) = Etcd::start() else { return };
    let cluster = standing_by(2, &etcd).start();
    let leader = cluster.wait_for_leader(LEASE + SLACK, None);
    let records = 60_000;
    let job = cluster.submit_oracle(records, 2_000, 4, None);
    let mut latest = cluster.wait_for_checkpoint(job).id.0;
    let hosts = host_pids(&cluster);

    let killed = now();
    cluster.process_of(leader).expect("it runs").signal(Signal::SIGKILL);
    let second = cluster.wait_for_leader(LEASE + SLACK, Some(leader));
    eprintln!("another one leads {} ms after kill -9", killed.elapsed().as_millis());
    latest = expect_untouched(&cluster, job, &hosts, latest);
    cluster.start_master(leader);

    let frozen = cluster.process_of(second).expect("it runs");
    frozen.signal(Signal::SIGSTOP);
    let third = cluster.wait_for_leader(LEASE + SLACK, Some(second));
    latest = expect_untouched(&cluster, job, &hosts, latest);
    frozen.signal(Signal::SIGCONT);
    eventually("the one that was frozen stands by", || {
        let answer = cluster.rest_of(second).try_get("/v1/leader")?;
        (answer.body["state"] == "STANDBY").then_some(())
    });
    latest = expect_untouched(&cluster, job, &hosts, latest);

    let stopped = now();
    cluster.process_of(third).expect("it runs").signal(Signal::SIGTERM);
    cluster.wait_for_leader(LEASE + SLACK, Some(third));
    eprintln!("another one leads {} ms after SIGTERM", stopped.elapsed().as_millis());
    expect_untouched(&cluster, job, &hosts, latest);

    cluster.expect_clean_oracle(job, records);
    assert_eq!(cluster.restarts(job), 0);
}

#[test]
fn jobs_run_on_while_etcd_is_away_and_nothing_new_is_accepted() {
    let Some(mut etcd) = Etcd::start() else { return };
    let cluster = standing_by(1, &etcd).start();
    cluster.wait_for_leader(LEASE + SLACK, None);
    let records = 30_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    let latest = cluster.wait_for_checkpoint(job).id.0;
    let hosts = host_pids(&cluster);
    etcd.kill();
    eventually_within(LEASE + SLACK, "the leader notices", || {
        let answer = cluster.rest().try_get("/v1/leader")?;
        (answer.body["state"] != "LEADING").then_some(())
    });
    let path = format!("/jars/{}/run", cluster.test_jobs());
    let refused = cluster.rest().send_text(Method::POST, &path, r#"{"entryClass":"endless"}"#);
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(host_pids(&cluster), hosts, "the job runs on");
    etcd.start_again();
    cluster.wait_for_leader(LEASE + SLACK, None);
    expect_untouched(&cluster, job, &hosts, latest);
    cluster.expect_clean_oracle(job, records);
}

#[test]
fn without_space_in_etcd_the_leader_stays_says_so_and_goes_on_when_there_is_some() {
    let Some(etcd) = Etcd::start_with(&["--quota-backend-bytes", "4000000"]) else { return };
    let cluster = standing_by(1, &etcd).start();
    cluster.wait_for_leader(LEASE + SLACK, None);
    let records = 30_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint(job);
    let hosts = host_pids(&cluster);
    let health = || cluster.rest().get("/health").body;
    assert_eq!(health(), json!({ "status": "ok", "problems": [] }));
    let revision = etcd.fill();
    let degraded = json!({ "status": "degraded", "problems": ["STORE_NOSPACE"] });
    eventually("its health says so", || (health() == degraded).then_some(()));
    // Longer than a lease without renewals would have lasted.
    let until = now() + LEASE * 2;
    while now() < until {
        assert_eq!(cluster.leader(), Some(0), "the lease needs no space");
        std::thread::sleep(PAUSE);
    }
    let latest = cluster.wait_for_checkpoint(job).id.0;
    etcd.free(revision);
    expect_untouched(&cluster, job, &hosts, latest);
    eventually("all is well again", || (health()["status"] == "ok").then_some(()));
    cluster.expect_clean_oracle(job, records);
}

/// What docs/high-availability.md says to do then.
#[test]
fn nobody_leads_when_etcd_has_lost_its_data_and_jobs_begin_anew_from_their_checkpoints_by_hand() {
    let Some(mut etcd) = Etcd::start() else { return };
    let cluster = standing_by(2, &etcd).start();
    cluster.wait_for_leader(LEASE + SLACK, None);
    let records = 30_000;
    let lost = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint(lost);
    let hosts = host_pids(&cluster);
    etcd.lose_data();
    let is_told = |master: usize| {
        let told = cluster.rest_of(master).try_get("/v1/leader")?.body;
        let problems = told["problems"].as_array()?;
        let is_unknown = problems.iter().any(|problem| problem["kind"] == "STORE_UNKNOWN_DATA");
        (is_unknown && told["state"] != "LEADING").then_some(())
    };
    eventually("both say that they know nothing", || is_told(0).and_then(|()| is_told(1)));
    assert_eq!(host_pids(&cluster), hosts, "the job runs on");

    cluster.stop().expect_code(0);
    let markers: Vec<_> =
        files_below(&cluster.path("ha")).into_iter().filter(|file| file.ends_with("cluster.json")).collect();
    assert_eq!(markers.len(), 1, "{markers:?}");
    std::fs::remove_file(&markers[0]).unwrap();
    let newest = newest_checkpoint(&cluster, lost);
    cluster.run_script("start-cluster.sh", &[]).expect_code(0);
    cluster.wait_for_leader(LEASE + SLACK, None);
    assert_eq!(cluster.rest().jobs(), [], "nothing of before is known");
    let artifact = cluster.rest().upload(&cluster.binaries().test_jobs()).unwrap();
    let job = cluster.submit_oracle_of(&artifact, records, 20_000, 2, Some(&newest));
    cluster.expect_clean_oracle(job, records);
}

/// The newest checkpoint of a job in its directory.
#[track_caller]
fn newest_checkpoint(cluster: &Cluster, job: JobId) -> String {
    let numbers = cluster.checkpoints_on_disk(job).into_iter();
    let mut directories =
        numbers.rev().map(|number| cluster.checkpoint_dir(job).join(format!("chk-{number}")));
    let newest = directories.find(|directory| directory.join("_metadata").is_file());
    format!("file://{}", newest.unwrap().display())
}

#[test]
fn a_standby_answers_for_the_leader_and_the_command_line_finds_it() {
    let Some(etcd) = Etcd::start() else { return };
    let cluster = standing_by(2, &etcd).start();
    let leader = cluster.wait_for_leader(LEASE + SLACK, None);
    let standby = 1 - leader;
    let job = cluster.submit("endless", &[], 1);
    cluster.wait_until_running(job);
    let seen = eventually("the standby answers", || {
        let answer = cluster.rest_of(standby).try_get(&format!("/jobs/{job}"))?;
        (answer.status == 200).then_some(answer)
    });
    assert_eq!(seen.body["state"], "RUNNING");
    let told = cluster.rest_of(standby).get("/v1/leader").body;
    let port = cluster.masters()[leader].rest_port;
    assert_eq!(told["state"], "STANDBY");
    let address = told["leader"]["rest-address"].as_str().unwrap_or_default();
    assert!(address.ends_with(&format!(":{port}")), "{told}");
    for asked in [leader, standby] {
        eventually("each tells which standbys there are", || {
            let told = cluster.rest_of(asked).get("/v1/leader").body;
            let [only] = told["standbys"].as_array()?.as_slice() else { return None };
            let port = cluster.masters()[standby].rest_port;
            only["rest-address"].as_str()?.ends_with(&format!(":{port}")).then_some(())
        });
    }
    cluster.process_of(leader).expect("it runs").signal(Signal::SIGKILL);
    cluster.flott(&["list"]).expect_code(0).expect_output(&[&job.to_string()]);
    cluster.wait_for_leader(LEASE + SLACK, Some(leader));
    cluster.flott(&["cancel", &job.to_string()]).expect_code(0);
}
