//! The slots that a job holds, and its task hosts in them.

use std::collections::BTreeMap;

use flott_core::{AllocationId, RegistrationId, SlotIndex, TaskManagerId};

use super::{GrantedSlot, Location};
use crate::protocol::Fence;

/// The job's task host on one TaskManager, as its JobMaster knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostPhase {
    /// Not ordered yet.
    Absent,
    /// Ordered.
    Starting,
    /// Subtasks can be deployed.
    Ready { data_address: String },
    /// We ordered to kill it.
    Killed,
    /// The process is gone.
    Ended,
}

/// A TaskManager on which the job holds slots.
#[derive(Clone, Debug)]
pub(super) struct HeldTaskManager {
    pub(super) fence: Fence,
    pub(super) rpc_address: String,
    pub(super) slots: BTreeMap<SlotIndex, AllocationId>,
    pub(super) host: HostPhase,
    /// Sequence number of the last report that was taken in.
    pub(super) last_report: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct SlotPool {
    pub(super) task_managers: BTreeMap<TaskManagerId, HeldTaskManager>,
}

impl SlotPool {
    pub(super) fn count(&self) -> u32 {
        self.task_managers.values().map(|held| held.slots.len() as u32).sum()
    }

    pub(super) fn add(&mut self, granted: GrantedSlot) {
        let held = self.task_managers.entry(granted.task_manager_id).or_insert_with(|| HeldTaskManager {
            fence: granted.fence,
            rpc_address: granted.rpc_address,
            slots: BTreeMap::new(),
            host: HostPhase::Absent,
            last_report: None,
        });
        held.fence = granted.fence;
        held.slots.insert(granted.slot, granted.allocation_id);
    }

    /// The TaskManager, if this is its current registration.
    pub(super) fn current(
        &mut self,
        id: &TaskManagerId,
        registration_id: RegistrationId,
    ) -> Option<&mut HeldTaskManager> {
        self.task_managers.get_mut(id).filter(|held| held.fence.registration_id == registration_id)
    }

    /// All slots in the order in which they are given to subtasks: neighbors are on one TaskManager.
    pub(super) fn locations(&self) -> Vec<Location> {
        let of = |(id, held): (&TaskManagerId, &HeldTaskManager)| {
            let (id, rpc_address) = (id.clone(), held.rpc_address.clone());
            let location = move |allocation_id: &AllocationId| Location {
                allocation_id: *allocation_id,
                task_manager_id: id.clone(),
                rpc_address: rpc_address.clone(),
            };
            held.slots.values().map(location).collect::<Vec<_>>()
        };
        self.task_managers.iter().flat_map(of).collect()
    }
}
