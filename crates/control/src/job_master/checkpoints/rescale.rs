//! Checkpoints from which the job goes on with other numbers of subtasks.

use flott_core::{CheckpointId, MonoTime};

use super::{
    super::{Effect, JobMaster},
    pending::Reason,
};

impl JobMaster {
    /// Triggers a checkpoint that can be restored at any parallelism.
    pub(in super::super) fn trigger_for_rescale(
        &mut self,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) -> CheckpointId {
        self.trigger(self.checkpoint_kind(None), Reason::Rescale, now, out)
    }

    /// Whether one may be triggered now. It waits until others have ended: there would be two at a time of which one is
    /// given up.
    pub(in super::super) fn may_checkpoint_alone(&mut self, out: &mut Vec<Effect>) -> bool {
        self.checkpoints.requests.is_empty()
            && !self.is_occupied(true)
            && self.refusal().is_none()
            && self.secure_checkpoint(out)
    }

    /// Whether this checkpoint has not come to its end.
    pub(in super::super) fn is_under_way(&self, id: CheckpointId) -> bool {
        self.checkpoints.pending.contains_key(&id)
    }

    /// The number of the checkpoint that the job has taken last and recovers from.
    pub(in super::super) fn latest_checkpoint(&self) -> Option<CheckpointId> {
        self.checkpoints.latest.as_ref().map(|(point, _)| point.checkpoint_id)
    }

    /// Whether there is something to recover from, also with other numbers of subtasks.
    pub(in super::super) fn latest_fits_any_parallelism(&self) -> bool {
        self.restore_point().is_some() && !self.checkpoints.has_records
    }

    /// Whether what the job recovers from has records that were on their way.
    pub(in super::super) fn begins_with_records(&self) -> bool {
        self.checkpoints.has_records
    }

    /// Whether the job is about to end with a savepoint.
    pub(in super::super) fn is_stopping_with_savepoint(&self) -> bool {
        self.checkpoints.stopping.is_some()
            || self.checkpoints.requests.iter().any(|(_, request)| request.stops())
            || self.checkpoints.pending.values().any(|pending| pending.reason.ends_job())
    }
}
