//! Life of a job.

use std::{collections::BTreeMap, time::Duration};

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
///    ┌──→ Reconciling ── something runs ──┐   nothing runs: Restarting
///    │                                    │ ┌─ all regions deployed ─┐
///    │                                    ↓ ↓                        │
/// Created → WaitingForSlots ───────────→ Running ── failure ──→ Restarting
///    │             │                       │ └─────────────────────┼─→ Terminal(Finished)
///    │             └─ too few ─────────────┴── failure, for good ──┴─→ Failing   → Terminal(Failed)
///    └──────────── canceled in any of these ─────────────────────────→ Canceling → Terminal(Canceled)
/// ```
/// A job that another JobMaster has begun is `Reconciling` first, also if it was canceled: what runs of it must be known to
/// be stopped.
///
/// What runs, is stopped and is started again while the job is `Running` or `Restarting` are its regions, each with a
/// [`RegionPhase`](super::failover::RegionPhase) of its own. `Failing` and `Canceling` wait until no attempt of any
/// subtask runs any more, so that whatever follows never meets an older one. Where nothing runs yet they last no time at
/// all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Nothing has been done.
    Created,
    /// Another JobMaster has run it: TaskManagers are to tell what they have of it.
    Reconciling {
        /// What is not found by then is gone.
        deadline: MonoTime,
    },
    /// Slots are wanted.
    WaitingForSlots {
        /// When to give up.
        deadline: MonoTime,
    },
    /// All slots were there; subtasks are deployed or about to be.
    Running,
    /// Something has failed: what is connected with it is stopped and then deployed again. The rest runs.
    Restarting {
        /// Not before this time; what fails until then belongs to the same restart. `None`: it has come.
        resume_at: Option<MonoTime>,
    },
    /// A user wants it canceled; subtasks are being stopped.
    Canceling {
        /// When task hosts that have not stopped their subtasks are killed.
        kill_at: MonoTime,
    },
    /// A failure is being torn down.
    Failing {
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
            Self::Reconciling { .. } => JobStatus::Reconciling,
            Self::WaitingForSlots { .. } => JobStatus::Created,
            Self::Running => JobStatus::Running,
            Self::Restarting { .. } => JobStatus::Restarting,
            Self::Canceling { .. } => JobStatus::Cancelling,
            Self::Failing { .. } => JobStatus::Failing,
            Self::Terminal(outcome) => outcome.status(),
        }
    }

    /// Whether all subtasks are being stopped, for good.
    pub const fn is_tearing_down(&self) -> bool {
        matches!(self, Self::Canceling { .. } | Self::Failing { .. })
    }

    /// Whether subtasks may run that are wanted to.
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Running | Self::Restarting { .. })
    }
}

/// When a job entered its statuses, and how long it had each.
#[derive(Clone, Debug)]
pub(super) struct StatusHistory {
    /// When it last entered each status that it has had, in that order. The last one is the current one.
    entered: Vec<(JobStatus, MonoTime)>,
    /// How long it had each before it left it.
    spent: BTreeMap<JobStatus, Duration>,
}

impl StatusHistory {
    pub(super) fn new(status: JobStatus, now: MonoTime) -> Self {
        Self { entered: vec![(status, now)], spent: BTreeMap::new() }
    }

    pub(super) fn entered(&self) -> &[(JobStatus, MonoTime)] {
        &self.entered
    }

    pub(super) fn enter(&mut self, status: JobStatus, now: MonoTime) {
        if let Some((left, since)) = self.entered.last() {
            *self.spent.entry(*left).or_default() += now - *since;
        }
        self.entered.retain(|(known, _)| *known != status);
        self.entered.push((status, now));
    }

    pub(super) fn time_in(&self, status: JobStatus, now: MonoTime) -> Duration {
        let before = self.spent.get(&status).copied().unwrap_or_default();
        match self.entered.last() {
            Some((current, since)) if *current == status => before + (now - *since),
            _ => before,
        }
    }
}
