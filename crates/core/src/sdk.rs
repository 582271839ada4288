//! What a job's program and the cluster agree on before they speak gRPC: the marker in the binary, the environment
//! variables that choose the entry point, and the form of a plan.

use serde::{Deserialize, Serialize};

use crate::JobGraph;

/// Version of everything in this module and of the task-host protocol. A program of another version is refused.
pub const PROTOCOL_VERSION: u32 = 3;

/// Name of the file that the JobManager puts into the directory of a job's checkpoints, by which a task host can tell that
/// it sees the same directory.
pub const JOB_MARKER: &str = ".flott-job";

/// ELF section in which a program that uses the `flott` crate carries [`MARKER`].
pub const MARKER_SECTION: &str = ".flott.sdk";

/// Content of [`MARKER_SECTION`].
pub const MARKER: [u8; 21] = *b"flott-sdk protocol=3\0";

/// Chooses the entry point: unset = local, [`MODE_PLAN`] or [`MODE_TASK_HOST`]. Only Flott sets it.
pub const ENV_MODE: &str = "FLOTT_MODE";
/// The Dispatcher (or `flott info`) wants the JobGraph.
pub const MODE_PLAN: &str = "plan";
/// A TaskManager wants subtasks run.
pub const MODE_TASK_HOST: &str = "task-host";
/// File to which plan mode writes its [`Plan`].
pub const ENV_PLAN_FILE: &str = "FLOTT_PLAN_FILE";
/// JSON of the [`JobConfig`](crate::job_config::JobConfig).
pub const ENV_JOB_CONFIG: &str = "FLOTT_JOB_CONFIG";
/// Name of the entry to run, if the submitter gave one.
pub const ENV_ENTRY: &str = "FLOTT_ENTRY";
/// Unix socket of the TaskManager, in task-host mode.
pub const ENV_SOCKET: &str = "FLOTT_SOCKET";
/// Secret with which the task host introduces itself to its TaskManager, in task-host mode.
pub const ENV_HOST_TOKEN: &str = "FLOTT_HOST_TOKEN";

/// One of several jobs in one artifact, Flink's entry class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryInfo {
    /// The name to pass as entry.
    pub name: String,
    /// What it does, in a line.
    pub description: Option<String>,
}

/// What plan mode writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PROTOCOL_VERSION`] of the program.
    pub protocol: u32,
    /// The graph, absent if `error` is set.
    pub job_graph: Option<JobGraph>,
    /// The entry that was run, if the program has entries.
    pub entry: Option<String>,
    /// All entries of the program.
    #[serde(default)]
    pub entries: Vec<EntryInfo>,
    /// The author's or submitter's mistake that kept the graph from being built.
    pub error: Option<String>,
}
