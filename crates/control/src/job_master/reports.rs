//! What TaskManagers and the ResourceManager tell of the job's task hosts and subtasks.

use flott_core::{
    AttemptNumber, ExecutionState, FailureCause, FailureKind, MonoTime, RegistrationId, TaskManagerId,
};

use super::{Effect, FailureRecord, JobMaster, JobState, lifecycle::HOST_ATTEMPT, slot_pool::HostPhase};
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
                if attempt == HOST_ATTEMPT && held.host == HostPhase::Starting {
                    held.host = HostPhase::Ready { data_address };
                    self.proceed(now, out);
                }
            }
            Report::HostEnded { attempt, cause } => self.host_ended(id, attempt, cause, now, out),
            Report::Task(report) => self.task_reported(id, report, now, out),
            Report::Checkpoint(report) => self.checkpoint_reported(report, now, out),
            Report::AwaitsCheckpoint { subtask, attempt } => self.checkpoint_awaited(subtask, attempt),
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
        let Some(held) = self.pool.task_managers.remove(id) else { return };
        let failure = FailureRecord::of_task_manager(cause, now, id, &held.rpc_address);
        match self.state {
            // Nothing was started there; the ResourceManager looks for other slots.
            JobState::WaitingForSlots { .. } => {}
            _ if self.state.is_tearing_down() => {
                out.push(Effect::RequireSlots { count: self.pool.count() });
                if self.has_live_tasks_on(id) {
                    self.lose_tasks_on(id, failure, now, out);
                }
            }
            _ => self.lose_tasks_on(id, failure, now, out),
        }
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
        let cause = FailureCause::new(FailureKind::Internal, message);
        self.fail(FailureRecord::of_task_manager(cause, now, id, &address), now, out);
    }

    fn host_ended(
        &mut self,
        id: &TaskManagerId,
        attempt: AttemptNumber,
        cause: FailureCause,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let Some(held) = self.pool.task_managers.get_mut(id) else { return };
        if attempt != HOST_ATTEMPT {
            return;
        }
        let killed = std::mem::replace(&mut held.host, HostPhase::Ended) == HostPhase::Killed;
        let address = held.rpc_address.clone();
        let cause = cause.context(format!("in the task host on TaskManager {id} ({address})"));
        let failure = FailureRecord::of_task_manager(cause, now, id, &address);
        let starting = matches!(self.state, JobState::StartingTaskHosts { .. });
        if killed {
            // By our order: that is no failure, only the end of what ran there.
            self.executions.enter_all(ExecutionState::Canceled, now, |it| it.is_on(id));
            self.proceed(now, out);
        } else if starting || self.has_live_tasks_on(id) {
            self.lose_tasks_on(id, failure, now, out);
        }
    }

    /// Nothing of the job runs on this TaskManager any more, since it or the task host there is gone.
    fn lose_tasks_on(
        &mut self,
        id: &TaskManagerId,
        failure: FailureRecord,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        if self.state.is_tearing_down() {
            self.executions.enter_all(ExecutionState::Canceled, now, |it| it.is_on(id));
        }
        let lost: Vec<_> = self
            .executions
            .all()
            .iter()
            .filter(|it| it.is_live() && it.is_on(id))
            .map(|it| it.subtask)
            .collect();
        for subtask in lost {
            self.executions.enter(subtask, ExecutionState::Failed, now);
            self.executions.set_failure(subtask, failure.cause.clone());
        }
        self.fail(failure, now, out);
        self.proceed(now, out);
    }

    fn has_live_tasks_on(&self, id: &TaskManagerId) -> bool {
        self.executions.all().iter().any(|execution| execution.is_live() && execution.is_on(id))
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
        let was_canceling = execution.state == ExecutionState::Canceling;
        self.executions.take_metrics(SubtaskMetrics { subtask, attempt, metrics, operators });
        let moved = self.executions.enter(subtask, state.execution_state(), now);
        match state {
            // While it is being canceled these change nothing.
            TaskState::Initializing | TaskState::Running => {}
            TaskState::Finished if self.is_enumerating(subtask, attempt) => {
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
            self.fail(failure, now, out);
        }
    }
}
