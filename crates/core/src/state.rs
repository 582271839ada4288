//! States that users see, with Flink's names and spelling.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Status of a job, as REST, CLI and dashboard show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Accepted, its JobMaster does not run yet.
    Initializing,
    /// Its JobMaster runs and waits for slots.
    Created,
    /// Tasks are being deployed or run.
    Running,
    /// A failure is being torn down; `Failed` follows.
    Failing,
    /// Ended by a failure.
    Failed,
    /// A user asked to cancel; tasks are being torn down.
    Cancelling,
    /// Ended by a user's request.
    Canceled,
    /// Ended after all its input.
    Finished,
    /// Torn down after a failure, to be started again.
    Restarting,
    /// Its JobMaster lost leadership.
    Suspended,
    /// A new JobMaster takes over running tasks.
    Reconciling,
}

impl JobStatus {
    /// All, in the order in which Flink lists them in `timestamps`.
    pub const ALL: [Self; 11] = [
        Self::Initializing,
        Self::Created,
        Self::Running,
        Self::Failing,
        Self::Failed,
        Self::Cancelling,
        Self::Canceled,
        Self::Finished,
        Self::Restarting,
        Self::Suspended,
        Self::Reconciling,
    ];

    /// Whether the job will never leave this status.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Failed | Self::Canceled | Self::Finished)
    }

    /// The name on the wire, such as `CANCELLING`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initializing => "INITIALIZING",
            Self::Created => "CREATED",
            Self::Running => "RUNNING",
            Self::Failing => "FAILING",
            Self::Failed => "FAILED",
            Self::Cancelling => "CANCELLING",
            Self::Canceled => "CANCELED",
            Self::Finished => "FINISHED",
            Self::Restarting => "RESTARTING",
            Self::Suspended => "SUSPENDED",
            Self::Reconciling => "RECONCILING",
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// State of an execution (one attempt of a subtask).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionState {
    /// Known, without a slot.
    Created,
    /// A slot is wanted.
    Scheduled,
    /// Sent to its TaskManager.
    Deploying,
    /// Its operators are being opened.
    Initializing,
    /// Processing records.
    Running,
    /// Ended after all its input.
    Finished,
    /// Told to stop; not stopped yet.
    Canceling,
    /// Stopped on request.
    Canceled,
    /// Ended by a failure.
    Failed,
    /// Reported by a TaskManager, not yet adopted.
    Reconciling,
}

impl ExecutionState {
    /// All, in the order in which Flink lists them.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Scheduled,
        Self::Deploying,
        Self::Initializing,
        Self::Running,
        Self::Finished,
        Self::Canceling,
        Self::Canceled,
        Self::Failed,
        Self::Reconciling,
    ];

    /// Whether the attempt has ended: nothing of it runs any more.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::Canceled | Self::Failed)
    }

    /// The name on the wire, such as `CANCELING`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Scheduled => "SCHEDULED",
            Self::Deploying => "DEPLOYING",
            Self::Initializing => "INITIALIZING",
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Canceling => "CANCELING",
            Self::Canceled => "CANCELED",
            Self::Failed => "FAILED",
            Self::Reconciling => "RECONCILING",
        }
    }
}

impl fmt::Display for ExecutionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_are_the_serialized_ones() {
        for status in JobStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for state in ExecutionState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}
