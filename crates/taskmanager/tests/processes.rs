//! A whole TaskManager with task hosts that are processes, which are killed and stopped.
#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "support/fakes.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;

use std::{
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use flott_control::protocol::{Order, Report, SubtaskMetrics, TaskReport, TaskState};
use flott_core::{
    AttemptNumber, FailureCause, FailureKind, HostId, SubtaskId,
    deployment::{Placement, TaskDescriptor, TaskHostAddress},
    metrics::{OperatorMetrics, TaskMetrics},
};
use flott_rpc::{TaskHostCommand, TaskHostHello, TaskHostMessage, task_host_client, unix_channel};
use flott_taskmanager::{
    LaunchRequest, LaunchedTaskHost, RunningTaskManager, TaskHostLauncher, TaskManager, exit_cause,
};
use futures::{FutureExt, future::BoxFuture};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{FakeJobManager, HOLDER, JOB, config, spec};
use tokio::{process::Child, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;

const SOCKET: &str = "FLOTT_TEST_SOCKET";
const TOKEN: &str = "FLOTT_TEST_TOKEN";
const SUBTASK: SubtaskId = SubtaskId::new(0, 0);

/// Runs this test program as task host.
struct Launcher;

impl TaskHostLauncher for Launcher {
    fn launch(
        &self,
        request: LaunchRequest,
    ) -> BoxFuture<'static, Result<Box<dyn LaunchedTaskHost>, FailureCause>> {
        async move {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command
                .args(["--ignored", "--exact", "task_host"])
                .env(SOCKET, request.socket)
                .env(TOKEN, request.token)
                .stdout(Stdio::null());
            let mut command = tokio::process::Command::from(command);
            Ok(Box::new(Process(command.kill_on_drop(true).spawn().unwrap())) as Box<dyn LaunchedTaskHost>)
        }
        .boxed()
    }
}

struct Process(Child);

impl LaunchedTaskHost for Process {
    fn pid(&self) -> u32 {
        self.0.id().unwrap()
    }

    fn exited(&mut self) -> BoxFuture<'_, FailureCause> {
        async {
            let status = self.0.wait().await.unwrap();
            assert!(status.signal().is_some(), "{status}");
            exit_cause(status, false, None)
        }
        .boxed()
    }

    fn kill(&mut self) {
        self.0.start_kill().unwrap();
    }
}

