//! Why something failed, in the form in which it reaches users.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of thing failed. Failover and the choice of the root cause read this, never the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureKind {
    /// A connection to a peer broke. Nearly always the echo of another failure.
    ConnectionLost,
    /// An error of our own.
    Internal,
    /// The wanted slots did not come in time.
    NoResources,
    /// The task host's graph is not the submitted one.
    GraphMismatch,
    /// A source could not be read or a sink not be written, or another outside system failed.
    External,
    /// The state of a checkpoint or savepoint does not fit the job.
    StateIncompatible,
    /// A checkpoint or savepoint from which the job is to go on is missing or damaged.
    CheckpointUnreadable,
    /// Checkpoints failed too often, or the one failed on which the job's end depended.
    CheckpointFailed,
    /// User code returned an error.
    UserError,
    /// User code panicked.
    Panic,
    /// The task host could not be started.
    TaskHostStart,
    /// The task host ended by itself with an exit code.
    TaskHostExit,
    /// The task host was killed by a signal.
    TaskHostSignal,
    /// The kernel killed the task host for want of memory.
    TaskHostOutOfMemory,
    /// The TaskManager is gone.
    TaskManagerLost,
}

impl FailureKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::ConnectionLost,
        Self::Internal,
        Self::NoResources,
        Self::GraphMismatch,
        Self::External,
        Self::StateIncompatible,
        Self::CheckpointUnreadable,
        Self::CheckpointFailed,
        Self::UserError,
        Self::Panic,
        Self::TaskHostStart,
        Self::TaskHostExit,
        Self::TaskHostSignal,
        Self::TaskHostOutOfMemory,
        Self::TaskManagerLost,
    ];

    /// Whether it would happen again however often the job were restarted.
    pub const fn is_unrecoverable(self) -> bool {
        matches!(self, Self::GraphMismatch | Self::StateIncompatible | Self::CheckpointUnreadable)
    }

    /// How likely this is the root and not an echo: of several causes that come together, the one of the highest
    /// rank is shown first, and among equals the earliest.
    pub const fn rank(self) -> u8 {
        match self {
            Self::ConnectionLost => 0,
            Self::TaskHostExit | Self::Internal => 1,
            _ => 2,
        }
    }

    /// The name on the wire, such as `TASK_MANAGER_LOST`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionLost => "CONNECTION_LOST",
            Self::Internal => "INTERNAL",
            Self::NoResources => "NO_RESOURCES",
            Self::GraphMismatch => "GRAPH_MISMATCH",
            Self::External => "EXTERNAL",
            Self::StateIncompatible => "STATE_INCOMPATIBLE",
            Self::CheckpointUnreadable => "CHECKPOINT_UNREADABLE",
            Self::CheckpointFailed => "CHECKPOINT_FAILED",
            Self::UserError => "USER_ERROR",
            Self::Panic => "PANIC",
            Self::TaskHostStart => "TASK_HOST_START",
            Self::TaskHostExit => "TASK_HOST_EXIT",
            Self::TaskHostSignal => "TASK_HOST_SIGNAL",
            Self::TaskHostOutOfMemory => "TASK_HOST_OUT_OF_MEMORY",
            Self::TaskManagerLost => "TASK_MANAGER_LOST",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One failure with its root cause first. What is not known stays `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCause {
    /// What kind of thing failed.
    pub kind: FailureKind,
    /// The root cause in one line, such as a panic's message.
    pub message: String,
    /// What led to it, outermost last; one line each.
    #[serde(default)]
    pub context: Vec<String>,
    /// Name of the operator in which it happened.
    #[serde(default)]
    pub operator: Option<String>,
    /// Where in the user's source, such as `src/main.rs:12:5`.
    #[serde(default)]
    pub location: Option<String>,
    /// Last lines that the task host wrote to stderr.
    #[serde(default)]
    pub stderr_tail: Option<String>,
}

impl FailureCause {
    /// A cause with nothing but its kind and message.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            context: Vec::new(),
            operator: None,
            location: None,
            stderr_tail: None,
        }
    }

    /// The same cause, with a line that says what was being done.
    #[must_use]
    pub fn context(mut self, line: impl Into<String>) -> Self {
        self.context.push(line.into());
        self
    }

    /// The same cause, in this operator.
    #[must_use]
    pub fn in_operator(mut self, operator: impl Into<String>) -> Self {
        self.operator = Some(operator.into());
        self
    }
}

impl fmt::Display for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_serialized_name() {
        for kind in FailureKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(FailureKind::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(FailureKind::from_name("nonsense"), None);
    }
}
