//! What a harness' snapshot consists of.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use flott_core::{
    FailureCause, FailureKind, JobGraph, JobId, JobVertex, SubtaskId,
    checkpoint::{Barrier, CheckpointMetadata, OperatorState, RestorePoint, SubtaskSnapshot, VertexState},
    time::Timestamp,
};
use flott_storage::{Storage, StorageOptions, StorageUri, UriError, store_metadata};
use tokio::runtime::Handle;

use super::splits::LocalSplits;
use crate::JobProgram;

/// How a harness takes snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotOptions {
    /// Whether keyed state goes into files however small it is, so that later snapshots of the same harness refer to what has
    /// not changed.
    pub in_files: bool,
    /// How many bytes are written between two elements, `None` for as many as in a real job. With 1 a snapshot takes as long as
    /// possible, so that much of the state changes while it is written.
    pub piece: Option<usize>,
}

/// The state of all subtasks of a job at one moment, to go on from. Its files are removed with the last snapshot and harness
/// that use them.
#[derive(Clone)]
pub struct HarnessSnapshot {
    pub(super) point: RestorePoint,
    pub(super) metadata: CheckpointMetadata,
    /// By uid of the source.
    pub(super) queues: BTreeMap<String, LocalSplits>,
    pub(super) now: Timestamp,
    pub(super) directory: Arc<Directory>,
    pub(super) options: SnapshotOptions,
}

impl std::fmt::Debug for HarnessSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HarnessSnapshot").field("metadata", &self.metadata).field("now", &self.now).finish()
    }
}

impl HarnessSnapshot {
    /// What it is made of, as in the `_metadata` of a checkpoint.
    pub fn metadata(&self) -> &CheckpointMetadata {
        &self.metadata
    }

    /// Processing time when it was taken.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The splits that no subtask of a source had.
    pub(super) fn queue(&self, vertex: &JobVertex) -> Option<LocalSplits> {
        self.queues.get(&vertex.operators.first()?.uid).map(LocalSplits::copy)
    }

    /// Whether the program can go on from it.
    pub(super) fn check(&self, program: &JobProgram) -> Result<(), FailureCause> {
        for vertex in &program.graph.vertices {
            for operator in &vertex.operators {
                let Some(stored) = self.metadata.operator(&operator.uid) else { continue };
                if stored.max_parallelism != vertex.max_parallelism {
                    let message = format!(
                        "cannot restore: \"{}\" has a maximum parallelism of {} in the snapshot and of {} now, but it must \
                         stay the same: set it with set_max_parallelism",
                        operator.name, stored.max_parallelism, vertex.max_parallelism
                    );
                    return Err(FailureCause::new(FailureKind::StateIncompatible, message));
                }
            }
        }
        Ok(())
    }
}

/// A directory of its own among the temporary ones, which is made when something is written, and goes with its last user.
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("flott-harness-{}", uuid::Uuid::new_v4())))
    }

    pub(super) fn uri(&self) -> Result<StorageUri, UriError> {
        StorageUri::from_local(&self.0)
    }

    /// Writes the metadata of a snapshot.
    pub(super) fn store(&self, metadata: &CheckpointMetadata, io: &Handle) -> Result<RestorePoint, String> {
        let id = metadata.checkpoint_id;
        let directory = self.uri().map_err(|error| error.to_string())?.join(&format!("chk-{id}"));
        let storage = Storage::open(&StorageOptions::default());
        let file =
            io.block_on(store_metadata(&storage, &directory, metadata)).map_err(|error| error.to_string())?;
        Ok(RestorePoint { checkpoint_id: id, metadata: directory.join(&file.path).to_string(), owned: true })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // There is none if all of it was small.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The metadata of a snapshot that all subtasks have taken.
pub(super) fn assemble(
    graph: &JobGraph,
    barrier: &Barrier,
    acknowledged: &BTreeMap<SubtaskId, SubtaskSnapshot>,
) -> CheckpointMetadata {
    let mut metadata = CheckpointMetadata {
        job_id: JobId::from_bytes([0; 16]),
        job_name: graph.name.clone(),
        checkpoint_id: barrier.id,
        kind: barrier.kind.clone(),
        triggered_at: barrier.triggered_at,
        operators: Vec::new(),
        vertices: Vec::new(),
        sources: Vec::new(),
    };
    for (index, vertex) in (0u32..).zip(&graph.vertices) {
        let subtasks: Vec<_> = (0..vertex.parallelism)
            .filter_map(|subtask| acknowledged.get(&SubtaskId::new(index, subtask)))
            .collect();
        for operator in &vertex.operators {
            let of = |snapshot: &&SubtaskSnapshot| {
                snapshot.operators.iter().find(|state| state.uid == operator.uid).cloned()
            };
            metadata.operators.push(OperatorState {
                uid: operator.uid.clone(),
                name: operator.name.clone(),
                parallelism: vertex.parallelism,
                max_parallelism: vertex.max_parallelism,
                subtasks: subtasks.iter().map(of).collect(),
            });
        }
        metadata.vertices.push(VertexState {
            uids: vertex.operators.iter().map(|operator| operator.uid.clone()).collect(),
            finished: subtasks.iter().map(|snapshot| snapshot.finished).collect(),
            watermarks: subtasks.iter().map(|snapshot| snapshot.watermark).collect(),
            channels: Vec::new(),
        });
    }
    metadata
}
