//! The task host: the process of one job on one TaskManager.
//!
//! ```text
//! Introduced → SetUp → Serving → Shutdown      (all is done: exit code 0)
//!                ↓         ↓
//!             Refused    Orphaned              (the TaskManager is gone: exit at once)
//! ```
//! It has one conversation, with its TaskManager over a Unix socket, and ends when that ends: so no task host outlives
//! its TaskManager.

mod alignment;
mod connection;
mod splits;
mod tasks;
#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use flott_core::{FailureCause, FailureKind, sdk};
use flott_exchange::DataPlane;
use flott_rpc::{TaskHostCommand, TaskHostHello, TaskHostMessage, TaskHostSetup};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{JobProgram, checkpoint::CheckpointStorage, counters::now, sampling::SlotThreads};
use connection::Connection;
use tasks::Tasks;

/// Exit code of a task host whose TaskManager is gone.
pub const EXIT_ORPHANED: i32 = 71;
/// Exit code of a task host that has told its TaskManager why it can't run the job.
pub const EXIT_REFUSED: i32 = 72;

/// No longer than the kernel keeps.
const PROCESS_NAME: &str = "flott-task-host";

/// How often something is reported while subtasks run: their metrics, if these are due, else that this process lives.
const PULSE_INTERVAL: Duration = Duration::from_millis(500);

