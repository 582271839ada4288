//! The steps from one state of a job to the next.

use std::collections::BTreeMap;

use flott_core::{
    AttemptNumber, ExecutionState, FailureCause, FailureKind, MonoTime, SubtaskId, TaskManagerId,
    deployment::{Placement, TaskDescriptor, TaskHostAddress},
};

use super::{
    Effect, FailureRecord, GrantedSlot, JobMaster, JobState, Outcome,
    slot_pool::{HeldTaskManager, HostPhase},
};
use crate::protocol::Order;

/// A job starts its task hosts once; a job that restarts will count on.
pub(super) const HOST_ATTEMPT: AttemptNumber = AttemptNumber(0);

impl JobMaster {
    pub(super) fn start(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        match self.state {
            JobState::Created => {
                out.push(Effect::RequireSlots { count: self.graph.required_slots() });
                self.executions.enter_all(ExecutionState::Scheduled, now, |_| true);
                let deadline = now + self.config.slot_request_timeout;
                self.enter(JobState::WaitingForSlots { deadline }, now, out);
            }
            // Canceled before it began.
            JobState::Terminal(Outcome::Canceled) => {}
            _ => out.push(self.violation("started twice")),
        }
    }

    pub(super) fn cancel(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        match self.state {
            JobState::Canceling { .. } | JobState::Terminal(_) => {}
            // Its subtasks are being stopped already; they have no more time than they had.
            JobState::Failing { kill_at, .. } => self.enter(JobState::Canceling { kill_at }, now, out),
            JobState::Created
            | JobState::WaitingForSlots { .. }
            | JobState::StartingTaskHosts { .. }
            | JobState::Running { .. } => {
                let kill_at = now + self.config.cancellation_timeout;
                self.enter(JobState::Canceling { kill_at }, now, out);
                self.tear_down(now, out);
            }
        }
    }

    pub(super) fn take_slot(&mut self, slot: GrantedSlot, now: MonoTime, out: &mut Vec<Effect>) {
        let required = self.graph.required_slots();
        match self.state {
            JobState::WaitingForSlots { .. } if self.pool.count() < required => {
                self.pool.add(slot);
                if self.pool.count() == required {
                    self.start_task_hosts(now, out);
                }
            }
            // The offer and the end of the need for it have crossed.
            _ => out.push(Effect::ReleaseSlot { allocation_id: slot.allocation_id }),
        }
    }

    pub(super) fn timer_fired(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        match self.state {
            JobState::WaitingForSlots { deadline } if now >= deadline => {
                let cause = FailureCause::new(FailureKind::NoResources, self.too_few_slots());
                self.fail(FailureRecord::of_job(cause, now), now, out);
            }
            JobState::StartingTaskHosts { deadline } if now >= deadline => {
                let late = |held: &HeldTaskManager| held.host == HostPhase::Starting;
                let what = "did not start the job's task host";
                self.fail_late(late, what, self.config.task_host_start_timeout, now, out);
            }
            JobState::Running { deploy_deadline } if self.is_deploying() && now >= deploy_deadline => {
                let deploying =
                    self.executions.all().iter().filter(|it| it.state == ExecutionState::Deploying);
                let ids: Vec<_> = deploying
                    .filter_map(|execution| Some(execution.location.as_ref()?.task_manager_id.clone()))
                    .collect();
                let Some(id) = ids.first() else { return };
                let address = self.pool.task_managers.get(id).map(|held| held.rpc_address.clone());
                let address = address.unwrap_or_default();
                let message = format!(
                    "TaskManager {id} ({address}) has not begun {} of the job's subtasks within {} s",
                    ids.iter().filter(|other| *other == id).count(),
                    self.config.deployment_timeout.as_secs_f64()
                );
                let cause = FailureCause::new(FailureKind::TaskHostStart, message);
                self.fail(FailureRecord::of_task_manager(cause, now, id, &address), now, out);
            }
            JobState::Canceling { kill_at } if now >= kill_at => {
                let kill_at = now + self.config.cancellation_timeout;
                self.state = JobState::Canceling { kill_at };
                self.kill_hosts(out);
            }
            JobState::Failing { ref cause, kill_at } if now >= kill_at => {
                let kill_at = now + self.config.cancellation_timeout;
                self.state = JobState::Failing { cause: cause.clone(), kill_at };
                self.kill_hosts(out);
            }
            _ => {}
        }
    }

