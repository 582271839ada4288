//! A pretended JobManager and pretended task hosts.

#![allow(clippy::unwrap_used, reason = "a fake that fails is a failed test")]

use std::{
    collections::VecDeque,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use flott_control::protocol::{
    AlignedWatermark, Fence, GroupWatermark, Order, OrderAnswer, RegistrationAnswer, RegistrationRequest,
    Report, SlotHolder,
};
use flott_core::{
    AllocationId, AttemptNumber, FailureCause, JobGraph, JobId, JobType, JobVertex, LeaderEpoch,
    RegistrationId, SlotIndex, VertexId,
    config::Configuration,
    deployment::{SplitAnswer, TaskHostSpec},
    job_config::{JobConfig, RuntimeMode},
};
use flott_rpc::{
    AlignWatermarks, Heartbeat, JobReports, LeaderInfo, LeaderView, TaskHostCommand, TaskHostHello,
    TaskHostMessage, job_master_server, leader_server, pb,
    pb::{job_master_server::JobMaster, leader_server::Leader, resource_manager_server::ResourceManager},
    resource_manager_server, send_order, server_builder, task_host_client, tcp_channel, unix_channel,
};
use flott_taskmanager::{
    LaunchRequest, LaunchedTaskHost, RunningTaskManager, StorageSettings, TaskHostLauncher, TaskManager,
    TaskManagerConfig,
};
use futures::{FutureExt, future::BoxFuture};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming, transport::server::TcpIncoming};

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a JobManager hears.
#[derive(Debug)]
pub(crate) enum Heard {
    Registration(RegistrationRequest),
    Heartbeat(Heartbeat),
    Reports(JobReports),
    Splits(pb::ReportSplitsRequest),
}

/// A JobManager that lets everybody in and agrees with everything.
pub(crate) struct FakeJobManager {
    pub(crate) address: SocketAddr,
    pub(crate) fence: Fence,
    heard: mpsc::Receiver<Heard>,
    /// Heard, and not yet asked for.
    reports: VecDeque<(u64, Report)>,
    /// Its own, so that its end breaks all connections at once, as that of a process does.
    runtime: Option<Runtime>,
    frozen: Arc<AtomicBool>,
}

#[derive(Clone)]
struct Service {
    fence: Fence,
    heard: mpsc::Sender<Heard>,
    frozen: Arc<AtomicBool>,
}

/// A JobManager that does not lead, but knows who does.
#[derive(Clone)]
pub(crate) struct Standby {
    pub(crate) address: SocketAddr,
    leader: Arc<Mutex<Option<LeaderInfo>>>,
}

impl Standby {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let standby = Self { address: listener.local_addr().unwrap(), leader: Arc::default() };
        let server = server_builder().add_service(leader_server(standby.clone()));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        standby
    }

    /// Names this one from now on.
    pub(crate) fn follow(&self, leader: &FakeJobManager) {
        *self.leader.lock().unwrap() = Some(LeaderInfo {
            instance_id: leader.address.to_string(),
            rpc_address: leader.address.to_string(),
            rest_address: "nowhere:1".to_owned(),
            epoch: leader.fence.epoch,
        });
    }
}

#[tonic::async_trait]
impl Leader for Standby {
    async fn get_leader(
        &self,
        _: Request<pb::GetLeaderRequest>,
    ) -> Result<Response<pb::GetLeaderResponse>, Status> {
        let leader = self.leader.lock().unwrap().clone();
        let view = LeaderView { instance_id: self.address.to_string(), leader };
        Ok(Response::new(view.into()))
    }
}

impl FakeJobManager {
    /// Listens on `address`; port 0 = any.
    pub(crate) async fn start(address: &str, epoch: u64) -> Self {
        let registration_id = RegistrationId::from_bytes(u128::from(epoch).to_be_bytes());
        let fence = Fence { epoch: LeaderEpoch(epoch), registration_id };
        let (sender, heard) = mpsc::channel(1000);
        let frozen = Arc::<AtomicBool>::default();
        let service = Service { fence, heard: sender, frozen: frozen.clone() };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = address.to_owned();
        let listening = runtime.spawn(async move { TcpListener::bind(address).await.unwrap() });
        let listener = listening.await.unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(
            server_builder()
                .add_service(resource_manager_server(service.clone()))
                .add_service(job_master_server(service))
                .serve_with_incoming(TcpIncoming::from(listener)),
        );
        Self { address, fence, heard, reports: VecDeque::new(), runtime: Some(runtime), frozen }
    }

