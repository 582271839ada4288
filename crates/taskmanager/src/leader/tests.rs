#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]

use flott_rpc::{LeaderInfo, leader_server, pb::leader_server::Leader as LeaderService, server_builder};
use tokio::net::TcpListener;
use tonic::{Request, Response, transport::server::TcpIncoming};

use super::*;

/// How a pretended JobManager answers.
#[derive(Clone)]
enum Fake {
    Knows(LeaderView),
    Hangs,
    Fails,
    /// Is of a version that does not know the question.
    IsOld,
}

#[tonic::async_trait]
impl LeaderService for Fake {
    async fn get_leader(
        &self,
        _: Request<pb::GetLeaderRequest>,
    ) -> Result<Response<pb::GetLeaderResponse>, Status> {
        match self {
            Self::Knows(view) => Ok(Response::new(view.clone().into())),
            Self::Hangs => std::future::pending().await,
            Self::Fails => Err(Status::internal("out of order")),
            Self::IsOld => Err(Status::unimplemented("what?")),
        }
    }
}

async fn serve(fake: Fake) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = server_builder().add_service(leader_server(fake));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

/// The JobManager `own` that takes `leader` for the leader, with this epoch.
fn view(own: &str, leader: &str, epoch: u64) -> Fake {
    Fake::Knows(LeaderView {
        instance_id: own.to_owned(),
        leader: Some(LeaderInfo {
            instance_id: leader.to_owned(),
            rpc_address: format!("{leader}:6123"),
            rest_address: format!("{leader}:8081"),
            epoch: LeaderEpoch(epoch),
        }),
    })
}

fn without_leader(own: &str) -> Fake {
    Fake::Knows(LeaderView { instance_id: own.to_owned(), leader: None })
}

async fn found(fakes: &[Fake]) -> (Result<Leader, Asked>, Vec<String>) {
    found_since(fakes, 0).await
}

async fn found_since(fakes: &[Fake], seen: u64) -> (Result<Leader, Asked>, Vec<String>) {
    let mut addresses = Vec::new();
    for fake in fakes {
        addresses.push(serve(fake.clone()).await);
    }
    (find(&addresses, LeaderEpoch(seen), 0).await, addresses)
}

#[tokio::test]
async fn a_standby_names_the_leader() {
    let (leader, _) = found(&[without_leader("a"), view("b", "c", 3)]).await;
    assert_eq!(leader.unwrap().address, "c:6123");
}

#[tokio::test]
async fn the_highest_epoch_counts() {
    for fakes in [[view("a", "x", 3), view("b", "y", 4)], [view("b", "y", 4), view("a", "x", 3)]] {
        assert_eq!(found(&fakes).await.0.unwrap().address, "y:6123");
    }
}

#[tokio::test]
async fn the_leader_itself_is_reached_where_it_was_asked() {
    for order in [[0, 1], [1, 0]] {
        let fakes = [view("a", "b", 3), view("b", "b", 3)];
        let (leader, addresses) = found(&order.map(|index: usize| fakes[index].clone())).await;
        let own = order.iter().position(|&index| index == 1).unwrap();
        assert_eq!(leader.unwrap().address, addresses[own]);
    }
}

#[tokio::test]
async fn who_leads_no_more_is_not_asked() {
    let (leader, addresses) = found_since(&[view("a", "old", 3), view("b", "new", 4)], 4).await;
    assert_eq!(leader.unwrap().address, "new:6123", "{addresses:?}");
    let (leader, addresses) = found_since(&[view("a", "old", 3)], 4).await;
    let expected = format!("{}: names old:6123, which leads no more", addresses[0]);
    assert_eq!(leader.unwrap_err().to_string(), expected);
}

#[tokio::test]
async fn one_that_hangs_holds_nobody_up() {
    let fakes = [Fake::Hangs, view("b", "c", 3)];
    let found = timeout(ANSWER_TIMEOUT, found(&fakes)).await;
    assert_eq!(found.expect("it waits for the one that hangs").0.unwrap().address, "c:6123");
}

#[tokio::test]
async fn without_a_leader_all_that_were_asked_are_named() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let addresses = [serve(without_leader("a")).await, serve(Fake::Fails).await, nobody];
    let text = find(&addresses, LeaderEpoch(0), 0).await.unwrap_err().to_string();
    for (address, outcome) in addresses.iter().zip(["knows no leader", "out of order", "Connection refused"])
    {
        assert!(text.contains(&format!("{address}: {outcome}")), "{text}");
    }
    assert_eq!(text.matches("; ").count(), 2, "{text}");
}

#[tokio::test]
async fn those_that_do_not_know_the_question_are_tried_in_turn() {
    let mut addresses =
        vec![serve(Fake::IsOld).await, serve(Fake::IsOld).await, serve(without_leader("c")).await];
    let first = find(&addresses, LeaderEpoch(0), 6).await.unwrap().address;
    let second = find(&addresses, LeaderEpoch(0), 7).await.unwrap().address;
    assert_ne!(first, second);
    assert!(addresses[..2].contains(&first) && addresses[..2].contains(&second));
    addresses.push(serve(view("d", "e", 1)).await);
    assert_eq!(find(&addresses, LeaderEpoch(0), 0).await.unwrap().address, "e:6123");
}

#[tokio::test]
async fn a_successor_is_waited_for() {
    const OFTEN: Duration = Duration::from_millis(20);
    let fake = |fake| async { serve(fake).await };
    let addresses = [fake(view("a", "a", 3)).await, fake(without_leader("b")).await, fake(Fake::IsOld).await];
    let waited = timeout(CHECK_INTERVAL / 2, succeeded(&addresses, LeaderEpoch(3), OFTEN)).await;
    assert!(waited.is_err(), "{waited:?}");
    let leader = timeout(CHECK_INTERVAL, succeeded(&addresses, LeaderEpoch(2), OFTEN)).await.unwrap();
    assert_eq!(leader, Leader { address: addresses[0].clone(), epoch: LeaderEpoch(3) });
}
