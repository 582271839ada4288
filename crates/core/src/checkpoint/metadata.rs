use serde::{Deserialize, Serialize};

use super::{Blob, OperatorSubtaskState, SnapshotKind, StateFile};
use crate::{CheckpointId, JobId, time::Timestamp};

/// What a completed checkpoint or savepoint is made of: the content of its `_metadata`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointMetadata {
    /// The job that made it.
    pub job_id: JobId,
    /// Name of that job.
    pub job_name: String,
    /// Its number among those of the job.
    pub checkpoint_id: CheckpointId,
    /// What it was for.
    pub kind: SnapshotKind,
    /// When it was triggered, in milliseconds since the epoch.
    pub triggered_at: i64,
    /// The state of each operator that has any.
    pub operators: Vec<OperatorState>,
    /// What belongs to whole chains.
    pub vertices: Vec<VertexState>,
    /// What sources have still to read.
    pub sources: Vec<SourceQueueState>,
}

/// The state of one operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorState {
    /// The operator.
    pub uid: String,
    /// Its name, for people.
    pub name: String,
    /// Its parallelism then.
    pub parallelism: u32,
    /// Number of its key groups, which must never change.
    pub max_parallelism: u32,
    /// By subtask; `None` for one without state.
    pub subtasks: Vec<Option<OperatorSubtaskState>>,
}

/// What belongs to a chain as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VertexState {
    /// The chained operators, by which the chain is found again.
    pub uids: Vec<String>,
    /// Which of its subtasks had processed all their input.
    pub finished: Vec<bool>,
    /// By subtask: the watermark of its input.
    pub watermarks: Vec<Timestamp>,
    /// By subtask: records that barriers have overtaken. Empty if there are none at all.
    pub channels: Vec<Option<Blob>>,
}

/// The splits of a source that no subtask had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceQueueState {
    /// The source.
    pub uid: String,
    /// They, in the order in which they are to be read.
    pub remaining: Vec<serde_bytes::ByteBuf>,
    /// How far they were known.
    pub enumeration: EnumerationState,
}

/// How far the splits of a source are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnumerationState {
    /// Not at all.
    NotBegun,
    /// The enumerator goes on from here.
    Underway(#[serde(with = "serde_bytes")] Vec<u8>),
    /// There are no others.
    Complete,
}

/// What subtasks are to begin with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RestorePoint {
    /// The number of the checkpoint.
    pub checkpoint_id: CheckpointId,
    /// URI of its `_metadata`.
    pub metadata: String,
    /// Whether its files are the job's own, so that later checkpoints may refer to them.
    pub owned: bool,
}

impl CheckpointMetadata {
    /// Whether it contains records that were on their way between subtasks.
    pub fn has_records(&self) -> bool {
        self.vertices.iter().any(|vertex| vertex.channels.iter().any(Option::is_some))
    }

    /// Every file that it refers to.
    pub fn files(&self) -> impl Iterator<Item = &StateFile> {
        let subtasks = || self.operators.iter().flat_map(|operator| &operator.subtasks).flatten();
        let channels = self.vertices.iter().flat_map(|vertex| &vertex.channels).flatten();
        let blobs = subtasks().map(|subtask| &subtask.manifest).chain(channels);
        let blobs = blobs.filter_map(|blob| match blob {
            Blob::File(file) => Some(file),
            Blob::Inline(_) => None,
        });
        subtasks().flat_map(|subtask| &subtask.files).chain(blobs)
    }

    /// The state of an operator.
    pub fn operator(&self, uid: &str) -> Option<&OperatorState> {
        self.operators.iter().find(|operator| operator.uid == uid)
    }
}
