//! The steps from one state of a job to the next.

use std::collections::BTreeSet;

use flott_core::{ExecutionState, FailureCause, FailureKind, MonoTime, TaskManagerId};

use super::{
    Effect, Execution, FailureRecord, GrantedSlot, JobMaster, JobState, Outcome,
    slot_pool::{HostPhase, host_attempt},
};
use crate::protocol::Order;

impl JobMaster {
    pub(super) fn start(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        match self.state {
            JobState::Created => {
                if !self.begin_reconciling(now, out) {
                    let recovery = self.recovery.take();
                    self.wait_for_slots(now, out);
                    if recovery.is_some_and(|recovery| recovery.is_canceled) {
                        self.cancel(now, out);
                    }
                }
            }
            // Canceled before it began.
            JobState::Terminal(Outcome::Canceled) => {}
            _ => out.push(self.violation("started twice")),
        }
    }

    pub(super) fn wait_for_slots(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        out.push(Effect::RequireSlots { count: self.pool.required() });
        self.schedule_initially(now);
        self.executions.enter_all(ExecutionState::Scheduled, now, |_| true);
        let deadline = now + self.config.slot_request_timeout;
        self.enter(JobState::WaitingForSlots { deadline }, now, out);
        self.secure_beginning(out);
    }

    pub(super) fn cancel(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        match self.state {
            JobState::Canceling { .. } | JobState::Terminal(_) => {}
            // What runs of it has to be known first.
            JobState::Reconciling { .. } => {
                if let Some(recovery) = &mut self.recovery {
                    recovery.is_canceled = true;
                }
            }
            // Its subtasks are being stopped already; they have no more time than they had.
            JobState::Failing { kill_at } => self.enter(JobState::Canceling { kill_at }, now, out),
            JobState::Created
            | JobState::WaitingForSlots { .. }
            | JobState::Running
            | JobState::Restarting { .. } => {
                let kill_at = now + self.config.cancellation_timeout;
                self.enter(JobState::Canceling { kill_at }, now, out);
                let cause = FailureCause::new(FailureKind::Internal, "the job was canceled");
                self.tear_down(&cause, now, out);
            }
        }
    }

    /// The job ends by its newest failure.
    pub(super) fn give_up(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let kill_at = now + self.config.cancellation_timeout;
        self.enter(JobState::Failing { kill_at }, now, out);
        let cause = self.root_cause();
        self.tear_down(&cause, now, out);
    }

    pub(super) fn take_slot(&mut self, slot: GrantedSlot, now: MonoTime, out: &mut Vec<Effect>) {
        let wanted = self.pool.count() < self.pool.required().max(self.rescaling.wanted_slots());
        match self.state {
            JobState::WaitingForSlots { .. } if wanted => {
                self.pool.add(slot);
                if self.pool.count() == self.pool.required() && !self.rescaling.is_changing() {
                    self.begin_regions(now, out);
                }
            }
            JobState::Running | JobState::Restarting { .. } if wanted => {
                self.pool.add(slot);
                self.prepare_task_hosts(out);
                self.proceed(now, out);
            }
            // The offer and the end of the need for it have crossed.
            _ => out.push(Effect::ReleaseSlot { allocation_id: slot.allocation_id }),
        }
    }

    pub(super) fn timer_fired(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        match &mut self.state {
            JobState::WaitingForSlots { deadline } if now >= *deadline => {
                let cause = FailureCause::new(FailureKind::NoResources, self.too_few_slots());
                self.fail(FailureRecord::of_job(cause, now), now, out);
            }
            JobState::Reconciling { deadline } if now >= *deadline => self.reconcile(true, now, out),
            JobState::Running | JobState::Restarting { .. } => self.regions_timer_fired(now, out),
            JobState::Canceling { kill_at } | JobState::Failing { kill_at } if now >= *kill_at => {
                *kill_at = now + self.config.cancellation_timeout;
                let ids = self.task_managers_of(Execution::is_live);
                self.kill_hosts(&ids, out);
            }
            _ => {}
        }
    }

    pub(super) fn violation(&self, what: &str) -> Effect {
        Effect::Violation { message: format!("job {} in state {:?}: {what}", self.spec.job_id, self.state) }
    }

    pub(super) fn end_if_all_is_down(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        if !self.executions.all_terminal() {
            return;
        }
        match self.state {
            JobState::Canceling { .. } => self.end(Outcome::Canceled, now, out),
            JobState::Failing { .. } => self.end(Outcome::Failed(self.root_cause()), now, out),
            _ => {}
        }
    }

