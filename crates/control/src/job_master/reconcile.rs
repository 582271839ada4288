//! Goes on with a job that another JobMaster has run.
//!
//! Its subtasks may all still run: their TaskManagers tell what they have when they register. Regions of which everything
//! is there are adopted as they are. Of the others, what is left is stopped, and they start again as after any failure. If
//! nothing at all is found, the job begins again from its latest checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use flott_core::{
    AttemptNumber, CheckpointId, ExecutionState, FailureCause, FailureKind, HostId, MonoTime, SubtaskId,
    TaskManagerId, VertexIndex, deployment::EnumeratedSplits,
};

use super::{
    Effect, Execution, FailureRecord, JobMaster, JobState, Location, RecoveredJob, ReturnedTaskManager,
    SnapshotTaken,
    failover::{RegionNumber, RegionPhase, Scope},
    run::Numbers,
    split_queue::{Reader, SplitQueue, SplitRequest},
};
use crate::protocol::{LocalHostState, LocalTask, SplitLog, TaskState};

/// What is known of a job that is being reconciled.
#[derive(Clone, Debug, Default)]
pub(super) struct Recovery {
    /// Whether a user wants it canceled.
    pub(super) is_canceled: bool,
    /// The savepoint with which it was to end, if that is the latest checkpoint.
    pub(super) stop: Option<SnapshotTaken>,
    /// The subtasks that had processed all their input in the latest checkpoint.
    pub(super) finished: BTreeSet<SubtaskId>,
    /// Of these, those of which nothing is left to be done, so that they need not be found.
    pub(super) settled: BTreeSet<SubtaskId>,
    /// The subtasks that TaskManagers have told of.
    found: BTreeMap<SubtaskId, Found>,
    /// The highest number of a checkpoint that they have heard of.
    last_checkpoint: Option<CheckpointId>,
    /// Those that wait for splits.
    requests: BTreeMap<SubtaskId, SplitRequest>,
}

#[derive(Clone, Debug)]
struct Found {
    task: LocalTask,
    log: SplitLog,
}

/// What becomes of the job's regions.
struct Plan {
    /// Those that can't go on.
    unfit: BTreeSet<RegionNumber>,
    /// Of these, those that could if it were known which splits they have got.
    unsure: BTreeSet<RegionNumber>,
    queues: BTreeMap<VertexIndex, SplitQueue>,
}

impl JobMaster {
    /// The job goes on that another JobMaster has run. To be called after [`with_checkpoints`](Self::with_checkpoints) and
    /// before the first event.
    #[must_use]
    pub fn with_recovery(mut self, recovered: RecoveredJob) -> Self {
        let RecoveredJob { run, latest, retained, is_canceled } = recovered;
        let mut recovery = Recovery { is_canceled, ..Recovery::default() };
        let now = self.statuses.entered().last().map_or(MonoTime::ZERO, |(_, time)| *time);
        self.recover_parallelism(&run, now);
        self.recover_requirements(run.requirements.clone(), now);
        self.next_host = run.next_host;
        for (region, attempt) in self.regions.iter_mut().zip(&run.attempts) {
            region.attempt = *attempt;
            region.subtasks.iter().for_each(|subtask| self.executions.renumber(*subtask, *attempt));
        }
        self.recover_checkpoints(&run, latest, retained, &mut recovery);
        self.numbers = Numbers::stored(run);
        self.recovery = Some(recovery);
        self
    }

    /// Waits for what TaskManagers have of the job, if something of it was ever begun. Says no if nothing was.
    pub(super) fn begin_reconciling(&mut self, now: MonoTime, out: &mut Vec<Effect>) -> bool {
        if self.recovery.is_none() || self.numbers.stored.attempts.is_empty() {
            return false;
        }
        out.push(Effect::AwaitTaskManagers);
        let deadline = now + self.config.reconciliation_timeout;
        self.enter(JobState::Reconciling { deadline }, now, out);
        true
    }

