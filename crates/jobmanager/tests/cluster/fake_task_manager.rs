//! A TaskManager that takes every order and reports what a test wants.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use flott_control::protocol::{
    AlignedWatermark, CheckpointOutcome, CheckpointReport, Fence, GroupWatermark, Hardware, LocalHost,
    LocalHostState, LocalJobReport, LocalTask, Order, OrderAnswer, RegistrationAnswer, RegistrationRequest,
    Report, ReportAnswer, SlotReport, SplitLog, SubtaskMetrics, TaskManagerInfo, TaskReport, TaskState,
};
use flott_core::{
    AttemptNumber, JobId, SubtaskId, TaskManagerId,
    checkpoint::{Barrier, Blob, CheckpointStats, OperatorSubtaskState, SourceProgress, SubtaskSnapshot},
    deployment::{SplitAnswer, TaskDescriptor},
    metrics::{MetricValue, OperatorMetric, OperatorMetrics, TaskMetrics},
    time::Timestamp,
};
use flott_rpc::{
    AlignWatermarks, FencedOrder, Heartbeat, JobReports, ProcessMetrics, Sender, TaskHostMetrics,
    pb::{self, task_manager_server::TaskManager},
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Channel};

use crate::support::PATIENCE;

/// Ends with its value: its heartbeat stream breaks.
pub(crate) struct FakeTaskManager {
    pub(crate) id: TaskManagerId,
    pub(crate) fence: Fence,
    rpc_address: String,
    channel: Channel,
    slots: Arc<Mutex<SlotReport>>,
    samplings: Arc<AtomicU32>,
    orders: mpsc::Receiver<FencedOrder>,
    heartbeats: mpsc::Sender<pb::HeartbeatRequest>,
    answers: Streaming<pb::HeartbeatResponse>,
    sequence: u64,
    generation: u64,
}

