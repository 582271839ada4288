//! TaskManagers come, report, and go.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use flott_core::{
    AllocationId, FailureCause, FailureKind, JobId, LeaderEpoch, MonoTime, RegistrationId, SlotIndex,
    TaskManagerId,
};

use super::{Effect, ResourceManager, SlotState};
use crate::{
    job_master::{GrantedSlot, ReturnedTaskManager},
    protocol::{
        CallId, Fence, Order, RegistrationAnswer, RegistrationRequest, SlotHolder, SlotReport,
        TaskManagerInfo,
    },
};

/// Most slots that a TaskManager may have: far more than cores, and a bound on what a broken one can claim.
const MAX_SLOTS: usize = 4096;

/// By how much a timer may be late. Nothing but a process that did not run at all makes one later.
const STOOD_STILL: Duration = Duration::from_secs(1);

/// A registered TaskManager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskManagerEntry {
    /// Its current registration.
    pub registration_id: RegistrationId,
    /// When it registered.
    pub registered_at: MonoTime,
    /// When it was last heard of.
    pub last_heartbeat: MonoTime,
    /// What it has.
    pub info: TaskManagerInfo,
    /// Its slots, by index.
    pub slots: Vec<SlotState>,
    generation: u64,
    /// The newest report of its slots.
    report: SlotReport,
    /// What is told to jobs when it has taken the registration up.
    returned: Vec<(JobId, ReturnedTaskManager)>,
}

impl TaskManagerEntry {
    pub(super) fn fence(&self, epoch: LeaderEpoch) -> Fence {
        Fence { epoch, registration_id: self.registration_id }
    }

    /// Keeps the report unless a newer one is known.
    pub(super) fn take_report(&mut self, report: SlotReport) {
        if report.version > self.report.version && report.slots.len() == self.slots.len() {
            self.report = report;
        }
    }

    /// The TaskManager has given the slot. Returns it if the job is to have it.
    pub(super) fn accept(&mut self, allocation_id: AllocationId) -> Option<(SlotIndex, SlotHolder)> {
        let index = self.slots.iter().position(|slot| slot.is_of(allocation_id))?;
        match self.slots[index] {
            SlotState::Pending(holder) => {
                self.slots[index] = SlotState::Allocated(holder);
                Some((SlotIndex(index as u32), holder))
            }
            SlotState::Abandoned(_) => {
                // What the report says of it is reconciled next: it is held by an allocation nobody wants.
                self.slots[index] = SlotState::Free;
                None
            }
            // The answer to an order to free it, or a doubled one.
            SlotState::Free | SlotState::Allocated(_) | SlotState::Freeing(_) => None,
        }
    }

    /// The TaskManager did not give the slot.
    pub(super) fn refuse(&mut self, allocation_id: AllocationId) {
        for slot in &mut self.slots {
            if slot.is_of(allocation_id) && matches!(slot, SlotState::Pending(_) | SlotState::Abandoned(_)) {
                *slot = SlotState::Free;
            }
        }
    }

    pub(super) fn granted(
        &self,
        id: &TaskManagerId,
        fence: Fence,
        slot: SlotIndex,
        holder: SlotHolder,
    ) -> GrantedSlot {
        GrantedSlot {
            allocation_id: holder.allocation_id,
            task_manager_id: id.clone(),
            slot,
            fence,
            rpc_address: self.info.rpc_address.clone(),
        }
    }

    /// As it would be if nothing had been found that its jobs were not told of.
    fn without_untold(mut self) -> Self {
        for (job_id, returned) in std::mem::take(&mut self.returned) {
            for (slot, allocation_id) in returned.slots {
                let holder = SlotHolder { allocation_id, job_id };
                if let Some(slot) = self.slots.get_mut(slot.0 as usize)
                    && *slot == SlotState::Allocated(holder)
                {
                    *slot = SlotState::Free;
                }
            }
        }
        self
    }

    /// The jobs that were granted a slot here.
    fn jobs(&self) -> BTreeSet<JobId> {
        self.slots
            .iter()
            .filter_map(|slot| match slot {
                SlotState::Allocated(holder) => Some(holder.job_id),
                _ => None,
            })
            .collect()
    }
}

