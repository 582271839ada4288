//! Records that a barrier has overtaken: on their way when a checkpoint was taken, they are part of it.

use flott_core::{ChannelId, EdgeIndex, SubtaskIndex};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// What was on its way to and from a subtask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelCapture {
    /// What it had received and not processed.
    pub inputs: Vec<CapturedChannel>,
    /// What it had emitted and not sent.
    pub outputs: Vec<CapturedChannel>,
}

/// What was on its way in one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedChannel {
    /// The edge whose records the channel carries.
    pub edge: EdgeIndex,
    /// The producing subtask.
    pub producer: SubtaskIndex,
    /// The consuming subtask.
    pub consumer: SubtaskIndex,
    /// Encoded buffers, in order.
    pub buffers: Vec<ByteBuf>,
}

impl ChannelCapture {
    /// Whether nothing was on its way.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.outputs.is_empty()
    }

    /// Size of the encoded records in bytes.
    pub fn size(&self) -> u64 {
        self.inputs.iter().chain(&self.outputs).map(CapturedChannel::size).sum()
    }

    /// Adds what was captured elsewhere, in other channels.
    pub fn extend(&mut self, other: Self) {
        self.inputs.extend(other.inputs);
        self.outputs.extend(other.outputs);
    }
}

impl CapturedChannel {
    pub(crate) fn new(channel: ChannelId, buffers: Vec<ByteBuf>) -> Self {
        let ChannelId { edge, producer, consumer, attempt: _ } = channel;
        Self { edge, producer, consumer, buffers }
    }

    /// Whether it belongs to this channel, whatever the attempt.
    pub fn is_of(&self, channel: ChannelId) -> bool {
        (self.edge, self.producer, self.consumer) == (channel.edge, channel.producer, channel.consumer)
    }

    /// Size of the encoded records in bytes.
    pub fn size(&self) -> u64 {
        self.buffers.iter().map(|buffer| buffer.len() as u64).sum()
    }
}
