//! What TaskManagers and the ResourceManager tell of the job's task hosts and subtasks.

use std::collections::BTreeSet;

use flott_core::{
    AttemptNumber, ExecutionState, FailureCause, FailureKind, MonoTime, RegistrationId, TaskManagerId,
};

use super::{
    Effect, Execution, FailureRecord, JobMaster, JobState,
    failover::{RegionNumber, Scope},
    slot_pool::{HostPhase, host_attempt},
};
use crate::protocol::{Refusal, Report, SubtaskMetrics, TaskReport, TaskState};

impl JobMaster {
    pub(super) fn reported(
        &mut self,
        id: &TaskManagerId,
        registration_id: RegistrationId,
        sequence: u64,
        report: Report,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let Some(held) = self.pool.current(id, registration_id) else { return };
        if held.last_report >= Some(sequence) {
            return;
        }
        held.last_report = Some(sequence);
        match report {
            Report::HostReady { attempt, data_address } => {
                if let HostPhase::Starting(host) = held.host
                    && host_attempt(host) == attempt
                {
                    held.host = HostPhase::Ready { host, data_address };
                    self.proceed(now, out);
                }
            }
            Report::HostEnded { attempt, cause } => self.host_ended(id, attempt, cause, now, out),
            Report::Task(report) => self.task_reported(id, report, now, out),
            Report::Checkpoint(report) => self.checkpoint_reported(report, now, out),
            Report::AwaitsCheckpoint { subtask, attempt } => self.checkpoint_awaited(subtask, attempt, out),
        }
    }

    pub(super) fn task_manager_lost(
        &mut self,
        id: &TaskManagerId,
        registration_id: RegistrationId,
        cause: FailureCause,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        if self.pool.current(id, registration_id).is_none() {
            return;
        }
        let starting = self.regions_starting_on(id);
        let Some(held) = self.pool.lose(id) else { return };
        if matches!(self.state, JobState::Reconciling { .. }) {
            return self.forget_found_on(id, now);
        }
        if self.state.is_tearing_down() {
            out.push(Effect::RequireSlots { count: self.pool.count() });
        }
        let failure = FailureRecord::of_task_manager(cause, now, id, &held.rpc_address);
        self.lose_tasks_on(id, starting, failure, now, out);
    }

    pub(super) fn order_refused(
        &mut self,
        id: &TaskManagerId,
        registration_id: RegistrationId,
        order: &str,
        reason: Refusal,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let Some(held) = self.pool.current(id, registration_id) else { return };
        // Its end is reported, with the reason.
        if reason == Refusal::NoTaskHost || self.state.is_tearing_down() {
            return;
        }
        let address = held.rpc_address.clone();
        let message = format!("TaskManager {id} ({address}) refused to {order}: {reason}");
        let kind = match reason {
            // It had given it up before we heard of it.
            Refusal::UnknownAllocation | Refusal::AllocationFreed => FailureKind::TaskManagerLost,
            Refusal::UnknownSlot | Refusal::SlotOccupied | Refusal::NoTaskHost => FailureKind::Internal,
        };
        let cause = FailureCause::new(kind, message);
        let live = self.executions.all().iter().filter(|it| it.is_live() && it.is_on(id));
        let mut hit = self.regions_of(live.map(|it| it.subtask));
        hit.extend(self.regions_starting_on(id));
        // If nothing of the job is there any more, it was an order that nobody wants obeyed.
        if !hit.is_empty() {
            let failure = FailureRecord::of_task_manager(cause, now, id, &address);
            self.fail_in(&Scope::Regions(hit), failure, now, out);
        }
    }

    fn host_ended(
        &mut self,
        id: &TaskManagerId,
        attempt: AttemptNumber,
        cause: FailureCause,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let starting = self.regions_starting_on(id);
        let Some(held) = self.pool.task_managers.get_mut(id) else { return };
        if held.host.host().map(host_attempt) != Some(attempt) {
            return;
        }
        let phase = std::mem::replace(&mut held.host, HostPhase::Ended);
        let address = held.rpc_address.clone();
        let cause = cause.context(format!("in the task host on TaskManager {id} ({address})"));
        let failure = FailureRecord::of_task_manager(cause, now, id, &address);
        match phase {
            // By our order: that is no failure, only the end of what ran there.
            HostPhase::Killed(_) => {
                let others = self.end_tasks_on(id, &failure.cause, now);
                self.restart_with_others(others, failure, now, out);
                self.proceed(now, out);
            }
            HostPhase::Starting(_) => self.lose_tasks_on(id, starting, failure, now, out),
            _ => self.lose_tasks_on(id, BTreeSet::new(), failure, now, out),
        }
    }

