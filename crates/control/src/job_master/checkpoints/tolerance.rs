//! Counts failed checkpoints.

use flott_core::{FailureCause, FailureKind};

/// Without a setting, so many failures of subtasks in a row restart the job.
const TASK_FAILURES: u32 = 3;

/// Whose fault a failed checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A subtask could not do its part, or not in time.
    Task,
    /// Files could not be written. A restart would need the same storage.
    Storage,
    /// Nobody's: it was taken back, or a savepoint.
    Nobody,
}

impl Fault {
    pub(super) fn of(cause: &FailureCause) -> Self {
        match cause.kind {
            FailureKind::External => Self::Storage,
            _ => Self::Task,
        }
    }
}

/// Failed checkpoints since the last that was completed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tolerance {
    tasks: u32,
    storage: u32,
}

impl Tolerance {
    pub(super) fn completed(&mut self) {
        *self = Self::default();
    }

    /// Says why the job must restart, if it must.
    pub(super) fn failed(&mut self, fault: Fault, tolerable: Option<u32>) -> Option<String> {
        match fault {
            Fault::Task => self.tasks += 1,
            Fault::Storage => self.storage += 1,
            Fault::Nobody => return None,
        }
        let (count, reason) = match tolerable {
            Some(tolerable) => {
                let count = self.tasks + self.storage;
                let allowed = "execution.checkpointing.tolerable-failed-checkpoints";
                (count > tolerable).then(|| (count, format!("{allowed} is {tolerable}")))?
            }
            None => {
                let count = self.tasks;
                (count >= TASK_FAILURES).then(|| (count, "none was completed between them".to_owned()))?
            }
        };
        *self = Self::default();
        let checkpoints = if count == 1 { "1 checkpoint" } else { &format!("{count} checkpoints in a row") };
        Some(format!("{checkpoints} failed, and {reason}"))
    }
}
