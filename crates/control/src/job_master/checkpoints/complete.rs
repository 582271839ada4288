//! From the last acknowledgment to the point from which the job recovers.

use std::{collections::BTreeMap, sync::Arc};

#[cfg(feature = "sabotage")]
use flott_core::sabotage::{Sabotage, is};
use flott_core::{
    CheckpointId, FailureCause, FailureKind, MonoTime,
    checkpoint::{Barrier, CheckpointMetadata, RestorePoint, SnapshotKind},
};

use super::super::{
    Effect, JobMaster, Outcome,
    split_queue::{QueueSnapshot, SplitQueue, Taken},
};
use super::{
    AfterSavepoint, Completed, Demand, Garbage, InitialSnapshot, SnapshotTaken, StoredMetadata, abort,
    decide, metadata,
    pending::{Pending, Phase, Reason},
    retained,
    statistics::RestoredRecord,
    tolerance::Fault,
};
use crate::protocol::CheckpointNotice;

impl JobMaster {
    /// Stores the metadata of those that all have acknowledged.
    pub(super) fn complete_checkpoints(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let complete = |it: &&Pending| it.is_acknowledging() && it.missing.is_empty();
        let complete = self.checkpoints.pending.values().filter(complete);
        for id in complete.map(Pending::id).collect::<Vec<_>>() {
            let mut queues = BTreeMap::new();
            let taken = self.splits.iter_mut().map(|(vertex, queue)| (*vertex, queue.snapshot(id)));
            let mut torn = None;
            for (vertex, taken) in taken {
                match taken {
                    Taken::Ready(queue) => drop(queues.insert(vertex, queue)),
                    Taken::NotYet => {}
                    Taken::Torn => torn = Some(vertex),
                }
            }
            if let Some(vertex) = torn {
                let name = &self.graph.vertex(vertex).name;
                let message = format!("checkpoint {id} would read a split of \"{name}\" twice");
                let cause = FailureCause::new(FailureKind::Internal, message);
                self.abort_checkpoint(id, cause, Fault::Task, now, out);
            } else if queues.len() == self.splits.len() {
                self.store(id, &queues, out);
            }
        }
    }

    fn store(
        &mut self,
        id: CheckpointId,
        queues: &BTreeMap<flott_core::VertexIndex, QueueSnapshot>,
        out: &mut Vec<Effect>,
    ) {
        let Some(pending) = self.checkpoints.pending.get_mut(&id) else { return };
        let (barrier, acknowledged) = (&pending.barrier, &pending.acknowledged);
        let metadata = metadata::assemble(self.spec.job_id, &self.graph, barrier, acknowledged, queues);
        let metadata = Arc::new(metadata);
        pending.phase = Phase::Storing { metadata: metadata.clone() };
        let barrier = barrier.clone();
        let directory = self.directory_of(&barrier);
        #[cfg(feature = "sabotage")]
        if barrier.commits() && is(Sabotage::CommitBeforePointer) {
            self.notify_all(CheckpointNotice::Completed(id), out);
        }
        out.push(Effect::StoreCheckpoint { checkpoint_id: id, directory, metadata });
    }

    pub(in super::super) fn checkpoint_stored(
        &mut self,
        id: CheckpointId,
        result: Result<StoredMetadata, FailureCause>,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let pending = self.checkpoints.pending.get(&id);
        let Some(Phase::Storing { metadata }) = pending.map(|pending| pending.phase.clone()) else { return };
        match result {
            Ok(stored) => self.stored(id, metadata, stored, now, out),
            Err(cause) => {
                let cause = cause.context(format!("metadata of checkpoint {id} could not be written"));
                self.abort_checkpoint(id, cause, Fault::Storage, now, out);
            }
        }
        self.serve_splits(out);
        // Whatever waits for the point to recover from may have it now.
        self.proceed(now, out);
    }

    /// Its files are durable.
    fn stored(
        &mut self,
        id: CheckpointId,
        metadata: Arc<CheckpointMetadata>,
        stored: StoredMetadata,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let Some(pending) = self.checkpoints.pending.get_mut(&id) else { return };
        pending.phase = Phase::Stored { metadata, stored };
        if !self.is_to_be_latest(id) {
            self.complete_savepoint(id, now, out);
        }
        self.advance_pointer(now, out);
    }

