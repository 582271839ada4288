//! Takes the job's checkpoints and savepoints, as Carbone et al. describe it ("Lightweight Asynchronous Snapshots for
//! Distributed Dataflows", 2015).
//!
//! A checkpoint begins at the subtasks to which no predecessor brings its barriers, since there is none, or it has finished
//! or closed its channels; travels with the records through all others; and is acknowledged by each when its part is
//! durable. Then the metadata is stored. From that moment on the job recovers from
//! it and never from an earlier one, so only then is its completion told to the subtasks, which commit what belongs to it.
//!
//! What a store that is under way comes to is not known before it is answered. Hence the point to recover from is decided
//! only when none is (`checkpoints_settled`); a checkpoint whose store succeeds meanwhile counts, since all subtasks had
//! acknowledged it.

mod abort;
mod acknowledge;
mod complete;
mod decide;
mod metadata;
mod pending;
mod pointer;
mod request;
mod rescale;
mod restore;
mod retained;
mod statistics;
#[cfg(test)]
mod tests;
mod tolerance;
mod trigger;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flott_core::{
    AttemptNumber, CheckpointId, ExecutionState, FailureCause, MonoTime, SubtaskId, TaskManagerId,
    checkpoint::{CheckpointSettings, RestorePoint},
};

use super::{Effect, FailureRecord, JobMaster, JobState, slot_pool::HostPhase};
use crate::protocol::{CallId, CheckpointNotice, Order};

pub use request::{
    AfterSavepoint, CheckpointConfig, InitialSnapshot, ManualCheckpoint, SnapshotRequest, SnapshotTaken,
    StoredMetadata,
};
pub use restore::check_restore;
pub use statistics::{
    CheckpointRecord, CheckpointStatistics, Counts, RecordStatus, RestoredRecord, SubtaskRecord, Summaries,
    Summary, TaskRecord, Totals,
};

use pending::Pending;
use retained::{Completed, Garbage, Retained};
use tolerance::Tolerance;

/// A way out of the job that a savepoint is taken for.
#[derive(Clone, Debug)]
struct Stopping {
    id: CheckpointId,
    /// `None`: another JobMaster was asked for it.
    call: Option<CallId>,
    /// Set when the job recovers from it, or is about to: it is told where it is when the job has ended.
    savepoint: Option<SnapshotTaken>,
}

/// What the whole job is to do because of a checkpoint.
#[derive(Clone, Debug)]
enum Demand {
    Fail(FailureCause),
    Cancel,
}

#[derive(Clone, Debug)]
pub(super) struct Checkpoints {
    /// See [`CheckpointConfig::epoch_ms`].
    epoch_ms: i64,
    next_id: CheckpointId,
    pending: BTreeMap<CheckpointId, Pending>,
    retained: Retained,
    /// What the job began with, and whether it is a savepoint.
    initial: Option<(RestorePoint, bool)>,
    /// Whether it is shown yet that it did.
    has_begun: bool,
    /// What it recovers from, and whether it is a savepoint.
    latest: Option<(RestorePoint, bool)>,
    /// Whether that, or what the job began with, has records that were on their way, which have no place in another graph.
    has_records: bool,
    /// Whether its own checkpoints may refer to files of earlier ones.
    may_refer: bool,
    /// When the periodic ones are due, while all subtasks run.
    due: Option<MonoTime>,
    /// When the last one ended, in whatever way.
    last_end: Option<MonoTime>,
    /// Subtasks that can't end without a checkpoint of at least this number.
    awaiting: BTreeMap<SubtaskId, (AttemptNumber, CheckpointId)>,
    /// When one may be triggered for them again after one that failed.
    await_retry_at: MonoTime,
    requests: VecDeque<(CallId, SnapshotRequest)>,
    stopping: Option<Stopping>,
    /// The last one with which the job was to end and did not.
    failed_stop: Option<CheckpointId>,
    /// Those that may have been under way when another JobMaster ran the job. Some may be of the same kind.
    given_up: Vec<CheckpointId>,
    demand: Option<Demand>,
    tolerance: Tolerance,
    /// Whether there may be files in the job's directory for checkpoints of which this JobMaster does not know.
    has_unknown_files: bool,
    /// Savepoints that lie within the job's directory for checkpoints.
    savepoints_within: BTreeSet<String>,
    statistics: CheckpointStatistics,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self {
            epoch_ms: 0,
            next_id: CheckpointId(1),
            pending: BTreeMap::new(),
            retained: Retained::default(),
            initial: None,
            has_begun: false,
            latest: None,
            has_records: false,
            may_refer: true,
            due: None,
            last_end: None,
            awaiting: BTreeMap::new(),
            await_retry_at: MonoTime::ZERO,
            requests: VecDeque::new(),
            stopping: None,
            failed_stop: None,
            given_up: Vec::new(),
            demand: None,
            tolerance: Tolerance::default(),
            has_unknown_files: false,
            savepoints_within: BTreeSet::new(),
            statistics: CheckpointStatistics::new(10),
        }
    }
}

