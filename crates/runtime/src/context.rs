use std::{collections::BTreeMap, sync::Arc};

use flott_core::{AttemptNumber, JobId, SubtaskIndex, job_config::RuntimeMode, key_group::groups_of_subtask};
use tokio::sync::Notify;

use crate::{
    ProcessingClock, RestoredOperator, RestoredTask, TaskCounters, TaskSignals, metrics::MetricGroup,
};

/// What a subtask knows of itself.
#[derive(Clone, Debug)]
pub struct TaskContext {
    /// The job.
    pub job_id: JobId,
    /// Name of the job.
    pub job_name: Arc<str>,
    /// What the program has told all its functions.
    pub job_parameters: Arc<BTreeMap<String, String>>,
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
    /// How often watermarks are made; zero for never.
    pub auto_watermark_interval: std::time::Duration,
    /// Processing time.
    pub clock: ProcessingClock,
    /// The subtask's metrics.
    pub counters: Arc<TaskCounters>,
    /// The subtask's signals.
    pub signals: Arc<TaskSignals>,
    /// Whether the job takes checkpoints by itself: what is to be visible exactly once waits for them.
    pub takes_checkpoints: bool,
    /// What the subtask begins with.
    pub restored: Arc<RestoredTask>,
}

/// What an operator knows of itself and of its surroundings; Flink's `RuntimeContext`.
#[derive(Clone, Debug)]
pub struct RuntimeContext {
    /// The subtask in which it runs.
    pub task: TaskContext,
    /// Its name.
    pub name: Arc<str>,
    /// What its state is found by, in this and in other versions of the program.
    pub uid: Arc<str>,
    /// Its position in the chain, the head being 0.
    pub(crate) position: u32,
}

impl RuntimeContext {
    /// The operator `name` at `position` of the chain.
    pub fn new(
        task: TaskContext,
        name: impl Into<Arc<str>>,
        uid: impl Into<Arc<str>>,
        position: u32,
    ) -> Self {
        Self { task, name: name.into(), uid: uid.into(), position }
    }

    /// What the operator begins with: its state in the checkpoint or savepoint from which the subtask was restored, or
    /// nothing.
    pub fn restored(&self) -> RestoredOperator<'_> {
        self.task.restored.operator(self)
    }

    /// The key groups whose keys this instance has.
    pub fn key_groups(&self) -> std::ops::Range<u32> {
        groups_of_subtask(self.task.subtask, self.task.parallelism, self.task.max_parallelism)
    }

    /// Which parallel instance of the operator this is, from 0.
    pub fn subtask_index(&self) -> u32 {
        self.task.subtask.0
    }

    /// How many parallel instances of the operator there are.
    pub fn parallelism(&self) -> u32 {
        self.task.parallelism
    }

    /// How often this instance was started before.
    pub fn attempt(&self) -> u32 {
        self.task.attempt.0
    }

    /// Number of key groups: most instances that there can ever be.
    pub fn max_parallelism(&self) -> u32 {
        self.task.max_parallelism
    }

    /// The job.
    pub fn job_id(&self) -> JobId {
        self.task.job_id
    }

    /// Name of the job.
    pub fn job_name(&self) -> &str {
        &self.task.job_name
    }

    /// Name of the task: the operators that are chained with this one.
    pub fn task_name(&self) -> &str {
        &self.task.task_name
    }

    /// A value that the program has set with `set_job_parameter`.
    pub fn job_parameter(&self, name: &str) -> Option<&str> {
        self.task.job_parameters.get(name).map(String::as_str)
    }

    /// The operator's metrics, shown beside those that each subtask has.
    pub fn metrics(&self) -> MetricGroup {
        MetricGroup::for_operator(&self.task.counters, &self.name)
    }

    /// Processing time.
    pub fn clock(&self) -> &ProcessingClock {
        &self.task.clock
    }

    /// Wakes the subtask: for sources that wait in another thread.
    pub fn waker(&self) -> Waker {
        Waker(self.task.signals.wake.clone())
    }
}

/// Wakes a subtask that waits for input.
#[derive(Clone, Debug)]
pub struct Waker(Arc<Notify>);

impl Waker {
    /// Wakes the subtask. It may be called from any thread, and is remembered if the subtask does not wait.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}