impl ResourceManager {
    pub(super) fn register(
        &mut self,
        call: CallId,
        request: RegistrationRequest,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let id = request.task_manager_id.clone();
        let known = self.task_managers.get(&id);
        match check(&request, known) {
            Ok(Some(registration_id)) => self.answer_registered(call, registration_id, out),
            Ok(None) => {
                let registration_id = RegistrationId::from_bytes(self.next_id());
                let fence = self.fence(registration_id);
                let old = self.task_managers.remove(&id);
                if let Some(old) = &old {
                    out.push(Effect::Disconnect {
                        task_manager_id: id.clone(),
                        registration_id: old.registration_id,
                        reason: "it registered again".to_owned(),
                    });
                }
                let old = old.map(TaskManagerEntry::without_untold);
                let old_slots = old.as_ref().map(|old| old.slots.as_slice()).unwrap_or_default();
                let mut slots = carry_over(old_slots, &request.slots.slots);
                let returned = self.inherit(&id, fence, &request, old_slots, &mut slots);
                let entry = TaskManagerEntry {
                    registration_id,
                    registered_at: now,
                    last_heartbeat: now,
                    slots,
                    info: request.info,
                    generation: request.generation,
                    report: request.slots,
                    returned,
                };
                self.task_managers.insert(id.clone(), entry);
                if let Some(old) = old {
                    self.tell_jobs_of_registration(&id, &old, fence, out);
                }
                self.answer_registered(call, registration_id, out);
                self.repeat_orders(&id, fence, out);
            }
            Err(reason) => {
                out.push(Effect::AnswerRegistration { call, answer: RegistrationAnswer::Refused { reason } })
            }
        }
    }

    /// Leaves slots that jobs have from an earlier leader to them. Returns what they are to be told.
    fn inherit(
        &self,
        id: &TaskManagerId,
        fence: Fence,
        request: &RegistrationRequest,
        old: &[SlotState],
        slots: &mut [SlotState],
    ) -> Vec<(JobId, ReturnedTaskManager)> {
        let mut returned = Vec::new();
        for report in &request.jobs {
            let mut inherited = Vec::new();
            for (index, slot) in slots.iter_mut().enumerate() {
                // What was to be freed before is not the job's any more.
                if let SlotState::Freeing(holder) = *slot
                    && holder.job_id == report.job_id
                    && old.get(index) != Some(slot)
                    && self.is_inherited(&holder)
                {
                    *slot = SlotState::Allocated(holder);
                    inherited.push((SlotIndex(index as u32), holder.allocation_id));
                }
            }
            if !inherited.is_empty() {
                let of_job = ReturnedTaskManager {
                    task_manager_id: id.clone(),
                    fence,
                    rpc_address: request.info.rpc_address.clone(),
                    slots: inherited,
                    report: report.clone(),
                };
                returned.push((report.job_id, of_job));
            }
        }
        returned
    }

    /// The TaskManager has taken its registration up: what it has told when it asked for it is true.
    pub(super) fn return_to_jobs(&mut self, id: &TaskManagerId, out: &mut Vec<Effect>) {
        let Some(entry) = self.task_managers.get_mut(id) else { return };
        for (job_id, returned) in std::mem::take(&mut entry.returned) {
            let is_held = |(slot, allocation_id): &(SlotIndex, AllocationId)| {
                let holder = SlotHolder { allocation_id: *allocation_id, job_id };
                entry.slots.get(slot.0 as usize) == Some(&SlotState::Allocated(holder))
            };
            // If it has lost one since, it loses all of them.
            if returned.slots.iter().all(is_held) {
                out.push(Effect::ReturnTaskManager { job_id, returned });
            }
        }
    }

