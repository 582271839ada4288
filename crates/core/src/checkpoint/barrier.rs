use serde::{Deserialize, Serialize};

use crate::CheckpointId;

/// The order for one checkpoint or savepoint. The JobMaster gives it to the sources; from there it travels through the
/// channels, behind the records that belong to the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barrier {
    /// Rises over the whole life of the job and is never used again.
    pub id: CheckpointId,
    /// When it was triggered, in milliseconds since the epoch; for statistics only.
    pub triggered_at: i64,
    /// What is wanted.
    pub kind: SnapshotKind,
    /// How subtasks with several channels wait for it.
    pub alignment: Alignment,
}

/// What a snapshot is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotKind {
    /// To recover from. Its files are the job's and go when newer ones replace them.
    Checkpoint {
        /// Write everything, also what earlier checkpoints have written already.
        full: bool,
    },
    /// For a user, who owns its files: always complete in itself.
    Savepoint {
        /// The URI of its directory, which holds nothing else.
        directory: String,
        /// As the user asked; both are written alike.
        format: SavepointFormat,
        /// Set if the job is to end with it.
        stop: Option<StopMode>,
    },
}

/// In which format a savepoint was asked for. Flott has one format that serves both purposes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SavepointFormat {
    /// Independent of the state backend.
    #[default]
    Canonical,
    /// That of the state backend.
    Native,
}

/// How a job ends with a savepoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopMode {
    /// As if it only paused: no window is fired, nothing that depends on the end of the input happens.
    Suspend,
    /// As if the input had ended: watermark to the end of time, all windows fire, then the savepoint.
    Drain,
}

/// How a subtask with several channels waits for the barrier in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alignment {
    /// Channels that have delivered it are blocked until all have. Exactly once.
    Aligned {
        /// After how many milliseconds of waiting it overtakes the records before it instead; `None` for never.
        timeout_ms: Option<u64>,
    },
    /// It overtakes the records before it, which become part of the snapshot. Exactly once.
    Unaligned,
    /// Nothing is blocked: records may be in the snapshot and be read again. At least once.
    AtLeastOnce,
}

impl Barrier {
    /// Whether the job ends with it, and how.
    pub fn stop(&self) -> Option<StopMode> {
        match self.kind {
            SnapshotKind::Savepoint { stop, .. } => stop,
            SnapshotKind::Checkpoint { .. } => None,
        }
    }

    /// Whether it is a savepoint.
    pub const fn is_savepoint(&self) -> bool {
        matches!(self.kind, SnapshotKind::Savepoint { .. })
    }

    /// Whether sinks make visible what belongs to it when it is complete. Not with a savepoint after which the job goes on:
    /// the job would recover from a checkpoint before it, and write the same again.
    pub fn commits(&self) -> bool {
        !self.is_savepoint() || self.stop().is_some()
    }
}
