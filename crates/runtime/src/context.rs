use std::sync::Arc;

use flott_core::{AttemptNumber, JobId, SubtaskIndex, job_config::RuntimeMode};

use crate::TaskCounters;

/// What a subtask knows of itself.
#[derive(Clone, Debug)]
pub struct TaskContext {
    /// The job.
    pub job_id: JobId,
    /// Name of the job.
    pub job_name: Arc<str>,
    /// Name of the vertex.
    pub task_name: Arc<str>,
    /// Which parallel instance this is.
    pub subtask: SubtaskIndex,
    /// How many parallel instances there are.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Which execution of the subtask this is.
    pub attempt: AttemptNumber,
    /// `Batch` or `Streaming`, never `Automatic`.
    pub runtime_mode: RuntimeMode,
    /// The subtask's metrics.
    pub counters: Arc<TaskCounters>,
}

/// What an operator knows of itself.
#[derive(Clone, Debug)]
pub struct OperatorContext {
    /// The subtask in which it runs.
    pub task: TaskContext,
    /// Its name.
    pub name: Arc<str>,
    /// Its position in the chain, the head being 0.
    pub(crate) position: u32,
}

impl OperatorContext {
    /// The operator `name` at `position` of the chain.
    pub fn new(task: TaskContext, name: impl Into<Arc<str>>, position: u32) -> Self {
        Self { task, name: name.into(), position }
    }
}
