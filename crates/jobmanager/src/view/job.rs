//! A job as users see it.

use std::sync::Arc;

use flott_core::{
    AttemptNumber, ExecutionState, FailureCause, JobGraph, JobId, JobStatus, JobType, TaskManagerId,
    job_config::JobConfig,
    metrics::{OperatorMetrics, TaskMetrics, TaskRates},
};
use serde::{Deserialize, Serialize};

use super::{CheckpointsView, RescalingView};

/// One job at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobView {
    /// The job.
    pub job_id: JobId,
    /// Its dataflow.
    pub graph: Arc<JobGraph>,
    /// How it was submitted.
    pub submission: Arc<SubmissionView>,
    /// Its status now.
    pub status: JobStatus,
    /// When it entered each status last.
    pub status_times: StatusTimes,
    /// When it was accepted, in Unix milliseconds.
    pub started_unix_ms: i64,
    /// When it ended, in Unix milliseconds, if it has.
    pub ended_unix_ms: Option<i64>,
    /// When its status or the state of a subtask changed last, in Unix milliseconds.
    pub modified_unix_ms: i64,
    /// Its vertices, in the order of `graph.vertices`.
    pub vertices: Vec<Arc<VertexView>>,
    /// What failed, newest first, bounded by `web.exception-history-size`. If the job has failed, the root cause is
    /// the first whose `concurrent` holds the others of its time.
    pub exceptions: Arc<Vec<ExceptionView>>,
    /// How many older exceptions were dropped.
    pub exceptions_dropped: u64,
    /// How often the job, or a part of it, was restarted or is about to be.
    pub restarts: u64,
    /// For how many milliseconds it has been restarting, all in all.
    pub restarting_ms: u64,
    /// URI of its directory for checkpoints.
    pub checkpoint_dir: Arc<str>,
    /// Its checkpoints and savepoints.
    pub checkpoints: Arc<CheckpointsView>,
    /// What is wanted of its parallelism, and how it has changed.
    #[serde(default)]
    pub rescaling: Arc<RescalingView>,
}

impl JobView {
    /// The cause of the failure if the job has failed.
    pub fn root_cause(&self) -> Option<&FailureCause> {
        match self.status {
            JobStatus::Failed | JobStatus::Failing => {
                self.exceptions.first().map(|exception| &exception.cause)
            }
            _ => None,
        }
    }

    /// Whether its parallelism can be changed while it runs.
    pub fn is_rescalable(&self) -> bool {
        self.graph.job_type == JobType::Streaming
            && self.graph.recovery.checkpoints.is_enabled()
            && !self.submission.artifact.is_empty()
    }

    /// How many subtasks are in a state.
    pub fn count(&self, state: ExecutionState) -> u32 {
        self.vertices.iter().map(|vertex| vertex.count(state)).sum()
    }
}

/// How a job came to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubmissionView {
    /// Digest of its artifact; empty in local mode.
    pub artifact: String,
    /// The id under which the artifact was run, if it was.
    pub artifact_id: Option<String>,
    /// Arguments of the program.
    pub arguments: Vec<String>,
    /// The entry that was run, if the program has entries.
    pub entry: Option<String>,
    /// URI of the savepoint or checkpoint that it began with, if any.
    pub savepoint: Option<String>,
    /// The settings from which the graph was built.
    pub config: JobConfig,
    /// Fingerprint of the graph.
    pub fingerprint: String,
}

/// One vertex at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VertexView {
    /// By subtask index.
    pub subtasks: Vec<SubtaskView>,
    /// By position in [`ExecutionState::ALL`], how many subtasks are in that state.
    pub counts: [u32; 10],
}

impl VertexView {
    /// How many subtasks are in a state.
    pub fn count(&self, state: ExecutionState) -> u32 {
        self.counts[state_index(state)]
    }
}