    /// Whether the job recovers from it once it is complete.
    pub(super) fn is_to_be_latest(&self, id: CheckpointId) -> bool {
        let is_stop = self.checkpoints.stopping.as_ref().is_some_and(|stopping| stopping.id == id);
        let pending = self.checkpoints.pending.get(&id);
        pending.is_some_and(|pending| !pending.barrier.is_savepoint() || is_stop)
    }

    /// A savepoint is complete that is for others than the job.
    pub(super) fn complete_savepoint(&mut self, id: CheckpointId, now: MonoTime, out: &mut Vec<Effect>) {
        let Some(Pending { barrier, reason, phase: Phase::Stored { stored, .. }, .. }) =
            self.take_pending(id, now)
        else {
            return;
        };
        let location = self.directory_of(&barrier);
        self.checkpoints.statistics.completed(id, location.clone(), stored.size);
        self.splits.values_mut().for_each(|queue| queue.forget(id));
        if let Reason::Requested { call, then: AfterSavepoint::Stop(_) } = reason {
            let cause = FailureCause::new(FailureKind::CheckpointFailed, "subtasks had failed meanwhile");
            out.push(Effect::SnapshotDone { call, result: Err(abort::told_of(&cause, &location)) });
        } else {
            self.answer_taken(reason, SnapshotTaken { checkpoint_id: id, location }, out);
        }
    }

    /// It is durable that the job recovers from it.
    pub(super) fn complete_latest(&mut self, id: CheckpointId, now: MonoTime, out: &mut Vec<Effect>) {
        let Some(Pending { barrier, reason, phase: Phase::Pointing { metadata, stored }, .. }) =
            self.take_pending(id, now)
        else {
            return;
        };
        let location = self.directory_of(&barrier);
        self.checkpoints.statistics.completed(id, location.clone(), stored.size);
        self.become_latest(&barrier, &metadata, stored, now, out);
        // Who wants to stop with it is told when the job has ended, or was told that it does not.
        if barrier.stop().is_none() {
            self.answer_taken(reason, SnapshotTaken { checkpoint_id: id, location }, out);
        }
    }

    fn answer_taken(&mut self, reason: Reason, taken: SnapshotTaken, out: &mut Vec<Effect>) {
        let Reason::Requested { call, then } = reason else { return };
        out.push(Effect::SnapshotDone { call, result: Ok(taken) });
        if then == AfterSavepoint::Cancel {
            self.checkpoints.demand = Some(Demand::Cancel);
        }
    }

    /// The job recovers from it from now on.
    fn become_latest(
        &mut self,
        barrier: &Barrier,
        metadata: &CheckpointMetadata,
        stored: StoredMetadata,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let id = barrier.id;
        let owned = !barrier.is_savepoint();
        let point = RestorePoint { checkpoint_id: id, metadata: stored.uri, owned };
        self.checkpoints.latest = Some((point, barrier.is_savepoint()));
        self.checkpoints.has_records = metadata.has_records();
        self.checkpoints.tolerance.completed();
        self.checkpoints.given_up.clear();
        self.checkpoints.awaiting.retain(|_, (_, from)| *from > id);
        self.checkpoints.await_retry_at = now;
        self.splits.values_mut().for_each(|queue| queue.completed(id));
        self.notify_all(CheckpointNotice::Completed(id), out);
        let older = self.checkpoints.pending.range(..id).map(|(_, pending)| pending);
        let older = older.filter(|pending| pending.is_acknowledging() && !pending.barrier.is_savepoint());
        for older in older.map(Pending::id).collect::<Vec<_>>() {
            self.subsume(older, now, out);
        }
        if owned {
            self.checkpoints.may_refer = true;
            self.retain(barrier, metadata, out);
        }
    }

    /// A newer one was completed first.
    pub(super) fn subsume(&mut self, id: CheckpointId, now: MonoTime, out: &mut Vec<Effect>) {
        let message = format!("checkpoint {id} was given up, since a newer one was completed first");
        let cause = FailureCause::new(FailureKind::CheckpointFailed, message);
        self.abort_checkpoint(id, cause, Fault::Nobody, now, out);
    }

    /// Keeps a checkpoint and lets go of older ones.
    fn retain(&mut self, barrier: &Barrier, metadata: &CheckpointMetadata, out: &mut Vec<Effect>) {
        let directory = self.directory_of(barrier);
        let files = metadata.files().map(|file| retained::uri_of(&directory, file)).collect();
        let completed = Completed { id: barrier.id, directory, files, is_exclusive: true };
        let (keep, next) = (self.settings().num_retained as usize, self.checkpoints.next_id);
        let in_use = self.files_in_use();
        let (garbage, gone) = self.checkpoints.retained.add(completed, keep, next, &in_use);
        gone.into_iter().for_each(|id| self.checkpoints.statistics.discarded(id));
        self.delete(garbage, out);
    }

