//! Checkpoints that come to nothing.

use std::time::Duration;

use flott_core::{
    CheckpointId, FailureCause, FailureKind, MonoTime,
    checkpoint::{SnapshotKind, StopMode},
};

use super::super::{Effect, JobMaster, Outcome};
use super::{Demand, Garbage, pending::Pending, tolerance::Fault};
use crate::protocol::{CallId, CheckpointNotice};

impl JobMaster {
    pub(super) fn expire_checkpoints(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let pending = self.checkpoints.pending.values();
        let late = pending.filter(|pending| pending.is_acknowledging() && pending.deadline <= now);
        for id in late.map(Pending::id).collect::<Vec<_>>() {
            let Some(pending) = self.checkpoints.pending.get(&id) else { continue };
            let missing = match pending.missing.is_empty() {
                true => "the splits that its sources had found did not come".to_owned(),
                false => pending.missing_in_words(&self.graph),
            };
            let timeout = self.settings().timeout_ms as f64 / 1_000.0;
            let message = format!("checkpoint {id} was not completed within {timeout} s: {missing}");
            let cause = FailureCause::new(FailureKind::CheckpointFailed, message);
            self.abort_checkpoint(id, cause, Fault::Task, now, out);
        }
    }

    /// Gives those that are under way more time.
    pub(in super::super) fn postpone_checkpoints(&mut self, by: Duration) {
        self.checkpoints.pending.values_mut().for_each(|pending| pending.deadline = pending.deadline + by);
    }

    /// Gives a checkpoint or savepoint up.
    pub(super) fn abort_checkpoint(
        &mut self,
        id: CheckpointId,
        cause: FailureCause,
        fault: Fault,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let Some(pending) = self.take_pending(id, now) else { return };
        self.splits.values_mut().for_each(|queue| queue.forget(id));
        self.checkpoints.statistics.failed(id, now, in_words(&cause));
        self.notify_all(CheckpointNotice::Aborted(id), out);
        self.delete_remains(&pending, out);
        self.postpone_awaited(now);
        if self.checkpoints.stopping.as_ref().is_some_and(|stopping| stopping.id == id) {
            self.checkpoints.stopping = None;
            self.checkpoints.failed_stop = Some(id);
            if pending.barrier.stop() == Some(StopMode::Drain) && !self.state.is_tearing_down() {
                // Its windows have fired as if the input had ended.
                let message = format!("the job was drained for savepoint {id}, which failed");
                let failed = FailureCause::new(FailureKind::CheckpointFailed, message);
                self.checkpoints.demand = Some(Demand::Fail(failed.context(cause.message.clone())));
            }
        }
        if let Some(call) = pending.call() {
            out.push(Effect::SnapshotDone { call, result: Err(cause.clone()) });
        }
        self.serve_splits(out);
        let fault = if pending.barrier.is_savepoint() { Fault::Nobody } else { fault };
        let tolerable = self.settings().tolerable_failures;
        if let Some(reason) = self.checkpoints.tolerance.failed(fault, tolerable) {
            let failed = FailureCause::new(FailureKind::CheckpointFailed, cause.message.clone());
            let failed = cause.context.iter().cloned().fold(failed, FailureCause::context).context(reason);
            self.checkpoints.demand = Some(Demand::Fail(failed));
        }
    }

    /// Subtasks are being stopped, of the whole job or of a part: nothing that is under way can be completed, except for
    /// what only its metadata is missing of.
    pub(in super::super) fn stop_checkpoints(
        &mut self,
        cause: &FailureCause,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let waiting = self.checkpoints.pending.values().filter(|pending| pending.is_acknowledging());
        for id in waiting.map(Pending::id).collect::<Vec<_>>() {
            let stopped =
                cause.clone().context(format!("checkpoint {id} was given up, since subtasks were stopped"));
            self.abort_checkpoint(id, stopped, Fault::Nobody, now, out);
        }
        for (call, _) in std::mem::take(&mut self.checkpoints.requests) {
            let stopped = cause.clone().context("no checkpoint was triggered, since subtasks were stopped");
            out.push(Effect::SnapshotDone { call, result: Err(stopped) });
        }
        let Some(stopping) = self.checkpoints.stopping.take() else { return };
        match stopping.savepoint {
            // Those that had finished with it must go on, so that the job is whole again.
            Some(savepoint) => {
                let told = told_of(cause, &savepoint.location);
                if let Some(call) = stopping.call {
                    out.push(Effect::SnapshotDone { call, result: Err(told.clone()) });
                }
                if let Some(pending) = self.checkpoints.pending.get_mut(&stopping.id) {
                    pending.is_answered = true;
                }
                if !self.state.is_tearing_down() {
                    self.checkpoints.demand = Some(Demand::Fail(told));
                }
            }
            // Being stored. It will be a savepoint like any other; nobody ends with it.
            None => {
                self.checkpoints.failed_stop = Some(stopping.id);
                self.notify_all(CheckpointNotice::Aborted(stopping.id), out);
                let pending = self.checkpoints.pending.get(&stopping.id);
                let drained = pending.is_some_and(|it| it.barrier.stop() == Some(StopMode::Drain));
                if drained && !self.state.is_tearing_down() {
                    let message =
                        format!("the job was drained for savepoint {}, but did not end", stopping.id);
                    let failed = FailureCause::new(FailureKind::CheckpointFailed, message);
                    self.checkpoints.demand = Some(Demand::Fail(failed.context(cause.message.clone())));
                }
            }
        }
    }

