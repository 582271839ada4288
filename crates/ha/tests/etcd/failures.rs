//! What holds while something fails.

use std::time::{Duration, SystemTime};

use etcd_client::{AlarmAction, AlarmOptions, AlarmType, CompactionOptions};
use flott_core::LeaderEpoch;
use flott_ha::{LeaderState, Op, ProblemKind};

use crate::{
    candidate::{
        LEASE_TIME, campaign, config, open, open_with, wait_for, wait_for_leader, wait_for_no_problem,
        wait_for_problem,
    },
    server::{DEADLINE, Etcd},
};

/// What a failover may take beyond the lease: etcd looks for leases that have run out twice a second, the jitter, and a machine
/// with much to do.
const SLACK: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_leader_that_is_killed_is_replaced_when_its_lease_runs_out() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let (a, b) = (open(&etcd, "a").await, open(&etcd, "b").await);
    let first = campaign(&a).await;
    let (epoch, old) = (first.epoch(), first.store());
    old.commit(vec![Op::put("a", "first")]).await.unwrap();
    wait_for_leader(&b, Some("a")).await;
    let killed = SystemTime::now();
    drop(a);
    let second = campaign(&b).await;
    let took = killed.elapsed().unwrap();
    assert!(took < LEASE_TIME + SLACK, "{took:?}");
    assert!(second.epoch() > epoch);
    assert_eq!(second.store().list("a").await.unwrap(), [("a".to_owned(), "first".into())]);

    // As if it were still alive somewhere: it does not know, but nothing that it writes is taken.
    assert_eq!(*first.state().borrow(), LeaderState::Leading);
    assert!(old.commit(vec![Op::put("a", "deposed")]).await.unwrap_err().is_lost());
    assert!(old.list("a").await.unwrap_err().is_lost());
    assert_eq!(second.store().list("a").await.unwrap(), [("a".to_owned(), "first".into())]);
}

#[tokio::test]
async fn a_lease_that_is_revoked_deposes_at_once() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let (a, b) = (open(&etcd, "a").await, open(&etcd, "b").await);
    let first = campaign(&a).await;
    wait_for_leader(&b, Some("a")).await;
    let mut client = etcd.client().await;
    let lease = client.get("/flott/test/leader", None).await.unwrap().kvs()[0].lease();
    client.lease_revoke(lease).await.unwrap();
    wait_for(&first, LeaderState::Lost).await;
    assert!(!first.permit().is_leading());
    let second = campaign(&b).await;
    assert!(second.epoch() > first.epoch());
    wait_for_leader(&a, Some("b")).await;
}

#[tokio::test]
async fn a_server_that_stands_still_suspends_the_leader() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let a = open(&etcd, "a").await;
    let first = campaign(&a).await;
    let (permit, store) = (first.permit(), first.store());
    etcd.signal(0, "-STOP");
    wait_for(&first, LeaderState::Suspended).await;
    assert!(!permit.is_leading());
    wait_for_problem(&a, ProblemKind::Unreachable).await;
    let waiting = store.commit(vec![Op::put("a", "1")]);
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut waiting).await.is_err());
    etcd.signal(0, "-CONT");
    // Either the renewal or the end of the lease comes first.
    let committed = waiting.await;
    if let Err(error) = committed {
        assert!(error.is_lost(), "{error}");
        wait_for(&first, LeaderState::Lost).await;
        let second = campaign(&a).await;
        assert!(second.epoch() > first.epoch());
        second.store().commit(vec![Op::put("a", "1")]).await.unwrap();
    }
    wait_for_no_problem(&a).await;
}

#[tokio::test]
async fn a_restart_of_etcd_costs_no_leadership() {
    let Some(mut etcd) = Etcd::start(1).await else { return };
    let (a, b) = (open(&etcd, "a").await, open(&etcd, "b").await);
    let first = campaign(&a).await;
    wait_for_leader(&b, Some("a")).await;
    etcd.kill(0);
    wait_for(&first, LeaderState::Suspended).await;
    etcd.restart(0);
    // Leases begin anew when a server does.
    wait_for(&first, LeaderState::Leading).await;
    first.store().commit(vec![Op::put("a", "1")]).await.unwrap();
    assert!(first.permit().is_leading());
    wait_for_no_problem(&a).await;
    wait_for_no_problem(&b).await;
}

#[tokio::test]
async fn compaction_while_nobody_watches_hides_no_change() {
    let Some(mut etcd) = Etcd::start(1).await else { return };
    let (a, b) = (open(&etcd, "a").await, open(&etcd, "b").await);
    let first = campaign(&a).await;
    wait_for_leader(&b, Some("a")).await;
    etcd.kill(0);
    etcd.restart(0);
    etcd.wait().await;
    let mut client = etcd.client().await;
    let mut revision = 0;
    for number in 0..10 {
        revision = client.put("other", number.to_string(), None).await.unwrap().header().unwrap().revision();
    }
    client.compact(revision, Some(CompactionOptions::new().with_physical())).await.unwrap();
    drop(first);
    let second = campaign(&b).await;
    wait_for_leader(&a, Some("b")).await;
    assert!(second.permit().is_leading());
}