impl Checkpoints {
    /// Whether the savepoint is durable with which the job is to end, so that its subtasks finish wherever they are.
    pub(super) fn has_stopped(&self) -> bool {
        self.stopping.as_ref().is_some_and(|stopping| stopping.savepoint.is_some())
    }

    /// The number of the next one.
    pub(super) fn next_id(&self) -> CheckpointId {
        self.next_id
    }

    /// Why not only a part of the job is to start again but all of it, if it is.
    pub(super) fn take_demanded_failure(&mut self) -> Option<FailureCause> {
        match self.demand.take() {
            Some(Demand::Fail(cause)) => Some(cause),
            other => {
                self.demand = other;
                None
            }
        }
    }
}

impl JobMaster {
    /// What the machine can't know of checkpoints by itself. To be called before the first event.
    #[must_use]
    pub fn with_checkpoints(mut self, config: CheckpointConfig) -> Self {
        let CheckpointConfig { history, epoch_ms, initial } = config;
        self.checkpoints = Checkpoints {
            epoch_ms,
            statistics: CheckpointStatistics::new(history),
            ..Checkpoints::default()
        };
        if let Some(initial) = initial {
            self.begin_with(initial);
        }
        self
    }

    /// What the job shows of its checkpoints.
    pub fn checkpoints(&self) -> &CheckpointStatistics {
        &self.checkpoints.statistics
    }

    /// Whether a checkpoint or savepoint of the job may ever have been begun, so that its directory may have files. Other
    /// than the statistics, that also counts those of which only an earlier JobMaster knew.
    pub fn may_have_checkpoints(&self) -> bool {
        self.checkpoints.statistics.counts.total > 0 || self.checkpoints.has_unknown_files
    }

    /// The checkpoint from which subtasks recover that are deployed now.
    pub fn restore_point(&self) -> Option<RestorePoint> {
        let point = self.checkpoints.latest.as_ref().or(self.checkpoints.initial.as_ref());
        point.map(|(point, _)| point.clone())
    }

    /// Does what is due, after each event.
    pub(super) fn advance_checkpoints(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        if !self.checkpoints.has_begun && self.state.is_active() {
            self.checkpoints.has_begun = true;
            self.count_restore(now);
        }
        self.expire_checkpoints(now, out);
        self.count_finished_subtasks(now, out);
        self.complete_checkpoints(now, out);
        self.trigger_due_checkpoints(now, out);
        match self.checkpoints.demand.take() {
            Some(Demand::Fail(cause)) => self.fail(FailureRecord::of_job(cause, now), now, out),
            Some(Demand::Cancel) => self.cancel(now, out),
            None => {}
        }
    }

