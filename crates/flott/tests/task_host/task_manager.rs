//! A TaskManager and JobMaster in one, as far as a task host can tell: deploys a whole job to task hosts in this process.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use flott::StreamExecutionEnvironment;
use flott_core::{
    AllocationId, AttemptNumber, FailureCause, HostId, JobGraph, JobId, SubtaskId, TaskManagerId,
    VertexIndex,
    deployment::{Placement, SplitAnswer, TaskDescriptor, TaskHostAddress, TaskHostSpec},
    metrics::{OperatorMetrics, TaskMetrics},
};
use flott_rpc::{
    SplitRequest, TaskHostCommand, TaskHostMessage, TaskHostSetup, pb,
    protocol::{TaskReport, TaskState},
    task_host_server,
};
use flott_runtime::task_host::{self, TaskManagerAddress};
use tokio::{net::UnixListener, sync::mpsc, time::timeout};
use tokio_stream::{
    Stream, StreamExt,
    wrappers::{ReceiverStream, UnixListenerStream},
};
use tonic::{Request, Response, Status, Streaming, transport::Server};

const LIMIT: Duration = Duration::from_secs(60);

/// How a subtask ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) state: TaskState,
    pub(crate) metrics: TaskMetrics,
    #[allow(dead_code, reason = "not all tests look at them")]
    pub(crate) operators: OperatorMetrics,
}

/// Runs the dataflow on `hosts` task hosts with a slot for each of `parallelism`/`hosts` subtasks.
pub(crate) async fn run(env: &StreamExecutionEnvironment, hosts: u32) -> Vec<Ended> {
    let program = Arc::new(env.job_program("test").expect("the dataflow is sound"));
    let graph = Arc::new(program.graph.clone());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (events, mut inbox) = mpsc::channel(1_000);
    let mut commands = Vec::new();
    for host in 0..hosts {
        let socket = directory.path().join(format!("{host}.sock"));
        commands.push(serve(host, socket.clone(), events.clone()).await);
        let program = program.clone();
        tokio::spawn(task_host::serve(program, TaskManagerAddress { socket, token: host.to_string() }));
    }
    let run = JobRun { graph, hosts, commands, splits: BTreeMap::new(), addresses: BTreeMap::new() };
    timeout(LIMIT, run.drive(&mut inbox)).await.expect("the job ends in time")
}

struct JobRun {
    graph: Arc<JobGraph>,
    hosts: u32,
    commands: Vec<mpsc::Sender<TaskHostCommand>>,
    splits: BTreeMap<VertexIndex, Splits>,
    addresses: BTreeMap<u32, TaskHostAddress>,
}

#[derive(Default)]
struct Splits {
    enumerating: bool,
    /// Reported and not handed out.
    known: VecDeque<Vec<u8>>,
    complete: bool,
    waiting: Vec<(u32, SplitRequest)>,
}

impl JobRun {
    async fn drive(mut self, inbox: &mut mpsc::Receiver<(u32, TaskHostMessage)>) -> Vec<Ended> {
        let mut ended = Vec::new();
        while let Some((host, message)) = inbox.recv().await {
            match message {
                TaskHostMessage::Hello(_) => self.command(host, self.setup()).await,
                TaskHostMessage::Listening { data_port } => {
                    let address = TaskHostAddress {
                        host: HostId(host),
                        task_manager_id: TaskManagerId::new(format!("tm-{host}")),
                        data_address: format!("127.0.0.1:{data_port}"),
                    };
                    self.addresses.insert(host, address);
                    if self.addresses.len() as u32 == self.hosts {
                        self.deploy().await;
                    }
                }
                TaskHostMessage::Refused(cause) => panic!("refused: {cause}"),
                TaskHostMessage::SplitRequest(request) => self.split(host, request).await,
                TaskHostMessage::SplitsReport(report) => {
                    let splits = self.splits.entry(report.subtask.vertex).or_default();
                    splits.known.extend(report.splits.result.unwrap_or_default());
                    splits.complete |= report.splits.complete;
                    for (host, request) in std::mem::take(&mut splits.waiting) {
                        self.split(host, request).await;
                    }
                }
                TaskHostMessage::Samples { .. }
                | TaskHostMessage::Metrics(_)
                | TaskHostMessage::Watermarks(_)
                | TaskHostMessage::Checkpoint(_)
                | TaskHostMessage::AwaitsCheckpoint { .. } => {}
                TaskHostMessage::TaskState(report) => {
                    if matches!(report.state, TaskState::Initializing | TaskState::Running) {
                        continue;
                    }
                    let failed = matches!(report.state, TaskState::Failed(_));
                    let TaskReport { state, metrics, operators, .. } = report;
                    ended.push(Ended { state, metrics, operators });
                    if failed {
                        self.cancel().await;
                    }
                    if ended.len() == self.graph.total_subtasks() {
                        for host in 0..self.hosts {
                            self.command(host, TaskHostCommand::Shutdown).await;
                        }
                        return ended;
                    }
                }
            }
        }
        panic!("all task hosts are gone");
    }

