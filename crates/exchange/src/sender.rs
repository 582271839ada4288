//! The producing end of a channel.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flott_core::ChannelId;

use crate::{
    BATCH_BYTES, Buffer, CREDITS_PER_CHANNEL, Error, Record, codec,
    connection::Outgoing,
    credit::Credit,
    frame::{self, FrameKind, HEADER_LEN},
    gate::{GateQueue, Queued},
};

/// Room that the largest record leaves for its timestamp and for marks, in bytes.
const RESERVED: usize = 32 << 10;

/// A channel within this process. Both ends share it; it is created by whichever comes first.
pub(crate) struct LocalChannel<T> {
    pub(crate) credit: Credit,
    gate: OnceLock<(Arc<GateQueue<T>>, u32)>,
    /// Emptied buffers on their way back to the producer.
    spare: Mutex<Vec<Buffer<T>>>,
}

impl<T> Default for LocalChannel<T> {
    fn default() -> Self {
        Self { credit: Credit::default(), gate: OnceLock::new(), spare: Mutex::default() }
    }
}

impl<T> LocalChannel<T> {
    /// Connects the consumer and grants the first credits.
    pub(crate) fn attach_gate(&self, gate: Arc<GateQueue<T>>, position: u32) {
        if self.gate.set((gate, position)).is_ok() {
            self.grant(CREDITS_PER_CHANNEL);
        }
    }

    /// Takes back a processed buffer and its credit.
    pub(crate) fn take_back(&self, buffer: Buffer<T>) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        self.grant(1);
    }

    fn grant(&self, count: u32) {
        let within_bounds = self.credit.grant(count);
        debug_assert!(within_bounds, "credits that were spent come back once");
    }

    fn push(&self, entry: Queued<T>) {
        let (gate, position) = self.gate.get().expect("only a connected gate grants credits");
        gate.push(*position, entry);
    }
}

pub(crate) struct RemoteSender {
    pub(crate) credit: Arc<Credit>,
    pub(crate) outgoing: Arc<Outgoing>,
    /// Sequence number of the next data frame.
    pub(crate) sequence: u32,
}

enum Way<T> {
    Local(Arc<LocalChannel<T>>),
    Remote(RemoteSender),
}

/// Sends batches to one consuming subtask.
pub struct ChannelSender<T> {
    id: ChannelId,
    way: Way<T>,
    /// Bytes that were sent over the wire so far.
    bytes_sent: u64,
}

impl<T: Record> ChannelSender<T> {
    pub(crate) fn local(id: ChannelId, channel: Arc<LocalChannel<T>>) -> Self {
        Self { id, way: Way::Local(channel), bytes_sent: 0 }
    }

    pub(crate) fn remote(id: ChannelId, sender: RemoteSender) -> Self {
        Self { id, way: Way::Remote(sender), bytes_sent: 0 }
    }

    /// Sends the buffer if there is credit, leaving an empty one that is good for the next records. Returns whether it
    /// did.
    ///
    /// # Errors
    /// If the channel is broken or a record can't be serialized.
    pub fn try_send(&mut self, buffer: &mut Buffer<T>) -> Result<bool, Error> {
        let credit = match &self.way {
            Way::Local(channel) => &channel.credit,
            Way::Remote(sender) => &*sender.credit,
        };
        if !credit.try_take() {
            return credit.failure().map_or(Ok(false), Err);
        }
        match &mut self.way {
            Way::Local(channel) => {
                let spare = channel.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let full = std::mem::replace(buffer, spare.unwrap_or_default());
                channel.push(Queued::Buffer(full));
            }
            Way::Remote(sender) => {
                let mut message = Vec::with_capacity(HEADER_LEN + BATCH_BYTES / 4);
                message.resize(HEADER_LEN, 0);
                let message = codec::encode(buffer, self.id, message)?;
                self.bytes_sent += message.len() as u64;
                buffer.clear();
                sender.outgoing.send(self.id, frame::data(self.id, message, &mut sender.sequence));
            }
        }
        Ok(true)
    }

    /// Whether the consumer is known to be there: before that nothing may be sent, not even the end, since nobody would
    /// know whom it is for.
    fn is_connected(&self) -> bool {
        match &self.way {
            Way::Local(channel) => channel.gate.get().is_some(),
            Way::Remote(sender) => sender.sequence > 0 || sender.credit.is_available(),
        }
    }

    /// Tells the consumer that everything was sent. Returns `false` if the consumer is not there yet; the producer's
    /// signal is given when it comes.
    ///
    /// # Errors
    /// If the channel is broken.
    pub fn try_end(&mut self) -> Result<bool, Error> {
        if let Way::Remote(sender) = &self.way
            && let Some(error) = sender.credit.failure()
        {
            return Err(error);
        }
        if !self.is_connected() {
            return Ok(false);
        }
        match &mut self.way {
            Way::Local(channel) => channel.push(Queued::End),
            Way::Remote(sender) => {
                let end = frame::control(self.id, FrameKind::EndOfPartition, sender.sequence);
                sender.outgoing.send(self.id, vec![end]);
            }
        }
        Ok(true)
    }

    /// Bytes that were sent to another process so far.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    /// Size of a record in bytes: what it takes on the wire, and no less than it takes in place.
    #[inline]
    pub fn record_size(record: &T) -> usize {
        codec::encoded_size(record).max(size_of::<T>())
    }

    /// Refuses records that are too large for the wire, also where they would not cross it: whether a job runs should not
    /// depend on where its subtasks are.
    ///
    /// # Errors
    /// If a batch of this one record would exceed [`MAX_BATCH_BYTES`](crate::MAX_BATCH_BYTES).
    pub fn check_size(&self, size: usize) -> Result<(), Error> {
        if size <= crate::MAX_BATCH_BYTES - codec::HEADER_LEN - RESERVED {
            return Ok(());
        }
        Err(Error::TooLarge { channel: self.id, size })
    }
}