    /// Nothing of the job runs on this TaskManager any more, since it or the task host there is gone. `starting`: regions
    /// that have waited for that task host.
    fn lose_tasks_on(
        &mut self,
        id: &TaskManagerId,
        starting: BTreeSet<RegionNumber>,
        failure: FailureRecord,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let canceling = |it: &Execution| it.state == ExecutionState::Canceling && it.is_on(id);
        let canceling = self.executions.all().iter().filter(|it| canceling(it));
        let mut hit = self.regions_of(canceling.map(|it| it.subtask));
        hit.extend(self.end_tasks_on(id, &failure.cause, now));
        hit.extend(starting);
        // Where nothing was going on, nothing has failed; the ResourceManager looks for other slots.
        if !hit.is_empty() {
            self.fail_in(&Scope::Regions(hit), failure, now, out);
        }
        self.proceed(now, out);
    }

    /// Ends what runs on this TaskManager. What was being canceled is canceled by that; the regions of what was not are
    /// returned.
    fn end_tasks_on(
        &mut self,
        id: &TaskManagerId,
        cause: &FailureCause,
        now: MonoTime,
    ) -> BTreeSet<RegionNumber> {
        self.executions.enter_all(ExecutionState::Canceled, now, |it| it.is_live() && it.is_on(id));
        let live = self.executions.all().iter().filter(|it| it.is_live() && it.is_on(id));
        let failed: Vec<_> = live.map(|it| it.subtask).collect();
        for subtask in &failed {
            self.executions.enter(*subtask, ExecutionState::Failed, now);
            self.executions.set_failure(*subtask, cause.clone());
        }
        self.regions_of(failed)
    }

    fn task_reported(
        &mut self,
        id: &TaskManagerId,
        report: TaskReport,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let TaskReport { subtask, attempt, state, metrics, operators } = report;
        let Some(execution) = self.executions.get(subtask, attempt).filter(|it| it.is_on(id)) else { return };
        if execution.state.is_terminal() {
            return;
        }
        if !execution.is_live() {
            out.push(self.violation("a subtask reports although it was not deployed"));
            return;
        }
        if state == TaskState::Canceled && matches!(self.state, JobState::Reconciling { .. }) {
            // An earlier JobMaster has wanted it so.
            self.executions.enter(subtask, ExecutionState::Canceling, now);
        }
        let Some(execution) = self.executions.get(subtask, attempt) else { return };
        let was_canceling = execution.state == ExecutionState::Canceling;
        self.executions.take_metrics(SubtaskMetrics { subtask, attempt, metrics, operators });
        let moved = self.executions.enter(subtask, state.execution_state(), now);
        match state {
            // While it is being canceled these change nothing.
            TaskState::Initializing | TaskState::Running => {}
            // One that ends with a savepoint leaves the rest of its splits to the job that goes on from that.
            TaskState::Finished
                if self.is_enumerating(subtask, attempt) && !self.checkpoints.has_stopped() =>
            {
                let message =
                    format!("{} ended before it had enumerated all splits", self.task_name(subtask));
                self.fail_task(subtask, attempt, FailureCause::new(FailureKind::Internal, message), now, out);
            }
            TaskState::Finished => {}
            TaskState::Canceled if was_canceling => {}
            TaskState::Canceled => {
                debug_assert!(!moved, "only a canceling execution can be canceled");
                self.executions.enter(subtask, ExecutionState::Failed, now);
                let message = format!("{} stopped although nobody wanted it to", self.task_name(subtask));
                self.fail_task(subtask, attempt, FailureCause::new(FailureKind::Internal, message), now, out);
            }
            TaskState::Failed(cause) => self.fail_task(subtask, attempt, cause, now, out),
        }
        self.proceed(now, out);
    }

    pub(super) fn fail_task(
        &mut self,
        subtask: flott_core::SubtaskId,
        attempt: AttemptNumber,
        cause: FailureCause,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        self.executions.set_failure(subtask, cause.clone());
        if let Some(execution) = self.executions.get(subtask, attempt) {
            let failure = FailureRecord::of_execution(cause, now, &self.graph, execution);
            let hit = self.regions_of([subtask]);
            self.fail_in(&Scope::Regions(hit), failure, now, out);
        }
    }
}