impl FakeTaskManager {
    /// Starts one, registers it and lets it send its first heartbeat.
    pub(crate) async fn start(job_manager: SocketAddr, name: &str, slots: u32) -> Self {
        let (sender, orders) = mpsc::channel(1024);
        let report = SlotReport { version: 1, slots: vec![None; slots as usize] };
        let slots = Arc::new(Mutex::new(report));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rpc_address = listener.local_addr().unwrap().to_string();
        let samplings = Arc::<AtomicU32>::default();
        let service = Service { orders: sender, slots: slots.clone(), samplings: samplings.clone() };
        let server = flott_rpc::server_builder().add_service(flott_rpc::task_manager_server(service));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));

        let channel = flott_rpc::tcp_channel(&job_manager.to_string()).unwrap();
        let id = TaskManagerId::new(name);
        let report = slots.lock().unwrap().clone();
        let answer = register(&channel, registration(&id, 1, &rpc_address, report)).await;
        let RegistrationAnswer::Registered { fence, .. } = answer else { panic!("refused: {answer:?}") };
        let (heartbeats, stream) = mpsc::channel(16);
        let mut this = Self {
            answers: open_heartbeats(&channel, stream, heartbeat(&id, fence, &slots, Vec::new())).await,
            id,
            fence,
            rpc_address,
            channel,
            slots,
            samplings,
            orders,
            heartbeats,
            sequence: 0,
            generation: 1,
        };
        assert!(this.heartbeat_answer().await.expect("the stream is open"));
        this
    }

    /// How often it was asked what subtasks do.
    pub(crate) fn samplings(&self) -> u32 {
        self.samplings.load(Ordering::Relaxed)
    }

    /// Registers again, as after a broken connection that the JobManager has not noticed.
    pub(crate) async fn register_again(&mut self) {
        self.register_with_jobs(Vec::new()).await;
    }

    /// Registers at another JobManager, with what it has of its jobs.
    pub(crate) async fn move_to(&mut self, job_manager: SocketAddr, jobs: Vec<LocalJobReport>) {
        self.channel = flott_rpc::tcp_channel(&job_manager.to_string()).unwrap();
        // What the old one has ordered is not of interest any more.
        while self.orders.try_recv().is_ok() {}
        self.register_with_jobs(jobs).await;
    }

    async fn register_with_jobs(&mut self, jobs: Vec<LocalJobReport>) {
        self.generation += 1;
        let report = self.slots.lock().unwrap().clone();
        let request = RegistrationRequest {
            jobs,
            ..registration(&self.id, self.generation, &self.rpc_address, report)
        };
        let answer = register(&self.channel, request).await;
        let RegistrationAnswer::Registered { fence, .. } = answer else { panic!("refused: {answer:?}") };
        assert_ne!(fence, self.fence);
        self.fence = fence;
        let (heartbeats, stream) = mpsc::channel(16);
        let first = heartbeat(&self.id, fence, &self.slots, Vec::new());
        let old = std::mem::replace(&mut self.answers, open_heartbeats(&self.channel, stream, first).await);
        self.heartbeats = heartbeats;
        assert_eq!(self.heartbeat_answer().await, Some(true));
        drop(old);
    }

    /// What it has of a job whose tasks run here, all in one slot.
    pub(crate) fn local_job(&self, job_id: JobId, tasks: &[TaskDescriptor]) -> LocalJobReport {
        let task = |task: &TaskDescriptor| LocalTask {
            subtask: task.subtask,
            attempt: task.attempt,
            allocation_id: task.allocation_id,
            restored: None,
            state: Some(TaskState::Running),
            awaits_checkpoint: false,
            is_canceling: false,
            drained: None,
        };
        let sources = tasks.iter().filter(|task| task.subtask.vertex.0 == 0).map(|task| SplitLog {
            subtask: task.subtask,
            attempt: task.attempt,
            answers: Vec::new(),
            reports: Vec::new(),
            marks: Vec::new(),
            is_cut: false,
        });
        let state = LocalHostState::Ready { data_address: "127.0.0.1:4000".to_owned() };
        LocalJobReport {
            job_id,
            host: Some(LocalHost { attempt: AttemptNumber(0), state }),
            tasks: tasks.iter().map(task).collect(),
            splits: sources.collect(),
            last_checkpoint: None,
            next_sequence: self.sequence + 1,
        }
    }

    /// The next order of the leader.
    pub(crate) async fn next_order(&mut self) -> Order {
        let order = tokio::time::timeout(PATIENCE, self.orders.recv()).await.expect("an order comes");
        let FencedOrder { fence, order } = order.unwrap();
        assert_eq!(fence, self.fence);
        order
    }

    /// The next order that is not about slots.
    pub(crate) async fn next_job_order(&mut self) -> Order {
        loop {
            match self.next_order().await {
                Order::RequestSlot { .. } | Order::FreeSlot { .. } => {}
                order => return order,
            }
        }
    }

    /// Starts the job's task host and its tasks when ordered to. Returns the tasks.
    pub(crate) async fn run_tasks(&mut self, job_id: JobId) -> Vec<(SubtaskId, AttemptNumber)> {
        let tasks = self.run_descriptors(job_id).await;
        tasks.into_iter().map(|task| (task.subtask, task.attempt)).collect()
    }

    /// The same, with all that is told of the tasks.
    pub(crate) async fn run_descriptors(&mut self, job_id: JobId) -> Vec<TaskDescriptor> {
        let Order::StartTaskHost { attempt, spec, .. } = self.next_job_order().await else {
            panic!("a task host is started first")
        };
        assert_eq!(spec.job_id, job_id);
        let data_address = "127.0.0.1:4000".to_owned();
        self.report(job_id, Report::HostReady { attempt, data_address }).await;
        let Order::DeployTasks { tasks, .. } = self.next_job_order().await else {
            panic!("tasks are deployed next")
        };
        let ids: Vec<_> = tasks.iter().map(|task| (task.subtask, task.attempt)).collect();
        self.report_tasks(job_id, &ids, &TaskState::Initializing).await;
        self.report_tasks(job_id, &ids, &TaskState::Running).await;
        tasks
    }

    /// Does these subtasks' part of a checkpoint, with this state each.
    pub(crate) async fn acknowledge(
        &mut self,
        job_id: JobId,
        barrier: &Barrier,
        tasks: &[(SubtaskId, AttemptNumber)],
        state: &[u8],
    ) {
        for (subtask, attempt) in tasks.iter().copied() {
            let operator = OperatorSubtaskState {
                uid: if subtask.vertex.0 == 0 { "source" } else { "sink" }.to_owned(),
                manifest: Blob::Inline(state.to_vec()),
                files: Vec::new(),
                has_union: false,
                state_size: state.len() as u64,
            };
            let snapshot = SubtaskSnapshot {
                operators: vec![operator],
                source: (subtask.vertex.0 == 0).then(SourceProgress::default),
                ..SubtaskSnapshot::default()
            };
            let stats = CheckpointStats { written: state.len() as u64, ..CheckpointStats::default() };
            let outcome = CheckpointOutcome::Acknowledged { snapshot: Box::new(snapshot), stats };
            let report = CheckpointReport { subtask, attempt, checkpoint_id: barrier.id, outcome };
            self.report(job_id, Report::Checkpoint(report)).await;
        }
    }

    /// Reports the same state of several subtasks.
    pub(crate) async fn report_tasks(
        &mut self,
        job_id: JobId,
        tasks: &[(SubtaskId, AttemptNumber)],
        state: &TaskState,
    ) {
        for (subtask, attempt) in tasks.iter().copied() {
            let metrics = TaskMetrics { records_in: 10, ..TaskMetrics::default() };
            let report = TaskReport { subtask, attempt, state: state.clone(), metrics, operators: late(9) };
            self.report(job_id, Report::Task(report)).await;
        }
    }

    /// Reports something that the JobMaster must take.
    pub(crate) async fn report(&mut self, job_id: JobId, report: Report) {
        assert_eq!(self.try_report(job_id, report).await, ReportAnswer::Acknowledged);
    }

    /// Reports something.
    pub(crate) async fn try_report(&mut self, job_id: JobId, report: Report) -> ReportAnswer {
        self.sequence += 1;
        let reports = JobReports { sender: self.sender(), job_id, reports: vec![(self.sequence, report)] };
        flott_rpc::send_reports(self.channel.clone(), reports, PATIENCE).await.unwrap()
    }

    /// Asks for a split.
    pub(crate) async fn request_split(
        &self,
        job_id: JobId,
        task: (SubtaskId, AttemptNumber),
        request_id: u64,
    ) -> Result<SplitAnswer, Status> {
        let request = pb::RequestSplitRequest {
            sender: Some(self.sender().into()),
            job_id: job_id.as_bytes().to_vec(),
            subtask: Some(task.into()),
            request_id,
        };
        let answer = flott_rpc::job_master_client(self.channel.clone()).request_split(request).await?;
        Ok(answer.into_inner().answer.unwrap().try_into().unwrap())
    }

    /// Tells a source's splits.
    pub(crate) async fn report_splits(
        &self,
        job_id: JobId,
        task: (SubtaskId, AttemptNumber),
        splits: &[&str],
    ) {
        let splits = splits.iter().map(|split| split.as_bytes().to_vec()).collect();
        let request = pb::ReportSplitsRequest {
            sender: Some(self.sender().into()),
            job_id: job_id.as_bytes().to_vec(),
            subtask: Some(task.into()),
            splits: Some(pb::EnumeratedSplits { splits, error: None, report_id: 1, complete: true }),
        };
        flott_rpc::job_master_client(self.channel.clone()).report_splits(request).await.unwrap();
    }

    /// Tells where an aligned source is, and returns where its group is, in milliseconds.
    pub(crate) async fn align(
        &self,
        job_id: JobId,
        (subtask, attempt): (SubtaskId, AttemptNumber),
        watermark_ms: Option<i64>,
    ) -> Option<i64> {
        let watermark = watermark_ms.map(Timestamp::from_millis);
        let report = AlignedWatermark { subtask, attempt, group: "clicks".into(), watermark };
        let request = AlignWatermarks { sender: self.sender(), job_id, watermarks: vec![report] };
        let request = pb::AlignWatermarksRequest::from(request);
        let response = flott_rpc::job_master_client(self.channel.clone()).align_watermarks(request).await;
        let groups: Vec<GroupWatermark> = response.unwrap().into_inner().try_into().unwrap();
        assert_eq!((groups.len(), &*groups[0].group), (1, "clicks"));
        groups[0].watermark.map(Timestamp::as_millis)
    }

    /// Sends a heartbeat with metrics of a job's subtasks and waits until it is answered.
    pub(crate) async fn send_metrics(
        &mut self,
        job_id: JobId,
        tasks: &[(SubtaskId, AttemptNumber)],
        metrics: TaskMetrics,
    ) {
        let subtasks = tasks.iter().map(|(subtask, attempt)| SubtaskMetrics {
            subtask: *subtask,
            attempt: *attempt,
            metrics,
            operators: late(4),
        });
        let host = TaskHostMetrics {
            job_id,
            pid: 77,
            process: ProcessMetrics::default(),
            subtasks: subtasks.collect(),
        };
        let heartbeat = heartbeat(&self.id, self.fence, &self.slots, vec![host]);
        self.heartbeats.send(heartbeat.into()).await.unwrap();
        assert_eq!(self.heartbeat_answer().await, Some(true));
    }

    /// Whether the next heartbeat was that of a valid registration; `None` if the stream has ended.
    pub(crate) async fn heartbeat_answer(&mut self) -> Option<bool> {
        let answer = tokio::time::timeout(PATIENCE, self.answers.message()).await.expect("an answer comes");
        answer.ok().flatten().map(|answer| answer.known)
    }

    /// Sends a heartbeat of a registration that is not its own. Returns its answer and whether the stream ended then.
    pub(crate) async fn heartbeat_of_stranger(&self) -> (Option<bool>, bool) {
        let fence = Fence { registration_id: flott_core::RegistrationId::from_bytes([9; 16]), ..self.fence };
        let (_heartbeats, stream) = mpsc::channel(1);
        let first = heartbeat(&self.id, fence, &self.slots, Vec::new());
        let mut answers = open_heartbeats(&self.channel, stream, first).await;
        let mut next = async || {
            let answer = tokio::time::timeout(PATIENCE, answers.message()).await.expect("an answer comes");
            answer.ok().flatten().map(|answer| answer.known)
        };
        (next().await, next().await.is_none())
    }

    fn sender(&self) -> Sender {
        Sender { task_manager_id: self.id.clone(), fence: self.fence }
    }
}

