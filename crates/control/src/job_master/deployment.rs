//! From slots to subtasks that run in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use flott_core::{
    ExecutionState, FailureCause, FailureKind, HostId, MonoTime, TaskManagerId,
    deployment::{Placement, TaskDescriptor, TaskHostAddress},
};

use super::{
    Effect, FailureRecord, JobMaster, JobState,
    failover::{RegionNumber, RegionPhase},
    slot_pool::{HeldTaskManager, HostPhase, host_attempt},
};
use crate::protocol::Order;

impl JobMaster {
    /// All slots are there for the first time.
    pub(super) fn begin_regions(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let restore = self.restore_point();
        for region in &mut self.regions {
            region.restore.clone_from(&restore);
        }
        self.enter(JobState::Running, now, out);
        // Until task hosts are ready it mostly is.
        self.secure_attempts(out);
        self.proceed(now, out);
    }

    /// Gives slots to the regions that wait for them, as far as there are some.
    pub(super) fn use_slots(&mut self, now: MonoTime) {
        let waiting: Vec<_> =
            self.regions_in(|phase| matches!(phase, RegionPhase::WaitingForSlots { .. })).collect();
        if waiting.is_empty() {
            return;
        }
        self.pool.assign();
        for number in waiting {
            let region = &mut self.regions[number];
            let locations = region.subtasks.iter().map(|it| self.pool.location_of(*it).cloned());
            let Some(locations) = locations.collect::<Option<Vec<_>>>() else { continue };
            if !locations.iter().all(|location| self.pool.may_start(&location.task_manager_id)) {
                continue;
            }
            for (subtask, location) in region.subtasks.iter().zip(locations) {
                self.executions.place(*subtask, location);
            }
            let deadline = now + self.config.task_host_start_timeout;
            region.phase = RegionPhase::StartingTaskHosts { deadline };
        }
    }

    /// Starts the task hosts that are needed and do not run.
    pub(super) fn start_task_hosts(&mut self, out: &mut Vec<Effect>) {
        let starting = self.regions_in(|phase| matches!(phase, RegionPhase::StartingTaskHosts { .. }));
        let ids = self.task_managers_under(starting);
        self.start_those_missing(&ids, out);
    }

    /// Starts the task hosts that will be needed, while regions still stop or wait for their time: a process takes a while
    /// to start. If it fails to, that counts only when it is tried once more in earnest.
    pub(super) fn prepare_task_hosts(&mut self, out: &mut Vec<Effect>) {
        // They would have the graph that the job is about to leave.
        if self.rescaling.is_stopping() {
            return;
        }
        self.pool.assign();
        let waiting = self.regions.iter().filter(|region| region.phase.is_waiting());
        let locations =
            waiting.flat_map(|region| &region.subtasks).filter_map(|it| self.pool.location_of(*it));
        let ids = locations.map(|location| location.task_manager_id.clone()).collect();
        self.start_those_missing(&ids, out);
    }

    fn start_those_missing(&mut self, ids: &BTreeSet<TaskManagerId>, out: &mut Vec<Effect>) {
        let is_missing = |id: &&TaskManagerId| {
            let held = self.pool.task_managers.get(*id);
            held.is_some_and(|held| matches!(held.host, HostPhase::Absent | HostPhase::Ended))
        };
        let may_start = ids.iter().filter(|id| self.pool.may_start(id));
        let missing: Vec<_> = may_start.filter(is_missing).cloned().collect();
        if !self.secure_hosts(missing.len() as u32, out) {
            return;
        }
        for id in missing {
            let Some(held) = self.pool.task_managers.get_mut(&id) else { continue };
            let host = self.next_host;
            self.next_host = HostId(host.0 + 1);
            held.host = HostPhase::Starting(host);
            let held = &self.pool.task_managers[&id];
            out.push(Effect::SendOrder { to: id, fence: held.fence, order: self.start_order(held, host) });
        }
    }