    /// Tells the TaskManagers to cancel what is being canceled of these.
    pub(super) fn order_to_cancel(&self, chosen: impl Fn(&Execution) -> bool, out: &mut Vec<Effect>) {
        let job_id = self.spec.job_id;
        let canceling = |it: &Execution| it.state == ExecutionState::Canceling && chosen(it);
        for id in self.task_managers_of(canceling) {
            let Some(held) = self.pool.task_managers.get(&id) else { continue };
            let tasks = self.executions.all().iter().filter(|it| canceling(it) && it.is_on(&id));
            let tasks = tasks.map(|it| (it.subtask, it.attempt)).collect();
            out.push(Effect::SendOrder {
                to: id,
                fence: held.fence,
                order: Order::CancelTasks { job_id, tasks },
            });
        }
    }

    pub(super) fn kill_hosts(&mut self, ids: &BTreeSet<TaskManagerId>, out: &mut Vec<Effect>) {
        let job_id = self.spec.job_id;
        for (id, held) in self.pool.task_managers.iter_mut().filter(|(id, _)| ids.contains(*id)) {
            if let Some(host) = held.host.host() {
                held.host = HostPhase::Killed(host);
                let order = Order::KillTaskHost { job_id, attempt: host_attempt(host) };
                out.push(Effect::SendOrder { to: id.clone(), fence: held.fence, order });
            }
        }
    }

    pub(super) fn end(&mut self, outcome: Outcome, now: MonoTime, out: &mut Vec<Effect>) {
        // Nothing is given back before it is durable that the job has ended: it would begin again.
        out.push(Effect::Terminated { outcome: outcome.clone() });
        let job_id = self.spec.job_id;
        for (id, held) in std::mem::take(&mut self.pool.task_managers) {
            if let HostPhase::Starting(host) | HostPhase::Ready { host, .. } = held.host {
                let order = Order::ReleaseTaskHost { job_id, attempt: host_attempt(host) };
                out.push(Effect::SendOrder { to: id, fence: held.fence, order });
            }
        }
        out.push(Effect::RequireSlots { count: 0 });
        self.end_checkpoints(&outcome, now, out);
        self.end_rescaling(out);
        self.splits.clear();
        self.enter(JobState::Terminal(outcome), now, out);
    }

    pub(super) fn enter(&mut self, state: JobState, now: MonoTime, out: &mut Vec<Effect>) {
        let before = self.state.status();
        self.state = state;
        let status = self.state.status();
        if status != before {
            self.statuses.enter(status, now);
            out.push(Effect::StatusChanged { status });
        }
    }

    pub(super) fn too_few_slots(&self) -> String {
        let required = self.pool.required();
        let held = self.pool.count();
        let (total, free, task_managers) = self.cluster.unwrap_or_default();
        let task_managers = match task_managers {
            1 => "1 TaskManager registered".to_owned(),
            count => format!("{count} TaskManagers registered"),
        };
        let got = if held > 0 { format!("got {held} of them, and ") } else { String::new() };
        format!(
            "job needs {required} slots but {got}only {free} of {total} are free ({task_managers}): start more \
             TaskManagers or lower the parallelism"
        )
    }

    /// Stops whatever runs; the job goes on when all of it has ended.
    fn tear_down(&mut self, cause: &FailureCause, now: MonoTime, out: &mut Vec<Effect>) {
        self.stop_checkpoints(cause, now, out);
        self.executions.enter_all(ExecutionState::Canceled, now, |it| !it.is_live());
        self.executions.enter_all(ExecutionState::Canceling, now, |_| true);
        self.reject_waiting_split_requests(|_| true, out);
        if !self.executions.all_terminal() {
            // It wants no slots in place of those that it loses from here on.
            out.push(Effect::RequireSlots { count: self.pool.count() });
        }
        self.order_to_cancel(|_| true, out);
        self.proceed(now, out);
    }

    fn root_cause(&self) -> FailureCause {
        let unknown =
            || FailureCause::new(FailureKind::Internal, "the job failed for no reason that is known");
        self.failures.newest().first().map_or_else(unknown, |failure| failure.cause.clone())
    }

    /// Where these executions are.
    fn task_managers_of(&self, chosen: impl Fn(&Execution) -> bool) -> BTreeSet<TaskManagerId> {
        let chosen = self.executions.all().iter().filter(|it| chosen(it));
        chosen.filter_map(|it| Some(it.location.as_ref()?.task_manager_id.clone())).collect()
    }
}
