//! The life of one task host, from its launch until it is reaped.

mod messages;
mod orders;
mod samplings;
mod silence;

use std::{path::PathBuf, sync::Arc, time::Duration};

use flott_control::task_manager::{Event, HostCommand};
use flott_core::{
    AttemptNumber, FailureCause, FailureKind, TaskManagerId, deployment::TaskHostSpec, profile::TaskSampling,
};
use flott_rpc::{SplitsReport, TaskHostCommand, TaskHostSetup, pb};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    LaunchRequest, LaunchedTaskHost, TaskHostLauncher,
    alignment::{Watermarks, carry},
    splits::SplitClient,
};
use crate::{
    clock::{now, sleep_until_deadline},
    config::StorageSettings,
    profiles::SampledHost,
    task_host_service::{Connection, Introduction, Introductions},
    task_manager::Input,
    uplink::{LeaderChannel, Uplinks},
};

use samplings::Samplings;
use silence::Silence;

/// How long a task host may take from its launch until its data plane listens. It builds its graph in between, as it
/// did when it was planned.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a task host may live without its connection, or after it refused. It is to end by itself.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(5);

/// How long we read on what a task host has sent before it ended.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// Most reports of splits that the JobMaster has not acknowledged. A source that looks for splits again and again makes
/// one each time that it finds some; a JobManager that is away for so long that this many come is given up before.
const SPLIT_REPORTS: usize = 4096;

/// What the event loop tells a task host's task.
#[derive(Debug)]
pub(crate) enum HostOrder {
    /// Tell it something.
    Send(HostCommand),
    /// Ask it what its subtasks do.
    Sample {
        /// How to look.
        sampling: TaskSampling,
        /// Where it goes what was seen. Dropped if that can't be told.
        reply: oneshot::Sender<SampledHost>,
    },
    /// End it: ask it to, and kill it after `grace`.
    End {
        /// How long to wait before it is killed.
        grace: Duration,
    },
}

/// What all task hosts of a TaskManager share.
pub(crate) struct HostContext {
    pub(crate) task_manager_id: TaskManagerId,
    pub(crate) launcher: Arc<dyn TaskHostLauncher>,
    pub(crate) introductions: Introductions,
    pub(crate) socket: PathBuf,
    /// Where data planes listen.
    pub(crate) bind_host: String,
    pub(crate) data_port: u16,
    /// Host under which data planes are reached.
    pub(crate) data_host: String,
    /// How long a task host with subtasks to run may say nothing.
    pub(crate) silence_limit: Duration,
    /// What task hosts need to know of the storage of checkpoints.
    pub(crate) storage: StorageSettings,
    pub(crate) uplinks: Uplinks,
    pub(crate) inputs: mpsc::Sender<Input>,
}

/// One task host.
pub(crate) struct Host {
    context: Arc<HostContext>,
    attempt: AttemptNumber,
    spec: TaskHostSpec,
    orders: mpsc::Receiver<HostOrder>,
    connection: Option<Connection>,
    /// Calls to the JobMaster, which end with this.
    calls: JoinSet<()>,
    watermarks: Watermarks,
    split_reports: mpsc::Sender<SplitsReport>,
    samplings: Samplings,
    ready: bool,
    silence: Silence,
    /// What was asked of it.
    ending: Option<Ending>,
    /// When to kill it.
    kill_at: Option<Instant>,
}

/// Why a task host is to end; the first reason is the one that is told.
enum Ending {
    /// The JobManager, or the end of the TaskManager.
    Ordered,
    /// The task host told why it can't go on, or it misbehaved.
    Cause(FailureCause),
}

impl Host {
    /// A task host that is not yet begun.
    pub(crate) fn new(
        context: Arc<HostContext>,
        attempt: AttemptNumber,
        spec: TaskHostSpec,
        orders: mpsc::Receiver<HostOrder>,
    ) -> Self {
        let silence = Silence::new(context.silence_limit);
        let mut calls = JoinSet::new();
        let (split_reports, reports) = mpsc::channel(SPLIT_REPORTS);
        calls.spawn(split_client(&context, &spec).report_all(reports));
        Self {
            context,
            attempt,
            spec,
            orders,
            connection: None,
            calls,
            watermarks: Watermarks::default(),
            split_reports,
            samplings: Samplings::default(),
            ready: false,
            silence,
            ending: None,
            kill_at: None,
        }
    }

    /// Runs the task host to its end and reports that.
    pub(crate) async fn run(mut self) {
        let cause = self.live().await;
        let job_id = self.spec.job_id;
        tracing::info!(%job_id, host_attempt = %self.attempt, reason = %cause, "task host ended");
        self.tell(Event::HostExited { job_id, attempt: self.attempt, cause }).await;
    }