/// A wish to join.
pub(crate) fn registration(
    id: &TaskManagerId,
    generation: u64,
    rpc_address: &str,
    slots: SlotReport,
) -> RegistrationRequest {
    RegistrationRequest {
        task_manager_id: id.clone(),
        generation,
        info: TaskManagerInfo {
            rpc_address: rpc_address.to_owned(),
            data_host: "127.0.0.1".to_owned(),
            slots: slots.slots.len() as u32,
            hardware: Hardware { cpu_cores: 2, physical_memory: 1 << 30, ..Hardware::default() },
        },
        slots,
        jobs: Vec::new(),
    }
}

/// Asks to join.
pub(crate) async fn register(channel: &Channel, request: RegistrationRequest) -> RegistrationAnswer {
    let request = pb::RegisterRequest::from(request);
    let response = flott_rpc::resource_manager_client(channel.clone()).register(request).await.unwrap();
    response.into_inner().try_into().unwrap()
}

async fn open_heartbeats(
    channel: &Channel,
    stream: mpsc::Receiver<pb::HeartbeatRequest>,
    first: Heartbeat,
) -> Streaming<pb::HeartbeatResponse> {
    use tokio_stream::StreamExt;
    let requests = tokio_stream::once(first.into()).chain(ReceiverStream::new(stream));
    flott_rpc::resource_manager_client(channel.clone()).heartbeat(requests).await.unwrap().into_inner()
}