/// The newest attempt of one subtask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubtaskView {
    /// Which execution of the subtask this is.
    pub attempt: AttemptNumber,
    /// Its state.
    pub state: ExecutionState,
    /// When it entered each state.
    pub times: StateTimes,
    /// Where it runs or ran, once deployed.
    pub location: Option<TaskLocation>,
    /// What it has done.
    pub metrics: TaskMetrics,
    /// What its operators have registered, with the last values also when it has ended.
    pub operators: OperatorMetrics,
    /// What it does a second, from its last two reports; zero once it has ended.
    pub rates: TaskRates,
    /// The last attempts before it, the earliest first.
    pub past: Arc<[AttemptView]>,
}

/// An attempt of a subtask that has ended and that another one has followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptView {
    /// Which execution of the subtask this was.
    pub attempt: AttemptNumber,
    /// How it ended.
    pub state: ExecutionState,
    /// When it entered each state.
    pub times: StateTimes,
    /// Where it ran, if it was deployed.
    pub location: Option<TaskLocation>,
    /// What it had done.
    pub metrics: TaskMetrics,
    /// What its operators had registered.
    pub operators: OperatorMetrics,
    /// Why it failed, if it did.
    pub failure: Option<FailureCause>,
}

/// Where a subtask runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLocation {
    /// The TaskManager.
    pub task_manager_id: TaskManagerId,
    /// `host:port` of the TaskManager.
    pub endpoint: String,
}

/// Something that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExceptionView {
    /// What and why.
    pub cause: FailureCause,
    /// When, in Unix milliseconds.
    pub unix_ms: i64,
    /// The subtask in which it happened, as `Source: text (1/4) - execution #0`, unless it concerns the whole job.
    pub task_name: Option<String>,
    /// Where that ran.
    pub location: Option<TaskLocation>,
    /// What failed with it and is not its cause. Their own lists are empty.
    pub concurrent: Vec<Self>,
}

/// When a job entered each status last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusTimes([i64; 11]);

impl StatusTimes {
    /// Notes that the job entered a status.
    pub fn enter(&mut self, status: JobStatus, unix_ms: i64) {
        self.0[status_index(status)] = unix_ms;
    }

    /// When the job entered this status last, in Unix milliseconds; 0 if never.
    pub fn of(&self, status: JobStatus) -> i64 {
        self.0[status_index(status)]
    }
}

/// When an attempt entered each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateTimes([i64; 10]);

impl StateTimes {
    /// Notes that the attempt entered a state.
    pub fn enter(&mut self, state: ExecutionState, unix_ms: i64) {
        self.0[state_index(state)] = unix_ms;
    }

    /// When the attempt entered this state, in Unix milliseconds; 0 if never.
    pub fn of(&self, state: ExecutionState) -> i64 {
        self.0[state_index(state)]
    }
}

/// Position of a state in [`ExecutionState::ALL`].
pub(crate) const fn state_index(state: ExecutionState) -> usize {
    match state {
        ExecutionState::Created => 0,
        ExecutionState::Scheduled => 1,
        ExecutionState::Deploying => 2,
        ExecutionState::Initializing => 3,
        ExecutionState::Running => 4,
        ExecutionState::Finished => 5,
        ExecutionState::Canceling => 6,
        ExecutionState::Canceled => 7,
        ExecutionState::Failed => 8,
        ExecutionState::Reconciling => 9,
    }
}

const fn status_index(status: JobStatus) -> usize {
    match status {
        JobStatus::Initializing => 0,
        JobStatus::Created => 1,
        JobStatus::Running => 2,
        JobStatus::Failing => 3,
        JobStatus::Failed => 4,
        JobStatus::Cancelling => 5,
        JobStatus::Canceled => 6,
        JobStatus::Finished => 7,
        JobStatus::Restarting => 8,
        JobStatus::Suspended => 9,
        JobStatus::Reconciling => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_lists() {
        for (index, state) in ExecutionState::ALL.into_iter().enumerate() {
            assert_eq!(state_index(state), index);
        }
        for (index, status) in JobStatus::ALL.into_iter().enumerate() {
            assert_eq!(status_index(status), index);
        }
    }
}
