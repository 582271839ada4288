//! What users ask for and what they get.

use std::sync::Arc;

use flott_core::{
    CheckpointId, ExecutionState, FailureKind,
    checkpoint::{CheckpointMetadata, RestorePoint, SavepointFormat, StopMode},
};

use super::super::{Effect, JobMaster};
use crate::protocol::CallId;

/// What the machine can't know of the job's checkpoints by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointConfig {
    /// `web.checkpoints.history`: how many are shown.
    pub history: usize,
    /// The wall clock's milliseconds since the epoch at `MonoTime::ZERO`. Only what is shown depends on it.
    pub epoch_ms: i64,
    /// What the job begins with.
    pub initial: Option<InitialSnapshot>,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { history: 10, epoch_ms: 0, initial: None }
    }
}

/// A checkpoint or savepoint that a job begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialSnapshot {
    /// Where it is, and whether it belongs to the job from now on (claim mode) or is only read.
    pub point: RestorePoint,
    /// What is in it. Checked against the graph by [`check_restore`](super::check_restore) before the job is made.
    pub metadata: Arc<CheckpointMetadata>,
}

/// What a user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotRequest {
    /// A checkpoint now.
    Checkpoint(ManualCheckpoint),
    /// A savepoint.
    Savepoint {
        /// URI of its own directory, which does not exist yet: `<target>/savepoint-<first 6 of the job id>-<12 hex digits>`.
        directory: String,
        /// As the user asked.
        format: SavepointFormat,
        /// What comes after it.
        then: AfterSavepoint,
    },
}

/// What a checkpoint is to contain that a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManualCheckpoint {
    /// As the job's settings say.
    #[default]
    Configured,
    /// Everything is written.
    Full,
    /// What has not changed is referred to.
    Incremental,
}

/// What becomes of a job after a savepoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterSavepoint {
    /// It goes on.
    #[default]
    GoOn,
    /// It is canceled.
    Cancel,
    /// It finishes.
    Stop(StopMode),
}

/// A checkpoint or savepoint that a user asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotTaken {
    /// Its number.
    pub checkpoint_id: CheckpointId,
    /// URI of its directory.
    pub location: String,
}

/// A `_metadata` that was written, read back and verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMetadata {
    /// Its URI.
    pub uri: String,
    /// Its size in bytes.
    pub size: u64,
}

/// So many requests may wait.
const MAX_REQUESTS: usize = 64;

impl JobMaster {
    /// Takes in a user's request. It is granted when no other checkpoint is in its way.
    pub(in super::super) fn request_snapshot(
        &mut self,
        call: CallId,
        request: SnapshotRequest,
        out: &mut Vec<Effect>,
    ) {
        if let Some((kind, message)) = self.refusal() {
            return self.refuse(call, kind, message, out);
        }
        let (running, all) = (self.executions.count(ExecutionState::Running), self.graph.total_subtasks());
        let finished = self.executions.count(ExecutionState::Finished);
        let message = if !self.can_checkpoint() {
            let status = self.status();
            format!("the job is {status}: {} of its {all} subtasks run", running + finished)
        } else if let Some(stopping) = &self.checkpoints.stopping {
            format!("the job is being stopped with savepoint {}", stopping.id)
        } else if self.checkpoints.requests.iter().any(|(_, request)| request.stops()) {
            "the job is about to be stopped with a savepoint".to_owned()
        } else if self.checkpoints.requests.len() >= MAX_REQUESTS {
            format!("{MAX_REQUESTS} other requests are waiting")
        } else {
            return self.checkpoints.requests.push_back((call, request));
        };
        self.refuse(call, FailureKind::CheckpointFailed, message, out);
    }
}

impl SnapshotRequest {
    pub(super) fn stops(&self) -> bool {
        matches!(self, Self::Savepoint { then: AfterSavepoint::Stop(_) | AfterSavepoint::Cancel, .. })
    }
}