    /// Takes in a failure: the first one ends the job, those that come with it are kept, and the most telling of them
    /// becomes the root.
    pub(super) fn fail(&mut self, failure: FailureRecord, now: MonoTime, out: &mut Vec<Effect>) {
        match &self.state {
            // What fails while a user's cancel is carried out is of no interest any more.
            JobState::Canceling { .. } | JobState::Terminal(_) => {}
            // A source that can't list its splits says so and then fails by it.
            JobState::Failing { .. } if self.failures.iter().any(|known| known.repeats(&failure)) => {}
            JobState::Failing { cause, kill_at } => {
                if failure.cause.kind.rank() > cause.kind.rank() {
                    self.state = JobState::Failing { cause: failure.cause.clone(), kill_at: *kill_at };
                    self.failures.insert(0, failure);
                } else {
                    self.failures.push(failure);
                }
                self.failures.truncate(Self::MAX_FAILURES);
            }
            JobState::Created
            | JobState::WaitingForSlots { .. }
            | JobState::StartingTaskHosts { .. }
            | JobState::Running { .. } => {
                let kill_at = now + self.config.cancellation_timeout;
                let cause = failure.cause.clone();
                self.failures.push(failure);
                self.enter(JobState::Failing { cause, kill_at }, now, out);
                self.tear_down(now, out);
            }
        }
    }

    /// Goes on if that was the last thing that was waited for.
    pub(super) fn proceed(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        match &self.state {
            JobState::Running { .. } if self.executions.all_finished() => {
                self.end(Outcome::Finished, now, out);
            }
            JobState::Canceling { .. } if self.executions.all_terminal() => {
                self.end(Outcome::Canceled, now, out);
            }
            JobState::Failing { cause, .. } if self.executions.all_terminal() => {
                let outcome = Outcome::Failed(cause.clone());
                self.end(outcome, now, out);
            }
            JobState::StartingTaskHosts { .. }
                if self
                    .pool
                    .task_managers
                    .values()
                    .all(|held| matches!(held.host, HostPhase::Ready { .. })) =>
            {
                self.deploy(now, out);
            }
            _ => {}
        }
    }

    /// Repeats what was ordered under an earlier registration and may never have arrived.
    pub(super) fn repeat_orders(&mut self, id: &TaskManagerId, out: &mut Vec<Effect>) {
        let Some(held) = self.pool.task_managers.get(id) else { return };
        let job_id = self.spec.job_id;
        let mut orders = Vec::new();
        match held.host {
            HostPhase::Starting => orders.push(self.start_order(held)),
            HostPhase::Killed => orders.push(Order::KillTaskHost { job_id, attempt: HOST_ATTEMPT }),
            HostPhase::Absent | HostPhase::Ready { .. } | HostPhase::Ended => {}
        }
        let deploying = self.tasks_on(id, ExecutionState::Deploying);
        if !deploying.is_empty() {
            let placement = self.placement.clone();
            orders.push(Order::DeployTasks { job_id, placement, tasks: deploying });
        }
        orders.extend(self.checkpoint_orders(id));
        let canceling = self.tasks_on(id, ExecutionState::Canceling);
        if !canceling.is_empty() {
            let tasks = canceling.into_iter().map(|task| (task.subtask, task.attempt)).collect();
            orders.push(Order::CancelTasks { job_id, tasks });
        }
        let (to, fence) = (id, held.fence);
        out.extend(orders.into_iter().map(|order| Effect::SendOrder { to: to.clone(), fence, order }));
    }

    pub(super) fn violation(&self, what: &str) -> Effect {
        Effect::Violation { message: format!("job {} in state {:?}: {what}", self.spec.job_id, self.state) }
    }

    fn start_task_hosts(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        self.assign_slots();
        let deadline = now + self.config.task_host_start_timeout;
        self.enter(JobState::StartingTaskHosts { deadline }, now, out);
        for held in self.pool.task_managers.values_mut() {
            held.host = HostPhase::Starting;
        }
        for (id, held) in &self.pool.task_managers {
            out.push(Effect::SendOrder { to: id.clone(), fence: held.fence, order: self.start_order(held) });
        }
    }

    /// Subtask i of each vertex of a slot sharing group shares the group's slot i, so that what a forward edge
    /// connects is in one process.
    fn assign_slots(&mut self) {
        let locations = self.pool.locations();
        let mut sizes = BTreeMap::<&str, usize>::new();
        for vertex in &self.graph.vertices {
            let size = sizes.entry(&vertex.slot_sharing_group).or_default();
            *size = (*size).max(vertex.parallelism as usize);
        }
        let mut starts = BTreeMap::<&str, usize>::new();
        let mut next = 0;
        for (group, size) in sizes {
            starts.insert(group, next);
            next += size;
        }
        for (index, vertex) in self.graph.vertices.iter().enumerate() {
            let start = starts[vertex.slot_sharing_group.as_str()];
            for subtask in 0..vertex.parallelism {
                let location = locations[start + subtask as usize].clone();
                self.executions.place(SubtaskId::new(index as u32, subtask), location);
            }
        }
    }

    fn start_order(&self, held: &HeldTaskManager) -> Order {
        let mut spec = self.spec.clone();
        spec.slots = held.slots.len() as u32;
        let allocations = held.slots.values().copied().collect();
        Order::StartTaskHost { attempt: HOST_ATTEMPT, allocations, spec }
    }

