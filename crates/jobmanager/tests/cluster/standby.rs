//! What a JobManager answers that does not lead.

use std::net::SocketAddr;

use flott_core::{JobId, TaskManagerId, job_config::JobConfig};
use flott_jobmanager::{Error, SharedMemory, view::LeadershipState};
use flott_rpc::{LeaderView, pb};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::Code;

use crate::{
    fake_task_manager::{FakeTaskManager, registration},
    support::{PATIENCE, TestCluster, fake_job, graph},
};

const JOB: JobId = JobId::from_bytes([5; 16]);

/// A JobManager that leads and one that does not.
struct Pair {
    _dir: tempfile::TempDir,
    memory: SharedMemory,
    leader: TestCluster,
    standby: TestCluster,
}

impl Pair {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let memory = SharedMemory::new(dir.path());
        let leader = TestCluster::join(&memory, &["rest.address=127.0.0.1"]).await;
        leader.becomes(LeadershipState::Leading).await;
        let standby = TestCluster::join(&memory, &["rest.address=127.0.0.1"]).await;
        Self { _dir: dir, memory, leader, standby }
    }
}

/// Sends a request and returns status, headers and body.
async fn exchange(address: SocketAddr, head: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        format!("{head}host: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, answer[end + 4..].to_vec())
}

async fn get(cluster: &TestCluster, path: &str) -> (u16, String, Value) {
    let address = cluster.job_manager.rest_addr.unwrap();
    let (status, head, body) = exchange(address, &format!("GET {path} HTTP/1.1\r\n"), b"").await;
    (status, head, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn every_job_manager_tells_who_leads() {
    let pair = Pair::start().await;
    let (leader, standby) = (pair.leader.handle().leadership(), pair.standby.handle().leadership());
    assert_eq!((leader.state, standby.state), (LeadershipState::Leading, LeadershipState::Standby));
    assert_eq!(leader.leader, standby.leader);
    assert_ne!(leader.own.instance_id, standby.own.instance_id);
    for (cluster, state) in [(&pair.leader, "LEADING"), (&pair.standby, "STANDBY")] {
        for path in ["/leader", "/v1/leader"] {
            let (status, _, json) = get(cluster, path).await;
            assert_eq!((status, &json["state"]), (200, &Value::from(state)));
            assert_eq!(json["problems"], serde_json::json!([]));
            let standbys = json["standbys"].as_array().unwrap();
            let ids: Vec<_> = standbys.iter().map(|standby| &standby["instance-id"]).collect();
            // That there is another is known through etcd only.
            let expected = if state == "STANDBY" { vec![&json["self"]["instance-id"]] } else { vec![] };
            assert_eq!(ids, expected);
            assert_eq!(json["leader"]["instance-id"], leader.own.instance_id);
            let rest_address = pair.leader.job_manager.rest_addr.unwrap().to_string();
            assert_eq!(json["leader"]["rest-address"], rest_address);
            assert_eq!(json["self"]["instance-id"], cluster.handle().leadership().own.instance_id);
        }
        let channel = flott_rpc::tcp_channel(&cluster.job_manager.rpc_addr.to_string()).unwrap();
        let answer = flott_rpc::leader_client(channel).get_leader(pb::GetLeaderRequest {}).await.unwrap();
        let view = LeaderView::try_from(answer.into_inner()).unwrap();
        assert_eq!(view.instance_id, cluster.handle().leadership().own.instance_id);
        let told = view.leader.unwrap();
        assert_eq!(told.instance_id, leader.own.instance_id);
        assert!(told.rpc_address.ends_with(&format!(":{}", pair.leader.job_manager.rpc_addr.port())));
    }
}

#[tokio::test]
async fn a_standby_takes_no_task_managers_and_no_jobs() {
    let pair = Pair::start().await;
    let channel = flott_rpc::tcp_channel(&pair.standby.job_manager.rpc_addr.to_string()).unwrap();
    let request = registration(&TaskManagerId::new("tm-1"), 1, "127.0.0.1:1", Default::default());
    let request = pb::RegisterRequest::from(request);
    let refused = flott_rpc::resource_manager_client(channel.clone()).register(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    let request = pb::DownloadRequest { digest: "ab".repeat(32), offset: 0 };
    let refused = flott_rpc::artifacts_client(channel).download(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    let refused = pair.standby.handle().submit_graph(graph(1), JobConfig::default(), None).await.unwrap_err();
    assert!(matches!(refused, Error::NoLeader));
}

#[tokio::test]
async fn a_standby_lets_the_leader_answer() {
    let pair = Pair::start().await;
    let _tm = FakeTaskManager::start(pair.leader.job_manager.rpc_addr, "tm-1", 3).await;
    pair.leader.handle().submit_graph(graph(1), JobConfig::default(), Some(JOB)).await.unwrap();
    let (status, head, jobs) = get(&pair.standby, "/v1/jobs/overview?x=y").await;
    assert_eq!((status, &jobs["jobs"][0]["jid"]), (200, &Value::from(JOB.to_string())));
    let leader = pair.leader.job_manager.rest_addr.unwrap();
    assert!(head.contains(&format!("x-flott-leader: {leader}")), "{head}");
    assert_eq!(head.matches("x-frame-options").count(), 1, "{head}");
    let (_, head, overview) = get(&pair.leader, "/overview").await;
    assert_eq!(overview["slots-total"], 3);
    assert!(!head.contains("x-flott-leader"), "{head}");
    // Errors are the leader's as well.
    let (status, _, error) = get(&pair.standby, "/v1/jobs/xyz").await;
    assert_eq!(status, 400, "{error}");
    let address = pair.standby.job_manager.rest_addr.unwrap();
    let (status, _, _) = exchange(address, &format!("PATCH /jobs/{JOB} HTTP/1.1\r\n"), b"").await;
    assert_eq!(status, 202);
    pair.leader.end_of(JOB).await;
    // Foreign sites are kept out here already.
    let head = format!("PATCH /jobs/{JOB} HTTP/1.1\r\norigin: http://evil.example\r\n");
    assert_eq!(exchange(address, &head, b"").await.0, 403);
}

#[tokio::test]
async fn uploads_go_through_a_standby() {
    let pair = Pair::start().await;
    let mut body = b"--x\r\ncontent-disposition: form-data; name=\"jarfile\"; filename=\"fake-job\"\r\n\
        content-type: application/octet-stream\r\n\r\n"
        .to_vec();
    body.extend(fake_job());
    body.extend(b"\r\n--x--\r\n");
    let head = "POST /v1/jars/upload HTTP/1.1\r\ncontent-type: multipart/form-data; boundary=x\r\n";
    let address = pair.standby.job_manager.rest_addr.unwrap();
    let (status, _, answer) = exchange(address, head, &body).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    let artifacts = pair.leader.handle().artifacts().await.unwrap();
    assert_eq!((artifacts.len(), artifacts[0].size), (1, fake_job().len() as u64));
}

#[tokio::test]
async fn without_a_leader_that_can_be_reached_clients_are_told_to_wait() {
    let pair = Pair::start().await;
    let address = pair.standby.job_manager.rest_addr.unwrap();
    // Handed on by one that takes the standby for the leader.
    let head = "GET /overview HTTP/1.1\r\nx-flott-leader: 127.0.0.1:1\r\n";
    let (status, head, body) = exchange(address, head, b"").await;
    assert_eq!((status, head.contains("retry-after: 1")), (503, true));
    let text = "Service temporarily unavailable due to an ongoing leader election. Please refresh.";
    assert!(String::from_utf8_lossy(&body).contains(text));
    // The leader is not sure of it: it answers what it is asked, and changes nothing.
    pair.memory.suspend(true);
    pair.leader.becomes(LeadershipState::Suspended).await;
    assert_eq!(get(&pair.standby, "/jobs/overview").await.0, 200);
    let (status, _, _) = exchange(address, &format!("PATCH /jobs/{JOB} HTTP/1.1\r\n"), b"").await;
    assert_eq!(status, 503);
    assert_eq!(get(&pair.leader, "/leader").await.2["state"], "SUSPENDED");
    assert_eq!(get(&pair.standby, "/health").await.0, 200);
}