    /// Brings the states of a TaskManager's slots in line with its newest report.
    pub(super) fn reconcile(&mut self, id: &TaskManagerId, out: &mut Vec<Effect>) {
        let epoch = self.config.epoch;
        let Some(entry) = self.task_managers.get_mut(id) else { return };
        let fence = entry.fence(epoch);
        let mut robbed = BTreeSet::new();
        for (slot, reported) in entry.slots.iter_mut().zip(&entry.report.slots) {
            let held_by_other = match (*slot, *reported) {
                // Decided by the answer to the order that is on its way.
                (SlotState::Pending(_) | SlotState::Abandoned(_), _) => None,
                (SlotState::Free, reported) => reported,
                (SlotState::Allocated(holder) | SlotState::Freeing(holder), Some(reported))
                    if holder == reported =>
                {
                    None
                }
                (SlotState::Freeing(_), reported) => {
                    *slot = SlotState::Free;
                    reported
                }
                (SlotState::Allocated(holder), reported) => {
                    robbed.insert(holder.job_id);
                    *slot = SlotState::Free;
                    reported
                }
            };
            if let Some(holder) = held_by_other {
                *slot = SlotState::Freeing(holder);
                out.push(Effect::SendOrder { to: id.clone(), fence, order: Order::FreeSlot { holder } });
            }
        }
        let (registration_id, address) = (entry.registration_id, entry.info.rpc_address.clone());
        for job_id in robbed {
            let message = format!("TaskManager {id} ({address}) took a slot away from the job");
            self.lose_job(id, registration_id, job_id, message, out);
        }
    }

    pub(super) fn connection_lost(
        &mut self,
        id: &TaskManagerId,
        registration_id: RegistrationId,
        out: &mut Vec<Effect>,
    ) {
        if let Some(entry) = self.current(id, registration_id) {
            let message = format!("connection to TaskManager {id} ({}) was closed", entry.info.rpc_address);
            self.lose(id, message, out);
        }
    }

    /// Gives up TaskManagers that have been silent for too long. Unless it was this process that stood still: then their
    /// heartbeats may only wait to be read, and each has its whole time again.
    pub(super) fn expire(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let timeout = self.config.heartbeat_timeout;
        if self.next_wakeup().is_some_and(|wanted| wanted + STOOD_STILL < now) {
            self.task_managers.values_mut().for_each(|entry| entry.last_heartbeat = now);
            return;
        }
        let silent: Vec<_> = self
            .task_managers
            .iter()
            .filter(|(_, entry)| entry.last_heartbeat + timeout <= now)
            .map(|(id, entry)| (id.clone(), entry.info.rpc_address.clone()))
            .collect();
        for (id, address) in silent {
            let message =
                format!("no heartbeat from TaskManager {id} ({address}) for {} s", timeout.as_secs_f64());
            self.lose(&id, message, out);
        }
    }

    fn lose(&mut self, id: &TaskManagerId, message: String, out: &mut Vec<Effect>) {
        let Some(entry) = self.task_managers.remove(id) else { return };
        for job_id in entry.jobs() {
            out.push(Effect::TellTaskManagerLost {
                job_id,
                task_manager_id: id.clone(),
                registration_id: entry.registration_id,
                cause: FailureCause::new(FailureKind::TaskManagerLost, message.clone()),
            });
        }
        out.push(Effect::Disconnect {
            task_manager_id: id.clone(),
            registration_id: entry.registration_id,
            reason: message,
        });
    }

    fn answer_registered(&self, call: CallId, registration_id: RegistrationId, out: &mut Vec<Effect>) {
        let interval = self.config.heartbeat_interval.as_millis();
        out.push(Effect::AnswerRegistration {
            call,
            answer: RegistrationAnswer::Registered {
                fence: self.fence(registration_id),
                heartbeat_interval_ms: u64::try_from(interval).unwrap_or(u64::MAX),
            },
        });
    }

    /// Tells each job that had slots here whether it still has them all.
    fn tell_jobs_of_registration(
        &mut self,
        id: &TaskManagerId,
        old: &TaskManagerEntry,
        fence: Fence,
        out: &mut Vec<Effect>,
    ) {
        let entry = &self.task_managers[id];
        let mut granted = BTreeMap::<JobId, bool>::new();
        for (index, slot) in old.slots.iter().enumerate() {
            if let SlotState::Allocated(holder) = slot {
                let kept = entry.slots.get(index) == Some(slot);
                *granted.entry(holder.job_id).or_insert(true) &= kept;
            }
        }
        let address = entry.info.rpc_address.clone();
        for (job_id, kept_all) in granted {
            if kept_all {
                let task_manager_id = id.clone();
                out.push(Effect::TellTaskManagerReregistered { job_id, task_manager_id, fence });
            } else {
                let message = format!("TaskManager {id} ({address}) was started anew");
                self.lose_job(id, old.registration_id, job_id, message, out);
            }
        }
        // Slots that were given while the answer was on its way: the report has told.
        let entry = &self.task_managers[id];
        for (index, slot) in entry.slots.iter().enumerate() {
            if let SlotState::Allocated(holder) = slot
                && old.slots.get(index) == Some(&SlotState::Pending(*holder))
            {
                let slot = entry.granted(id, fence, SlotIndex(index as u32), *holder);
                out.push(Effect::GrantSlot { job_id: holder.job_id, slot });
            }
        }
    }

