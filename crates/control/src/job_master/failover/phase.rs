//! Life of a region.

use std::time::Duration;

use flott_core::MonoTime;

/// What is being done about a region while its job is running or restarting.
///
/// ```text
///           ┌──────────────────────────────────────────────────────────────────────────┐
///           ↓                                                                          │ its time has come, and
/// WaitingForSlots → StartingTaskHosts → Deploying → Running → Finished                 │ all that stops has stopped
///           │               │               │          │          │                    │
///           └───────────────┴───────────────┴──────────┴──────────┴→ Stopping → BackingOff
///                                          a failure
/// ```
/// `Finished` regions stop only if the job as a whole has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::job_master) enum RegionPhase {
    /// Not all of its slots are there.
    WaitingForSlots {
        /// When to give up.
        deadline: MonoTime,
    },
    /// Its subtasks have slots; not all task hosts there are ready.
    StartingTaskHosts {
        /// When to give up.
        deadline: MonoTime,
    },
    /// Its subtasks were deployed; not all of them have answered.
    Deploying {
        /// When to give up.
        deadline: MonoTime,
    },
    /// It runs.
    Running,
    /// All its subtasks have processed all their input.
    Finished,
    /// What runs of it is being canceled.
    Stopping {
        /// When task hosts that have not stopped their subtasks are killed.
        kill_at: MonoTime,
    },
    /// Nothing of it runs.
    BackingOff,
}

impl RegionPhase {
    /// Whether it is stopping or has stopped.
    pub(in crate::job_master) const fn is_down(&self) -> bool {
        matches!(self, Self::Stopping { .. } | Self::BackingOff)
    }

    /// Whether it still has to be deployed.
    pub(in crate::job_master) const fn is_waiting(&self) -> bool {
        self.is_down() || matches!(self, Self::WaitingForSlots { .. } | Self::StartingTaskHosts { .. })
    }

    /// When it has taken too long, which is a failure.
    pub(in crate::job_master) const fn deadline(&self) -> Option<MonoTime> {
        match self {
            Self::WaitingForSlots { deadline }
            | Self::StartingTaskHosts { deadline }
            | Self::Deploying { deadline } => Some(*deadline),
            Self::Running | Self::Finished | Self::Stopping { .. } | Self::BackingOff => None,
        }
    }

    /// Gives it more time.
    pub(in crate::job_master) fn postpone(&mut self, by: Duration) {
        match self {
            Self::WaitingForSlots { deadline: until }
            | Self::StartingTaskHosts { deadline: until }
            | Self::Deploying { deadline: until }
            | Self::Stopping { kill_at: until } => *until = *until + by,
            Self::Running | Self::Finished | Self::BackingOff => {}
        }
    }

    /// When something is to be done about it.
    pub(in crate::job_master) const fn wakeup(&self) -> Option<MonoTime> {
        match self {
            Self::Stopping { kill_at } => Some(*kill_at),
            _ => self.deadline(),
        }
    }
}