#[tokio::test]
async fn one_of_three_servers_is_not_missed() {
    let Some(mut etcd) = Etcd::start(3).await else { return };
    let a = open(&etcd, "a").await;
    let first = campaign(&a).await;
    let mut state = first.state();
    state.mark_unchanged();
    let write_for = async |time: Duration| {
        let begun = SystemTime::now();
        while begun.elapsed().unwrap() < time {
            first.store().commit(vec![Op::put("a", "1")]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    for member in 0..3 {
        etcd.kill(member);
        write_for(LEASE_TIME).await;
        etcd.restart(member);
        etcd.wait_for(member).await;
        // Not for longer than a lease: a leader of etcd that stood still so long may revoke leases that were renewed at
        // its successor meanwhile (https://github.com/etcd-io/etcd/issues/15247, up to 3.4.28 and 3.5.10).
        etcd.signal(member, "-STOP");
        write_for(LEASE_TIME / 3).await;
        etcd.signal(member, "-CONT");
        etcd.wait_for(member).await;
    }
    etcd.kill(0);
    first.store().commit(vec![Op::put("a", "without the first")]).await.unwrap();
    // It may have been suspended while another server took over the lead of the servers, but not been replaced.
    assert_ne!(*state.borrow_and_update(), LeaderState::Lost);
    wait_for(&first, LeaderState::Leading).await;
}

#[tokio::test]
async fn without_a_majority_of_servers_the_leader_is_suspended_and_then_goes_on() {
    let Some(mut etcd) = Etcd::start(3).await else { return };
    let (a, b) = (open(&etcd, "a").await, open(&etcd, "b").await);
    let first = campaign(&a).await;
    wait_for_leader(&b, Some("a")).await;
    etcd.kill(0);
    etcd.kill(1);
    wait_for(&first, LeaderState::Suspended).await;
    wait_for_problem(&a, ProblemKind::Unreachable).await;
    etcd.restart(0);
    etcd.restart(1);
    wait_for(&first, LeaderState::Leading).await;
    first.store().commit(vec![Op::put("a", "1")]).await.unwrap();
    wait_for_no_problem(&a).await;
}

#[tokio::test]
async fn nobody_leads_over_data_that_was_lost() {
    let Some(mut etcd) = Etcd::start(1).await else { return };
    let a = open(&etcd, "a").await;
    let first = campaign(&a).await;
    first.store().commit(vec![Op::put("jobs/1/spec", "x")]).await.unwrap();
    etcd.kill(0);
    etcd.wipe(0);
    etcd.restart(0);
    wait_for(&first, LeaderState::Lost).await;
    let problem = {
        let campaigning = a.campaign();
        tokio::pin!(campaigning);
        tokio::select! {
            _ = &mut campaigning => panic!("it leads over nothing"),
            problem = wait_for_problem(&a, ProblemKind::UnknownData) => problem,
        }
    };
    let marker = etcd.storage.join("test/cluster.json");
    assert!(
        problem.text.contains("its data was lost") && problem.text.contains(marker.to_str().unwrap()),
        "{problem}"
    );
    // One that was not there before does not either.
    let b = open(&etcd, "b").await;
    wait_for_problem(&b, ProblemKind::UnknownData).await;

    // Somebody has looked, and wants to begin anew. Epochs go on to rise, although etcd's revisions do not.
    std::fs::remove_file(marker).unwrap();
    let second = campaign(&a).await;
    assert!(second.epoch() > first.epoch());
    assert!(second.store().list("").await.unwrap().is_empty());
    wait_for_no_problem(&a).await;
}

#[tokio::test]
async fn nobody_leads_without_the_storage_directory_of_the_jobs() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let a = open(&etcd, "a").await;
    let first = campaign(&a).await;
    let epoch = first.epoch();
    first.store().commit(vec![Op::put("jobs/1/spec", "x")]).await.unwrap();
    first.resign().await;
    // As if it were not mounted.
    let empty = tempfile::tempdir().unwrap();
    let elsewhere = config(&etcd, &[("high-availability.storageDir", empty.path().to_str().unwrap())]);
    let b = open_with(&elsewhere, "b").await;
    let problem = {
        let campaigning = b.campaign();
        tokio::pin!(campaigning);
        tokio::select! {
            _ = &mut campaigning => panic!("it leads without the files of the jobs"),
            problem = wait_for_problem(&b, ProblemKind::UnknownData) => problem,
        }
    };
    let marker = empty.path().join("test/cluster.json");
    assert!(
        problem.text.contains(marker.to_str().unwrap()) && problem.text.contains("/flott/test/cluster"),
        "{problem}"
    );
    assert!(!marker.exists());

    // Somebody has looked, and does as told.
    let mut client = etcd.client().await;
    let value =
        client.get("/flott/test/cluster", None).await.unwrap().kvs()[0].value_str().unwrap().to_owned();
    std::fs::create_dir_all(marker.parent().unwrap()).unwrap();
    std::fs::write(marker, format!("{value}\n")).unwrap();
    let second = campaign(&b).await;
    assert!(second.epoch() > epoch);
    assert_eq!(second.store().list("jobs/").await.unwrap().len(), 1);
    wait_for_no_problem(&b).await;
}

#[tokio::test]
async fn epochs_rise_also_over_data_that_was_restored_from_a_backup() {
    let Some(mut etcd) = Etcd::start(1).await else { return };
    let a = open(&etcd, "a").await;
    let first = campaign(&a).await;
    first.store().commit(vec![Op::put("jobs/1/spec", "x")]).await.unwrap();
    first.resign().await;
    etcd.kill(0);
    etcd.back_up(0);
    etcd.restart(0);
    etcd.wait().await;
    let mut client = etcd.client().await;
    for number in 0..500 {
        client.put("other", number.to_string(), None).await.unwrap();
    }
    let second = campaign(&a).await;
    let last = second.epoch();
    wait_until_kept(&etcd, last).await;
    second.resign().await;
    etcd.kill(0);
    etcd.restore(0);
    etcd.restart(0);
    etcd.wait().await;

    // One that has been there before, and has not looked at its marker again.
    let third = campaign(&a).await;
    assert!(third.epoch() > last, "{} {last}", third.epoch());
    assert_eq!(third.store().list("jobs/").await.unwrap().len(), 1);
    let last = third.epoch();
    wait_until_kept(&etcd, last).await;
    third.resign().await;
    drop(a);

    // One that knows of nothing but what is in the storage.
    etcd.kill(0);
    etcd.restore(0);
    etcd.restart(0);
    etcd.wait().await;
    let b = open(&etcd, "b").await;
    let fourth = campaign(&b).await;
    assert!(fourth.epoch() > last, "{} {last}", fourth.epoch());
    wait_for_leader(&b, Some("b")).await;
    assert_eq!(b.leader().borrow().as_ref().unwrap().epoch, fourth.epoch());
    wait_for_no_problem(&b).await;
}

/// Waits until an epoch, and no other, stands in the storage directory.
async fn wait_until_kept(etcd: &Etcd, epoch: LeaderEpoch) {
    let directory = etcd.storage.join("test/epochs");
    let name = format!("{:020}", epoch.0);
    let is_kept = async {
        loop {
            let entries = std::fs::read_dir(&directory).into_iter().flatten();
            let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            if names == [name.as_str()] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, is_kept).await.expect("the epoch is kept");
}

#[tokio::test]
async fn without_space_the_leader_waits_and_says_so() {
    let quota = ["--quota-backend-bytes", "2000000"];
    let Some(etcd) = Etcd::start_with(1, &quota).await else { return };
    let a = open(&etcd, "a").await;
    let first = campaign(&a).await;
    let mut client = etcd.client().await;
    let mut revision = 0;
    for _ in 0..1_000 {
        match client.put("other", vec![b'x'; 100_000], None).await {
            Ok(answer) => revision = answer.header().unwrap().revision(),
            Err(error) => {
                assert!(error.to_string().contains("space exceeded"), "{error}");
                break;
            }
        }
    }
    let store = first.store();
    let waiting = store.commit(vec![Op::put("a", "1")]);
    let freed = async {
        let problem = wait_for_problem(&a, ProblemKind::NoSpace).await;
        assert!(problem.to_string().starts_with("STORE_NOSPACE: etcd has no space left"), "{problem}");
        assert!(first.permit().is_leading(), "leases live on");
        client.compact(revision, Some(CompactionOptions::new().with_physical())).await.unwrap();
        client.defragment().await.unwrap();
        let alarms = client.alarm(AlarmAction::Get, AlarmType::Nospace, None).await.unwrap();
        for alarm in alarms.alarms() {
            let mut member = AlarmOptions::new();
            member.with_member(alarm.member_id());
            client.alarm(AlarmAction::Deactivate, AlarmType::Nospace, Some(member)).await.unwrap();
        }
    };
    let both = async { tokio::join!(waiting, freed) };
    tokio::time::timeout(DEADLINE, both).await.expect("it is stored as soon as there is space").0.unwrap();
    wait_for_no_problem(&a).await;
}
