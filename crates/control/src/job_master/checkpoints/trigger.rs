//! When checkpoints begin, and where.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use flott_core::{
    AttemptNumber, CheckpointId, ExecutionState, FailureKind, JobType, MonoTime, SubtaskId,
    checkpoint::{Barrier, SnapshotKind},
};

use super::super::{Effect, JobMaster, split_queue::Progress};
use super::{
    AfterSavepoint, ManualCheckpoint, SnapshotRequest, Stopping, decide,
    metadata::finished_snapshot,
    pending::{Pending, Phase, Reason},
    retained,
    statistics::{CheckpointRecord, SubtaskRecord},
};
use crate::protocol::{CallId, Order};

/// After a failed checkpoint that subtasks wait for, how long until the next.
const AWAITED_PAUSE: Duration = Duration::from_secs(1);

impl JobMaster {
    pub(super) fn trigger_due_checkpoints(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        if !self.can_checkpoint() {
            self.checkpoints.due = None;
            return;
        }
        let interval = self.settings().interval_ms.map(Duration::from_millis);
        if self.checkpoints.due.is_none() {
            self.checkpoints.due = interval.map(|interval| now + interval);
        }
        while !self.checkpoints.requests.is_empty()
            && self.secure_checkpoint(out)
            && let Some((call, request)) = self.next_request(out)
        {
            self.trigger_requested(call, request, now, out);
        }
        let is_due = |at: Option<MonoTime>| at.is_some_and(|at| at <= now);
        if is_due(self.awaited_trigger()) && self.secure_checkpoint(out) {
            self.trigger(self.checkpoint_kind(None), Reason::Awaited, now, out);
        }
        if is_due(self.periodic_trigger()) && self.secure_checkpoint(out) {
            self.checkpoints.due = interval.map(|interval| now + interval);
            self.trigger(self.checkpoint_kind(None), Reason::Periodic, now, out);
        }
    }

    pub(super) fn next_trigger(&self) -> Option<MonoTime> {
        // Without a number left, one is asked for when the time has come; then that is what is waited for.
        if !self.can_checkpoint() || (self.numbers.is_storing() && !self.may_number_checkpoint()) {
            return None;
        }
        self.awaited_trigger().into_iter().chain(self.periodic_trigger()).min()
    }

    /// When a periodic checkpoint may begin, unless something else than time must happen first. Those that overlap would
    /// never let a request have its turn that must be alone.
    fn periodic_trigger(&self) -> Option<MonoTime> {
        let due = self.checkpoints.due?;
        let gives_way = !self.checkpoints.requests.is_empty() || self.rescaling.wants_checkpoint();
        if gives_way || self.is_occupied(false) || self.refuses_finished_subtasks() {
            return None;
        }
        let min_pause = Duration::from_millis(self.settings().min_pause_ms);
        Some(self.checkpoints.last_end.map_or(due, |end| due.max(end + min_pause)))
    }

    /// The same of a checkpoint without which subtasks can't end.
    fn awaited_trigger(&self) -> Option<MonoTime> {
        let newest = self.checkpoints.pending.values().rfind(|pending| pending.barrier.commits());
        let newest = newest.map(Pending::id);
        let waits = self.checkpoints.awaiting.iter().any(|(subtask, (attempt, from))| {
            newest < Some(*from)
                && self.executions.get(*subtask, *attempt).is_some_and(|execution| execution.is_live())
        });
        (waits && !self.is_occupied(false)).then_some(self.checkpoints.await_retry_at)
    }

    /// The next of the users' requests, if it can be granted now.
    fn next_request(&mut self, out: &mut Vec<Effect>) -> Option<(CallId, SnapshotRequest)> {
        let (_, request) = self.checkpoints.requests.front()?;
        let directory = match request {
            SnapshotRequest::Savepoint { directory, .. } => Some(directory),
            SnapshotRequest::Checkpoint(_) => None,
        };
        if self.is_occupied(directory.is_some()) {
            return None;
        }
        let is_within = |it: &String| retained::is_within(it, &self.spec.checkpoint_dir);
        if directory.is_some_and(is_within) && !self.secure_savepoint_within(out) {
            return None;
        }
        self.checkpoints.requests.pop_front()
    }

