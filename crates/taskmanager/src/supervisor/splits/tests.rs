#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]

use std::sync::Arc;

use flott_core::{AttemptNumber, SubtaskId, deployment::EnumeratedSplits};
use flott_rpc::{
    job_master_server, pb::job_master_server::JobMaster, server_builder, tcp_channel, unknown_job,
};
use tokio::{net::TcpListener, sync::watch};
use tonic::{
    Response,
    transport::{Channel, server::TcpIncoming},
};

use super::*;

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(10);

const REQUEST: SplitRequest =
    SplitRequest { subtask: SubtaskId::new(0, 0), attempt: AttemptNumber(0), request_id: 1 };

/// A JobMaster that answers with the number of the call, from 1 on.
#[derive(Clone, Default)]
struct Fake {
    calls: Arc<Mutex<u8>>,
    knows_no_job: bool,
    refuses: bool,
}

impl Fake {
    fn answer(&self) -> Result<u8, Status> {
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        match (self.knows_no_job, self.refuses) {
            (true, _) => Err(unknown_job()),
            (_, true) => Err(Status::aborted("of an earlier attempt")),
            _ => Ok(*calls),
        }
    }
}

#[tonic::async_trait]
impl JobMaster for Fake {
    async fn report(&self, _: Request<pb::ReportRequest>) -> Result<Response<pb::ReportResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn request_split(
        &self,
        _: Request<pb::RequestSplitRequest>,
    ) -> Result<Response<pb::RequestSplitResponse>, Status> {
        let answer = SplitAnswer::Split(vec![self.answer()?]);
        Ok(Response::new(pb::RequestSplitResponse { answer: Some(answer.into()) }))
    }

    async fn report_splits(
        &self,
        _: Request<pb::ReportSplitsRequest>,
    ) -> Result<Response<pb::ReportSplitsResponse>, Status> {
        self.answer()?;
        Ok(Response::new(pb::ReportSplitsResponse {}))
    }

    async fn align_watermarks(
        &self,
        _: Request<pb::AlignWatermarksRequest>,
    ) -> Result<Response<pb::AlignWatermarksResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }
}

async fn serve(fake: &Fake) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = server_builder().add_service(job_master_server(fake.clone()));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    tcp_channel(&address).unwrap()
}

/// A client, and what stands for the event loop.
struct Bench {
    client: SplitClient,
    uplink: watch::Sender<Option<Uplink>>,
    inputs: mpsc::Receiver<Input>,
}

impl Bench {
    async fn new(leader: &Fake) -> Self {
        let (uplink, uplinks) = watch::channel(Some(Uplink::for_tests(1, serve(leader).await)));
        let (sender, inputs) = mpsc::channel(1);
        let client = SplitClient {
            task_manager_id: TaskManagerId::new("tm"),
            job_id: JobId::from_bytes([1; 16]),
            uplinks,
            inputs: sender,
        };
        Self { client, uplink, inputs }
    }

    /// Registers at another leader.
    async fn register(&self, epoch: u64, leader: &Fake) {
        self.uplink.send_replace(Some(Uplink::for_tests(epoch, serve(leader).await)));
    }

    async fn input(&mut self) -> Input {
        timeout(PATIENCE, self.inputs.recv()).await.expect("nothing comes").unwrap()
    }

    /// The answer that the event loop is told, the epoch of its leader, and where the decision goes.
    async fn answered(&mut self) -> (SplitAnswer, u64, oneshot::Sender<Option<SplitAnswer>>) {
        let Input::SplitAnswered { request, registration_id, answer, reply, .. } = self.input().await else {
            panic!("not an answer")
        };
        assert_eq!(request, REQUEST);
        let epoch = (1..9).find(|&epoch| registration_of(epoch) == registration_id).unwrap();
        (answer, epoch, reply)
    }
}

fn registration_of(epoch: u64) -> RegistrationId {
    RegistrationId::from_bytes(u128::from(epoch).to_be_bytes())
}

#[tokio::test]
async fn what_the_event_loop_does_not_hand_on_is_asked_again() {
    let (first, second) = (Fake::default(), Fake::default());
    *second.calls.lock().unwrap() = 100;
    let mut bench = Bench::new(&first).await;
    let asking = tokio::spawn(bench.client.clone().request(REQUEST));
    let (answer, epoch, reply) = bench.answered().await;
    assert_eq!((answer, epoch), (SplitAnswer::Split(vec![1]), 1));
    // Meanwhile there is another leader.
    bench.register(2, &second).await;
    reply.send(None).unwrap();
    let (answer, epoch, reply) = bench.answered().await;
    assert_eq!((&answer, epoch), (&SplitAnswer::Split(vec![101]), 2));
    reply.send(Some(answer.clone())).unwrap();
    assert_eq!(asking.await.unwrap(), Some(answer));
    assert_eq!(*first.calls.lock().unwrap(), 1);
}

#[tokio::test]
async fn nobody_is_asked_for_what_nobody_wants() {
    let leader = Fake::default();
    let mut bench = Bench::new(&leader).await;
    let asking = tokio::spawn(bench.client.clone().request(REQUEST));
    drop(bench.answered().await);
    assert_eq!(timeout(PATIENCE, asking).await.unwrap().unwrap(), None);

    let refusing = Fake { refuses: true, ..Fake::default() };
    bench.register(2, &refusing).await;
    let refused = timeout(PATIENCE, bench.client.clone().request(REQUEST)).await;
    assert_eq!(refused.expect("it asks again and again"), None);
}

#[tokio::test]
async fn a_leader_that_drops_its_jobs_has_not_the_last_word() {
    let (ending, next) = (Fake { knows_no_job: true, ..Fake::default() }, Fake::default());
    let mut bench = Bench::new(&ending).await;
    let asking = tokio::spawn(bench.client.clone().request(REQUEST));
    while *ending.calls.lock().unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    bench.register(2, &next).await;
    let (answer, epoch, reply) = bench.answered().await;
    assert_eq!((&answer, epoch), (&SplitAnswer::Split(vec![1]), 2));
    reply.send(Some(answer.clone())).unwrap();
    assert_eq!(asking.await.unwrap(), Some(answer));
}

#[tokio::test]
async fn reports_are_sent_until_they_count_in_order() {
    let leader = Fake::default();
    let mut bench = Bench::new(&leader).await;
    let (reports, outbox) = mpsc::channel(9);
    tokio::spawn(bench.client.clone().report_all(outbox));
    for report_id in 1..=2 {
        let splits = EnumeratedSplits { report_id, result: Ok(vec![vec![7]]), complete: report_id == 2 };
        let report = SplitsReport { subtask: REQUEST.subtask, attempt: REQUEST.attempt, splits };
        reports.send(report).await.unwrap();
    }
    // Each is taken back once.
    for (expected, is_again) in [(1, true), (1, false), (2, true), (2, false)] {
        let Input::SplitsAcknowledged { report, registration_id, reply, .. } = bench.input().await else {
            panic!("not an acknowledgment")
        };
        assert_eq!((report.splits.report_id, report.splits.complete), (expected, expected == 2));
        let epoch = u64::from(*leader.calls.lock().unwrap());
        assert_eq!(registration_id, registration_of(epoch));
        bench.register(epoch + 1, &leader).await;
        reply.send(is_again).unwrap();
    }
}
