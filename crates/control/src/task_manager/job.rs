//! What a TaskManager knows of one job.

use std::collections::BTreeMap;

use flott_core::{AllocationId, AttemptNumber, SubtaskId, deployment::TaskHostSpec};

use super::outbox::Outbox;

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
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalTask {
    pub(super) attempt: AttemptNumber,
    /// The slot it runs in; `None` if it was canceled before its deployment came.
    pub(super) allocation_id: Option<AllocationId>,
    /// Whether something of it may run.
    pub(super) live: bool,
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
    pub(super) tasks: BTreeMap<SubtaskId, LocalTask>,
    pub(super) outbox: Outbox,
}

impl LocalJob {
    pub(super) fn new() -> Self {
        Self { host: HostState::Absent, successor: None, tasks: BTreeMap::new(), outbox: Outbox::default() }
    }

    /// The last start of its task host that was ordered or given up.
    pub(super) fn newest_start(&self) -> Option<AttemptNumber> {
        self.successor.as_ref().map(|successor| successor.attempt).max(self.host.attempt())
    }

    pub(super) fn runs_in(&self, allocation_id: AllocationId) -> bool {
        self.tasks.values().any(|task| task.live && task.allocation_id == Some(allocation_id))
    }
}