    /// The first thing heard from now on of which `wanted` makes something.
    pub(crate) async fn hear<T>(&mut self, mut wanted: impl FnMut(Heard) -> Option<T>) -> T {
        let wait = async {
            loop {
                if let Some(found) = wanted(self.heard.recv().await.unwrap()) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, wait).await.expect("the TaskManager is silent")
    }

    pub(crate) async fn registration(&mut self) -> RegistrationRequest {
        self.hear(|heard| if let Heard::Registration(request) = heard { Some(request) } else { None }).await
    }

    pub(crate) async fn heartbeat(&mut self, mut is_wanted: impl FnMut(&Heartbeat) -> bool) -> Heartbeat {
        self.hear(|heard| match heard {
            Heard::Heartbeat(heartbeat) if is_wanted(&heartbeat) => Some(heartbeat),
            _ => None,
        })
        .await
    }

    /// The next report.
    pub(crate) async fn report(&mut self) -> Report {
        if self.reports.is_empty() {
            // Several may come in one message.
            self.reports =
                self.hear(|heard| {
                    if let Heard::Reports(message) = heard { Some(message.reports.into()) } else { None }
                })
                .await;
        }
        self.reports.pop_front().unwrap().1
    }

    /// Gives an order and returns the answer.
    pub(crate) async fn order(&self, task_manager: &RunningTaskManager, order: Order) -> OrderAnswer {
        order_by(self.fence, task_manager, order).await
    }

    /// Gives the job a slot and starts its task host there.
    pub(crate) async fn start_task_host(&self, task_manager: &RunningTaskManager) {
        self.accepted(task_manager, Order::RequestSlot { slot: SlotIndex(0), holder: HOLDER }).await;
        let start = Order::StartTaskHost {
            attempt: AttemptNumber(0),
            allocations: vec![HOLDER.allocation_id],
            spec: spec(),
        };
        self.accepted(task_manager, start).await;
    }

    /// Gives an order that must be obeyed.
    pub(crate) async fn accepted(&self, task_manager: &RunningTaskManager, order: Order) {
        let answer = self.order(task_manager, order).await;
        assert!(matches!(answer, OrderAnswer::Accepted { .. }), "{answer:?}");
    }

    /// Says nothing any more, but keeps its connections, as a process does that is stopped.
    pub(crate) fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    /// Goes on where it was frozen.
    pub(crate) fn thaw(&self) {
        self.frozen.store(false, Ordering::Relaxed);
    }

    /// Ends it as a killed process ends. Its address is free then.
    pub(crate) async fn crash(mut self) -> SocketAddr {
        let runtime = self.runtime.take().unwrap();
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE)).await.unwrap();
        self.address
    }
}

impl Drop for FakeJobManager {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) async fn order_by(fence: Fence, task_manager: &RunningTaskManager, order: Order) -> OrderAnswer {
    let channel = tcp_channel(task_manager.rpc_address()).unwrap();
    send_order(channel, fence, order, PATIENCE).await.unwrap()
}

#[tonic::async_trait]
impl ResourceManager for Service {
    type HeartbeatStream = ReceiverStream<Result<pb::HeartbeatResponse, Status>>;

    async fn register(
        &self,
        request: Request<pb::RegisterRequest>,
    ) -> Result<Response<pb::RegisterResponse>, Status> {
        let request = RegistrationRequest::try_from(request.into_inner())?;
        self.heard.send(Heard::Registration(request)).await.unwrap();
        let answer = RegistrationAnswer::Registered { fence: self.fence, heartbeat_interval_ms: 20 };
        Ok(Response::new(answer.into()))
    }

    async fn heartbeat(
        &self,
        request: Request<Streaming<pb::HeartbeatRequest>>,
    ) -> Result<Response<Self::HeartbeatStream>, Status> {
        let mut heartbeats = request.into_inner();
        let (answers, responses) = mpsc::channel(1);
        let service = self.clone();
        tokio::spawn(async move {
            while let Some(Ok(heartbeat)) = heartbeats.next().await {
                if service.frozen.load(Ordering::Relaxed) {
                    continue;
                }
                let heartbeat = Heartbeat::try_from(heartbeat).unwrap();
                let known = heartbeat.sender.fence == service.fence;
                let _ = service.heard.send(Heard::Heartbeat(heartbeat)).await;
                let _ = answers.send(Ok(pb::HeartbeatResponse { known })).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(responses)))
    }
}

#[tonic::async_trait]
impl JobMaster for Service {
    async fn report(
        &self,
        request: Request<pb::ReportRequest>,
    ) -> Result<Response<pb::ReportResponse>, Status> {
        let reports = JobReports::try_from(request.into_inner())?;
        self.heard.send(Heard::Reports(reports)).await.unwrap();
        Ok(Response::new(pb::ReportResponse {}))
    }