    pub(super) fn task_manager_returned(
        &mut self,
        returned: ReturnedTaskManager,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let is_known = self.pool.task_managers.contains_key(&returned.task_manager_id);
        let awaited = matches!(self.state, JobState::Reconciling { .. }) && !is_known;
        if !awaited || self.has_stale_tasks(&returned) {
            // Too late, or it was given up before: what runs there ends when its slots are freed.
            let slots = returned.slots.into_iter();
            out.extend(slots.map(|(_, allocation_id)| Effect::ReleaseSlot { allocation_id }));
            return;
        }
        let ReturnedTaskManager { task_manager_id, fence, rpc_address, slots, mut report } = returned;
        // One that has another graph than the job is no better than none: the next one takes its place.
        let first_host = self.numbers.stored.first_host;
        if let Some(host) = report.host.as_mut().filter(|host| HostId(host.attempt.0) < first_host) {
            host.state = LocalHostState::Ended;
        }
        self.pool.adopt(&task_manager_id, fence, &rpc_address, slots, report.host, report.next_sequence);
        let mut logs: BTreeMap<_, _> =
            report.splits.into_iter().map(|log| ((log.subtask, log.attempt), log)).collect();
        let Some(recovery) = &mut self.recovery else { return };
        recovery.last_checkpoint = recovery.last_checkpoint.max(report.last_checkpoint);
        let mut awaiting = Vec::new();
        for task in report.tasks {
            let (subtask, attempt) = (task.subtask, task.attempt);
            if self.executions.get(subtask, attempt).is_none_or(|it| it.state != ExecutionState::Created) {
                continue;
            }
            let location = Location {
                allocation_id: task.allocation_id,
                task_manager_id: task_manager_id.clone(),
                rpc_address: rpc_address.clone(),
            };
            let state = task.state.as_ref().map_or(ExecutionState::Deploying, TaskState::execution_state);
            self.executions.adopt(subtask, state, location, now);
            if let Some(TaskState::Failed(cause)) = &task.state {
                self.executions.set_failure(subtask, cause.clone());
            }
            if task.awaits_checkpoint {
                awaiting.push((subtask, attempt));
            }
            let log = logs.remove(&(subtask, attempt)).unwrap_or_else(|| no_log(subtask, attempt));
            recovery.found.insert(subtask, Found { task, log });
        }
        for (subtask, attempt) in awaiting {
            self.checkpoint_awaited(subtask, attempt, out);
        }
        self.proceed(now, out);
    }

    /// What was found there is not known any more. It may come back.
    pub(super) fn forget_found_on(&mut self, id: &TaskManagerId, now: MonoTime) {
        let on_it = |it: &&Execution| it.is_on(id) && it.state != ExecutionState::Finished;
        let lost: Vec<_> =
            self.executions.all().iter().filter(on_it).map(|it| (it.subtask, it.attempt)).collect();
        for (subtask, attempt) in lost {
            self.executions.reset(subtask, attempt, now);
            if let Some(recovery) = &mut self.recovery {
                recovery.found.remove(&subtask);
                recovery.requests.remove(&subtask);
            }
        }
    }

    /// A subtask asks for a split while it is not known yet which are left: it is answered when that is.
    pub(super) fn keep_split_request(&mut self, subtask: SubtaskId, request: SplitRequest) {
        if let Some(recovery) = &mut self.recovery {
            let kept = recovery.requests.entry(subtask).or_insert(request);
            *kept = (*kept).max(request);
        }
    }

    /// The enumerator goes on finding splits. What it tells is acknowledged, so it has to be kept.
    pub(super) fn keep_found_splits(
        &mut self,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        splits: EnumeratedSplits,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let found = self.recovery.as_mut().and_then(|recovery| recovery.found.get_mut(&subtask));
        let Some(found) = found.filter(|found| found.task.attempt == attempt) else { return };
        match &splits.result {
            Err(cause) => {
                // It is about to fail by this.
                found.task.is_canceling = true;
                self.executions.set_failure(subtask, cause.clone());
            }
            Ok(_) if found.log.reports.last().is_none_or(|last| last.report_id < splits.report_id) => {
                found.log.reports.push(splits);
            }
            Ok(_) => {}
        }
        self.proceed(now, out);
    }

    /// Goes on with what was found, if that is all or time is up.
    pub(super) fn reconcile(&mut self, is_over: bool, now: MonoTime, out: &mut Vec<Effect>) {
        let missing = self.executions.count(ExecutionState::Created);
        if missing > 0 && !is_over {
            return;
        }
        if missing == self.graph.total_subtasks() {
            return self.begin_anew(now, out);
        }
        if is_over {
            self.finish_settled(now);
        }
        let plan = self.plan();
        // A report that was taken and not acknowledged comes again.
        if plan.unsure.is_empty() || is_over {
            self.adopt(plan, now, out);
        }
    }

    /// Regions that had finished in the latest checkpoint have finished, even if nobody tells: their TaskManagers may have
    /// gone since.
    fn finish_settled(&mut self, now: MonoTime) {
        let Some(recovery) = &self.recovery else { return };
        let has_ended = |subtask: &SubtaskId| {
            let state = self.executions.current(*subtask).map(|execution| execution.state);
            recovery.settled.contains(subtask)
                && matches!(state, Some(ExecutionState::Created | ExecutionState::Finished))
        };
        let ended = self.regions.iter().filter(|region| region.subtasks.iter().all(has_ended));
        let ended: Vec<_> = ended.flat_map(|region| region.subtasks.iter().copied()).collect();
        ended.into_iter().for_each(|subtask| self.executions.had_finished(subtask, now));
    }

