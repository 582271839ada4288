//! What the TaskManager notes of its jobs, so that it can tell the next leader.

use flott_core::{
    AttemptNumber, JobId, SubtaskId,
    checkpoint::{Barrier, StopMode},
    deployment::EnumeratedSplits,
};

use super::{
    HostState, TaskManager,
    job::{LocalJob, LocalTask, Successor},
    split_log::LocalSplits,
};
use crate::protocol::{
    self, CheckpointNotice, CheckpointOutcome, CheckpointReport, LocalHost, LocalHostState, LocalJobReport,
    TaskState,
};

impl TaskManager {
    /// What it has of each job that holds slots here.
    pub(super) fn survey(&self) -> Vec<LocalJobReport> {
        let holds = |job_id: &JobId| self.slots.held_by(*job_id).next().is_some();
        let jobs = self.jobs.iter().filter(|(job_id, _)| holds(job_id));
        jobs.map(|(job_id, job)| LocalJobReport {
            job_id: *job_id,
            host: job.local_host(),
            tasks: job.local_tasks(),
            splits: job.tasks.iter().filter_map(|(id, task)| task.splits.report(*id, task.attempt)).collect(),
            last_checkpoint: job.last_checkpoint,
            next_sequence: self.next_sequence,
        })
        .collect()
    }

    pub(super) fn note_trigger(
        &mut self,
        job_id: JobId,
        barrier: &Barrier,
        tasks: &[(SubtaskId, AttemptNumber)],
    ) {
        let Some(job) = self.jobs.get_mut(&job_id) else { return };
        job.last_checkpoint = job.last_checkpoint.max(Some(barrier.id));
        if barrier.stop() != Some(StopMode::Drain) {
            return;
        }
        for (subtask, attempt) in tasks {
            if let Some(task) = job.tasks.get_mut(subtask).filter(|task| task.attempt == *attempt) {
                task.drained = Some(barrier.id);
            }
        }
    }

    pub(super) fn note_end(&mut self, job_id: JobId, notice: CheckpointNotice) {
        let Some(job) = self.jobs.get_mut(&job_id) else { return };
        let (CheckpointNotice::Completed(id) | CheckpointNotice::Aborted(id)) = notice;
        job.last_checkpoint = job.last_checkpoint.max(Some(id));
        for task in job.tasks.values_mut() {
            match notice {
                CheckpointNotice::Completed(id) => task.splits.completed(id),
                CheckpointNotice::Aborted(id) => task.splits.aborted(id),
            }
        }
    }

    pub(super) fn note_checkpoint(&mut self, job_id: JobId, report: &CheckpointReport) {
        let Some(job) = self.jobs.get_mut(&job_id) else { return };
        job.last_checkpoint = job.last_checkpoint.max(Some(report.checkpoint_id));
        if let CheckpointOutcome::Acknowledged { snapshot, .. } = &report.outcome
            && let Some(progress) = &snapshot.source
            && let Some(task) = job.tasks.get_mut(&report.subtask)
        {
            task.splits.acknowledged(report.checkpoint_id, progress);
        }
    }

    pub(super) fn note_waiting(&mut self, job_id: JobId, subtask: SubtaskId) {
        if let Some(task) = self.jobs.get_mut(&job_id).and_then(|job| job.tasks.get_mut(&subtask)) {
            task.awaits_checkpoint = true;
        }
    }

    pub(super) fn note_found_splits(
        &mut self,
        job_id: JobId,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        splits: EnumeratedSplits,
    ) {
        if splits.result.is_ok() {
            if let Some(log) = self.splits_of(job_id, subtask, attempt) {
                log.reported(splits);
            }
            return;
        }
        // It fails by that, or is stopped by who is told of it.
        let task = self.jobs.get_mut(&job_id).and_then(|job| job.tasks.get_mut(&subtask));
        if let Some(task) = task.filter(|task| task.attempt == attempt) {
            task.is_canceling = true;
        }
    }

    /// Where to note what this attempt is told of splits, if it runs here.
    pub(super) fn splits_of(
        &mut self,
        job_id: JobId,
        subtask: SubtaskId,
        attempt: AttemptNumber,
    ) -> Option<&mut LocalSplits> {
        let task = self.jobs.get_mut(&job_id)?.tasks.get_mut(&subtask)?;
        (task.attempt == attempt).then_some(&mut task.splits)
    }
}

impl LocalJob {
    fn local_host(&self) -> Option<LocalHost> {
        if let Some(Successor { attempt, start }) = &self.successor {
            let state = if start.is_some() { LocalHostState::Starting } else { LocalHostState::Ended };
            return Some(LocalHost { attempt: *attempt, state });
        }
        let state = match self.host {
            HostState::Absent => return None,
            HostState::Starting { .. } => LocalHostState::Starting,
            HostState::Running { .. } => LocalHostState::Ready { data_address: self.data_address.clone() },
            HostState::Stopping { .. } => LocalHostState::Stopping,
            HostState::Ended { .. } => LocalHostState::Ended,
        };
        Some(LocalHost { attempt: self.host.attempt()?, state })
    }

    fn local_tasks(&self) -> Vec<protocol::LocalTask> {
        let is_stopping = matches!(self.host, HostState::Stopping { .. });
        let report = |(subtask, task): (&SubtaskId, &LocalTask)| {
            // Where another task host is to come after this one, that one is what is told of: these end before it starts.
            let is_past = task.live && self.successor.is_some();
            Some(protocol::LocalTask {
                subtask: *subtask,
                attempt: task.attempt,
                allocation_id: task.allocation_id?,
                restored: task.restored,
                state: if is_past { Some(TaskState::Canceled) } else { task.state.clone() },
                awaits_checkpoint: task.awaits_checkpoint,
                is_canceling: task.is_canceling || (task.live && is_stopping),
                drained: task.drained,
            })
        };
        self.tasks.iter().filter_map(report).collect()
    }
}
