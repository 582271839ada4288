//! The machine of the ResourceManager: which TaskManagers there are and who holds their slots.
//!
//! Jobs are served in the order in which they came, and each gets all slots that it lacks or none, so that two jobs
//! never starve each other with half of what they need; a later job that fits may overtake one that does not. A job's
//! slots are taken where most are free: the fewer TaskManagers a job is on, the more of its records move without
//! being serialized.
//!
//! What a TaskManager reports of its slots is the truth; the machine only orders. Reports carry a version, so that
//! one that was overtaken on its way never undoes what is known since.

mod allocation;
mod effect;
mod event;
mod registry;
mod slot;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use flott_core::{AllocationId, JobId, LeaderEpoch, MonoTime, RegistrationId, TaskManagerId};

pub use effect::Effect;
pub use event::Event;
pub use registry::TaskManagerEntry;
pub use slot::SlotState;

use crate::protocol::{Fence, OrderAnswer, SlotHolder};
use allocation::Demand;

/// Settings of the ResourceManager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceManagerConfig {
    /// Number of this leadership.
    pub epoch: LeaderEpoch,
    /// Makes the ids of this process differ from those of any other; draw it at random.
    pub id_salt: u64,
    /// `heartbeat.interval`: how often TaskManagers are to send heartbeats.
    pub heartbeat_interval: Duration,
    /// `heartbeat.timeout`: after how long without one a TaskManager is dead.
    pub heartbeat_timeout: Duration,
}

/// The pure core of the ResourceManager.
#[derive(Clone, Debug)]
pub struct ResourceManager {
    config: ResourceManagerConfig,
    next_id: u64,
    task_managers: BTreeMap<TaskManagerId, TaskManagerEntry>,
    /// In the order in which the jobs came.
    demands: Vec<Demand>,
    /// Jobs that an earlier leader has run and that have not said yet how many slots they need.
    recovering: BTreeSet<JobId>,
}

impl ResourceManager {
    /// One that knows no TaskManager yet.
    pub fn new(config: ResourceManagerConfig) -> Self {
        Self {
            config,
            next_id: 0,
            task_managers: BTreeMap::new(),
            demands: Vec::new(),
            recovering: BTreeSet::new(),
        }
    }

    /// Takes in an event and returns what is to be done, in this order.
    pub fn handle(&mut self, event: Event, now: MonoTime) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::RegistrationRequested { call, request } => self.register(call, request, now, &mut out),
            Event::HeartbeatReceived { task_manager_id, registration_id, slots } => {
                let known = self.current(&task_manager_id, registration_id).is_some_and(|entry| {
                    entry.last_heartbeat = now;
                    entry.take_report(slots);
                    true
                });
                if known {
                    self.reconcile(&task_manager_id, &mut out);
                    self.return_to_jobs(&task_manager_id, &mut out);
                    self.repeat_freeing(&task_manager_id, &mut out);
                }
                out.push(Effect::AnswerHeartbeat { task_manager_id, registration_id, known });
            }
            Event::ConnectionLost { task_manager_id, registration_id } => {
                self.connection_lost(&task_manager_id, registration_id, &mut out);
            }
            Event::OrderAnswered { task_manager_id, registration_id, allocation_id, answer } => {
                self.order_answered(&task_manager_id, registration_id, allocation_id, answer, &mut out);
            }
            Event::SlotsRequired { job_id, count: 0 } => self.give_up_demand(job_id, &mut out),
            Event::SlotsRequired { job_id, count } => {
                self.recovering.remove(&job_id);
                match self.demands.iter_mut().find(|demand| demand.job_id == job_id) {
                    Some(demand) => demand.required = count,
                    None => self.demands.push(Demand { job_id, required: count, reported: None }),
                }
            }
            Event::SlotReleased { job_id, allocation_id } => {
                self.release(&mut out, |holder| {
                    holder.job_id == job_id && holder.allocation_id == allocation_id
                });
            }
            Event::JobRecovering { job_id } => drop(self.recovering.insert(job_id)),
            Event::TimerFired => self.expire(now, &mut out),
        }
        self.allocate(&mut out);
        self.report_slots(&mut out);
        out
    }

    /// When [`Event::TimerFired`] is wanted next.
    pub fn next_wakeup(&self) -> Option<MonoTime> {
        self.task_managers.values().map(|entry| entry.last_heartbeat + self.config.heartbeat_timeout).min()
    }

    /// The registered TaskManagers.
    pub fn task_managers(&self) -> impl Iterator<Item = (&TaskManagerId, &TaskManagerEntry)> {
        self.task_managers.iter()
    }

    /// How many slots all TaskManagers have.
    pub fn total_slots(&self) -> u32 {
        self.slots().count() as u32
    }

    /// How many of them are free.
    pub fn free_slots(&self) -> u32 {
        self.slots().filter(|slot| **slot == SlotState::Free).count() as u32
    }

    fn slots(&self) -> impl Iterator<Item = &SlotState> {
        self.task_managers.values().flat_map(|entry| &entry.slots)
    }

    /// The TaskManager, if this is its current registration.
    fn current(
        &mut self,
        id: &TaskManagerId,
        registration_id: RegistrationId,
    ) -> Option<&mut TaskManagerEntry> {
        self.task_managers.get_mut(id).filter(|entry| entry.registration_id == registration_id)
    }

    fn fence(&self, registration_id: RegistrationId) -> Fence {
        Fence { epoch: self.config.epoch, registration_id }
    }

    /// Whether this is a slot that an earlier leader has given to a job that goes on: it stays the job's.
    fn is_inherited(&self, holder: &SlotHolder) -> bool {
        let is_known = self.recovering.contains(&holder.job_id)
            || self.demands.iter().any(|demand| demand.job_id == holder.job_id);
        is_known && holder.allocation_id.as_bytes()[..8] != self.config.id_salt.to_be_bytes()
    }

    /// Ids need to be unique, not secret: the salt tells this process from others, the counter the rest.
    fn next_id(&mut self) -> [u8; 16] {
        self.next_id += 1;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.config.id_salt.to_be_bytes());
        bytes[8..].copy_from_slice(&self.next_id.to_be_bytes());
        bytes
    }

    fn order_answered(
        &mut self,
        id: &TaskManagerId,
        registration_id: RegistrationId,
        allocation_id: AllocationId,
        answer: OrderAnswer,
        out: &mut Vec<Effect>,
    ) {
        let fence = self.fence(registration_id);
        let own_epoch = self.config.epoch;
        let Some(entry) = self.current(id, registration_id) else { return };
        match answer {
            OrderAnswer::Accepted { slots } => {
                entry.take_report(slots);
                if let Some((slot, holder)) = entry.accept(allocation_id) {
                    out.push(Effect::GrantSlot {
                        job_id: holder.job_id,
                        slot: entry.granted(id, fence, slot, holder),
                    });
                }
            }
            OrderAnswer::Refused { slots, .. } => {
                entry.take_report(slots);
                entry.refuse(allocation_id);
            }
            OrderAnswer::StaleLeader { highest } if highest > own_epoch => {
                out.push(Effect::LeadershipLost { epoch: highest });
                return;
            }
            // The shell calls again, as long as the registration is valid.
            OrderAnswer::StaleLeader { .. } | OrderAnswer::UnknownRegistration => return,
        }
        self.reconcile(id, out);
    }

    fn give_up_demand(&mut self, job_id: JobId, out: &mut Vec<Effect>) {
        self.demands.retain(|demand| demand.job_id != job_id);
        self.recovering.remove(&job_id);
        self.release(out, |holder| holder.job_id == job_id);
    }
}
