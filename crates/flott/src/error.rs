use flott_core::job_graph::GraphError;

/// Why a program's dataflow could not be run.
///
/// ```
/// # use flott::prelude::*;
/// # let env = StreamExecutionEnvironment::new();
/// env.from_sequence(1, 10).window_all(TumblingEventTimeWindows::of(std::time::Duration::ZERO)).count().print();
/// let error = env.execute("no windows").unwrap_err();
/// assert!(error.to_string().contains("the size of TumblingEventTimeWindows must be at least 1 ms"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The dataflow can't be run as it was built.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A setting is out of range.
    #[error("{0}")]
    Setting(String),
    /// `execute` was called twice.
    #[error("this environment has executed its dataflow before: make a new environment for another job")]
    ExecutedTwice,
    /// Batch mode over input that does not end.
    #[error(
        "runtime mode BATCH needs bounded sources, but \"{source_name}\" is unbounded: use STREAMING or AUTOMATIC"
    )]
    UnboundedBatch {
        /// Name of the source.
        source_name: String,
    },
    /// The entry that was asked for is not there.
    #[error("{0}")]
    Entry(String),
    /// What the cluster passed in the environment can't be understood.
    #[error("cannot read the environment variable {name}: {reason}")]
    Environment {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The plan can't be written.
    #[error("cannot write the plan to {path}: {cause}")]
    WritePlan {
        /// Where to.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The program was built without local mode.
    #[error("this program was built without local mode: submit it to a cluster with `flott run`")]
    NoLocalMode,
    /// The job ran and failed.
    #[error("{0}")]
    JobFailed(String),
    /// The job was canceled.
    #[error("the job was canceled")]
    JobCanceled,
    /// The cluster in this process could not be started.
    #[error("cannot start the local cluster: {0}")]
    Local(String),
}