fn heartbeat(
    id: &TaskManagerId,
    fence: Fence,
    slots: &Mutex<SlotReport>,
    task_hosts: Vec<TaskHostMetrics>,
) -> Heartbeat {
    Heartbeat {
        sender: Sender { task_manager_id: id.clone(), fence },
        slots: slots.lock().unwrap().clone(),
        task_hosts,
        process: ProcessMetrics { resident_bytes: 4096, ..ProcessMetrics::default() },
    }
}

struct Service {
    orders: mpsc::Sender<FencedOrder>,
    slots: Arc<Mutex<SlotReport>>,
    samplings: Arc<AtomicU32>,
}

impl Service {
    async fn take(&self, order: FencedOrder) -> Result<Option<pb::OrderAnswer>, Status> {
        let slots = {
            let mut report = self.slots.lock().unwrap();
            match &order.order {
                Order::RequestSlot { slot, holder } => report.slots[slot.0 as usize] = Some(*holder),
                Order::FreeSlot { holder } => {
                    for slot in &mut report.slots {
                        slot.take_if(|held| held == holder);
                    }
                }
                _ => {}
            }
            report.version += 1;
            report.clone()
        };
        self.orders.send(order).await.map_err(|_| Status::unavailable("the test is over"))?;
        flott_rpc::order_answer_response(OrderAnswer::Accepted { slots }).map(Some)
    }
}

