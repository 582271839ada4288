//! Which job gets which slot.

use std::collections::BTreeMap;

use flott_core::{AllocationId, JobId, SlotIndex, TaskManagerId};

use super::{Effect, ResourceManager, SlotState};
use crate::protocol::{Order, SlotHolder};

/// What a job requires.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    pub(super) job_id: JobId,
    /// Slots in total, at least 1.
    pub(super) required: u32,
    /// What it was last told of the cluster while it waited: total, free, TaskManagers.
    pub(super) reported: Option<(u32, u32, u32)>,
}

impl ResourceManager {
    /// Gives each job that lacks slots all of them, if there are enough.
    pub(super) fn allocate(&mut self, out: &mut Vec<Effect>) {
        let mut free = self.free_slots();
        for (job_id, missing) in self.missing() {
            if free == 0 {
                return;
            }
            if missing <= free {
                free -= missing;
                self.allocate_to(job_id, missing, out);
            }
        }
    }

    /// Takes back, now or when its TaskManager has answered, each slot whose holder is chosen.
    pub(super) fn release(&mut self, out: &mut Vec<Effect>, chosen: impl Fn(&SlotHolder) -> bool) {
        let epoch = self.config.epoch;
        for (id, entry) in &mut self.task_managers {
            let fence = entry.fence(epoch);
            for slot in &mut entry.slots {
                match *slot {
                    SlotState::Pending(holder) if chosen(&holder) => *slot = SlotState::Abandoned(holder),
                    SlotState::Allocated(holder) if chosen(&holder) => {
                        *slot = SlotState::Freeing(holder);
                        out.push(Effect::SendOrder {
                            to: id.clone(),
                            fence,
                            order: Order::FreeSlot { holder },
                        });
                    }
                    _ => {}
                }
            }
        }
    }

    /// Tells jobs that wait for slots what there is, if that has changed.
    pub(super) fn report_slots(&mut self, out: &mut Vec<Effect>) {
        let missing = self.missing();
        let (total, free) = (self.total_slots(), self.free_slots());
        let now = Some((total, free, self.task_managers.len() as u32));
        for demand in &mut self.demands {
            let job_id = demand.job_id;
            if !missing.iter().any(|(waiting, _)| *waiting == job_id) {
                demand.reported = None;
            } else if demand.reported != now {
                demand.reported = now;
                let task_managers = self.task_managers.len() as u32;
                out.push(Effect::ReportSlots { job_id, total, free, task_managers });
            }
        }
    }

    /// The jobs that lack slots, and how many, in the order in which they came.
    fn missing(&self) -> Vec<(JobId, u32)> {
        if self.demands.is_empty() {
            return Vec::new();
        }
        let mut served = BTreeMap::<JobId, u32>::new();
        for slot in self.slots() {
            if let SlotState::Pending(holder) | SlotState::Allocated(holder) = slot {
                *served.entry(holder.job_id).or_default() += 1;
            }
        }
        let missing = |demand: &Demand| {
            let served = served.get(&demand.job_id).copied().unwrap_or_default();
            (demand.job_id, demand.required.saturating_sub(served))
        };
        self.demands.iter().map(missing).filter(|(_, missing)| *missing > 0).collect()
    }

    fn allocate_to(&mut self, job_id: JobId, count: u32, out: &mut Vec<Effect>) {
        let mut by_free: Vec<(usize, TaskManagerId)> = self
            .task_managers
            .iter()
            .map(|(id, entry)| {
                (entry.slots.iter().filter(|slot| **slot == SlotState::Free).count(), id.clone())
            })
            .collect();
        // The sort is stable, so TaskManagers with equally many stay in the order of their ids.
        by_free.sort_by_key(|(free, _)| std::cmp::Reverse(*free));
        let mut left = count;
        for (_, id) in by_free {
            for slot in 0..self.task_managers[&id].slots.len() {
                if left == 0 {
                    return;
                }
                if self.task_managers[&id].slots[slot] == SlotState::Free {
                    let allocation_id = AllocationId::from_bytes(self.next_id());
                    self.request(&id, slot, SlotHolder { allocation_id, job_id }, out);
                    left -= 1;
                }
            }
        }
    }

    fn request(&mut self, id: &TaskManagerId, slot: usize, holder: SlotHolder, out: &mut Vec<Effect>) {
        let epoch = self.config.epoch;
        let entry = self.task_managers.get_mut(id).expect("the caller has just found it");
        entry.slots[slot] = SlotState::Pending(holder);
        out.push(Effect::SendOrder {
            to: id.clone(),
            fence: entry.fence(epoch),
            order: Order::RequestSlot { slot: SlotIndex(slot as u32), holder },
        });
    }
}