/// Why a task host can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was not started by a TaskManager.
    #[error("environment variable {0} is not set: a task host is started by a TaskManager only")]
    NoEnvironment(&'static str),
    /// A runtime could not be made.
    #[error("cannot start threads: {0}")]
    Threads(#[from] std::io::Error),
    /// The TaskManager can't be reached or is gone.
    #[error("lost the connection to the TaskManager: {0}")]
    Orphaned(String),
    /// The TaskManager was told why the job can't be run.
    #[error("{0}")]
    Refused(FailureCause),
}

/// Where a task host finds its TaskManager.
#[derive(Clone, Debug)]
pub struct TaskManagerAddress {
    /// Its Unix socket.
    pub socket: PathBuf,
    /// The secret with which the task host introduces itself.
    pub token: String,
}

impl TaskManagerAddress {
    fn from_environment() -> Result<Self, Error> {
        let socket = std::env::var_os(sdk::ENV_SOCKET).ok_or(Error::NoEnvironment(sdk::ENV_SOCKET))?;
        let token =
            std::env::var(sdk::ENV_HOST_TOKEN).map_err(|_| Error::NoEnvironment(sdk::ENV_HOST_TOKEN))?;
        Ok(Self { socket: socket.into(), token })
    }
}

/// Turns this process into a task host. Returns its exit code.
pub fn run_process(program: JobProgram) -> i32 {
    // For `top` and the like. The program has a hash for a name.
    let _ = std::fs::write("/proc/self/comm", PROCESS_NAME);
    let serve = || {
        let address = TaskManagerAddress::from_environment()?;
        // Everything but user code runs on this one thread.
        let io = Builder::new_current_thread().enable_all().build()?;
        io.block_on(serve(Arc::new(program), address))
    };
    // A thread of its own, since the caller's may belong to a runtime of the user's `main`.
    let served = std::thread::scope(|scope| {
        let io = std::thread::Builder::new().name("flott-io".to_owned()).spawn_scoped(scope, serve);
        io.map_err(Error::from)
            .and_then(|io| io.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    match served {
        Ok(()) => 0,
        Err(error) => {
            // A refusal was told to the TaskManager; anything else has nowhere to go but here.
            if matches!(error, Error::Refused(_)) {
                return EXIT_REFUSED;
            }
            eprintln!("task host: {error}");
            EXIT_ORPHANED
        }
    }
}

/// Runs the job's subtasks as its TaskManager asks, until told to shut down. Network and control run on the current
/// runtime, user code on threads of its own.
///
/// # Errors
/// If the job can't be run here, or the TaskManager is gone.
pub async fn serve(program: Arc<JobProgram>, address: TaskManagerAddress) -> Result<(), Error> {
    let hello =
        TaskHostHello { protocol: sdk::PROTOCOL_VERSION, token: address.token, pid: std::process::id() };
    let mut connection = Connection::open(&address.socket, hello).await?;
    let setup = loop {
        match connection.receive().await? {
            TaskHostCommand::Setup(setup) => break setup,
            TaskHostCommand::Shutdown => return Ok(()),
            // Nothing else makes sense before the setup.
            _ => {}
        }
    };
    match set_up(&program, &setup).await {
        Ok(SetUp { plane, data_port, slots, storage }) => {
            connection.send(TaskHostMessage::Listening { data_port });
            let sender = connection.sender();
            let threads = (slots.handle(), slots.threads.clone());
            let tasks = Tasks::new(program, &setup.spec, plane, threads, storage, sender);
            follow_orders(&mut connection, tasks).await
        }
        Err(cause) => {
            connection.send(TaskHostMessage::Refused(cause.clone()));
            connection.close().await;
            Err(Error::Refused(cause))
        }
    }
}

async fn set_up(program: &JobProgram, setup: &TaskHostSetup) -> Result<SetUp, FailureCause> {
    let spec = &setup.spec;
    if let Some(difference) = spec.graph.first_difference(&program.graph) {
        let message = format!(
            "the program built another dataflow here than when it was submitted: {difference}; it must not depend on \
             time, machine or randomness"
        );
        return Err(FailureCause::new(FailureKind::GraphMismatch, message));
    }
    let plane = DataPlane::new(spec.job_id, spec.secret, Handle::current());
    let storage = CheckpointStorage::open(spec, &setup.storage_options)?;
    let data_port = plane
        .listen(&setup.bind_host, setup.bind_port)
        .await
        .map_err(|error| FailureCause::new(FailureKind::TaskHostStart, error.to_string()))?;
    let threads = SlotThreads::default();
    let (entering, leaving) = (threads.clone(), threads.clone());
    let slots = Builder::new_multi_thread()
        .worker_threads(spec.slots.max(1) as usize)
        .thread_name("flott-slot")
        .on_thread_start(move || entering.enter())
        .on_thread_stop(move || leaving.leave())
        // Each subtask may be stopped within a batch, waiting for credit; the threads then still have to go on.
        .max_blocking_threads(spec.graph.total_subtasks() + 1)
        .enable_all()
        .build()
        .map_err(|error| {
            FailureCause::new(
                FailureKind::TaskHostStart,
                format!("cannot start {} slot threads: {error}", spec.slots),
            )
        })?;
    Ok(SetUp { plane, data_port, slots: Slots { runtime: Some(slots), threads }, storage })
}

/// What a task host consists of that can run its job.
struct SetUp {
    plane: DataPlane,
    data_port: u16,
    slots: Slots,
    storage: CheckpointStorage,
}

/// The threads of user code.
struct Slots {
    runtime: Option<Runtime>,
    threads: SlotThreads,
}

impl Slots {
    fn handle(&self) -> Handle {
        self.runtime.as_ref().expect("the runtime is there until dropped").handle().clone()
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A user function that never returns must not keep the process alive.
            runtime.shutdown_background();
        }
    }
}

async fn follow_orders(connection: &mut Connection, mut tasks: Tasks) -> Result<(), Error> {
    let shortest = tasks.metrics_interval().map_or(PULSE_INTERVAL, |own| own.min(PULSE_INTERVAL));
    let mut pulse = tokio::time::interval(shortest);
    loop {
        let command = tokio::select! {
            command = connection.receive() => command?,
            _ = pulse.tick() => {
                tasks.report_metrics(now());
                continue;
            }
            () = sleep_until(tasks.alignment_due()) => {
                tasks.report_watermarks(now());
                continue;
            }
        };
        match command {
            TaskHostCommand::Setup(_) => {} // a repetition
            TaskHostCommand::Deploy { placement, tasks: descriptors, own_host } => {
                tasks.deploy(placement, &descriptors, own_host);
            }
            TaskHostCommand::Cancel { tasks: attempts } => tasks.cancel(&attempts),
            TaskHostCommand::TriggerCheckpoint { barrier, tasks: attempts } => {
                tasks.trigger_checkpoint(&Arc::new(barrier), &attempts);
            }
            TaskHostCommand::NotifyCheckpoint { notice } => tasks.notify_checkpoint(notice),
            TaskHostCommand::SplitResponse { request, answer } => tasks.answer_split(request, answer),
            TaskHostCommand::Align { groups } => tasks.align(&groups),
            TaskHostCommand::Sample { request_id, sampling } => tasks.sample(request_id, sampling),
            TaskHostCommand::Shutdown => return Ok(()),
        }
    }
}

/// Waits until then, or for ever.
async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
