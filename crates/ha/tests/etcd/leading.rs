//! What holds while etcd works.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use etcd_client::GetOptions;
use flott_ha::{Candidate, HighAvailability, LeaderState, Op, StoreError};

use crate::{
    candidate::{LEASE_TIME, campaign, config, open, open_with, wait_for, wait_for_leader, wait_for_members},
    server::{DEADLINE, Etcd},
};

#[tokio::test]
async fn one_leads_and_the_others_know_it() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let (a, b) = (open(&etcd, "a").await, open(&etcd, "b").await);
    let first = campaign(&a).await;
    assert!(first.permit().is_leading());
    wait_for_leader(&b, Some("a")).await;
    let info = b.leader().borrow().clone().unwrap();
    assert_eq!((info.rpc_address.as_str(), info.rest_address.as_str()), ("a:6123", "a:8081"));
    assert_eq!(info.epoch, first.epoch());

    // Given up, the next one does not wait until the lease runs out.
    let begun = SystemTime::now();
    let (epoch, store) = (first.epoch(), first.store());
    first.resign().await;
    let second = campaign(&b).await;
    assert!(begun.elapsed().unwrap() < LEASE_TIME, "{:?}", begun.elapsed());
    assert!(second.epoch() > epoch);
    assert!(store.commit(vec![Op::put("x", "y")]).await.unwrap_err().is_lost());

    // And back again, in the same process.
    wait_for_leader(&a, Some("b")).await;
    drop(second);
    let third = campaign(&a).await;
    assert!(third.epoch() > epoch);
    third.store().commit(vec![Op::put("x", "y")]).await.unwrap();
}

#[tokio::test]
async fn all_that_are_there_are_known() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let (a, b) = (open(&etcd, "a").await, open(&etcd, "b").await);
    let leadership = campaign(&a).await;
    for ha in [&a, &b] {
        wait_for_members(ha, &["a", "b"]).await;
    }
    // The keys of members are no records.
    assert!(leadership.store().list("").await.unwrap().is_empty());
    let refused = leadership.store().commit(vec![Op::put("members/x", "y")]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Name { .. }), "{refused}");
    // One that was started again counts once, also while its old key still lives.
    let config = config(&etcd, &[]);
    let again =
        Candidate { instance_id: "b2".into(), rpc_address: "b:6123".into(), rest_address: "b:8081".into() };
    drop(b);
    let _again = HighAvailability::open(&config, again).await.unwrap();
    wait_for_members(&a, &["a", "b2"]).await;
    drop(_again);
    wait_for_members(&a, &["a"]).await;
}

#[tokio::test]
async fn records_of_all_sizes_are_there_for_the_next_leader() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let a = open(&etcd, "a").await;
    let first = campaign(&a).await;
    let store = first.store();
    let large = Bytes::from(vec![b'l'; 3_000_000]);
    let ops =
        vec![Op::put("jobs/1/spec", large.clone()), Op::put("jobs/1/run", "1"), Op::put("jobs/10/run", "")];
    store.commit(ops).await.unwrap();
    // More than one page, and more than the default limit of an answer.
    for hundred in 0..3 {
        let many = (0..100).map(|number| Op::put(format!("ops/{hundred}-{number:02}"), vec![b'x'; 10_000]));
        store.commit(many.collect()).await.unwrap();
    }
    let found = store.list("jobs/1/").await.unwrap();
    assert_eq!(found, [("jobs/1/run".to_owned(), "1".into()), ("jobs/1/spec".to_owned(), large.clone())]);
    assert_eq!(store.list("").await.unwrap().len(), 303);
    assert_eq!(store.list_blobs("values/").await.unwrap().len(), 1);
    first.resign().await;

    let b = open(&etcd, "b").await;
    let second = campaign(&b).await;
    let store = second.store();
    assert_eq!(store.list("jobs/1/spec").await.unwrap(), [("jobs/1/spec".to_owned(), large.clone())]);
    store.commit(vec![Op::put("jobs/1/result", large.clone()), Op::delete("jobs/1/spec")]).await.unwrap();
    assert_eq!(store.list_blobs("values/").await.unwrap().len(), 1, "the file of the spec is gone");
    store.commit(vec![Op::delete_prefix("jobs/1/"), Op::delete_prefix("ops/")]).await.unwrap();
    assert_eq!(store.list("").await.unwrap(), [("jobs/10/run".to_owned(), Bytes::new())]);
    assert_eq!(store.list_blobs("values/").await.unwrap(), [""; 0]);

    let many = (0..20).map(|number| Op::put(format!("a/{number}"), vec![0; 60_000])).collect();
    assert!(matches!(store.commit(many).await, Err(StoreError::TooLarge { .. })));
    let twice = vec![Op::put("a", "1"), Op::put("a", "2")];
    assert!(matches!(store.commit(twice).await, Err(StoreError::Refused { .. })));
    assert!(store.list("a").await.unwrap().is_empty());
    second.resign().await;

    let mut client = etcd.client().await;
    let all =
        client.get("/flott/test/", Some(GetOptions::new().with_prefix().with_keys_only())).await.unwrap();
    let keys = all.kvs().iter().map(|kv| kv.key_str().unwrap());
    // Those of JobManagers go by themselves.
    let keys: Vec<_> = keys.filter(|key| !key.contains("/members/")).collect();
    assert_eq!(keys, ["/flott/test/cluster", "/flott/test/jobs/10/run", "/flott/test/write"]);
}

