use std::sync::Arc;

use flott_core::checkpoint::Barrier;

use crate::{Batch, Mark};

/// What a gate delivers.
#[derive(Debug, PartialEq, Eq)]
pub enum GateItem<T> {
    /// Records, with the channel to give back to [`InputGate::recycle`](crate::InputGate::recycle).
    Batch {
        /// Position of the channel in the gate.
        channel: u32,
        /// The records.
        records: Batch<T>,
        /// How many bytes they took on the wire; 0 if they were not sent over one.
        bytes: usize,
    },
    /// What stood behind the records before it.
    Mark {
        /// Position of the channel in the gate.
        channel: u32,
        /// The mark.
        mark: Mark,
    },
    /// The barrier of a checkpoint. All that the channel has delivered belongs to it, and nothing that it delivers from now
    /// on; unless the barrier is unaligned and has overtaken what [`InputGate::begin_capture`](crate::InputGate::begin_capture) is to keep.
    Barrier {
        /// Position of the channel in the gate.
        channel: u32,
        /// The barrier.
        barrier: Arc<Barrier>,
    },
    /// A barrier has come that waits for its turn, but not for longer than its timeout.
    Announcement {
        /// The barrier, which will be delivered in its turn.
        barrier: Arc<Barrier>,
    },
    /// A channel has ended.
    ChannelEnded {
        /// Its position in the gate.
        channel: u32,
    },
    /// Nothing is waiting; the gate's signal will be given when there is.
    Empty,
    /// All channels have ended.
    Ended,
}

/// What a gate delivers in front of its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrgentItem {
    /// As [`GateItem::Barrier`], with an unaligned barrier.
    Barrier {
        /// Position of the channel in the gate.
        channel: u32,
        /// The barrier.
        barrier: Arc<Barrier>,
    },
    /// As [`GateItem::Announcement`].
    Announcement {
        /// The barrier.
        barrier: Arc<Barrier>,
    },
}
