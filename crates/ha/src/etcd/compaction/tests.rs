use flott_core::config::{Configuration, Origin};

use self::server::Etcd;
use super::*;
use crate::problem::Problems;

#[path = "../../../tests/etcd/server.rs"]
#[allow(dead_code, reason = "other tests need the rest of it")]
mod server;

fn compaction(etcd: &Etcd) -> Compaction {
    let urls = etcd.urls();
    let settings = [("high-availability.etcd.endpoints", urls.as_str())];
    let (config, _) = Configuration::default().with_settings(settings, &Origin::CommandLine).unwrap();
    let servers = Servers::new(&config, Arc::new(Problems::new())).unwrap();
    Compaction::new(Keys::new("test"), Arc::new(servers))
}

async fn put(etcd: &Etcd) -> i64 {
    let put = etcd.client().await.put("/flott/test/write", "x", None).await.unwrap();
    put.header().unwrap().revision()
}

#[tokio::test]
async fn what_is_older_than_a_round_is_forgotten() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let mut compaction = compaction(&etcd);
    for _ in 0..2 {
        put(&etcd).await;
        assert_eq!(compaction.round().await.unwrap(), Round::Nothing, "nothing is old enough");
    }
    for _ in 0..3 {
        let last = compaction.last.unwrap();
        put(&etcd).await;
        assert_eq!(compaction.round().await.unwrap(), Round::Compacted(last));
        compaction.read(last).await.unwrap();
        assert!(matches!(compaction.read(last - 1).await, Err(CallError::Refused(Refusal::Other, _))));
    }
    for _ in 0..2 {
        compaction.round().await.unwrap();
    }
    assert_eq!(compaction.round().await.unwrap(), Round::Nothing, "nothing was written");
}

#[tokio::test]
async fn nothing_is_compacted_where_another_one_does_so_sooner() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let mut compaction = compaction(&etcd);
    for _ in 0..5 {
        let newest = put(&etcd).await;
        etcd.client().await.compact(newest, None).await.unwrap();
        assert_eq!(compaction.round().await.unwrap(), Round::Nothing);
    }
}