    async fn live(&mut self) -> FailureCause {
        let (expected, mut introduction) = self.context.introductions.expect();
        let launch = self.context.launcher.launch(LaunchRequest {
            spec: self.spec.clone(),
            attempt: self.attempt,
            socket: self.context.socket.clone(),
            token: expected.token.clone(),
            leader: LeaderChannel::new(self.context.uplinks.clone()),
        });
        let mut host = tokio::select! {
            launched = launch => match launched {
                Ok(host) => host,
                Err(cause) => return cause,
            },
            () = ended_early(&mut self.orders) => {
                return FailureCause::new(FailureKind::TaskHostExit, "the task host was ended before it had started");
            }
        };
        let (job_id, attempt, pid) = (self.spec.job_id, self.attempt, host.pid());
        tracing::info!(%job_id, host_attempt = %attempt, pid, "started task host");
        self.send(Input::HostStarted { job_id, attempt, pid }).await;

        let start_deadline = now() + START_TIMEOUT;
        let mut introduced = false;
        // Whether there is nobody to give orders any more.
        let mut abandoned = false;
        let exit = loop {
            tokio::select! {
                exit = host.exited() => break exit,
                introduction = &mut introduction, if !introduced => {
                    introduced = true;
                    self.introduced(introduction);
                }
                message = next_message(&mut self.connection) => {
                    match message {
                        Some(message) => {
                            self.silence.heard(now());
                            self.receive(message, &*host).await;
                        }
                        None => self.disconnected(),
                    }
                }
                order = self.orders.recv(), if !abandoned => {
                    abandoned = order.is_none();
                    self.obey(order.unwrap_or(HostOrder::End { grace: Duration::ZERO }));
                }
                Some(_) = self.calls.join_next() => {}
                () = sleep_until_deadline(Some(start_deadline)), if !self.ready && self.ending.is_none() => {
                    self.end_with(start_timed_out(), Duration::ZERO);
                }
                () = sleep_until_deadline(self.silence.deadline()), if self.ending.is_none() => {
                    if let Some(cause) = self.silence.check(now()) {
                        self.end_with(cause, Duration::ZERO);
                    }
                }
                () = sleep_until_deadline(self.kill_at) => {
                    host.kill();
                    self.kill_at = None;
                }
            }
        };
        self.drain(&*host).await;
        self.cause_of(exit)
    }

    /// Reads what was sent before the end.
    async fn drain(&mut self, host: &dyn LaunchedTaskHost) {
        let rest = async {
            while self.connection.is_some() {
                match next_message(&mut self.connection).await {
                    Some(message) => self.receive(message, host).await,
                    None => return,
                }
            }
        };
        // What does not come in time was never sent.
        let _ = timeout(DRAIN_TIMEOUT, rest).await;
    }

    fn cause_of(&mut self, exit: FailureCause) -> FailureCause {
        let stderr_tail = exit.stderr_tail.clone();
        let mut cause = match self.ending.take() {
            Some(Ending::Cause(cause)) => cause,
            Some(Ending::Ordered) => FailureCause::new(
                FailureKind::TaskHostExit,
                "the task host was ended on the JobManager's order",
            ),
            None => exit,
        };
        cause.stderr_tail = cause.stderr_tail.or(stderr_tail);
        cause
    }

    fn introduced(&mut self, introduction: Result<Introduction, oneshot::error::RecvError>) {
        match introduction {
            Ok(Ok(connection)) => {
                let reports = self.watermarks.subscribe();
                let commands = connection.commands.clone();
                self.calls.spawn(carry(self.context.clone(), self.spec.job_id, reports, commands));
                self.connection = Some(connection);
                let setup = TaskHostSetup {
                    spec: self.spec.clone(),
                    bind_host: self.context.bind_host.clone(),
                    bind_port: self.context.data_port,
                    storage_options: self.context.storage.0.clone(),
                };
                self.command(TaskHostCommand::Setup(Box::new(setup)));
                if self.ending.is_some() {
                    self.command(TaskHostCommand::Shutdown);
                }
            }
            Ok(Err(cause)) => self.end_with(cause, LAST_WORDS_TIMEOUT),
            // The server is going down, and we are with it.
            Err(_) => self.end_with(lost_connection(), Duration::ZERO),
        }
    }

    fn disconnected(&mut self) {
        self.connection = None;
        // The end of the process explains it better, and comes within moments.
        if self.kill_at.is_none() {
            self.kill_at = Some(now() + LAST_WORDS_TIMEOUT);
        }
    }

    fn end_with(&mut self, cause: FailureCause, grace: Duration) {
        self.ending.get_or_insert(Ending::Cause(cause));
        self.kill_within(grace);
    }

    /// Of several times at which to kill it the earliest counts.
    fn kill_within(&mut self, grace: Duration) {
        let deadline = now() + grace;
        self.kill_at = Some(self.kill_at.map_or(deadline, |earlier| earlier.min(deadline)));
    }

    async fn tell(&self, event: Event) {
        self.send(Input::Event(event)).await;
    }

    async fn send(&self, input: Input) {
        // Without its event loop the TaskManager is going down, and this task with it.
        let _ = self.context.inputs.send(input).await;
    }
}

fn split_client(context: &HostContext, spec: &TaskHostSpec) -> SplitClient {
    SplitClient {
        task_manager_id: context.task_manager_id.clone(),
        job_id: spec.job_id,
        uplinks: context.uplinks.clone(),
        inputs: context.inputs.clone(),
    }
}

/// Waits until the task host is to end. What else is ordered can't be done before it has started.
async fn ended_early(orders: &mut mpsc::Receiver<HostOrder>) {
    loop {
        match orders.recv().await {
            Some(HostOrder::End { .. }) | None => return,
            Some(HostOrder::Send(command)) => {
                tracing::error!(?command, "a command for a task host that has not started");
            }
            Some(HostOrder::Sample { .. }) => {}
        }
    }
}

/// The next message; never if there is no connection, `None` at its end.
async fn next_message(connection: &mut Option<Connection>) -> Option<pb::TaskHostMessage> {
    match connection {
        Some(connection) => connection.messages.message().await.ok().flatten(),
        None => std::future::pending().await,
    }
}

fn start_timed_out() -> FailureCause {
    let message = format!("the program did not come up as task host within {} s", START_TIMEOUT.as_secs());
    FailureCause::new(FailureKind::TaskHostStart, message)
}

fn lost_connection() -> FailureCause {
    FailureCause::new(FailureKind::ConnectionLost, "the task host lost its TaskManager")
}