    /// The job ends. Tells everyone who waits, and deletes what is not to stay.
    pub(in super::super) fn end_checkpoints(
        &mut self,
        outcome: &Outcome,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        if let Some(stopping) = &mut self.checkpoints.stopping
            && self.checkpoints.pending.contains_key(&stopping.id)
        {
            // The job has come to its end before it.
            stopping.savepoint = None;
        }
        if *outcome == Outcome::Finished
            && let Some(stopping) = self.checkpoints.stopping.take_if(|stopping| stopping.savepoint.is_some())
            && let Some(savepoint) = stopping.savepoint
            && let Some(call) = stopping.call
        {
            out.push(Effect::SnapshotDone { call, result: Ok(savepoint) });
        }
        let cause = match outcome {
            Outcome::Finished => FailureCause::new(FailureKind::CheckpointFailed, "the job has finished"),
            Outcome::Canceled => FailureCause::new(FailureKind::CheckpointFailed, "the job was canceled"),
            Outcome::Failed(cause) => cause.clone(),
        };
        self.stop_checkpoints(&cause, now, out);
        for id in self.checkpoints.pending.keys().copied().collect::<Vec<_>>() {
            self.abort_checkpoint(id, cause.clone(), Fault::Nobody, now, out);
        }
        self.checkpoints.awaiting.clear();
        self.checkpoints.demand = None;
        self.delete_at_the_end(outcome, out);
    }

    /// Takes a checkpoint out of those under way.
    pub(super) fn take_pending(&mut self, id: CheckpointId, now: MonoTime) -> Option<Pending> {
        let pending = self.checkpoints.pending.remove(&id)?;
        self.checkpoints.last_end = Some(now);
        Some(pending)
    }

    /// Deletes what was written for one that came to nothing.
    fn delete_remains(&mut self, pending: &Pending, out: &mut Vec<Effect>) {
        let directory = self.directory_of(&pending.barrier);
        let files: Vec<_> = self.files_of(pending).filter(|file| self.is_own(file)).collect();
        let mut files = self.checkpoints.retained.unused(files, &self.files_in_use());
        self.checkpoints.retained.remember(&files);
        files.retain(|file| !super::retained::is_within(file, &directory));
        self.delete(Garbage { files, directories: vec![directory] }, out);
        if let SnapshotKind::Savepoint { directory, .. } = &pending.barrier.kind {
            self.checkpoints.savepoints_within.remove(directory);
        }
    }
}

/// Of a job that failed after its last savepoint was taken: where that is.
pub(super) fn told_of(cause: &FailureCause, savepoint: &str) -> FailureCause {
    let message = format!(
        "a savepoint has been created at {savepoint}, but the job did not stop with it: {}",
        cause.message
    );
    let told = FailureCause::new(FailureKind::CheckpointFailed, message);
    cause.context.iter().cloned().fold(told, FailureCause::context)
}

/// A cause in one line.
fn in_words(cause: &FailureCause) -> String {
    let context = cause.context.iter().map(String::as_str);
    std::iter::once(cause.message.as_str()).chain(context).collect::<Vec<_>>().join(", ")
}

impl JobMaster {
    pub(super) fn refuse(&self, call: CallId, kind: FailureKind, message: String, out: &mut Vec<Effect>) {
        out.push(Effect::SnapshotDone { call, result: Err(FailureCause::new(kind, message)) });
    }
}