    /// When `advance_checkpoints` will have something to do.
    pub(super) fn checkpoints_wakeup(&self) -> Option<MonoTime> {
        let deadlines = self.checkpoints.pending.values().filter(|pending| pending.is_acknowledging());
        let deadlines = deadlines.map(|pending| pending.deadline);
        deadlines.chain(self.next_trigger()).min()
    }

    /// False while it is not known whether a checkpoint is durable: then it can't be told from which to recover.
    pub(super) fn checkpoints_settled(&self) -> bool {
        self.checkpoints.pending.values().all(Pending::is_acknowledging)
    }

    /// What a TaskManager that has registered again may not have heard.
    pub(super) fn checkpoint_orders(&self, id: &TaskManagerId) -> Vec<Order> {
        let job_id = self.spec.job_id;
        let (latest, failed) = (&self.checkpoints.latest, self.checkpoints.failed_stop);
        let latest = latest.as_ref().map(|(point, _)| CheckpointNotice::Completed(point.checkpoint_id));
        // The failure first: the savepoint may have been stored nevertheless, and whoever waits to stop believes what it
        // hears first.
        let given_up = self.checkpoints.given_up.iter().copied();
        let notices = given_up.chain(failed).map(CheckpointNotice::Aborted).chain(latest);
        let mut orders: Vec<_> = notices.map(|notice| Order::NotifyCheckpoint { job_id, notice }).collect();
        for pending in self.checkpoints.pending.values().filter(|pending| pending.is_acknowledging()) {
            let begun = pending.begun_at.iter().filter_map(|it| Some((*it, *pending.missing.get(it)?)));
            let tasks = self.those_on(id, begun);
            if !tasks.is_empty() {
                orders.push(Order::TriggerCheckpoint { job_id, barrier: pending.barrier.clone(), tasks });
            }
        }
        orders
    }

    pub(super) fn settings(&self) -> &CheckpointSettings {
        &self.graph.recovery.checkpoints
    }

    /// Whether barriers would reach every subtask: all run, except for those that have finished.
    pub(super) fn can_checkpoint(&self) -> bool {
        let (running, finished) =
            (self.executions.count(ExecutionState::Running), self.executions.count(ExecutionState::Finished));
        matches!(self.state, JobState::Running)
            && running > 0
            && running + finished == self.graph.total_subtasks()
    }

    fn those_on(
        &self,
        id: &TaskManagerId,
        tasks: impl Iterator<Item = (SubtaskId, AttemptNumber)>,
    ) -> Vec<(SubtaskId, AttemptNumber)> {
        tasks
            .filter(|(subtask, attempt)| {
                self.executions.get(*subtask, *attempt).is_some_and(|it| it.is_on(id))
            })
            .collect()
    }

    /// Tells all task hosts how a checkpoint has ended.
    pub(super) fn notify_all(&self, notice: CheckpointNotice, out: &mut Vec<Effect>) {
        let job_id = self.spec.job_id;
        for (id, held) in &self.pool.task_managers {
            if matches!(held.host, HostPhase::Ready { .. }) {
                let order = Order::NotifyCheckpoint { job_id, notice };
                out.push(Effect::SendOrder { to: id.clone(), fence: held.fence, order });
            }
        }
    }

    /// Files that checkpoints refer to which are under way.
    fn files_in_use(&self) -> BTreeSet<String> {
        let pending = self.checkpoints.pending.values();
        pending.flat_map(|pending| self.files_of(pending)).collect()
    }

    fn files_of<'a>(&self, pending: &'a Pending) -> impl Iterator<Item = String> + use<'a> {
        let directory = self.directory_of(&pending.barrier);
        pending.files().map(move |file| retained::uri_of(&directory, file))
    }

    fn delete(&mut self, garbage: Garbage, out: &mut Vec<Effect>) {
        if !garbage.is_empty() {
            let Garbage { files, directories } = garbage;
            out.push(Effect::DeleteFiles { files, directories });
        }
    }
}