    /// Whether another one must end first.
    pub(super) fn is_occupied(&self, exclusive: bool) -> bool {
        let (pending, settings) = (&self.checkpoints.pending, self.settings());
        let alone = exclusive || settings.unaligned || pending.values().any(|it| it.barrier.is_savepoint());
        let most = if alone { 1 } else { settings.max_concurrent.max(1) as usize };
        self.checkpoints.stopping.is_some() || pending.len() >= most
    }

    /// Whether no checkpoint is possible any more, since some subtasks have finished.
    pub(super) fn refuses_finished_subtasks(&self) -> bool {
        !self.settings().after_tasks_finish && self.executions.count(ExecutionState::Finished) > 0
    }

    /// Why no checkpoint can be taken of this job, if none can.
    pub(super) fn refusal(&self) -> Option<(FailureKind, String)> {
        if self.graph.job_type == JobType::Batch {
            let message = "the job runs in batch mode, in which there are neither checkpoints nor savepoints";
            return Some((FailureKind::UserError, message.to_owned()));
        }
        if self.refuses_finished_subtasks() {
            let message = "some subtasks have finished: set \
                           execution.checkpointing.checkpoints-after-tasks-finish to true";
            return Some((FailureKind::CheckpointFailed, message.to_owned()));
        }
        None
    }

    fn trigger_requested(
        &mut self,
        call: CallId,
        request: SnapshotRequest,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        if let Some((kind, message)) = self.refusal() {
            return self.refuse(call, kind, message, out);
        }
        match request {
            SnapshotRequest::Checkpoint(manual) => {
                let reason = Reason::Requested { call, then: AfterSavepoint::GoOn };
                self.trigger(self.checkpoint_kind(Some(manual)), reason, now, out);
            }
            SnapshotRequest::Savepoint { directory, format, then } => {
                let stop = match then {
                    AfterSavepoint::Stop(mode) => Some(mode),
                    AfterSavepoint::GoOn | AfterSavepoint::Cancel => None,
                };
                if retained::is_within(&directory, &self.spec.checkpoint_dir) {
                    self.checkpoints.savepoints_within.insert(directory.clone());
                }
                let kind = SnapshotKind::Savepoint { directory, format, stop };
                let id = self.trigger(kind, Reason::Requested { call, then }, now, out);
                if stop.is_some() {
                    self.checkpoints.stopping = Some(Stopping { id, call: Some(call), savepoint: None });
                }
            }
        }
    }

    pub(super) fn checkpoint_kind(&self, manual: Option<ManualCheckpoint>) -> SnapshotKind {
        let full = match manual.unwrap_or_default() {
            ManualCheckpoint::Configured => !self.settings().incremental,
            ManualCheckpoint::Full => true,
            ManualCheckpoint::Incremental => false,
        };
        SnapshotKind::Checkpoint { full: full || !self.checkpoints.may_refer }
    }

    pub(super) fn trigger(
        &mut self,
        kind: SnapshotKind,
        reason: Reason,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) -> CheckpointId {
        let id = self.checkpoints.next_id;
        self.checkpoints.next_id = CheckpointId(id.0 + 1);
        let since_start = i64::try_from((now - MonoTime::ZERO).as_millis()).unwrap_or(i64::MAX);
        let triggered_at = self.checkpoints.epoch_ms.saturating_add(since_start);
        let alignment = decide::alignment(self.settings(), &kind, reason == Reason::Rescale);
        let barrier = Barrier { id, triggered_at, kind, alignment };
        self.checkpoints.statistics.triggered(CheckpointRecord::new(&barrier, &self.graph, now));
        let deadline = now + Duration::from_millis(self.settings().timeout_ms);
        let missing = self.executions().map(|it| (it.subtask, it.attempt)).collect();
        let pending = Pending {
            barrier,
            reason,
            deadline,
            phase: Phase::Acknowledging,
            is_answered: false,
            missing,
            acknowledged: BTreeMap::new(),
            begun_at: BTreeSet::new(),
        };
        self.checkpoints.pending.insert(id, pending);
        self.splits.values_mut().for_each(|queue| queue.begin(id));
        self.count_finished_subtasks(now, out);
        self.begin_where_needed(id, out);
        id
    }

