//! The slots of a TaskManager.

use std::collections::{BTreeSet, VecDeque};

use flott_core::{AllocationId, JobId, SlotIndex};

use crate::protocol::{Refusal, SlotHolder, SlotReport};

/// How many freed allocations are remembered, so that an overtaken order does not allocate them again. After one that
/// is older than that the ResourceManager has to free the slot once more.
const FREED_REMEMBERED: usize = 256;

/// Life of a slot: `Free → Allocated → Freeing → Free`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// Nothing runs in it.
    Free,
    /// The job may run subtasks in it.
    Allocated(SlotHolder),
    /// As soon as nothing of the job runs in it any more, it is free.
    Freeing(SlotHolder),
}

#[derive(Clone, Debug)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    version: u64,
    freed: VecDeque<AllocationId>,
}

impl Slots {
    pub(super) fn new(count: u32) -> Self {
        Self { slots: vec![Slot::Free; count as usize], version: 1, freed: VecDeque::new() }
    }

    /// A slot that is being freed is still reported as held.
    pub(super) fn report(&self) -> SlotReport {
        let holder = |slot: &Slot| match slot {
            Slot::Free => None,
            Slot::Allocated(holder) | Slot::Freeing(holder) => Some(*holder),
        };
        SlotReport { version: self.version, slots: self.slots.iter().map(holder).collect() }
    }

    pub(super) fn allocate(&mut self, slot: SlotIndex, holder: SlotHolder) -> Result<(), Refusal> {
        if self.freed.contains(&holder.allocation_id) {
            return Err(Refusal::AllocationFreed);
        }
        match self.slots.get_mut(slot.0 as usize) {
            None => Err(Refusal::UnknownSlot),
            Some(Slot::Allocated(own)) if *own == holder => Ok(()),
            Some(slot @ Slot::Free) => {
                *slot = Slot::Allocated(holder);
                self.version += 1;
                Ok(())
            }
            Some(Slot::Allocated(_) | Slot::Freeing(_)) => Err(Refusal::SlotOccupied),
        }
    }

    /// Marks the slot of this allocation, if there is one, as to be freed.
    pub(super) fn start_freeing(&mut self, holder: SlotHolder) {
        for slot in &mut self.slots {
            if *slot == Slot::Allocated(holder) {
                *slot = Slot::Freeing(holder);
            }
        }
        if !self.freed.contains(&holder.allocation_id) {
            if self.freed.len() == FREED_REMEMBERED {
                self.freed.pop_front();
            }
            self.freed.push_back(holder.allocation_id);
        }
    }

    /// Marks all slots as to be freed. Returns whose they are.
    pub(super) fn start_freeing_all(&mut self) -> BTreeSet<JobId> {
        let allocated = |slot: &Slot| match slot {
            Slot::Allocated(holder) => Some(*holder),
            Slot::Free | Slot::Freeing(_) => None,
        };
        let holders: Vec<_> = self.slots.iter().filter_map(allocated).collect();
        holders.iter().for_each(|holder| self.start_freeing(*holder));
        holders.into_iter().map(|holder| holder.job_id).collect()
    }

    /// Whether a job may run something in one of them.
    pub(super) fn is_any_held(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, Slot::Allocated(_)))
    }

    /// Makes each slot free that is being freed for this job and of which `nothing_runs` says so.
    pub(super) fn finish_freeing(
        &mut self,
        job_id: JobId,
        nothing_runs: impl Fn(AllocationId) -> bool,
    ) -> bool {
        let mut any = false;
        for slot in &mut self.slots {
            if let Slot::Freeing(holder) = *slot
                && holder.job_id == job_id
                && nothing_runs(holder.allocation_id)
            {
                *slot = Slot::Free;
                any = true;
            }
        }
        self.version += u64::from(any);
        any
    }

    pub(super) fn holds(&self, job_id: JobId, allocation_id: AllocationId) -> bool {
        self.slots.contains(&Slot::Allocated(SlotHolder { allocation_id, job_id }))
    }

    /// The job's allocations that stay.
    pub(super) fn held_by(&self, job_id: JobId) -> impl Iterator<Item = AllocationId> {
        self.slots.iter().filter_map(move |slot| match slot {
            Slot::Allocated(holder) if holder.job_id == job_id => Some(holder.allocation_id),
            _ => None,
        })
    }

    /// The job's allocations that are being freed.
    pub(super) fn freeing_of(&self, job_id: JobId) -> impl Iterator<Item = AllocationId> {
        self.slots.iter().filter_map(move |slot| match slot {
            Slot::Freeing(holder) if holder.job_id == job_id => Some(holder.allocation_id),
            _ => None,
        })
    }
}