    /// Deletes what is not to stay when the job has ended.
    pub(super) fn delete_at_the_end(&mut self, outcome: &Outcome, out: &mut Vec<Effect>) {
        let keep = decide::keeps(self.settings().retention, outcome);
        let gone: Vec<_> = self.checkpoints.retained.iter().map(|it| it.id).collect();
        let Garbage { mut files, mut directories } = self.checkpoints.retained.end(keep);
        if !keep {
            gone.into_iter().for_each(|id| self.checkpoints.statistics.discarded(id));
            let all = &self.spec.checkpoint_dir;
            if self.may_have_checkpoints() && !all.is_empty() && !self.has_savepoints_within() {
                files.retain(|file| !retained::is_within(file, all));
                directories.retain(|directory| !retained::is_within(directory, all));
                directories.push(all.clone());
            }
        }
        self.delete(Garbage { files, directories }, out);
    }

    /// The job begins with this.
    pub(super) fn begin_with(&mut self, initial: InitialSnapshot) {
        let InitialSnapshot { point, metadata } = initial;
        self.checkpoints.next_id = CheckpointId(point.checkpoint_id.0 + 1);
        self.checkpoints.may_refer = point.owned;
        self.checkpoints.has_records = metadata.has_records();
        self.begin_splits_with(&metadata);
        if point.owned {
            let directory = parent_of(&point.metadata).to_owned();
            let files = metadata.files().map(|file| retained::uri_of(&directory, file)).collect();
            let claimed = Completed { id: point.checkpoint_id, directory, files, is_exclusive: false };
            let next = self.checkpoints.next_id;
            self.checkpoints.retained.add(claimed, usize::MAX, next, &Default::default());
        }
        let is_savepoint = matches!(metadata.kind, SnapshotKind::Savepoint { .. });
        self.checkpoints.initial = Some((point, is_savepoint));
    }

    /// The splits of each source are as a checkpoint or savepoint has them.
    pub(super) fn begin_splits_with(&mut self, metadata: &CheckpointMetadata) {
        for (vertex, queue) in &mut self.splits {
            let head = self.graph.vertex(*vertex).operators.first();
            let state = head.and_then(|head| metadata.sources.iter().find(|source| source.uid == head.uid));
            if let Some(state) = state {
                let remaining = state.remaining.iter().map(|split| split.to_vec()).collect();
                let enumeration = state.enumeration.clone();
                *queue = SplitQueue::new(QueueSnapshot { remaining, enumeration });
            }
        }
    }

    /// Subtasks begin with the point to recover from, if there is one.
    pub(in super::super) fn count_restore(&mut self, now: MonoTime) {
        let point = self.checkpoints.latest.as_ref().or(self.checkpoints.initial.as_ref());
        if let Some((point, is_savepoint)) = point {
            self.checkpoints.statistics.restored(RestoredRecord {
                id: point.checkpoint_id,
                restored_at: now,
                is_savepoint: *is_savepoint,
                external_path: parent_of(&point.metadata).to_owned(),
            });
        }
    }

    /// URI of the directory of a checkpoint or savepoint.
    pub(super) fn directory_of(&self, barrier: &Barrier) -> String {
        match &barrier.kind {
            SnapshotKind::Checkpoint { .. } => self.checkpoint_directory(barrier.id),
            SnapshotKind::Savepoint { directory, .. } => directory.clone(),
        }
    }

    pub(super) fn checkpoint_directory(&self, id: CheckpointId) -> String {
        format!("{}/chk-{id}", self.spec.checkpoint_dir.trim_end_matches('/'))
    }

    /// Whether the job may delete a file that no completed checkpoint refers to.
    pub(super) fn is_own(&self, file: &str) -> bool {
        let mut savepoints = self.checkpoints.savepoints_within.iter();
        retained::is_within(file, &self.spec.checkpoint_dir)
            && !savepoints.any(|savepoint| retained::is_within(file, savepoint))
    }
}

/// The directory of a file.
pub(super) fn parent_of(uri: &str) -> &str {
    uri.rsplit_once('/').map_or(uri, |(parent, _)| parent)
}