    async fn request_split(
        &self,
        request: Request<pb::RequestSplitRequest>,
    ) -> Result<Response<pb::RequestSplitResponse>, Status> {
        // A frozen one answers when it thaws.
        while self.frozen.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let numbers = [request.into_inner().request_id, self.fence.epoch.0];
        let split = SplitAnswer::Split(numbers.map(|number| u8::try_from(number).unwrap()).to_vec());
        Ok(Response::new(pb::RequestSplitResponse { answer: Some(split.into()) }))
    }

    async fn report_splits(
        &self,
        request: Request<pb::ReportSplitsRequest>,
    ) -> Result<Response<pb::ReportSplitsResponse>, Status> {
        self.heard.send(Heard::Splits(request.into_inner())).await.unwrap();
        Ok(Response::new(pb::ReportSplitsResponse {}))
    }

    async fn align_watermarks(
        &self,
        request: Request<pb::AlignWatermarksRequest>,
    ) -> Result<Response<pb::AlignWatermarksResponse>, Status> {
        let request = AlignWatermarks::try_from(request.into_inner())?;
        let group = |report: &AlignedWatermark| GroupWatermark {
            group: report.group.clone(),
            watermark: report.watermark.map(|watermark| watermark - Duration::from_millis(1)),
        };
        let groups: Vec<_> = request.watermarks.iter().map(group).collect();
        Ok(Response::new(groups.into()))
    }
}

/// A task host that the test plays.
pub(crate) struct FakeTaskHost {
    messages: mpsc::Sender<pb::TaskHostMessage>,
    commands: Streaming<pb::TaskHostCommand>,
    end: watch::Sender<Option<FailureCause>>,
    killed: watch::Sender<bool>,
    waits: Arc<AtomicUsize>,
}

impl FakeTaskHost {
    pub(crate) async fn tell(&self, message: TaskHostMessage) {
        self.messages.send(message.into()).await.unwrap();
    }

    pub(crate) async fn command(&mut self) -> TaskHostCommand {
        let command = timeout(PATIENCE, self.commands.message()).await.expect("no command comes");
        command.unwrap().expect("the TaskManager hung up").try_into().unwrap()
    }

    /// Ends it, as a process ends: what it has sent can be read still.
    pub(crate) fn end(self, cause: FailureCause) {
        let Self { messages, mut commands, end, .. } = self;
        end.send_replace(Some(cause));
        drop(messages);
        tokio::spawn(async move { while let Ok(Some(_)) = commands.message().await {} });
    }

    /// Waits until it is killed. It has not ended by that alone.
    pub(crate) async fn is_killed(&self) {
        let mut killed = self.killed.subscribe();
        timeout(PATIENCE, killed.wait_for(|&killed| killed)).await.expect("it is not killed").unwrap();
    }

    /// How often somebody began to wait for its end.
    pub(crate) fn waits(&self) -> usize {
        self.waits.load(Ordering::Relaxed)
    }
}

/// Hands its task hosts to the test, or fails.
pub(crate) struct FakeLauncher {
    pub(crate) launched: mpsc::Sender<FakeTaskHost>,
    pub(crate) failure: Option<FailureCause>,
}

impl TaskHostLauncher for FakeLauncher {
    fn launch(
        &self,
        request: LaunchRequest,
    ) -> BoxFuture<'static, Result<Box<dyn LaunchedTaskHost>, FailureCause>> {
        let (launched, failure) = (self.launched.clone(), self.failure.clone());
        async move {
            if let Some(failure) = failure {
                return Err(failure);
            }
            let host = Launched {
                end: watch::Sender::new(None),
                killed: watch::Sender::new(false),
                waits: Arc::default(),
            };
            let Launched { end, killed, waits } = host.clone();
            let (messages, outgoing) = mpsc::channel(100);
            let channel = unix_channel(&request.socket).await.unwrap();
            let commands = task_host_client(channel).connect(ReceiverStream::new(outgoing)).await.unwrap();
            let fake = FakeTaskHost { messages, commands: commands.into_inner(), end, killed, waits };
            fake.tell(TaskHostMessage::Hello(TaskHostHello {
                protocol: flott_core::sdk::PROTOCOL_VERSION,
                token: request.token,
                pid: 1,
            }))
            .await;
            launched.send(fake).await.unwrap();
            Ok(Box::new(host) as Box<dyn LaunchedTaskHost>)
        }
        .boxed()
    }
}

#[derive(Clone)]
struct Launched {
    end: watch::Sender<Option<FailureCause>>,
    killed: watch::Sender<bool>,
    waits: Arc<AtomicUsize>,
}

