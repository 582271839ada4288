//! What has failed, as it is shown to users.

use std::collections::VecDeque;

use flott_core::{AttemptNumber, FailureCause, JobGraph, MonoTime, SubtaskId, TaskManagerId};

use super::Execution;

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

impl FailureRecord {
    /// Whether this and `other` are one failure of a subtask that was reported twice.
    fn repeats(&self, other: &Self) -> bool {
        let same = (self.subtask, self.attempt) == (other.subtask, other.attempt);
        self.subtask.is_some() && same && self.cause == other.cause
    }

    /// A failure of the job as a whole.
    pub(super) fn of_job(cause: FailureCause, time: MonoTime) -> Self {
        Self {
            cause,
            time,
            subtask: None,
            task_name: None,
            attempt: None,
            task_manager_id: None,
            rpc_address: None,
        }
    }

    /// A failure of a TaskManager or of the job's task host there.
    pub(super) fn of_task_manager(
        cause: FailureCause,
        time: MonoTime,
        id: &TaskManagerId,
        address: &str,
    ) -> Self {
        Self {
            task_manager_id: Some(id.clone()),
            rpc_address: Some(address.to_owned()),
            ..Self::of_job(cause, time)
        }
    }

    /// A failure of one subtask.
    pub(super) fn of_execution(
        cause: FailureCause,
        time: MonoTime,
        graph: &JobGraph,
        execution: &Execution,
    ) -> Self {
        let vertex = graph.vertex(execution.subtask.vertex);
        let number = execution.subtask.subtask.0 + 1;
        let location = execution.location.as_ref();
        Self {
            cause,
            time,
            subtask: Some(execution.subtask),
            task_name: Some(format!("{} ({number}/{})", vertex.name, vertex.parallelism)),
            attempt: Some(execution.attempt),
            task_manager_id: location.map(|location| location.task_manager_id.clone()),
            rpc_address: location.map(|location| location.rpc_address.clone()),
        }
    }
}

/// Failures that belong together: those that led to one restart, or to the end of the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureGroup {
    /// The root first, then those that came with it in their order. Never empty.
    failures: Vec<FailureRecord>,
}

impl FailureGroup {
    /// Most failures that are kept of one group: the root and those that came with it.
    pub const MAX: usize = 17;

    /// The most telling one.
    pub fn root(&self) -> &FailureRecord {
        &self.failures[0]
    }

    /// Those that came with the root, in their order.
    pub fn concurrent(&self) -> &[FailureRecord] {
        &self.failures[1..]
    }

    fn add(&mut self, failure: FailureRecord) {
        if failure.cause.kind.rank() > self.root().cause.kind.rank() {
            self.failures.insert(0, failure);
        } else {
            self.failures.push(failure);
        }
        self.failures.truncate(Self::MAX);
    }
}

/// The last groups of failures of a job, the newest first.
#[derive(Clone, Debug)]
pub(super) struct FailureHistory {
    groups: VecDeque<FailureGroup>,
    /// How many groups are kept; the newest one always is.
    most: usize,
    dropped: u64,
}

impl FailureHistory {
    pub(super) fn new(most: usize) -> Self {
        Self { groups: VecDeque::new(), most: most.max(1), dropped: 0 }
    }

    pub(super) fn groups(&self) -> &VecDeque<FailureGroup> {
        &self.groups
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn newest(&self) -> &[FailureRecord] {
        self.groups.front().map(|group| group.failures.as_slice()).unwrap_or_default()
    }

    /// A failure that no earlier one explains.
    pub(super) fn begin(&mut self, failure: FailureRecord) {
        if self.groups.len() == self.most {
            self.groups.pop_back();
            self.dropped += 1;
        }
        self.groups.push_front(FailureGroup { failures: vec![failure] });
    }

    /// A failure that came with the last one. The more telling one of them is the root.
    pub(super) fn add(&mut self, failure: FailureRecord) {
        match self.groups.front_mut() {
            Some(group) => group.add(failure),
            None => self.begin(failure),
        }
    }

    /// Whether it is known already: a source that can't list its splits says so and then fails by it.
    pub(super) fn knows(&self, failure: &FailureRecord) -> bool {
        self.newest().iter().any(|known| known.repeats(failure))
    }
}
