//! Life of a slot, as the ResourceManager sees it.

use flott_core::AllocationId;

use crate::protocol::SlotHolder;

/// State of a slot.
///
/// ```text
/// Free → Pending → Allocated → Freeing → Free
///           │                     ↑
///           └→ Abandoned ─────────┘     (the job went away before the TaskManager had answered)
/// ```
/// A slot that its TaskManager reports as held although it was free here goes to `Freeing` too, unless it is that of a job
/// that an earlier leader has run and that goes on: then it is `Allocated`. A slot is `Free` only
/// when its TaskManager has said that nothing runs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// Nobody's.
    Free,
    /// The TaskManager was asked to give it to a job.
    Pending(SlotHolder),
    /// As `Pending`, but the job does not want it any more: it is freed as soon as the TaskManager has answered.
    Abandoned(SlotHolder),
    /// The job's.
    Allocated(SlotHolder),
    /// The TaskManager was asked to take it back; something of the holder may still run in it.
    Freeing(SlotHolder),
}

impl SlotState {
    /// Who holds it, or will, or did.
    pub const fn holder(&self) -> Option<SlotHolder> {
        match self {
            Self::Free => None,
            Self::Pending(holder)
            | Self::Abandoned(holder)
            | Self::Allocated(holder)
            | Self::Freeing(holder) => Some(*holder),
        }
    }

    pub(super) fn is_of(&self, allocation: AllocationId) -> bool {
        self.holder().is_some_and(|holder| holder.allocation_id == allocation)
    }
}