impl LaunchedTaskHost for Launched {
    fn pid(&self) -> u32 {
        0
    }

    fn exited(&mut self) -> BoxFuture<'_, FailureCause> {
        self.waits.fetch_add(1, Ordering::Relaxed);
        let mut end = self.end.subscribe();
        async move { end.wait_for(Option::is_some).await.unwrap().clone().unwrap() }.boxed()
    }

    fn kill(&mut self) {
        self.killed.send_replace(true);
    }

    fn stderr_tail(&self) -> BoxFuture<'_, Option<String>> {
        async { Some("last words\n".to_owned()) }.boxed()
    }
}

pub(crate) const JOB: JobId = JobId::from_bytes([7; 16]);
pub(crate) const HOLDER: SlotHolder =
    SlotHolder { allocation_id: AllocationId::from_bytes([9; 16]), job_id: JOB };

pub(crate) fn spec() -> TaskHostSpec {
    TaskHostSpec {
        job_id: JOB,
        job_name: "job".to_owned(),
        artifact: "ab".repeat(32),
        arguments: Vec::new(),
        entry: None,
        config: JobConfig::default(),
        graph: Arc::new(JobGraph {
            name: "job".to_owned(),
            job_type: JobType::Streaming,
            runtime_mode: RuntimeMode::Streaming,
            parallelism: 1,
            vertices: vec![JobVertex {
                id: VertexId::of_operators(["source"]),
                name: "source".to_owned(),
                operators: Vec::new(),
                parallelism: 1,
                max_parallelism: 128,
                slot_sharing_group: "default".to_owned(),
                is_source: true,
            }],
            edges: Vec::new(),
            recovery: Default::default(),
        }),
        secret: [3; 32],
        slots: 1,
        checkpoint_dir: "file:///checkpoints".to_owned(),
    }
}

pub(crate) fn config(job_manager: SocketAddr, tmp_dir: &Path) -> TaskManagerConfig {
    let defaults = TaskManagerConfig::new(&Configuration::parse("", "config.yaml").unwrap().0);
    TaskManagerConfig {
        job_managers: vec![job_manager.to_string()],
        slots: 2,
        tmp_dir: tmp_dir.to_owned(),
        ..defaults
    }
}

/// A TaskManager that is registered at a JobManager.
pub(crate) struct Cluster {
    pub(crate) job_manager: FakeJobManager,
    pub(crate) task_manager: RunningTaskManager,
    pub(crate) launched: mpsc::Receiver<FakeTaskHost>,
    pub(crate) dir: tempfile::TempDir,
    storage: StorageSettings,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// With a launcher that fails so.
    pub(crate) async fn start_with(failure: Option<FailureCause>) -> Self {
        Self::start_configured(failure, |_| {}).await
    }

    /// With a launcher that fails so, and a TaskManager that `change` has configured.
    pub(crate) async fn start_configured(
        failure: Option<FailureCause>,
        change: impl FnOnce(&mut TaskManagerConfig),
    ) -> Self {
        let mut job_manager = FakeJobManager::start("127.0.0.1:0", 1).await;
        let dir = tempfile::tempdir().unwrap();
        let (sender, launched) = mpsc::channel(10);
        let launcher = Arc::new(FakeLauncher { launched: sender, failure });
        let mut config = config(job_manager.address, dir.path());
        change(&mut config);
        let storage = config.storage.clone();
        let task_manager = TaskManager::start(config, launcher).await.unwrap();
        let fence = job_manager.fence;
        job_manager.heartbeat(|heartbeat| heartbeat.sender.fence == fence).await;
        Self { job_manager, task_manager, launched, dir, storage }
    }

    /// Starts the job's task host, and brings it up.
    pub(crate) async fn task_host(&mut self) -> FakeTaskHost {
        self.job_manager.start_task_host(&self.task_manager).await;
        self.launched_task_host(AttemptNumber(0)).await
    }

    /// Brings up the task host that was started as this attempt.
    pub(crate) async fn launched_task_host(&mut self, attempt: AttemptNumber) -> FakeTaskHost {
        let mut host = timeout(PATIENCE, self.launched.recv()).await.unwrap().unwrap();
        let TaskHostCommand::Setup(setup) = host.command().await else { panic!("no setup") };
        assert_eq!(setup.spec, spec());
        assert_eq!(setup.storage_options, self.storage.0);
        host.tell(TaskHostMessage::Listening { data_port: 4321 }).await;
        let report = self.job_manager.report().await;
        assert_eq!(report, Report::HostReady { attempt, data_address: "127.0.0.1:4321".to_owned() });
        host
    }
}
