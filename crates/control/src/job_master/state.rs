//! Life of a job.

use flott_core::{FailureCause, JobStatus, MonoTime};

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All its subtasks have processed all their input.
    Finished,
    /// A user wanted it so.
    Canceled,
    /// It failed.
    Failed(FailureCause),
}

impl Outcome {
    /// The status that users see.
    pub const fn status(&self) -> JobStatus {
        match self {
            Self::Finished => JobStatus::Finished,
            Self::Canceled => JobStatus::Canceled,
            Self::Failed(_) => JobStatus::Failed,
        }
    }
}

/// Life of a job inside its JobMaster.
///
/// ```text
/// Created → WaitingForSlots → StartingTaskHosts → Running → Terminal(Finished)
///    │             │                  │              │
///    │             └─ too few slots ──┴── failure ───┴→ Failing   → Terminal(Failed)
///    └──────── canceled in any of these ──────────────→ Canceling → Terminal(Canceled)
/// ```
/// `Failing` and `Canceling` wait until no attempt of any subtask runs any more, so that whatever follows (the end,
/// or another attempt) never meets an older one. Where nothing runs yet they last no time at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Nothing has been done.
    Created,
    /// Slots are wanted.
    WaitingForSlots {
        /// When to give up.
        deadline: MonoTime,
    },
    /// All slots are there; task hosts are being started in them.
    StartingTaskHosts {
        /// When to give up.
        deadline: MonoTime,
    },
    /// Subtasks are deployed and run.
    Running {
        /// By when all of them must have answered their deployment.
        deploy_deadline: MonoTime,
    },
    /// A user wants it canceled; subtasks are being stopped.
    Canceling {
        /// When task hosts that have not stopped their subtasks are killed.
        kill_at: MonoTime,
    },
    /// A failure is being torn down.
    Failing {
        /// The root cause, as far as known.
        cause: FailureCause,
        /// When task hosts that have not stopped their subtasks are killed.
        kill_at: MonoTime,
    },
    /// Ended.
    Terminal(Outcome),
}

impl JobState {
    /// The status that users see.
    pub const fn status(&self) -> JobStatus {
        match self {
            Self::Created => JobStatus::Initializing,
            Self::WaitingForSlots { .. } => JobStatus::Created,
            Self::StartingTaskHosts { .. } | Self::Running { .. } => JobStatus::Running,
            Self::Canceling { .. } => JobStatus::Cancelling,
            Self::Failing { .. } => JobStatus::Failing,
            Self::Terminal(outcome) => outcome.status(),
        }
    }

    /// Whether subtasks are being stopped.
    pub const fn is_tearing_down(&self) -> bool {
        matches!(self, Self::Canceling { .. } | Self::Failing { .. })
    }
}