/// Declares the methods that take an order.
macro_rules! orders {
    ($($method:ident($request:ident) -> $response:ident;)+) => {
        #[tonic::async_trait]
        impl TaskManager for Service {
            $(
                async fn $method(
                    &self,
                    request: Request<pb::$request>,
                ) -> Result<Response<pb::$response>, Status> {
                    let answer = self.take(FencedOrder::try_from(request.into_inner())?).await?;
                    Ok(Response::new(pb::$response { answer }))
                }
            )+

            async fn list_logs(
                &self,
                _request: Request<pb::ListLogsRequest>,
            ) -> Result<Response<pb::ListLogsResponse>, Status> {
                let file = pb::LogFile { name: "fake.log".to_owned(), size: 5, modified_unix_ms: 1 };
                Ok(Response::new(pb::ListLogsResponse { files: vec![file] }))
            }

            type ReadLogStream = tokio_stream::Iter<std::vec::IntoIter<Result<pb::ReadLogResponse, Status>>>;

            async fn read_log(
                &self,
                request: Request<pb::ReadLogRequest>,
            ) -> Result<Response<Self::ReadLogStream>, Status> {
                let flott_rpc::ReadLog { file, offset, limit } = request.into_inner().try_into()?;
                if file != flott_rpc::LogSelector::Log {
                    return Err(Status::not_found("no such file"));
                }
                let text = b"hello".iter().skip(offset as usize).take(limit.unwrap_or(100) as usize);
                let pieces: Vec<_> = text.map(|byte| Ok(pb::ReadLogResponse { data: vec![*byte].into() })).collect();
                Ok(Response::new(tokio_stream::iter(pieces)))
            }

            async fn search_log(
                &self,
                request: Request<pb::SearchLogRequest>,
            ) -> Result<Response<pb::SearchLogResponse>, Status> {
                let request = request.into_inner();
                let text = format!("about {} {} at {}", request.about, request.search, request.level);
                let line = pb::LogLine { time_unix_ms: 7, level: "INFO".to_owned(), text };
                Ok(Response::new(pb::SearchLogResponse { lines: vec![line], truncated: false }))
            }

            async fn get_log_filter(
                &self,
                _request: Request<pb::GetLogFilterRequest>,
            ) -> Result<Response<pb::GetLogFilterResponse>, Status> {
                Err(Status::not_found("another one logs"))
            }

            async fn set_log_filter(
                &self,
                request: Request<pb::SetLogFilterRequest>,
            ) -> Result<Response<pb::SetLogFilterResponse>, Status> {
                Err(Status::invalid_argument(format!("{} is no filter", request.into_inner().filter)))
            }

            async fn dump_threads(
                &self,
                _request: Request<pb::DumpThreadsRequest>,
            ) -> Result<Response<pb::DumpThreadsResponse>, Status> {
                let thread = pb::ThreadInfo { name: "fake".to_owned(), id: 3, ..Default::default() };
                Ok(Response::new(pb::DumpThreadsResponse { threads: vec![thread] }))
            }

            async fn sample_tasks(
                &self,
                request: Request<pb::SampleTasksRequest>,
            ) -> Result<Response<pb::SampleTasksResponse>, Status> {
                let request = flott_rpc::SampleTasks::try_from(request.into_inner())?;
                self.samplings.fetch_add(1, Ordering::Relaxed);
                let vertex = request.sampling.vertices.first().map_or(0, |vertex| vertex.0);
                let stack = pb::SampledStack {
                    vertex,
                    subtask: 0,
                    activity: pb::TaskActivity::OnCpu.into(),
                    frames: vec![0],
                    count: request.sampling.samples,
                };
                let samples = pb::JobSamples {
                    job_id: request.job_id.map_or(vec![0; 16], |job_id| job_id.as_bytes().to_vec()),
                    functions: vec!["busy".to_owned()],
                    stacks: vec![stack],
                    problem: String::new(),
                };
                Ok(Response::new(pb::SampleTasksResponse { jobs: vec![samples] }))
            }
        }
    };
}

orders! {
    request_slot(RequestSlotRequest) -> RequestSlotResponse;
    free_slot(FreeSlotRequest) -> FreeSlotResponse;
    start_task_host(StartTaskHostRequest) -> StartTaskHostResponse;
    deploy_tasks(DeployTasksRequest) -> DeployTasksResponse;
    cancel_tasks(CancelTasksRequest) -> CancelTasksResponse;
    trigger_checkpoint(TriggerCheckpointRequest) -> TriggerCheckpointResponse;
    notify_checkpoint(NotifyCheckpointRequest) -> NotifyCheckpointResponse;
    kill_task_host(KillTaskHostRequest) -> KillTaskHostResponse;
    release_task_host(ReleaseTaskHostRequest) -> ReleaseTaskHostResponse;
}

/// Late records that an operator has dropped.
pub(crate) fn late(count: i64) -> OperatorMetrics {
    let (operator, name) = ("window".into(), "numLateRecordsDropped".into());
    [OperatorMetric { operator, name, value: MetricValue::Integer(count) }].into()
}
