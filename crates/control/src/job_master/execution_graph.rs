//! The attempts of a job's subtasks.

use flott_core::{
    AllocationId, AttemptNumber, ExecutionState, FailureCause, MonoTime, SubtaskId, TaskManagerId,
    metrics::TaskMetrics,
};

/// Where an execution is placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The slot's allocation.
    pub allocation_id: AllocationId,
    /// The TaskManager that has the slot.
    pub task_manager_id: TaskManagerId,
    /// `host:port` of the TaskManager's gRPC server.
    pub rpc_address: String,
}

/// One attempt of a subtask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Which subtask.
    pub subtask: SubtaskId,
    /// Which attempt of it.
    pub attempt: AttemptNumber,
    /// Its state.
    pub state: ExecutionState,
    /// When it entered each state, in order.
    pub state_times: Vec<(ExecutionState, MonoTime)>,
    /// Where it runs or ran, once that is decided.
    pub location: Option<Location>,
    /// Why it failed, if it has.
    pub failure: Option<FailureCause>,
    /// What it has done so far.
    pub metrics: TaskMetrics,
}

/// A failure, as it is shown to users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureRecord {
    /// What failed.
    pub cause: FailureCause,
    /// When.
    pub time: MonoTime,
    /// The subtask that failed, unless it was the job or a TaskManager.
    pub subtask: Option<SubtaskId>,
    /// Its name, such as `Map (2/4)`.
    pub task_name: Option<String>,
    /// Its attempt.
    pub attempt: Option<AttemptNumber>,
    /// The TaskManager that it ran on, or that failed.
    pub task_manager_id: Option<TaskManagerId>,
    /// `host:port` of that TaskManager's gRPC server.
    pub rpc_address: Option<String>,
}