    /// Subtasks that have finished have nothing more to hand in. Those behind them may now be where a checkpoint begins,
    /// if it had not come to them before.
    pub(super) fn count_finished_subtasks(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let waiting = self.checkpoints.pending.values().filter(|pending| !pending.missing.is_empty());
        for id in waiting.map(Pending::id).collect::<Vec<_>>() {
            let Some(pending) = self.checkpoints.pending.get_mut(&id) else { continue };
            let executions = &self.executions;
            let has_finished = |subtask: &SubtaskId, attempt| {
                let execution = executions.get(*subtask, attempt);
                execution.is_some_and(|execution| execution.state == ExecutionState::Finished)
            };
            let finished: Vec<_> =
                pending.missing.extract_if(.., |subtask, attempt| has_finished(subtask, *attempt)).collect();
            if finished.is_empty() {
                continue;
            }
            for (subtask, _) in finished {
                pending.acknowledged.insert(subtask, finished_snapshot());
                if let Some(queue) = self.splits.get_mut(&subtask.vertex) {
                    queue.passed(id, subtask.subtask, Progress::Finished);
                }
                let record = SubtaskRecord {
                    acknowledged_at: now,
                    state_size: 0,
                    stats: Default::default(),
                    finished: true,
                };
                self.checkpoints.statistics.acknowledged(id, subtask, record);
            }
            self.begin_where_needed(id, out);
            self.serve_splits(out);
        }
    }

    /// Orders the checkpoint at the subtasks to which no predecessor can bring its barriers.
    pub(super) fn begin_where_needed(&mut self, id: CheckpointId, out: &mut Vec<Effect>) {
        let Some(pending) = self.checkpoints.pending.get(&id) else { return };
        let starts: Vec<_> = pending
            .missing
            .iter()
            .filter(|(subtask, attempt)| {
                let is_reached =
                    self.has_running_predecessor(**subtask) && !self.awaits(**subtask, **attempt);
                !pending.begun_at.contains(subtask) && !is_reached
            })
            .map(|(subtask, attempt)| (*subtask, *attempt))
            .collect();
        let barrier = pending.barrier.clone();
        let job_id = self.spec.job_id;
        for (to, held) in &self.pool.task_managers {
            let tasks = self.those_on(to, starts.iter().copied());
            if !tasks.is_empty() {
                let order = Order::TriggerCheckpoint { job_id, barrier: barrier.clone(), tasks };
                out.push(Effect::SendOrder { to: to.clone(), fence: held.fence, order });
            }
        }
        if let Some(pending) = self.checkpoints.pending.get_mut(&id) {
            pending.begun_at.extend(starts.into_iter().map(|(subtask, _)| subtask));
        }
    }

    /// Whether a subtask has said that it can't end without a checkpoint. Its input has ended then, though predecessors may
    /// still run: they wait as it does, and have closed the channels in which their barriers would come.
    fn awaits(&self, subtask: SubtaskId, attempt: AttemptNumber) -> bool {
        self.checkpoints.awaiting.get(&subtask).is_some_and(|(awaiting, _)| *awaiting == attempt)
    }

    fn has_running_predecessor(&self, subtask: SubtaskId) -> bool {
        self.graph.inputs_of(subtask.vertex).any(|(_, edge)| {
            self.graph.producers_of(edge, subtask.subtask).any(|producer| {
                let producer = SubtaskId { vertex: edge.source, subtask: flott_core::SubtaskIndex(producer) };
                self.executions.current(producer).is_some_and(|it| it.state != ExecutionState::Finished)
            })
        })
    }

    /// After a checkpoint has failed, those who wait for one do so a moment longer.
    pub(super) fn postpone_awaited(&mut self, now: MonoTime) {
        self.checkpoints.await_retry_at = now + AWAITED_PAUSE;
    }
}