#[tokio::test]
async fn large_values_that_no_record_names_are_deleted_by_the_next_leader() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let a = open(&etcd, "a").await;
    let first = campaign(&a).await;
    first.store().put_blob("values/1-left-over", "x".into()).await.unwrap();
    first.store().commit(vec![Op::put("a", vec![0; 100_000])]).await.unwrap();
    first.resign().await;
    let second = campaign(&a).await;
    let deleted = async {
        while second.store().list_blobs("values/").await.unwrap().len() != 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, deleted).await.expect("what is left over is deleted");
    assert_eq!(second.store().list("a").await.unwrap()[0].1.len(), 100_000);
}

#[tokio::test]
async fn a_large_value_that_is_damaged_disturbs_no_others() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let a = open(&etcd, "a").await;
    let leadership = campaign(&a).await;
    let store = leadership.store();
    let large = vec![b'l'; 100_000];
    store
        .commit(vec![Op::put("a", large.clone()), Op::put("b", large.clone()), Op::put("c", large)])
        .await
        .unwrap();
    let blobs = store.list_blobs("values/").await.unwrap();
    let path = |number: usize| store.blob_uri(&blobs[number]).unwrap().local_path().unwrap().to_owned();
    std::fs::remove_file(path(0)).unwrap();
    std::fs::write(path(1), "damaged").unwrap();
    assert_eq!(store.list("").await.unwrap().len(), 1);
    store.commit(vec![Op::delete("a"), Op::delete("b"), Op::delete("c")]).await.unwrap();
    assert_eq!(store.list_blobs("").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_large_value_that_cannot_be_read_just_now_is_not_taken_for_absent() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let a = open(&etcd, "a").await;
    let leadership = campaign(&a).await;
    let store = leadership.store();
    store.commit(vec![Op::put("a", vec![b'l'; 100_000]), Op::put("b", "small")]).await.unwrap();
    let blobs = store.list_blobs("values/").await.unwrap();
    let path = store.blob_uri(&blobs[0]).unwrap().local_path().unwrap().to_owned();
    let intact = std::fs::read(&path).unwrap();
    // Reading fails in a way that says nothing of the content, for root as well.
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let error = store.list("").await.unwrap_err();
    assert!(matches!(&error, StoreError::Unreadable { key, .. } if key == "a"), "{error}");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, intact).unwrap();
    assert_eq!(store.list("").await.unwrap().len(), 2);
}

#[tokio::test]
async fn commits_whose_callers_go_away_disturb_no_others() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let a = open(&etcd, "a").await;
    let leadership = campaign(&a).await;
    let store = leadership.store();
    for round in 0..50_u64 {
        let text = round.to_string();
        let given_up = store.commit(vec![Op::put("a", format!("given up in {text}"))]);
        let _ = tokio::time::timeout(Duration::from_micros(100 * round), given_up).await;
        let at_once = (0..5).map(|number| store.commit(vec![Op::put(format!("b/{number}"), text.clone())]));
        let mut at_once: Vec<_> = at_once.map(Box::pin).collect();
        store.commit(vec![Op::put("a", text.clone())]).await.unwrap();
        for commit in &mut at_once {
            commit.await.unwrap();
        }
        let found = store.list("").await.unwrap();
        assert_eq!(found.len(), 6);
        assert!(found.iter().all(|(_, value)| *value == text), "{found:?}");
    }
}

#[tokio::test]
async fn clusters_with_other_names_do_not_see_each_other() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let other = config(&etcd, &[("high-availability.cluster-id", "test/below")]);
    let (a, b) = (open(&etcd, "a").await, open_with(&other, "b").await);
    let (first, second) = (campaign(&a).await, campaign(&b).await);
    first.store().commit(vec![Op::put("a", "1")]).await.unwrap();
    second.store().commit(vec![Op::put("b", "2")]).await.unwrap();
    assert_eq!(first.store().list("").await.unwrap(), [("a".to_owned(), "1".into())]);
    assert_eq!(second.store().list("").await.unwrap(), [("b".to_owned(), "2".into())]);
}

#[tokio::test]
async fn who_gives_up_waiting_does_not_lead() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let (a, b) = (open(&etcd, "a").await, open(&etcd, "b").await);
    let first = campaign(&a).await;
    wait_for_leader(&b, Some("a")).await;
    assert!(tokio::time::timeout(Duration::from_millis(200), b.campaign()).await.is_err());
    first.resign().await;
    wait_for_leader(&b, None).await;
    let again = campaign(&a).await;
    assert!(again.permit().is_leading());
    // Asked anew, it does.
    let (_, second) = tokio::join!(again.resign(), campaign(&b));
    wait_for(&second, LeaderState::Leading).await;
}