    fn deploy(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        self.executions.enter_all(ExecutionState::Deploying, now, |_| true);
        let deploy_deadline = now + self.config.deployment_timeout;
        self.enter(JobState::Running { deploy_deadline }, now, out);
        self.placement = self.placement();
        let job_id = self.spec.job_id;
        for (id, held) in &self.pool.task_managers {
            let tasks = self.tasks_on(id, ExecutionState::Deploying);
            let order = Order::DeployTasks { job_id, placement: self.placement.clone(), tasks };
            out.push(Effect::SendOrder { to: id.clone(), fence: held.fence, order });
        }
    }

    /// The placement, when all task hosts are ready.
    fn placement(&self) -> Placement {
        let mut hosts = Vec::new();
        let mut positions = BTreeMap::new();
        for (id, held) in &self.pool.task_managers {
            if let HostPhase::Ready { data_address } = &held.host {
                positions.insert(id, hosts.len() as u32);
                let data_address = data_address.clone();
                hosts.push(TaskHostAddress { task_manager_id: id.clone(), data_address });
            }
        }
        let mut vertices = vec![Vec::new(); self.graph.vertices.len()];
        for execution in self.executions.all() {
            let host = execution.location.as_ref().and_then(|it| positions.get(&it.task_manager_id));
            vertices[execution.subtask.vertex.0 as usize].extend(host);
        }
        Placement { hosts, vertices }
    }

    fn tasks_on(&self, id: &TaskManagerId, state: ExecutionState) -> Vec<TaskDescriptor> {
        let executions = self.executions.all().iter().filter(|it| it.state == state && it.is_on(id));
        let restore = self.restore_point();
        executions
            .filter_map(|execution| {
                let allocation_id = execution.location.as_ref()?.allocation_id;
                let (subtask, attempt) = (execution.subtask, execution.attempt);
                let restore = restore.clone();
                Some(TaskDescriptor { subtask, attempt, allocation_id, restore })
            })
            .collect()
    }

    /// Stops whatever runs; the job goes on when all of it has ended.
    fn tear_down(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        self.executions.enter_all(ExecutionState::Canceled, now, |it| !it.is_live());
        self.executions.enter_all(ExecutionState::Canceling, now, |_| true);
        self.reject_waiting_split_requests(out);
        if !self.executions.all_terminal() {
            // It wants no slots in place of those that it loses from here on.
            out.push(Effect::RequireSlots { count: self.pool.count() });
        }
        let job_id = self.spec.job_id;
        for (id, held) in &self.pool.task_managers {
            let tasks = self.tasks_on(id, ExecutionState::Canceling);
            if !tasks.is_empty() {
                let tasks = tasks.into_iter().map(|task| (task.subtask, task.attempt)).collect();
                let order = Order::CancelTasks { job_id, tasks };
                out.push(Effect::SendOrder { to: id.clone(), fence: held.fence, order });
            }
        }
        self.proceed(now, out);
    }

    fn kill_hosts(&mut self, out: &mut Vec<Effect>) {
        let (job_id, attempt) = (self.spec.job_id, HOST_ATTEMPT);
        for (id, held) in &mut self.pool.task_managers {
            if self.executions.all().iter().any(|execution| execution.is_live() && execution.is_on(id)) {
                held.host = HostPhase::Killed;
                let order = Order::KillTaskHost { job_id, attempt };
                out.push(Effect::SendOrder { to: id.clone(), fence: held.fence, order });
            }
        }
    }

    fn end(&mut self, outcome: Outcome, now: MonoTime, out: &mut Vec<Effect>) {
        let (job_id, attempt) = (self.spec.job_id, HOST_ATTEMPT);
        for (id, held) in std::mem::take(&mut self.pool.task_managers) {
            if matches!(held.host, HostPhase::Starting | HostPhase::Ready { .. }) {
                let order = Order::ReleaseTaskHost { job_id, attempt };
                out.push(Effect::SendOrder { to: id, fence: held.fence, order });
            }
        }
        out.push(Effect::RequireSlots { count: 0 });
        self.end_checkpoints(&outcome, now, out);
        self.splits.clear();
        self.enter(JobState::Terminal(outcome.clone()), now, out);
        out.push(Effect::Terminated { outcome });
    }

    fn enter(&mut self, state: JobState, now: MonoTime, out: &mut Vec<Effect>) {
        let before = self.state.status();
        self.state = state;
        let status = self.state.status();
        if status != before {
            self.status_times.push((status, now));
            out.push(Effect::StatusChanged { status });
        }
    }

    fn fail_late(
        &mut self,
        late: impl Fn(&HeldTaskManager) -> bool,
        what: &str,
        within: std::time::Duration,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let Some((id, held)) = self.pool.task_managers.iter().find(|(_, held)| late(held)) else { return };
        let (id, address) = (id.clone(), held.rpc_address.clone());
        let message = format!("TaskManager {id} ({address}) {what} within {} s", within.as_secs_f64());
        let cause = FailureCause::new(FailureKind::TaskHostStart, message);
        self.fail(FailureRecord::of_task_manager(cause, now, &id, &address), now, out);
    }

    fn too_few_slots(&self) -> String {
        let required = self.graph.required_slots();
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
}