    /// Nothing of the job runs anywhere: it is as after a failure from which all of it recovers, but that there was none.
    fn begin_anew(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let is_canceled = self.recovery.take().is_some_and(|recovery| recovery.is_canceled);
        self.executions.enter_all(ExecutionState::Canceled, now, |_| true);
        for region in &mut self.regions {
            region.phase = RegionPhase::BackingOff;
        }
        self.release_superfluous(out);
        self.begin_checkpoints_anew();
        self.enter(JobState::Restarting { resume_at: None }, now, out);
        if is_canceled {
            self.cancel(now, out);
        } else {
            self.proceed(now, out);
        }
    }

    fn adopt(&mut self, plan: Plan, now: MonoTime, out: &mut Vec<Effect>) {
        let Plan { unfit, unsure, queues } = plan;
        let Some(recovery) = self.recovery.take() else { return };
        let restore = self.restore_point();
        self.splits = queues;
        for number in 0..self.regions.len() {
            let is_deploying = self.executions.count_in(number, ExecutionState::Deploying) > 0;
            self.regions[number].restore.clone_from(&restore);
            self.regions[number].phase = match () {
                () if unfit.contains(&number) => RegionPhase::Running,
                () if self.executions.region_finished(number) => RegionPhase::Finished,
                () if is_deploying => {
                    RegionPhase::Deploying { deadline: now + self.config.deployment_timeout }
                }
                () => RegionPhase::Running,
            };
        }
        let live = self.executions.all().iter().filter(|it| it.is_live());
        let live: Vec<_> = live.filter_map(|it| Some((it.subtask, it.location.clone()?))).collect();
        live.into_iter().for_each(|(subtask, location)| self.pool.use_slot(subtask, location));
        self.release_superfluous(out);
        self.enter(JobState::Running, now, out);
        out.push(Effect::RequireSlots { count: self.pool.required() });
        self.tell_of_checkpoints(&recovery, out);
        if !unfit.is_empty() {
            let failure = self.failure_of(&unfit, &unsure, now);
            self.fail_in(&Scope::Regions(unfit), failure, now, out);
        }
        if recovery.is_canceled {
            self.cancel(now, out);
        }
        for (subtask, request) in recovery.requests {
            self.split_requested(subtask.vertex, request, out);
        }
        self.proceed(now, out);
    }

    fn plan(&self) -> Plan {
        let mut unfit: BTreeSet<_> = (0..self.regions.len()).filter(|number| !self.is_fit(*number)).collect();
        let fit_by_tasks: BTreeSet<_> =
            (0..self.regions.len()).filter(|number| !unfit.contains(number)).collect();
        // What restarts for one source may take readers of another with it.
        let queues = loop {
            let mut queues = BTreeMap::new();
            let mut torn = BTreeSet::new();
            for (vertex, queue) in &self.splits {
                match self.readers(*vertex, &unfit).and_then(|readers| queue.adopt(&readers)) {
                    Some(queue) => drop(queues.insert(*vertex, queue)),
                    None => {
                        let subtasks = self.executions.all().iter().map(|it| it.subtask);
                        torn.extend(self.regions_of(subtasks.filter(|it| it.vertex == *vertex)));
                        queues.insert(*vertex, queue.clone());
                    }
                }
            }
            let before = unfit.len();
            unfit.extend(torn);
            if unfit.len() == before {
                break queues;
            }
        };
        let unsure = fit_by_tasks.intersection(&unfit).copied().collect();
        Plan { unfit, unsure, queues }
    }

    /// What the subtasks of a source that were found have got and told. `None` if it is not known of one that is to go on.
    fn readers(&self, vertex: VertexIndex, unfit: &BTreeSet<RegionNumber>) -> Option<Vec<Reader>> {
        let mut readers = Vec::new();
        let Some(recovery) = &self.recovery else { return Some(readers) };
        let from = self.restore_point().map(|point| point.checkpoint_id);
        for (subtask, Found { task, log }) in recovery.found.iter().filter(|(it, _)| it.vertex == vertex) {
            let region = self.executions.region_of(*subtask)?;
            let goes_on = !unfit.contains(&region);
            // Of one that had finished, the checkpoint has all.
            let mark = log.marks.iter().find(|mark| Some(mark.checkpoint_id) == from);
            let is_all_in_it = recovery.finished.contains(subtask);
            let (last_answered, enumerating) = match mark {
                _ if is_all_in_it => (u64::MAX, None),
                _ if log.is_cut && goes_on => return None,
                Some(mark) => (mark.last_answered, mark.last_report),
                None if task.restored == from => (0, None),
                None if goes_on => return None,
                None => continue,
            };
            let answers = log.answers.iter().filter(|(request_id, _)| *request_id > last_answered);
            let reports = if is_all_in_it { Vec::new() } else { log.reports.clone() };
            readers.push(Reader {
                subtask: subtask.subtask,
                attempt: task.attempt,
                answers: answers.cloned().collect(),
                reports,
                enumerating,
                goes_on,
                has_ended: task.state == Some(TaskState::Finished) && recovery.stop.is_none(),
            });
        }
        Some(readers)
    }

