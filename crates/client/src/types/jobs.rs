//! Bodies about jobs.

use std::collections::BTreeMap;

use flott_core::{ExecutionState, JobId, JobStatus, VertexId};
use serde::{Deserialize, Serialize};

use super::plan::Plan;

#[derive(Deserialize)]
pub(crate) struct JobsOverview {
    pub(crate) jobs: Vec<JobSummary>,
}

/// A job in a list of jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct JobSummary {
    /// Its id.
    pub jid: JobId,
    /// Its name.
    pub name: String,
    /// Its status.
    pub state: JobStatus,
    /// When it was submitted.
    pub start_time: i64,
    /// When it ended, or -1.
    pub end_time: i64,
    /// How long it runs or ran.
    pub duration: i64,
    /// When its status changed last.
    pub last_modification: i64,
    /// Number of subtasks by state in lower case, and their `total`.
    pub tasks: BTreeMap<String, u32>,
}

/// What `GET /jobs/:jobid` tells of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct JobDetail {
    /// Its id.
    pub jid: JobId,
    /// Its name.
    pub name: String,
    /// Its status.
    pub state: JobStatus,
    /// When it was submitted.
    pub start_time: i64,
    /// When it ended, or -1.
    pub end_time: i64,
    /// How long it runs or ran.
    pub duration: i64,
    /// The server's clock.
    pub now: i64,
    /// When it reached each status; 0 for never.
    pub timestamps: BTreeMap<JobStatus, i64>,
    /// Its vertices, producers first.
    pub vertices: Vec<VertexDetail>,
    /// Number of vertices by state.
    pub status_counts: BTreeMap<ExecutionState, u32>,
    /// Its graph.
    pub plan: Plan,
}

/// A vertex of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VertexDetail {
    /// Its id.
    pub id: VertexId,
    /// Its name.
    pub name: String,
    /// Number of its subtasks.
    pub parallelism: u32,
    /// The most subtasks that it can have; 0 if the server does not tell.
    #[serde(rename = "maxParallelism", default)]
    pub max_parallelism: u32,
    /// The state that stands for all its subtasks.
    pub status: ExecutionState,
    /// When its first subtask was deployed, or -1.
    pub start_time: i64,
    /// When its last subtask ended, or -1.
    pub end_time: i64,
    /// How long it runs or ran.
    pub duration: i64,
    /// Number of subtasks by state.
    pub tasks: BTreeMap<ExecutionState, u32>,
    /// What went in and out.
    pub metrics: IoMetrics,
    /// What goes in and out a second; zero if the server does not tell.
    #[serde(default)]
    pub rates: IoRates,
}

/// Rates of a vertex, over its last second or so. Flink's servers have none here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IoRates {
    /// Records received a second.
    pub num_records_in_per_second: f64,
    /// Records sent a second.
    pub num_records_out_per_second: f64,
}

/// Totals of a vertex since the job started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct IoMetrics {
    /// Bytes received from other vertices.
    pub read_bytes: u64,
    /// Bytes sent to other vertices.
    pub write_bytes: u64,
    /// Records received from other vertices.
    pub read_records: u64,
    /// Records sent to other vertices.
    pub write_records: u64,
}

#[derive(Deserialize)]
pub(crate) struct StatusBody {
    pub(crate) status: JobStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Exceptions {
    pub(crate) exception_history: ExceptionHistory,
}

/// The failures of a job, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionHistory {
    /// The failures.
    pub entries: Vec<ExceptionEntry>,
    /// Whether there were more.
    pub truncated: bool,
}

/// A failure, and those that came with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionEntry {
    /// Its kind.
    pub exception_name: String,
    /// What happened, as text for people; the cause comes first.
    pub stacktrace: String,
    /// When it happened.
    pub timestamp: i64,
    /// The subtask that failed, unless the whole job did.
    #[serde(default)]
    pub task_name: Option<String>,
    /// Host and port of the TaskManager where it failed.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Id of that TaskManager.
    #[serde(default)]
    pub task_manager_id: Option<String>,
    /// Failures at the same time.
    #[serde(default)]
    pub concurrent_exceptions: Vec<ExceptionEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ExecutionResultBody {
    pub(crate) status: QueueStatus,
    pub(crate) job_execution_result: Option<ExecutionResult>,
}

#[derive(Deserialize)]
pub(crate) struct QueueStatus {
    pub(crate) id: QueueStatusId,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum QueueStatusId {
    InProgress,
    Completed,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExecutionResult {
    /// The job.
    pub id: JobId,
    /// Well, badly, or canceled.
    pub application_status: ApplicationStatus,
    /// How long it ran, in milliseconds.
    pub net_runtime: i64,
    /// What the job's accumulators hold.
    #[serde(default)]
    pub accumulator_results: BTreeMap<String, serde_json::Value>,
    /// Why it failed.
    #[serde(default)]
    pub failure_cause: Option<FailureCause>,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApplicationStatus {
    /// It finished.
    Succeeded,
    /// It failed.
    Failed,
    /// It was canceled.
    Canceled,
    /// The server does not know.
    Unknown,
}

/// A failure as asynchronous operations report it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailureCause {
    /// Its kind.
    pub class: String,
    /// What happened, as text for people.
    pub stack_trace: String,
}
