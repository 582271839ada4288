//! A whole cluster in one process: a JobManager, a TaskManager with a slot for each subtask of the widest vertex, and
//! the job's task host. They are the modules of the real daemons and speak the same protocols; only the task host is a
//! task of this process instead of a process of its own, since the program is already running.

mod cluster;
mod launcher;

use std::time::Duration;

use flott_core::JobId;
use flott_runtime::JobProgram;

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// After all its input.
    Finished {
        /// The job.
        job_id: JobId,
        /// From submission to end.
        net_runtime: Duration,
    },
    /// By a failure.
    Failed {
        /// The job.
        job_id: JobId,
        /// The root cause first, in lines.
        cause: String,
    },
    /// By a request.
    Canceled,
}

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Threads can't be started.
    #[error("cannot start threads: {0}")]
    Threads(#[from] std::io::Error),
    /// A setting of the cluster is refused.
    #[error("cannot configure the cluster: {0}")]
    Configuration(String),
    /// The JobManager can't start, or refuses the job.
    #[error(transparent)]
    JobManager(#[from] flott_jobmanager::Error),
    /// The TaskManager can't start.
    #[error(transparent)]
    TaskManager(#[from] flott_taskmanager::Error),
}

/// Runs a job on a cluster of its own and waits for its end.
///
/// # Errors
/// If the cluster can't be started. A job that fails is an [`Outcome`].
pub fn run(program: JobProgram) -> Result<Outcome, Error> {
    // A thread of its own, since the caller's may belong to a runtime of the user's `main`.
    std::thread::scope(|scope| {
        let cluster = std::thread::Builder::new()
            .name("flott-local".to_owned())
            .spawn_scoped(scope, || run_cluster(program))?;
        cluster.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn run_cluster(program: JobProgram) -> Result<Outcome, Error> {
    // Two threads for all daemons; user code runs on the task host's slot threads.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("flott-cluster")
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(cluster::run(program));
    // User code that does not return must not keep the program from ending.
    runtime.shutdown_background();
    outcome
}