/// Not a test of its own: the task host of the others. It runs whatever it is told to, and says so all the time.
#[tokio::test]
#[ignore = "started by other tests"]
async fn task_host() {
    let Some(socket) = std::env::var_os(SOCKET) else { panic!("{SOCKET} is not set") };
    let token = std::env::var(TOKEN).unwrap();
    let (messages, outgoing) = mpsc::channel(100);
    let mut client = task_host_client(unix_channel(Path::new(&socket)).await.unwrap());
    let mut commands = client.connect(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
    let tell = async |message: TaskHostMessage| messages.send(message.into()).await.unwrap();
    let protocol = flott_core::sdk::PROTOCOL_VERSION;
    tell(TaskHostMessage::Hello(TaskHostHello { protocol, token, pid: std::process::id() })).await;
    tell(TaskHostMessage::Listening { data_port: 4321 }).await;
    let mut running = Vec::new();
    let mut alive = tokio::time::interval(Duration::from_millis(20));
    loop {
        let command = tokio::select! {
            command = commands.message() => command.unwrap().unwrap(),
            _ = alive.tick() => {
                tell(TaskHostMessage::Metrics(running.clone())).await;
                continue;
            }
        };
        match TaskHostCommand::try_from(command).unwrap() {
            TaskHostCommand::Deploy { tasks, .. } => {
                for TaskDescriptor { subtask, attempt, .. } in tasks {
                    tell(TaskHostMessage::TaskState(running_report(attempt))).await;
                    running.push(SubtaskMetrics {
                        subtask,
                        attempt,
                        metrics: TaskMetrics::default(),
                        operators: OperatorMetrics::default(),
                    });
                }
            }
            TaskHostCommand::Shutdown => return,
            _ => {}
        }
    }
}

fn running_report(attempt: AttemptNumber) -> TaskReport {
    TaskReport::without_metrics(SUBTASK, attempt, TaskState::Running)
}

struct Bench {
    job_manager: FakeJobManager,
    task_manager: RunningTaskManager,
    _dir: tempfile::TempDir,
}

impl Bench {
    async fn start(silence_limit: Duration) -> Self {
        let mut job_manager = FakeJobManager::start("127.0.0.1:0", 1).await;
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(job_manager.address, dir.path());
        config.heartbeat_timeout = silence_limit;
        let task_manager = TaskManager::start(config, Arc::new(Launcher)).await.unwrap();
        let fence = job_manager.fence;
        job_manager.heartbeat(|heartbeat| heartbeat.sender.fence == fence).await;
        let slot = Order::RequestSlot { slot: flott_core::SlotIndex(0), holder: HOLDER };
        job_manager.accepted(&task_manager, slot).await;
        Self { job_manager, task_manager, _dir: dir }
    }

    /// Starts the job's task host and runs a subtask in it. Returns its process.
    async fn run(&mut self, attempt: AttemptNumber) -> Pid {
        let allocations = vec![HOLDER.allocation_id];
        let start = Order::StartTaskHost { attempt, allocations, spec: spec() };
        self.job_manager.accepted(&self.task_manager, start).await;
        let ready = self.job_manager.report().await;
        assert_eq!(ready, Report::HostReady { attempt, data_address: "127.0.0.1:4321".to_owned() });
        let own = TaskHostAddress {
            host: HostId(attempt.0),
            task_manager_id: self.task_manager.id().clone(),
            data_address: "127.0.0.1:4321".to_owned(),
        };
        let task =
            TaskDescriptor { subtask: SUBTASK, attempt, allocation_id: HOLDER.allocation_id, restore: None };
        let deploy = Order::DeployTasks {
            job_id: JOB,
            placement: Placement { vertices: vec![vec![Some(own.host)]], hosts: vec![own] },
            tasks: vec![task],
        };
        self.job_manager.accepted(&self.task_manager, deploy).await;
        assert_eq!(self.job_manager.report().await, Report::Task(running_report(attempt)));
        let heartbeat = self
            .job_manager
            .heartbeat(|heartbeat| {
                heartbeat.task_hosts.iter().any(|host| host.subtasks.iter().any(|it| it.attempt == attempt))
            })
            .await;
        Pid::from_raw(i32::try_from(heartbeat.task_hosts[0].pid).unwrap())
    }

    async fn end(&mut self) -> (AttemptNumber, FailureCause) {
        match self.job_manager.report().await {
            Report::HostEnded { attempt, cause } => (attempt, cause),
            report => panic!("{report:?}"),
        }
    }
}

#[tokio::test]
async fn killed_task_hosts_are_noticed_at_once_and_started_again() {
    // With so long a timeout nothing but the end of the process itself can tell.
    let mut bench = Bench::start(Duration::from_secs(600)).await;
    for attempt in (0..3).map(AttemptNumber) {
        let pid = bench.run(attempt).await;
        kill(pid, Signal::SIGKILL).unwrap();
        let (ended, cause) = bench.end().await;
        assert_eq!((ended, cause.kind), (attempt, FailureKind::TaskHostSignal));
        assert_eq!(cause.message, "the task host was killed by signal 9 (SIGKILL)");
    }
}

#[tokio::test]
async fn a_stopped_task_host_is_killed_and_can_be_started_again() {
    let limit = Duration::from_millis(700);
    let mut bench = Bench::start(limit).await;
    let pid = bench.run(AttemptNumber(0)).await;
    kill(pid, Signal::SIGSTOP).unwrap();
    let (attempt, cause) = bench.end().await;
    assert_eq!((attempt, cause.kind), (AttemptNumber(0), FailureKind::TaskHostSignal));
    assert!(cause.message.contains("did not answer for 0.7 s"), "{cause}");
    assert_eq!(kill(pid, None), Err(nix::errno::Errno::ESRCH), "it is gone, not only stopped");
    bench.run(AttemptNumber(1)).await;
}
