//! Takes the job's checkpoints and savepoints.

mod request;

use flott_core::{AttemptNumber, CheckpointId, FailureCause, MonoTime, SubtaskId, VertexIndex, checkpoint::RestorePoint};
use std::collections::BTreeSet;

use super::{Effect, JobMaster, Outcome};
use crate::protocol::{CallId, CheckpointReport, Order};
pub use request::{AfterSavepoint, CheckpointConfig, CheckpointStatistics, InitialSnapshot, ManualCheckpoint, SnapshotRequest, SnapshotTaken, StoredMetadata};

#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoints {}

impl JobMaster {
    /// Sets what the machine can't know by itself. Before the first event.
    #[must_use]
    pub fn with_checkpoints(self, _config: CheckpointConfig) -> Self {
        self
    }

    /// What the job shows of its checkpoints.
    // pub fn checkpoints(&self) -> &CheckpointStatistics

    pub(super) fn checkpoint_reported(&mut self, _report: CheckpointReport, _now: MonoTime, _out: &mut Vec<Effect>) {}
    pub(super) fn checkpoint_awaited(&mut self, _subtask: SubtaskId, _attempt: AttemptNumber) {}
    pub(super) fn request_snapshot(&mut self, _call: CallId, _request: SnapshotRequest, _now: MonoTime, _out: &mut Vec<Effect>) {}
    pub(super) fn checkpoint_stored(&mut self, _id: CheckpointId, _result: Result<StoredMetadata, FailureCause>, _now: MonoTime, _out: &mut Vec<Effect>) {}
    pub(super) fn advance_checkpoints(&mut self, _now: MonoTime, _out: &mut Vec<Effect>) {}
    pub(super) fn checkpoints_wakeup(&self) -> Option<MonoTime> {
        None
    }
    pub(super) fn restore_point(&self) -> Option<RestorePoint> {
        None
    }
    pub(super) fn checkpoint_notice(&self) -> Option<Order> {
        None
    }
    pub(super) fn end_checkpoints(&mut self, _outcome: &Outcome, _now: MonoTime, _out: &mut Vec<Effect>) {}
    pub(super) fn stop_checkpoints(&mut self, _cause: &FailureCause, _now: MonoTime, _out: &mut Vec<Effect>) {}
    pub(super) fn checkpoints_settled(&self) -> bool {
        true
    }
    pub(super) fn needs_whole_vertex(&self, _vertex: VertexIndex) -> bool {
        false
    }
    pub(super) fn restore_splits(&mut self, _restarted: &BTreeSet<SubtaskId>) {}
}
