//! The producing end of a channel.

use std::sync::Arc;

use flott_core::{ChannelId, checkpoint::Barrier};
use serde_bytes::ByteBuf;

use crate::{
    BATCH_BYTES, Buffer, CapturedChannel, Error, Record, codec,
    connection::Outgoing,
    credit::{Credit, CreditUsage},
    frame::{self, FrameKind, HEADER_LEN, MAX_PAYLOAD},
    gate::Queued,
    plane::{LocalEnd, Routes},
};

/// Room that the largest record leaves for its timestamp, marks and a barrier, in bytes.
const RESERVED: usize = 32 << 10;

/// The producer's side of a channel to another process.
pub(crate) struct RemoteSender {
    id: ChannelId,
    credit: Arc<Credit>,
    outgoing: Arc<Outgoing>,
    routes: Arc<Routes>,
    /// Sequence number of the next data frame.
    sequence: u32,
    ended: bool,
}

impl RemoteSender {
    pub(crate) fn new(
        id: ChannelId,
        credit: Arc<Credit>,
        outgoing: Arc<Outgoing>,
        routes: Arc<Routes>,
    ) -> Self {
        Self { id, credit, outgoing, routes, sequence: 0, ended: false }
    }
}

impl Drop for RemoteSender {
    fn drop(&mut self) {
        self.routes.producer_left(self.id);
        // What a finished producer has sent is still to be received; that of others is of no use to anyone.
        if !self.ended {
            self.outgoing.forget(self.id);
        }
    }
}

enum Way<T> {
    Local(LocalEnd<T>),
    Remote(RemoteSender),
}

/// Sends batches to one consuming subtask.
pub struct ChannelSender<T> {
    id: ChannelId,
    way: Way<T>,
    /// Bytes that were sent so far: over the wire, or of what was handed on as it is.
    bytes_sent: u64,
}

impl<T: Record> ChannelSender<T> {
    pub(crate) fn local(id: ChannelId, channel: LocalEnd<T>) -> Self {
        Self { id, way: Way::Local(channel), bytes_sent: 0 }
    }

    pub(crate) fn remote(id: ChannelId, sender: RemoteSender) -> Self {
        Self { id, way: Way::Remote(sender), bytes_sent: 0 }
    }

    /// The channel.
    pub fn id(&self) -> ChannelId {
        self.id
    }

    /// Shows how many of the channel's credits are in use.
    pub fn credit_usage(&self) -> CreditUsage {
        match &self.way {
            Way::Local(local) => CreditUsage::of_producer(local.credit.clone()),
            Way::Remote(remote) => CreditUsage::of_producer(remote.credit.clone()),
        }
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
                self.bytes_sent += buffer.size() as u64;
                let full = std::mem::replace(buffer, channel.take_spare().unwrap_or_default());
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
            Way::Local(channel) => channel.has_gate(),
            Way::Remote(sender) => sender.sequence > 0 || sender.credit.is_available(),
        }
    }

    /// Sends a barrier that needs no credit and does not wait for its turn at the consumer: it overtakes all batches that
    /// the consumer has not processed. Returns `false` if the consumer is not there yet; the producer's signal is given when
    /// it comes.
    ///
    /// # Errors
    /// If the channel is broken.
    pub fn try_send_barrier(&mut self, barrier: &Arc<Barrier>) -> Result<bool, Error> {
        self.check_alive()?;
        if !self.is_connected() {
            return Ok(false);
        }
        match &mut self.way {
            Way::Local(channel) => channel.push(Queued::Barrier(barrier.clone())),
            Way::Remote(sender) => {
                let failed = |reason: String| Error::Encode { channel: self.id, reason: reason.into() };
                let payload = postcard::to_stdvec(&**barrier).map_err(|error| failed(error.to_string()))?;
                if payload.len() > MAX_PAYLOAD {
                    return Err(failed(format!("a barrier of {} bytes is too long", payload.len())));
                }
                let frame = frame::barrier(self.id, sender.sequence, &payload);
                sender.outgoing.send(self.id, vec![frame]);
            }
        }
        Ok(true)
    }

    /// Tells the consumer that everything was sent. Returns `false` if the consumer is not there yet; the producer's
    /// signal is given when it comes.
    ///
    /// # Errors
    /// If the channel is broken.
    pub fn try_end(&mut self) -> Result<bool, Error> {
        self.check_alive()?;
        if !self.is_connected() {
            return Ok(false);
        }
        match &mut self.way {
            Way::Local(channel) => channel.push(Queued::End),
            Way::Remote(sender) => {
                let end = frame::control(self.id, FrameKind::EndOfPartition, sender.sequence);
                sender.outgoing.send(self.id, vec![end]);
                sender.ended = true;
            }
        }
        Ok(true)
    }

    fn check_alive(&self) -> Result<(), Error> {
        match &self.way {
            Way::Remote(sender) => sender.credit.failure().map_or(Ok(()), Err),
            Way::Local(_) => Ok(()),
        }
    }

    /// A copy of buffers that were not sent yet, without their barriers.
    ///
    /// # Errors
    /// If a record can't be serialized.
    pub fn capture<'a>(
        &self,
        buffers: impl IntoIterator<Item = &'a Buffer<T>>,
    ) -> Result<CapturedChannel, Error> {
        let mut captured = Vec::new();
        for buffer in buffers {
            let mut bytes = codec::encode(buffer, self.id, Vec::new())?;
            codec::take_barrier(&mut bytes);
            codec::drop_latency_markers(&mut bytes);
            if !codec::is_empty(&bytes) {
                captured.push(bytes.into());
            }
        }
        Ok(CapturedChannel::new(self.id, captured))
    }

    /// The buffers of which an earlier attempt has made this copy.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn restore(&self, captured: &[ByteBuf]) -> Result<Vec<Buffer<T>>, Error> {
        let decode = |bytes: &ByteBuf| {
            let mut buffer = Buffer::default();
            codec::decode(bytes, self.id, &mut buffer)?;
            if std::mem::needs_drop::<T>() {
                buffer.measured = bytes.len();
            }
            Ok(buffer)
        };
        captured.iter().map(decode).collect()
    }

    /// Bytes that were sent so far: to another process as they stood on the wire, within this one as they stand in memory.
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
