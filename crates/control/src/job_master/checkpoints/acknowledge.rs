//! What subtasks tell of checkpoints.

use flott_core::{
    AttemptNumber, FailureCause, FailureKind, MonoTime, SubtaskId,
    checkpoint::{CheckpointStats, SubtaskSnapshot},
};

use super::super::{Effect, JobMaster, split_queue::Progress};
use super::{Garbage, retained, statistics::SubtaskRecord, tolerance::Fault};
use crate::protocol::{CheckpointOutcome, CheckpointReport};

impl JobMaster {
    /// A subtask has done its part of a checkpoint, or can't. What is late, doubled or of an attempt that runs no more
    /// changes nothing.
    pub(in super::super) fn checkpoint_reported(
        &mut self,
        report: CheckpointReport,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let CheckpointReport { subtask, attempt, checkpoint_id: id, outcome } = report;
        let is_live = self.executions.get(subtask, attempt).is_some_and(|execution| execution.is_live());
        let pending = self.checkpoints.pending.get(&id).filter(|pending| pending.is_acknowledging());
        let is_wanted = pending.is_some_and(|pending| pending.missing.get(&subtask) == Some(&attempt));
        match outcome {
            CheckpointOutcome::Acknowledged { snapshot, stats } if is_live && is_wanted => {
                self.acknowledge(id, (subtask, attempt), *snapshot, stats, now, out);
            }
            CheckpointOutcome::Declined(cause) if is_live && is_wanted => {
                let fault = Fault::of(&cause);
                let cause = cause.context(format!("in {}", self.task_name(subtask)));
                self.abort_checkpoint(id, cause, fault, now, out);
            }
            CheckpointOutcome::Acknowledged { snapshot, .. } => {
                // Those of one that is pending were handed in before, with other files; those of one that was given up
                // are of use to nobody.
                let directory = self.checkpoint_directory(id);
                let files = snapshot.files().map(|file| retained::uri_of(&directory, file));
                let files = files.filter(|file| self.is_own(file)).collect::<Vec<_>>();
                let files = self.checkpoints.retained.unused(files, &self.files_in_use());
                self.checkpoints.retained.remember(&files);
                self.delete(Garbage { files, directories: Vec::new() }, out);
            }
            CheckpointOutcome::Declined(_) => {}
        }
    }

    /// A subtask has processed all its input and needs a checkpoint to end.
    pub(in super::super) fn checkpoint_awaited(
        &mut self,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        out: &mut Vec<Effect>,
    ) {
        if self.executions.get(subtask, attempt).is_none_or(|execution| !execution.is_live()) {
            return;
        }
        let from = self.checkpoints.next_id;
        let awaiting = self.checkpoints.awaiting.entry(subtask).or_insert((attempt, from));
        if awaiting.0 != attempt {
            *awaiting = (attempt, from);
        }
        // Those under way may never come to it in its channels.
        for id in self.checkpoints.pending.keys().copied().collect::<Vec<_>>() {
            self.begin_where_needed(id, out);
        }
    }

    fn acknowledge(
        &mut self,
        id: flott_core::CheckpointId,
        (subtask, attempt): (SubtaskId, AttemptNumber),
        snapshot: SubtaskSnapshot,
        stats: CheckpointStats,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let Some(pending) = self.checkpoints.pending.get_mut(&id) else { return };
        let progress = match snapshot.finished {
            true => Progress::Finished,
            false => Progress::At(snapshot.source.clone().unwrap_or_default()),
        };
        let (state_size, finished) = (snapshot.state_size(), snapshot.finished);
        pending.acknowledge(subtask, attempt, snapshot);
        let record = SubtaskRecord { acknowledged_at: now, state_size, stats, finished };
        self.checkpoints.statistics.acknowledged(id, subtask, record);
        if let Some(queue) = self.splits.get_mut(&subtask.vertex) {
            queue.passed(id, subtask.subtask, progress);
            self.serve_splits(out);
        }
        if let Some(lost) = self.deleted_file(id, subtask) {
            let message =
                format!("its state refers to {lost}, which newer checkpoints do not need and was deleted");
            let cause = FailureCause::new(FailureKind::Internal, message);
            let cause = cause.context(format!("in {}", self.task_name(subtask)));
            self.abort_checkpoint(id, cause, Fault::Task, now, out);
        }
    }

    /// A file that a subtask's part needs and that is gone, if there is one.
    fn deleted_file(&self, id: flott_core::CheckpointId, subtask: SubtaskId) -> Option<String> {
        let pending = self.checkpoints.pending.get(&id)?;
        let directory = self.directory_of(&pending.barrier);
        let files = pending.acknowledged.get(&subtask)?.files();
        let mut files = files.map(|file| retained::uri_of(&directory, file));
        files.find(|file| self.checkpoints.retained.was_deleted(file))
    }
}