    async fn command(&self, host: u32, command: TaskHostCommand) {
        let _ = self.commands[host as usize].send(command).await;
    }

    fn setup(&self) -> TaskHostCommand {
        TaskHostCommand::Setup(Box::new(TaskHostSetup {
            spec: TaskHostSpec {
                job_id: JobId::from_bytes([7; 16]),
                job_name: "test".to_owned(),
                artifact: String::new(),
                arguments: Vec::new(),
                entry: None,
                config: Default::default(),
                graph: self.graph.clone(),
                secret: [3; 32],
                slots: self.graph.required_slots().div_ceil(self.hosts),
                checkpoint_dir: "file:///none".to_owned(),
            },
            bind_host: "127.0.0.1".to_owned(),
            bind_port: 0,
            storage_options: BTreeMap::new(),
        }))
    }

    fn all_tasks(&self) -> impl Iterator<Item = SubtaskId> + '_ {
        self.graph.vertices.iter().enumerate().flat_map(|(vertex, settings)| {
            (0..settings.parallelism).map(move |subtask| SubtaskId::new(vertex as u32, subtask))
        })
    }

    async fn deploy(&self) {
        let placement = Placement {
            hosts: self.addresses.values().cloned().collect(),
            vertices: self
                .graph
                .vertices
                .iter()
                .map(|vertex| {
                    (0..vertex.parallelism).map(|subtask| Some(HostId(subtask % self.hosts))).collect()
                })
                .collect(),
        };
        for host in 0..self.hosts {
            let own_host = HostId(host);
            let tasks = self
                .all_tasks()
                .filter(|task| placement.host_of(task.vertex, task.subtask) == Some(own_host))
                .map(|subtask| TaskDescriptor {
                    subtask,
                    attempt: AttemptNumber(0),
                    allocation_id: AllocationId::from_bytes([1; 16]),
                    restore: None,
                })
                .collect();
            let deploy = TaskHostCommand::Deploy { placement: placement.clone(), tasks, own_host };
            self.command(host, deploy).await;
        }
    }

    async fn cancel(&self) {
        let tasks: Vec<_> = self.all_tasks().map(|task| (task, AttemptNumber(0))).collect();
        for host in 0..self.hosts {
            let own = tasks.iter().filter(|(task, _)| task.subtask.0 % self.hosts == host).copied().collect();
            self.command(host, TaskHostCommand::Cancel { tasks: own }).await;
        }
    }

    async fn split(&mut self, host: u32, request: SplitRequest) {
        let splits = self.splits.entry(request.subtask.vertex).or_default();
        let answer = match splits.known.pop_front() {
            Some(split) => SplitAnswer::Split(split),
            None if splits.complete => SplitAnswer::NoMoreSplits,
            None if splits.enumerating => return splits.waiting.push((host, request)),
            None => {
                splits.enumerating = true;
                SplitAnswer::Enumerate { resume: None }
            }
        };
        self.command(host, TaskHostCommand::SplitResponse { request, answer }).await;
    }
}

/// The failure among the ends of subtasks.
pub(crate) fn failure(ended: &[Ended]) -> &FailureCause {
    ended
        .iter()
        .find_map(|ended| match &ended.state {
            TaskState::Failed(cause) => Some(cause),
            _ => None,
        })
        .expect("a subtask has failed")
}

struct Service {
    host: u32,
    events: mpsc::Sender<(u32, TaskHostMessage)>,
    commands: std::sync::Mutex<Option<mpsc::Receiver<TaskHostCommand>>>,
}

async fn serve(
    host: u32,
    socket: PathBuf,
    events: mpsc::Sender<(u32, TaskHostMessage)>,
) -> mpsc::Sender<TaskHostCommand> {
    let (sender, receiver) = mpsc::channel(1_000);
    let listener = UnixListener::bind(socket).expect("a free socket");
    let service = Service { host, events, commands: std::sync::Mutex::new(Some(receiver)) };
    tokio::spawn(
        Server::builder()
            .add_service(task_host_server(service))
            .serve_with_incoming(UnixListenerStream::new(listener)),
    );
    sender
}

#[tonic::async_trait]
impl pb::task_host_server::TaskHost for Service {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<pb::TaskHostCommand, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<pb::TaskHostMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let mut messages = request.into_inner();
        let (host, events) = (self.host, self.events.clone());
        tokio::spawn(async move {
            while let Ok(Some(message)) = messages.message().await {
                let message = TaskHostMessage::try_from(message).expect("task hosts speak the protocol");
                let _ = events.send((host, message)).await;
            }
        });
        let commands = self.commands.lock().unwrap().take().expect("a task host connects once");
        Ok(Response::new(Box::pin(ReceiverStream::new(commands).map(|command| Ok(command.into())))))
    }
}