    /// Deploys the regions whose task hosts are ready. Those that become so at the same time are deployed together.
    pub(super) fn deploy_regions(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let starting = self.regions_in(|phase| matches!(phase, RegionPhase::StartingTaskHosts { .. }));
        let ready: BTreeSet<_> = starting
            .filter(|region| self.pool.all_ready(self.task_managers_under([*region]).iter()))
            .collect();
        if ready.is_empty() || !self.secure_attempts(out) {
            return;
        }
        for number in &ready {
            let region = &mut self.regions[*number];
            region.phase = RegionPhase::Deploying { deadline: now + self.config.deployment_timeout };
            for subtask in &region.subtasks {
                self.executions.enter(*subtask, ExecutionState::Deploying, now);
            }
        }
        let placement = self.placement(&ready);
        for id in self.task_managers_under(ready.iter().copied()) {
            let Some(held) = self.pool.task_managers.get(&id) else { continue };
            let (job_id, placement) = (self.spec.job_id, placement.clone());
            let tasks = self.deploying_on(&id, &ready);
            let order = Order::DeployTasks { job_id, placement, tasks };
            out.push(Effect::SendOrder { to: id, fence: held.fence, order });
        }
    }

    /// Repeats what was ordered under an earlier registration and may never have arrived.
    pub(super) fn repeat_orders(&mut self, id: &TaskManagerId, out: &mut Vec<Effect>) {
        let Some(held) = self.pool.task_managers.get(id) else { return };
        let (job_id, fence) = (self.spec.job_id, held.fence);
        let mut orders = Vec::new();
        match held.host {
            HostPhase::Starting(host) => orders.push(self.start_order(held, host)),
            HostPhase::Killed(host) => {
                orders.push(Order::KillTaskHost { job_id, attempt: host_attempt(host) });
            }
            HostPhase::Absent | HostPhase::Ready { .. } | HostPhase::Ended => {}
        }
        let deploying = self.executions.all().iter();
        let deploying = deploying.filter(|it| it.state == ExecutionState::Deploying && it.is_on(id));
        let regions = self.regions_of(deploying.map(|it| it.subtask));
        if !regions.is_empty() {
            let (placement, tasks) = (self.placement(&regions), self.deploying_on(id, &regions));
            orders.push(Order::DeployTasks { job_id, placement, tasks });
        }
        orders.extend(self.checkpoint_orders(id));
        out.extend(orders.into_iter().map(|order| Effect::SendOrder { to: id.clone(), fence, order }));
        self.order_to_cancel(|it| it.is_on(id), out);
    }

    /// Of regions whose task hosts take too long to start, the first one that is not ready.
    pub(super) fn late_start(&self, late: &BTreeSet<RegionNumber>, now: MonoTime) -> FailureRecord {
        let not_ready = |id: &TaskManagerId| !self.pool.all_ready([id].into_iter());
        let id = self.task_managers_under(late.iter().copied()).into_iter().find(not_ready);
        self.late(id, "did not start the job's task host", self.config.task_host_start_timeout, now)
    }

    /// Of regions whose deployment takes too long, the first TaskManager that has not begun all that it should.
    pub(super) fn late_deployment(&self, late: &BTreeSet<RegionNumber>, now: MonoTime) -> FailureRecord {
        let subtasks = late.iter().flat_map(|region| &self.regions[*region].subtasks);
        let deploying = subtasks
            .filter_map(|subtask| self.executions.current(*subtask))
            .filter(|it| it.state == ExecutionState::Deploying);
        let ids: Vec<_> = deploying.filter_map(|it| Some(&it.location.as_ref()?.task_manager_id)).collect();
        let first = ids.iter().min().copied();
        let count = ids.iter().filter(|id| Some(**id) == first).count();
        let what = format!("has not begun {count} of the job's subtasks");
        self.late(first.cloned(), &what, self.config.deployment_timeout, now)
    }

