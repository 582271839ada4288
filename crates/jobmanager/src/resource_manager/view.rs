//! What is published of the ResourceManager's state.

use std::{collections::BTreeMap, sync::Arc};

use flott_control::resource_manager::{SlotState, TaskManagerEntry};
use flott_core::{SlotIndex, TaskManagerId};

use crate::{
    clock::Clock,
    task_manager_client::TaskManagerClient,
    view::{ClusterOverview, HardwareView, ProcessMetrics, SlotView, TaskHostView, TaskManagerView},
};

/// All TaskManagers at one moment.
#[derive(Default)]
pub(super) struct ResourceView {
    pub(super) overview: ClusterOverview,
    pub(super) task_managers: BTreeMap<TaskManagerId, Known>,
}

/// A registered TaskManager.
pub(super) struct Known {
    pub(super) view: Arc<TaskManagerView>,
    pub(super) client: TaskManagerClient,
}

/// What the machine does not need to know of a TaskManager.
#[derive(Debug, Default)]
pub(super) struct Particulars {
    pub(super) process: ProcessMetrics,
    pub(super) task_hosts: Vec<TaskHostView>,
}

pub(super) fn task_manager(
    id: &TaskManagerId,
    entry: &TaskManagerEntry,
    particulars: &Particulars,
    clock: &Clock,
) -> TaskManagerView {
    TaskManagerView {
        id: id.clone(),
        rpc_address: entry.info.rpc_address.clone(),
        data_host: entry.info.data_host.clone(),
        registered_unix_ms: clock.to_unix_ms(entry.registered_at),
        last_heartbeat_unix_ms: clock.to_unix_ms(entry.last_heartbeat),
        hardware: HardwareView {
            cpu_cores: entry.info.hardware.cpu_cores,
            physical_memory: entry.info.hardware.physical_memory,
        },
        process: particulars.process,
        slots: entry.slots.iter().enumerate().map(slot).collect(),
        task_hosts: particulars.task_hosts.clone(),
    }
}

fn slot((index, state): (usize, &SlotState)) -> SlotView {
    let holder = match state {
        SlotState::Free => None,
        SlotState::Pending(holder)
        | SlotState::Abandoned(holder)
        | SlotState::Allocated(holder)
        | SlotState::Freeing(holder) => Some(holder),
    };
    SlotView {
        index: SlotIndex(u32::try_from(index).unwrap_or(u32::MAX)),
        job_id: holder.map(|holder| holder.job_id),
        allocation_id: holder.map(|holder| holder.allocation_id),
    }
}
