//! What a TaskManager knows of one job.

use std::collections::BTreeMap;

use flott_core::{
    AllocationId, AttemptNumber, CheckpointId, FailureCause, SubtaskId, deployment::TaskHostSpec,
};

use super::{outbox::Outbox, split_log::LocalSplits};
use crate::protocol::TaskState;

/// Life of a job's task host on this TaskManager.
///
/// ```text
/// Absent → Starting → Running → Ended → Starting …   (ended by itself)
///    │         └─────────┴→ Stopping → Ended            (told to, or another is to take its place)
///    └→ Ended      (released or killed before the order to start it came)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostState {
    /// None was ever started.
    Absent,
    /// The process is being started.
    Starting {
        /// Which start.
        attempt: AttemptNumber,
    },
    /// Subtasks can be deployed.
    Running {
        /// Which start.
        attempt: AttemptNumber,
    },
    /// It was told to end.
    Stopping {
        /// Which start.
        attempt: AttemptNumber,
    },
    /// The process is reaped.
    Ended {
        /// Which start.
        attempt: AttemptNumber,
    },
}

impl HostState {
    /// Which start this is, if there was one.
    pub const fn attempt(self) -> Option<AttemptNumber> {
        match self {
            Self::Absent => None,
            Self::Starting { attempt }
            | Self::Running { attempt }
            | Self::Stopping { attempt }
            | Self::Ended { attempt } => Some(attempt),
        }
    }

    /// Whether there is, or is about to be, a process.
    pub const fn is_alive(self) -> bool {
        matches!(self, Self::Starting { .. } | Self::Running { .. } | Self::Stopping { .. })
    }
}

/// The newest attempt of a subtask that this TaskManager was told to run.
#[derive(Clone, Debug)]
pub(super) struct LocalTask {
    pub(super) attempt: AttemptNumber,
    /// The slot it runs in; `None` if it was canceled before its deployment came.
    pub(super) allocation_id: Option<AllocationId>,
    /// Whether something of it may run.
    pub(super) live: bool,
    /// What it began with.
    pub(super) restored: Option<CheckpointId>,
    /// The last state that it has told.
    pub(super) state: Option<TaskState>,
    pub(super) awaits_checkpoint: bool,
    pub(super) is_canceling: bool,
    /// See [`protocol::LocalTask::drained`](crate::protocol::LocalTask::drained).
    pub(super) drained: Option<CheckpointId>,
    pub(super) splits: LocalSplits,
}

impl LocalTask {
    pub(super) fn deployed(
        attempt: AttemptNumber,
        allocation_id: AllocationId,
        restored: Option<CheckpointId>,
    ) -> Self {
        Self {
            attempt,
            allocation_id: Some(allocation_id),
            live: true,
            restored,
            state: None,
            awaits_checkpoint: false,
            is_canceling: false,
            drained: None,
            splits: LocalSplits::default(),
        }
    }

    /// One whose deployment has not come and must not be obeyed any more.
    pub(super) fn never_ran(attempt: AttemptNumber) -> Self {
        let state = Some(TaskState::Canceled);
        let task = Self::deployed(attempt, AllocationId::from_bytes([0; 16]), None);
        Self { allocation_id: None, live: false, state, ..task }
    }

    /// Its task host is gone.
    pub(super) fn host_ended(&mut self, cause: &FailureCause) {
        if self.live {
            self.live = false;
            let canceled = TaskState::Canceled;
            self.state = Some(if self.is_canceling { canceled } else { TaskState::Failed(cause.clone()) });
        }
    }
}

/// What comes after a task host that still has to end.
#[derive(Clone, Debug)]
pub(super) struct Successor {
    pub(super) attempt: AttemptNumber,
    /// `None`: it was stopped before it was started.
    pub(super) start: Option<(Vec<AllocationId>, TaskHostSpec)>,
}

#[derive(Clone, Debug)]
pub(super) struct LocalJob {
    pub(super) host: HostState,
    /// Set only while `host` lives.
    pub(super) successor: Option<Successor>,
    /// Of the task host that runs.
    pub(super) data_address: String,
    pub(super) tasks: BTreeMap<SubtaskId, LocalTask>,
    /// The highest number of a checkpoint that was named.
    pub(super) last_checkpoint: Option<CheckpointId>,
    pub(super) outbox: Outbox,
}

impl LocalJob {
    pub(super) fn new() -> Self {
        Self {
            host: HostState::Absent,
            successor: None,
            data_address: String::new(),
            tasks: BTreeMap::new(),
            last_checkpoint: None,
            outbox: Outbox::default(),
        }
    }

    /// The last start of its task host that was ordered or given up.
    pub(super) fn newest_start(&self) -> Option<AttemptNumber> {
        self.successor.as_ref().map(|successor| successor.attempt).max(self.host.attempt())
    }

    pub(super) fn runs_in(&self, allocation_id: AllocationId) -> bool {
        self.tasks.values().any(|task| task.live && task.allocation_id == Some(allocation_id))
    }
}
