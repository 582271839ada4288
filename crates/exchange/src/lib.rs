//! The data plane: how batches of records get from one subtask to another.
//!
//! A producing subtask holds a [`ChannelSender`] for each consuming subtask, a consuming one an [`InputGate`] over all
//! its producers. Within a process a batch moves by ownership through the gate's queue; between processes it is
//! encoded, framed and sent over the one TCP connection of the two task hosts. In both cases the producer spends a
//! **credit** per batch, and the consumer gives it back once it has processed the batch (Kung, Blackwell & Chapman,
//! SIGCOMM 1994): so a slow consumer stops its producers, and memory is bounded by credits times batch size.
//!
//! Credits are granted by the consumer when its gate exists, hence producers and consumers may be deployed in any
//! order. A channel ends only by its end-of-partition element; whatever else ends it is a failure of both ends.
//!
//! A failed region of the job restarts with a higher attempt number, in the same processes and over the same connections.
//! A channel belongs to one attempt: what an earlier one has sent is never taken for this one's.
//!
//! The barriers of checkpoints travel behind the records that belong to them. An unaligned one overtakes: it needs no credit
//! and is delivered in front of what waits, of which copies become part of the checkpoint ([`ChannelCapture`]).

mod batch;
mod buffer;
mod capture;
mod codec;
mod connection;
mod credit;
mod error;
mod frame;
mod gate;
mod handshake;
mod plane;
mod sender;

pub use batch::{Batch, LatencyMarker, Mark};
pub use buffer::Buffer;
pub use capture::{CapturedChannel, ChannelCapture};
pub use codec::Record;
pub use credit::CreditUsage;
pub use error::Error;
pub use gate::{Delivered, GateItem, InputGate, UrgentItem};
pub use plane::{ChannelPeer, DataPlane};
pub use sender::ChannelSender;

/// Most records in a batch.
pub const BATCH_RECORDS: usize = 1024;

/// Size in bytes that a batch should not exceed, so that credits bound memory. A single larger record is a batch of
/// its own.
pub const BATCH_BYTES: usize = flott_core::metrics::SEGMENT_BYTES as usize;

/// Batches that may be underway or waiting in one channel.
pub const CREDITS_PER_CHANNEL: u32 = 8;

/// Largest encoded batch that is accepted, in bytes. As a batch of several records is bounded by [`BATCH_BYTES`],
/// this bounds a single record.
pub const MAX_BATCH_BYTES: usize = 64 << 20;
