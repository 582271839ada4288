use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StateFile {
    /// Where it is: relative to the directory of the snapshot's `_metadata` (such as `8c5e…` or `../shared/8c5e…`), or, if it
    /// is another job's, a whole URI.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
}

/// Bytes that are in the metadata if they are few, else in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blob {
    /// Here.
    Inline(#[serde(with = "serde_bytes")] Vec<u8>),
    /// There.
    File(StateFile),
}

impl Blob {
    /// Number of bytes.
    pub const fn size(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::File(file) => file.size,
        }
    }
}

/// The state of one operator in one subtask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorSubtaskState {
    /// The operator.
    pub uid: String,
    /// The operator's index of all that it has in this snapshot; only the task hosts read it.
    pub manifest: Blob,
    /// The files that the manifest points to, written for this snapshot or for earlier ones.
    pub files: Vec<StateFile>,
    /// Whether there is state that each subtask must have all of, so that a restore at the same parallelism needs the
    /// states of all subtasks.
    pub has_union: bool,
    /// Size of the whole state in bytes.
    pub state_size: u64,
}

/// How far the splits are that a source's subtask knows of, so that the JobMaster can tell those that the snapshot of
/// this subtask contains from those that it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceProgress {
    /// Number of the last request whose answer the subtask had got; 0 for none.
    pub last_answered: u64,
    /// Set in the subtask that enumerates the splits, while it does: the number of its last report, and what its enumerator
    /// needs to go on from there.
    pub enumerator: Option<(u64, Vec<u8>)>,
}

/// All that one subtask hands in for a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtaskSnapshot {
    /// By operator; those without state are left out.
    pub operators: Vec<OperatorSubtaskState>,
    /// Records that the barrier has overtaken, if any.
    pub channels: Option<Blob>,
    /// Set for sources.
    pub source: Option<SourceProgress>,
    /// Whether the subtask had processed all its input before: when restored it has nothing left to do.
    pub finished: bool,
    /// The watermark of its input.
    pub watermark: Timestamp,
}

impl Default for SubtaskSnapshot {
    fn default() -> Self {
        Self {
            operators: Vec::new(),
            channels: None,
            source: None,
            finished: false,
            watermark: Timestamp::MIN,
        }
    }
}

impl SubtaskSnapshot {
    /// Every file that it refers to.
    pub fn files(&self) -> impl Iterator<Item = &StateFile> {
        let manifests = self.operators.iter().map(|operator| &operator.manifest);
        let blobs = manifests.chain(&self.channels).filter_map(|blob| match blob {
            Blob::File(file) => Some(file),
            Blob::Inline(_) => None,
        });
        self.operators.iter().flat_map(|operator| &operator.files).chain(blobs)
    }

    /// Size of the whole state in bytes.
    pub fn state_size(&self) -> u64 {
        let channels = self.channels.as_ref().map_or(0, Blob::size);
        self.operators.iter().map(|operator| operator.state_size).sum::<u64>() + channels
    }
}

/// How a checkpoint went in one subtask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointStats {
    /// Bytes that were written for it.
    pub written: u64,
    /// Milliseconds for which the subtask did nothing else.
    pub sync_ms: u64,
    /// Milliseconds from the barrier until everything was written.
    pub async_ms: u64,
    /// Milliseconds from the first barrier to the last.
    pub alignment_ms: u64,
    /// Milliseconds from the trigger to the first barrier.
    pub start_delay_ms: u64,
    /// Bytes that were processed while barriers were awaited.
    pub processed: u64,
    /// Bytes of records that became part of the snapshot.
    pub persisted: u64,
    /// Whether barriers have overtaken records.
    pub unaligned: bool,
}