    /// Whether a region goes on as it is, as far as its subtasks are concerned.
    fn is_fit(&self, number: RegionNumber) -> bool {
        let Some(recovery) = &self.recovery else { return false };
        let mut slots = BTreeMap::new();
        self.regions[number].subtasks.iter().all(|subtask| {
            let Some(execution) = self.executions.current(*subtask) else { return false };
            let Some(Found { task, .. }) = recovery.found.get(subtask) else {
                return execution.state == ExecutionState::Finished;
            };
            let is_live = execution.is_live();
            let has_drained = task.drained.is_some_and(|id| {
                recovery.stop.as_ref().is_none_or(|savepoint| savepoint.checkpoint_id != id)
            });
            // Those that share a slot must be in one.
            let slot = execution.location.as_ref().map(|location| location.allocation_id);
            let is_placed = !is_live || *slots.entry(self.pool.number_of(*subtask)).or_insert(slot) == slot;
            let runs = is_live && !task.is_canceling;
            is_placed && !has_drained && (runs || execution.state == ExecutionState::Finished)
        })
    }

    /// Whether something runs there that was given up before.
    fn has_stale_tasks(&self, returned: &ReturnedTaskManager) -> bool {
        let is_stale = |task: &LocalTask| {
            let ended = task.state.as_ref().is_some_and(TaskState::is_terminal);
            !ended && self.executions.get(task.subtask, task.attempt).is_none()
        };
        returned.report.tasks.iter().any(is_stale)
    }

    pub(super) fn release_superfluous(&mut self, out: &mut Vec<Effect>) {
        let released = self.pool.release_superfluous().into_iter();
        out.extend(released.map(|allocation_id| Effect::ReleaseSlot { allocation_id }));
    }

    /// What came to an end without anybody being told: checkpoints that were under way, and the completion of the latest.
    fn tell_of_checkpoints(&mut self, recovery: &Recovery, out: &mut Vec<Effect>) {
        let latest = self.restore_point().map(|point| point.checkpoint_id);
        // Where it was restored, the job was to go on without an end.
        let restored = |found: &Found| found.task.restored.is_some() && found.task.restored == latest;
        let stop = recovery.stop.clone().filter(|_| !recovery.found.values().any(restored));
        self.resume_latest(recovery.last_checkpoint, stop, out);
    }

    /// Why these regions are started again.
    fn failure_of(
        &self,
        unfit: &BTreeSet<RegionNumber>,
        unsure: &BTreeSet<RegionNumber>,
        now: MonoTime,
    ) -> FailureRecord {
        let subtasks = || unfit.iter().flat_map(|number| &self.regions[*number].subtasks);
        let executions = || subtasks().filter_map(|subtask| self.executions.current(*subtask));
        let failed = executions().filter_map(|it| Some((it, it.failure.clone()?)));
        // The first of those of the highest rank.
        if let Some((execution, cause)) = failed.rev().max_by_key(|(_, cause)| cause.kind.rank()) {
            return FailureRecord::of_execution(cause, now, &self.graph, execution);
        }
        let seconds = self.config.reconciliation_timeout.as_secs_f64();
        let missing = executions().find(|it| it.state == ExecutionState::Created);
        let message = match (missing, subtasks().next()) {
            (Some(it), _) => format!(
                "no TaskManager has told of {} within {seconds} s after the JobManager had begun to lead",
                self.task_name(it.subtask)
            ),
            (None, Some(_)) if unsure.len() == unfit.len() => {
                "it is not known what the job's sources have read since the latest checkpoint, since the \
                 JobManager that knew it is gone"
                    .to_owned()
            }
            (None, Some(subtask)) => format!(
                "{} was being stopped when the JobManager was lost that wanted it",
                self.task_name(*subtask)
            ),
            (None, None) => "subtasks are gone".to_owned(),
        };
        FailureRecord::of_job(FailureCause::new(FailureKind::TaskManagerLost, message), now)
    }
}

fn no_log(subtask: SubtaskId, attempt: AttemptNumber) -> SplitLog {
    SplitLog { subtask, attempt, answers: Vec::new(), reports: Vec::new(), marks: Vec::new(), is_cut: false }
}