    fn late(&self, id: Option<TaskManagerId>, what: &str, within: Duration, now: MonoTime) -> FailureRecord {
        let seconds = within.as_secs_f64();
        let failure = |message| FailureCause::new(FailureKind::TaskHostStart, message);
        let Some(id) = id else {
            return FailureRecord::of_job(failure(format!("a TaskManager {what} within {seconds} s")), now);
        };
        let address = self.pool.task_managers.get(&id).map(|held| held.rpc_address.clone());
        let address = address.unwrap_or_default();
        let cause = failure(format!("TaskManager {id} ({address}) {what} within {seconds} s"));
        FailureRecord::of_task_manager(cause, now, &id, &address)
    }

    fn start_order(&self, held: &HeldTaskManager, host: HostId) -> Order {
        let mut spec = self.spec.clone();
        spec.slots = held.slots.len() as u32;
        let allocations = held.slots.values().copied().collect();
        Order::StartTaskHost { attempt: host_attempt(host), allocations, spec }
    }

    /// Where the subtasks of these regions are: all that their channels need.
    fn placement(&self, regions: &BTreeSet<RegionNumber>) -> Placement {
        let mut hosts = BTreeMap::new();
        let mut vertices = vec![Vec::new(); self.graph.vertices.len()];
        let subtasks = regions.iter().flat_map(|region| &self.regions[*region].subtasks);
        for execution in subtasks.filter_map(|subtask| self.executions.current(*subtask)) {
            let Some(location) = &execution.location else { continue };
            let held = self.pool.task_managers.get(&location.task_manager_id);
            let Some(HostPhase::Ready { host, data_address }) = held.map(|held| &held.host) else { continue };
            hosts.entry(*host).or_insert_with(|| TaskHostAddress {
                host: *host,
                task_manager_id: location.task_manager_id.clone(),
                data_address: data_address.clone(),
            });
            let subtask = execution.subtask.subtask.0 as usize;
            let places = &mut vertices[execution.subtask.vertex.0 as usize];
            if places.len() <= subtask {
                places.resize(subtask + 1, None);
            }
            places[subtask] = Some(*host);
        }
        Placement { hosts: hosts.into_values().collect(), vertices }
    }

    fn deploying_on(&self, id: &TaskManagerId, regions: &BTreeSet<RegionNumber>) -> Vec<TaskDescriptor> {
        let regions = regions.iter().map(|number| &self.regions[*number]);
        let mut tasks: Vec<_> = regions
            .flat_map(|region| region.subtasks.iter().map(|subtask| (subtask, &region.restore)))
            .filter_map(|(subtask, restore)| {
                let execution = self.executions.current(*subtask)?;
                let deploying = execution.state == ExecutionState::Deploying && execution.is_on(id);
                let allocation_id = execution.location.as_ref().filter(|_| deploying)?.allocation_id;
                let (attempt, restore) = (execution.attempt, restore.clone());
                Some(TaskDescriptor { subtask: *subtask, attempt, allocation_id, restore })
            })
            .collect();
        tasks.sort_by_key(|task| task.subtask);
        tasks
    }

    fn regions_in(&self, chosen: impl Fn(&RegionPhase) -> bool) -> impl Iterator<Item = RegionNumber> {
        let regions = self.regions.iter().enumerate();
        regions.filter(move |(_, region)| chosen(&region.phase)).map(|(number, _)| number)
    }

    /// The TaskManagers on which subtasks of these regions are.
    fn task_managers_under(
        &self,
        regions: impl IntoIterator<Item = RegionNumber>,
    ) -> BTreeSet<TaskManagerId> {
        let subtasks = regions.into_iter().flat_map(|region| &self.regions[region].subtasks);
        let executions = subtasks.filter_map(|subtask| self.executions.current(*subtask));
        executions.filter_map(|it| Some(it.location.as_ref()?.task_manager_id.clone())).collect()
    }
}
