//! Connections that break when the request has been carried out and the answer is on its way.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use flott_ha::{LeaderState, Op};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    candidate::{campaign, config, open_with, wait_for_no_problem},
    server::Etcd,
};

/// Listens and hands on; ends with what is returned. As often as the counter says, a connection is closed in the place of an
/// answer.
async fn proxy(to: String, breaks: Arc<AtomicU32>) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            let (to, breaks) = (to.clone(), breaks.clone());
            connections.spawn(async move {
                if let Ok(server) = TcpStream::connect(&to).await {
                    hand_on(client, server, &breaks).await;
                }
            });
        }
    });
    (address, tasks)
}

async fn hand_on(mut client: TcpStream, mut server: TcpStream, breaks: &AtomicU32) {
    let (mut requests, mut answers) = ([0; 8192], [0; 8192]);
    loop {
        tokio::select! {
            read = client.read(&mut requests) => match read {
                Ok(length) if length > 0 && server.write_all(&requests[..length]).await.is_ok() => {}
                _ => return,
            },
            read = server.read(&mut answers) => {
                let broken = breaks.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
                match read {
                    Ok(length) if length > 0 && broken.is_err() && client.write_all(&answers[..length]).await.is_ok() => {}
                    _ => return,
                }
            }
        }
    }
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_carried_out_once() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let breaks = Arc::new(AtomicU32::new(0));
    let server = etcd.urls().trim_start_matches("http://").to_owned();
    let (address, _proxy) = proxy(server, breaks.clone()).await;
    let config = config(&etcd, &[("high-availability.etcd.endpoints", &address)]);
    let a = open_with(&config, "a").await;
    let leadership = campaign(&a).await;
    let store = leadership.store();
    for round in 1..=30 {
        breaks.store(round % 4, Ordering::Release);
        store.commit(vec![Op::put("a", round.to_string())]).await.unwrap();
        let found = store.list("a").await.unwrap();
        assert_eq!(found, [("a".to_owned(), round.to_string().into())]);
    }
    let versions = etcd.client().await.get("/flott/test/a", None).await.unwrap().kvs()[0].version();
    assert_eq!(versions, 30, "each was carried out once");
    assert_ne!(*leadership.state().borrow(), LeaderState::Lost);
    wait_for_no_problem(&a).await;
}
