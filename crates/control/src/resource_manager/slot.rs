//! Life of a slot, as the ResourceManager sees it.

use crate::protocol::SlotHolder;

/// State of a slot.
///
/// ```text
/// Free → Pending → Allocated → Freeing → Free
///           │                     ↑
///           └→ Abandoned ─────────┘     (the job went away before the TaskManager had answered)
/// ```
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