    /// A job has lost one of its slots here, so it loses all of them.
    fn lose_job(
        &mut self,
        id: &TaskManagerId,
        registration_id: RegistrationId,
        job_id: JobId,
        message: String,
        out: &mut Vec<Effect>,
    ) {
        out.push(Effect::TellTaskManagerLost {
            job_id,
            task_manager_id: id.clone(),
            registration_id,
            cause: FailureCause::new(FailureKind::TaskManagerLost, message),
        });
        let epoch = self.config.epoch;
        let Some(entry) = self.task_managers.get_mut(id) else { return };
        let fence = entry.fence(epoch);
        for slot in &mut entry.slots {
            if let SlotState::Allocated(holder) = *slot
                && holder.job_id == job_id
            {
                *slot = SlotState::Freeing(holder);
                // After a registration this is repeated with all others; doubling an order is harmless.
                out.push(Effect::SendOrder { to: id.clone(), fence, order: Order::FreeSlot { holder } });
            }
        }
    }

    /// A doubled order that arrived late may have given a slot away again after it was freed, and the order to free it
    /// is answered already: so that order is repeated for as long as the slot is held.
    pub(super) fn repeat_freeing(&self, id: &TaskManagerId, out: &mut Vec<Effect>) {
        let Some(entry) = self.task_managers.get(id) else { return };
        for slot in &entry.slots {
            if let SlotState::Freeing(holder) = *slot {
                let order = Order::FreeSlot { holder };
                out.push(Effect::SendOrder { to: id.clone(), fence: entry.fence(self.config.epoch), order });
            }
        }
    }

    /// Orders under the old registration may never have arrived.
    fn repeat_orders(&self, id: &TaskManagerId, fence: Fence, out: &mut Vec<Effect>) {
        for (index, slot) in self.task_managers[id].slots.iter().enumerate() {
            let order = match *slot {
                SlotState::Pending(holder) => Order::RequestSlot { slot: SlotIndex(index as u32), holder },
                SlotState::Freeing(holder) => Order::FreeSlot { holder },
                SlotState::Free | SlotState::Abandoned(_) | SlotState::Allocated(_) => continue,
            };
            out.push(Effect::SendOrder { to: id.clone(), fence, order });
        }
    }
}

/// Whether the request is a new one (`None`) or a copy of the one that led to the returned registration.
fn check(
    request: &RegistrationRequest,
    known: Option<&TaskManagerEntry>,
) -> Result<Option<RegistrationId>, String> {
    let slots = request.slots.slots.len();
    if slots != request.info.slots as usize || slots == 0 || slots > MAX_SLOTS {
        return Err(format!(
            "TaskManager {} says that it has {} slots and reports {slots}: expected the same number, 1 to {MAX_SLOTS}",
            request.task_manager_id, request.info.slots
        ));
    }
    match known {
        Some(entry) if entry.generation == request.generation => Ok(Some(entry.registration_id)),
        Some(entry) if entry.generation > request.generation => Err(format!(
            "a TaskManager {} with a newer request is registered: give each TaskManager an id of its own",
            request.task_manager_id
        )),
        _ => Ok(None),
    }
}

/// The slots of a new registration, from those of the old one and what the TaskManager reports.
fn carry_over(old: &[SlotState], reported: &[Option<SlotHolder>]) -> Vec<SlotState> {
    let carry = |(index, reported): (usize, &Option<SlotHolder>)| {
        let before = old.get(index).copied().unwrap_or(SlotState::Free);
        match (before, *reported) {
            (SlotState::Pending(holder) | SlotState::Allocated(holder), Some(held)) if holder == held => {
                SlotState::Allocated(held)
            }
            (_, Some(held)) => SlotState::Freeing(held),
            (SlotState::Pending(holder), None) => SlotState::Pending(holder),
            (_, None) => SlotState::Free,
        }
    };
    reported.iter().enumerate().map(carry).collect()
}
