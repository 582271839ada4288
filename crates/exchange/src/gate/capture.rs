//! Keeps copies of what a barrier overtakes in a gate.

use flott_core::{ChannelId, CheckpointId};
use serde_bytes::ByteBuf;

use super::queue::Queued;
use crate::{Buffer, CapturedChannel, Error, Record, codec};

/// What is kept of the records before one barrier.
pub(super) struct Capture {
    id: CheckpointId,
    channels: Vec<Captured>,
    /// Channels whose barrier has not come.
    pending: usize,
}

struct Captured {
    id: ChannelId,
    pending: bool,
    buffers: Vec<ByteBuf>,
}

impl Capture {
    /// Of what comes before barrier `id` in the channels that are `pending`.
    pub(super) fn new(id: CheckpointId, channels: impl Iterator<Item = (ChannelId, bool)>) -> Self {
        let channels: Vec<_> =
            channels.map(|(id, pending)| Captured { id, pending, buffers: Vec::new() }).collect();
        let pending = channels.iter().filter(|channel| channel.pending).count();
        Self { id, channels, pending }
    }

    /// Whether all barriers have come.
    pub(super) fn is_complete(&self) -> bool {
        self.pending == 0
    }

    /// What was kept.
    pub(super) fn finish(self) -> Vec<CapturedChannel> {
        let kept = self.channels.into_iter().filter(|channel| !channel.buffers.is_empty());
        kept.map(|channel| CapturedChannel::new(channel.id, channel.buffers)).collect()
    }

    /// Looks at the next entry of a channel.
    pub(super) fn entry<T: Record>(&mut self, channel: u32, entry: &Queued<T>) -> Result<(), Error> {
        if !self.channels[channel as usize].pending {
            return Ok(());
        }
        match entry {
            Queued::Buffer(buffer) => self.buffer(channel, buffer)?,
            Queued::Encoded(frames) => self.encoded(channel, frames.concat()),
            Queued::Restored(bytes) => self.encoded(channel, bytes.clone()),
            Queued::Barrier(barrier) => self.barrier(channel, barrier.id),
            Queued::End => self.arrived(channel),
            Queued::Failed(_) => {}
        }
        Ok(())
    }

    /// Looks at a buffer, or at what is left of one.
    pub(super) fn buffer<T: Record>(&mut self, channel: u32, buffer: &Buffer<T>) -> Result<(), Error> {
        let captured = &mut self.channels[channel as usize];
        if captured.pending {
            let bytes = codec::encode(buffer, captured.id, Vec::new())?;
            self.encoded(channel, bytes);
        }
        Ok(())
    }

    fn encoded(&mut self, channel: u32, mut bytes: Vec<u8>) {
        // The barrier was for this run of the job only.
        let barrier = codec::take_barrier(&mut bytes);
        codec::drop_latency_markers(&mut bytes);
        if !codec::is_empty(&bytes) {
            self.channels[channel as usize].buffers.push(bytes.into());
        }
        if let Some(barrier) = barrier {
            self.barrier(channel, barrier.id);
        }
    }

    fn barrier(&mut self, channel: u32, id: CheckpointId) {
        if id >= self.id {
            self.arrived(channel);
        }
    }

    fn arrived(&mut self, channel: u32) {
        if std::mem::replace(&mut self.channels[channel as usize].pending, false) {
            self.pending -= 1;
        }
    }
}
