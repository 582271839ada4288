//! What takes part in a checkpoint says to each other: the order that travels with the barriers, what a subtask hands in,
//! and what the finished checkpoint is made of.

mod barrier;
mod metadata;
mod settings;
mod subtask;

pub use barrier::{Alignment, Barrier, SavepointFormat, SnapshotKind, StopMode};
pub use metadata::{
    CheckpointMetadata, EnumerationState, OperatorState, RestorePoint, SourceQueueState, VertexState,
};
pub use settings::{CheckpointMode, CheckpointSettings, Retention};
pub use subtask::{Blob, CheckpointStats, OperatorSubtaskState, SourceProgress, StateFile, SubtaskSnapshot};
